# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Nets: the process and the subprocesses inside it, each a tree of tokens; what a token does to the tree around it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow

from engine.diagrams.attributes import ConflictPolicy as Policy
from engine.spiff.changes import copied, shared
from engine.spiff.flows import Flow
from engine.spiff.journal import Journal
from engine.spiff.tokens import COMPLETED, LIVE, WAITING, Token, gathered, rebased


class Net:
    """What the process and a subprocess have in common; mixed into the library's workflow classes."""

    spec: Any
    tasks: dict[int, Token]
    task_tree: Token
    completed: bool
    data: dict[str, Any]
    owner: Token | None
    process: str
    log: list[dict[str, Any]]
    """Completed activities that can be undone, oldest first."""
    top_workflow: "Whole"

    def begin(self, variables: dict[str, Any], starts: Sequence[Any], facts: Mapping[str, Any] | None = None) -> None:
        """Put a token on each start event, which knows the facts, and arm the event subprocesses."""
        root = self.task_tree = self.create(self.spec.start, None, variables)
        root._set_state(COMPLETED)
        armed = [self.create(spec, root, shared(variables)) for spec in self.spec.handlers]
        is_parted = len(starts) + len(armed) > 1
        started = [self.create(spec, root, shared(variables) if is_parted else variables) for spec in starts]
        for token in started:
            token.facts.update(copied(dict(facts or {})))
        for token in (*armed, *started):
            self.top_workflow.arrive(token)

    @property
    def is_ad_hoc(self) -> bool:
        """Tell whether an ad-hoc subprocess runs here; what undoes one of its activities later is no part of it."""
        return self.spec.is_ad_hoc and self.owner is not None and "undo" not in self.owner.facts

    def create(self, spec: Any, parent: Token | None, variables: dict[str, Any], flow: str | None = None) -> Token:
        """Make a token that has not arrived yet."""
        token = Token(self, spec, parent, self.top_workflow.next_number())
        token.data = variables
        token.flow = flow
        return token

    def follow(self, token: Token, flows: Sequence[Flow]) -> None:
        """Send a token along flows; each branch of several gets variables of its own."""
        if not flows or (self.is_ad_hoc and self.owner is not None and self.owner.facts.get("is_enough")):
            flows = ()
            self.place(self.spec.end, token, token.data)
        is_parted = len(flows) > 1
        for flow in flows:
            self.top_workflow.journal.went(flow.drawn)
            self.place(flow.target, token, shared(token.data) if is_parted else token.data, flow.id)

    def place(self, spec: Any, parent: Token, variables: dict[str, Any], flow: str | None = None) -> None:
        """Make a token and let it arrive."""
        self.top_workflow.arrive(self.create(spec, parent, variables, flow))

    def waiting_at(self, spec: Any) -> list[Token]:
        """List the tokens that have arrived at a join, in order of arrival."""
        here = (token for token in self.tasks.values() if token.task_spec is spec and token.state == WAITING)
        return sorted(here, key=lambda token: token.order)

    def live(self) -> Iterator[Token]:
        """Go through the live tokens."""
        return (token for token in self.tasks.values() if token._state & LIVE)

    def variables(self, done: Token | None = None) -> dict[str, Any]:
        """Give the newest variables of the scope: what all live branches, and one just done, have made of them together."""
        leaves = [token for token in self.live() if not token.is_armed and not token.is_inner]
        leaves += [] if done is None or done.is_live else [done]
        return gathered(leaves, Policy.LAST, self.variables_at).variables if leaves else self.task_tree.data

    def variables_at(self, token: Token) -> dict[str, Any]:
        """Give the newest variables of one token: those inside an embedded subprocess, if it runs one."""
        if not token.task_spec.shares_variables:
            own: dict[str, Any] = token.data
            return own
        inner = self.top_workflow.subprocesses.get(token.id)
        made: dict[str, Any] = token.task_spec.taken(token, token.data if inner is None else inner.variables())
        return made

    def settle(self) -> None:
        """Open the inclusive joins that no token can reach any more, then end the net if nothing lives in it."""
        if self.completed:
            return
        for spec in self.spec.settling:
            spec.settle(self)
        if all(token.task_spec is self.spec.end or token.is_armed for token in self.live()):
            self.spec.end.finish(self)
        elif self.spec.settling:
            self._look_for_starving()

    def _look_for_starving(self) -> None:
        """Report a join at which tokens wait for others that cannot come; what waits at an inclusive one waits for them, too."""
        waiting = [token for token in self.live() if token.task_spec is not self.spec.end and not token.is_armed]
        if all(token.task_spec.gathers and token.state == WAITING and token.fault is None for token in waiting):
            starving = max(waiting, key=lambda token: token.task_spec.waits_for_all)
            starved = (
                "Tokens wait here for others that cannot come any more: "
                "not every branch leads here, or fewer come than are asked for."
            )
            self.top_workflow.block(starving, "merge", "join_starved", starved)

    def withdraw_all(self, spare: Token | None = None) -> None:
        """Take every live token away, but the spared one."""
        for token in list(self.tasks.values()):
            if token is not spare and token.is_live:
                self.top_workflow.withdraw(token)

    def _task_completed_notify(self, task: Token) -> None:
        self.top_workflow.retire(task)

    def tidy(self, token: Token | None) -> None:
        """Take a finished token out of the tree, and those above it, unless live tokens part there."""
        while token is not None and token.is_finished and token.id in self.tasks and not self.top_workflow.keeps(token):
            below, above = token._children, token.parent
            if len(below) > 1 or (not below and above is None):
                return
            if below and token.is_left and above is not None and not self._settle_left(token, self.tasks[below[0]]):
                return
            self._splice(token, above)
            token = None if below else above

    def _settle_left(self, fork: Token, last: Token) -> bool:
        """Let an ended token count with its own changes further up; a live one still needs the fork."""
        if last.task_spec is not self.spec.end or last.state != WAITING:
            return False
        last.data = rebased(fork, last.data)
        return True

    def _splice(self, token: Token, above: Token | None) -> None:
        below = token._children
        if above is None:
            self.task_tree = self.tasks[below[0]]
        else:
            siblings = above._children
            place = siblings.index(token.id)
            siblings[place : place + 1] = below
        for child in below:
            self.tasks[child]._parent = token._parent
        del self.tasks[token.id]


