"""Laws about gateways: ways out, conditions, defaults, and what an event-based gateway may wait for."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, counted
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    CATCH_EVENT,
    CONDITIONAL_GATEWAYS,
    EVENTS,
    GATEWAYS,
    PROCESS,
    EventKind,
    bpmn,
    condition,
    is_true,
    local_reference,
    title,
)

EVENT_GATEWAY: Final = bpmn("eventBasedGateway")
_DIRECTIONS: Final = {"Converging": (True, False), "Diverging": (False, True), "Mixed": (True, True)}
_AWAITED: Final = {
    EventKind.MESSAGE,
    EventKind.SIGNAL,
    EventKind.TIMER,
    EventKind.CONDITIONAL,
    EventKind.MULTIPLE,
}


def ways_out(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find gateways that lead nowhere; one that joins several flows may be where they end."""
    for gateway in drawing.root.iter(*GATEWAYS):
        if not drawing.outgoing(gateway) and not drawing.only_joins(gateway):
            message = f"No flow leaves the gateway {title(gateway)}; draw where it goes on."
            yield Fault("gateway_without_outgoing", gateway, message)


def conditions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find ways out of a choice whose condition is missing, and choices that may find no way."""
    for gateway in drawing.root.iter(*CONDITIONAL_GATEWAYS):
        flows, default = drawing.outgoing(gateway), drawing.default(gateway)
        if len(flows) < 2:  # noqa: PLR2004 - one way is no choice
            continue
        if gateway.tag == bpmn("complexGateway"):
            continue  # takes a flow without a condition always
        bare = [flow for flow in flows if not condition(flow) and flow is not default]
        for flow in bare:
            message = (
                f"The flow {title(flow)} out of {title(gateway)} has no condition, so the engine cannot choose; "
                "write one or make it the default."
            )
            yield Fault("flow_without_condition", flow, message)
        if not bare and default is None:
            message = (
                f"The gateway {title(gateway)} has no default flow; if no condition holds, the parcel stops there."
            )
            yield Fault("gateway_without_default", gateway, message)


def defaults(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find default flows that are none, and conditions on default flows."""
    for node in drawing.nodes:
        if not local_reference(node.get("default")):
            continue
        default = drawing.default(node)
        if default is None:
            message = f"The default flow “{node.get('default')}” does not leave {title(node)}; choose one that does."
            yield Fault("wrong_default", node, message)
        elif node.tag in GATEWAYS - CONDITIONAL_GATEWAYS or node.tag in EVENTS:
            yield Fault(
                "wrong_default",
                node,
                f"{title(node)} cannot have a default flow, because it makes no choice; remove it.",
            )
        elif condition(default):
            message = f"The condition on {title(default)} is not looked at, because it is the default flow; remove it."
            yield Fault("condition_on_default", default, message)


def directions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find gateways whose flows contradict the direction they say they have, and those that neither divide nor join."""
    for gateway in drawing.root.iter(*GATEWAYS):
        into, out = len(drawing.incoming(gateway)), len(drawing.outgoing(gateway))
        direction = gateway.get("gatewayDirection", "Unspecified")
        joins, divides = _DIRECTIONS.get(direction, (into > 1, out > 1))
        if (joins, divides) != (into > 1, out > 1):
            has = f"{counted(into, 'flow')} in and {out} out"
            message = f"The gateway {title(gateway)} is marked as {direction.lower()}, but has {has}."
            yield Fault("gateway_direction", gateway, message)
        elif into == out == 1:
            message = (
                f"The gateway {title(gateway)} neither divides nor joins anything; draw another flow or delete it."
            )
            yield Fault("gateway_without_choice", gateway, message)


def single_conditions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find activities whose only way out has a condition: where it does not hold, the token stops."""
    for activity in drawing.root.iter(*ACTIVITIES):
        flows = drawing.outgoing(activity)
        if len(flows) == 1 and condition(flows[0]):
            message = (
                f"The only flow out of {title(activity)} has a condition; where it does not hold, nothing goes on."
            )
            yield Fault("single_condition", flows[0], message)


def misplaced_conditions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find conditions on flows where nothing is chosen."""
    for flow in drawing.flows:
        source = drawing.source(flow)
        if source is None or not condition(flow):
            continue
        if source.tag in GATEWAYS - CONDITIONAL_GATEWAYS or source.tag == bpmn("startEvent"):
            message = (
                f"The flow {title(flow)} has a condition, but {title(source)} makes no choice; remove the condition."
            )
            yield Fault("condition_not_allowed", flow, message)


def awaited_events(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find event-based gateways with something else behind them than events to wait for."""
    for gateway in drawing.root.iter(EVENT_GATEWAY):
        flows = drawing.outgoing(gateway)
        targets = [target for flow in flows if (target := drawing.target(flow)) is not None]
        if len(flows) == 1:
            message = (
                f"Only one flow leaves the event-based gateway {title(gateway)}; it needs two events to choose between."
            )
            yield Fault("event_gateway_targets", gateway, message)
        for target in targets:
            if reason := _not_awaitable(drawing, target):
                message = f"{title(target)} cannot stand behind the event-based gateway {title(gateway)}: {reason}."
                yield Fault("event_gateway_targets", target, message)
        if _mixes_receivers(drawing, targets):
            message = (
                f"Behind the event-based gateway {title(gateway)} use either receive tasks or message events, not both."
            )
            yield Fault("event_gateway_targets", gateway, message)


def starting_gateways(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find event-based gateways that should start a process and cannot."""
    for gateway in drawing.root.iter(EVENT_GATEWAY):
        scope = gateway.getparent()
        starts = is_true(gateway, "instantiate")
        if starts and (drawing.incoming(gateway) or scope is None or scope.tag != PROCESS):
            message = f"The gateway {title(gateway)} starts the process: no flow may lead into it, nor may a subprocess hold it."
            yield Fault("event_gateway_start", gateway, message)
        elif not starts and gateway.get("eventGatewayType") == "Parallel":
            message = (
                f"The gateway {title(gateway)} waits for all its events, which only one that starts the process can."
            )
            yield Fault("event_gateway_start", gateway, message)


def _not_awaitable(drawing: Drawing, target: etree._Element) -> str:
    if len(drawing.incoming(target)) > 1:
        return "another flow leads to it as well"
    if target.tag == bpmn("receiveTask"):
        return "it has a boundary event" if drawing.attached(target) else ""
    if target.tag in ACTIVITIES or target.tag != CATCH_EVENT:
        return "only catching events and receive tasks can"
    return "" if _AWAITED.issuperset(drawing.kinds(target)) else "it must wait for a message, signal, time or condition"


def _mixes_receivers(drawing: Drawing, targets: list[etree._Element]) -> bool:
    tasks = any(target.tag == bpmn("receiveTask") for target in targets)
    return tasks and any(EventKind.MESSAGE in drawing.kinds(target) for target in targets)


RULES: Final[tuple[Rule, ...]] = (
    ways_out,
    conditions,
    defaults,
    directions,
    single_conditions,
    misplaced_conditions,
    awaited_events,
    starting_gateways,
)
