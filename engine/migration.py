"""Migration of running instances to another version of their process: planned, asked for, carried out.

A plan changes nothing and tells of each instance what would become of it. What is asked for is put down with its instances, in
chunks, and a job for each chunk; a job gives each instance its turn in a transaction of its own, together with the note that it
had its turn, so whatever interrupts it, the next try goes on with the rest. Asked to move all or none, one job moves all in one
transaction. An instance that cannot be carried over as it stands when its turn comes stays as it is, with the reasons on record.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import EngineError
from engine.operating import checked_reason
from engine.passages import Hurdle, MigrationRefused, Passage
from engine.recording import Cause, Course, item_row, job_row, subscription_row, timer_row
from engine.runtime import Engine, Programs, subject_of
from engine.spiff.execution import Execution
from engine.steps import OperationWait, SubscriptionWait, TimerWait, Wait, WorkWait
from storage.carrying import CarriedRows, carry_over
from storage.database import Database, Transaction
from storage.errors import Conflict, Invalid, NotFound, Unavailable, told_to_all
from storage.failpoints import failpoint
from storage.instance_migrations import CHUNK, Migration, MigrationState, Running
from storage.instances import LiveInstance
from storage.jobs import JobKind, NewJob
from storage.processes import InstanceState, ProcessDefinition

OPERATION = "migrate_instances"
MOST_PLANNED = 2_000
MOST_TOGETHER = 500
MOST_AT_ONCE = 20_000
_MOST_TOLD = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one instance."""

    running: Running
    passage: Passage


class _TurnedBackError(Exception):
    """One of those that move together cannot; nothing is moved."""

    def __init__(self, instance_id: int, hurdles: Sequence[Hurdle]) -> None:
        super().__init__(instance_id)
        self.instance_id, self.hurdles = instance_id, hurdles


class Migrator:
    """Carries instances over to other versions of their process; safe to share between threads."""

    def __init__(self, database: Database, engine: Engine, programs: Programs) -> None:
        self._database = database
        self._engine = engine
        self._programs = programs

    def plan(
        self, tx: Transaction, to: ProcessDefinition, mapping: Mapping[str, str], only: Sequence[int] | None = None
    ) -> list[Planned]:
        """Tell what would become of the running instances of other versions, of some thousands at most."""
        running = tx.migrations.running(to.key, to.version, MOST_PLANNED, only)
        return [Planned(one, self._passage(tx, one.instance_id, to, mapping)[1]) for one in running]

    def begin(
        self,
        to: ProcessDefinition,
        mapping: Mapping[str, str],
        actor: str,
        reason: str,
        *,
        together: bool = False,
        only: Sequence[int] | None = None,
        within: Callable[[Transaction, int], None] | None = None,
    ) -> int:
        """Put a migration down with the jobs that carry it out, and give its id; raises `Invalid` where nothing is to be moved.

        `within` does what must be written in the same commit.
        """
        said = checked_reason(reason)
        with self._database.transaction() as tx:
            instances = [one.instance_id for one in tx.migrations.running(to.key, to.version, MOST_AT_ONCE, only)]
            _check_number(instances, together=together)
            migration = Migration(
                process_key=to.key,
                definition_id=to.id,
                mapping=dict(mapping),
                is_together=together,
                reason=said,
                asked_by=actor,
                asked_at=tx.now,
            )
            chunks = tx.migrations.begin(migration, instances, len(instances) if together else CHUNK)
            for chunk in range(chunks):
                inputs = {"inputs": {"migration": migration.id, "chunk": chunk}}
                tx.jobs.add(NewJob(f"migrate:{migration.id}:{chunk}", OPERATION, JobKind.TASK, inputs))
            details = {"process": to.key, "version": to.version, "reason": said, "instances": len(instances)}
            tx.audit.record("system", actor, "process.migration_asked", f"migration:{migration.id}", details)
            if within is not None:
                within(tx, migration.id)
            failpoint("migrate.asked")
            return migration.id

    def run(self, migration_id: int, chunk: int) -> None:
        """Give each instance of a chunk that still waits its turn; whatever interrupts this, it can be called again."""
        with self._database.reading() as tx:
            migration = tx.migrations.one(migration_id)
            waiting = tx.migrations.waiting(migration_id, chunk)
        if migration.is_together:
            self._run_together(migration, waiting)
            return
        failed = [told for instance_id in waiting if (told := self._run_alone(migration, instance_id))]
        if failed:
            raise MigrationRefused(" ".join(failed[:_MOST_TOLD]))

    def _run_alone(self, migration: Migration, instance_id: int) -> str | None:
        """Give one instance its turn; tells what it has failed with, which keeps no others from theirs."""
        failpoint("migrate.begun")
        try:
            self._engine.transact(lambda tx: self._turn(tx, migration, instance_id))
        except Unavailable:
            raise
        except Exception as reason:  # noqa: BLE001 - it waits for its next turn, and the job that gives it tells why
            _log.warning("instance %s is not moved yet: %s", instance_id, reason, exc_info=reason)
            return f"Instance {instance_id} could not be moved: {told_to_all(reason)}"
        failpoint("migrate.committed")
        return None

    def _run_together(self, migration: Migration, waiting: Sequence[int]) -> None:
        def all_of_them(tx: Transaction) -> None:
            for instance_id in waiting:
                hurdles = self._turn(tx, migration, instance_id)
                if hurdles:
                    raise _TurnedBackError(instance_id, hurdles)

        try:
            self._engine.transact(all_of_them)
        except _TurnedBackError as turned:
            first = turned
            self._engine.transact(lambda tx: _turn_all_back(tx, migration, waiting, first))

    def _turn(self, tx: Transaction, migration: Migration, instance_id: int) -> Sequence[Hurdle]:
        """Carry one instance over, or write down why not; gives the hurdles."""
        to = tx.deployments.definition(migration.definition_id)
        settle = tx.migrations.settle
        try:
            live = tx.processes.live(instance_id, also_suspended=True)
        except (NotFound, Conflict):
            settle(migration.id, instance_id, MigrationState.GONE)
            return ()
        execution, passage = self._passage(tx, instance_id, to, migration.mapping)
        if execution is not None and passage.is_possible:
            self._carry_over(tx, live, execution, to, migration)
            settle(migration.id, instance_id, MigrationState.MOVED)
        else:
            settle(migration.id, instance_id, MigrationState.REFUSED, _texts(passage.hurdles))
        failpoint("migrate.settled")
        return passage.hurdles

    def _passage(
        self, tx: Transaction, instance_id: int, to: ProcessDefinition, mapping: Mapping[str, str]
    ) -> tuple[Execution | None, Passage]:
        """Look at what would become of an instance; that it cannot be loaded is a hurdle of its own."""
        program = self._programs.of(tx, to.deployment_id)
        try:
            execution = self._engine.load(tx, tx.processes.one(instance_id))
            return execution, execution.passage(program, mapping)
        except EngineError as reason:
            return None, Passage((), (), (), (Hurdle("", reason.message),))

    def _carry_over(
        self, tx: Transaction, live: LiveInstance, execution: Execution, to: ProcessDefinition, migration: Migration
    ) -> None:
        before, stuck = _by_number(execution.waits()), {one.key: one for one in execution.stuck()}
        program = self._programs.of(tx, to.deployment_id)
        carried = execution.migrate(program, migration.mapping, tx.now, status=live.status)
        rows = _rows(before, _by_number(carried.waits()), stuck, {_number(one.key): one for one in carried.stuck()})
        carry_over(tx, tx.jobs, live.id, to.id, rows)
        failpoint("migrate.rows_carried")
        rests = live.state is InstanceState.SUSPENDED
        details = {"reason": migration.reason, "process": to.key, "version": to.version, "migration": migration.id}
        cause = Cause("process.migrated", migration.asked_by, subject_of(live), details=details, rests=rests)
        course = Course(live, carried)
        course.add(carried.settle_in(tx.now, rests=rests))
        self._engine.conclude(tx, course, cause)


