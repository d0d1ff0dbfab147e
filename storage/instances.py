"""Running instances as the engine takes them up, and how messages and signals find them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from storage.audit import AuditEvent, AuditTrail, parcel_chain
from storage.base import Unit
from storage.errors import Conflict, NotFound, StaleVersion, Suspended
from storage.incidents import Incident, IncidentState
from storage.parcels import Parcel
from storage.processes import (
    ANY_KEY,
    BufferedMessage,
    InstanceState,
    MessageState,
    MessageSubscription,
    ProcessDefinition,
    ProcessInstance,
    SignalCopy,
    Startable,
    SubscriptionKind,
)
from storage.statements import Fixed
from storage.steps import NewMessage, StepRecord, StepWriter
from storage.timers import Timer

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class LiveInstance:
    """An instance as the engine takes it up: its state, its place, and the head of its audit chain."""

    id: int
    version: int
    state: InstanceState
    snapshot: bytes
    definition_id: int
    deployment_id: int
    process_key: str
    parcel_id: int | None
    status: str | None
    has_incidents: bool
    chain_number: int | None
    chain_hash: str | None

    @property
    def chain(self) -> str:
        """The audit chain the instance writes to: its parcel's, else its own."""
        return f"instance:{self.id}" if self.parcel_id is None else parcel_chain(self.parcel_id)


@dataclass(frozen=True, slots=True)
class Handover:
    """A message or signal and the subscription it goes to: an instance's wait, or a definition's start event."""

    subscription_id: int
    instance_id: int | None
    definition_id: int | None
    key: str
    payload: Mapping[str, Any]
    message_id: int | None = None
    signal_copy_id: int | None = None

    @property
    def mark(self) -> str:
        """What it is called where it is set aside: `message:7` or `signal:7`."""
        return f"signal:{self.signal_copy_id}" if self.message_id is None else f"message:{self.message_id}"


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A due timer and the instance that waits for it."""

    id: int
    key: str
    node: str
    live: LiveInstance


_i = ProcessInstance.__table__.c
_d = ProcessDefinition.__table__.c
_p = Parcel.__table__.c
_e = AuditEvent.__table__.c
_m = BufferedMessage.__table__.c
_s = MessageSubscription.__table__.c
_t = Timer.__table__.c
_CHAIN = case((_i.parcel_id.is_(None), "instance:" + cast(_i.id, String)), else_="parcel:" + cast(_i.parcel_id, String))


def _last_event(column: Any) -> Any:
    """Give a column of the last event of an instance's audit chain."""
    last = select(column).where(_e.chain == _CHAIN).order_by(_e.number.desc()).limit(1)
    return last.correlate(ProcessInstance.__table__).scalar_subquery()


