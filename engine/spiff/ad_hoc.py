# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Ad-hoc subprocesses: everything in it that no flow leads to begins, at once or one after the other (BPMN 2.0, 10.3.5).

The completion condition is looked at whenever an activity inside is done. Once it is true nothing new begins; what still runs is
withdrawn, or waited for if `cancelRemainingInstances` is false. When all is done and the condition is not true, the subprocess is
stuck: an operator corrects the data.
"""

from typing import Any

from engine.expressions.evaluation import MissingVariable
from engine.expressions.language import Expression
from engine.spiff.nesting import SubProcess
from engine.spiff.nets import InnerNet
from engine.spiff.tokens import COMPLETED, Token


class AdHocSubProcess(SubProcess):
    """A subprocess without a prescribed order."""

    heads: tuple[Any, ...] = ()
    condition: Expression | None = None
    cancels_rest: bool = True
    is_sequential: bool = False

    def starts(self, token: Token, scope: Any) -> list[Any]:
        """Name what begins first."""
        del scope
        first = self.heads[:1] if self.is_sequential else self.heads
        token.facts["begun"] = len(first)
        return list(first)

    def completed_one(self, owner: Token, done: Token) -> bool:
        """Look at the condition after an activity; tell whether the whole subprocess has ended by it."""
        net = done.workflow
        variables = net.variables(done)
        if owner.facts.get("is_enough") or not self._holds(variables):
            return False
        owner.facts["is_enough"] = True
        if self.cancels_rest:
            net.spec.end.end(net, variables)
        return self.cancels_rest

    def goes_on(self, owner: Token, last: Token) -> bool:
        """Begin the next one when nothing lives inside any more; tell whether the subprocess goes on."""
        net, begun, is_enough = last.workflow, owner.facts["begun"], owner.facts.get("is_enough", False)
        if not is_enough and begun < len(self.heads):
            owner.facts["begun"] = begun + 1
            last._set_state(COMPLETED)
            net.top_workflow.retire(last)
            net.place(self.heads[begun], last, last.data)
            return True
        if is_enough or self.condition is None or self._holds(last.data):
            return False
        message = f"Everything in {self.title or self.name} is done, but its completion condition is not true."
        net.top_workflow.block(last, "merge", "ad_hoc_unfinished", message, self.condition.text)
        return True

    def _holds(self, variables: dict[str, Any]) -> bool:
        try:
            return self.condition is not None and bool(self.condition.evaluate(variables))
        except MissingVariable:
            return False

    def net_ended(self, token: Token, net: InnerNet) -> None:
        """Forget how far it had come."""
        token.facts.pop("begun", None)
        token.facts.pop("is_enough", None)
        super().net_ended(token, net)
