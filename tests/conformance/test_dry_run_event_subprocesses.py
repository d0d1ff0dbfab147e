"""Event subprocesses: each trigger, interrupting or not, at three levels of nesting, happening and not happening."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from drawn import (
    CANCELLED,
    COMPENSATION,
    ERROR,
    ESCALATION,
    MESSAGE,
    SIGNAL,
    Case,
    around,
    end,
    handler,
    nested,
    play,
    script,
    start,
    sub,
    tag,
    task,
    throw,
    timer,
    undoing,
    when,
)

Step = Mapping[str, Any]
BESIDE: Final = (start(), tag("parallelGateway", "f"), tag("userTask", "u"), tag("userTask", "v"), end())
WAITING: Final = (*BESIDE, "start > f > u > end", "f > v > end")
THROWING: Final = (*BESIDE, throw("esc", ESCALATION), "start > f > u > end", "f > esc > v > end")
SILENT: Final = (*BESIDE, throw("esc", SIGNAL), "start > f > u > end", "f > esc > v > end")
FAILING: Final = (*BESIDE, tag("serviceTask", "s"), "start > f > u > end", "f > s > v > end")
TRIGGERS: Final[dict[str, tuple[str, Sequence[Step], dict[str, Any]]]] = {
    "message": (CANCELLED, [{"message": "cancelled", "payload": {"reason": "late"}}], {"reason": "late"}),
    "signal": (SIGNAL, [{"signal": "alarm"}], {}),
    "timer": (timer("timeDuration", "PT1H"), [{"advance": "PT1H"}], {}),
}


def outward() -> Iterator[Case]:
    """What comes from outside."""
    for level in range(3):
        for kind, (inside, happening, brings) in TRIGGERS.items():
            for interrupts in ("true", "false"):
                name = f"{kind} event subprocess, {'' if interrupts == 'true' else 'non-'}interrupting, level {level}"
                parts = nested(level, *WAITING, handler("h", inside, interrupts=interrupts))
                ends = "" if interrupts == "true" else " u end v end"
                trace = around(level, f"start f h_starts h_works h_ends h{ends}")
                yield Case(name, parts, trace, script=happening, variables={"handled": "h", **brings})
                yield Case(f"{name}, does not happen", parts, around(level, "start f u end v end"), variables={})


def from_inside() -> Iterator[Case]:
    """What the scope itself throws or does."""
    code = {"escalation_code": "late", "handled": "h"}
    failed = {"error_code": "no_paper", "error_message": "no_paper", "handled": "h"}
    for level in range(3):
        for interrupts in ("true", "false"):
            said = f"{'' if interrupts == 'true' else 'non-'}interrupting, level {level}"
            ends = "" if interrupts == "true" else " u end v end"
            handles = handler("h", ESCALATION, interrupts=interrupts)
            trace = around(level, f"start f esc h_starts h_works h_ends h{ends}")
            yield Case(f"escalation event subprocess, {said}", nested(level, *THROWING, handles), trace, variables=code)
            yield Case(
                f"escalation event subprocess, {said}, does not happen",
                nested(level, *SILENT, handles),
                around(level, "start f esc u end v end"),
                variables={},
            )
            parts = nested(level, *WAITING, handler("h", when("n &gt; 1"), interrupts=interrupts))
            ends = "" if interrupts == "true" else " end v end"
            yield Case(
                f"conditional event subprocess, {said}",
                parts,
                around(level, f"start f u h_starts h_works h_ends h{ends}"),
                script=[{"complete": "u", "variables": {"n": 2}}],
                start={"n": 0},
                variables={"n": 2, "handled": "h"},
                is_any_order=interrupts == "false",
            )
            yield Case(
                f"conditional event subprocess, {said}, does not happen",
                parts,
                around(level, "start f u end v end"),
                script=[{"complete": "u", "variables": {"n": 1}}],
                start={"n": 0},
                variables={"n": 1},
            )
        parts = nested(level, *FAILING, handler("h", ERROR))
        yield Case(
            f"error event subprocess, level {level}",
            parts,
            around(level, "start f h_starts h_works h_ends h"),
            script=[{"error": "s", "code": "no_paper"}],
            variables=failed,
        )
        yield Case(
            f"error event subprocess, level {level}, does not happen",
            parts,
            around(level, "start f s u end v end"),
            variables={},
        )


def compensation() -> Iterator[Case]:
    """What is undone by an event subprocess of its own."""
    undoes = handler("h", COMPENSATION, script("x", "undone.append('h')"), end("he"), "x > he")
    inside = (start("s2"), task("a"), undoing("a", "c"), end("e2"), "s2 > a > e2", undoes)
    for level in range(3):
        thrown = nested(level, start(), sub("s", *inside), throw("back", COMPENSATION), end(), "start > s > back > end")
        trace = around(level, "start s2 a e2 s h_starts x he h back end")
        yield Case(
            f"compensation event subprocess, level {level}",
            thrown,
            trace,
            start={"undone": []},
            variables={"undone": ["h"]},
        )
        quiet = nested(level, start(), sub("s", *inside), throw("back", SIGNAL), end(), "start > s > back > end")
        trace = around(level, "start s2 a e2 s back end")
        yield Case(
            f"compensation event subprocess, level {level}, does not happen",
            quiet,
            trace,
            start={"undone": []},
            variables={"undone": []},
        )


OTHERS = (
    Case(
        "event subprocess that does not interrupt runs each time",
        [start(), tag("userTask", "u"), end(), "start > u > end", handler("h", MESSAGE, interrupts="false")],
        "start h_starts h_works h_ends h h_starts h_works h_ends h u end",
        script=[{"message": "paid"}, {"message": "paid"}],
    ),
    Case(
        "event subprocess of a cycle runs each time",
        [
            start(),
            tag("userTask", "u"),
            end(),
            "start > u > end",
            handler("h", timer("timeCycle", "R2/PT1H"), interrupts="false"),
        ],
        "start h_starts h_works h_ends h h_starts h_works h_ends h u end",
        script=[{"advance": "P1D"}],
    ),
    Case(
        "conditional event subprocess waits until its condition was false again",
        [
            start(),
            tag("userTask", "u", '<bpmn:standardLoopCharacteristics loopMaximum="4"/>'),
            end(),
            "start > u > end",
            handler("h", when("n &gt; 1"), interrupts="false"),
        ],
        "start u h_starts h_works h_ends h u u u h_starts h_works h_ends h u end",
        script=[{"complete": "u", "variables": {"n": number}} for number in (2, 3, 0, 5)],
        start={"n": 0},
        is_any_order=True,
    ),
    Case(
        "error thrown in an event subprocess goes outwards",
        [
            start(),
            sub(
                "o",
                start("s2"),
                tag("serviceTask", "s"),
                end("e2"),
                "s2 > s > e2",
                handler("h", ERROR, end("he", ERROR), "he"),
            ),
            tag("boundaryEvent", "b", ERROR, attachedToRef="o"),
            end(),
            end("e3"),
            "start > o > end",
            "b > e3",
        ],
        "start s2 h_starts he b e3",
        script=[{"error": "s", "code": "no_paper"}],
    ),
    *(
        Case(
            f"{what} thrown in an event subprocess finds another one beside it",
            [
                start(),
                tag("userTask", "u"),
                end(),
                "start > u > end",
                handler("h", SIGNAL, end("he", thrown), "he", interrupts="false"),
                handler("g", thrown, interrupts=interrupts),
            ],
            trace,
            script=[{"signal": "alarm"}],
        )
        for what, thrown, interrupts, trace in (
            ("escalation", ESCALATION, "false", "start h_starts he h g_starts g_works g_ends g u end"),
            ("escalation, to end the rest,", ESCALATION, "true", "start h_starts he g_starts g_works g_ends g"),
            ("error", ERROR, "true", "start h_starts he g_starts g_works g_ends g"),
        )
    ),
    Case(
        "escalation thrown in an event subprocess does not find itself",
        [
            start(),
            throw("esc", ESCALATION),
            tag("userTask", "u"),
            end(),
            "start > esc > u > end",
            handler("h", ESCALATION, end("he", ESCALATION), "he", interrupts="false"),
        ],
        "start esc h_starts he h u end",
    ),
)
CASES = (*outward(), *from_inside(), *compensation(), *OTHERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_event_subprocesses_run_as_the_standard_says(case: Case) -> None:
    play(case)
