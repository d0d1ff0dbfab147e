"""Compensation and transactions, tried from end to end: which handlers run, in which order, and that none runs unasked."""

from typing import Final

import pytest
from drawn import (
    CANCEL,
    COMPENSATION,
    ERROR,
    SIGNAL,
    TERMINATE,
    Case,
    boundary,
    drawn,
    end,
    handler,
    multiple,
    play,
    process,
    script,
    start,
    sub,
    tag,
    task,
    throw,
    undoing,
)

NOTHING: Final = {"undone": []}
LOOSE: Final = '<bpmn:compensateEventDefinition waitForCompletion="false"/>'
TWO: Final = (
    start("s2"),
    task("a2"),
    undoing("a2", "c2"),
    task("a3"),
    undoing("a3", "c3"),
    end("e2"),
    "s2 > a2 > a3 > e2",
)
CANCELLING: Final = (
    start("s2"),
    tag("parallelGateway", "f"),
    tag("userTask", "w"),
    task("a2", "a3"),
    undoing("a2", "c2"),
    undoing("a3", "c3"),
    end("no", CANCEL),
    end("e2"),
    "s2 > f > a2 > a3 > no",
    "f > w > e2",
)
TRANSACTION: Final = (boundary("b", "tx", CANCEL), end(), end("e3"), start(), "start > tx > end", "b > e3")


def only(activity: str) -> str:
    """Compensate one activity."""
    return f'<bpmn:compensateEventDefinition activityRef="{activity}"/>'


def undone(*handlers: str) -> dict[str, list[str]]:
    """What the handlers have written."""
    return {"undone": list(handlers)}


def chain_of(thrown: str) -> list[str]:
    """Two activities with handlers, then something thrown."""
    ways = "start > a > b > back > end"
    return [start(), task("a", "b"), undoing("a", "ca"), undoing("b", "cb"), throw("back", thrown), end(), ways]


