"""The work items of one transaction: taking one in hand, claiming, releasing, delegating, and the two lists of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, tuple_, union_all, update

from storage.access import REVISION, AccessMatrix, Rights, Scope
from storage.base import Unit
from storage.beside import Beside, beside
from storage.errors import AlreadyTaken, Conflict, NotFound
from storage.instances import LIVE_COLUMNS, LIVE_FROM, LiveInstance, live_instance
from storage.numbering import NumberSeries
from storage.parcels import Parcel
from storage.people import NOBODY, Actor, People
from storage.processes import InstanceState, ProcessInstance
from storage.statements import Fixed
from storage.work import OPEN_WORK, FurtherCandidate, WorkItem, WorkState

PAGE = 50


@dataclass(frozen=True, slots=True)
class ItemInHand:
    """A work item with all that decides whether somebody may take or complete it."""

    id: int
    key: str
    node: str
    name: str
    form: str | None
    state: WorkState
    candidate_group: str | None
    assignee_id: int | None
    outcome_field: str | None
    completed_by_id: int | None
    claimed_at: datetime | None
    completed_at: datetime | None
    rights: Rights | None
    instance: LiveInstance

    @property
    def is_open(self) -> bool:
        """Tell whether the item still waits."""
        return self.state in OPEN_WORK

    @property
    def is_resting(self) -> bool:
        """Tell whether the item's instance was suspended, so that nothing can be done until an operator lets it go on."""
        return self.instance.state is InstanceState.SUSPENDED

    @property
    def is_for_everybody(self) -> bool:
        """Tell whether the item was given neither to a group nor to a person, so that whoever may act on the parcel may do it."""
        return self.candidate_group is None and self.assignee_id is None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended; the next one goes on behind it."""

    due_order: datetime
    item_id: int


_w = WorkItem.__table__.c
_p = Parcel.__table__.c
_REVISION = select(NumberSeries.last).where(NumberSeries.name == REVISION).scalar_subquery().label("revision")
_IN_HAND = Fixed(
    select(
        *LIVE_COLUMNS,
        _w.id,
        _w.key,
        _w.node,
        _w.name,
        _w.form,
        _w.state,
        _w.candidate_group,
        _w.assignee_id,
        _w.outcome_field,
        _w.completed_by_id,
        _w.claimed_at,
        _w.completed_at,
        _p.process_key.label("parcel_process_key"),
        _p.owner_id,
        _p.customer_id,
        _REVISION,
    )
    .select_from(LIVE_FROM.join(WorkItem.__table__, _w.instance_id == ProcessInstance.__table__.c.id))
    .where(_w.id == bindparam("item"))
)
_KEEP_FROM_OTHERS = Fixed(
    select(ProcessInstance.id)
    .where(ProcessInstance.id == select(_w.instance_id).where(_w.id == bindparam("item")).scalar_subquery())
    .with_for_update()
)
_OF_ITEM = slice(len(LIVE_COLUMNS), len(LIVE_COLUMNS) + 12)


class WorkItems:
    """The work items of one transaction."""

    def __init__(self, unit: Unit, people: People, access: AccessMatrix) -> None:
        self._unit = unit
        self._people = people
        self._access = access

    def in_hand(self, item_id: int, actor: Actor) -> ItemInHand:
        """Take up an item with its instance; raises `NotFound` when it does not exist or the person may not see it."""
        if self._unit.takes_turn():
            _KEEP_FROM_OTHERS.first(self._unit.connection, {"item": item_id})
        row = _IN_HAND.first(self._unit.connection, {"item": item_id})
        if row is None:
            raise NotFound("There is no such work item; look for it in the worklist.")
        rights = self._rights(row, actor)
        if rights is not None and not rights.is_visible:
            raise NotFound("There is no such work item; look for it in the worklist.")
        return ItemInHand(*[*row[_OF_ITEM], rights, live_instance(row)])

    def is_candidate(self, item: ItemInHand, actor: Actor) -> bool:
        """Tell whether the item is offered to one of the person's groups."""
        if item.candidate_group in actor.groups:
            return True
        statement = select(FurtherCandidate.candidate_group).where(
            FurtherCandidate.work_item_id == item.id, FurtherCandidate.candidate_group.in_(sorted(actor.groups))
        )
        return self._unit.connection.execute(statement).first() is not None

    def beside(self, item: ItemInHand) -> Beside:
        """Give the parcel of an item with what was read there, and whether somebody has a draft."""
        return beside(self._unit.connection, item.id)

    def taken(self, item: ItemInHand) -> AlreadyTaken | Conflict:
        """Tell, as an error to raise, who took the item and when."""
        person = item.completed_by_id or item.assignee_id
        when = item.completed_at or item.claimed_at
        if person is None or when is None:
            return Conflict("This work item is not wanted any more; choose another one.")
        return AlreadyTaken(self._people.names([person]).get(person, "Somebody"), when)

    def claim(self, item_id: int, user_id: int) -> bool:
        """Assign an item that nobody has; False when somebody has it."""
        values = {"assignee_id": user_id, "state": WorkState.CLAIMED, "claimed_at": self._unit.now}
        return self._change([_w.id == item_id, _w.state == WorkState.READY, _w.assignee_id.is_(None)], values)

    def release(self, item_id: int, user_id: int) -> bool:
        """Give an item back to its groups; False when the person does not have it."""
        values = {"assignee_id": None, "state": WorkState.READY, "claimed_at": None}
        chosen = [_w.id == item_id, _w.state == WorkState.CLAIMED, _w.assignee_id == user_id]
        return self._change([*chosen, _w.candidate_group.is_not(None)], values)

    def give_to_named(self, instance_id: int, key: str, login: str) -> None:
        """Give an item that was for nobody known to the person of that login; raises `Conflict` while there is none."""
        person = self._people.with_login(login)
        if person is None or not person.is_active:
            raise Conflict(f"Nobody signs in as “{login}”; add the person first, or give up.")
        values = {"assignee_id": person.id, "candidate_group": None, "state": WorkState.CLAIMED}
        chosen = [_w.instance_id == instance_id, _w.key == key, _w.candidate_group == NOBODY, _w.state.in_(OPEN_WORK)]
        if not self._change(chosen, values | {"claimed_at": self._unit.now}):
            raise Conflict("This work item is not wanted any more; load the page again.")

    def assign(self, item_id: int, from_id: int | None, to_id: int) -> bool:
        """Hand an item over to another person; False when it was handed over or completed meanwhile."""
        values = {"assignee_id": to_id, "state": WorkState.CLAIMED, "claimed_at": self._unit.now}
        chosen = [_w.id == item_id, _w.state.in_(OPEN_WORK), _w.assignee_id.is_not_distinct_from(from_id)]
        return self._change(chosen, values)

    def one(self, item_id: int) -> WorkItem:
        """Give the item by id, as it is in the database; raises `NotFound`."""
        item = self._unit.session.get(WorkItem, item_id, populate_existing=True)
        if item is None:
            raise NotFound("There is no such work item; look for it in the worklist.")
        return item

    def of_parcel(self, parcel_id: int) -> Sequence[WorkItem]:
        """Give all items of a parcel, oldest first."""
        statement = select(WorkItem).where(WorkItem.parcel_id == parcel_id).order_by(WorkItem.id)
        return self._unit.session.scalars(statement).all()

    def of_instance(self, instance_id: int, *, only_open: bool = False) -> Sequence[WorkItem]:
        """Give the items of an instance, oldest first."""
        statement = select(WorkItem).where(WorkItem.instance_id == instance_id).order_by(WorkItem.id)
        if only_open:
            statement = statement.where(WorkItem.state.in_(OPEN_WORK))
        return self._unit.session.scalars(statement).all()

    def open(self) -> Sequence[WorkItem]:
        """Give all open items, oldest first."""
        return self._unit.session.scalars(
            select(WorkItem).where(WorkItem.state.in_(OPEN_WORK)).order_by(WorkItem.id)
        ).all()

    def mine(self, actor: Actor, after: Place | None = None, limit: int = PAGE) -> Sequence[WorkItem]:
        """Give the person's own open items, also of people it stands in for, soonest due first."""
        branches = [self._branch(actor, _w.assignee_id == user, after, limit) for user in sorted(actor.user_ids)]
        return self._merged(branches, limit)

    def pool(
        self, actor: Actor, group: str | None = None, after: Place | None = None, limit: int = PAGE
    ) -> Sequence[WorkItem]:
        """Give the open items that nobody has, of one of the person's groups or of all, soonest due first."""
        groups = sorted(actor.groups & {group} if group else actor.groups)
        free = _w.assignee_id.is_(None)
        branches = [self._branch(actor, and_(free, _w.candidate_group == name), after, limit) for name in groups]
        if groups:
            further = select(FurtherCandidate.work_item_id).where(FurtherCandidate.candidate_group.in_(groups))
            branches.append(self._branch(actor, and_(free, _w.id.in_(further)), after, limit))
        return self._merged(branches, limit)

    def open_per_group(self) -> Mapping[str, Sequence[datetime]]:
        """Give the times when the open items of each group were made."""
        found: dict[str, list[datetime]] = {}
        statement = select(_w.candidate_group, _w.created_at).where(_w.state.in_(OPEN_WORK)).order_by(_w.created_at)
        for row in self._unit.connection.execute(statement):
            found.setdefault(row.candidate_group or "", []).append(row.created_at)
        return found

    def _rights(self, row: Any, actor: Actor) -> Rights | None:
        if row.parcel_process_key is None:
            return None
        scopes = {Scope.ALL}
        if row.owner_id in actor.user_ids:
            scopes.add(Scope.OWN)
        if row.customer_id is not None and row.customer_id == actor.customer_id:
            scopes.add(Scope.CUSTOMER)
        matrix = self._access.at(row.revision or 0)
        return matrix.rights(actor.roles, row.parcel_process_key, row.parcel_status, frozenset(scopes))

    def _change(self, chosen: Sequence[ColumnElement[bool]], values: Mapping[str, Any]) -> bool:
        statement = update(WorkItem).where(*chosen).values(dict(values)).execution_options(synchronize_session=False)
        return self._unit.connection.execute(statement).rowcount == 1

    def _branch(
        self, actor: Actor, chosen: ColumnElement[bool], after: Place | None, limit: int
    ) -> Select[tuple[int, datetime]]:
        statement = (
            select(_w.id, _w.due_order)
            .select_from(WorkItem.__table__.outerjoin(Parcel.__table__, _p.id == _w.parcel_id))
            .where(chosen, _w.state.in_(OPEN_WORK), self._allowed(actor))
            .order_by(_w.due_order, _w.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(tuple_(_w.due_order, _w.id) > tuple_(after.due_order, after.item_id))
        return statement

    def _allowed(self, actor: Actor) -> ColumnElement[bool]:
        return or_(_w.parcel_id.is_(None), self._access.actionable(actor))

    def _merged(self, branches: Sequence[Select[tuple[int, datetime]]], limit: int) -> Sequence[WorkItem]:
        if not branches:
            return []
        parts = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
        ids = select(parts.c.id).distinct()
        statement = select(WorkItem).where(WorkItem.id.in_(ids)).order_by(WorkItem.due_order, WorkItem.id).limit(limit)
        return self._unit.session.scalars(statement).all()
