"""Works off what the engine owes: jobs with retries and incidents, due timers, messages on their way; watches other nodes.

A job is claimed in a transaction of its own, its operation is called outside any transaction, and its outcome comes back as
a step of the instance, in one transaction with the mark that the job is done. Whatever happens in between, the job is tried
again with the same key. After the last try, or when each try has taken the process down, it is stopped and an operator is told.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from time import monotonic

from engine.errors import BusinessError, EngineError
from engine.operations.call import Call, Operation
from engine.runtime import Engine
from engine.watch import Watch
from storage.database import Database
from storage.errors import Conflict, NotFound, ParcelflowError, Suspended, Unavailable
from storage.failpoints import failpoint
from storage.incidents import NewIncident
from storage.job_engine import MOST_SWEPT, JobEngine
from storage.jobs import Job, JobKind

_log = logging.getLogger(__name__)
_LONGEST_MESSAGE = 2_000


class UnknownOperation(EngineError):
    """No operation has this name; correct the diagram, or install what brings the operation."""

    code = "unknown_operation"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker does what; `retry_after` holds the pauses between the tries of a job, so there is one try more.

    A try that is cut off because its worker ended does not count among them; `most_interruptions` is for a job that ends it.
    """

    retry_after: tuple[timedelta, ...] = (timedelta(seconds=10), timedelta(minutes=1))
    most_interruptions: int = 20
    tick: timedelta = timedelta(seconds=0.5)
    rest: timedelta = timedelta(seconds=30)
    heartbeat: timedelta = timedelta(seconds=5)
    silence: timedelta = timedelta(seconds=20)
    forgotten: timedelta = timedelta(minutes=2)
    housekeeping: timedelta = timedelta(hours=1)
    kept_wake_ups: timedelta = timedelta(days=1)
    retries: Mapping[str, tuple[timedelta, ...]] = field(default_factory=dict)
    """Other pauses for some operations, by name; what a diagram says comes before."""

    def pauses(self, job: Job) -> tuple[timedelta, ...]:
        """Give the pauses between the tries of a job: there is one try more."""
        drawn = job.arguments.get("retry_after")
        return self.retries.get(job.operation, self.retry_after) if drawn is None else tuple(drawn)


