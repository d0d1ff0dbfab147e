"""Events attached to activities and events that are thrown: each kind, interrupting or not, happening and not, also nested."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from drawn import (
    CANCELLED,
    ERROR,
    ESCALATION,
    MESSAGE,
    SIGNAL,
    Case,
    around,
    boundary,
    catch,
    end,
    nested,
    play,
    start,
    sub,
    tag,
    throw,
    timer,
    when,
)

Step = Mapping[str, Any]
LEVELS: Final = (0, 2)
HOW: Final = (("true", "interrupting", ""), ("false", "non-interrupting", " u end"))
OUTWARD: Final[dict[str, tuple[str, Sequence[Step]]]] = {
    "message": (CANCELLED, [{"message": "cancelled", "payload": {"reason": "late"}}]),
    "signal": (SIGNAL, [{"signal": "alarm", "payload": {"reason": "late"}}]),
    "timer": (timer("timeDuration", "PT1H"), [{"advance": "PT1H"}]),
}


def outward() -> Iterator[Case]:
    """What comes from outside."""
    for level in LEVELS:
        for kind, (inside, happening) in OUTWARD.items():
            for interrupts, how, rest in HOW:
                body = [start(), tag("userTask", "u"), boundary("b", "u", inside, interrupts), end(), end("e2")]
                parts = nested(level, *body, "start > u > end", "b > e2")
                name = f"{kind} boundary event, {how}, level {level}"
                brings = {} if kind == "timer" else {"reason": "late"}
                trace = around(level, f"start b e2{rest}")
                yield Case(name, parts, trace, script=happening, variables=brings)
                yield Case(f"{name}, does not happen", parts, around(level, "start u end"), variables={})


def conditional() -> Iterator[Case]:
    """What a branch beside does to the data."""
    for level in LEVELS:
        for interrupts, how, rest in HOW:
            body = [start(), tag("parallelGateway", "f"), tag("userTask", "u"), tag("userTask", "v")]
            body += [boundary("b", "u", when("n &gt; 1"), interrupts), end(), end("e2"), end("e3")]
            parts = nested(level, *body, "start > f > u > end", "f > v > e3", "b > e2")
            name = f"conditional boundary event, {how}, level {level}"
            trace = around(level, f"start f v b e2 e3{rest}")
            for value, path in ((2, trace), (1, around(level, "start f v e3 u end"))):
                yield Case(
                    name if value == 2 else f"{name}, does not happen",
                    parts,
                    path,
                    script=[{"complete": "v", "variables": {"n": value}}],
                    start={"n": 0},
                    variables={"n": value},
                    is_any_order=True,
                )


def from_inside() -> Iterator[Case]:
    """What a subprocess throws."""
    for level in LEVELS:
        for interrupts, how, _ in HOW:
            body = [start(), boundary("b", "s", ESCALATION, interrupts), end(), end("e3"), "start > s > end", "b > e3"]
            goes_on = "" if interrupts == "true" else " e2 s end"
            inner = sub("s", start("s2"), throw("esc", ESCALATION), end("e2"), "s2 > esc > e2")
            name = f"escalation boundary event, {how}, level {level}"
            trace = around(level, f"start s2 esc b e3{goes_on}")
            yield Case(
                name, nested(level, *body, inner), trace, variables={"escalation_code": "late"}, is_any_order=True
            )
            quiet = sub("s", start("s2"), throw("esc", SIGNAL), end("e2"), "s2 > esc > e2")
            trace = around(level, "start s2 esc e2 s end")
            yield Case(f"{name}, does not happen", nested(level, *body, quiet), trace, variables={})
        body = [
            start(),
            tag("serviceTask", "s"),
            boundary("b", "s", ERROR),
            end(),
            end("e2"),
            "start > s > end",
            "b > e2",
        ]
        failed = {"error_code": "no_paper", "error_message": "no_paper"}
        name = f"error boundary event, level {level}"
        trace = around(level, "start b e2")
        yield Case(name, nested(level, *body), trace, script=[{"error": "s", "code": "no_paper"}], variables=failed)
        yield Case(f"{name}, does not happen", nested(level, *body), around(level, "start s end"), variables={})


HEARD: Final = (start(), tag("parallelGateway", "f"), end(), "start > f > c > end")
OTHERS = (
    Case(
        "error of one activity is not caught at its sibling",
        [
            start(),
            tag("parallelGateway", "f"),
            tag("serviceTask", "s"),
            tag("userTask", "u"),
            boundary("b", "u", ERROR),
            end(),
            end("e2"),
            "start > f > s > end",
            "f > u > end",
            "b > e2",
        ],
        "start f u end",
        "failed",
        "no_paper",
        "s",
        script=[{"error": "s", "code": "no_paper"}],
    ),
    Case(
        "escalation goes outwards through two levels",
        [
            start(),
            sub("o", start("s1"), sub("i", start("s2"), end("e2", ESCALATION), "s2 > e2"), end("e1"), "s1 > i > e1"),
            boundary("b", "o", ESCALATION, "false"),
            end(),
            end("e3"),
            "start > o > end",
            "b > e3",
        ],
        "start s1 s2 e2 b i e3 e1 o end",
        is_any_order=True,
    ),
    Case("message end event", [*HEARD, catch("c", MESSAGE), end("t", MESSAGE), "f > t"], "start f t c end"),
    Case(
        "message throw event",
        [*HEARD, catch("c", MESSAGE), throw("t", MESSAGE), end("e2"), "f > t > e2"],
        "...",
        variables={},
    ),
    Case(
        "message of another name wakes nobody",
        [*HEARD, catch("c", MESSAGE), end("t", CANCELLED), "f > t"],
        "start f t",
        "waiting",
    ),
    Case(
        "signal throw event",
        [*HEARD, catch("c", SIGNAL), throw("t", SIGNAL), end("e2"), "f > t > e2"],
        "...",
        variables={},
    ),
    Case(
        "conditional catch event in a subprocess sees what a branch outside does",
        [
            start(),
            tag("parallelGateway", "f"),
            sub("s", start("s2"), catch("c", when("n &gt; 1")), end("e2"), "s2 > c > e2"),
            tag("userTask", "u"),
            end(),
            end("e3"),
            "start > f > s > end",
            "f > u > e3",
        ],
        "start f s2 u c e3 e2 s end",
        script=[{"complete": "u", "variables": {"n": 2}}],
        start={"n": 0},
        variables={"n": 2},
        is_any_order=True,
    ),
    Case(
        "conditional catch event whose condition stays false",
        [start(), catch("c", when("n &gt; 1")), end(), "start > c > end"],
        "start",
        "waiting",
        start={"n": 0},
    ),
    Case(
        "links of different names that name one another",
        [
            start(),
            throw(
                "l1",
                '<bpmn:linkEventDefinition id="o" name="Out"><bpmn:target>i</bpmn:target></bpmn:linkEventDefinition>',
            ),
            catch(
                "c",
                '<bpmn:linkEventDefinition id="i" name="In"><bpmn:source>o</bpmn:source></bpmn:linkEventDefinition>',
            ),
            end(),
            "start > l1",
            "c > end",
        ],
        "start l1 c end",
    ),
    Case(
        "link in a subprocess, from two places",
        [
            start(),
            sub(
                "s",
                start("s2"),
                tag("exclusiveGateway", "x", default="Flow_x_l2"),
                throw("l1", '<bpmn:linkEventDefinition name="A"/>'),
                throw("l2", '<bpmn:linkEventDefinition name="A"/>'),
                catch("c", '<bpmn:linkEventDefinition name="A"/>'),
                end("e2"),
                "s2 > x > l2",
                "x > l1 if n == 1",
                "c > e2",
            ),
            end(),
            "start > s > end",
        ],
        "start s2 x l1 c e2 s end",
        start={"n": 1},
    ),
)
CASES = (*outward(), *conditional(), *from_inside(), *OTHERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_attached_and_thrown_events_run_as_the_standard_says(case: Case) -> None:
    play(case)
