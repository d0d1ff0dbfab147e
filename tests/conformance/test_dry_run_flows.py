"""Complex gateways, inclusive joins in loops, ad-hoc subprocesses, token quantities, and what joins do with conflicts."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from drawn import Case, drawn, end, multiple, play, script, start, tag, task

THREE: Final = (
    start(),
    tag("parallelGateway", "f"),
    tag("userTask", "a"),
    tag("userTask", "b"),
    tag("userTask", "c"),
    end(),
)
WAYS: Final = ("start > f > a > j > t > end", "f > b > j", "f > c > j")
BOTH: Final = (start(), tag("parallelGateway", "f"), script("a", "n = 1"), script("b", "n = 2"), end())


def some(condition: str) -> list[str]:
    """Three branches that meet at a complex gateway."""
    text = f"<bpmn:activationCondition>{condition}</bpmn:activationCondition>" if condition else ""
    return [*THREE, tag("complexGateway", "j", text, parcelflow__onConflict="last"), task("t"), *WAYS]


def ad_hoc(condition: str, *parts: str, **attributes: str) -> list[str]:
    """An ad-hoc subprocess."""
    text = f"<bpmn:completionCondition>{condition}</bpmn:completionCondition>" if condition else ""
    return [start(), tag("adHocSubProcess", "ad", drawn(*parts) + text, **attributes), end(), "start > ad > end"]


def done(node: str, **variables: Any) -> Mapping[str, Any]:
    """Complete a work item."""
    return {"complete": node, "variables": variables}


CHOOSES: Final = (
    start(),
    tag("complexGateway", "g", default="Flow_g_d"),
    task("a", "b", "d"),
    end(),
    "start > g",
    "g > a if n &gt; 0",
    "g > b if n &gt; 1",
    "g > d > end",
    "a > end",
    "b > end",
)
CASES = (
    Case(
        "complex gateway goes on with the first and swallows the others",
        some("activationCount &gt;= 1"),
        "start f b j t end a c",
        script=[done("b", x=1), done("a", y=2)],
        variables={"x": 1, "y": 2},
    ),
    Case(
        "complex gateway goes on with the first two",
        some("activationCount &gt;= 2"),
        "start f b a j t end c",
        script=[done("b", x=1), done("a", y=2)],
        variables={"x": 1, "y": 2},
    ),
    Case(
        "complex gateway whose condition asks for data",
        some("x == 1"),
        "start f a b j t end c",
        script=[done("a", x=0), done("b", x=1)],
        variables={"x": 1},
    ),
    Case("complex gateway without a condition joins like an inclusive one", some(""), "start f a b c j t end"),
    Case(
        "complex gateway that can never go on is told",
        some("activationCount &gt;= 4"),
        "start f a b c",
        "incident",
        "join_starved",
        "j",
    ),
    Case("complex gateway splits by all that is true", CHOOSES, "start g a b end end", start={"n": 2}),
    Case("complex gateway takes its default if nothing is true", CHOOSES, "start g d end", start={"n": 0}),
    Case(
        "complex gateway in a loop begins a round each time",
        [
            start(),
            tag("exclusiveGateway", "x"),
            tag("parallelGateway", "f"),
            tag("userTask", "a"),
            tag("userTask", "b"),
            tag("complexGateway", "j", "<bpmn:activationCondition>activationCount &gt;= 2</bpmn:activationCondition>"),
            script("t", "n = n + 1"),
            tag("exclusiveGateway", "y", default="Flow_y_end"),
            end(),
            "start > x > f > a > j > t > y > end",
            "f > b > j",
            "y > x if n &lt; 2",
        ],
        "start x f a b j t y x f a b j t y end",
        start={"n": 0},
        variables={"n": 2},
    ),
    Case(
        "complex gateway ends its round when nothing more can come",
        [
            start(),
            tag("inclusiveGateway", "f"),
            tag("userTask", "a"),
            tag("userTask", "b"),
            tag("complexGateway", "j", "<bpmn:activationCondition>activationCount &gt;= 1</bpmn:activationCondition>"),
            end(),
            "start > f",
            "f > a if True",
            "f > b if False",
            "a > j > end",
            "b > j",
        ],
        "start f a j end",
    ),
    Case(
        "complex gateway answers again when its round is over",
        [
            start(),
            tag("parallelGateway", "f"),
            tag("userTask", "a"),
            tag("userTask", "b"),
            tag("complexGateway", "j", "<bpmn:activationCondition>activationCount &gt;= 1</bpmn:activationCondition>"),
            task("t", "r"),
            end(),
            end("e2"),
            "start > f > a > j",
            "f > b > j",
            "j > t if waitingForStart",
            "j > r if not waitingForStart",
            "t > end",
            "r > e2",
        ],
        "start f b j t end a j r e2",
        script=[done("b", q=1), done("a", z=1)],
        variables={"q": 1, "z": 1},
    ),
    Case(
        "inclusive join in a loop",
        [
            start(),
            tag("exclusiveGateway", "x"),
            tag("inclusiveGateway", "f"),
            tag("userTask", "a"),
            tag("userTask", "b"),
            tag("inclusiveGateway", "j"),
            script("t", "n = n + 1"),
            tag("exclusiveGateway", "y", default="Flow_y_end"),
            end(),
            "start > x > f",
            "f > a if True",
            "f > b if n &lt; 1",
            "a > j > t > y > end",
            "b > j",
            "y > x if n &lt; 3",
        ],
        "start x f a b j t y x f a j t y x f a j t y end",
        start={"n": 0},
        variables={"n": 3},
    ),
    Case(
        "ad-hoc subprocess begins everything",
        ad_hoc("", tag("userTask", "a"), tag("userTask", "b"), task("c"), "a > c"),
        "start b a c ad end",
        script=[done("b")],
    ),
    Case(
        "sequential ad-hoc subprocess begins one after the other",
        ad_hoc("", tag("userTask", "a"), tag("userTask", "b"), task("c"), "a > c", ordering="Sequential"),
        "start",
        "incident",
        "script_step",
        "b",
        script=[done("b")],
    ),
    Case(
        "sequential ad-hoc subprocess runs all in the order of the file",
        ad_hoc("", tag("userTask", "a"), tag("userTask", "b"), task("c"), "a > c", ordering="Sequential"),
        "start a c b ad end",
    ),
    Case(
        "ad-hoc subprocess ends when its condition is true, the rest is withdrawn",
        ad_hoc("n == 1", tag("userTask", "a"), task("a2"), "a > a2", tag("userTask", "b")),
        "start a ad end",
        script=[done("a", n=1)],
        variables={"n": 1},
    ),
    Case(
        "ad-hoc subprocess waits for what runs, but begins nothing more",
        ad_hoc(
            "n == 1", tag("userTask", "a"), task("a2"), "a > a2", tag("userTask", "b"), cancelRemainingInstances="false"
        ),
        "start a b ad end",
        script=[done("a", n=1)],
    ),
    Case(
        "sequential ad-hoc subprocess ends when its condition is true",
        ad_hoc("n == 1", tag("userTask", "a"), script("b", "n = 1"), task("c"), ordering="Sequential"),
        "start a b ad end",
    ),
    Case(
        "ad-hoc subprocess whose condition never becomes true is told",
        ad_hoc("n == 1", tag("userTask", "a")),
        "start a",
        "incident",
        "ad_hoc_unfinished",
        "ad",
    ),
    Case("empty ad-hoc subprocess is refused", ad_hoc(""), "", "refused", "ad_hoc_contents", "ad"),
    Case(
        "instances of an ad-hoc subprocess",
        [
            start(),
            tag(
                "adHocSubProcess",
                "ad",
                multiple("<bpmn:loopCardinality>2</bpmn:loopCardinality>", isSequential="true")
                + drawn(tag("userTask", "a"), tag("userTask", "b"))
                + "<bpmn:completionCondition>n == 1</bpmn:completionCondition>",
            ),
            end(),
            "start > ad > end",
        ],
        "start a ad b ad ad end",
        script=[done("a", n=1), done("b")],
    ),
    Case(
        "start quantity waits for so many tokens",
        [
            start(),
            tag("parallelGateway", "f"),
            task("a", "b"),
            tag("task", "t", startQuantity="2"),
            end(),
            "start > f > a > t > end",
            "f > b > t",
        ],
        "start f a b t end",
    ),
    Case(
        "start quantity that is never reached is told",
        [start(), tag("task", "t", startQuantity="2"), end(), "start > t > end"],
        "start",
        "incident",
        "join_starved",
        "t",
    ),
    Case(
        "completion quantity gives so many tokens",
        [start(), tag("task", "t", completionQuantity="3"), task("u"), end(), "start > t > u > end"],
        "start t u u u end end end",
    ),
    Case(
        "token quantity below one is refused",
        [start(), tag("task", "t", startQuantity="0"), end(), "start > t > end"],
        "",
        "refused",
        "token_quantity",
        "t",
    ),
    Case(
        "two branches set one variable differently: told",
        [*BOTH, tag("parallelGateway", "j"), "start > f > a > j > end", "f > b > j"],
        "start f a b",
        "incident",
        "merge_conflict",
        "j",
        start={"n": 0},
    ),
    Case(
        "two branches set one variable differently: the last counts",
        [*BOTH, tag("parallelGateway", "j", parcelflow__onConflict="last"), "start > f > a > j > end", "f > b > j"],
        "start f a b j end",
        start={"n": 0},
        variables={"n": 2},
    ),
    Case(
        "two branches set one variable differently: both are kept",
        [*BOTH, tag("inclusiveGateway", "j", parcelflow__onConflict="append"), "start > f > a > j > end", "f > b > j"],
        "start f a b j end",
        start={"n": 0},
        variables={"n": [1, 2]},
    ),
    Case(
        "two branches that agree are no conflict",
        [
            start(),
            tag("parallelGateway", "f"),
            script("a", "n = 1"),
            script("b", "n = 1"),
            tag("parallelGateway", "j"),
            end(),
            "start > f > a > j > end",
            "f > b > j",
        ],
        "start f a b j end",
        start={"n": 0},
        variables={"n": 1},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_flows_run_as_the_standard_says(case: Case) -> None:
    play(case)
