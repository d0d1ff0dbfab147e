# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""The complex gateway: opens when its activation condition is true, then swallows what is late (BPMN 2.0, 13.4.5).

A round begins with the arrivals that make the condition true; one token goes on with what they have made. Until the round is
over, a keeper stands at the gateway and knows by which flows tokens have come. A late arrival on another flow ends there; what it
changed counts when the scope ends. The round is over when a token has come by each flow, or none can come any more.
Flows whose condition asks for `waitingForStart` are asked again then, with false. Without an activation condition it is an
inclusive gateway.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from engine.diagrams.attributes import ConflictPolicy as Policy
from engine.expressions.language import Expression
from engine.spiff.changes import shared
from engine.spiff.choices import all_matches
from engine.spiff.flows import Flow
from engine.spiff.joins import InclusiveGateway, oldest_per_flow
from engine.spiff.tokens import COMPLETED, WAITING, Token, gathered

COUNT: Final = "activationCount"
IS_FIRST: Final = "waitingForStart"


class ComplexGateway(InclusiveGateway):
    """Joins by a condition on what has arrived, splits like an inclusive gateway."""

    activation: Expression | None = None
    waits_for_all: ClassVar[bool] = True

    def arrived(self, token: Token) -> None:
        """Begin a round if the condition is true, or swallow what is late."""
        if self.activation is None:
            return
        keeper = self._keeper(token.workflow)
        if keeper is None:
            self._begin_round(token.workflow)
        elif not self._answers_again and token.flow not in keeper.facts["seen"]:
            keeper.facts["seen"] = [*keeper.facts["seen"], token.flow]
            self._swallow(token)

    def settle(self, net: Any) -> None:
        """End the round when nothing more can come, and open again what a conflict held up."""
        if self.activation is None:
            super().settle(net)
            return
        keeper = self._keeper(net)
        if keeper is not None and not self._more_can_come(net, keeper):
            self._end_round(net, keeper)
        elif keeper is None and any("settled" in token.facts for token in self._arrivals(net)):
            self._begin_round(net)

    def _run_hook(self, my_task: Token) -> bool:
        is_first = not my_task.facts.pop("is_reset", False)
        my_task.chosen = all_matches(self._flows_of(is_first=is_first), my_task, {IS_FIRST: is_first})
        return True

    def _flows_of(self, *, is_first: bool) -> Sequence[Flow]:
        return self.flows if is_first else [flow for flow in self.flows if _asks(flow)]

    @property
    def _answers_again(self) -> bool:
        return any(map(_asks, self.flows))

    def _keeper(self, net: Any) -> Token | None:
        here: list[Token] = net.waiting_at(self)
        return next((token for token in here if "seen" in token.facts), None)

    def _arrivals(self, net: Any) -> list[Token]:
        return [token for token in net.waiting_at(self) if "seen" not in token.facts]

    def _begin_round(self, net: Any) -> None:
        arrivals = self._arrivals(net)
        if not arrivals or any(token.fault is not None for token in arrivals) or not self._is_active(arrivals):
            return
        used = list(oldest_per_flow(arrivals).values())
        keep = self.fire(used)
        if keep is None:
            return
        if len(used) < len(self.lines):
            keeper = net.create(self, keep.parent, shared(keep.parent.data))
            keeper.flow, keeper.facts["seen"] = keep.flow, [token.flow for token in used]
            keeper._set_state(WAITING)
        keep._ready()

    def _is_active(self, arrivals: Sequence[Token]) -> bool:
        names = gathered(arrivals, Policy.LAST).variables
        return bool(self.activation and self.activation.evaluate({**names, COUNT: len(arrivals), IS_FIRST: True}))

    def _more_can_come(self, net: Any, keeper: Token) -> bool:
        late = oldest_per_flow(self._arrivals(net)).keys() if self._answers_again else ()
        return self.may_come(net, {*keeper.facts["seen"], *late})

    def _end_round(self, net: Any, keeper: Token) -> None:
        late = [
            token
            for flow, token in oldest_per_flow(self._arrivals(net)).items()
            if self._answers_again and flow not in keeper.facts["seen"]
        ]
        net.top_workflow.withdraw(keeper)
        if late and any(self._holds_again(flow, late[-1]) for flow in self.flows):
            keep = self.fire(late)
            if keep is not None:
                keep.facts["is_reset"] = True
                keep._ready()
        else:
            for token in late:
                self._swallow(token)
        self._begin_round(net)

    def _holds_again(self, flow: Flow, token: Token) -> bool:
        return _asks(flow) and bool(flow.condition and flow.condition.evaluate({**token.data, IS_FIRST: False}))

    def _swallow(self, token: Token) -> None:
        """Let a token end here; what it changed is merged when the scope ends."""
        net = token.workflow
        token._set_state(COMPLETED)
        net.top_workflow.retire(token)
        net.place(net.spec.end, token, token.data)


def _asks(flow: Flow) -> bool:
    return flow.condition is not None and IS_FIRST in flow.condition.names
