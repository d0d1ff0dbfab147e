"""What the engine owes: jobs.

A job's row is the truth; the job engine (`storage.job_engine`) only carries the wake-up, put down in the same transaction.
Life of a job: `waiting` until a worker claims it, `running` (each claim counts as an attempt), then `done`; or after a
failure `waiting` again with a later due time; or, its attempts used up, `stopped` with an incident; or `cancelled` when the
instance does not want it any more. The key that an operation is called with never changes, also where a migration gives the job
another one, so that it can do its deed once however often it is tried.

What came of a try is taken from the claim under which the job runs, and from no other: each claim has a number of its own, also
when an operator has let the job begin anew or its inputs were changed. Who holds an older one is told that nobody wants it.

A job whose worker ended before it did was cut off: it is `waiting` again, and from the third time on it rests before its next try
(`rest_after`), so that others have their turn. None is claimed before it is due; what wakes it too early wakes it again in time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    and_,
    bindparam,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import GIVEN_ONCE, Base, Unit, identity
from storage.errors import Conflict, NotFound
from storage.incidents import Incidents, NewIncident
from storage.nodes import NodeHeartbeat
from storage.processes import ProcessInstance, rests
from storage.statements import Batch, Fixed


class JobKind(StrEnum):
    """What a job does."""

    OPERATION = "operation"
    START = "start"
    TASK = "task"


PARCEL_RECEIVED = "parcel_received"
"""The message that a parcel's arrival is to its process."""


