"""Events with several triggers, and the ways in which a process can begin."""

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
    TERMINATE,
    Case,
    boundary,
    catch,
    end,
    handler,
    play,
    start,
    tag,
    task,
    throw,
    timer,
    undoing,
)

Script = Sequence[Mapping[str, Any]]
EITHER: Final = MESSAGE + SIGNAL
PAID: Final = {"message": "paid", "payload": {"sum": 3}}
ALARM: Final = {"signal": "alarm"}
HOUR: Final = timer("timeDuration", "PT1H")


def attached(inside: str, interrupts: str, **attributes: str) -> list[str]:
    """A user task with an event."""
    event = tag("boundaryEvent", "b", inside, attachedToRef="u", cancelActivity=interrupts, **attributes)
    return [start(), tag("userTask", "u"), event, end(), end("e2"), "start > u > end", "b > e2"]


def handled(inside: str, interrupts: str, **attributes: str) -> list[str]:
    """A user task beside an event subprocess."""
    beside = handler("h", inside, task("x"), end("he"), "x > he", interrupts=interrupts, **attributes)
    return [start(), tag("userTask", "u"), end(), "start > u > end", beside]


def either_or() -> Iterator[Case]:
    """Any of several triggers is enough."""
    waiting = [start(), catch("c", EITHER + HOUR), end(), "start > c > end"]
    yield Case("multiple catch event, message", waiting, "start c end", script=[PAID], variables={"sum": 3})
    yield Case("multiple catch event, signal", waiting, "start c end", script=[ALARM], variables={})
    yield Case("multiple catch event, timer", waiting, "start c end", script=[{"advance": "PT1H"}], variables={})
    held = [start(), catch("c", EITHER), end(), "start > c > end"]
    yield Case("multiple catch event, nothing happens", held, "start", "waiting", variables={})
    for interrupts, ends in (("true", ""), ("false", " u end")):
        how = "interrupting" if ends == "" else "non-interrupting"
        body = attached(EITHER, interrupts)
        yield Case(f"multiple boundary event, {how}", body, f"start b e2{ends}", script=[ALARM], variables={})
        yield Case(f"multiple boundary event, {how}, nothing happens", body, "start u end", variables={})
        body = handled(EITHER, interrupts)
        trace = f"start h_starts x he h{ends}"
        yield Case(f"multiple event subprocess, {how}", body, trace, script=[PAID], variables={"sum": 3})
        yield Case(f"multiple event subprocess, {how}, nothing happens", body, "start u end", variables={})
    yield Case(
        "multiple boundary event, non-interrupting, happens again and its timer once",
        attached(EITHER + HOUR, "false"),
        "start b e2 b e2 b e2 b e2 u end",
        script=[ALARM, PAID, {"advance": "PT1H"}, ALARM, {"advance": "PT9H"}],
    )
    yield Case(
        "multiple boundary event with an error",
        [
            start(),
            tag("serviceTask", "s"),
            boundary("b", "s", MESSAGE + ERROR),
            end(),
            end("e2"),
            "start > s > end",
            "b > e2",
        ],
        "start b e2",
        script=[{"error": "s", "code": "no_paper"}],
    )
    yield Case(
        "multiple event subprocess with an escalation",
        [
            start(),
            throw("esc", ESCALATION),
            end(),
            "start > esc > end",
            handler("h", MESSAGE + ESCALATION, interrupts="false"),
        ],
        "start esc h_starts h_works h_ends h end",
        variables={"escalation_code": "late", "handled": "h"},
        is_any_order=True,
    )
    race = [start(), tag("eventBasedGateway", "g"), catch("c", EITHER), catch("t", HOUR), end(), end("e2")]
    yield Case(
        "multiple catch event behind an event-based gateway",
        [*race, "start > g > c > end", "g > t > e2"],
        "start g c end",
        script=[ALARM],
    )
    yield Case(
        "multiple event with an error that does not interrupt is refused",
        attached(SIGNAL + ERROR, "false"),
        "",
        "refused",
        "event_not_interrupting",
        "b",
    )


