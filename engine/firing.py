"""Due timers of many instances at once: the moves are worked out in memory and written together.

Whoever concerns others (by a message or a signal), cannot be loaded, or belongs to the same instance or parcel as another one of
the group, is left to be fired alone, or in a later group. Nothing is written before `write`, and that writes all or nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.recording import Cause, Move, begin
from engine.spiff.execution import Execution
from engine.spiff.program import Program
from storage.database import Transaction
from storage.instances import DueTimer
from storage.steps import StepRecord

MOST_TOGETHER = 100
"""Timers fired in one transaction."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of due timers: how many were fired, and the ids of those that could not be."""

    count: int = 0
    failed: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there was anything to do."""
        return bool(self.count or self.failed)


@dataclass(frozen=True, slots=True)
class Firing:
    """The firing of one timer, worked out; without a record it has to be done alone."""

    due: DueTimer
    cause: Cause | None = None
    record: StepRecord | None = None


def prepare(tx: Transaction, programs: Callable[[int], Program], due: Iterable[DueTimer]) -> list[Firing]:
    """Work out what firing the timers does; of several that share an audit chain only the first one."""
    first: dict[str, DueTimer] = {}
    for timer in due:
        first.setdefault(timer.live.chain, timer)
    return [_prepared(tx, programs, timer) for timer in first.values()]


def write(tx: Transaction, firings: Sequence[Firing]) -> None:
    """Write firings that have a record; raises `StaleVersion` when one of the instances was moved meanwhile."""
    for firing in firings:
        live, cause = tx.processes.usable(firing.due.live), firing.cause
        if cause is not None:
            tx.audit.record(live.chain, cause.actor, cause.action, cause.subject, cause.details)
    tx.processes.apply_all([firing.record for firing in firings if firing.record is not None])


def firing_of(key: str) -> Move:
    """Give the move that lets a timer go off."""
    return lambda execution, now: execution.fire(key, now)


def fired(execution: Execution, node: str, key: str, instance_id: int, now: datetime) -> Cause:
    """Give the cause that a fired timer is, with the number of times that its cycle has missed, if any."""
    missed = execution.times_missed(key, now)
    details = {"node": node, "times_missed": missed} if missed else {"node": node}
    return Cause("timer.fired", "system", f"instance:{instance_id}", key=key, details=details)


def _prepared(tx: Transaction, programs: Callable[[int], Program], due: DueTimer) -> Firing:
    try:
        execution = Execution.load(programs(due.live.deployment_id), due.live.snapshot)
        cause = fired(execution, due.node, due.key, due.live.id, tx.now)
        course = begin(due.live, execution, firing_of(due.key), cause, tx.now)
        if course.reaches_out():
            return Firing(due)
        return Firing(due, course.told(cause), course.record(cause))
    except Exception:  # noqa: BLE001 - it is raised again, and told, when the timer is fired alone
        return Firing(due)