_HAS_INCIDENTS = (
    exists()
    .where(Incident.instance_id == _i.id, Incident.state == IncidentState.OPEN)
    .correlate(ProcessInstance.__table__)
)
LIVE_COLUMNS = (
    _i.id.label("live_id"),
    _i.version.label("live_version"),
    _i.state.label("live_state"),
    _i.snapshot,
    _i.definition_id,
    _d.deployment_id,
    _d.key.label("definition_key"),
    _i.parcel_id.label("live_parcel_id"),
    _p.status.label("parcel_status"),
    _HAS_INCIDENTS.label("has_incidents"),
    _last_event(_e.number).label("chain_number"),
    _last_event(_e.hash).label("chain_hash"),
)
LIVE_FROM = ProcessInstance.__table__.join(ProcessDefinition.__table__, _d.id == _i.definition_id).outerjoin(
    Parcel.__table__, _p.id == _i.parcel_id
)
_LOAD = Fixed(select(*LIVE_COLUMNS).select_from(LIVE_FROM).where(_i.id == bindparam("instance")))
_KEEP_FROM_OTHERS = Fixed(select(_i.id).where(_i.id == bindparam("instance")).with_for_update())
_STARTED_BY = Fixed(select(_i.id).where(_i.request_key == bindparam("request")))
_OF_PARCEL_CHAIN = _e.chain == bindparam("parcel_chain", type_=_e.chain.type)
_OPENED = (
    _i.id,
    select(_p.status).where(_p.id == bindparam("of_parcel", type_=_p.id.type)).scalar_subquery().label("status"),
    *(
        select(column).where(_OF_PARCEL_CHAIN).order_by(_e.number.desc()).limit(1).scalar_subquery().label(name)
        for column, name in ((_e.number, "chain_number"), (_e.hash, "chain_hash"))
    ),
)
_GIVEN = {
    name: bindparam(name, type_=_i[name].type)
    for name in ("definition_id", "parcel_id", "state", "version", "snapshot", "started_at", "request_key")
}
_OPEN = {
    name: Fixed(
        kind.insert(ProcessInstance)
        .inline()
        .values(_GIVEN)
        .on_conflict_do_nothing(index_elements=["request_key"])
        .returning(*_OPENED)
    )
    for name, kind in (("sqlite", sqlite), ("postgresql", postgresql))
}
_o = MessageSubscription.__table__.alias("other_subscription").c
_TAKE_TURN_TO_TELL = Fixed(
    select(_s.id)
    .where(_s.kind == SubscriptionKind.SIGNAL, _s.name == bindparam("signal"))
    .where(exists().where(_o.instance_id == bindparam("teller"), _o.kind == _s.kind, _o.name == _s.name))
    .order_by(_s.id)
    .with_for_update(key_share=True, of=MessageSubscription.__table__)
)
"""Of those who wait for a signal and send it themselves, one is at it: each would wait for the other to cease to wait."""
_RESTS = (
    exists()
    .where(_i.id == _s.instance_id, _i.state == InstanceState.SUSPENDED)
    .correlate(MessageSubscription.__table__)
)
_IS_KEPT_FOR_ANOTHER = (
    exists()
    .where(_o.kind == _s.kind, _o.name == _s.name, _o.correlation_key.is_not_distinct_from(_m.correlation_key))
    .where(_i.id == _o.instance_id, _i.state == InstanceState.SUSPENDED)
    .correlate(MessageSubscription.__table__, BufferedMessage.__table__)
)
_TIMER_COLUMNS = (_t.id.label("timer_id"), _t.key.label("timer_key"), _t.node.label("timer_node"))
_IS_DUE = _t.due_at <= bindparam("now", type_=_t.due_at.type)
_IS_ACTIVE = _i.state == InstanceState.ACTIVE


def _due_on_sqlite() -> Select[Any]:
    """Give the due timers, oldest first, with their instances."""
    whole = LIVE_FROM.join(Timer.__table__, _t.instance_id == _i.id)
    return select(*LIVE_COLUMNS, *_TIMER_COLUMNS).select_from(whole).where(_IS_DUE, _IS_ACTIVE).order_by(_t.due_at)


def _due_on_postgresql() -> Select[Any]:
    """Do the same, and take the instances that nobody else has.

    They are looked up for one timer after the other, for a few of very many; else all would be joined and sorted each time.
    """
    one = select(*LIVE_COLUMNS).select_from(LIVE_FROM).where(_i.id == _t.instance_id, _IS_ACTIVE)
    taken = one.with_for_update(of=ProcessInstance.__table__, skip_locked=True).correlate(Timer.__table__)
    live = taken.lateral("live")
    whole = Timer.__table__.join(live, true())
    return select(*live.c, *_TIMER_COLUMNS).select_from(whole).where(_IS_DUE).order_by(_t.due_at)


_DUE = {"sqlite": _due_on_sqlite(), "postgresql": _due_on_postgresql()}
_FITS = or_(
    _m.correlation_key.is_not_distinct_from(_s.correlation_key),
    _s.correlation_key == ANY_KEY,
    _s.definition_id.is_not(None),
)


def live_instance(row: Sequence[Any]) -> LiveInstance:
    """Make the value from a row that begins with `LIVE_COLUMNS`."""
    return LiveInstance(*row[: len(LIVE_COLUMNS)])


def _numbers(marks: Collection[str], kind: str) -> list[int]:
    return [int(number) for name, _, number in (mark.partition(":") for mark in marks) if name == kind]


