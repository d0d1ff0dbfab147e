"""Faults planted into the children of a siege, each in its own process, to see that the siege finds them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from busy_day import MORNING, Kit, Place
from fakes import FakeClock
from sqlalchemy import bindparam, delete, insert, update

from engine import runtime
from engine.firing import Fired
from engine.kept import KeptExecutions, Saved
from engine.operations.call import Call, Operation
from engine.recording import Cause
from engine.runtime import Engine
from engine.spiff.execution import Execution
from engine.spiff.program import Program
from engine.worker import Worker
from storage import steps
from storage.database import Transaction
from storage.failpoints import failpoint
from storage.instances import Processes
from storage.jobs import Job
from storage.processes import BufferedMessage, ProcessInstance
from storage.statements import Batch, Fixed
from storage.steps import NewMessage, StepRecord
from storage.timers import Timer


def split_transaction() -> None:
    """Commit the state before the rows that belong to it."""
    write_states = steps._write_states

    def write_and_commit(batch: Batch, unit: Transaction, records: Sequence[StepRecord]) -> None:
        write_states(batch, unit, records)
        batch.send()
        failpoint("step.state_saved")
        if unit.is_postgresql:
            unit.connection.connection.driver_connection.commit()  # type: ignore[union-attr]
        else:
            unit.connection.exec_driver_sql("COMMIT")
            unit.connection.exec_driver_sql("BEGIN IMMEDIATE")

    steps._write_states = write_and_commit


def no_version_check() -> None:
    """Write a state whatever somebody else has written meanwhile."""
    row = ProcessInstance.__table__.c
    values = dict.fromkeys(("version", "snapshot", "state", "ended_at", "failure", "end_reason"))
    names = ("next", "bytes", "now_state", "ended", "broken", "why")
    chosen = {column: bindparam(name) for column, name in zip(values, names, strict=True)}
    unguarded = update(ProcessInstance).where(row.id == bindparam("instance"), bindparam("seen") >= 0)
    steps._STATE = Fixed(unguarded.values(**chosen))


def without_unique_key(place: Place) -> None:
    """Take away from the database what tells a message that comes again."""
    database = place.open(FakeClock(MORNING))
    with database.engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("buffered_message") as table:
            table.drop_constraint("uq_buffered_message_request_key", type_="unique")
    database.close()


def no_unique_key() -> None:
    """Put each message down as a new one."""

    def post(self: Processes, message: NewMessage, life: timedelta, request_key: str | None = None) -> int | None:
        row = message.row(self._unit.now, life) | {"request_key": request_key}
        return self._unit.connection.execute(insert(BufferedMessage).values(row).returning(BufferedMessage.id)).scalar()

    Processes.post = post  # type: ignore[method-assign]


class HastyWorker(Worker):
    """Marks an operation as done before it is carried out."""

    def _call(self, job: Job, operation: Operation) -> None:
        if job.instance_id is None:
            super()._call(job, operation)
            return
        call = Call(job.call_key, job.parcel_id, job.instance_id, job.arguments.get("inputs", {}))
        self._engine.resume(job.id, {})
        failpoint("job.operation_done")
        operation(call)


class HastyEngine(Engine):
    """Strikes out a timer in a transaction of its own before it fires, and fires each by itself."""

    def fire_due(self, but_for: Collection[int] = ()) -> Fired:
        with self._database.reading() as tx:
            due = [timer.id for timer in tx.timers.due() if timer.instance_id and timer.id not in but_for]
        return Fired(sum(self.fire_timer(timer_id) for timer_id in due))

    def fire_timer(self, timer_id: int) -> bool:
        with self._database.transaction() as tx:
            timer = tx.timers.one(timer_id)
            if timer is None or timer.instance_id is None or timer.due_at > tx.now:
                return False
            key, instance = timer.key, timer.instance_id
            tx.connection.execute(delete(Timer).where(Timer.id == timer_id))
        failpoint("timer.claimed")

        def fire(tx: Transaction) -> bool:
            live = tx.processes.live(instance)
            cause = Cause("timer.fired", "system", f"instance:{live.id}", key=key)
            self.move(tx, live, lambda execution, now: execution.fire(key, now), cause)
            return True

        return self.transact(fire)


class StickyExecutions(KeptExecutions):
    """Keeps what was loaded first, whatever becomes of the transaction and whatever others do."""

    def take(self, program: Program, saved: Saved) -> Execution:
        if saved.instance_id not in self._kept:
            self._kept[saved.instance_id] = saved, program, Execution.load(program, saved.snapshot)
        return self._kept[saved.instance_id][2]

    def keep(self, program: Program, saved: Saved, execution: Execution) -> None:
        self._kept[saved.instance_id] = saved, program, execution


def cache_not_dropped() -> None:
    """Let the engine keep executions for good."""
    runtime.KeptExecutions = StickyExecutions  # type: ignore[misc,attr-defined]


FAULTS: Mapping[str, Kit] = {
    "split transaction": Kit(plant=split_transaction),
    "mark before send": Kit(worker=HastyWorker),
    "no version check": Kit(plant=no_version_check),
    "no unique key": Kit(plant=no_unique_key),
    "timer fired before commit": Kit(engine=HastyEngine),
    "cache not dropped": Kit(plant=cache_not_dropped),
}
