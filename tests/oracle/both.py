"""A random diagram in both engines, driven by the same choices and compared after each move."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from oracle.play import BERLIN, Play
from oracle.random_diagrams import Block, RandomDiagram, drawn, smaller
from oracle.tokens import Endless, Engine

from engine.diagrams.normalise import normalise
from engine.diagrams.reader import read_diagram
from engine.spiff.program import compile_program
from engine.steps import ExecutionState, Wait, WaitKind

MOST_MOVES = 120
MOST_TRIES = 300
ADDED = ("error_code", "error_message", "escalation_code")


class Both:
    """One random diagram in both engines."""

    def __init__(self, seed: int, tree: Block | None = None) -> None:
        self.seed = seed
        self.diagram = RandomDiagram(tree or drawn(seed))
        read = read_diagram(self.diagram.xml, f"{seed}.bpmn")
        program = compile_program([normalise(read)], {}, time_zone=BERLIN)
        self.random = random.Random(seed)
        data = {**self.diagram.data, "bits": self.random.getrandbits(6)}
        self.moves: list[str] = []
        self.is_endless = False
        self.play = Play(program, data)
        self.oracle = Engine(self.diagram.xml, self.diagram.effects, self.diagram.questions, data)

    def run(self) -> None:
        """Move until nothing waits, comparing after each move."""
        for _ in range(MOST_MOVES):
            self.compare()
            if self.play.step.state is not ExecutionState.ACTIVE:
                break
            self.move()
            if self.is_endless:
                return
        self.compare_ends()

    def move(self) -> None:
        """Choose what happens next: an answer, or now and then an event."""
        waits = sorted(self.play.execution.waits(), key=lambda wait: (wait.node, int(wait.key.rpartition(":")[2])))
        work = [wait for wait in waits if wait.kind is WaitKind.WORK]
        events = [wait for wait in waits if wait.kind is not WaitKind.WORK]
        assert work or events, f"nothing waits, after {self.moves}"
        if work and (not events or self.random.random() > 0.2):
            self.answer(work, self.random.randrange(len(work)))
        else:
            self.trigger(events, self.random.randrange(len(events)))

    def answer(self, work: list[Wait], place: int) -> None:
        """Complete one work item in both."""
        wait = work[place]
        self.moves.append(wait.key)
        hist = [*self.play.execution.variables_at(wait.key)["hist"], wait.node]
        answers: dict[str, Any] = {"hist": hist, "bits": self.random.getrandbits(6)}
        token = self.oracle.waiting("work")[place]
        assert token.data["hist"] == hist[:-1], f"other data at {wait.key}, after {self.moves}"
        self.play.took(self.play.execution.complete(wait.key, answers, self.play.now))
        self.follow(lambda: self.oracle.complete(token, answers))

    def trigger(self, events: list[Wait], place: int) -> None:
        """Let one event happen in both."""
        wait = events[place]
        self.moves.append(f"!{wait.key}")
        token = self.oracle.waiting("wait")[place]
        if wait.kind is WaitKind.TIMER:
            self.play.took(self.play.execution.fire(wait.key, self.play.now))
        else:
            self.play.took(self.play.execution.deliver(wait.key, {}, self.play.now))
        self.follow(lambda: self.oracle.trigger(token))

    def follow(self, move: Callable[[], None]) -> None:
        """Let the second engine move too; where it goes round for ever, the product has stopped at its limit of steps."""
        try:
            move()
        except Endless:
            self.is_endless = True
        stopped = {stuck.code for stuck in self.play.stuck} == {"step_limit"}
        assert self.is_endless == stopped, f"only one of them goes round for ever, after {self.moves}"

    def compare(self) -> None:
        """Both wait at the same places, have passed the same nodes and sent the same things."""
        where = f"after {self.moves}"
        assert not self.play.stuck, f"{self.play.stuck} {where}"
        work = sorted(wait.node for wait in self.play.execution.waits() if wait.kind is WaitKind.WORK)
        events = sorted(wait.node for wait in self.play.execution.waits() if wait.kind is not WaitKind.WORK)
        assert Counter(self.play.trace) == Counter(self.oracle.trace), where
        assert work == [token.node.key for token in self.oracle.waiting("work")], where
        assert events == [self.oracle.name_of(token) for token in self.oracle.waiting("wait")], where
        assert Counter(one.name for one in self.play.thrown) == Counter(self.oracle.thrown), where

    def compare_ends(self) -> None:
        """Both end with the same data, and every waiting thing has been told to be over."""
        where = f"after {self.moves}"
        if self.play.step.state is ExecutionState.ACTIVE:
            return
        assert self.oracle.result is not None, where
        made = {name: value for name, value in self.play.variables.items() if name not in ADDED}
        assert made == self.oracle.result, where
        assert not self.play.keys, where


class Migrated(Both):
    """An instance that is carried over to another program of the same diagram after every move."""

    def __init__(self, seed: int, tree: Block | None = None) -> None:
        super().__init__(seed, tree)
        diagram = normalise(read_diagram(self.diagram.xml, f"{seed}.bpmn"))
        self.programs = [compile_program([diagram], {}, time_zone=BERLIN), self.play.program]

    def move(self) -> None:
        """Move, and carry the instance over."""
        super().move()
        program = self.programs[0]
        if self.is_endless or self.play.step.state is not ExecutionState.ACTIVE:
            return
        before = self.play.execution.save()
        passage = self.play.execution.passage(program, {})
        assert all("undoing" in hurdle.reason for hurdle in passage.hurdles), passage
        if passage.is_possible:
            self.play.execution = self.play.execution.migrate(program, {}, self.play.now)
            step = self.play.execution.settle_in(self.play.now)
            assert (step.opened, step.closed, step.visits) == ((), (), ())
            assert self.play.execution.save() == before
            self.play.program = program
            self.programs.reverse()


def fault_of(seed: int, tree: Block | None = None, kind: type[Both] = Both) -> str | None:
    """Run a diagram in both engines; tell what is wrong, if anything is."""
    both = None
    try:
        both = kind(seed, tree)
        both.run()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
        moves = [] if both is None else both.moves
        return f"{type(error).__name__}: {error}\nafter {moves}"
    return None


def shrunk(seed: int, kind: type[Both] = Both) -> str:
    """Leave blocks out of a failing diagram while it still fails, and describe the smallest one."""
    tree, tries = drawn(seed), 0
    fault = fault_of(seed, tree, kind)
    found = True
    while found and tries < MOST_TRIES:
        found = False
        for less in smaller(tree):
            tries += 1
            wrong = fault_of(seed, less, kind)
            if wrong is not None:
                tree, fault, found = less, wrong, True
                break
            if tries >= MOST_TRIES:
                break
    xml = RandomDiagram(tree).xml.decode()
    return f"seed {seed} fails; the smallest diagram found is {tree}\n{fault}\n{xml}"
