"""Small diagrams for tests: what is drawn by hand is only what matters."""

from itertools import pairwise

from engine.diagrams.laws import LintContext
from engine.diagrams.lint import lint_diagram
from engine.diagrams.reader import Diagram, read_diagram
from engine.errors import Finding

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:parcelflow="https://parcelflow.example/bpmn/1.0" id="definitions" targetNamespace="tests">'
)
PICTURE = '<bpmndi:BPMNDiagram id="picture"><bpmndi:BPMNShape id="shape" bpmnElement="p"/></bpmndi:BPMNDiagram>'


def definitions(body: str) -> bytes:
    """Write a file around what lies in its definitions."""
    return f"{HEAD}{body}{PICTURE}</bpmn:definitions>".encode()


def process(body: str, around: str = "", *, key: str = "p", attributes: str = 'isExecutable="true"') -> bytes:
    """Write a file with one process around what lies in it."""
    return definitions(f'{around}<bpmn:process id="{key}" {attributes}>{body}</bpmn:process>')


def flow(source: str, target: str, inside: str = "", *, key: str | None = None) -> str:
    """Draw a sequence flow; `inside` may be a condition."""
    condition = f"<bpmn:conditionExpression>{inside}</bpmn:conditionExpression>" if inside else ""
    key = key or f"{source}_{target}"
    return f'<bpmn:sequenceFlow id="{key}" sourceRef="{source}" targetRef="{target}">{condition}</bpmn:sequenceFlow>'


def node(kind: str, key: str, inside: str = "", **attributes: str) -> str:
    """Draw a flow node; `_` in an attribute's name stands for `:`."""
    written = "".join(f' {name.replace("_", ":")}="{value}"' for name, value in attributes.items())
    return f'<bpmn:{kind} id="{key}"{written}>{inside}</bpmn:{kind}>'


def event(kind: str, key: str, trigger: str, **attributes: str) -> str:
    """Draw an event with one empty event definition."""
    return node(kind, key, f"<bpmn:{trigger}EventDefinition/>", **attributes)


def line(*middle: str) -> str:
    """Draw start, the given nodes and end, one after the other."""
    keys = ["start", *(one.split('id="', 1)[1].split('"', 1)[0] for one in middle), "end"]
    flows = "".join(flow(source, target) for source, target in pairwise(keys))
    return node("startEvent", "start") + "".join(middle) + node("endEvent", "end") + flows


def read(data: bytes) -> Diagram:
    """Read a diagram under a fixed name."""
    return read_diagram(data, "test.bpmn")


def lint(data: bytes, context: LintContext | None = None) -> list[Finding]:
    """Read and check a diagram."""
    return lint_diagram(read(data), context or LintContext())


def codes(data: bytes, context: LintContext | None = None) -> set[str]:
    """Give the codes of what is found in a diagram."""
    return {one.code for one in lint(data, context)}
