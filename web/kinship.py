"""How parcels belong together: possible duplicates, parts of a stack, and the order that a cover sheet names; as far as seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from capture.sheet_codes import ATTACHED, ORDER_NUMBER
from storage.database import Transaction
from storage.errors import NotFound
from storage.people import Actor
from storage.search import Filter
from storage.views import ParcelView


@dataclass(frozen=True, slots=True)
class Kin:
    """The numbers of what a parcel belongs together with; `part` counts from 1 among the parts of the stack `whole`."""

    duplicate_of: str | None = None
    whole: str | None = None
    part: int = 0


def kin_of(tx: Transaction, actor: Actor, views: Sequence[ParcelView]) -> Mapping[int, Kin]:
    """Give for each parcel, by id, what it belongs together with, where the person may see that too."""
    related = {one for view in views for one in (view.duplicate_of_id, view.parent_id) if one is not None}
    if not related:
        return {view.id: Kin() for view in views}
    seen = tx.search.parcels(actor, Filter(parcel_ids=tuple(related)), limit=len(related)).parcels
    numbers = {view.id: view.number for view in seen}
    wholes = {view.parent_id for view in views if view.parent_id in numbers}
    parts = {one: [child.id for child in tx.parcels.children(one)] for one in wholes if one is not None}
    return {view.id: _kin(view, numbers, parts) for view in views}


def order_behind(tx: Transaction, actor: Actor, view: ParcelView) -> str | None:
    """Give the order that the cover sheet of a parcel names, where the person may see both."""
    named = next((one.value for one in view.fields if one.name == ORDER_NUMBER and not one.is_masked), None)
    if named is None:
        return None
    try:
        return tx.search.view_of_order(actor, named).order_number
    except NotFound:
        return None


def is_attached(view: ParcelView) -> bool:
    """Tell whether the documents of a parcel were added to that order."""
    return view.status == ATTACHED


def _kin(view: ParcelView, numbers: Mapping[int, str], parts: Mapping[int, Sequence[int]]) -> Kin:
    duplicate_of = numbers.get(view.duplicate_of_id or 0)
    whole = view.parent_id or 0
    if whole not in parts:
        return Kin(duplicate_of)
    return Kin(duplicate_of, numbers[whole], 1 + parts[whole].index(view.id))