CASES = (
    Case(
        "compensation runs backwards, through a completed subprocess",
        [
            start(),
            task("a1", "a4"),
            undoing("a1", "c1"),
            sub("s", *TWO),
            undoing("a4", "c4"),
            throw("back", COMPENSATION),
            end(),
            "start > a1 > s > a4 > back > end",
        ],
        "start a1 s2 a2 a3 e2 s a4 c4 c3 c2 c1 back end",
        start=NOTHING,
        variables=undone("c4", "c3", "c2", "c1"),
    ),
    Case(
        "compensation end event",
        [start(), task("a"), undoing("a", "ca"), end("back", COMPENSATION), "start > a > back"],
        "start a ca back",
        start=NOTHING,
        variables=undone("ca"),
    ),
    Case(
        "no compensation without a throw",
        chain_of(SIGNAL),
        "start a b back end",
        start=NOTHING,
        variables=undone(),
    ),
    Case(
        "compensation of one activity",
        chain_of(only("a")),
        "start a b ca back end",
        start=NOTHING,
        variables=undone("ca"),
    ),
    Case(
        "compensation of one subprocess",
        [
            start(),
            sub("s", *TWO),
            task("a4"),
            undoing("a4", "c4"),
            throw("back", only("s")),
            end(),
            "start > s > a4 > back > end",
        ],
        "start s2 a2 a3 e2 s a4 c3 c2 back end",
        start=NOTHING,
        variables=undone("c3", "c2"),
    ),
    Case(
        "compensation of an activity that does not exist is refused",
        chain_of(only("nobody")),
        "",
        "refused",
        "unknown_reference",
        "back",
    ),
    Case(
        "nothing is compensated twice",
        [
            start(),
            task("a"),
            undoing("a", "ca"),
            throw("back", COMPENSATION),
            throw("again", COMPENSATION),
            end(),
            "start > a > back > again > end",
        ],
        "start a ca back again end",
        start=NOTHING,
        variables=undone("ca"),
    ),
    Case(
        "each completed instance is compensated",
        [
            start(),
            tag("task", "a", multiple("<bpmn:loopCardinality>3</bpmn:loopCardinality>")),
            undoing("a", "ca"),
            throw("back", COMPENSATION),
            end(),
            "start > a > back > end",
        ],
        "start a a a a ca ca ca back end",
        start=NOTHING,
        variables=undone("ca", "ca", "ca"),
    ),
    Case(
        "each completed round of a loop is compensated",
        [
            start(),
            tag("task", "a", '<bpmn:standardLoopCharacteristics loopMaximum="2"/>'),
            undoing("a", "ca"),
            throw("back", COMPENSATION),
            end(),
            "start > a > back > end",
        ],
        "start a a a ca ca back end",
        start=NOTHING,
        variables=undone("ca", "ca"),
    ),
    Case(
        "each completed instance of a subprocess is compensated",
        [
            start(),
            tag(
                "subProcess",
                "s",
                multiple("<bpmn:loopCardinality>2</bpmn:loopCardinality>", isSequential="true")
                + drawn(start("s2"), task("a"), undoing("a", "ca"), end("e2"), "s2 > a > e2"),
            ),
            throw("back", COMPENSATION),
            end(),
            "start > s > back > end",
        ],
        "start s2 a e2 s s2 a e2 s s ca ca back end",
        start=NOTHING,
        variables=undone("ca", "ca"),
    ),
    Case(
        "compensation event subprocess that compensates inside",
        [
            start(),
            sub(
                "s",
                *TWO,
                handler(
                    "h",
                    COMPENSATION,
                    script("x", "undone.append('h')"),
                    throw("inner", COMPENSATION),
                    end("he"),
                    "x > inner > he",
                ),
            ),
            throw("back", COMPENSATION),
            end(),
            "start > s > back > end",
        ],
        "start s2 a2 a3 e2 s h_starts x c3 c2 inner he h back end",
        start=NOTHING,
        variables=undone("h", "c3", "c2"),
    ),
    Case(
        "compensation thrown in an error event subprocess undoes the scope around",
        [
            start(),
            task("a"),
            undoing("a", "ca"),
            tag("serviceTask", "s"),
            end(),
            "start > a > s > end",
            handler("h", ERROR, throw("back", COMPENSATION), end("he"), "back > he"),
        ],
        "start a h_starts ca back he h",
        script=[{"error": "s", "code": "no_paper"}],
        start=NOTHING,
        variables={"undone": ["ca"], "error_code": "no_paper", "error_message": "no_paper"},
    ),
    Case(
        "a subprocess with a handler is compensated as a whole",
        [start(), sub("s", *TWO), undoing("s", "cs"), throw("back", COMPENSATION), end(), "start > s > back > end"],
        "start s2 a2 a3 e2 s cs back end",
        start=NOTHING,
        variables=undone("cs"),
    ),
    Case(
        "compensation of a called process",
        [
            start(),
            tag("callActivity", "call", calledElement="q"),
            throw("back", COMPENSATION),
            end(),
            "start > call > back > end",
        ],
        "start in a out call ca back end",
        start=NOTHING,
        variables=undone("ca"),
        processes=("p",),
        more=process("q", start("in"), task("a"), undoing("a", "ca"), end("out"), "in > a > out"),
    ),
    Case(
        "compensation of a call activity",
        [
            start(),
            tag("callActivity", "call", calledElement="q"),
            undoing("call", "cc"),
            throw("back", COMPENSATION),
            end(),
            "start > call > back > end",
        ],
        "start in out call cc back end",
        start=NOTHING,
        variables=undone("cc"),
        processes=("p",),
        more=process("q", start("in"), end("out"), "in > out"),
    ),
    Case(
        "compensation handler that is a user task",
        [
            start(),
            task("a"),
            undoing("a", "ca", kind="userTask"),
            throw("back", COMPENSATION),
            end(),
            "start > a > back > end",
        ],
        "start a ca back end",
        script=[{"complete": "ca", "variables": {"told": 1}}],
        variables={"told": 1},
    ),
    *(
        Case(
            f"compensation of what was done in an ad-hoc subprocess: {kind}",
            [
                start(),
                tag("adHocSubProcess", "ad", drawn(task("a"), undoing("a", "ca", kind=kind)) + inside),
                throw("back", COMPENSATION),
                end(),
                "start > ad > back > end",
            ],
            "start a ad ca back end",
            start=NOTHING,
        )
        for kind, inside in (
            ("scriptTask", ""),
            ("userTask", ""),
            ("scriptTask", "<bpmn:completionCondition>undone == []</bpmn:completionCondition>"),
        )
    ),
    Case(
        "compensation handler that is a subprocess",
        [
            start(),
            task("a"),
            undoing("a", "ca", kind="subProcess", inside=drawn(start("x1"), task("x2"), end("x3"), "x1 > x2 > x3")),
            throw("back", COMPENSATION),
            end(),
            "start > a > back > end",
        ],
        "start a x1 x2 x3 ca back end",
    ),
    Case(
        "compensation that is not waited for runs while the way goes on",
        [
            start(),
            task("a", "b"),
            undoing("a", "ca", kind="userTask"),
            throw("back", LOOSE),
            task("c"),
            end(),
            "start > a > b > back > c > end",
        ],
        "start a b back c end ca",
        script=[{"complete": "ca", "variables": {"told": 1}}],
        variables={"told": 1},
    ),
    Case(
        "compensation that is not waited for ends before its subprocess does",
        [
            start(),
            sub(
                "s",
                start("s2"),
                task("a2"),
                undoing("a2", "c2", kind="userTask"),
                task("a3"),
                undoing("a3", "c3"),
                end("back", LOOSE),
                "s2 > a2 > a3 > back",
            ),
            end(),
            "start > s > end",
        ],
        "start s2 a2 a3 back c3 c2 s end",
        start=NOTHING,
        variables=undone("c3"),
    ),
    Case(
        "compensation of one activity that is not waited for, and a signal",
        [
            start(),
            task("a", "b"),
            undoing("a", "ca"),
            undoing("b", "cb"),
            throw("back", f'{SIGNAL}<bpmn:compensateEventDefinition activityRef="a" waitForCompletion="false"/>'),
            end(),
            "start > a > b > back > end",
        ],
        "start a b back ca end",
        start=NOTHING,
        variables=undone("ca"),
        is_any_order=True,
    ),
    Case(
        "compensation that is not waited for, with nothing to undo",
        [start(), throw("back", LOOSE), end(), "start > back > end"],
        "start back end",
    ),
    Case(
        "compensation that is not waited for beside a terminate is refused",
        [start(), task("a"), undoing("a", "ca"), end("back", LOOSE + TERMINATE), "start > a > back"],
        "",
        "refused",
        "not_executable",
        "back",
    ),
    Case(
        "a cancelled transaction undoes what is done and takes the way of its cancel event",
        [tag("transaction", "tx", drawn(*CANCELLING)), *TRANSACTION],
        "start s2 f a2 a3 c3 c2 no b e3",
        start=NOTHING,
        variables=undone("c3", "c2"),
    ),
    Case(
        "a transaction that is not cancelled undoes nothing",
        [tag("transaction", "tx", drawn(*TWO)), *TRANSACTION],
        "start s2 a2 a3 e2 tx end",
        start=NOTHING,
        variables=undone(),
    ),
    Case(
        "a completed transaction is compensated like a subprocess",
        [start(), tag("transaction", "tx", drawn(*TWO)), throw("back", COMPENSATION), end(), "start > tx > back > end"],
        "start s2 a2 a3 e2 tx c3 c2 back end",
        start=NOTHING,
        variables=undone("c3", "c2"),
    ),
    Case(
        "an error leaves a transaction without compensation",
        [
            start(),
            tag(
                "transaction",
                "tx",
                drawn(start("s2"), task("a"), undoing("a", "ca"), end("bad", ERROR), "s2 > a > bad"),
            ),
            boundary("b", "tx", ERROR),
            end(),
            end("e3"),
            "start > tx > end",
            "b > e3",
        ],
        "start s2 a bad b e3",
        start=NOTHING,
        variables={"undone": [], "error_code": "no_paper", "error_message": ""},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_compensation_runs_as_the_standard_says(case: Case) -> None:
    play(case)
