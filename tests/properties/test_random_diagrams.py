"""Random diagrams run alike in the product and in a second engine that was written from the rules alone."""

import os
import random
from collections import Counter
from typing import Any

import pytest
from oracle.play import BERLIN, Play
from oracle.random_diagrams import RandomDiagram
from oracle.tokens import Engine, Token

from engine.diagrams.normalise import normalise
from engine.diagrams.reader import read_diagram
from engine.spiff.program import compile_program
from engine.steps import ExecutionState, Wait, WaitKind

COUNT = int(os.environ.get("PARCELFLOW_RANDOM_DIAGRAMS", "60"))
FIRST = int(os.environ.get("PARCELFLOW_FIRST_DIAGRAM", "0"))
MOST_MOVES = 120
ADDED = ("error_code", "error_message", "escalation_code")


class Both:
    """One random diagram in both engines, driven by the same choices."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        drawn = RandomDiagram(seed)
        program = compile_program([normalise(read_diagram(drawn.xml, f"{seed}.bpmn"))], {}, time_zone=BERLIN)
        self.random = random.Random(seed)
        data = {**drawn.data, "bits": self.random.getrandbits(6)}
        self.play = Play(program, data)
        self.oracle = Engine(drawn.xml, drawn.effects, drawn.questions, data)
        self.moves: list[str] = []

    def run(self) -> None:
        """Move until nothing waits, comparing after each move."""
        for _ in range(MOST_MOVES):
            self.compare()
            if self.play.step.state is not ExecutionState.ACTIVE:
                break
            self.move()
        self.compare_ends()

    def move(self) -> None:
        """Choose what happens next: an answer, or now and then an event."""
        waits = sorted(self.play.execution.waits(), key=lambda wait: (wait.node, int(wait.key.rpartition(":")[2])))
        work = [wait for wait in waits if wait.kind is WaitKind.WORK]
        events = [wait for wait in waits if wait.kind is not WaitKind.WORK]
        assert work or events, f"seed {self.seed}: nothing waits, after {self.moves}"
        if work and (not events or self.random.random() > 0.2):
            self.answer(work, self.random.randrange(len(work)))
        else:
            self.trigger(events, self.random.randrange(len(events)))

    def answer(self, work: list[Wait], place: int) -> None:
        wait = work[place]
        self.moves.append(wait.key)
        hist = [*self.play.execution.variables_at(wait.key)["hist"], wait.node]
        answers: dict[str, Any] = {"hist": hist, "bits": self.random.getrandbits(6)}
        token = self.oracle.waiting("work")[place]
        assert token.data["hist"] == hist[:-1], f"seed {self.seed}: other data at {wait.key}, after {self.moves}"
        self.play.took(self.play.execution.complete(wait.key, answers, self.play.now))
        self.oracle.complete(token, answers)

    def trigger(self, events: list[Wait], place: int) -> None:
        wait = events[place]
        self.moves.append(f"!{wait.key}")
        token = self.oracle.waiting("wait")[place]
        if wait.kind is WaitKind.TIMER:
            self.play.took(self.play.execution.fire(wait.key, self.play.now))
        else:
            self.play.took(self.play.execution.deliver(wait.key, {}, self.play.now))
        self.oracle.trigger(token)

    def compare(self) -> None:
        """Both wait at the same places and have passed the same nodes."""
        where = f"seed {self.seed}, after {self.moves}"
        assert not self.play.stuck, where
        work = sorted(wait.node for wait in self.play.execution.waits() if wait.kind is WaitKind.WORK)
        events = sorted(wait.node for wait in self.play.execution.waits() if wait.kind is not WaitKind.WORK)
        assert work == [token.node.key for token in self.oracle.waiting("work")], where
        assert events == [self._name(token) for token in self.oracle.waiting("wait")], where
        assert Counter(self.play.trace) == Counter(self.oracle.trace), where

    def _name(self, token: Token) -> str:
        inner = token.node.inner
        return token.node.key if inner is None else inner.start.key

    def compare_ends(self) -> None:
        """Both end with the same data, and every waiting thing has been told to be over."""
        where = f"seed {self.seed}, after {self.moves}"
        assert self.play.variables.keys() - set(ADDED) == self.play.variables.keys() & {"hist", "v", "count", "bits"}
        if self.play.step.state is ExecutionState.ACTIVE:
            return
        assert self.oracle.result is not None, where
        assert {
            name: value for name, value in self.play.variables.items() if name not in ADDED
        } == self.oracle.result, where
        assert not self.play.keys, where


class Migrated(Both):
    """An instance that is carried over to another program of the same diagram after every move."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        diagram = normalise(read_diagram(RandomDiagram(seed).xml, f"{seed}.bpmn"))
        self.programs = [compile_program([diagram], {}, time_zone=BERLIN), self.play.program]

    def move(self) -> None:
        super().move()
        program = self.programs[0]
        if self.play.step.state is not ExecutionState.ACTIVE:
            return
        before = self.play.execution.save()
        passage = self.play.execution.passage(program, {})
        assert all("undoing" in hurdle.reason for hurdle in passage.hurdles), passage
        if passage.is_possible:
            self.play.execution, step = self.play.execution.migrate(program, {}, self.play.now)
            assert (step.opened, step.closed, step.visits) == ((), (), ())
            assert self.play.execution.save() == before
            self.play.program = program
            self.programs.reverse()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_both_engines_agree_on_a_random_diagram(seed: int) -> None:
    Both(seed).run()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT // 3))
def test_an_instance_that_is_migrated_all_the_time_runs_as_if_it_never_was(seed: int) -> None:
    Migrated(seed).run()