class Whole(Protocol):
    """What tokens, nets and specifications ask of the instance they live in; it is the outermost net itself."""

    journal: Journal
    program: Any
    time_zone: Any
    subprocesses: "dict[int, InnerNet]"
    stirred: dict[int, Token]
    touched: list[Net]
    watching: bool
    was_terminated: bool

    def next_number(self) -> int:
        """Count on; numbers name tokens and order arrivals."""

    def tokens(self) -> Iterator[Token]:
        """Go through the live tokens of all nets."""

    def keeps(self, token: Token) -> bool:
        """Tell whether a finished token must stay in the tree."""

    def enqueue(self, token: Token) -> None:
        """Let a ready token have its turn."""

    def arrive(self, token: Token, *, again: bool = False) -> None:
        """Let a token reach its flow node."""

    def attempt(self, token: Token, phase: str, deed: Callable[[], Any]) -> None:
        """Do something for a token; what goes wrong takes its arrow, or stops the token."""

    def block(self, token: Token, phase: str, code: str, message: str, expression: str | None = None) -> None:
        """Stop a token where it is until somebody retries it."""

    def retire(self, token: Token) -> None:
        """Remember a finished token; it leaves the tree when the step is over."""

    def withdraw(self, token: Token) -> None:
        """Take a token away with all that hangs on it."""

    def release(self, token: Token) -> None:
        """Withdraw the events attached to an activity."""

    def fail(self, token: Token, code: str, message: str) -> None:
        """End the instance by an error that nobody caught."""


class InnerNet(Net, BpmnSubWorkflow):
    """A subprocess, or a called process, that runs for one token of the net around it."""

    owner: Token

    def __init__(self, spec: Any, owner: Token, top: Whole) -> None:
        self.owner = owner
        self.log = []
        self.process = spec.process
        super().__init__(spec, owner.id, top, deserializing=True)

    @property
    def parent_workflow(self) -> Any:
        """The net around this one."""
        return self.owner.workflow

    def _calculate_depth(self) -> int:
        return int(self.parent_workflow.depth) + 1
