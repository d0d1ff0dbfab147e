# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Gateways where tokens meet, and the end of a net.

Each arrival is one waiting token that remembers the flow it came by. A join looks at nothing else: no history, no rounds.
So it is right in every loop and nesting. It consumes the oldest arrival of each flow and goes on with the youngest of
them; what arrived in excess waits for the next round.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from SpiffWorkflow.bpmn.specs import control, defaults

from engine.diagrams.attributes import ConflictPolicy as Policy
from engine.spiff.changes import merge
from engine.spiff.choices import all_matches
from engine.spiff.faults import MergeConflict
from engine.spiff.flows import Flow
from engine.spiff.nodes import Node
from engine.spiff.tokens import CANCELLED, WAITING, Token, gathered, move_to_common_ancestor
from engine.spiff.triggers import TOLD


class Join(Node):
    """A node where several flows meet."""

    policy: Policy = Policy.REFUSE
    enters_on_arrival: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    def _update_hook(self, my_task: Token) -> bool:
        if len(self.lines) < 2:  # noqa: PLR2004
            return True
        my_task.order = my_task.workflow.top_workflow.next_number()
        my_task._set_state(WAITING)
        self.arrived(my_task)
        return False

    def arrived(self, token: Token) -> None:
        """Look whether the join may open now."""

    def fire(self, used: Sequence[Token]) -> Token | None:
        """Consume arrivals and go on with the youngest; a conflict stops it and leaves all of them waiting."""
        keep = used[-1]
        top = keep.workflow.top_workflow
        try:
            keep.data = self.merged(used, keep.facts.pop("settled", ()))
        except MergeConflict as conflict:
            top.block(keep, "merge", conflict.code, conflict.message)
            return None
        if len(used) > 1:
            move_to_common_ancestor(used, keep)
        for token in used[:-1]:
            token._set_state(CANCELLED)
            top.retire(token)
        return keep

    def merged(self, used: Sequence[Token], settled: Iterable[str] = ()) -> dict[str, Any]:
        """Merge what arrived; variables named in `settled` were set by hand and cannot conflict."""
        if len(used) == 1:
            only: dict[str, Any] = used[0].data
            return only
        policy = Policy.LAST if self.policy is Policy.REFUSE else self.policy
        merged = gathered(used, policy)
        open_conflicts = [path for path in merged.conflicts if path[0] not in {*settled, *TOLD}]
        if open_conflicts and self.policy is Policy.REFUSE:
            names = ", ".join(sorted({".".join(path) for path in open_conflicts}))
            raise MergeConflict(
                f"At {self.place} two branches changed {names} in different ways; set the value and retry."
            )
        by_hand = {name: used[-1].data[name] for name in settled if name in used[-1].data}
        return {**merged.variables, **by_hand}

    @property
    def place(self) -> str:
        """Say where it is, for people."""
        return str(self.title or self.drawn or self.name)


def oldest_per_flow(arrivals: Iterable[Token]) -> dict[str | None, Token]:
    """Take the oldest arrival of each flow, in order of arrival."""
    oldest: dict[str | None, Token] = {}
    for token in arrivals:
        oldest.setdefault(token.flow, token)
    return oldest


class ParallelGateway(Join, defaults.ParallelGateway):
    """Waits for one token on each incoming flow, then sends one along each outgoing flow."""

    waits_for_all: ClassVar[bool] = True

    def arrived(self, token: Token) -> None:
        """Open when every incoming flow has a token."""
        arrivals = token.workflow.waiting_at(self)
        oldest = oldest_per_flow(arrivals)
        if len(oldest) == len(self.lines) and all(arrival.fault is None for arrival in oldest.values()):
            keep = self.fire(list(oldest.values()))
            if keep is not None:
                keep._ready()

    def settle(self, net: Any) -> None:
        """Open again what a conflict held up."""
        held = [token for token in net.waiting_at(self) if "settled" in token.facts]
        if held:
            self.arrived(held[0])


class QuantityJoin(Join, defaults.ParallelGateway):
    """Collects a number of tokens, by whatever flow they come, and goes on with one."""

    quantity: int = 1
    waits_for_all: ClassVar[bool] = True

    def _update_hook(self, my_task: Token) -> bool:
        my_task.order = my_task.workflow.top_workflow.next_number()
        my_task._set_state(WAITING)
        self.settle(my_task.workflow)
        return False

    def settle(self, net: Any) -> None:
        """Open while there are enough tokens."""
        while len(arrivals := net.waiting_at(self)) >= self.quantity:
            used = arrivals[: self.quantity]
            if any(arrival.fault is not None for arrival in used):
                return
            keep = self.fire(used)
            if keep is None:
                return
            keep._ready()


