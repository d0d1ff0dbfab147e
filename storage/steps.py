"""All rows that one step of an instance changes, written in as few statements as possible."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, cast, delete, func, insert, null, or_, select, text, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.audit import AuditTrail
from storage.base import Unit
from storage.errors import StaleVersion
from storage.failpoints import failpoint
from storage.incidents import Incident, Incidents, IncidentState, NewIncident
from storage.jobs import Jobs, NewJob
from storage.parcels import Parcel, ParcelState, StatusChange
from storage.people import NOBODY, User
from storage.processes import (
    BufferedMessage,
    InstanceState,
    MessageState,
    MessageSubscription,
    ProcessInstance,
    SubscriptionKind,
)
from storage.statements import Batch, Fixed, adding, for_each
from storage.timers import Timer
from storage.work import OPEN_WORK, UNKNOWN_ASSIGNEE, FurtherCandidate, WorkItem, WorkState

LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewItem:
    """A work item that the step has opened; groups by key, the assignee by login."""

    key: str
    node: str
    name: str
    process_key: str
    form: str | None = None
    groups: tuple[str, ...] = ()
    assignee: str | None = None
    due_at: datetime | None = None
    priority: int = 50
    outcome_field: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class CompletedItem:
    """The work item that a person has completed with the step, and whose it was when the person was let do so."""

    id: int
    user_id: int
    assignee_id: int | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A message or signal that is waited for from now on."""

    key: str
    kind: SubscriptionKind
    name: str
    correlation_key: str | None = None


@dataclass(frozen=True, slots=True)
class NewTimer:
    """A time that is waited for from now on."""

    key: str
    node: str
    due_at: datetime
    schedule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that leaves an instance, or comes from outside."""

    name: str
    payload: Mapping[str, Any]
    correlation_key: str | None = None

    def row(self, now: datetime, time_to_live: timedelta) -> dict[str, Any]:
        """Give the columns of its row."""
        return {
            "name": self.name,
            "payload": dict(self.payload),
            "correlation_key": self.correlation_key,
            "state": MessageState.WAITING,
            "received_at": now,
            "expires_at": now + time_to_live,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What a step has changed, as rows: the state, what was opened, and the keys of what was closed."""

    instance_id: int
    version: int
    parcel_id: int | None
    snapshot: bytes
    state: InstanceState = InstanceState.ACTIVE
    failure: Mapping[str, Any] | None = None
    end_reason: str | None = None
    completed: CompletedItem | None = None
    done_job_id: int | None = None
    items: tuple[NewItem, ...] = ()
    jobs: tuple[NewJob, ...] = ()
    timers: tuple[NewTimer, ...] = ()
    subscriptions: tuple[NewSubscription, ...] = ()
    incidents: tuple[NewIncident, ...] = ()
    withdrawn_items: tuple[str, ...] = ()
    cancelled_jobs: tuple[str, ...] = ()
    closed_timers: tuple[str, ...] = ()
    closed_subscriptions: tuple[str, ...] = ()
    closed_incidents: tuple[str, ...] | None = ()
    statuses: tuple[str, ...] = ()


