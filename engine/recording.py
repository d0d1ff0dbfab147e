"""What one transaction did to an instance, gathered over its steps and turned into the rows to be written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.spiff.execution import Execution
from engine.steps import (
    ExecutionState,
    Failure,
    OperationWait,
    Step,
    Stuck,
    SubscriptionWait,
    Thrown,
    TimerWait,
    Wait,
    WaitKind,
    WorkWait,
)
from storage.errors import Conflict
from storage.failpoints import failpoint
from storage.incidents import NewIncident
from storage.instances import LiveInstance
from storage.jobs import NewJob
from storage.processes import InstanceState, SubscriptionKind
from storage.steps import CompletedItem, NewItem, NewSubscription, NewTimer, StepRecord

Move = Callable[[Execution, datetime], Step]
_STATES = {
    ExecutionState.ACTIVE: InstanceState.ACTIVE,
    ExecutionState.COMPLETED: InstanceState.COMPLETED,
    ExecutionState.TERMINATED: InstanceState.TERMINATED,
    ExecutionState.FAILED: InstanceState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an instance moves: who does what to which thing, and the key of the wait that is settled by it."""

    action: str
    actor: str
    subject: str
    key: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    on_behalf_of: str | None = None
    completed: CompletedItem | None = None
    done_job_id: int | None = None
    end_reason: str | None = None
    rests: bool = False
    """Whether the instance is suspended, and stays so."""


def begin(live: LiveInstance, execution: Execution, move: Move, cause: Cause, now: datetime) -> "Course":
    """Make a move and give the course it has begun; raises `Conflict` when the wait is gone that it would settle."""
    course = Course(live, execution, is_new=not live.snapshot)
    if cause.key and not execution.awaits(cause.key):
        raise Conflict("The process does not wait for this any more; load the page again.")
    course.add(move(execution, now))
    failpoint("step.run")
    return course


class Course:
    """The steps an instance takes within one transaction, one after the other; of a new one, nothing is on record yet."""

    def __init__(self, live: LiveInstance, execution: Execution, *, is_new: bool = False) -> None:
        self.live = live
        self.steps: list[Step] = []
        self.execution = execution
        if not is_new:
            execution.watch()
        self._stuck_before = {stuck.key for stuck in execution.stuck()} if live.has_incidents else set()
        self._taken = 0

    def add(self, step: Step) -> None:
        """Add the next step."""
        self.steps.append(step)

    def new_throws(self) -> list[Thrown]:
        """Give what was thrown since the last call."""
        thrown = [thrown for step in self.steps[self._taken :] for thrown in step.thrown]
        self._taken = len(self.steps)
        return thrown

    def reaches_out(self) -> bool:
        """Tell whether something was thrown, or a message is newly waited for, so that others are concerned."""
        thrown = any(step.thrown for step in self.steps[self._taken :])
        return thrown or any(isinstance(wait, SubscriptionWait) for wait in self.opened())

    def opened(self) -> list[Wait]:
        """Give the waits that these steps have opened, oldest first."""
        return [now for _, now in self.execution.changes() if now is not None]

    def told(self, cause: Cause) -> Cause:
        """Give the cause with what the audit keeps of the steps among its details."""
        return replace(cause, details=self.details(cause))

    def details(self, cause: Cause) -> dict[str, Any]:
        """Give what the audit keeps: the cause's own details, and those of the steps."""
        return {**cause.details, **self.trace()}

    def trace(self) -> dict[str, Any]:
        """Give what the audit keeps of the steps: flow nodes visited and flows taken, by their drawn ids, in order."""
        visits = [[visit.process, visit.node, visit.what.value] for step in self.steps for visit in step.visits]
        return {"visits": visits, "flows": [flow for step in self.steps for flow in step.flows]}

    def record(self, cause: Cause) -> StepRecord:
        """Give the rows to be written; what is waited for after the last step decides what was opened and closed."""
        execution, changes = self.execution, self.execution.changes()
        opened = [wait for _, wait in changes if wait is not None]
        before = [wait for wait, _ in changes if wait is not None]
        closed = [wait for wait in before if wait.key != cause.key]
        settled = [wait for wait in before if wait.key == cause.key]
        stuck = {one.key: one for one in execution.stuck()} if self.has_stuck else {}
        state, failure = _STATES[self.steps[-1].state], self.steps[-1].failure
        if cause.rests and state is InstanceState.ACTIVE:
            state = InstanceState.SUSPENDED
        return StepRecord(
            instance_id=self.live.id,
            version=self.live.version,
            parcel_id=self.live.parcel_id,
            snapshot=execution.save(),
            state=state,
            failure=_failure(failure),
            end_reason=cause.end_reason,
            completed=cause.completed,
            done_job_id=cause.done_job_id,
            items=tuple(item_row(wait) for wait in opened if isinstance(wait, WorkWait)),
            jobs=tuple(job_row(wait) for wait in opened if isinstance(wait, OperationWait)),
            timers=tuple(timer_row(wait) for wait in opened if isinstance(wait, TimerWait)),
            subscriptions=tuple(subscription_row(wait) for wait in opened if isinstance(wait, SubscriptionWait)),
            incidents=tuple(_incident(one) for key, one in stuck.items() if key in self._newly_stuck()),
            withdrawn_items=_keys(closed, WorkWait),
            cancelled_jobs=_keys(closed, OperationWait),
            closed_timers=_keys([*closed, *settled], TimerWait),
            closed_subscriptions=_keys([*closed, *settled], SubscriptionWait),
            closed_incidents=self._closed_incidents(state, stuck),
            statuses=self._statuses(),
        )

    @property
    def has_stuck(self) -> bool:
        """Tell whether a token is stuck, or may be."""
        return self.live.has_incidents or any(step.stuck for step in self.steps)

    def _newly_stuck(self) -> set[str]:
        return {stuck.key for step in self.steps for stuck in step.stuck}

    def _closed_incidents(self, state: InstanceState, stuck: Mapping[str, Stuck]) -> tuple[str, ...] | None:
        if not self.live.has_incidents:
            return ()
        if state not in (InstanceState.ACTIVE, InstanceState.SUSPENDED):
            return None
        return tuple(sorted(self._stuck_before - set(stuck)))

    def _statuses(self) -> tuple[str, ...]:
        statuses: list[str] = []
        current = self.live.status
        for status in (status for step in self.steps for status in step.statuses):
            if status != current:
                statuses.append(status)
            current = status
        return tuple(statuses)


