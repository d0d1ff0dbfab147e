"""Laws about references: what an element names must exist, and be of the right kind."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    EVENT_DEFINITIONS,
    FLOW_NODES,
    GLOBAL_TASKS,
    PROCESS,
    assignee,
    bpmn,
    called_element,
    candidate_groups,
    decision,
    form,
    group_expression,
    identity,
    is_event_subprocess,
    lane_key,
    local_reference,
    operation,
    status,
    title,
)

_TARGETS: Final[dict[str, frozenset[str]]] = {
    "messageRef": frozenset({bpmn("message")}),
    "signalRef": frozenset({bpmn("signal")}),
    "errorRef": frozenset({bpmn("error")}),
    "escalationRef": frozenset({bpmn("escalation")}),
    "activityRef": ACTIVITIES,
    "dataObjectRef": frozenset({bpmn("dataObject")}),
    "processRef": frozenset({PROCESS}),
}
_NEEDED: Final = {
    bpmn("messageEventDefinition"): ("messageRef", "message"),
    bpmn("signalEventDefinition"): ("signalRef", "signal"),
}
_THROWN: Final = {
    bpmn("errorEventDefinition"): ("errorRef", "error"),
    bpmn("escalationEventDefinition"): ("escalationRef", "escalation"),
}


def flows(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find sequence flows without two ends."""
    for flow in drawing.flows:
        for attribute, end in (("sourceRef", "starts"), ("targetRef", "ends")):
            named = drawing.named(flow.get(attribute))
            if named is None:
                message = f"The sequence flow {title(flow)} {end} at nothing; connect it or delete it."
                yield Fault("unknown_reference", flow, message)
            elif named.tag not in FLOW_NODES:
                message = (
                    f"The sequence flow {title(flow)} {end} at {title(named)}, where no flow can; connect it elsewhere."
                )
                yield Fault("wrong_reference", flow, message)


def definitions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to messages, signals, errors and the like that lead to nothing or to something else."""
    for element in drawing.root.iter(f"{bpmn('*')}"):
        for attribute, kinds in _TARGETS.items():
            if not local_reference(element.get(attribute)):
                continue
            named = drawing.named(element.get(attribute))
            what = attribute.removesuffix("Ref")
            if named is None:
                message = f"{title(element)} refers to the {what} “{element.get(attribute)}”, which does not exist; choose one."
                yield Fault("unknown_reference", element, message)
            elif named.tag not in kinds:
                yield Fault(
                    "wrong_reference", element, f"{title(element)} refers to {title(named)}, which is no {what}."
                )
    for reference in drawing.root.iter(bpmn("eventDefinitionRef")):
        named = drawing.named(reference.text)
        if named is None or named.tag not in EVENT_DEFINITIONS or named.getparent() is not drawing.root:
            event = reference.getparent()
            owner = reference if event is None else event
            yield Fault(
                "unknown_reference", owner, f"{title(owner)} refers to an event definition that does not exist."
            )


def incomplete_events(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message and signal events that name none, and thrown errors and escalations without a code."""
    for definition in drawing.root.iter(*_NEEDED, *_THROWN):
        event = definition.getparent()
        if event is None or event.tag not in FLOW_NODES:
            continue
        throws = event.tag in {bpmn("endEvent"), bpmn("intermediateThrowEvent")}
        attribute, what = _NEEDED.get(str(definition.tag)) or _THROWN[str(definition.tag)]
        if local_reference(definition.get(attribute)):
            continue
        if definition.tag in _NEEDED:
            message = f"The event {title(event)} names no {what}, so one of its own name is meant; choose one."
            yield Fault("message_by_name", event, message)
        elif throws:
            yield Fault("event_incomplete", event, f"The event {title(event)} names no {what}; choose one.")