_i, _w, _t = ProcessInstance.__table__.c, WorkItem.__table__.c, Timer.__table__.c
_s, _n, _p = MessageSubscription.__table__.c, Incident.__table__.c, Parcel.__table__.c
_IS_OPEN = or_(*(_w.state == state for state in OPEN_WORK))
_IS_OPEN_INCIDENT = _n.state == IncidentState.OPEN
_STATE = for_each(
    lambda given: (
        update(ProcessInstance)
        .where(_i.id == given.instance, _i.version == given.seen)
        .values(
            version=given.next,
            snapshot=given.bytes,
            state=given.now_state,
            ended_at=given.ended,
            failure=given.broken,
            end_reason=given.why,
        )
    ),
    instance=_i.id,
    seen=_i.version,
    next=_i.version,
    bytes=_i.snapshot,
    now_state=_i.state,
    ended=_i.ended_at,
    broken=_i.failure,
    why=_i.end_reason,
)
_COMPLETE = Fixed(
    update(WorkItem)
    .where(_w.id == bindparam("item"), _IS_OPEN, _w.assignee_id.is_not_distinct_from(bindparam("whose")))
    .values(
        state=WorkState.COMPLETED,
        completed_at=bindparam("at"),
        completed_by_id=bindparam("person"),
        outcome=bindparam("answer"),
    )
)
_WITHDRAW = for_each(
    lambda given: (
        update(WorkItem)
        .where(_w.instance_id == given.instance, _w.key == given.wait, _IS_OPEN)
        .values(state=WorkState.WITHDRAWN, completed_at=given.at)
    ),
    instance=_w.instance_id,
    wait=_w.key,
    at=_w.completed_at,
)
_ADD_ITEM = adding(
    WorkItem,
    *("instance_id", "parcel_id", "process_key", "key", "node", "name", "form", "candidate_group", "assignee_id"),
    *("state", "due_at", "due_order", "priority", "outcome_field", "instructions", "created_at", "claimed_at"),
)
_ADD_FURTHER_CANDIDATE = for_each(
    lambda given: insert(FurtherCandidate).from_select(
        ["work_item_id", "candidate_group"],
        select(_w.id, given.group).where(_w.instance_id == given.instance, _w.key == given.wait),
    ),
    instance=_w.instance_id,
    wait=_w.key,
    group=_w.candidate_group,
)
_REMOVE_TIMER = for_each(
    lambda given: delete(Timer).where(_t.instance_id == given.instance, _t.key == given.wait),
    instance=_t.instance_id,
    wait=_t.key,
)
_ADD_TIMER = adding(Timer, "instance_id", "key", "node", "due_at", "schedule")
_REMOVE_SUBSCRIPTION = for_each(
    lambda given: delete(MessageSubscription).where(_s.instance_id == given.instance, _s.key == given.wait),
    instance=_s.instance_id,
    wait=_s.key,
)
_ADD_SUBSCRIPTION = adding(MessageSubscription, "instance_id", "key", "kind", "name", "correlation_key", "created_at")
_RESOLVE = for_each(
    lambda given: (
        update(Incident)
        .where(_n.instance_id == given.instance, _n.key == given.wait, _IS_OPEN_INCIDENT)
        .values(state=IncidentState.RESOLVED, closed_at=given.at)
    ),
    instance=_n.instance_id,
    wait=_n.key,
    at=_n.closed_at,
)
_RESOLVE_ALL = for_each(
    lambda given: (
        update(Incident)
        .where(_n.instance_id == given.instance, _IS_OPEN_INCIDENT)
        .values(state=IncidentState.RESOLVED, closed_at=given.at)
    ),
    instance=_n.instance_id,
    at=_n.closed_at,
)
_SET_STATUS = for_each(
    lambda given: (
        update(Parcel).where(_p.id == given.parcel).values(status=given.changed_to, version=Parcel.version + 1)
    ),
    parcel=_p.id,
    changed_to=_p.status,
)
_ADD_PASSED_STATUS = adding(StatusChange, "parcel_id", "status", "entered_at", "left_at")
_ROUTE = for_each(
    lambda given: (
        update(Parcel)
        .where(_p.id == given.parcel, _p.state == ParcelState.RECEIVED)
        .values(state=ParcelState.ROUTED, version=Parcel.version + 1)
    ),
    parcel=_p.id,
)


@dataclass(frozen=True, slots=True)
class StepWriter:
    """Writes what steps have changed, with what the audit trail has taken down of it."""

    unit: Unit
    audit: AuditTrail
    incidents: Incidents
    jobs: Jobs

    def write(self, records: Sequence[StepRecord]) -> None:
        """Write steps of different instances in one batch, all of them or, by `StaleVersion` when another was faster, none.

        There is one statement for each kind of row, however many the instances.
        """
        unit = self.unit
        people = _people(unit, {item.assignee for record in records for item in record.items if item.assignee})
        batch = Batch(unit.connection)
        _write_states(batch, unit, records)
        batch.mark("step.state_saved")
        _complete_items(batch, unit, records)
        _close_waits(batch, unit, records)
        _open_items(batch, unit, records, people)
        batch.mark("step.items_inserted")
        _open_waits(batch, unit, records)
        _set_statuses(batch, unit, records)
        _route(batch, records)
        self._settle_jobs(batch, records)
        self.audit.write_with(batch)
        batch.send()
        for record in records:
            for incident in (*record.incidents, *_for_nobody(record, people)):
                self.incidents.open(incident, instance_id=record.instance_id, parcel_id=record.parcel_id)
        failpoint("step.jobs_inserted")

    def _settle_jobs(self, batch: Batch, records: Sequence[StepRecord]) -> None:
        for record in records:
            if record.done_job_id is not None:
                self.jobs.finish_with(batch, record.done_job_id)
            self.jobs.cancel_with(batch, record.instance_id, record.cancelled_jobs)
            given_up = (_wait(record, key) | {"at": self.unit.now} for key in record.cancelled_jobs)
            batch.add(_RESOLVE, *given_up)  # one may have been stopped since the instance was read, or just now
            for job in record.jobs:
                self.jobs.add_with(batch, job, instance_id=record.instance_id, parcel_id=record.parcel_id)