class InclusiveGateway(Join, defaults.InclusiveGateway):
    """Waits for every token that can still come, then takes all flows whose condition is true."""

    def _run_hook(self, my_task: Token) -> bool:
        my_task.chosen = all_matches(self.flows, my_task)
        return True

    def outgoing(self, token: Token) -> Sequence[Flow]:
        """Name the flows whose condition is true."""
        return token.chosen

    def settle(self, net: Any) -> None:
        """Open while tokens have arrived and nothing more can come."""
        while arrivals := net.waiting_at(self):
            oldest = oldest_per_flow(arrivals)
            if any(arrival.fault is not None for arrival in oldest.values()) or self.may_come(net, oldest.keys()):
                return
            keep = self.fire(list(oldest.values()))
            if keep is None:
                return
            keep._ready()

    def may_come(self, net: Any, got: Iterable[str | None]) -> bool:
        """Tell whether a live token can bring a token on an empty flow, and not also one on a flow that has one."""
        arrived = set(got)
        empty = [flow for flow in self.lines if flow not in arrived]
        if not empty:
            return False
        for token in net.live():
            name = token.task_spec.name
            if token.task_spec is self or token.task_spec is net.spec.end:
                continue
            if self._reaches(name, empty) and not self._reaches(name, arrived & self.reach.keys()):
                return True
        return False

    def _reaches(self, name: str, flows: Iterable[str | None]) -> bool:
        return any(name in self.reach[flow or ""] for flow in flows)

    @cached_property
    def reach(self) -> dict[str, frozenset[str]]:
        """Per incoming flow, the specifications from which a token can come by it without passing this gateway."""
        return {flow: self._behind(source) for flow, source in self.sources.items()}

    sources: dict[str, str]
    """The specification each incoming flow leaves."""

    def _behind(self, source: str) -> frozenset[str]:
        seen, todo = {source}, [source]
        while todo:
            for name in self._wf_spec.task_specs[todo.pop()]._inputs:
                if name != self.name and name not in seen:
                    seen.add(name)
                    todo.append(name)
        return frozenset(seen - {self.name})


class EndJoin(Join, control._EndJoin):
    """Where all tokens of a net end; when no other lives, the net is complete with what they have made together."""

    @property
    def place(self) -> str:
        """Say where it is, for people."""
        scope = self._wf_spec
        return f"the end of {scope.title or scope.drawn or scope.name}"

    def _update_hook(self, my_task: Token) -> bool:
        my_task.order = my_task.workflow.top_workflow.next_number()
        my_task._set_state(WAITING)
        self.fold(my_task)
        return False

    def fold(self, token: Token) -> None:
        """Merge at once with another that ended and parted from it at the same place, so that ends do not pile up."""
        fork = token.parent
        if fork is None:
            return
        siblings = (
            other for other in fork.kin if other.task_spec is self and other is not token and other.state == WAITING
        )
        other = next((sibling for sibling in siblings if sibling.fault is None), None)
        if other is None:
            return
        merged = merge(fork.data, [other.data, token.data], self._quiet_policy)
        if merged.conflicts and self.policy is Policy.REFUSE:
            return
        token.data = merged.variables
        other._set_state(CANCELLED)
        token.workflow.top_workflow.retire(other)

    @property
    def _quiet_policy(self) -> Policy:
        return Policy.LAST if self.policy is Policy.REFUSE else self.policy

    def finish(self, net: Any) -> None:
        """End the net with the merged variables of all that ended in it."""
        arrivals = net.waiting_at(self)
        if any(token.fault is not None for token in arrivals):
            return
        variables = net.task_tree.data
        if arrivals:
            keep = self.fire(arrivals)
            if keep is None or (net.is_ad_hoc and net.owner.task_spec.goes_on(net.owner, keep)):
                return
            variables = keep.data
        self.end(net, variables)

    def end(self, net: Any, variables: dict[str, Any]) -> None:
        """Take away what still stands by, and hand the variables over."""
        net.completed = True
        net.data = variables
        net.withdraw_all()
        if net.owner is not None:
            del net.top_workflow.subprocesses[net.owner.id]
            net.owner.task_spec.net_ended(net.owner, net)
