"""The parallel review in its rejection loop: right for every order of answers and every number of rejections up to three."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import pytest
from order_walk import Walk

from engine.steps import ExecutionState

PRICE, QUALITY = "review_price_sheet", "validate_order"
FIELD = {PRICE: "price", QUALITY: "quality"}
REJECTIONS = [{PRICE}, {QUALITY}, {PRICE, QUALITY}]


@dataclass(frozen=True)
class Round:
    """Who answers in which order, and who rejects."""

    order: Sequence[str]
    rejecting: frozenset[str]


def rounds(rejections: int) -> Iterator[list[Round]]:
    """Give every way to come to an acceptance after this many rejections."""
    orders = list(permutations((PRICE, QUALITY)))
    rejecting = [Round(order, frozenset(who)) for order in orders for who in REJECTIONS]
    accepting = [Round(order, frozenset()) for order in orders]
    for earlier in product(rejecting, repeat=rejections):
        for last in accepting:
            yield [*earlier, last]


def answer(walk: Walk, number: int, one: Round) -> None:
    for node in one.order:
        decision, field = ("reject" if node in one.rejecting else "accept"), FIELD[node]
        walk.answer(node, **{f"{field}_decision": decision, f"{field}_reason": f"{node} {number}"})


def expected_nodes(all_rounds: Sequence[Round]) -> list[str]:
    """Give what a person with a pencil would note: which tasks are completed, in which order."""
    nodes = []
    for one in all_rounds:
        nodes += [*one.order, "reviews_done", "all_accepted"]
        nodes.append("adjust_order" if one.rejecting else "review_passed")
    return nodes


@pytest.mark.parametrize("rejections", range(4))
def test_every_answer_order_gives_the_right_trace(rejections: int) -> None:
    noted = {PRICE, QUALITY, "reviews_done", "all_accepted", "adjust_order", "review_passed"}
    for all_rounds in rounds(rejections):
        walk = Walk("review_started", "order_review")
        for number, one in enumerate(all_rounds):
            answer(walk, number, one)
            if one.rejecting:
                assert set(walk.work()) == {"adjust_order"}
                seen = walk.execution.variables_at(walk.work()["adjust_order"].key)
                assert (seen["price_reason"], seen["quality_reason"]) == (f"{PRICE} {number}", f"{QUALITY} {number}")
                walk.answer("adjust_order", agreed_price=100 + number)

        assert walk.state is ExecutionState.COMPLETED
        assert [node for node in walk.nodes if node in noted] == expected_nodes(all_rounds)
        assert (walk.variables["price_decision"], walk.variables["quality_decision"]) == ("accept", "accept")
        assert [name for name, _ in walk.operations].count("write_letter") == 2 * len(all_rounds)


def test_there_are_as_many_ways_as_counted_by_hand() -> None:
    assert [len(list(rounds(rejections))) for rejections in range(4)] == [2, 12, 72, 432]
