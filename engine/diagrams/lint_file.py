"""Laws about the file as a whole: processes, ids, and what the engine does not know or cannot run."""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vendor_settings import settings
from engine.diagrams.vocabulary import (
    AD_HOC,
    BPMN,
    BPMN_DIAGRAM,
    CHOREOGRAPHY,
    EVENTS,
    FILE_CONTENTS,
    FLOW_NODES,
    GATEWAYS,
    GLOBAL_TASKS,
    MULTI_INSTANCE,
    OUR_ATTRIBUTES,
    OUR_ELEMENTS,
    PARCELFLOW,
    SCOPE_CONTENTS,
    SCOPES,
    UNSUPPORTED,
    Construct,
    EventKind,
    bpmn,
    event_kind,
    identity,
    is_event_subprocess,
    is_true,
    kind,
    title,
)

_BOOLEANS: Final = frozenset(
    (
        "cancelActivity",
        "cancelRemainingInstances",
        "instantiate",
        "isCollection",
        "isExecutable",
        "isForCompensation",
        "isInterrupting",
        "isSequential",
        "parallelMultiple",
        "testBefore",
        "triggeredByEvent",
        "waitForCompletion",
    )
)
_MOST_NAMES: Final = 30
_OTHERWISE: Final = {
    "calledElement": "calledElement",
    "brings": "a variable of the activity alone",
    "gives": "a variable that the activity leaves",
    "computes": "the variable that the script sets",
    "shape": "the shape of the result",
    "outputCollection": "the collection of results",
    "outputItem": "what each instance gives",
    "script": "the variable that the script sets",
}
"""What a setting of another product is, where it is none of our attributes."""
_NAME: Final = re.compile(r"[^\W\d][\w.-]*")


