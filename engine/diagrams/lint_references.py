"""Laws about references: what an element names must exist, and be of the right kind."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.attributes import called_element
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    CHOREOGRAPHY,
    EVENT_DEFINITIONS,
    EVENTS,
    FLOW_NODES,
    GLOBAL_TASKS,
    PROCESS,
    SEQUENCE_FLOW,
    START_EVENT,
    EventKind,
    bpmn,
    child_text,
    identity,
    is_event_subprocess,
    kind,
    local_reference,
    message_reference,
    title,
)
from engine.errors import Severity
from engine.expressions.foreign import is_foreign

_TARGETS: Final[dict[str, frozenset[str]]] = {
    "messageRef": frozenset({bpmn("message")}),
    "signalRef": frozenset({bpmn("signal")}),
    "errorRef": frozenset({bpmn("error")}),
    "escalationRef": frozenset({bpmn("escalation")}),
    "activityRef": ACTIVITIES,
    "dataObjectRef": frozenset({bpmn("dataObject")}),
    "dataStoreRef": frozenset({bpmn("dataStore")}),
    "operationRef": frozenset({bpmn("operation")}),
    "correlationKeyRef": frozenset({bpmn("correlationKey")}),
    "processRef": frozenset({PROCESS}),
}
_TARGETS_BY_TEXT: Final[dict[str, frozenset[str]]] = {
    bpmn("incoming"): frozenset({SEQUENCE_FLOW, bpmn("messageFlow")}),
    bpmn("outgoing"): frozenset({SEQUENCE_FLOW, bpmn("messageFlow")}),
    bpmn("correlationPropertyRef"): frozenset({bpmn("correlationProperty")}),
    bpmn("inMessageRef"): frozenset({bpmn("message")}),
    bpmn("outMessageRef"): frozenset({bpmn("message")}),
    bpmn("dataInputRefs"): frozenset({bpmn("dataInput")}),
    bpmn("dataOutputRefs"): frozenset({bpmn("dataOutput")}),
    bpmn("optionalInputRefs"): frozenset({bpmn("dataInput")}),
    bpmn("whileExecutingInputRefs"): frozenset({bpmn("dataInput")}),
    bpmn("optionalOutputRefs"): frozenset({bpmn("dataOutput")}),
    bpmn("whileExecutingOutputRefs"): frozenset({bpmn("dataOutput")}),
    bpmn("inputSetRefs"): frozenset({bpmn("inputSet")}),
    bpmn("outputSetRefs"): frozenset({bpmn("outputSet")}),
    bpmn("source"): frozenset({bpmn("linkEventDefinition")}),
    bpmn("target"): frozenset({bpmn("linkEventDefinition")}),
}
_ADVISORY: Final = frozenset({"source", "target"})
"""References that the engine can do without, and which other tools often leave open."""
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
            elif named.tag not in FLOW_NODES | CHOREOGRAPHY:
                message = (
                    f"The sequence flow {title(flow)} {end} at {title(named)}, where no flow can; connect it elsewhere."
                )
                yield Fault("wrong_reference", flow, message)


def definitions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to messages, signals, errors and the like that lead to nothing or to something else."""
    for element in drawing.root.iter(f"{bpmn('*')}"):
        for attribute, kinds in _TARGETS.items():
            if local_reference(written := element.get(attribute)) and not _is_stray(element, attribute):
                yield from _reference(drawing, element, attribute, written or "", kinds)
        listed = _TARGETS_BY_TEXT.get(str(element.tag))
        if listed and local_reference(element.text) and not _is_relationship(element):
            yield from _reference(drawing, element, kind(element), element.text or "", listed)


