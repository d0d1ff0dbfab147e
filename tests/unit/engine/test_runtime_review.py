"""The model case: a parallel review that may be rejected again and again, flat and nested, in every order of answers."""

import random
from collections.abc import Iterator, Sequence
from itertools import permutations, product

from running import Office, a_diagram, a_process, end, gateway, start, user

Round = tuple[tuple[str, ...], str]
"""The order in which the reviewers answer, and who rejects (nobody when empty)."""
FLAT = ("accounting", "quality")
NESTED = ("accounting", "quality", "law")


def _review(*inside: str, accepted: str) -> bytes:
    return a_diagram(
        a_process(
            "order",
            start(),
            gateway("again", "exclusive"),
            gateway("split"),
            gateway("join"),
            gateway("accepted", "exclusive", 'default="accepted_to_adjust"'),
            user("adjust"),
            end(),
            "begin -> again",
            "again -> split",
            "join -> accepted",
            f"accepted -> done if {accepted}",
            "accepted -> adjust",
            "adjust -> again",
            *(user(name) for name in NESTED if any(f"-> {name}" in part for part in inside)),
            *inside,
        )
    )


FLAT_REVIEW = _review(
    "split -> accounting",
    "split -> quality",
    "accounting -> join",
    "quality -> join",
    accepted="accounting_ok and quality_ok",
)
NESTED_REVIEW = _review(
    gateway("inner_split"),
    gateway("inner_join"),
    "split -> law",
    "split -> inner_split",
    "inner_split -> accounting",
    "inner_split -> quality",
    "accounting -> inner_join",
    "quality -> inner_join",
    "inner_join -> join",
    "law -> join",
    accepted="accounting_ok and quality_ok and law_ok",
)


def _courses(reviewers: Sequence[str], rejections: int) -> Iterator[list[Round]]:
    orders = list(permutations(reviewers))
    for rejecting in product(reviewers, repeat=rejections):
        for chosen in product(orders, repeat=rejections + 1):
            yield list(zip(chosen, (*rejecting, ""), strict=True))


def _expected(course: Sequence[Round], *, is_nested: bool) -> list[str]:
    nodes = ["begin", "again", "split"]
    for order, rejecting in course:
        nodes += ["inner_split"] if is_nested else []
        inner = {"accounting", "quality"} if is_nested else set()
        for answer in order:
            nodes.append(answer)
            inner.discard(answer)
            if is_nested and answer != "law" and not inner:
                nodes.append("inner_join")
        nodes += ["join", "accepted"]
        nodes += ["adjust", "again", "split"] if rejecting else ["done"]
    return nodes


def _walk(office: Office, course: Sequence[Round]) -> list[str]:
    ann = office.people["ann"]
    instance = office.engine.start("order")
    for order, rejecting in course:
        for reviewer in order:
            office.do(instance, reviewer, ann, **{f"{reviewer}_ok": reviewer != rejecting})
        if rejecting:
            assert office.variables(instance)[f"{rejecting}_ok"] is False
            office.do(instance, "adjust", ann)
    assert office.state(instance) == "completed"
    return office.trace(instance)


def test_a_flat_review_gives_the_right_trace_in_every_order_of_answers(office: Office) -> None:
    office.deploy(FLAT_REVIEW)
    office.person("ann")

    for rejections in range(4):
        for course in _courses(FLAT, rejections):
            assert _walk(office, course) == _expected(course, is_nested=False), course


def test_a_nested_review_gives_the_right_trace_in_every_order_of_answers(office: Office) -> None:
    office.deploy(NESTED_REVIEW)
    office.person("ann")
    longer = [course for rejections in (2, 3) for course in _courses(NESTED, rejections)]
    chosen = random.Random(11).sample(longer, 40)

    for course in [*_courses(NESTED, 0), *_courses(NESTED, 1), *chosen]:
        assert _walk(office, course) == _expected(course, is_nested=True), course