def _write_states(batch: Batch, unit: Unit, records: Sequence[StepRecord]) -> None:
    batch.add(_STATE, *(_state_row(unit, record) for record in records), check=partial(_moved_on, len(records)))


def _state_row(unit: Unit, record: StepRecord) -> dict[str, Any]:
    is_over = record.state not in (InstanceState.ACTIVE, InstanceState.SUSPENDED)
    return {
        "instance": record.instance_id,
        "seen": record.version,
        "next": record.version + 1,
        "bytes": record.snapshot,
        "now_state": record.state,
        "ended": unit.now if is_over else None,
        "broken": None if record.failure is None else dict(record.failure),
        "why": record.end_reason,
    }


def _moved_on(expected: int, changed: int) -> None:
    if changed != expected:
        raise StaleVersion("Somebody else has moved this process on; load it again and repeat.")


def _complete_items(batch: Batch, unit: Unit, records: Sequence[StepRecord]) -> None:
    for done in (record.completed for record in records if record.completed is not None):
        values = {"item": done.id, "whose": done.assignee_id, "at": unit.now, "person": done.user_id}
        batch.add(_COMPLETE, values | {"answer": done.outcome}, check=_completed)


def _completed(changed: int) -> None:
    if changed != 1:
        raise StaleVersion("Somebody else has taken or completed this work item; choose another one.")


def _close_waits(batch: Batch, unit: Unit, records: Sequence[StepRecord]) -> None:
    at = unit.now
    withdrawn = [_wait(record, key) | {"at": at} for record in records for key in record.withdrawn_items]
    batch.add(_WITHDRAW, *withdrawn)
    batch.add(_REMOVE_TIMER, *(_wait(record, key) for record in records for key in record.closed_timers))
    batch.add(_REMOVE_SUBSCRIPTION, *(_wait(record, key) for record in records for key in record.closed_subscriptions))
    settled = [_wait(record, key) | {"at": at} for record in records for key in record.closed_incidents or ()]
    batch.add(_RESOLVE, *withdrawn, *settled)
    over = (record.instance_id for record in records if record.closed_incidents is None)
    batch.add(_RESOLVE_ALL, *({"instance": instance, "at": at} for instance in over))


def _wait(record: StepRecord, key: str) -> dict[str, Any]:
    return {"instance": record.instance_id, "wait": key}


def _open_items(batch: Batch, unit: Unit, records: Sequence[StepRecord], people: Mapping[str, int]) -> None:
    batch.add(_ADD_ITEM, *(_item_row(unit, record, item, people) for record in records for item in record.items))
    further = [(record, item, group) for record in records for item in record.items for group in item.groups[1:]]
    batch.add(_ADD_FURTHER_CANDIDATE, *(_wait(record, item.key) | {"group": group} for record, item, group in further))


def _people(unit: Unit, logins: set[str]) -> Mapping[str, int]:
    if not logins:
        return {}
    found = unit.connection.execute(select(User.login, User.id).where(User.login.in_(logins)))
    return {row.login: row.id for row in found}


def _item_row(unit: Unit, record: StepRecord, item: NewItem, people: Mapping[str, int]) -> dict[str, Any]:
    assignee_id = people.get(item.assignee) if item.assignee else None
    return {
        "instance_id": record.instance_id,
        "parcel_id": record.parcel_id,
        "process_key": item.process_key,
        "key": item.key,
        "node": item.node,
        "name": item.name,
        "form": item.form,
        "candidate_group": NOBODY if _is_for_nobody(item, people) else item.groups[0] if item.groups else None,
        "assignee_id": assignee_id,
        "state": WorkState.READY if assignee_id is None else WorkState.CLAIMED,
        "due_at": item.due_at,
        "due_order": item.due_at or LATEST,
        "priority": item.priority,
        "outcome_field": item.outcome_field,
        "instructions": item.instructions,
        "created_at": unit.now,
        "claimed_at": None if assignee_id is None else unit.now,
    }