class JobState(StrEnum):
    """The life of a job; the last three are final."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


class Job(Base):
    """One thing owed, remembered until it is done; `call_key` is the same at every try, so that the deed is done once."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("instance_id", "key"),
        Index(
            "uq_job_key_alone",
            "key",
            unique=True,
            postgresql_where=text("instance_id IS NULL"),
            sqlite_where=text("instance_id IS NULL"),
        ),
        Index(
            "ix_job_open",
            "state",
            "due_at",
            postgresql_where=text("state IN ('waiting', 'running')"),
            sqlite_where=text("state IN ('waiting', 'running')"),
        ),
        GIVEN_ONCE,
    )

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    key: Mapped[str]
    first_key: Mapped[str | None] = mapped_column(default=None)
    """The key it was owed by at first, where a migration has given it another one."""
    kind: Mapped[JobKind]
    operation: Mapped[str]
    node: Mapped[str | None]
    arguments: Mapped[dict[str, Any]]
    state: Mapped[JobState]
    attempts: Mapped[int]
    """Tries so far, those that were cut off too."""
    interruptions: Mapped[int] = mapped_column(server_default="0")
    """Tries that were cut off: their worker ended before they did, which is seldom their fault."""
    claims: Mapped[int] = mapped_column(server_default="0")
    """How often it was claimed; only ever grows, so that what an old claim brings is not taken for the running one's."""
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    worker: Mapped[str | None]
    last_error: Mapped[str | None]

    @property
    def call_key(self) -> str:
        """The key that its operation is called with: unique for ever, and the same at every try."""
        return f"{self.instance_id or 'job'}:{self.first_key or self.key}"

    @property
    def tries(self) -> int:
        """How many tries came to their end, or are on their way to it."""
        return self.attempts - self.interruptions

    def takes_result_of(self, claim: int | None) -> bool:
        """Tell whether a result is wanted that was made under this claim; without one, whoever brings it."""
        if claim is None:
            return self.state in _UNFINISHED
        return self.state is JobState.RUNNING and self.claims == claim


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be owed from now on; `key` is unique within its instance, or among all jobs without one."""

    key: str
    operation: str
    kind: JobKind = JobKind.OPERATION
    arguments: Mapping[str, Any] = field(default_factory=dict)
    node: str | None = None
    delay: timedelta = timedelta(0)


_UNFINISHED = (JobState.WAITING, JobState.RUNNING)
_INTERRUPTIONS_WITHOUT_REST = 2
_FIRST_REST = timedelta(seconds=1)
_LONGEST_REST = timedelta(minutes=1)
_GOLDEN = (5**0.5 - 1) / 2
_RANKS = MappingProxyType({JobKind.OPERATION: 1, JobKind.START: 2, JobKind.TASK: 3})
"""Which wake-ups go first: what has begun goes on before more begins."""


_VALUES = {
    name: bindparam(name, type_=Job.__table__.c[name].type)
    for name in (
        *("instance_id", "parcel_id", "key", "kind", "operation", "node", "arguments", "state", "attempts"),
        "interruptions",
        *("due_at", "created_at"),
    )
}


def _add_alone(dialect: Any) -> Fixed:
    return Fixed(dialect.insert(Job).inline().values(_VALUES).on_conflict_do_nothing().returning(Job.id))


def _add_to_instance(dialect: Any) -> Fixed:
    adding = dialect.insert(Job).inline().values(_VALUES)
    renewed = {
        name: adding.excluded[name]
        for name in ("state", "attempts", "interruptions", "due_at", "arguments", "finished_at")
    }
    is_over = or_(Job.state == JobState.DONE, Job.state == JobState.CANCELLED)
    renewing = adding.on_conflict_do_update(index_elements=["instance_id", "key"], set_=renewed, where=is_over)
    return Fixed(renewing.returning(Job.id))


_DIALECTS = {"postgresql": postgresql, "sqlite": sqlite}
_ADD_ALONE = {name: _add_alone(dialect) for name, dialect in _DIALECTS.items()}
_ADD_TO_INSTANCE = {name: _add_to_instance(dialect) for name, dialect in _DIALECTS.items()}
_FINISH = Fixed(
    update(Job)
    .where(Job.id == bindparam("job"), or_(*(Job.state == state for state in _UNFINISHED)))
    .values(state=JobState.DONE, finished_at=bindparam("at"))
)
_CANCEL = Fixed(
    update(Job)
    .where(Job.instance_id == bindparam("instance"), Job.key == bindparam("wait"))
    .where(or_(*(Job.state == state for state in (*_UNFINISHED, JobState.STOPPED))))
    .values(state=JobState.CANCELLED, finished_at=bindparam("at"))
)


def rest_after(interruptions: int, job_id: int) -> timedelta:
    """Give how long a job rests that was cut off so often: not at all at first, then twice as long each time, to a minute.

    Up to half of it is taken off, another part for each job and time: what was cut off together does not begin together
    again, and so is not cut off by the same one of them for ever.
    """
    doublings = interruptions - _INTERRUPTIONS_WITHOUT_REST - 1
    if doublings < 0:
        return timedelta(0)
    longest: timedelta = min(_FIRST_REST * 2 ** min(doublings, 16), _LONGEST_REST)
    return longest * (1 - job_id * interruptions * _GOLDEN % 1 / 2)


def _finished(changed: int) -> None:
    if changed != 1:
        raise Conflict("The job was done or cancelled meanwhile.")


class Jobs:
    """The jobs of one transaction."""

    def __init__(self, unit: Unit, incidents: Incidents) -> None:
        self._unit = unit
        self._incidents = incidents

    def add(self, job: NewJob, *, instance_id: int | None = None, parcel_id: int | None = None) -> int | None:
        """Owe a job from now on; gives its id, or None when a job with this key is known already.

        An instance may owe one again that had ended: its activity was entered anew, after an operator let it try again.
        """
        batch, added = Batch(self._unit.connection), list[int]()
        self.add_with(batch, job, instance_id=instance_id, parcel_id=parcel_id, added=added.append)
        batch.send()
        return added[0] if added else None

    def add_with(
        self,
        batch: Batch,
        job: NewJob,
        *,
        instance_id: int | None,
        parcel_id: int | None,
        added: Callable[[int], None] | None = None,
    ) -> None:
        """Let a batch owe a job, as `add` does; `added` is given its id, unless a job with this key is known already."""
        values = {
            "instance_id": instance_id,
            "parcel_id": parcel_id,
            "key": job.key,
            "kind": job.kind,
            "operation": job.operation,
            "node": job.node,
            "arguments": dict(job.arguments),
            "state": JobState.WAITING,
            "attempts": 0,
            "interruptions": 0,
            "due_at": self._unit.now + job.delay,
            "created_at": self._unit.now,
        }

        def known(row: Any) -> None:
            if row is not None:
                self._wake(row.id, job.kind, job.delay)
                if added is not None:
                    added(row.id)

        statements = _ADD_ALONE if instance_id is None else _ADD_TO_INSTANCE
        batch.add(statements[self._unit.connection.dialect.name], values, taker=known)

    def start_process(
        self,
        process_key: str,
        parcel_id: int,
        variables: Mapping[str, Any] | None = None,
        *,
        message: str | None = PARCEL_RECEIVED,
        key: str | None = None,
    ) -> int | None:
        """Owe the start of a process for a parcel; the same again (by key, else by process and parcel) changes nothing.

        The process begins at the start event that waits for `message` if it has one, else at its plain start event.
        """
        arguments = {"process_key": process_key, "variables": dict(variables or {}), "message": message}
        job = NewJob(key or f"start:{process_key}:{parcel_id}", process_key, JobKind.START, arguments)
        return self.add(job, parcel_id=parcel_id)

    def one(self, job_id: int) -> Job:
        """Give the job by id, as it is in the database; raises `NotFound`."""
        job = self._unit.session.get(Job, job_id, populate_existing=True)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    def claim(self, job_id: int, worker: str) -> Job | None:
        """Take a job to work on it, which counts as an attempt; gives None when there is nothing to do (any more, or yet).

        The jobs of a suspended instance wait until it goes on. One that is not due yet is woken again when it is.
        A job that another runs is only taken when that worker is no node that anybody knows of (any more).
        """
        if self._take(job_id, worker):
            return self.one(job_id)
        if self._cut_off(Job.id == job_id, Job.worker.not_in(select(NodeHeartbeat.node))):
            return self.one(job_id) if self._take(job_id, worker) else None
        self._wake_in_time(Job.id == job_id, Job.due_at > self._unit.now)
        return None

    def _take(self, job_id: int, worker: str) -> bool:
        claimed = self._unit.connection.execute(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.WAITING, self._is_due, ~rests(Job.instance_id))
            .values(
                state=JobState.RUNNING,
                attempts=Job.attempts + 1,
                claims=Job.claims + 1,
                worker=worker,
                started_at=self._unit.now,
            )
        )
        return claimed.rowcount == 1

    def give_back(self, worker: str, *, but_for: Sequence[int] = (), since_more_than: timedelta | None = None) -> None:
        """Let the jobs wait again that this worker took (so long ago), but for those that it is still at.

        It ran them when it died; or the database did not answer when it wanted to write down what had come of them.
        """
        taken = [Job.worker == worker, Job.id.not_in(but_for)]
        if since_more_than is not None:
            taken.append(Job.started_at <= self._unit.now - since_more_than)
        self._cut_off(*taken)

    def _cut_off(self, *chosen: ColumnElement[bool]) -> Sequence[int]:
        """Take running jobs from their workers, and wake in time those that must rest; the others come as they would."""
        values = {"state": JobState.WAITING, "interruptions": Job.interruptions + 1}
        taking = update(Job).where(Job.state == JobState.RUNNING, *chosen).values(values)
        taken = self._unit.connection.execute(taking.returning(Job.id, Job.kind, Job.interruptions)).all()
        for job_id, kind, interruptions in taken:
            if rest := rest_after(interruptions, job_id):
                resting = update(Job).where(Job.id == job_id).values(due_at=self._unit.now + rest)
                self._unit.connection.execute(resting)
                self._wake(job_id, kind, rest)
        return [job_id for job_id, _, _ in taken]

    def put_back(self, job_id: int, claim: int) -> None:
        """Let a job wait as if it had not been tried: its instance rests, and could not take the result.

        It is woken at once if the instance has gone on meanwhile: whoever let it go on saw no job that waits.
        """
        of_job = select(Job.instance_id).where(Job.id == job_id).scalar_subquery()
        self._unit.connection.execute(select(ProcessInstance.id).where(ProcessInstance.id == of_job).with_for_update())
        values = {"state": JobState.WAITING, "attempts": Job.attempts - 1, "worker": None}
        if self._settle(job_id, claim, values):
            self._wake_in_time(Job.id == job_id, ~rests(Job.instance_id))

    def carry(self, instance_id: int, key: str, job: NewJob) -> None:
        """Owe a job from now on as another version of its process has it; what runs for another operation or inputs, anew."""
        this = select(Job).where(Job.instance_id == instance_id, Job.key == key).with_for_update()
        row = self._unit.session.scalars(this, execution_options={"populate_existing": True}).one_or_none()
        if row is None:
            return
        is_same = (row.operation, row.arguments.get("inputs")) == (job.operation, job.arguments.get("inputs"))
        row.first_key = row.first_key or (None if row.key == job.key else row.key)
        row.key, row.node, row.operation, row.arguments = job.key, job.node, job.operation, dict(job.arguments)
        if row.state is JobState.RUNNING and not is_same:
            row.state, row.attempts, row.interruptions, row.due_at = JobState.WAITING, 0, 0, self._unit.now
            self._wake(row.id, row.kind, timedelta(0))
        self._unit.session.flush()

    def wake_those_of(self, instance_id: int) -> None:
        """Wake up the waiting jobs of an instance that goes on again."""
        self._wake_in_time(Job.instance_id == instance_id)

    def hand_back(self, worker: str, job_ids: Collection[int] | None = None) -> None:
        """Let these jobs be taken up at once by whoever can: this worker has begun them, or meant to, and ends without.

        Without a word of which, all that it has begun.
        """
        if job_ids is None:
            job_ids = self._cut_off(Job.worker == worker)
        elif job_ids:
            self._cut_off(Job.id.in_(job_ids), Job.worker == worker)
        if job_ids:
            self._wake_now(Job.id.in_(job_ids), self._is_due)

    def finish(self, job_id: int) -> None:
        """Mark a job as done; raises `Conflict` when it is not wanted any more, or done already."""
        batch = Batch(self._unit.connection)
        self.finish_with(batch, job_id)
        batch.send()

    def finish_with(self, batch: Batch, job_id: int) -> None:
        """Let a batch mark a job as done, as `finish` does."""
        batch.add(_FINISH, {"job": job_id, "at": self._unit.now}, check=_finished)

    def cancel_with(self, batch: Batch, instance_id: int, keys: Sequence[str]) -> None:
        """Let a batch cancel the jobs of an instance with these keys; one that runs just now finds its result unwanted."""
        batch.add(_CANCEL, *({"instance": instance_id, "wait": key, "at": self._unit.now} for key in keys))

    def postpone(self, job_id: int, claim: int, error: str, delay: timedelta) -> bool:
        """Try a failed job again after a while; False when it does not run under this claim any more."""
        values = {"state": JobState.WAITING, "due_at": self._unit.now + delay, "last_error": error, "worker": None}
        if not self._settle(job_id, claim, values):
            return False
        self._wake(job_id, self.one(job_id).kind, delay)
        return True

    def stop(self, job_id: int, claim: int, incident: NewIncident) -> bool:
        """Stop trying, and tell an operator where the job stands now; False when it does not run under this claim any more."""
        values = {"state": JobState.STOPPED, "last_error": incident.message, "worker": None}
        if not self._settle(job_id, claim, values):
            return False
        job = self.one(job_id)
        there = replace(incident, key=job.key, node=job.node)
        self._incidents.open(there, instance_id=job.instance_id, parcel_id=job.parcel_id)
        return True

    def restart(self, job_id: int) -> None:
        """Try a stopped job anew with all its attempts; raises `Conflict` when it is not stopped."""
        changed = self._unit.connection.execute(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.STOPPED)
            .values(state=JobState.WAITING, attempts=0, interruptions=0, due_at=self._unit.now)
        )
        if changed.rowcount != 1:
            raise Conflict("The job is not stopped any more; load the page again.")
        self._wake(job_id, self.one(job_id).kind, timedelta(0))

    def discard(self, job_id: int) -> None:
        """Give up a stopped job for good."""
        self._end([Job.id == job_id], JobState.CANCELLED, (JobState.STOPPED,))

    def waiting(self, limit: int = 100) -> Sequence[int]:
        """Give the ids of jobs that are due, oldest first."""
        statement = (
            select(Job.id)
            .where(Job.state == JobState.WAITING, Job.due_at <= self._unit.now, ~rests(Job.instance_id))
            .order_by(Job.due_at, Job.id)
            .limit(limit)
        )
        return self._unit.session.scalars(statement).all()

    def late(self, overdue: timedelta) -> Sequence[int]:
        """Give the ids of jobs that nobody took for so long, a hundred at most."""
        is_late = Job.state == JobState.WAITING, Job.due_at < self._unit.now - overdue
        return self._unit.session.scalars(select(Job.id).where(*is_late, ~rests(Job.instance_id)).limit(100)).all()

    def wake_forgotten(self, overdue: timedelta, late: Collection[int], on_their_way: Collection[int] = ()) -> int:
        """Let late jobs be taken up unless their wake-ups are still on their way, and those of lost workers; gives how many.

        A worker that is taken for dead may have claimed one in a transaction that the database carried out only then.
        All late ones count from now on again, so that each has its turn to be looked at.
        """
        before, alive = self._unit.now - overdue, select(NodeHeartbeat.node)
        lost = self._cut_off(Job.worker.not_in(alive), Job.started_at < before)
        is_late = and_(Job.id.in_(late), Job.due_at < before)
        woken = self._wake_now(or_(is_late, and_(Job.id.in_(lost), self._is_due)), but_for=on_their_way)
        return len({*lost, *woken})

    def unfinished(self) -> Sequence[Job]:
        """Give the jobs of instances that wait or run, oldest first."""
        statement = select(Job).where(Job.instance_id.is_not(None), Job.state.in_(_UNFINISHED)).order_by(Job.id)
        return self._unit.session.scalars(statement).all()

    @property
    def _is_due(self) -> ColumnElement[bool]:
        """Tell whether a job may be taken up: its time has come, or it was owed without a delay, whatever clocks say."""
        return or_(Job.due_at <= self._unit.now, Job.due_at <= Job.created_at)

    def _wake(self, job_id: int, kind: JobKind, delay: timedelta) -> None:
        if self._unit.wake is not None:
            self._unit.wake(self._unit.connection, job_id, _RANKS[kind], delay)

    def _wake_now(self, *chosen: ColumnElement[bool], but_for: Collection[int] = ()) -> Sequence[int]:
        """Let waiting jobs be due now, and wake them but for some."""
        waking = update(Job).where(Job.state == JobState.WAITING, *chosen).values(due_at=self._unit.now)
        due = self._unit.connection.execute(waking.returning(Job.id, Job.kind)).all()
        woken = [(job_id, kind) for job_id, kind in due if job_id not in but_for]
        for job_id, kind in woken:
            self._wake(job_id, kind, timedelta(0))
        return [job_id for job_id, _ in woken]

    def _wake_in_time(self, *chosen: ColumnElement[bool]) -> None:
        """Wake waiting jobs as soon as they are due."""
        waiting = select(Job.id, Job.kind, Job.due_at).where(Job.state == JobState.WAITING, *chosen)
        for job_id, kind, due_at in self._unit.connection.execute(waiting).all():
            self._wake(job_id, kind, max(due_at - self._unit.now, timedelta(0)))

    def _end(self, chosen: Sequence[Any], state: JobState, states: Sequence[JobState]) -> bool:
        statement = update(Job).where(*chosen, Job.state.in_(states)).values(state=state, finished_at=self._unit.now)
        return self._unit.connection.execute(statement).rowcount > 0

    def _settle(self, job_id: int, claim: int, values: Mapping[str, Any]) -> bool:
        chosen = Job.id == job_id, Job.claims == claim, Job.state == JobState.RUNNING
        return self._unit.connection.execute(update(Job).where(*chosen).values(dict(values))).rowcount == 1