class Processes:
    """The process instances of one transaction, and what is on its way to them."""

    def __init__(self, unit: Unit, audit: AuditTrail, steps: StepWriter) -> None:
        self._unit = unit
        self._audit = audit
        self._steps = steps

    def live(self, instance_id: int, *, also_suspended: bool = False) -> LiveInstance:
        """Take up an instance; raises `NotFound`, `Suspended` unless that is wanted too, and `Conflict` when it has ended."""
        if self._unit.takes_turn():
            _KEEP_FROM_OTHERS.first(self._unit.connection, {"instance": instance_id})
        row = _LOAD.first(self._unit.connection, {"instance": instance_id})
        if row is None:
            raise NotFound("There is no such process instance.")
        return self.usable(live_instance(row), also_suspended=also_suspended)

    def usable(self, live: LiveInstance, *, also_suspended: bool = False) -> LiveInstance:
        """Give the instance back when it can go on, with its audit chain made ready; raises as `live` does otherwise."""
        if live.state is InstanceState.SUSPENDED and not also_suspended:
            raise Suspended("The process instance is suspended; let it go on first.")
        if live.state not in (InstanceState.ACTIVE, InstanceState.SUSPENDED):
            raise Conflict(f"The process instance is {live.state} and does not go on.")
        self._audit.know_head(live.chain, live.chain_number, live.chain_hash)
        return live

    def one(self, instance_id: int) -> ProcessInstance:
        """Give the instance by id; raises `NotFound`."""
        instance = self._unit.session.get(ProcessInstance, instance_id)
        if instance is None:
            raise NotFound("There is no such process instance.")
        return instance

    def listed(
        self, process_key: str | None = None, *, only_running: bool = True, after: int | None = None, limit: int = 50
    ) -> Sequence[tuple[ProcessInstance, ProcessDefinition]]:
        """Give instances with their definitions, the newest first, from the one after `after` on."""
        statement = (
            select(ProcessInstance, ProcessDefinition)
            .join(ProcessDefinition, ProcessDefinition.id == ProcessInstance.definition_id)
            .order_by(ProcessInstance.id.desc())
            .limit(limit)
        )
        if only_running:
            statement = statement.where(ProcessInstance.state.in_((InstanceState.ACTIVE, InstanceState.SUSPENDED)))
        if process_key is not None:
            statement = statement.where(ProcessDefinition.key == process_key)
        if after is not None:
            statement = statement.where(ProcessInstance.id < after)
        return [(row[0], row[1]) for row in self._unit.session.execute(statement)]

    def of_parcel(self, parcel_id: int) -> Sequence[ProcessInstance]:
        """Give the instances of a parcel, oldest first."""
        statement = select(ProcessInstance).where(ProcessInstance.parcel_id == parcel_id).order_by(ProcessInstance.id)
        return self._unit.session.scalars(statement).all()

    def all(self) -> Sequence[ProcessInstance]:
        """Give all instances, oldest first; meant for small databases."""
        return self._unit.session.scalars(select(ProcessInstance).order_by(ProcessInstance.id)).all()

    def active(self) -> Sequence[int]:
        """Give the ids of all instances that have not ended."""
        states = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
        return self._unit.session.scalars(
            select(ProcessInstance.id).where(ProcessInstance.state.in_(states)).order_by(ProcessInstance.id)
        ).all()

    def started_by(self, request_key: str) -> int | None:
        """Give the instance that a request with this key has started before."""
        row = _STARTED_BY.first(self._unit.connection, {"request": request_key})
        return None if row is None else int(row.id)

    def open(self, definition: Startable, parcel_id: int | None, request_key: str | None = None) -> LiveInstance:
        """Begin an instance with an empty state; its first step must follow in the same transaction, and routes the parcel.

        Raises `StaleVersion` when the same request has just started one.
        """
        values = {
            "definition_id": definition.id,
            "parcel_id": parcel_id,
            "state": InstanceState.ACTIVE,
            "version": 0,
            "snapshot": b"",
            "started_at": self._unit.now,
            "request_key": request_key,
            "of_parcel": parcel_id,
            "parcel_chain": None if parcel_id is None else parcel_chain(parcel_id),
        }
        opened = _OPEN["postgresql" if self._unit.is_postgresql else "sqlite"].first(self._unit.connection, values)
        if opened is None:
            raise StaleVersion("The same request has started a process already; send it again to be told which.")
        return LiveInstance(
            id=opened.id,
            version=0,
            state=InstanceState.ACTIVE,
            snapshot=b"",
            definition_id=definition.id,
            deployment_id=definition.deployment_id,
            process_key=definition.key,
            parcel_id=parcel_id,
            status=opened.status,
            has_incidents=False,
            chain_number=opened.chain_number,
            chain_hash=opened.chain_hash,
        )

    def apply(self, record: StepRecord) -> None:
        """Write all rows that a step has changed; raises `StaleVersion` when somebody else has stepped the instance."""
        self._steps.write([record])

    def apply_all(self, records: Sequence[StepRecord]) -> None:
        """Write all rows that steps of different instances have changed, or raise `StaleVersion` and write none."""
        if records:
            self._steps.write(records)

    def due(self, limit: int, *, but_for: Collection[int] = ()) -> Sequence[DueTimer]:
        """Take up instances whose timers are due, oldest first, but for some timers; what another node is at is left out."""
        due = _DUE["postgresql" if self._unit.is_postgresql else "sqlite"]
        statement = due.where(_t.id.not_in(but_for)) if but_for else due
        rows = self._unit.connection.execute(statement.limit(limit), {"now": self._unit.now})
        return [DueTimer(row.timer_id, row.timer_key, row.timer_node, live_instance(row)) for row in rows]

    def set_state(self, instance_id: int, expected: InstanceState, state: InstanceState) -> None:
        """Suspend an instance or let it go on; raises `Conflict` when it is not in the expected state."""
        changed = self._unit.connection.execute(
            update(ProcessInstance)
            .where(ProcessInstance.id == instance_id, ProcessInstance.state == expected)
            .values(state=state, version=ProcessInstance.version + 1)
        )
        if changed.rowcount != 1:
            raise Conflict(f"The process instance is not {expected} any more; load the page again.")

    def post(self, message: NewMessage, time_to_live: "timedelta", request_key: str | None = None) -> int | None:
        """Put a message on its way; gives its id, or None when the same `request_key` came before."""
        statement = (
            self._unit.insert(BufferedMessage)
            .values(message.row(self._unit.now, time_to_live) | {"request_key": request_key})
            .on_conflict_do_nothing(index_elements=["request_key"])
            .returning(BufferedMessage.id)
        )
        return self._unit.connection.execute(statement).scalar()

    def broadcast(self, name: str, payload: Mapping[str, Any], *, except_instance: int | None = None) -> int:
        """Copy a signal to everybody who waits for it now; gives how many.

        Raises `StaleVersion` when one of them has just ceased to wait.
        """
        if except_instance is not None and self._unit.is_postgresql:
            _TAKE_TURN_TO_TELL.all(self._unit.connection, {"signal": name, "teller": except_instance})
        waiting = select(_s.id, *self._signal_columns(payload)).where(
            _s.kind == SubscriptionKind.SIGNAL, _s.name == name
        )
        if except_instance is not None:
            waiting = waiting.where(_s.instance_id.is_distinct_from(except_instance))
        columns = ["subscription_id", "payload", "thrown_at"]
        statement = insert(SignalCopy).from_select(columns, waiting).returning(SignalCopy.id)
        try:
            return len(self._unit.connection.execute(statement).all())
        except IntegrityError as error:
            raise StaleVersion("Who waited for the signal does not any more; send it again.") from error

    def handovers(self, limit: int = 100, *, but_for: Collection[str] = ()) -> Sequence[Handover]:
        """Give signals on their way, and messages whose receiver waits, oldest first; each message at most once.

        `but_for` are the marks of those that are set aside.
        """
        signals, messages = (_numbers(but_for, kind) for kind in ("signal", "message"))
        return [*self._signal_handovers(limit, signals), *self._message_handovers(limit, messages)]

    def receiver(self, message_id: int, *, any_key: bool = False) -> Handover | None:
        """Give the subscription a message goes to: the oldest instance that waits for it, else a definition it starts."""
        statement = self._matches(any_key=any_key).where(_m.id == message_id).limit(1)
        row = self._unit.connection.execute(statement).first()
        return None if row is None else Handover(**row._asdict())

    def waiting_message(self, name: str, correlation_key: str | None) -> int | None:
        """Give the oldest message that waits for such a receiver."""
        return self._unit.connection.execute(self._kept(name, correlation_key)).scalar()

    def take_waiting(self, name: str, correlation_key: str | None, instance_id: int) -> Mapping[str, Any] | None:
        """Give the payload of the oldest message that waits for such a receiver, and mark it as delivered to the instance.

        Who comes while another takes it waits for that, and gets the next one.
        """
        oldest = self._kept(name, correlation_key).with_for_update().scalar_subquery()
        statement = (
            update(BufferedMessage)
            .where(_m.id == oldest)
            .values(state=MessageState.DELIVERED, instance_id=instance_id)
            .returning(_m.payload)
        )
        return self._unit.connection.execute(statement).scalar()

    def _kept(self, name: str, correlation_key: str | None) -> Select[int]:
        kept = BufferedMessage.__table__.alias("kept").c
        return (
            select(kept.id)
            .where(
                kept.state == MessageState.WAITING,
                kept.name == name,
                true() if correlation_key == ANY_KEY else kept.correlation_key.is_not_distinct_from(correlation_key),
                kept.expires_at > self._unit.now,
            )
            .order_by(kept.id)
            .limit(1)
        )

    def awaits(self, name: str, correlation_key: str | None) -> bool:
        """Tell whether an instance waits for a message of this name and correlation key now."""
        statement = select(_s.id).where(
            _s.kind == SubscriptionKind.MESSAGE,
            _s.name == name,
            _s.instance_id.is_not(None),
            or_(_s.correlation_key.is_not_distinct_from(correlation_key), _s.correlation_key == ANY_KEY),
        )
        return self._unit.connection.execute(statement.limit(1)).first() is not None

    def take(self, handover: Handover, instance_id: int | None = None) -> None:
        """Mark a message or signal as delivered, to whom if that is known; raises `Conflict` when another has delivered it."""
        if handover.message_id is not None:
            self.take_message(handover.message_id, instance_id)
        else:
            copies = self._unit.connection.execute(delete(SignalCopy).where(SignalCopy.id == handover.signal_copy_id))
            if copies.rowcount != 1:
                raise Conflict("The signal was delivered already.")

    def note_receiver(self, handover: Handover, instance_id: int) -> None:
        """Note which instance a message has started."""
        if handover.message_id is not None:
            this = BufferedMessage.id == handover.message_id
            self._unit.connection.execute(update(BufferedMessage).where(this).values(instance_id=instance_id))

    def take_message(self, message_id: int, instance_id: int | None) -> None:
        """Mark a message as delivered; raises `Conflict` when another has delivered it."""
        taken = self._unit.connection.execute(
            update(BufferedMessage)
            .where(BufferedMessage.id == message_id, BufferedMessage.state == MessageState.WAITING)
            .values(state=MessageState.DELIVERED, instance_id=instance_id)
        )
        if taken.rowcount != 1:
            raise Conflict("The message was delivered already.")

    def _signal_columns(self, payload: Mapping[str, Any]) -> tuple[Any, Any]:
        columns = SignalCopy.__table__.c
        return (
            bindparam("payload", dict(payload), type_=columns.payload.type),
            bindparam("thrown_at", self._unit.now, type_=columns.thrown_at.type),
        )

    def _signal_handovers(self, limit: int, but_for: Collection[int]) -> list[Handover]:
        copies = SignalCopy.__table__.c
        statement = (
            select(
                _s.id.label("subscription_id"),
                _s.instance_id,
                _s.definition_id,
                _s.key,
                copies.payload,
                copies.id.label("signal_copy_id"),
            )
            .join_from(SignalCopy.__table__, MessageSubscription.__table__, _s.id == copies.subscription_id)
            .where(~_RESTS)
            .order_by(copies.id)
            .limit(limit)
        )
        if but_for:
            statement = statement.where(copies.id.not_in(but_for))
        return [Handover(**row._asdict()) for row in self._unit.connection.execute(statement)]

    def _message_handovers(self, limit: int, but_for: Collection[int]) -> list[Handover]:
        found: dict[int, Handover] = {}
        matches = self._matches(any_key=False)
        if but_for:
            matches = matches.where(_m.id.not_in(but_for))
        for row in self._unit.connection.execute(matches.limit(limit)):
            found.setdefault(row.message_id, Handover(**row._asdict()))
        return list(found.values())

    def _matches(self, *, any_key: bool) -> Any:
        """Match messages with who can have them now; what rests gets its own later, and no definition starts with it instead."""
        fits = and_(_s.kind == SubscriptionKind.MESSAGE, _s.name == _m.name)
        return (
            select(
                _s.id.label("subscription_id"),
                _s.instance_id,
                _s.definition_id,
                _s.key,
                _m.payload,
                _m.id.label("message_id"),
            )
            .join_from(BufferedMessage.__table__, MessageSubscription.__table__, fits if any_key else and_(fits, _FITS))
            .where(_m.state == MessageState.WAITING, _m.expires_at > self._unit.now, ~_RESTS)
            .where(or_(_s.instance_id.is_not(None), ~_IS_KEPT_FOR_ANOTHER))
            .order_by(_m.id, _s.definition_id.is_not(None), _s.correlation_key == ANY_KEY, _s.id)
        )

    def count_active(self) -> Mapping[int, int]:
        """Give the number of running instances by definition."""
        statement = (
            select(ProcessInstance.definition_id, func.count())
            .where(ProcessInstance.state == InstanceState.ACTIVE)
            .group_by(ProcessInstance.definition_id)
        )
        return {row[0]: row[1] for row in self._unit.connection.execute(statement)}
