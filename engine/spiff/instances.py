# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""A whole process instance, stepped one token at a time.

A step takes the oldest ready token, events before anything else, and runs it; then joins that nothing more can reach open,
nets without a live token end, and the task tree is tidied. The library's loops over the tree, its prediction, its event manager
and its script environment are not used.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from SpiffWorkflow.bpmn.workflow import BpmnWorkflow

from engine.errors import BusinessError, EngineError, ExpressionError
from engine.spiff import conditions, throwing
from engine.spiff.changes import copied
from engine.spiff.closed import CLOSED_ENGINE
from engine.spiff.journal import Journal, stuck_at
from engine.spiff.nets import Net
from engine.spiff.program import Program
from engine.spiff.tokens import CANCELLED, FUTURE, READY, STARTED, WAITING, Token
from engine.spiff.waiting import Waiting
from engine.steps import ExecutionState, Failure

MOST_STEPS: Final = 1_000
MOST_TOKENS: Final = 10_000


class Instance(Net, BpmnWorkflow):
    """A whole process instance: the outermost net, the queue of ready tokens, and the nets inside."""

    def __init__(self, program: Program, process: Any) -> None:
        self.owner = None
        self.log = []
        self.program = program
        self.time_zone = program.time_zone
        self.process = process.process
        self.journal: Journal
        self.number = 0
        self.failure: Failure | None = None
        self.was_terminated = False
        self.queue: deque[Token] = deque()
        self.urgent: deque[Token] = deque()
        self.retired: list[Token] = []
        self.touched: list[Net] = []
        self.watching = False
        self.stirred: dict[int, Token] = {}
        self.waiting = Waiting(self.stirred)
        super().__init__(process, {}, script_engine=CLOSED_ENGINE, deserializing=True)

    @property
    def state(self) -> ExecutionState:
        """The state of the instance as a whole."""
        if self.failure is not None:
            return ExecutionState.FAILED
        if self.was_terminated:
            return ExecutionState.TERMINATED
        return ExecutionState.COMPLETED if self.completed else ExecutionState.ACTIVE

    def next_number(self) -> int:
        """Count on; numbers name tokens and order arrivals."""
        self.number += 1
        return self.number

    def nets(self) -> list[Net]:
        """List this net and all nets inside."""
        return [self, *self.subprocesses.values()]

    def tokens(self) -> Iterator[Token]:
        """Go through the live tokens of all nets."""
        for net in self.nets():
            yield from net.live()

    def keeps(self, token: Token) -> bool:
        """Tell whether a finished token must stay in the tree."""
        return token.id in self.subprocesses

    # -- stepping

    def run(self) -> None:
        """Step until every token waits; beyond 1,000 steps the next token is stuck."""
        if self.watching:
            self.look_first()
        for _ in range(MOST_STEPS):
            if not self.step():
                return
        self._stop_at_limit()

    def look_first(self) -> None:
        """Check conditional events before the first step: of scopes that what came from outside has not ended."""
        if self.urgent:
            conditions.check(self)
        else:
            self.settle_all()

    def step(self) -> bool:
        """Run one token; tell whether there was one."""
        token = self._next()
        if token is None:
            self.settle_all()
            token = self._next()
        if token is None:
            return False
        net = token.workflow
        if sum(len(inner.tasks) for inner in self.nets()) > MOST_TOKENS:
            limit = f"More than {MOST_TOKENS:,} tokens live in this instance; the diagram makes tokens without end."
            self.block(token, "run", "token_limit", limit)
        else:
            self.attempt(token, "run", token.run)
        self.touched.append(net)
        if not self.urgent:
            self.settle_all()
        return True

    def _next(self) -> Token | None:
        for waiting in (self.urgent, self.queue):
            while waiting:
                token = waiting.popleft()
                if token.state == READY and token.fault is None and token.id in token.workflow.tasks:
                    return token
        return None

    def _stop_at_limit(self) -> None:
        token = self._next()
        if token is not None:
            limit = f"More than {MOST_STEPS:,} steps without a wait; look for a loop in the diagram that never waits."
            self.block(token, "run", "step_limit", limit)

    def settle_all(self) -> None:
        """Settle the nets that tokens moved in and those around them, check conditional events, tidy up."""
        while self.touched:
            net: Net | None = self.touched.pop(0)
            while net is not None:
                net.settle()
                net = net.owner.workflow if net.owner is not None else None
        if self.watching:
            conditions.check(self)
        self.tidy_retired()

    def tidy_retired(self) -> None:
        """Take finished tokens out of the tree."""
        while self.retired:
            token = self.retired.pop()
            token.workflow.tidy(token)

    def enqueue(self, token: Token) -> None:
        """Let a ready token have its turn; events come before anything else."""
        (self.urgent if token.task_spec.is_urgent else self.queue).append(token)

    def arrive(self, token: Token, *, again: bool = False) -> None:
        """Let a token reach its flow node."""
        spec = token.task_spec
        if spec.enters_on_arrival and not again:
            self.journal.entered(token)
        if (spec.brings or spec.gives) and "hidden" not in token.facts:
            self.attempt(token, "arrive", lambda: spec.bring(token))
            if token.fault is not None:
                return
        self.attempt(token, "arrive", lambda: token.task_spec._update(token))

    def attempt(self, token: Token, phase: str, deed: Callable[[], Any]) -> None:
        """Do something for a token; a BPMN error takes its arrow, any other fault of the definition stops the token."""
        token.stir()
        try:
            deed()
        except BusinessError as error:
            if not throwing.raise_error(token, error.code, error.message):
                message = f"Nobody catches the error {error.code}: {error.message}"
                self.block(token, phase, "uncaught_error", message, error.code)
        except EngineError as error:
            expression = error.expression if isinstance(error, ExpressionError) else None
            self.block(token, phase, error.code, error.message, expression)

    def block(self, token: Token, phase: str, code: str, message: str, expression: str | None = None) -> None:
        """Stop a token where it is until somebody retries it."""
        if token.is_outward:
            self.journal.close(token.key)
        token.stir()
        token.fault = {"phase": phase, "code": code, "message": message, "expression": expression}
        if phase != "merge":
            token._set_state(STARTED)
        self.journal.failed(token)
        self.journal.stuck.append(stuck_at(token, token.fault))

    def retry(self, token: Token, changes: dict[str, Any]) -> None:
        """Let a stuck token try again what it could not do, with changed variables if given."""
        phase = (token.fault or {})["phase"]
        token.stir()
        token.fault, token.is_answered = None, False
        token.data.update(copied(changes))
        if phase == "merge":
            token.facts["settled"] = sorted(changes)
            self.touched.append(token.workflow)
        elif phase == "arrive":
            token._set_state(FUTURE)
            self.arrive(token, again=True)
        elif phase == "finish":
            self.attempt(token, "finish", lambda: token.task_spec.finish(token))
        else:
            token._set_state(READY)
            self.enqueue(token)

    # -- leaving

    def retire(self, token: Token) -> None:
        """Remember a finished token; it leaves the tree when the step is over."""
        self.retired.append(token)

    def withdraw(self, token: Token) -> None:
        """Take a token away with all that hangs on it: instances, attached events, the net it runs."""
        if not token.is_live:
            return
        if token.is_outward:
            self.journal.close(token.key)
        token._set_state(CANCELLED)
        if token.task_spec.enters_on_arrival and not token.is_quiet:
            self.journal.withdrawn(token)
        self.retire(token)
        self.drop_belongings(token)

    def drop_belongings(self, token: Token) -> None:
        """Withdraw what belongs to a token: its instances, the events attached to it, the net it runs."""
        inner = self.subprocesses.pop(token.id, None)
        if inner is not None:
            inner.completed = True
            inner.withdraw_all()
        for instance in token.kin:
            self.withdraw(instance)
        self.release(token)

    def release(self, token: Token) -> None:
        """Withdraw the events attached to an activity."""
        if token.task_spec.attached:
            for other in list(token.workflow.tasks.values()):
                if other.host == token.id and other.state == WAITING:
                    self.withdraw(other)

    def fail(self, token: Token, code: str, message: str) -> None:
        """End the instance by an error that nobody caught."""
        self.failure = Failure(code, token.task_spec.drawn or token.task_spec.name, message)
        self.stop()

    def stop(self) -> None:
        """Take every token away."""
        self.completed = True
        self.data = self.variables()
        self.withdraw_all()
        self.subprocesses.clear()
        self.retired.clear()