def all_of_them() -> Iterator[Case]:
    """All of several triggers must happen."""
    waiting = [
        start(),
        tag("intermediateCatchEvent", "c", EITHER, parallelMultiple="true"),
        end(),
        "start > c > end",
    ]
    yield Case("parallel multiple catch event", waiting, "start c end", script=[ALARM, PAID], variables={"sum": 3})
    yield Case("parallel multiple catch event, half happens", waiting, "start", "waiting", script=[ALARM])
    for interrupts, ends in (("true", ""), ("false", " u end")):
        how = "interrupting" if ends == "" else "non-interrupting"
        body = attached(EITHER, interrupts, parallelMultiple="true")
        yield Case(f"parallel multiple boundary event, {how}", body, f"start b e2{ends}", script=[ALARM, PAID])
        yield Case(f"parallel multiple boundary event, {how}, half happens", body, "start u end", script=[ALARM])
        body = handled(EITHER, interrupts, parallelMultiple="true")
        trace = f"start h_starts x he h{ends}"
        yield Case(f"parallel multiple event subprocess, {how}", body, trace, script=[PAID, ALARM])
        yield Case(f"parallel multiple event subprocess, {how}, half happens", body, "start u end", script=[PAID])
    yield Case(
        "parallel multiple boundary event, non-interrupting, happens twice",
        attached(EITHER, "false", parallelMultiple="true"),
        "start b e2 b e2 u end",
        script=[ALARM, PAID, PAID, ALARM],
    )
    yield Case(
        "parallel multiple event with an error is refused",
        attached(SIGNAL + ERROR, "true", parallelMultiple="true"),
        "",
        "refused",
        "not_executable",
        "b",
    )


def thrown() -> Iterator[Case]:
    """Each of several is thrown."""
    listening = [start(), tag("parallelGateway", "f"), catch("c1", MESSAGE), catch("c2", SIGNAL), end(), end("e2")]
    ways = ["start > f > c1 > end", "f > c2 > e2"]
    trace = "start f t c1 c2 end e2"
    yield Case("multiple end event", [*listening, end("t", EITHER), *ways, "f > t"], trace, is_any_order=True)
    yield Case(
        "multiple throw event",
        [*listening, throw("t", EITHER), end("e3"), *ways, "f > t > e3"],
        f"{trace} e3",
        is_any_order=True,
    )
    yield Case(
        "a throw event of one kind wakes nobody who waits for the other",
        [*listening, throw("t", MESSAGE), end("e3"), *ways, "f > t > e3"],
        "start f t c1 e3 end",
        "waiting",
        is_any_order=True,
    )
    yield Case(
        "multiple end event that terminates",
        [*listening, end("t", MESSAGE + TERMINATE), *ways, "f > t"],
        "start f t",
        "terminated",
    )
    yield Case(
        "multiple end event that compensates",
        [start(), task("a"), undoing("a", "ca"), end("t", SIGNAL + COMPENSATION), "start > a > t"],
        "start a ca t",
        start={"undone": []},
        variables={"undone": ["ca"]},
    )


def begun() -> Iterator[Case]:
    """How a process begins."""
    body = [start("start", EITHER), end(), "start > end"]
    yield Case("multiple start event, message", body, "start end", script=[PAID], variables={"sum": 3})
    yield Case("multiple start event, signal", body, "start end", script=[ALARM], variables={})
    both = [start("start", MESSAGE + CANCELLED, parallelMultiple="true"), end(), "start > end"]
    script: Script = [{"message": "cancelled", "payload": {"reason": "late"}}, PAID]
    yield Case(
        "parallel multiple start event", both, "start end", script=script, variables={"sum": 3, "reason": "late"}
    )
    yield Case("parallel multiple start event, half happens", both, "", "waiting", script=[PAID])
    body = [tag("receiveTask", "r", messageRef="Message_1", instantiate="true"), end(), "r > end"]
    yield Case("receive task that starts a process", body, "r end", script=[PAID], variables={"sum": 3})
    for kind, trace, outcome in (("Exclusive", "g m2 e2", "completed"), ("Parallel", "g m2 e2", "waiting")):
        gate = tag("eventBasedGateway", "g", instantiate="true", eventGatewayType=kind)
        body = [gate, catch("m1", MESSAGE), catch("m2", CANCELLED), end(), end("e2"), "g > m1 > end", "g > m2 > e2"]
        name = f"{kind.lower()} event-based gateway that starts a process"
        yield Case(f"{name}, one message", body, trace, outcome, script=[{"message": "cancelled"}])
    yield Case(
        f"{name}, both messages", body, "g m2 e2 m1 end", script=[{"message": "cancelled"}, PAID], variables={"sum": 3}
    )
    gate = tag("eventBasedGateway", "g", instantiate="true")
    receivers = [tag("receiveTask", f"m{number}", messageRef=f"Message_{number}") for number in (1, 2)]
    yield Case(
        "event-based gateway with receive tasks that starts a process",
        [gate, *receivers, end(), end("e2"), "g > m1 > end", "g > m2 > e2"],
        "g m2 e2",
        script=[{"message": "cancelled"}],
    )
    yield Case(
        "event defined elsewhere",
        [start(), catch("c", "<bpmn:eventDefinitionRef>hour</bpmn:eventDefinitionRef>"), end(), "start > c > end"],
        "start c end",
        more='<bpmn:timerEventDefinition id="hour"><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>',
    )


CASES = (*either_or(), *all_of_them(), *thrown(), *begun())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_multiple_events_run_as_the_standard_says(case: Case) -> None:
    play(case)
