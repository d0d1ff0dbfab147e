# mypy: disallow-subclassing-any=False
"""Gateways that choose: which of their flows a token takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from SpiffWorkflow.bpmn.specs import defaults

from engine.spiff.faults import NoWayOut
from engine.spiff.flows import Flow
from engine.spiff.nodes import Node
from engine.spiff.tokens import Token


class ExclusiveGateway(Node, defaults.ExclusiveGateway):
    """Takes the first flow whose condition is true, else the default."""

    def _run_hook(self, my_task: Token) -> bool:
        my_task.chosen = [first_match(self.flows, my_task)]
        return True

    def outgoing(self, token: Token) -> Sequence[Flow]:
        """Name the chosen flow."""
        return token.chosen


def first_match(flows: Sequence[Flow], token: Token) -> Flow:
    """Find the one flow of an exclusive choice; a flow without a condition is taken if no other is."""
    for flow in flows:
        if flow.condition is not None and not flow.is_default and token.evaluate(flow.condition):
            return flow
    for flow in flows:
        if flow.is_default or flow.condition is None:
            return flow
    raise NoWayOut(
        f"No condition of {token.task_spec.title or token.task_spec.name} is true and it has no default flow."
    )


def all_matches(flows: Sequence[Flow], token: Token, more: Mapping[str, Any] | None = None) -> list[Flow]:
    """Find the flows of an inclusive choice: all whose condition is true, else the default; conditions may know more names."""
    plain = [flow for flow in flows if flow.condition is None and not flow.is_default]
    true = [
        flow
        for flow in flows
        if flow.condition is not None and not flow.is_default and token.evaluate(flow.condition, more)
    ]
    chosen = [flow for flow in flows if flow in plain or flow in true] or [flow for flow in flows if flow.is_default]
    if not chosen:
        raise NoWayOut(
            f"No condition of {token.task_spec.title or token.task_spec.name} is true and it has no default flow."
        )
    return chosen
