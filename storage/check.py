"""The promises Parcelflow makes about what it has stored, checked: `parcelflow check`, and after every test with a fault.

I1  every delivery is on record: its parcel has documents, children, or an entry in quarantine; what was discarded names a person
I2  all bytes that a row names are there and have their digest; no parcel on its way without original bytes
I3  every stored file is named by a row, or younger than the grace time
I4  every active instance waits for something, and its rows are exactly the waits of its saved state
I5  no finished instance has open work items, jobs, timers, subscriptions or incidents
I6  an operation that stopped has an open incident, and was not forgotten; an open incident's job is stopped
I7  no timer is overdue while a worker lives
I8  the audit chains are unbroken, every parcel has one, and a sealed parcel equals its manifest
I9  versions of a process only grow; a parcel is in exactly one status, the one it shows
I10 a saved state loads, saves and loads to the same thing
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, String, exists, func, literal, or_, select

from storage import archive
from storage.audit import AuditEvent, parcel_chain
from storage.base import Base
from storage.database import Database, Transaction
from storage.documents import DocumentStore
from storage.errors import Damaged
from storage.incidents import Incident, IncidentState
from storage.jobs import Job, JobKind, JobState
from storage.nodes import NodeHeartbeat
from storage.parcels import Document, Parcel, ParcelState, QuarantineEntry, QuarantineState, StatusChange
from storage.processes import InstanceState, MessageSubscription, ProcessDefinition, ProcessInstance
from storage.timers import Timer, is_stopped
from storage.work import OPEN_WORK, WorkItem

GRACE = timedelta(hours=24)
OVERDUE = timedelta(seconds=60)
ALIVE = timedelta(seconds=30)
_BATCH = 500
_OWED = (JobState.WAITING, JobState.RUNNING, JobState.STOPPED)


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that does not hold: which one, of what, and how."""

    promise: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.promise} {self.subject}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a saved state says when it is loaded: its waits as (kind, key), and whether saving it again gives the same."""

    waits: frozenset[tuple[str, str]]
    is_same: bool


Reload = Callable[[int, bytes], Reloaded]
"""Loads a saved state: given the id of the definition and the state."""


def check(database: Database, *, reload: Reload | None = None, with_bytes: bool = True) -> list[Breach]:
    """Check all promises and give every breach; without `reload`, what only the engine can tell is left out.

    `with_bytes` reads every stored file again; without it only their presence is checked.
    """
    with database.reading() as tx:
        named, now = named_digests(tx), tx.now
        breaches = [
            *_deliveries(tx),
            *_finished(tx),
            *_instances(tx, reload),
            *_jobs(tx),
            *_timers(tx),
            *_audit(tx),
            *_versions(tx),
            *_statuses(tx),
        ]
    breaches += _bytes(database.documents, named, with_bytes=with_bytes)
    breaches += _strays(database.documents, named, now)
    return sorted(breaches, key=lambda breach: (len(breach.promise), breach.promise))


def named_digests(tx: Transaction) -> Mapping[str, str]:
    """Give every digest that a row names, with the name of a table that does."""
    named: dict[str, str] = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name == "sha256" or column.name.endswith("_sha256"):
                statement = select(column).where(column.is_not(None)).distinct().execution_options(yield_per=5000)
                named |= dict.fromkeys(tx.connection.scalars(statement), table.name)
    return named


def sweep(database: Database, grace: timedelta = GRACE) -> list[str]:
    """Remove stored files that no row names and that are older than the grace time; gives their digests."""
    with database.reading() as tx:
        named, now = named_digests(tx), tx.now
    return database.documents.sweep(named.__contains__, now, grace)


def _deliveries(tx: Transaction) -> Iterator[Breach]:
    child = Parcel.__table__.alias("child")
    empty = (
        select(Parcel.number)
        .where(~exists().where(Document.parcel_id == Parcel.id))
        .where(~exists().where(QuarantineEntry.parcel_id == Parcel.id))
        .where(~exists().where(child.c.parent_id == Parcel.id))
    )
    for number in tx.connection.scalars(empty):
        yield Breach("I1", f"parcel {number}", "has neither documents nor children nor anything in quarantine")
    nobody = or_(QuarantineEntry.decided_by_id.is_(None), QuarantineEntry.decision_reason.is_(None))
    discarded = select(QuarantineEntry.id).where(QuarantineEntry.state == QuarantineState.DISCARDED, nobody)
    for entry_id in tx.connection.scalars(discarded):
        yield Breach("I1", f"quarantine entry {entry_id}", "was discarded without a name or a reason")


def _bytes(documents: DocumentStore, named: Mapping[str, str], *, with_bytes: bool) -> Iterator[Breach]:
    for digest, table in named.items():
        if not with_bytes:
            if digest not in documents:
                yield Breach("I2", table, f"The bytes of {digest} are missing; restore them from a backup.")
            continue
        try:
            documents.verify(digest)
        except Damaged as damage:
            yield Breach("I2", table, str(damage))


def _strays(documents: DocumentStore, named: Mapping[str, str], now: datetime) -> Iterator[Breach]:
    for digest in documents.digests():
        if digest not in named and documents.stored_at(digest) < now - GRACE:
            yield Breach("I3", f"file {digest}", "is named by no row and older than the grace time")


def _finished(tx: Transaction) -> Iterator[Breach]:
    over = ProcessInstance.state.not_in((InstanceState.ACTIVE, InstanceState.SUSPENDED))
    for what, statement in _waits_by_kind().items():
        left = statement.join(ProcessInstance).where(over)
        for row in tx.connection.execute(left):
            yield Breach("I5", f"instance {row.instance_id}", f"is finished, and {what} {row.key} is still open")
    told = select(Incident.id, Incident.instance_id).join(ProcessInstance, ProcessInstance.id == Incident.instance_id)
    for incident_id, instance_id in tx.connection.execute(told.where(over, Incident.state == IncidentState.OPEN)):
        yield Breach("I5", f"instance {instance_id}", f"is finished, and incident {incident_id} is still open")


def _waits_by_kind() -> Mapping[str, Select[int | None, str]]:
    return {
        "work": select(WorkItem.instance_id, WorkItem.key).where(WorkItem.state.in_(OPEN_WORK)),
        "operation": select(Job.instance_id, Job.key).where(Job.kind == JobKind.OPERATION, Job.state.in_(_OWED)),
        "timer": select(Timer.instance_id, Timer.key),
        "message": select(MessageSubscription.instance_id, MessageSubscription.key).where(
            MessageSubscription.kind == "message"
        ),
        "signal": select(MessageSubscription.instance_id, MessageSubscription.key).where(
            MessageSubscription.kind == "signal"
        ),
    }


def _instances(tx: Transaction, reload: Reload | None) -> Iterator[Breach]:
    last = 0
    while rows := _running(tx, last):
        ids = [row.id for row in rows]
        last = ids[-1]
        waits, stuck = _row_waits(tx, ids), _stuck(tx, ids)
        for row in rows:
            subject = f"instance {row.id}"
            if not waits[row.id] and row.id not in stuck:
                yield Breach("I4", subject, "is active and waits for nothing")
            if reload is not None:
                yield from _reloaded(subject, waits[row.id], reload(row.definition_id, row.snapshot))


def _running(tx: Transaction, last: int) -> list[ProcessInstance]:
    statement = (
        select(ProcessInstance)
        .where(ProcessInstance.state == InstanceState.ACTIVE, ProcessInstance.id > last)
        .order_by(ProcessInstance.id)
        .limit(_BATCH)
    )
    rows = list(tx.session.scalars(statement))
    tx.session.expunge_all()
    return rows


def _row_waits(tx: Transaction, ids: list[int]) -> Mapping[int | None, set[tuple[str, str]]]:
    waits: dict[int | None, set[tuple[str, str]]] = {instance_id: set() for instance_id in ids}
    for kind, statement in _waits_by_kind().items():
        column = statement.selected_columns[0]
        for instance_id, key in tx.connection.execute(statement.where(column.in_(ids))):
            waits[instance_id].add((kind, key))
    return waits


def _stuck(tx: Transaction, ids: list[int]) -> set[int | None]:
    chosen = Incident.state == IncidentState.OPEN, Incident.instance_id.in_(ids)
    return set(tx.connection.scalars(select(Incident.instance_id).where(*chosen)))


def _reloaded(subject: str, rows: set[tuple[str, str]], state: Reloaded) -> Iterator[Breach]:
    for kind, key in sorted(state.waits - rows):
        yield Breach("I4", subject, f"waits for {kind} {key}, of which there is no row")
    for kind, key in sorted(rows - state.waits):
        yield Breach("I4", subject, f"has a row for {kind} {key}, for which it does not wait")
    if not state.is_same:
        yield Breach("I10", subject, "its saved state does not load, save and load to the same thing")


def _jobs(tx: Transaction) -> Iterator[Breach]:
    incident = exists().where(Incident.job_id == Job.id, Incident.state == IncidentState.OPEN)
    same_wait = exists().where(
        Incident.instance_id == Job.instance_id, Incident.key == Job.key, Incident.state == IncidentState.OPEN
    )
    forgotten = select(Job.id, Job.key).where(Job.state == JobState.STOPPED, ~incident, ~same_wait)
    for row in tx.connection.execute(forgotten):
        yield Breach("I6", f"job {row.id}", f"{row.key} has stopped, and no incident tells of it")
    left = select(Incident.id, Job.key).join(Job, Job.id == Incident.job_id)
    for row in tx.connection.execute(left.where(Incident.state == IncidentState.OPEN, Job.state != JobState.STOPPED)):
        yield Breach("I6", f"incident {row.id}", f"is open, and the job {row.key} that it tells of is not stopped")


def _timers(tx: Transaction) -> Iterator[Breach]:
    alive = select(NodeHeartbeat.node).where(NodeHeartbeat.seen_at >= tx.now - ALIVE).limit(1)
    if tx.connection.scalar(alive) is None:
        return
    statement = (
        select(Timer.id, Timer.key, Timer.due_at)
        .outerjoin(ProcessInstance, ProcessInstance.id == Timer.instance_id)
        .where(Timer.due_at < tx.now - OVERDUE)
        .where(or_(Timer.instance_id.is_(None), ProcessInstance.state == InstanceState.ACTIVE), ~is_stopped())
    )
    for row in tx.connection.execute(statement):
        yield Breach("I7", f"timer {row.id}", f"{row.key} was due at {row.due_at.isoformat()} and has not fired")


def _audit(tx: Transaction) -> Iterator[Breach]:
    for broken in tx.audit.verify():
        yield Breach("I8", f"chain {broken.chain}", f"number {broken.number}: {broken.reason}")
    chain = literal(parcel_chain(0).removesuffix("0")) + func.cast(Parcel.id, String)
    silent = select(Parcel.number).where(~exists().where(AuditEvent.chain == chain))
    for number in tx.connection.scalars(silent):
        yield Breach("I8", f"parcel {number}", "has no event in the audit trail")
    for parcel in tx.session.scalars(select(Parcel).where(_is_archived())):
        if parcel.sealed_at is None:
            yield Breach("I8", f"parcel {parcel.number}", "is archived and not sealed")
            continue
        for message in archive.breaches(tx, parcel):
            yield Breach("I8", f"parcel {parcel.number}", message)


def _is_archived() -> ColumnElement[bool]:
    return or_(Parcel.state == ParcelState.ARCHIVED, Parcel.sealed_at.is_not(None))


def _versions(tx: Transaction) -> Iterator[Breach]:
    rows = tx.connection.execute(
        select(ProcessDefinition.key, ProcessDefinition.version).order_by(ProcessDefinition.key, ProcessDefinition.id)
    )
    highest: dict[str, int] = {}
    for key, version in rows:
        if version <= highest.get(key, 0):
            yield Breach("I9", f"process {key}", f"version {version} came after version {highest[key]}")
        highest[key] = version


def _statuses(tx: Transaction) -> Iterator[Breach]:
    current = exists().where(
        StatusChange.parcel_id == Parcel.id, StatusChange.left_at.is_(None), StatusChange.status == Parcel.status
    )
    number = (
        select(func.count())
        .where(StatusChange.parcel_id == Parcel.id, StatusChange.left_at.is_(None))
        .scalar_subquery()
    )
    wrong = select(Parcel.number, Parcel.status).where(or_(~current, number != 1))
    for row in tx.connection.execute(wrong):
        yield Breach("I9", f"parcel {row.number}", f"shows the status {row.status}, which its times do not confirm")