def shared_definitions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to event definitions that lead to nothing, or to what events cannot share (10.5)."""
    for reference in drawing.root.iter(bpmn("eventDefinitionRef")):
        named, event = drawing.named(reference.text), reference.getparent()
        owner = reference if event is None else event
        if named is None:
            message = f"{title(owner)} refers to an event definition that does not exist."
            yield Fault("unknown_reference", owner, message)
        elif named.tag not in EVENT_DEFINITIONS:
            yield Fault(
                "wrong_reference", owner, f"{title(owner)} refers to {title(named)}, which is no event definition."
            )
        elif named.getparent() is not drawing.root:
            message = (
                f"{title(owner)} refers to the event definition {title(named)}, which belongs to another event; "
                "only one that stands beside the processes can be shared, so put it there."
            )
            yield Fault("wrong_reference", owner, message)


def listed_flows(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find nodes that list a flow as theirs which does not lead there; the flow itself says where it leads."""
    for node in drawing.nodes:
        for name, flows in (("incoming", drawing.incoming(node)), ("outgoing", drawing.outgoing(node))):
            for listed in node.iterchildren(bpmn(name)):
                named = drawing.named(listed.text)
                if named is not None and named.tag == SEQUENCE_FLOW and not any(named is flow for flow in flows):
                    message = (
                        f"{title(node)} lists {title(named)} as {name}, but that flow leads elsewhere; the flow counts."
                    )
                    yield Fault("flow_listed_wrongly", node, message)


