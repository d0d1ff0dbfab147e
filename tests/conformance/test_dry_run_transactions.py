"""Transactions and subprocesses done several times, and compensation out of event subprocesses, tried from end to end."""

from typing import Final

import pytest
from drawn import (
    ANY_ERROR,
    CANCEL,
    COMPENSATION,
    ERROR,
    Case,
    boundary,
    drawn,
    end,
    handler,
    multiple,
    play,
    start,
    sub,
    tag,
    task,
    throw,
    undoing,
)

NOTHING: Final = {"undone": []}
OVER: Final = {"parcelflow__collection": "parts", "parcelflow__elementVariable": "part"}
OVER_PARTS: Final = multiple("", isSequential="false", **OVER)
ONE_AFTER_THE_OTHER: Final = multiple("", isSequential="true", **OVER)
ORDERED: Final = (
    start("s2"),
    task("a"),
    undoing("a", "ca", "undone.append(part)"),
    tag("exclusiveGateway", "g", default="Flow_g_e2"),
    tag("userTask", "w"),
    end("no", CANCEL),
    end("e2"),
    "s2 > a > g > e2",
    "g > w if part == 'b'",
    "g > no if part == 'c'",
    "w > e2",
)
AROUND: Final = (start(), boundary("b", "tx", CANCEL), end(), end("e3"), "start > tx > end", "b > e3")
PARTS: Final = {"undone": [], "parts": ["a", "b", "c"]}
FAILING: Final = (start(), task("a"), undoing("a", "ca"), end("bad", ERROR), "start > a > bad")


def only(activity: str) -> str:
    """Compensate one activity."""
    return f'<bpmn:compensateEventDefinition activityRef="{activity}"/>'


def mending(thrown: str) -> str:
    """Draw an event subprocess that does something, and then compensates."""
    return handler("h", ANY_ERROR, task("m"), undoing("m", "cm"), throw("back", thrown), end("he"), "m > back > he")


CASES = (
    Case(
        "a cancelled instance of a transaction ends and undoes all its instances",
        [tag("transaction", "tx", OVER_PARTS + drawn(*ORDERED)), *AROUND],
        "start s2 s2 s2 a a a g g g e2 tx ca ca ca no b e3",
        start=PARTS,
        variables={"undone": ["c", "b", "a"], "parts": ["a", "b", "c"]},
    ),
    Case(
        "a cancelled instance of a transaction undoes those before it",
        [tag("transaction", "tx", ONE_AFTER_THE_OTHER + drawn(*ORDERED)), *AROUND],
        "start s2 a g e2 tx s2 a g w e2 tx s2 a g ca ca ca no b e3",
        start=PARTS,
        variables={"undone": ["c", "b", "a"], "parts": ["a", "b", "c"]},
    ),
    Case(
        "instances of a transaction of which none is cancelled undo nothing",
        [tag("transaction", "tx", OVER_PARTS + drawn(*ORDERED)), *AROUND],
        "start s2 s2 a a g g e2 tx w e2 tx tx end",
        start={"undone": [], "parts": ["a", "b"]},
        variables={"undone": [], "parts": ["a", "b"]},
    ),
    Case(
        "instances of a transaction in a loop undo their own round only",
        [
            start(),
            tag("exclusiveGateway", "again"),
            tag("transaction", "tx", OVER_PARTS + drawn(*ORDERED)),
            boundary("b", "tx", CANCEL),
            tag("scriptTask", "more", "<bpmn:script>parts = ['c']</bpmn:script>", scriptFormat="python"),
            end("e3"),
            "start > again > tx > more > again",
            "b > e3",
        ],
        "start again s2 a g e2 tx tx more again s2 a g ca no b e3",
        start={"undone": [], "parts": ["a"]},
        variables={"undone": ["c"], "parts": ["c"]},
    ),
    Case(
        "the handler inside a repeated subprocess knows which item it was",
        [
            start(),
            sub("s", OVER_PARTS, start("s2"), task("a"), undoing("a", "ca", "undone.append(part)"), "s2 > a"),
            throw("back", COMPENSATION),
            end(),
            "start > s > back > end",
        ],
        "start s2 s2 s2 a a a s s s s ca ca ca back end",
        start=PARTS,
        variables={"undone": ["c", "b", "a"], "parts": ["a", "b", "c"]},
    ),
    Case(
        "compensation out of an event subprocess undoes what was done there, then what was done around it",
        [*FAILING, mending(COMPENSATION)],
        "start a bad h_starts m cm ca back he h",
        start=NOTHING,
        variables={"undone": ["cm", "ca"], "error_code": "no_paper", "error_message": ""},
    ),
    Case(
        "compensation of one activity of an event subprocess",
        [*FAILING, mending(only("m"))],
        "start a bad h_starts m cm back he h",
        start=NOTHING,
        variables={"undone": ["cm"], "error_code": "no_paper", "error_message": ""},
    ),
    Case(
        "compensation of one activity around an event subprocess",
        [*FAILING, mending(only("a"))],
        "start a bad h_starts m ca back he h",
        start=NOTHING,
        variables={"undone": ["ca"], "error_code": "no_paper", "error_message": ""},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_what_was_done_several_times_or_in_a_handler_is_undone_as_the_standard_says(case: Case) -> None:
    play(case)
