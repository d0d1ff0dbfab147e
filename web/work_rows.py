"""Rows of a worklist: each work item with what its parcel shows the person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Transaction
from storage.people import Actor
from storage.search import Filter
from storage.views import ParcelView
from storage.work import WorkItem
from storage.worklist import Place
from web.words import label

_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A work item as a list shows it."""

    id: int
    number: str
    about: str
    name: str
    hint: str
    due_at: datetime | None
    priority: int
    group: str | None
    who: str
    is_mine: bool


def work_rows(tx: Transaction, actor: Actor, items: Sequence[WorkItem]) -> list[WorkRow]:
    """Give rows for these items, in their order."""
    numbers = tuple({item.parcel_id for item in items if item.parcel_id is not None})
    views: Mapping[int, ParcelView] = {}
    if numbers:
        listing = tx.search.parcels(actor, Filter(parcel_ids=numbers), limit=len(numbers))
        views = {view.id: view for view in listing.parcels}
    names = tx.people.names([item.assignee_id for item in items if item.assignee_id is not None])
    return [_row(item, views.get(item.parcel_id or 0), names, actor) for item in items]


def about(view: ParcelView) -> str:
    """Say in a line what a parcel is: customer, product, run length; or who sent what."""
    values = view.values
    run = f"{values['run_length']:,}" if isinstance(values.get("run_length"), int) else values.get("run_length")
    what = ", ".join(str(part) for part in (values.get("product"), values.get("format"), run) if part)
    parts = [str(part) for part in (values.get("customer"), what) if part]
    if not parts:
        parts = [str(part) for part in (values.get("sender"), values.get("subject")) if part]
    return " · ".join(parts) or f"by {label(view.channel)}"


def place_text(item: WorkItem) -> str:
    """Write where a page of the list ends, for an address."""
    return f"{item.due_order.isoformat()}{_BETWEEN}{item.id}"


def read_place(text: str | None) -> Place | None:
    """Read where the next page begins; None for the first page, and for what is not a place."""
    due, _, number = (text or "").partition(_BETWEEN)
    try:
        return Place(datetime.fromisoformat(due), int(number))
    except ValueError:
        return None


def _row(item: WorkItem, view: ParcelView | None, names: Mapping[int, str], actor: Actor) -> WorkRow:
    is_mine = item.assignee_id == actor.user_id
    return WorkRow(
        id=item.id,
        number=(view.order_number or view.number) if view else f"{label(item.process_key)} {item.id}",
        about=about(view) if view else "",
        name=item.name,
        hint="" if is_mine or item.assignee_id is None else f"for {names.get(item.assignee_id, 'somebody')}",
        due_at=item.due_at,
        priority=item.priority,
        group=item.candidate_group,
        who="" if item.assignee_id is None else names.get(item.assignee_id, "somebody"),
        is_mine=is_mine,
    )
