"""A diagram in words: its nodes in the order of the flow, nested, with lanes, ways out and conditions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.attributes import called_element, called_expression
from engine.diagrams.drawing import Drawing, nodes_in
from engine.diagrams.reader import Diagram
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    BOUNDARY_EVENT,
    EVENTS,
    GATEWAYS,
    START_EVENT,
    SUBPROCESSES,
    TIMER_TEXTS,
    EventKind,
    bpmn,
    condition,
    event_definitions,
    event_kind,
    identity,
    instructions,
    is_event_subprocess,
    is_true,
    loop_of,
)

_KINDS: Final = {
    bpmn("task"): "task",
    bpmn("userTask"): "task for a person",
    bpmn("manualTask"): "task by hand",
    bpmn("scriptTask"): "calculation",
    bpmn("serviceTask"): "automatic task",
    bpmn("sendTask"): "sends a message",
    bpmn("receiveTask"): "waits for a message",
    bpmn("businessRuleTask"): "decision by rules",
    bpmn("callActivity"): "another process",
    bpmn("subProcess"): "group of tasks",
    bpmn("adHocSubProcess"): "group of tasks in any order",
    bpmn("transaction"): "group of tasks, done together or not at all",
    bpmn("exclusiveGateway"): "choice of one way",
    bpmn("inclusiveGateway"): "choice of one or more ways",
    bpmn("parallelGateway"): "all ways at once",
    bpmn("eventBasedGateway"): "whatever happens first",
    bpmn("complexGateway"): "choice by a rule",
    bpmn("startEvent"): "start",
    bpmn("endEvent"): "end",
    bpmn("intermediateCatchEvent"): "waits",
    bpmn("intermediateThrowEvent"): "point on the way",
    bpmn("boundaryEvent"): "if this happens meanwhile",
}
_NAMED: Final = {
    EventKind.MESSAGE: "messageRef",
    EventKind.SIGNAL: "signalRef",
    EventKind.ERROR: "errorRef",
    EventKind.ESCALATION: "escalationRef",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way out of a node; `number` is that of the node it leads to, empty where it leads nowhere."""

    flow: str | None
    label: str
    condition: str | None
    is_default: bool
    target: str | None
    number: str
    target_name: str


@dataclass(frozen=True, slots=True)
class OutlinedNode:
    """One flow node in words; `inside` are the nodes of a subprocess, `attached` the events on its border."""

    number: str
    id: str | None
    kind: str
    name: str
    lane: str
    trigger: str
    instructions: str
    ways: tuple[Way, ...]
    inside: tuple["OutlinedNode", ...]
    attached: tuple["OutlinedNode", ...]


@dataclass(frozen=True, slots=True)
class OutlinedProcess:
    """One process in words."""

    id: str | None
    name: str
    is_executable: bool
    instructions: str
    nodes: tuple[OutlinedNode, ...]


def outline(diagram: Diagram) -> tuple[OutlinedProcess, ...]:
    """Describe every process of a diagram, faulty ones too, as far as they can be followed."""
    drawing = Drawing(diagram)
    return tuple(_process(drawing, process) for process in drawing.processes)


def as_text(processes: tuple[OutlinedProcess, ...]) -> str:
    """Write an outline as plain text, one node a line, two blanks for each level."""
    return "\n".join(line for process in processes for line in _process_lines(process))


def _process(drawing: Drawing, process: etree._Element) -> OutlinedProcess:
    numbers: dict[etree._Element, str] = {}
    _number(drawing, process, "", numbers)
    name = _name(process) or identity(process) or ""
    nodes = _outlined(drawing, process, numbers)
    executable = is_true(process, "isExecutable")
    return OutlinedProcess(identity(process), name, executable, instructions(process) or "", nodes)


def _number(drawing: Drawing, scope: etree._Element, prefix: str, numbers: dict[etree._Element, str]) -> None:
    """Count the nodes of a scope in the order of the flow: 1, 2, and 2.1, 2.2 inside a subprocess."""
    for count, node in enumerate(in_flow_order(drawing, scope), 1):
        numbers[node] = f"{prefix}{count}"
        if node.tag in SUBPROCESSES:
            _number(drawing, node, f"{prefix}{count}.", numbers)


def in_flow_order(drawing: Drawing, scope: etree._Element) -> list[etree._Element]:
    """Order the nodes of a scope so that each comes after what leads to it, loops aside; unconnected ones come last."""
    nodes = nodes_in(scope)
    heads = [node for node in nodes if node.tag == START_EVENT]
    heads += [node for node in nodes if node.tag not in {START_EVENT, BOUNDARY_EVENT} and not drawing.incoming(node)]
    members: set[etree._Element] = set(nodes)
    seen: set[etree._Element] = set()
    finished = [node for head in reversed(heads) for node in _walk(drawing, head, seen, members)]
    return finished[::-1] + [one for node in nodes for one in reversed(_walk(drawing, node, seen, members))]


def _walk(
    drawing: Drawing, head: etree._Element, seen: set[etree._Element], scope: set[etree._Element]
) -> list[etree._Element]:
    """Give what can be reached from a node and was not seen, each after everything it leads to."""
    if head in seen:
        return []
    finished: list[etree._Element] = []
    seen.add(head)
    stack = [(head, _followers(drawing, head))]
    while stack:
        node, followers = stack[-1]
        follower = next((one for one in followers if one in scope and one not in seen), None)
        if follower is None:
            finished.append(node)
            stack.pop()
        else:
            seen.add(follower)
            stack.append((follower, _followers(drawing, follower)))
    return finished