def _check_number(instances: Collection[int], *, together: bool) -> None:
    if not instances:
        raise Invalid("No instance of another version runs; there is nothing to be moved.")
    if together and len(instances) > MOST_TOGETHER:
        raise Invalid(f"At most {MOST_TOGETHER} instances are moved all or none; move each by itself, or choose some.")


def _turn_all_back(tx: Transaction, migration: Migration, waiting: Sequence[int], turned: _TurnedBackError) -> None:
    for instance_id in waiting:
        hurdles = turned.hurdles
        if instance_id != turned.instance_id:
            hurdles = [Hurdle("", f"Instance {turned.instance_id} cannot be moved, and all or none were to be.")]
        tx.migrations.settle(migration.id, instance_id, MigrationState.REFUSED, _texts(hurdles))


def _texts(hurdles: Iterable[Hurdle]) -> list[tuple[str, str]]:
    return [(one.node, one.reason) for one in hurdles]


def _number(key: str) -> int:
    return int(key.rpartition(":")[2])


def _by_number(waits: Iterable[Wait]) -> dict[int, Wait]:
    return {_number(wait.key): wait for wait in waits}


def _rows(
    before: Mapping[int, Wait], after: Mapping[int, Wait], stuck: Mapping[str, Any], stuck_after: Mapping[int, Any]
) -> CarriedRows:
    """Give what is different about the rows of what goes on waiting, and the keys of what does not."""
    pairs = [(wait, after[number]) for number, wait in before.items() if number in after and after[number] != wait]
    renamed = [(key, stuck_after[_number(key)]) for key in stuck if _number(key) in stuck_after]
    renamed += [(old.key, new) for old, new in pairs if isinstance(new, OperationWait | WorkWait)]
    return CarriedRows(
        items=[(old.key, item_row(new)) for old, new in pairs if isinstance(new, WorkWait)],
        jobs=[(old.key, job_row(new)) for old, new in pairs if isinstance(new, OperationWait)],
        timers=[(old.key, timer_row(new)) for old, new in pairs if isinstance(new, TimerWait)],
        subscriptions=[(old.key, subscription_row(new)) for old, new in pairs if isinstance(new, SubscriptionWait)],
        troubled=[(key, one.key, one.node) for key, one in renamed if one.key != key],
        ended=[wait.key for number, wait in before.items() if number not in after],
    )


def migrating_operation(migrator: Migrator) -> Callable[[Any], Mapping[str, Any]]:
    """Give the operation that the jobs of migrations call."""

    def migrate(call: Any) -> Mapping[str, Any]:
        migrator.run(call.inputs["migration"], call.inputs["chunk"])
        return {}

    return migrate
