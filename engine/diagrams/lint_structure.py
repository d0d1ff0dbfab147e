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
    CATCH_EVENT,
    END_EVENT,
    EVENTS,
    GATEWAYS,
    PROCESS,
    SCOPES,
    START_EVENT,
    THROW_EVENT,
    EventKind,
    condition,
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


def postponed(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find flows of executable processes on which something else may happen, as only pictures can leave it open (8.4.13)."""
    for flow in drawing.flows:
        written = (flow.get("isImmediate") or "").strip()
        process = process_of(flow)
        if written in {"false", "0"} and process is not None and is_true(process, "isExecutable"):
            message = (
                f"The flow {title(flow)} is not immediate, which a process that runs cannot keep; delete isImmediate."
            )
            yield Fault("flow_not_immediate", flow, message)


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


def connections(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events without a flow on a side where they must have one; an ad-hoc subprocess goes without flows."""
    for event in drawing.root.iter(*EVENTS):
        scope = event.getparent()
        if scope is None or scope.tag not in SCOPES or scope.tag == AD_HOC:
            continue
        side = _missing_side(drawing, event)
        if side:
            message = f"No flow leads {side} the event {title(event)}; connect it or delete it."
            bound = scope.find(START_EVENT if side == "to" else END_EVENT)
            yield Fault("node_not_connected" if bound is None else "event_not_connected", event, message)


def loose_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find activities and gateways that no flow leads to where there is a start event, or away from where there is an end."""
    for scope in drawing.root.iter(*(SCOPES - {AD_HOC})):
        starts, ends = scope.find(START_EVENT) is not None, scope.find(END_EVENT) is not None
        for node in nodes_in(scope) if starts or ends else ():
            if node.tag in EVENTS or _stands_beside(node):
                continue
            if starts and _lacks_incoming(drawing, node):
                message = (
                    f"{title(scope)} has a start event, and no flow leads to {title(node)}; connect it or delete it."
                )
                yield Fault("node_not_connected", node, message)
            if ends and not drawing.outgoing(node) and (node.tag not in GATEWAYS or drawing.only_joins(node)):
                message = f"{title(scope)} has an end event, and no flow leads away from {title(node)}; draw where it goes on."
                yield Fault("node_not_connected", node, message)


def starts_and_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find start events where no end is drawn, and end events where no start is; both can be left out, but together."""
    for scope in drawing.root.iter(*(SCOPES - {AD_HOC})):
        starts, ends = scope.findall(START_EVENT), scope.findall(END_EVENT)
        if starts and not ends:
            message = f"{title(scope)} has the start event {title(starts[0])} and no end event; draw where it ends."
            yield Fault("no_end", starts[0], message)
        elif ends and not starts and not any(is_true(node, "instantiate") for node in nodes_in(scope)):
            message = f"{title(scope)} has the end event {title(ends[0])} and no start event; draw where it starts."
            yield Fault("no_start_event", ends[0], message)


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
            yield from _process_starts(drawing, scope, events)
        elif not is_event_subprocess(scope):
            yield from _subprocess_starts(drawing, scope, events)


def unreachable(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find nodes that no token can reach."""
    reached = {node for scope in drawing.root.iter(*SCOPES) for node in _entries(drawing, scope)}
    waiting = list(reached)
    while waiting:
        node = waiting.pop()
        targets = [target for flow in drawing.outgoing(node) if (target := drawing.target(flow)) is not None]
        new = {*targets, *drawing.attached(node), *drawing.linked(node)} - reached
        reached |= new
        waiting += new
    for node in drawing.nodes:
        if node not in reached and process_of(node) is not None:
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


def _missing_side(drawing: Drawing, event: etree._Element) -> str:
    """Say on which side of an event a flow is missing."""
    kinds = drawing.kinds(event)
    catches_link = event.tag == CATCH_EVENT and EventKind.LINK in kinds
    throws_link = event.tag == THROW_EVENT and EventKind.LINK in kinds
    compensates = event.tag == BOUNDARY_EVENT and EventKind.COMPENSATION in kinds
    begins = event.tag in {START_EVENT, BOUNDARY_EVENT} or catches_link
    if not begins and not drawing.incoming(event):
        return "to"
    stops = event.tag == END_EVENT or throws_link or compensates
    return "" if stops or drawing.outgoing(event) else "away from"


def _lacks_incoming(drawing: Drawing, node: etree._Element) -> bool:
    return not drawing.incoming(node) and not is_true(node, "instantiate")


def _process_starts(drawing: Drawing, process: etree._Element, events: list[etree._Element]) -> Iterator[Fault]:
    plain = [event for event in events if drawing.kind(event) is EventKind.NONE]
    if len(plain) > 1:
        message = (
            f"{title(process)} has {len(plain)} plain start events; a start by hand would not know which one to take."
        )
        yield Fault("several_starts", plain[1], message)


def _subprocess_starts(drawing: Drawing, scope: etree._Element, events: list[etree._Element]) -> Iterator[Fault]:
    if len(events) > 1 or (events and scope.tag == AD_HOC):
        allowed = "no" if scope.tag == AD_HOC else "one"
        yield Fault(
            "subprocess_start", scope, f"The subprocess {title(scope)} may have {allowed} start event; delete the rest."
        )
    for event in events:
        if drawing.kind(event) is not EventKind.NONE:
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


RULES: Final[tuple[Rule, ...]] = (
    borders,
    postponed,
    endings,
    connections,
    loose_ends,
    starts_and_ends,
    handlers,
    starts,
    unreachable,
    implicit_splits,
)