def _followers(drawing: Drawing, node: etree._Element) -> Iterator[etree._Element]:
    """Give what comes after a node, last drawn first, because the walk is read backwards."""
    targets = [target for flow in drawing.outgoing(node) if (target := drawing.target(flow)) is not None]
    yield from reversed([*drawing.attached(node), *targets])


def _outlined(drawing: Drawing, scope: etree._Element, numbers: dict[etree._Element, str]) -> tuple[OutlinedNode, ...]:
    nodes = sorted(nodes_in(scope), key=lambda node: _order(numbers[node]))
    hosted = {event for node in nodes for event in _hosted(drawing, node)}
    return tuple(_node(drawing, node, numbers) for node in nodes if node not in hosted)


def _hosted(drawing: Drawing, node: etree._Element) -> list[etree._Element]:
    """Give the events on the border of an activity; faulty files attach events to events, even in a circle."""
    return [
        event for event in drawing.attached(node) if node.tag in ACTIVITIES and event.getparent() is node.getparent()
    ]


def _node(drawing: Drawing, node: etree._Element, numbers: dict[etree._Element, str]) -> OutlinedNode:
    lane = drawing.lane(node)
    return OutlinedNode(
        number=numbers[node],
        id=identity(node),
        kind=_kind(drawing, node),
        name=_name(node),
        lane="" if lane is None else _name(lane),
        trigger=_trigger(drawing, node),
        instructions=instructions(node) or "",
        ways=_ways(drawing, node, numbers),
        inside=_outlined(drawing, node, numbers) if node.tag in SUBPROCESSES else (),
        attached=tuple(_node(drawing, event, numbers) for event in _hosted(drawing, node)),
    )


def _ways(drawing: Drawing, node: etree._Element, numbers: dict[etree._Element, str]) -> tuple[Way, ...]:
    default = drawing.default(node)
    return tuple(_way(drawing, flow, numbers, is_default=flow is default) for flow in drawing.outgoing(node))


def _way(drawing: Drawing, flow: etree._Element, numbers: dict[etree._Element, str], *, is_default: bool) -> Way:
    target = drawing.target(flow)
    return Way(
        flow=identity(flow),
        label=_name(flow),
        condition=condition(flow),
        is_default=is_default,
        target=None if target is None else identity(target),
        number="" if target is None else numbers.get(target, ""),
        target_name="" if target is None else _name(target) or identity(target) or "",
    )


def _kind(drawing: Drawing, node: etree._Element) -> str:
    if node.tag in GATEWAYS and len(drawing.outgoing(node)) <= 1 < len(drawing.incoming(node)):
        return "the ways come together"
    words = "group of tasks, only if this happens" if is_event_subprocess(node) else _KINDS[str(node.tag)]
    loop = loop_of(node)
    if loop is not None:
        repeated = "again and again" if loop.tag == bpmn("standardLoopCharacteristics") else "once for each"
        words = f"{words}, {repeated}"
    return words


def _trigger(drawing: Drawing, node: etree._Element) -> str:
    if node.tag == bpmn("callActivity"):
        return called_element(node) or called_expression(node) or ""
    if node.tag in {bpmn("receiveTask"), bpmn("sendTask")}:
        return _name_of(drawing, node.get("messageRef"))
    if node.tag not in EVENTS or event_kind(node) is EventKind.NONE:
        return ""
    details = [detail for one in event_definitions(node) if (detail := _detail(drawing, node, one))]
    return " ".join((str(event_kind(node)), *details))


def _detail(drawing: Drawing, event: etree._Element, definition: etree._Element) -> str:
    if reference := _NAMED.get(event_kind(event)):
        return _name_of(drawing, definition.get(reference))
    texts = [child for child in definition if child.tag in TIMER_TEXTS or child.tag == bpmn("condition")]
    return " ".join(" ".join("".join(map(str, text.itertext())).split()) for text in texts)


def _name_of(drawing: Drawing, reference: str | None) -> str:
    named = drawing.named(reference)
    return "" if named is None else _name(named) or identity(named) or ""


def _name(element: etree._Element) -> str:
    return " ".join((element.get("name") or "").split())


def _order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def _process_lines(process: OutlinedProcess) -> Iterator[str]:
    yield f"Process “{process.name}”"
    for node in process.nodes:
        yield from _lines(node, 1)


def _lines(node: OutlinedNode, level: int) -> Iterator[str]:
    yield "  " * level + _sentence(node)
    for inner in (*node.inside, *node.attached):
        yield from _lines(inner, level + 1)


def _sentence(node: OutlinedNode) -> str:
    words = [f"{node.number}. {node.name or node.id or ''}".rstrip(), f"({node.kind}"]
    words[-1] += f": {node.trigger})" if node.trigger else ")"
    if node.lane:
        words.append(f"by {node.lane}")
    ways = "; ".join(map(_way_words, node.ways))
    return " ".join(words) + (f" → {ways}" if ways else "")


def _way_words(way: Way) -> str:
    when = "otherwise" if way.is_default else f"if {way.condition}" if way.condition else ""
    label = f"“{way.label}” " if way.label else ""
    where = f"{way.number} {way.target_name}".strip() or "nowhere"
    return f"{label}{when}: {where}" if when else f"{label}{where}"