def processes(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find files with nothing to run, and processes that are only drawn."""
    marked = [process for process in drawing.processes if is_true(process, "isExecutable")]
    tasks = [element for element in drawing.root if element.tag in GLOBAL_TASKS]
    if not drawing.processes and not tasks:
        yield Fault("no_process", drawing.root, "The file holds no process; draw one.")
    elif not marked and not tasks:
        yield Fault(
            "no_executable_process",
            drawing.processes[0],
            "No process is marked as executable; mark the one that is to run.",
        )
    for process in drawing.processes:
        if process.get("processType") == "Public" and is_true(process, "isExecutable"):
            message = f"The process {title(process)} is public, so it cannot be executable; make it private."
            yield Fault("public_executable", process, message)
        if marked and not is_true(process, "isExecutable"):
            message = (
                f"The process {title(process)} is not marked as executable and is only a picture here; it is not run."
            )
            yield Fault("process_not_executable", process, message)
        elif not any(child.tag in FLOW_NODES for child in process):
            message = f"The process {title(process)} is empty; draw what happens in it, or delete it."
            yield Fault("empty_process", process, message)


def picture(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find files that hold no drawing."""
    if drawing.processes and next(drawing.root.iter(f"{{{BPMN_DIAGRAM}}}BPMNShape"), None) is None:
        yield Fault(
            "no_picture", drawing.root, "The file holds no drawing; it can run, but the editor has nothing to show."
        )


def ids(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find ids that are missing, used twice, or hard to refer to."""
    for element in drawing.repeated:
        message = f"The id “{identity(element)}” is used twice; {_what(element)} needs an id of its own."
        yield Fault("duplicate_id", element, message)
    for element in (*drawing.processes, *drawing.nodes):
        if identity(element) is None:
            yield Fault("missing_id", element, f"Give {_what(element)} an id; it has none.")
        elif not _NAME.fullmatch(identity(element) or ""):
            message = f"The id “{identity(element)}” should start with a letter and hold no spaces or signs; change it."
            yield Fault("unusual_id", element, message)
    for flow in drawing.flows:
        if identity(flow) is None:
            yield Fault("flow_without_id", flow, "A sequence flow has no id and cannot be shown as taken; give it one.")


def unknown_elements(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find elements in the standard's name that the standard does not have at that place."""
    for scope in drawing.root.iter(*SCOPES):
        for child in scope.iterchildren(f"{{{BPMN}}}*"):
            if child.tag not in SCOPE_CONTENTS and child.tag not in CHOREOGRAPHY:
                message = f"“{kind(child)[:80]}” is no element of a process; replace it by one that BPMN has."
                yield Fault("unknown_element", child, message)


def misplaced_elements(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find what the standard knows and has elsewhere: beside the processes, and properties of gateways."""
    for child in drawing.root.iterchildren(f"{{{BPMN}}}*"):
        if child.tag not in FILE_CONTENTS:
            message = f"“{kind(child)[:80]}” has no place beside the processes; put it where it belongs."
            yield Fault("misplaced_element", child, message)
    for held in drawing.root.iter(bpmn("property")):
        owner = held.getparent()
        if owner is not None and owner.tag in GATEWAYS:
            message = f"The gateway {title(owner)} cannot have the property {title(held)}; give it to the process."
            yield Fault("misplaced_element", held, message)


def unsupported(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find what the engine cannot run."""
    for element in drawing.root.iter(*FLOW_NODES, *CHOREOGRAPHY):
        for construct in _constructs(element, drawing):
            if construct in UNSUPPORTED:
                message = f"{title(element)} needs what the engine cannot run: {construct}; draw it in another way."
                yield Fault("unsupported_element", element, message)


def booleans(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find attributes that are yes or no and say neither (XML Schema: true, false, 1 or 0)."""
    for element in drawing.root.iter(f"{{{BPMN}}}*"):
        for name in _BOOLEANS.intersection(map(str, element.attrib)):
            if (element.get(name) or "").strip() not in {"true", "false", "1", "0"}:
                message = f"{title(element)} has “{(element.get(name) or '')[:40]}” as {name}; write true or false."
                yield Fault("not_a_boolean", element, message)


def vendors(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Tell which settings of other products are followed here, and which are kept in the file and have no effect."""
    for element in drawing.drawn.iter("*"):
        found = list(dict.fromkeys(settings(element)))
        followed = [f"{one.name} as {_ours(one.target)}" for one in found if one.said is not None]
        ignored = [f"{one.name} (here {one.hint})" if one.hint else one.name for one in found if one.said is None]
        if followed:
            message = f"{title(element)} has settings of another product that are followed: {_listed(followed)}."
            yield Fault("vendor_translated", element, message)
        if ignored:
            message = f"{title(element)} has settings of another product that have no effect: {_listed(ignored)}."
            yield Fault("vendor_ignored", element, message)


def own_attributes(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find attributes and elements in our name that do not exist: misspelt ones, mostly."""
    for element in drawing.root.iter("*"):
        for name in map(str, element.attrib):
            if name.startswith(f"{{{PARCELFLOW}}}") and name not in OUR_ATTRIBUTES:
                word = etree.QName(name).localname[:80]
                message = (
                    f"{title(element)} has an attribute “parcelflow:{word}”, which does not exist; check its spelling."
                )
                yield Fault("unknown_attribute", element, message)
        if str(element.tag).startswith(f"{{{PARCELFLOW}}}") and element.tag not in OUR_ELEMENTS:
            message = f"“parcelflow:{kind(element)[:80]}” does not exist; check its spelling."
            yield Fault("unknown_attribute", element, message)


def _what(element: etree._Element) -> str:
    name = (element.get("name") or "").strip()
    return f"the element “{name[:80]}”" if name else f"an element of the kind {kind(element)}"


def _constructs(element: etree._Element, drawing: Drawing) -> Iterator[Construct]:
    if element.tag in CHOREOGRAPHY:
        yield Construct.CHOREOGRAPHY
    elif element.tag in EVENTS:
        yield from _event_constructs(element)
    elif element.tag in FLOW_NODES:
        yield from _activity_constructs(element)
        yield from _gateway_constructs(element, drawing)


def _event_constructs(event: etree._Element) -> Iterator[Construct]:
    what = event_kind(event)
    if what is EventKind.COMPENSATION:
        yield Construct.COMPENSATION
    elif what is EventKind.CANCEL:
        yield Construct.TRANSACTION_CANCEL
    elif what is EventKind.MULTIPLE:
        yield Construct.MULTIPLE_EVENT
    elif what is EventKind.PARALLEL_MULTIPLE:
        yield Construct.PARALLEL_MULTIPLE_EVENT


def _activity_constructs(activity: etree._Element) -> Iterator[Construct]:
    if is_event_subprocess(activity):
        yield Construct.EVENT_SUBPROCESS
    if is_true(activity, "isForCompensation"):
        yield Construct.COMPENSATION
    if activity.tag == AD_HOC and activity.find(bpmn("completionCondition")) is not None:
        yield Construct.AD_HOC_CONDITION
    loop = activity.find(MULTI_INSTANCE)
    if loop is not None and loop.get("behavior", "All") != "All":
        yield Construct.MULTI_INSTANCE_EVENTS


def _gateway_constructs(gateway: etree._Element, drawing: Drawing) -> Iterator[Construct]:
    if gateway.tag == bpmn("complexGateway"):
        yield Construct.COMPLEX_GATEWAY
    starts = gateway.tag == bpmn("eventBasedGateway") and is_true(gateway, "instantiate")
    if starts and gateway.get("eventGatewayType") == "Parallel" and not drawing.incoming(gateway):
        yield Construct.PARALLEL_EVENT_GATEWAY


def _ours(target: str) -> str:
    return _OTHERWISE.get(target, f"parcelflow:{target}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")


RULES: Final[tuple[Rule, ...]] = (
    processes,
    picture,
    ids,
    unknown_elements,
    misplaced_elements,
    unsupported,
    booleans,
    vendors,
    own_attributes,
)
