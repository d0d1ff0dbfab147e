"""What happens between two stable points of an instance, collected for the caller."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.spiff.tokens import Token
from engine.steps import ExecutionState, Failure, Step, Stuck, Thrown, Visit, VisitKind, Wait


class Journal:
    """Collects visits, flows, waits, statuses and what was thrown; only ids of the drawn diagram get in."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.visits: list[Visit] = []
        self.flows: list[str] = []
        self.opened: dict[str, Wait] = {}
        self.closed: list[str] = []
        self.thrown: list[Thrown] = []
        self.statuses: list[str] = []
        self.stuck: list[Stuck] = []
        self.is_given = False

    def entered(self, token: Token) -> None:
        """Note that a token reached a flow node, and the status the node sets."""
        self._visit(token, VisitKind.ENTERED)
        status = token.task_spec.status
        if status and (not self.statuses or self.statuses[-1] != status):
            self.statuses.append(status)

    def renamed(self, token: Token) -> None:
        """Note that a token stands at a flow node of another name from now on."""
        self._visit(token, VisitKind.ENTERED)

    def completed(self, token: Token) -> None:
        """Note that a flow node is done."""
        self._visit(token, VisitKind.COMPLETED)

    def withdrawn(self, token: Token) -> None:
        """Note that a token was taken away before its flow node was done."""
        self._visit(token, VisitKind.WITHDRAWN)

    def failed(self, token: Token) -> None:
        """Note that a flow node cannot go on, or was left by an error."""
        self._visit(token, VisitKind.FAILED)

    def _visit(self, token: Token, what: VisitKind) -> None:
        if token.task_spec.drawn is not None and not token.task_spec.is_silent:
            self.visits.append(Visit(token.task_spec.drawn, token.workflow.process, what, self.now, token.key))

    def went(self, flow: str | None) -> None:
        """Note that a token took a sequence flow; None for one that nobody drew."""
        if flow is not None:
            self.flows.append(flow)

    def open(self, wait: Wait) -> None:
        """Note that a token waits for the world outside."""
        self.opened[wait.key] = wait

    def close(self, key: str) -> None:
        """Note that a wait is over; one that began in this same step was never there."""
        if self.opened.pop(key, None) is None:
            self.closed.append(key)

    def step(self, state: ExecutionState, failure: Failure | None) -> Step:
        """Give what was collected, once."""
        self.is_given = True
        return Step(
            visits=tuple(self.visits),
            flows=tuple(self.flows),
            opened=tuple(self.opened.values()),
            closed=tuple(self.closed),
            thrown=tuple(self.thrown),
            statuses=tuple(self.statuses),
            stuck=tuple(self.stuck),
            state=state,
            failure=failure,
        )


def stuck_at(token: Token, fault: Mapping[str, Any]) -> Stuck:
    """Describe a token that cannot go on."""
    spec = token.task_spec
    ahead = next((flow.target.drawn for flow in spec.flows if flow.target.drawn), None)
    return Stuck(
        key=token.key,
        node=spec.drawn or ahead or token.workflow.spec.drawn or spec.name,
        process=token.workflow.process,
        code=fault["code"],
        message=fault["message"],
        expression=fault.get("expression"),
        data=token.data,
    )
