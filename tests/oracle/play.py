"""Plays an instance step by step as the run time would, and checks on the way what must always hold."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from oracle.drawing import document, process

from engine.diagrams.normalise import normalise
from engine.diagrams.reader import read_diagram
from engine.spiff.execution import Execution
from engine.spiff.program import Program, compile_program
from engine.steps import Step, Stuck, Thrown, VisitKind, Wait, WaitKind

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def program_of(body: str, *more: str, decisions: Mapping[str, Any] | None = None) -> Program:
    """Compile the nodes of a process `p`, and further processes given whole."""
    diagram = read_diagram(document(process(body), *more), "p.bpmn")
    return compile_program([normalise(diagram)], decisions or {}, time_zone=BERLIN)


class Play:
    """One instance; saved, loaded and compared between any two steps."""

    def __init__(
        self,
        program: Program | str,
        variables: Mapping[str, Any] | None = None,
        *,
        now: datetime = NOW,
        reloads: bool = True,
        **how: Any,
    ) -> None:
        self.program = program_of(program) if isinstance(program, str) else program
        self.now, self.reloads = now, reloads
        self.trace: list[str] = []
        self.withdrawn: list[str] = []
        self.failed: list[str] = []
        self.entered: list[str] = []
        self.flows: list[str] = []
        self.statuses: list[str] = []
        self.thrown: list[Thrown] = []
        self.stuck: list[Stuck] = []
        self.keys: dict[str, Wait] = {}
        self.seen: set[str] = set()
        self.step: Step
        self.largest = self.saves = 0
        self.execution = Execution.start(self.program, how.pop("process", "p"), variables or {}, now=now, **how)
        self.took(self.execution.advance(self.now))

    def took(self, step: Step) -> "Play":
        """Take a step down, check it, save and load."""
        self.step = step
        for visit in step.visits:
            {
                VisitKind.ENTERED: self.entered,
                VisitKind.COMPLETED: self.trace,
                VisitKind.WITHDRAWN: self.withdrawn,
                VisitKind.FAILED: self.failed,
            }[visit.what].append(visit.node)
        self.flows += step.flows
        self.statuses += step.statuses
        self.thrown += step.thrown
        self.stuck += step.stuck
        for key in step.closed:
            del self.keys[key]
        for wait in step.opened:
            assert wait.key not in self.keys
            self.keys[wait.key] = wait
        assert step.state is self.execution.state
        if self.reloads:
            self.reload()
        assert {wait.key: wait for wait in self.execution.waits()} == self.keys
        return self

    def reload(self) -> None:
        """Save, load, and save again: the bytes and the waits must be the same; go on with the loaded one every other time.

        So what is kept in memory from step to step, of waits and of what was written, is compared with what is made anew.
        """
        saved = self.execution.save()
        loaded = Execution.load(self.program, saved)
        assert loaded.save() == saved
        assert loaded.waits() == self.execution.waits()
        for token in self.execution._instance.tokens():
            token.written = None
        assert self.execution.save() == saved
        self.largest, self.saves = max(self.largest, len(saved)), self.saves + 1
        if self.saves % 2:
            self.execution = loaded

    def wait(self, node: str, *kinds: WaitKind) -> Wait:
        """Find the oldest wait at a node."""
        found = [wait for wait in self.execution.waits() if wait.node == node and (not kinds or wait.kind in kinds)]
        assert found, f"nothing waits at {node}, but at {self.open}"
        return found[0]

    @property
    def open(self) -> list[str]:
        """The nodes at which something waits for the world outside, sorted."""
        return sorted(wait.node for wait in self.execution.waits())

    @property
    def variables(self) -> dict[str, Any]:
        """The newest variables."""
        return self.execution.variables()

    def do(self, node: str, **answers: Any) -> "Play":
        """Complete the oldest work item or operation at a node."""
        key = self.wait(node, WaitKind.WORK, WaitKind.OPERATION).key
        return self.took(self.execution.complete(key, answers, self.now))

    def message(self, node: str, **payload: Any) -> "Play":
        """Deliver a message or signal to the oldest subscription at a node."""
        key = self.wait(node, WaitKind.MESSAGE, WaitKind.SIGNAL).key
        return self.took(self.execution.deliver(key, payload, self.now))

    def fire(self, node: str) -> "Play":
        """Let the timer at a node go off when it is due."""
        wait = self.wait(node, WaitKind.TIMER)
        self.now = max(self.now, wait.due_at)  # type: ignore[attr-defined]  # a timer
        return self.took(self.execution.fire(wait.key, self.now))

    def error(self, node: str, code: str, message: str = "") -> "Play":
        """Throw a BPMN error at an activity that waits."""
        key = self.wait(node, WaitKind.WORK, WaitKind.OPERATION).key
        return self.took(self.execution.throw_error(key, code, message, self.now))

    def retry(self, node: str, **changes: Any) -> "Play":
        """Let a stuck token try again."""
        key = next(stuck.key for stuck in self.execution.stuck() if stuck.node == node)
        return self.took(self.execution.retry(key, self.now, changes))

    def passed(self, *nodes: str) -> list[str]:
        """Give the trace, or only the visits of some nodes in it."""
        return [node for node in self.trace if node in nodes] if nodes else list(self.trace)
