"""A parallel review inside a rejection loop, the model of all order processes: right for every order of answering."""

import itertools
from collections import Counter
from typing import Any

import pytest
from oracle.drawing import chain, end, gateway, start, user, when
from oracle.play import Play, program_of

from engine.steps import ExecutionState

FLAT = (
    start()
    + gateway("exclusive", "m", "x", default="x_plan")
    + gateway("parallel", "f", "j")
    + user("accounting", "quality", "correct", "plan")
    + end()
    + chain("st", "m", "f", "accounting", "j", "x", "plan", "en")
    + chain("f", "quality", "j")
    + chain("correct", "m")
    + when("x", "correct", "accounting == 'rejected' or quality == 'rejected'")
)
NESTED = (
    start()
    + gateway("exclusive", "m", "x", default="x_plan")
    + gateway("parallel", "f", "j", "g", "k")
    + user("accounting", "quality", "colour", "correct", "plan")
    + end()
    + chain("st", "m", "f", "accounting", "j", "x", "plan", "en")
    + chain("f", "g", "quality", "k", "j")
    + chain("g", "colour", "k")
    + chain("correct", "m")
    + when("x", "correct", "'rejected' in [accounting, quality, colour]")
)


def rounds(play: Play, reviewers: tuple[str, ...], orders: list[tuple[str, ...]], rejecting: list[str | None]) -> None:
    """Answer round by round, checking that the join waits for all and the answers are this round's."""
    for number, (order, rejects) in enumerate(zip(orders, rejecting, strict=True), start=1):
        for place, reviewer in enumerate(order):
            assert play.open == sorted(order[place:]), f"round {number}"
            assert play.passed("j") == ["j"] * (number - 1)
            play.do(
                reviewer, **{reviewer: "rejected" if reviewer == rejects else "accepted"}, log=log_of(play, reviewer)
            )
        variables = play.variables
        assert {reviewer: variables[reviewer] for reviewer in reviewers} == {
            reviewer: "rejected" if reviewer == rejects else "accepted" for reviewer in reviewers
        }
        if rejects:
            assert play.open == ["correct"]
            play.do("correct")
    assert play.open == ["plan"]
    play.do("plan")
    assert play.step.state is ExecutionState.COMPLETED
    assert Counter(play.passed("j", "en", *reviewers)) == {
        "j": len(orders),
        "en": 1,
        **dict.fromkeys(reviewers, len(orders)),
    }
    assert play.variables["log"] == [reviewer for order in orders for reviewer in order] or len(reviewers) > 2


def log_of(play: Play, reviewer: str) -> list[Any]:
    """The log as the reviewer sees it, with one entry more."""
    return [*play.execution.variables_at(play.wait(reviewer).key)["log"], reviewer]


def histories(reviewers: tuple[str, ...], rejections: int) -> list[tuple[list[tuple[str, ...]], list[str | None]]]:
    """Every order of answers in every round, with a changing rejecter."""
    orders = itertools.product(itertools.permutations(reviewers), repeat=rejections + 1)
    cycle = [reviewers[number % len(reviewers)] for number in range(rejections)]
    return [(list(chosen), [*cycle, None]) for chosen in orders]


@pytest.mark.parametrize("rejections", [0, 1, 2, 3])
def test_every_order_of_answers_is_right_flat(rejections: int) -> None:
    program = program_of(FLAT)
    for orders, rejecting in histories(("accounting", "quality"), rejections):
        rounds(Play(program, {"log": []}), ("accounting", "quality"), orders, rejecting)


@pytest.mark.parametrize("rejections", [0, 1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_every_order_of_answers_is_right_nested(rejections: int) -> None:
    program = program_of(NESTED)
    reviewers = ("accounting", "quality", "colour")
    for orders, rejecting in histories(reviewers, rejections):
        rounds(Play(program, {"log": []}), reviewers, orders, rejecting)


def test_many_rejections_leave_no_trace_in_the_state() -> None:
    play = Play(program_of(FLAT), {"log": []})
    orders = [("quality", "accounting"), ("accounting", "quality")] * 15

    for order in orders:
        for reviewer in order:
            play.do(reviewer, **{reviewer: "rejected"})
        play.do("correct")

    assert len(play.execution.save()) < 300
    assert play.passed("j") == ["j"] * 30
