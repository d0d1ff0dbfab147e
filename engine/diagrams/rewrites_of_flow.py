"""Rewrites of what is connected: links, starts and ends, compensation, token quantities, and splits last."""

from collections import Counter
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Links, link_name
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    AD_HOC,
    CONDITION,
    END_EVENT,
    EVENTS,
    FLOW_NODES,
    PROCESS,
    START_EVENT,
    THROW_EVENT,
    EventKind,
    bpmn,
    condition,
    event_kind,
    identity,
    is_true,
    ours,
    rewritten,
    title,
)
from engine.diagrams.working_copy import (
    WorkingCopy,
    flows_by_source,
    flows_by_target,
    flows_of,
    is_handler,
    stands_alone,
    take,
    targets_of,
)

MAXIMUM_QUANTITY: Final = 100


def links(draft: WorkingCopy, scope: etree._Element) -> None:
    """Turn link events into plain events, with a flow from each throwing one to the catching one that it leads to."""
    found = Links(scope)
    definitions = {**found.catching, **found.throwing}
    linked = {event for event in definitions if event_kind(event) is EventKind.LINK}
    pairs = [(event, found.targets(event)) for event in found.throwing if event in linked]
    for event in linked:
        event.remove(definitions[event])
        event.tag = THROW_EVENT
    for event, targets in pairs:
        target = next((one for one in reversed(targets) if one in linked), None)
        if target is None:
            name = link_name(event, definitions[event])
            message = f"The link event {title(event)} leads nowhere; draw a catching link event named “{name}”."
            raise draft.refuse(event, "link_without_target", message)
        draft.connect(scope, event.get("id", ""), target.get("id", ""))


def instantiating_gateways(scope: etree._Element) -> None:
    """Mark the event-based gateways that start the process: no flow leads into them."""
    incoming = targets_of(scope)
    for gateway in scope.findall(bpmn("eventBasedGateway")):
        if is_true(gateway, "instantiate") and scope.tag == PROCESS and not incoming[gateway.get("id", "")]:
            gateway.set(rewritten("instantiates"), "true")


def instantiating_receive_tasks(draft: WorkingCopy, scope: etree._Element) -> None:
    """Turn a receive task that starts the process into a message start event and a plain task."""
    incoming = targets_of(scope)
    for task in scope.findall(bpmn("receiveTask")):
        key = task.get("id", "")
        if not is_true(task, "instantiate") or incoming[key]:
            continue
        start = draft.add(scope, START_EVENT, f"{key}__start")
        if correlation := task.get(ours("correlationKey")):
            start.set(ours("correlationKey"), correlation)
        message = take(task, "messageRef")
        draft.add(start, bpmn("messageEventDefinition"), f"{key}__message", messageRef=message)
        task.tag = bpmn("task")
        draft.connect(scope, start.get("id", ""), key)


def compensation(draft: WorkingCopy, scope: etree._Element) -> None:
    """Write the handler of each compensation boundary event on its activity, and drop the event."""
    nodes = {identity(node): node for node in scope if node.tag in FLOW_NODES}
    ends = [(link.get("sourceRef", ""), link.get("targetRef", "")) for link in scope.findall(bpmn("association"))]
    handlers = {source: target for source, target in ends if target in nodes}
    for event in scope.findall(bpmn("boundaryEvent")):
        if event_kind(event) is not EventKind.COMPENSATION:
            continue
        activity = nodes.get(event.get("attachedToRef"))
        handler = handlers.get(event.get("id", ""))
        if activity is None or handler is None:
            message = f"The compensation event {title(event)} has no handler; connect one by an association."
            raise draft.refuse(event, "compensation_without_handler", message)
        activity.set(rewritten("compensatedBy"), handler)
        scope.remove(event)


def missing_starts_and_ends(draft: WorkingCopy, scope: etree._Element) -> None:
    """Add the start and end events that BPMN lets people leave out."""
    if scope.tag == AD_HOC:
        return
    nodes = [node for node in scope if node.tag in FLOW_NODES and not is_handler(node)]
    if not nodes and scope.tag == PROCESS:
        return
    sources = Counter(flow.get("sourceRef", "") for flow in flows_of(scope))
    for node in nodes:
        if not sources[node.get("id", "")] and node.tag != END_EVENT:
            _add_end(draft, scope, node.get("id", ""))
    if not any(node.tag == START_EVENT or node.get(rewritten("instantiates")) for node in nodes):
        _add_start(draft, scope, nodes)


def token_quantities(draft: WorkingCopy, scope: etree._Element) -> None:
    """Draw out start and completion quantities: a node that collects tokens in front, a fork that multiplies them behind."""
    arriving, leaving = flows_by_target(scope), flows_by_source(scope)
    for activity in [node for node in scope if node.tag in ACTIVITIES]:
        key = activity.get("id", "")
        if (count := _quantity(draft, activity, "startQuantity")) > 1:
            _collect(draft, scope, key, arriving.get(key, []), count)
        if (count := _quantity(draft, activity, "completionQuantity")) > 1:
            _multiply(draft, scope, activity, leaving.get(key, []), count)