def _failure(failure: Failure | None) -> Mapping[str, Any] | None:
    return None if failure is None else {"code": failure.code, "node": failure.node, "message": failure.message}


def _keys(waits: Iterable[Wait], kind: type[Wait]) -> tuple[str, ...]:
    return tuple(wait.key for wait in waits if isinstance(wait, kind))


def item_row(wait: WorkWait) -> NewItem:
    """Give the row of a work item."""
    return NewItem(
        key=wait.key,
        node=wait.node,
        name=wait.name or wait.node,
        process_key=wait.process,
        form=wait.form,
        groups=wait.candidate_groups,
        assignee=wait.assignee,
        due_at=wait.due_at,
        priority=wait.priority,
        outcome_field=wait.outcome,
        instructions=wait.instructions,
    )


def job_row(wait: OperationWait) -> NewJob:
    """Give the row of an operation that is owed."""
    arguments: dict[str, Any] = {"inputs": dict(wait.inputs)}
    if wait.retry_after is not None:
        arguments["retry_after"] = list(wait.retry_after)
    return NewJob(key=wait.key, operation=wait.operation, arguments=arguments, node=wait.node)


def timer_row(wait: TimerWait) -> NewTimer:
    """Give the row of a timer."""
    if wait.due_at is None:
        raise ValueError(f"The timer {wait.key} waits for no time.")
    return NewTimer(key=wait.key, node=wait.node, due_at=wait.due_at)


def subscription_row(wait: SubscriptionWait) -> NewSubscription:
    """Give the row of a message or signal that is waited for."""
    kind = SubscriptionKind.SIGNAL if wait.kind is WaitKind.SIGNAL else SubscriptionKind.MESSAGE
    return NewSubscription(key=wait.key, kind=kind, name=wait.message, correlation_key=wait.correlation_key)


def _incident(stuck: Stuck) -> NewIncident:
    return NewIncident(
        code=stuck.code,
        message=stuck.message,
        key=stuck.key,
        node=stuck.node,
        expression=stuck.expression,
        data=stuck.data,
    )
