"""Diagrams as other tools write them, in a few words, and what must come of trying them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run

_HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:flowable="http://flowable.org/bpmn" xmlns:parcelflow="https://parcelflow.example/bpmn/1.0" '
    'id="Definitions_1" targetNamespace="http://bpmn.io/schema/bpmn" exporter="Camunda Modeler" exporterVersion="5.0">'
)
_DEFINED = """
<bpmn:message id="Message_1" name="paid"/><bpmn:message id="Message_2" name="cancelled"/>
<bpmn:signal id="Signal_1" name="alarm"/><bpmn:error id="Error_1" name="No paper" errorCode="no_paper"/>
<bpmn:error id="Error_2" name="No ink" errorCode="no_ink"/><bpmn:escalation id="Escalation_1" name="late" escalationCode="late"/>
"""
MESSAGE = '<bpmn:messageEventDefinition messageRef="Message_1"/>'
CANCELLED = '<bpmn:messageEventDefinition messageRef="Message_2"/>'
SIGNAL = '<bpmn:signalEventDefinition signalRef="Signal_1"/>'
ERROR = '<bpmn:errorEventDefinition errorRef="Error_1"/>'
OTHER_ERROR = '<bpmn:errorEventDefinition errorRef="Error_2"/>'
ANY_ERROR = "<bpmn:errorEventDefinition/>"
ESCALATION = '<bpmn:escalationEventDefinition escalationRef="Escalation_1"/>'
TERMINATE = "<bpmn:terminateEventDefinition/>"
COMPENSATION = "<bpmn:compensateEventDefinition/>"
CANCEL = "<bpmn:cancelEventDefinition/>"


@dataclass(frozen=True)
class Case:
    """A diagram, what is done with it, and what must come of it."""

    name: str
    parts: Sequence[str]
    trace: str
    outcome: str = "completed"
    code: str | None = None
    element: str | None = None
    script: Sequence[Mapping[str, Any]] = ()
    variables: Mapping[str, Any] | None = None
    start: Mapping[str, Any] = field(default_factory=dict)
    more: str = ""
    hold: bool = False
    processes: tuple[str, ...] = ()
    is_any_order: bool = False


def drawn(*parts: str) -> str:
    """Draw parts."""
    return "".join(part if part.startswith("<") else flows(part) for part in parts)


def flows(text: str) -> str:
    """Draw `a > b > c` or `a > b if condition`."""
    path, _, condition = text.partition(" if ")
    keys = path.split(" > ")
    inside = f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{condition}</bpmn:conditionExpression>'
    return "".join(
        f'<bpmn:sequenceFlow id="Flow_{a}_{b}" sourceRef="{a}" targetRef="{b}">{inside if condition else ""}</bpmn:sequenceFlow>'
        for a, b in pairwise(keys)
    )


def process(key: str, *parts: str, attributes: str = 'isExecutable="true"') -> str:
    """Draw a process of parts."""
    return f'<bpmn:process id="{key}" {attributes}>{drawn(*parts)}</bpmn:process>'


def file(*processes: str) -> bytes:
    """Draw a file of processes."""
    return f"<?xml version='1.0' encoding='UTF-8'?>{_HEAD}{_DEFINED}{''.join(processes)}</bpmn:definitions>".encode()


def tag(kind: str, key: str, inside: str = "", **attributes: str) -> str:
    """Draw an element."""
    said = "".join(f' {name.replace("__", ":")}="{value}"' for name, value in attributes.items())
    return f'<bpmn:{kind} id="{key}"{said}>{inside}</bpmn:{kind}>'


def start(key: str = "start", inside: str = "", **attributes: str) -> str:
    """Draw a start event."""
    return tag("startEvent", key, inside, **attributes)


def end(key: str = "end", inside: str = "") -> str:
    """Draw an end event."""
    return tag("endEvent", key, inside)


def task(*keys: str) -> str:
    """Draw plain tasks."""
    return "".join(tag("task", key) for key in keys)


def script(key: str, text: str) -> str:
    """Draw a script task."""
    return tag("scriptTask", key, f"<bpmn:script>{text}</bpmn:script>", scriptFormat="python")


def boundary(key: str, host: str, inside: str, interrupts: str = "true") -> str:
    """Draw a boundary event."""
    return tag("boundaryEvent", key, inside, attachedToRef=host, cancelActivity=interrupts)


def timer(kind: str, text: str) -> str:
    """Draw a timer."""
    return (
        f'<bpmn:timerEventDefinition><bpmn:{kind} xsi:type="bpmn:tFormalExpression">{text}</bpmn:{kind}>'
        "</bpmn:timerEventDefinition>"
    )


def catch(key: str, inside: str) -> str:
    """Draw a catching event."""
    return tag("intermediateCatchEvent", key, inside)


def throw(key: str, inside: str) -> str:
    """Draw a throwing event."""
    return tag("intermediateThrowEvent", key, inside)


def sub(key: str, *parts: str, **attributes: str) -> str:
    """Draw a subprocess."""
    return tag("subProcess", key, drawn(*parts), **attributes)


def multiple(inside: str, **attributes: str) -> str:
    """Draw several instances."""
    said = "".join(f' {name.replace("__", ":")}="{value}"' for name, value in attributes.items())
    return f"<bpmn:multiInstanceLoopCharacteristics{said}>{inside}</bpmn:multiInstanceLoopCharacteristics>"


def when(text: str) -> str:
    """Draw what a conditional event waits for."""
    return f"<bpmn:conditionalEventDefinition><bpmn:condition>{text}</bpmn:condition></bpmn:conditionalEventDefinition>"


def handler(key: str, inside: str, *parts: str, interrupts: str = "true", **attributes: str) -> str:
    """Draw an event subprocess; its start event is `KEY_starts`, and a script says it was there if no parts are given."""
    way = parts or (script(f"{key}_works", f"handled = '{key}'"), end(f"{key}_ends"), f"{key}_works > {key}_ends")
    begins = start(f"{key}_starts", inside, isInterrupting=interrupts, **attributes)
    first = way[-1].split(" > ")[0]
    return sub(
        key, begins, *way[: -1 if " > " not in way[-1] else None], f"{key}_starts > {first}", triggeredByEvent="true"
    )


def undoing(host: str, key: str, text: str | None = None, kind: str = "scriptTask", inside: str = "") -> str:
    """Draw the compensation handler of an activity; it writes its id into `undone` unless it is told to do something else."""
    said = text or f"undone.append('{key}')"
    writes = f"<bpmn:script>{said}</bpmn:script>"
    return (
        boundary(f"on_{key}", host, COMPENSATION)
        + tag(kind, key, writes if kind == "scriptTask" else inside, isForCompensation="true")
        + f'<bpmn:association id="to_{key}" associationDirection="One" sourceRef="on_{key}" targetRef="{key}"/>'
    )


def nested(level: int, *parts: str) -> list[str]:
    """Put parts into subprocesses inside one another, level by level outwards."""
    inside = list(parts)
    for number in range(1, level + 1):
        inside = [
            start(f"in{number}"),
            sub(f"sub{number}", *inside),
            end(f"out{number}"),
            f"in{number} > sub{number} > out{number}",
        ]
    return inside


def around(level: int, trace: str) -> str:
    """Give the trace of parts put into subprocesses."""
    for number in range(1, level + 1):
        trace = f"in{number} {trace} sub{number} out{number}"
    return trace


INNER = (start("s2"), task("inner"), end("e2"), "s2 > inner > e2")
FAILING = (start("s2"), end("broken", ERROR), "s2 > broken")


def play(case: Case) -> None:
    """Try the diagram and look whether all is as it must be."""
    diagram = file(process("p", *case.parts), case.more)
    options = Options(processes=case.processes, variables=case.start, script=case.script, hold=case.hold)

    *events, end = dry_run({"tool.bpmn": diagram}, options)
    trace = [event["node"] for event in events if event["event"] == "completed"]

    assert all(event["event"] != "end" for event in events)
    assert (end["outcome"], end["code"]) == (case.outcome, case.code or end["code"]), end
    assert end["element"] == case.element or case.element is None
    if case.trace != "...":
        expected = case.trace.split()
        assert (
            (sorted(trace), trace[:1]) == (sorted(expected), expected[:1]) if case.is_any_order else trace == expected
        )
    if case.variables is not None:
        assert end["variables"]["p"] == case.variables
