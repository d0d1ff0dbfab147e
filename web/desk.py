"""A work item on somebody's desk: the item, its parcel and page, its form filled with what is known, and its completion."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from engine.errors import DefinitionError
from engine.forms.answers import Answers
from engine.forms.form import Form
from engine.worklist import check_in_reach
from storage.access import Level, Rights
from storage.audit import parcel_chain
from storage.beside import Beside, Reading
from storage.database import Transaction
from storage.drafts import WorkDraft
from storage.errors import NotFound
from storage.parcels import BY_PERSON, IndexField
from storage.people import Actor
from storage.views import ParcelView
from storage.work import WorkItem
from storage.worklist import ItemInHand
from web.context import system
from web.forms import Filling, checked
from web.sheets import crops
from web.sight import parcel_behind

_ALWAYS_SHOWN = frozenset({"order_number", "parcel_number"})


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person needs to do a work item."""

    item: WorkItem
    hand: ItemInHand
    view: ParcelView | None
    form: Form | None
    filling: Filling
    draft: WorkDraft | None
    holder: str

    @property
    def is_open(self) -> bool:
        """Tell whether the item still waits."""
        return self.hand.is_open


@dataclass(frozen=True, slots=True)
class Accepted:
    """Answers that the form of a work item has accepted."""

    form: Form | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


Accept = Callable[[Transaction, ItemInHand], Accepted]
Also = Callable[[Transaction, Beside], None]


def desk(tx: Transaction, actor: Actor, item_id: int) -> Desk:
    """Lay a work item on the desk of somebody to whom it is offered or given; raises `NotFound` for anybody else."""
    hand = tx.work.in_hand(item_id, actor)
    check_in_reach(tx, hand, actor)
    item = tx.work.one(item_id)
    view = parcel_behind(tx, actor, item.parcel_id)
    holders = tx.people.names([one for one in (item.completed_by_id, item.assignee_id) if one is not None])
    holder = holders.get(item.completed_by_id or item.assignee_id or 0, "")
    if not hand.is_open or hand.is_resting:
        return Desk(item, hand, view, None, Filling(), None, holder)
    form = form_in_hand(tx, hand)
    draft = tx.drafts.of(item_id, actor.user_id)
    filling = _filling(tx, hand, view)
    if draft is not None:
        filling = replace(filling, typed=draft.answers)
    return Desk(item, hand, view, form, filling, draft, holder)


def form_in_hand(tx: Transaction, hand: ItemInHand) -> Form | None:
    """Give the form of a work item, if it has one; raises `NotFound` when it is missing in its deployment."""
    return None if hand.form is None else system().forms.of(tx, hand.instance.deployment_id, hand.form)


def deployed_form(tx: Transaction, process_key: str, key: str) -> Form | None:
    """Give the form of this name in the version of a process that is in force, or None."""
    try:
        return system().forms.of(tx, tx.deployments.latest(process_key).deployment_id, key)
    except (NotFound, DefinitionError):
        return None


def complete(item_id: int, actor: Actor, accept: Accept, also: Also) -> None:
    """Complete an item in one transaction: its answers are checked, it moves, and what belongs to it is kept; `also` the last.

    Raises `NotFound` for anybody to whom the item is neither offered nor given.
    """
    taken: list[tuple[ItemInHand, Accepted]] = []

    def answers(tx: Transaction, hand: ItemInHand) -> Mapping[str, Any]:
        check_in_reach(tx, hand, actor)
        taken[:] = [(hand, accept(tx, hand))]
        return taken[0][1].values

    def hand_in(tx: Transaction) -> None:
        [(hand, accepted)] = taken
        beside = tx.work.beside(hand)
        _hand_in(tx, hand, beside, actor, accepted)
        also(tx, beside)

    system().engine.complete(item_id, actor, answers, also=hand_in)


def _hand_in(tx: Transaction, hand: ItemInHand, beside: Beside, actor: Actor, accepted: Accepted) -> None:
    """Do what belongs to completing an item beside its process: drop the drafts, keep what was confirmed of the index fields."""
    if beside.has_drafts:
        tx.drafts.drop(hand.id)
    if beside.parcel_id is None or accepted.form is None or beside.sealed_at is not None:
        return
    confirmed = list(_confirmations(tx, accepted, hand, beside, actor))
    if not confirmed:
        return
    changes = {field.name: field.value for field in confirmed if field.origin == BY_PERSON}
    tx.parcels.put_fields(beside.parcel_id, confirmed)
    tx.search.index_data(beside.parcel_id)
    details, chain = {"fields": changes}, parcel_chain(beside.parcel_id)
    tx.audit.record(chain, actor.login, "fields_confirmed", beside.parcel_number or "", details)


def _confirmations(
    tx: Transaction, accepted: Accepted, hand: ItemInHand, beside: Beside, actor: Actor
) -> Iterator[IndexField]:
    form, rights = accepted.form, hand.rights
    if form is None or rights is None or beside.parcel_id is None or not beside.readings:
        return
    asked = {one.key for one in form.fields if one.readonly is not True}
    for reading in beside.readings:
        value = accepted.values.get(reading.name)
        if reading.name in asked and value is not None and rights.field(reading.name) is Level.WRITE:
            yield _confirmed(tx, beside.parcel_id, reading, _text(value), actor)


def _confirmed(tx: Transaction, parcel_id: int, reading: Reading, value: str, actor: Actor) -> IndexField:
    is_same = reading.value == value
    return IndexField(
        parcel_id=parcel_id,
        document_id=reading.document_id,
        name=reading.name,
        value=value,
        confidence=1.0,
        origin=reading.origin if is_same else BY_PERSON,
        page=reading.page,
        box=reading.box,
        reason=reading.reason,
        confirmed_by_id=actor.user_id,
        confirmed_at=tx.now,
    )


def _filling(tx: Transaction, hand: ItemInHand, view: ParcelView | None) -> Filling:
    known = _known(tx, hand, view.rights if view else None)
    if view is None:
        return known
    return replace(known, readings={field.name: field for field in view.fields}, crops=crops(tx, view.fields))


def checked_in_hand(tx: Transaction, hand: ItemInHand, form: Form, typed: Mapping[str, Any]) -> Answers:
    """Check what was typed for an item, beside those of its variables that the person may see, if the form asks for any."""
    filling = _known(tx, hand, hand.rights) if form.looks_at_variables else Filling(zone=system().zone)
    return checked(form, typed, filling, tx.now)


def _known(tx: Transaction, hand: ItemInHand, rights: Rights | None) -> Filling:
    variables = system().engine.variables_of_item(tx, hand)
    if rights is None:
        return Filling(variables=variables, zone=system().zone)
    hidden = {name for name in variables if not rights.reads_field(name)} - _ALWAYS_SHOWN
    seen = {name: value for name, value in variables.items() if name not in hidden}
    return Filling(variables=seen, unreadable=frozenset(hidden), zone=system().zone)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