def splits(draft: WorkingCopy, scope: etree._Element) -> None:
    """Put a gateway behind each activity and event that several flows, or a conditional flow, leave."""
    outgoing = flows_by_source(scope)
    for node in [node for node in scope if node.tag in ACTIVITIES | EVENTS]:
        default = take(node, "default")
        flows = outgoing.get(node.get("id", ""), [])
        if len(flows) > 1 or any(map(condition, flows)):
            _split(draft, scope, node, flows, default=default)


def _add_end(draft: WorkingCopy, scope: etree._Element, key: str) -> None:
    end = draft.add(scope, END_EVENT, f"{key}__end")
    draft.connect(scope, key, end.get("id", ""))


def _add_start(draft: WorkingCopy, scope: etree._Element, nodes: list[etree._Element]) -> None:
    incoming = targets_of(scope)
    heads = [node.get("id", "") for node in nodes if not incoming[node.get("id", "")] and not stands_alone(node)]
    key = identity(scope) or "scope"
    if nodes and not heads:
        message = f"Nothing starts {title(scope)}: every node in it has an incoming flow; draw a start event."
        raise draft.refuse(scope, "no_start", message)
    source = draft.add(scope, START_EVENT, f"{key}__start").get("id", "")
    if not heads:
        _add_end(draft, scope, source)
    if len(heads) > 1:
        fork = draft.add(scope, bpmn("parallelGateway"), f"{key}__fork").get("id", "")
        draft.connect(scope, source, fork)
        source = fork
    for head in heads:
        draft.connect(scope, source, head)


def _quantity(draft: WorkingCopy, activity: etree._Element, name: str) -> int:
    text = (activity.get(name) or "1").strip()
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAXIMUM_QUANTITY)) else 0
    if not 1 <= count <= MAXIMUM_QUANTITY:
        message = f"The {name} of {title(activity)} is {text[:20]}; it must be a number from 1 to {MAXIMUM_QUANTITY}."
        raise draft.refuse(activity, "token_quantity", message)
    return count


def _collect(draft: WorkingCopy, scope: etree._Element, key: str, flows: list[etree._Element], count: int) -> None:
    collector = draft.add(scope, rewritten("quantityJoin"), f"{key}__collect", quantity=str(count)).get("id", "")
    for flow in flows:
        flow.set("targetRef", collector)
    draft.connect(scope, collector, key)


def _multiply(
    draft: WorkingCopy, scope: etree._Element, activity: etree._Element, flows: list[etree._Element], count: int
) -> None:
    key = activity.get("id", "")
    fork = draft.add(scope, bpmn("parallelGateway"), f"{key}__multiply").get("id", "")
    merge = draft.add(scope, THROW_EVENT, f"{key}__each")
    if default := take(activity, "default"):
        merge.set("default", default)
    for flow in flows:
        flow.set("sourceRef", merge.get("id", ""))
    draft.connect(scope, key, fork)
    for _ in range(count):
        copy = draft.add(scope, THROW_EVENT, f"{key}__copy").get("id", "")
        draft.connect(scope, fork, copy)
        draft.connect(scope, copy, merge.get("id", ""))


def _split(
    draft: WorkingCopy, scope: etree._Element, node: etree._Element, flows: list[etree._Element], *, default: str | None
) -> None:
    key = node.get("id", "")
    plain = [flow for flow in flows if not condition(flow) and flow.get("id") != default]
    choices = [flow for flow in flows if condition(flow) or flow.get("id") == default]
    if len(plain) == len(flows):
        gateway = _gateway(draft, scope, "parallelGateway", key, flows)
    elif not plain or default is None:
        gateway = _gateway(draft, scope, "inclusiveGateway", key, flows, default=default)
        for flow in plain:
            etree.SubElement(flow, CONDITION).text = "True"
    else:
        choice = _gateway(draft, scope, "inclusiveGateway", f"{key}__choice", choices, default=default)
        gateway = _gateway(draft, scope, "parallelGateway", key, plain)
        draft.connect(scope, gateway, choice)
    draft.connect(scope, key, gateway)


def _gateway(
    draft: WorkingCopy,
    scope: etree._Element,
    tag: str,
    key: str,
    flows: list[etree._Element],
    *,
    default: str | None = None,
) -> str:
    known = default if default in {flow.get("id") for flow in flows} else None
    gateway = draft.add(scope, bpmn(tag), f"{key}__split", default=known).get("id", "")
    for flow in flows:
        flow.set("sourceRef", gateway)
    return gateway
