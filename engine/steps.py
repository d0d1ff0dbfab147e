"""Values that pass between the executing engine and its run time: what an instance waits for, and what one step did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class WaitKind(StrEnum):
    """What a token can wait for outside the diagram."""

    WORK = "work"
    OPERATION = "operation"
    MESSAGE = "message"
    SIGNAL = "signal"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing a token waits for.

    `key` is unique within the instance for ever (flow node and a running number), so it serves as idempotency key and as
    the name of the row that remembers the wait.
    """

    key: str
    kind: WaitKind
    node: str
    process: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class WorkWait(Wait):
    """A user or manual task that waits for a person."""

    form: str | None = None
    candidate_groups: tuple[str, ...] = ()
    assignee: str | None = None
    due_at: datetime | None = None
    priority: int = 50
    outcome: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class OperationWait(Wait):
    """A service task, or a send task with an operation, that waits for the operation's result."""

    operation: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    retry_after: tuple[timedelta, ...] | None = None
    """The pauses between tries, where the diagram says so."""


@dataclass(frozen=True, slots=True)
class SubscriptionWait(Wait):
    """A catching message or signal event, or a receive task (`kind` tells which)."""

    message: str = ""
    correlation_key: str | None = None


@dataclass(frozen=True, slots=True)
class TimerWait(Wait):
    """A timer event; `due_at` is aware UTC."""

    due_at: datetime | None = None


class VisitKind(StrEnum):
    """What happened to a flow node in a step."""

    ENTERED = "entered"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Visit:
    """One flow node of the drawn diagram entered, completed, withdrawn or failed."""

    node: str
    process: str
    what: VisitKind
    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Thrown:
    """A message or signal that leaves the instance."""

    kind: WaitKind
    name: str
    payload: Mapping[str, Any]
    correlation_key: str | None
    key: str
    time_to_live: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Stuck:
    """A token that cannot go on: the element, the expression and the data that broke it."""

    key: str
    node: str
    process: str
    code: str
    message: str
    expression: str | None
    data: Mapping[str, Any]


class ExecutionState(StrEnum):
    """The state of an execution as a whole."""

    ACTIVE = "active"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """A BPMN error that nobody caught; it ends the instance."""

    code: str
    node: str
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one advance of an instance did, from one stable point to the next."""

    visits: tuple[Visit, ...]
    flows: tuple[str, ...]
    opened: tuple[Wait, ...]
    closed: tuple[str, ...]
    thrown: tuple[Thrown, ...]
    statuses: tuple[str, ...]
    stuck: tuple[Stuck, ...]
    state: ExecutionState
    failure: Failure | None