def half_listed_flows(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find flows that one of their nodes lists and the other does not; where no node lists its flows, nothing is amiss."""
    listed = {
        (node, kind(one), local_reference(one.text))
        for node in drawing.nodes
        for one in node.iterchildren(bpmn("incoming"), bpmn("outgoing"))
    }
    for flow in drawing.flows:
        ends = [(drawing.source(flow), "outgoing"), (drawing.target(flow), "incoming")]
        lacking = [(node, name) for node, name in ends if (node, name, identity(flow)) not in listed]
        if len(lacking) == 1 and identity(flow) and (node := lacking[0][0]) is not None:
            message = f"{title(node)} does not list {title(flow)} as {lacking[0][1]}, and its other end does; list it at both."
            yield Fault("flow_listed_once", node, message)


def associations(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find associations that connect nothing."""
    for link in drawing.root.iter(bpmn("association")):
        for attribute in ("sourceRef", "targetRef"):
            if drawing.named(link.get(attribute)) is None and not drawing.is_elsewhere(link, link.get(attribute, "")):
                message = (
                    f"The association {title(link)} does not connect two things that exist; connect it or delete it."
                )
                yield Fault("unknown_reference", link, message)


def incomplete_events(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message and signal events that name none, thrown errors that name none, and thrown escalations without a code."""
    for definition in drawing.root.iter(*_NEEDED, *_THROWN):
        event = definition.getparent()
        if event is None or event.tag not in FLOW_NODES:
            continue
        throws = event.tag in {bpmn("endEvent"), bpmn("intermediateThrowEvent")}
        attribute, what = _NEEDED.get(str(definition.tag)) or _THROWN[str(definition.tag)]
        named = message_reference(definition) if what == "message" else local_reference(definition.get(attribute))
        if named and throws and what == "escalation":
            yield from _code(drawing, event, drawing.named(named))
        if named:
            continue
        if definition.tag in _NEEDED:
            message = f"The event {title(event)} names no {what}, so one of its own name is meant; choose one."
            yield Fault("message_by_name", event, message)
        elif throws:
            yield Fault("event_incomplete", event, f"The event {title(event)} names no {what}; choose one.")


def operations_of_events(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message events that name an operation or a message alone, where what is to run needs both (Table 10.98).

    A message that says nothing of what it carries has no operation either.
    """
    for definition in drawing.root.iter(bpmn("messageEventDefinition")):
        event, message = definition.getparent(), drawing.named(definition.get("messageRef"))
        is_operated = bool(local_reference(definition.get("operationRef") or child_text(definition, "operationRef")))
        if event is None or event.tag not in FLOW_NODES or not drawing.is_marked(event):
            continue
        if is_operated and not local_reference(definition.get("messageRef")):
            text = f"The event {title(event)} names an operation and not its message; choose the message too."
            yield Fault("operation_without_message", event, text)
        elif not is_operated and message is not None and message.get("itemRef"):
            text = f"The event {title(event)} names the message {title(message)} and no operation for it; choose one."
            yield Fault("message_without_operation", event, text)


def _code(drawing: Drawing, event: etree._Element, escalation: etree._Element | None) -> Iterator[Fault]:
    """Find a thrown escalation without a code, which only what is to run must have (10.5)."""
    if escalation is not None and drawing.is_marked(event) and not (escalation.get("escalationCode") or "").strip():
        message = f"The event {title(event)} throws the escalation {title(escalation)}, which has no code; give it one."
        yield Fault("escalation_without_code", event, message)


def nameless_definitions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find messages and signals without a name, errors and escalations without a code or with an expression, in use."""
    used = {local_reference(e.get(name)) for e in drawing.root.iter(f"{bpmn('*')}") for name in _TARGETS if e.get(name)}
    for tag, attribute in (
        ("message", "name"),
        ("signal", "name"),
        ("error", "errorCode"),
        ("escalation", "escalationCode"),
    ):
        for definition in drawing.root.iterchildren(bpmn(tag)):
            written = (definition.get(attribute) or "").strip()
            if identity(definition) not in used:
                continue
            if attribute != "name" and (is_foreign(written) or "${" in written or "#{" in written):
                message = f"The code of the {tag} {title(definition)} is an expression, which is not worked out; write it out."
                yield Fault("expression_foreign", definition, message)
            elif not written:
                message = f"The {tag} {title(definition)} has no name of its own, so its id stands for it; give it one."
                if attribute != "name":
                    message = (
                        f"The {tag} {title(definition)} has no code: who waits for it catches every {tag}; give it one."
                    )
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


def called_kinds(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find call activities that call something in the file which cannot be called."""
    for call in drawing.root.iter(bpmn("callActivity")):
        named = drawing.named(called_element(call))
        if named is not None and named.tag != PROCESS and named.tag not in GLOBAL_TASKS:
            message = (
                f"The call activity {title(call)} calls {title(named)}, which is neither a process nor a global task."
            )
            yield Fault("wrong_reference", call, message)


def called_starts(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find calls of processes in the file that have start events and no plain one, which is what a call starts (10.5.2)."""
    starts = {process: process.findall(START_EVENT) for process in drawing.processes}
    callers: dict[etree._Element, etree._Element] = {}
    for call in drawing.root.iter(bpmn("callActivity")):
        named = drawing.named(called_element(call))
        events = [] if named is None else starts.get(named, [])
        if named is None or not events or any(drawing.kind(event) is EventKind.NONE for event in events):
            continue
        message = (
            f"The call activity {title(call)} calls {title(named)}, which has no plain start event; draw one there."
        )
        yield Fault("called_without_start", call, message)
        callers.setdefault(named, call)
    for process, call in callers.items():
        message = f"{title(process)} is called by {title(call)} and has no plain start event; draw one."
        yield Fault("called_without_start", process, message)


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


def imports(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find imports that do not say what they bring in (8.2)."""
    for element in drawing.root.iterchildren(bpmn("import")):
        missing = [name for name in ("importType", "location", "namespace") if not (element.get(name) or "").strip()]
        if missing:
            message = f"An import lacks its {' and '.join(missing)}; write what is brought in, from where, and its name space."
            yield Fault("import_incomplete", element, message)


def _is_stray(element: etree._Element, attribute: str) -> bool:
    """Tell whether a reference stands where nobody reads it: the definition of an event names its message."""
    return attribute == "messageRef" and element.tag in EVENTS


def _is_relationship(element: etree._Element) -> bool:
    return (parent := element.getparent()) is not None and parent.tag == bpmn("relationship")


def _reference(
    drawing: Drawing, element: etree._Element, attribute: str, written: str, kinds: frozenset[str]
) -> Iterator[Fault]:
    named, what = drawing.named(written), attribute.removesuffix("Ref")
    severity = Severity.WARNING if attribute in _ADVISORY else None
    if named is None and not drawing.is_elsewhere(element, written):
        place = next(element.iterancestors(*FLOW_NODES, SEQUENCE_FLOW), element)
        message = f"{title(place)} refers to the {what} “{written.strip()[:80]}”, which does not exist; choose one."
        yield Fault("unknown_reference", element, message, severity)
    elif named is not None and named.tag not in kinds:
        message = f"{title(element)} refers to {title(named)}, which is no {what}."
        yield Fault("wrong_reference", element, message, severity)


RULES: Final[tuple[Rule, ...]] = (
    flows,
    definitions,
    shared_definitions,
    listed_flows,
    half_listed_flows,
    associations,
    incomplete_events,
    operations_of_events,
    nameless_definitions,
    lanes,
    called_kinds,
    called_starts,
    boundaries,
    imports,
)
