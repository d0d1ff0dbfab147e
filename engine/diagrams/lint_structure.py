"""Laws about the flow: borders, what may have incoming and outgoing flows, starts, and what no token reaches."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, nodes_in, process_of, scope_of
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    AD_HOC,
    BOUNDARY_EVENT,
    END_EVENT,
    EVENTS,
    PROCESS,
    SCOPES,
    START_EVENT,
    EventKind,
    bpmn,
    condition,
    event_kind,
    is_event_subprocess,
    is_true,
    title,
)


def borders(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find sequence flows that cross the border of a pool or a subprocess."""
    for flow in drawing.flows:
        source, target = drawing.source(flow), drawing.target(flow)
        if source is None or target is None:
            continue
        if process_of(source) is not process_of(target):
            message = f"The sequence flow {title(flow)} leads from one pool into another; draw a message flow instead."
            yield Fault("flow_crosses_pool", flow, message)
        elif scope_of(source) is not scope_of(target):
            message = (
                f"The sequence flow {title(flow)} crosses the border of a subprocess; connect the subprocess itself."
            )
            yield Fault("flow_crosses_subprocess", flow, message)
        elif scope_of(flow) is not scope_of(source):
            yield Fault(
                "flow_misplaced", flow, f"The sequence flow {title(flow)} is stored outside its subprocess; it works."
            )


def message_flows(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message flows that connect nothing, or two places in one pool."""
    for flow in drawing.root.iter(bpmn("messageFlow")):
        ends = [drawing.named(flow.get(name)) for name in ("sourceRef", "targetRef")]
        homes = [None if end is None else _home(drawing, end) for end in ends]
        if None in ends:
            message = f"The message flow {title(flow)} does not connect two things that exist; connect it or delete it."
            yield Fault("unknown_reference", flow, message)
        elif homes[0] is not None and homes[0] is homes[1]:
            message = f"The message flow {title(flow)} stays inside one pool; draw a sequence flow instead."
            yield Fault("message_flow_inside_pool", flow, message)


def endings(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events with a flow on the wrong side."""
    for node in drawing.nodes:
        if node.tag == START_EVENT and drawing.incoming(node):
            message = f"A flow leads into the start event {title(node)}; lead it to the node behind the start."
            yield Fault("start_with_incoming", node, message)
        if node.tag == BOUNDARY_EVENT and drawing.incoming(node):
            message = f"A flow leads into the boundary event {title(node)}; lead it to the activity."
            yield Fault("boundary_with_incoming", node, message)
        if node.tag == END_EVENT and drawing.outgoing(node):
            message = f"A flow leaves the end event {title(node)}; use an intermediate event or delete the flow."
            yield Fault("end_with_outgoing", node, message)


def handlers(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find flows at what stands beside the flow: event subprocesses and compensation handlers."""
    for node in drawing.nodes:
        connected = bool(drawing.incoming(node) or drawing.outgoing(node))
        if is_event_subprocess(node) and connected:
            message = (
                f"The event subprocess {title(node)} has sequence flows; its start event starts it, so delete them."
            )
            yield Fault("event_subprocess_with_flows", node, message)
        elif is_true(node, "isForCompensation") and connected:
            message = f"The compensation handler {title(node)} has sequence flows; connect it by an association only."
            yield Fault("handler_with_flows", node, message)


def starts(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find scopes that nothing starts, or that start in a way they cannot."""
    for scope in drawing.root.iter(*SCOPES):
        events = scope.findall(START_EVENT)
        nodes = [node for node in nodes_in(scope) if not _stands_beside(node)]
        if not events and nodes and all(drawing.incoming(node) for node in nodes):
            message = f"Nothing starts {title(scope)}: each node in it has a flow leading into it; draw a start event."
            yield Fault("no_start", scope, message)
        elif scope.tag == PROCESS:
            yield from _process_starts(scope, events)
        elif not is_event_subprocess(scope):
            yield from _subprocess_starts(scope, events)


def unreachable(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find nodes that no token can reach."""
    reached: set[etree._Element] = set()
    waiting = [node for scope in drawing.root.iter(*SCOPES) for node in _entries(drawing, scope)]
    while waiting:
        node = waiting.pop()
        if node in reached:
            continue
        reached.add(node)
        waiting += [target for flow in drawing.outgoing(node) if (target := drawing.target(flow)) is not None]
        waiting += [*drawing.attached(node), *drawing.linked(node)]
    for node in drawing.nodes:
        if node not in reached:
            yield Fault(
                "unreachable", node, f"Nothing leads to {title(node)}, so it is never run; connect or delete it."
            )


def implicit_splits(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Point out activities and events that several flows leave at the same time."""
    for node in drawing.nodes:
        default = drawing.default(node)
        always = [flow for flow in drawing.outgoing(node) if not condition(flow) and flow is not default]
        if node.tag in ACTIVITIES | EVENTS and node.tag != END_EVENT and len(always) > 1:
            message = (
                f"All {len(always)} flows out of {title(node)} are taken at once; draw a parallel gateway to show it."
            )
            yield Fault("implicit_split", node, message)


def _home(drawing: Drawing, end: etree._Element) -> etree._Element | None:
    """Give the process of a node or pool; a pool without process is its own home."""
    if end.tag == bpmn("participant"):
        process = drawing.named(end.get("processRef"))
        return end if process is None else process
    return process_of(end)


def _process_starts(process: etree._Element, events: list[etree._Element]) -> Iterator[Fault]:
    plain = [event for event in events if event_kind(event) is EventKind.NONE]
    if len(plain) > 1:
        message = (
            f"{title(process)} has {len(plain)} plain start events; a start by hand would not know which one to take."
        )
        yield Fault("several_starts", plain[1], message)


def _subprocess_starts(scope: etree._Element, events: list[etree._Element]) -> Iterator[Fault]:
    if len(events) > 1 or (events and scope.tag == AD_HOC):
        allowed = "no" if scope.tag == AD_HOC else "one"
        yield Fault(
            "subprocess_start", scope, f"The subprocess {title(scope)} may have {allowed} start event; delete the rest."
        )
    for event in events:
        if event_kind(event) is not EventKind.NONE:
            message = f"The start event {title(event)} of a subprocess cannot wait for anything; make it a plain one."
            yield Fault("subprocess_start", event, message)


def _stands_beside(node: etree._Element) -> bool:
    return node.tag == BOUNDARY_EVENT or is_event_subprocess(node) or is_true(node, "isForCompensation")


def _entries(drawing: Drawing, scope: etree._Element) -> Iterator[etree._Element]:
    """Give the nodes of a scope where tokens begin; without any start event these are all nodes without incoming flow."""
    nodes = nodes_in(scope)
    began = {node for node in nodes if node.tag == START_EVENT or is_true(node, "instantiate")}
    for node in nodes:
        stands_beside = is_event_subprocess(node) or is_true(node, "isForCompensation")
        head = not drawing.incoming(node) and node.tag != BOUNDARY_EVENT
        if node in began or stands_beside or (head and (not began or scope.tag == AD_HOC)):
            yield node


RULES: Final[tuple[Rule, ...]] = (borders, message_flows, endings, handlers, starts, unreachable, implicit_splits)