def _is_for_nobody(item: NewItem, people: Mapping[str, int]) -> bool:
    """Tell whether the item is for one person alone, whom nobody knows."""
    return item.assignee is not None and item.assignee not in people and not item.groups


def _for_nobody(record: StepRecord, people: Mapping[str, int]) -> Iterator[NewIncident]:
    for item in record.items:
        if _is_for_nobody(item, people):
            message = f"“{item.name}” is for “{item.assignee}”, and nobody signs in so; add the person, then retry."
            data = {"assignee": item.assignee}
            yield NewIncident(UNKNOWN_ASSIGNEE, message, key=item.key, node=item.node, data=data)


def _open_waits(batch: Batch, unit: Unit, records: Sequence[StepRecord]) -> None:
    batch.add(_ADD_TIMER, *(_timer_row(record, timer) for record in records for timer in record.timers))
    awaited = ((record, subscription) for record in records for subscription in record.subscriptions)
    batch.add(_ADD_SUBSCRIPTION, *(_subscription_row(unit, record, subscription) for record, subscription in awaited))


def _timer_row(record: StepRecord, timer: NewTimer) -> dict[str, Any]:
    return {
        "instance_id": record.instance_id,
        "key": timer.key,
        "node": timer.node,
        "due_at": timer.due_at,
        "schedule": None,
    }


def _subscription_row(unit: Unit, record: StepRecord, subscription: NewSubscription) -> dict[str, Any]:
    return {
        "instance_id": record.instance_id,
        "key": subscription.key,
        "kind": subscription.kind,
        "name": subscription.name,
        "correlation_key": subscription.correlation_key,
        "created_at": unit.now,
    }


def _route(batch: Batch, records: Sequence[StepRecord]) -> None:
    """Let a parcel be on its way from the first step of its instance on."""
    begun = (record.parcel_id for record in records if record.version == 0 and record.parcel_id is not None)
    batch.add(_ROUTE, *({"parcel": parcel} for parcel in begun))


def _set_statuses(batch: Batch, unit: Unit, records: Sequence[StepRecord]) -> None:
    at = unit.now
    changed = [(record.parcel_id, record.statuses) for record in records if record.statuses and record.parcel_id]
    batch.add(_SET_STATUS, *({"parcel": parcel, "changed_to": statuses[-1]} for parcel, statuses in changed))
    passed = ((parcel, status) for parcel, statuses in changed for status in statuses[:-1])
    row = {"entered_at": at, "left_at": at}
    batch.add(_ADD_PASSED_STATUS, *(row | {"parcel_id": parcel, "status": status} for parcel, status in passed))
    change = _CHANGE_STATUS["postgresql" if unit.is_postgresql else "sqlite"]
    batch.add(change, *({"parcel": parcel, "changed_to": statuses[-1], "at": at} for parcel, statuses in changed))


def _change_status(*, is_sqlite: bool) -> Any:
    """Leave the current status and enter another one, in one statement; PostgreSQL wants to be told the types."""
    row = StatusChange.__table__.c
    now = bindparam("at", type_=row.entered_at.type)
    current = select(row.id, row.parcel_id, row.status, row.entered_at, now).where(
        row.parcel_id == bindparam("parcel"), row.left_at.is_(None)
    )
    number = null() if is_sqlite else func.nextval(func.pg_get_serial_sequence("status_change", "id"))
    kinds = (row.parcel_id, row.status, row.entered_at, row.left_at)
    values = (bindparam("parcel", type_=kinds[0].type), bindparam("changed_to", type_=kinds[1].type), now, null())
    told: Sequence[Any] = (
        values if is_sqlite else [cast(value, kind.type) for value, kind in zip(values, kinds, strict=True)]
    )
    entered = select(number, *told).where(text("true"))
    columns = ["id", "parcel_id", "status", "entered_at", "left_at"]
    added = (
        (sqlite if is_sqlite else postgresql)
        .insert(StatusChange)
        .from_select(columns, union_all(current, entered), include_defaults=False)
    )
    return added.on_conflict_do_update(index_elements=["id"], set_={"left_at": added.excluded.left_at})


_CHANGE_STATUS = {name: Fixed(_change_status(is_sqlite=name == "sqlite")) for name in ("sqlite", "postgresql")}


def post_messages(unit: Unit, messages: Sequence[NewMessage], time_to_live: timedelta) -> None:
    """Put messages that an instance has thrown on their way."""
    if messages:
        rows = [message.row(unit.now, time_to_live) for message in messages]
        unit.connection.execute(insert(BufferedMessage), rows)