def nameless_definitions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find messages and signals without a name, and errors and escalations without a code, that events use."""
    used = {local_reference(e.get(name)) for e in drawing.root.iter(f"{bpmn('*')}") for name in _TARGETS if e.get(name)}
    for tag, attribute in (
        ("message", "name"),
        ("signal", "name"),
        ("error", "errorCode"),
        ("escalation", "escalationCode"),
    ):
        for definition in drawing.root.iterchildren(bpmn(tag)):
            if identity(definition) in used and not (definition.get(attribute) or "").strip():
                what = "name" if attribute == "name" else "code"
                message = f"The {tag} {title(definition)} has no {what} of its own, so another one stands for it; give it one."
                yield Fault("definition_without_name", definition, message)


def lanes(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find lanes that list what does not exist, and nodes in two lanes of one set."""
    for lane_set in drawing.root.iter(bpmn("laneSet")):
        seen: dict[str, etree._Element] = {}
        for lane in lane_set.iterchildren(bpmn("lane")):
            for reference in lane.iterchildren(bpmn("flowNodeRef")):
                key = local_reference(reference.text) or ""
                if drawing.named(key) is None:
                    message = f"The lane {title(lane)} lists “{key}”, which does not exist; delete the entry."
                    yield Fault("unknown_lane_member", lane, message)
                elif seen.setdefault(key, lane) is not lane:
                    message = (
                        f"The node “{key}” lies in two lanes, {title(seen[key])} and {title(lane)}; leave it in one."
                    )
                    yield Fault("node_in_two_lanes", lane, message)


def called_processes(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find call activities that call a process that nobody has."""
    local = {identity(e) for e in drawing.root if e.tag == PROCESS or e.tag in GLOBAL_TASKS}
    for call in drawing.root.iter(bpmn("callActivity")):
        called = called_element(call)
        if called is None:
            yield Fault("call_without_process", call, f"The call activity {title(call)} names no process; choose one.")
        elif context.processes is not None and called not in local and called not in context.processes:
            message = f"The call activity {title(call)} calls the process “{called}”, which does not exist; choose another one."
            yield Fault("unknown_process", call, message)


def surroundings(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find forms, decisions, operations and statuses that nobody has."""
    for node in drawing.nodes:
        for name, known, code, what in (
            (form(node), context.forms, "unknown_form", "form"),
            (decision(node), context.decisions, "unknown_decision", "decision"),
            (operation(node), context.operations, "unknown_operation", "operation"),
            (status(node), context.statuses, "unknown_status", "status"),
        ):
            if name is not None and known is not None and name not in known:
                message = f"{title(node)} names the {what} “{name}”, which does not exist; {_choices(name, known)}"
                yield Fault(code, node, message)


def groups(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find user tasks that nobody may do, or that name a group that nobody has."""
    known = context.groups
    for task in (*drawing.root.iter(bpmn("userTask")), *drawing.root.iter(bpmn("manualTask"))):
        if group_expression(task) is not None:
            continue
        named, lane = candidate_groups(task), drawing.lane(task)
        keys = named or ((lane_key(lane.get("name", "")),) if lane is not None else ())
        if not keys and not assignee(task):
            message = (
                f"The task {title(task)} has neither a group nor a lane, so nobody is asked to do it; put it in a lane."
            )
            yield Fault("user_without_group", task, message)
        for key in keys:
            if known is not None and key not in known and (named or not assignee(task)):
                message = (
                    f"The task {title(task)} is for the group “{key}”, which does not exist; {_choices(key, known)}"
                )
                yield Fault("unknown_group", task, message)


def boundaries(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find boundary events that are attached to nothing, or to what has no boundary."""
    for event in drawing.root.iter(bpmn("boundaryEvent")):
        host = drawing.named(event.get("attachedToRef"))
        if host is None:
            message = f"The boundary event {title(event)} is attached to nothing; put it on the border of an activity."
            yield Fault("unknown_reference", event, message)
        elif host.tag not in ACTIVITIES or is_event_subprocess(host) or host.getparent() is not event.getparent():
            message = (
                f"The boundary event {title(event)} is attached to {title(host)}; put it on an activity beside it."
            )
            yield Fault("boundary_attached_wrongly", event, message)


def _choices(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    return f"did you mean “{close[0]}”?" if close else "choose another one."


RULES: Final[tuple[Rule, ...]] = (
    flows,
    definitions,
    incomplete_events,
    nameless_definitions,
    lanes,
    called_processes,
    surroundings,
    groups,
    boundaries,
)