class Worker:
    """Works for one node; `start` and `stop` frame its life, `run_job` and `tick` are single strokes of work."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        operations: Mapping[str, Operation],
        *,
        node: str,
        job_engine: JobEngine | None = None,
        pace: Pace = Pace(),
    ) -> None:
        self._database = database
        self._engine = engine
        self._operations = operations
        self._node = node
        self._job_engine = job_engine
        self._pace = pace
        self._stopping, self._ended = Event(), Event()
        self._threads = [
            self._thread("worker", self._do_chores),
            self._thread("timers", self.fire_timers),
            self._thread("messages", self._engine.deliver_pending),
        ]
        self._beating = Thread(target=self._keep_beating, name="parcelflow-heartbeat", daemon=True)
        self._last_done: dict[str, float] = {}
        self._at_work: list[int] = []
        self._unsettled: set[int] = set()
        self._resting: dict[int, float] = {}
        self._failed_starts: Counter[int] = Counter()
        self._watch = Watch()

    def start(self) -> None:
        """Begin to work, in threads of its own."""
        with self._database.transaction() as tx:
            tx.jobs.give_back(self._node)
            tx.nodes.beat(self._node)
        if self._job_engine is not None:
            self._job_engine.run(self.run_job)
        for thread in (self._beating, *self._threads):
            thread.start()

    def stop(self, patience: timedelta = timedelta(seconds=20)) -> None:
        """Take nothing new, let what runs come to its end for so long, leave the rest to others, and sign off."""
        until = monotonic() + patience.total_seconds()
        self._stopping.set()
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))
        if self._job_engine is not None:
            self._job_engine.stop(timedelta(seconds=max(1.0, until - monotonic())))
        self._ended.set()
        self._beating.join(max(1.0, until - monotonic()))
        self._guarded(self._sign_off)

    @property
    def is_at_work(self) -> bool:
        """Tell whether a job runs just now."""
        return bool(self._at_work)

    def run_job(self, job_id: int) -> None:
        """Try a job once; a failure is written down and never raised, unless the database itself does not answer.

        In that case `take_over` lets it be tried again as soon as the database is back.
        """
        self._at_work.append(job_id)
        try:
            self._claim_and_try(job_id)
        except Exception:
            self._unsettled.add(job_id)
            raise
        finally:
            self._at_work.remove(job_id)

    def _claim_and_try(self, job_id: int) -> None:
        with self._database.transaction() as tx:
            job = tx.jobs.claim(job_id, self._node)
        failpoint("job.claimed")
        if job is None:
            return
        if job.interruptions > self._pace.most_interruptions:
            message = (
                f"The worker ended {job.interruptions} times while it was at this job; look into its log, then retry."
            )
            self._stop_trying(job, "worker_died", message)
            return
        try:
            self._work(job)
        except Suspended:
            with self._database.transaction() as tx:
                tx.jobs.put_back(job.id, job.claims)
        except Exception as error:  # noqa: BLE001 - whatever an operation raises is retried, then shown to an operator
            self._note_failure(job, error)

    def run_waiting(self) -> int:
        """Try all jobs that are due, one after the other, without the job engine; gives how many."""
        with self._database.reading() as tx:
            waiting = tx.jobs.waiting()
        for job_id in waiting:
            self.run_job(job_id)
        return len(waiting)

    def tick(self) -> None:
        """Give a sign of life, fire due timers, hand over messages and signals, watch for the signs of others."""
        self._at_times("heartbeat", self._pace.heartbeat, self._beat)
        self.fire_timers()
        self._guarded(self._engine.deliver_pending)
        self._do_chores()

    def fire_timers(self) -> None:
        """Fire all timers that are due; one that cannot be fired rests for a while, so that it never holds up the others."""
        now = monotonic()
        self._resting = {timer: until for timer, until in self._resting.items() if until > now}
        with self._database.reading() as tx:
            starts = [timer for timer in tx.timers.due_starts() if timer not in self._resting]
        for timer in starts:
            self._guarded(partial(self._start_by, timer))
        while not self._stopping.is_set() and (fired := self._engine.fire_due(tuple(self._resting))):
            self._resting |= dict.fromkeys(fired.failed, now + self._pace.rest.total_seconds())

    def _start_by(self, timer_id: int) -> None:
        """Start a process by its timer; a start that fails rests, and after as many tries as a job has an operator is told."""
        try:
            self._engine.fire_timer(timer_id)
        except Exception as error:
            self._resting[timer_id] = monotonic() + self._pace.rest.total_seconds()
            self._failed_starts[timer_id] += not isinstance(error, Unavailable)
            if self._failed_starts[timer_id] > len(self._pace.retry_after):
                with self._database.transaction() as tx:
                    tx.timers.stop(timer_id, *_told(error, "start_failed"))
                del self._failed_starts[timer_id]
            raise
        del self._failed_starts[timer_id]

    def _do_chores(self) -> None:
        if self._job_engine is None:
            self.run_waiting()
        self._at_times("watch", self._pace.heartbeat, self.take_over)
        self._at_times("housekeeping", self._pace.housekeeping, self._tidy)

    def take_over(self) -> list[str]:
        """Take over the jobs of nodes that give no sign of life, and our own that nobody is at; gives the nodes' names."""
        at_work, unsettled = tuple(self._at_work), set(self._unsettled)
        with self._database.reading() as tx:
            signs = {node: at for node, at in tx.nodes.signs_of_life().items() if node != self._node}
            dead, late = self._watch.silent(signs, self._pace.silence), tx.jobs.late(self._pace.forgotten)
        if dead:
            self._take_over_from(dead)
        on_their_way = self._job_engine.on_their_way(late) if late and self._job_engine is not None else set[int]()
        with self._database.transaction() as tx:
            tx.jobs.give_back(self._node, but_for=at_work, since_more_than=self._pace.forgotten)
            tx.jobs.hand_back(self._node, unsettled)
            tx.jobs.wake_forgotten(self._pace.forgotten, late, on_their_way)
        self._unsettled -= unsettled
        return dead

    def _take_over_from(self, dead: Sequence[str]) -> None:
        """Let others have their jobs and wake-ups, and strike the nodes out only then: who ends meanwhile has a successor."""
        with self._database.transaction() as tx:
            for node in dead:
                tx.jobs.hand_back(node)
        if self._job_engine is not None:
            self._job_engine.take_over(dead)
        with self._database.transaction() as tx:
            for node in dead:
                tx.nodes.forget(node)

    def _work(self, job: Job) -> None:
        if job.kind is JobKind.START:
            arguments = job.arguments
            self._engine.start(
                arguments["process_key"],
                job.parcel_id,
                arguments["variables"],
                message=arguments.get("message"),
                request_key=f"job:{job.id}",
            )
            failpoint("job.process_started")
            self._finish(job)
            return
        operation = self._operations.get(job.operation)
        if operation is None:
            raise UnknownOperation(f"There is no operation {job.operation}; correct the diagram.")
        self._call(job, operation)

    def _call(self, job: Job, operation: Operation) -> None:
        call = Call(
            key=job.call_key,
            parcel_id=job.parcel_id,
            instance_id=job.instance_id or 0,
            inputs=job.arguments.get("inputs", {}),
            variables=self._engine.variables_of(job),
            now=self._database.clock(),
        )
        try:
            result = operation(call)
        except BusinessError as error:
            if job.instance_id is None:
                raise
            failpoint("job.refused")
            self._engine.throw_error(job.id, error.code, error.message, claim=job.claims)
            return
        failpoint("job.operation_done")
        if job.instance_id is None:
            self._finish(job)
        else:
            self._engine.resume(job.id, result, claim=job.claims)
        failpoint("job.marked")

    def _finish(self, job: Job) -> None:
        with self._database.transaction() as tx:
            tx.jobs.finish(job.id)

    def _note_failure(self, job: Job, error: Exception) -> None:
        code, message = _told(error, "operation_failed")
        _log.warning("job %s (%s), try %s: %s", job.id, job.operation, job.tries, message, exc_info=error)
        failpoint("job.failed")
        pauses = self._pace.pauses(job)
        if job.tries > len(pauses):
            self._stop_trying(job, code, message)
            return
        delay = pauses[job.tries - 1]
        with self._database.transaction() as tx:
            tx.jobs.postpone(job.id, job.claims, message, delay)
            failpoint("job.postponed")

    def _stop_trying(self, job: Job, code: str, message: str) -> None:
        incident = NewIncident(
            code=code,
            message=message,
            key=job.key,
            node=job.node,
            data={"operation": job.operation}
            | {name: job.arguments[name] for name in job.arguments if name != "retry_after"},
            job_id=job.id,
        )
        with self._database.transaction() as tx:
            tx.jobs.stop(job.id, job.claims, incident)
            failpoint("job.stopped")

    def _thread(self, name: str, deed: Callable[[], object]) -> Thread:
        return Thread(target=self._repeat, args=(deed,), name=f"parcelflow-{name}", daemon=True)

    def _repeat(self, deed: Callable[[], object]) -> None:
        while not self._stopping.wait(self._pace.tick.total_seconds()):
            self._guarded(deed)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (Conflict, NotFound) as reason:
            _log.info("not now: %s", reason)
        except Exception:  # noqa: BLE001 - one fault must not stop the worker; what failed comes up again
            _log.exception("the worker goes on after a fault")

    def _at_times(self, name: str, every: timedelta, work: Callable[[], object]) -> None:
        now = monotonic()
        if now - self._last_done.get(name, float("-inf")) >= every.total_seconds():
            self._last_done[name] = now
            self._guarded(work)

    def _keep_beating(self) -> None:
        """Give signs of life until the last jobs have come to their end, whatever takes long, so that nobody takes them over."""
        while not self._ended.wait(self._pace.heartbeat.total_seconds()):
            self._guarded(self._beat)

    def _sign_off(self) -> None:
        with self._database.transaction() as tx:
            tx.jobs.hand_back(self._node, self._at_work)
            tx.nodes.forget(self._node)

    def _beat(self) -> None:
        with self._database.transaction() as tx:
            tx.nodes.beat(self._node)

    def _tidy(self) -> None:
        """Forget what is over; where there is more of it than goes at once, the rest at the next tick."""
        with self._database.transaction() as tx:
            tx.messages.expire()
            tx.sign_ins.sweep()
        if self._job_engine is None:
            return
        if self._job_engine.sweep(self._database.clock() - self._pace.kept_wake_ups) == MOST_SWEPT:
            self._last_done.pop("housekeeping", None)


def _told(error: Exception, unknown: str) -> tuple[str, str]:
    """Give the code and the message that people read of an error."""
    if isinstance(error, ParcelflowError):
        return error.code, error.message[:_LONGEST_MESSAGE]
    return unknown, f"{type(error).__name__}: {error}"[:_LONGEST_MESSAGE]
