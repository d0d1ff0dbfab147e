"""A work item on somebody's desk: the item, its parcel and page, its form filled with what is known, and its completion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

from engine.errors import DefinitionError
from engine.forms import Form, read_form
from storage.access import Level
from storage.audit import parcel_chain
from storage.database import Transaction
from storage.drafts import WorkDraft
from storage.errors import NotFound
from storage.parcels import BY_PERSON, IndexField
from storage.people import Actor
from storage.views import ParcelView
from storage.work import WorkItem
from storage.worklist import ItemInHand
from web.context import system
from web.forms import Filling
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


def in_reach(tx: Transaction, actor: Actor, item_id: int) -> ItemInHand:
    """Take up a work item for somebody to whom it is offered or given; raises `NotFound` for anybody else."""
    hand = tx.work.in_hand(item_id, actor)
    is_theirs = hand.assignee_id in actor.user_ids or hand.completed_by_id == actor.user_id
    if not is_theirs and not hand.is_for_everybody and not tx.work.is_candidate(hand, actor):
        raise NotFound("There is no such work item; look for it in the worklist.")
    return hand


def desk(tx: Transaction, actor: Actor, item_id: int) -> Desk:
    """Lay a work item on the desk of somebody to whom it is offered or given; raises `NotFound` for anybody else."""
    hand = in_reach(tx, actor, item_id)
    item = tx.work.one(item_id)
    view = parcel_behind(tx, actor, item.parcel_id)
    holders = tx.people.names([one for one in (item.completed_by_id, item.assignee_id) if one is not None])
    holder = holders.get(item.completed_by_id or item.assignee_id or 0, "")
    if not hand.is_open or hand.is_resting:
        return Desk(item, hand, view, None, Filling(), None, holder)
    form = form_of(tx, hand.instance.deployment_id, item.form)
    draft = tx.drafts.of(item_id, actor.user_id)
    filling = _filling(tx, item_id, view)
    if draft is not None:
        filling = replace(filling, typed=draft.answers)
    return Desk(item, hand, view, form, filling, draft, holder)


def form_of(tx: Transaction, deployment_id: int, key: str | None) -> Form | None:
    """Give the form of this name in a deployment; raises `NotFound` when it is missing there."""
    if key is None:
        return None
    path, data = form_file(tx, deployment_id, key)
    return read_form(data, path)


def form_file(tx: Transaction, deployment_id: int, key: str) -> tuple[str, bytes]:
    """Give path and content of the form of this name in a deployment; raises `NotFound` when it is missing there."""
    for path, data in tx.deployments.files(deployment_id).items():
        name = PurePosixPath(path)
        if name.suffix == ".form" and name.stem == key:
            return path, data
    raise NotFound(f"The form {key} is missing in this version of the process; tell its owner.")


def deployed_form(tx: Transaction, process_key: str, key: str) -> Form | None:
    """Give the form of this name in the version of a process that is in force, or None."""
    try:
        return form_of(tx, tx.deployments.latest(process_key).deployment_id, key)
    except (NotFound, DefinitionError):
        return None


def hand_in(tx: Transaction, desk: Desk, actor: Actor, values: Mapping[str, Any]) -> None:
    """Do what belongs to completing an item beside its process: keep what was confirmed of the index fields, drop the draft."""
    tx.drafts.drop(desk.item.id)
    if desk.view is None or desk.form is None or tx.parcels.one(desk.view.id).sealed_at is not None:
        return
    confirmed = list(_confirmations(tx, desk.form, desk.view, actor, values))
    if not confirmed:
        return
    changes = {field.name: field.value for field in confirmed if field.origin == BY_PERSON}
    tx.parcels.put_fields(desk.view.id, confirmed)
    tx.search.index_data(desk.view.id)
    tx.audit.record(parcel_chain(desk.view.id), actor.login, "fields_confirmed", desk.view.number, {"fields": changes})


def _confirmations(
    tx: Transaction, form: Form, view: ParcelView, actor: Actor, values: Mapping[str, Any]
) -> Iterator[IndexField]:
    asked = {one.key for one in form.fields if one.readonly is not True}
    for field in tx.parcels.fields(view.id):
        value = values.get(field.name)
        if field.name in asked and value is not None and view.rights.field(field.name) is Level.WRITE:
            yield _confirmed(tx, field, _text(value), actor)


def _confirmed(tx: Transaction, field: IndexField, value: str, actor: Actor) -> IndexField:
    is_same = field.value == value
    return IndexField(
        parcel_id=field.parcel_id,
        document_id=field.document_id,
        name=field.name,
        value=value,
        confidence=1.0,
        origin=field.origin if is_same else BY_PERSON,
        page=field.page,
        box=field.box,
        reason=field.reason,
        confirmed_by_id=actor.user_id,
        confirmed_at=tx.now,
    )


def _filling(tx: Transaction, item_id: int, view: ParcelView | None) -> Filling:
    variables = system().engine.variables_at(item_id, tx)
    if view is None:
        return Filling(variables=variables, zone=system().zone)
    hidden = {name for name in variables if not view.rights.reads_field(name)} - _ALWAYS_SHOWN
    return Filling(
        variables={name: value for name, value in variables.items() if name not in hidden},
        readings={field.name: field for field in view.fields},
        crops=crops(tx, view.fields),
        unreadable=frozenset(hidden),
        zone=system().zone,
    )


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
