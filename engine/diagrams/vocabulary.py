"""The words of a diagram: BPMN's names, what we add to them, and what the engine cannot run."""

from enum import StrEnum
from typing import Final

from lxml import etree

BPMN: Final = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMN_DIAGRAM: Final = "http://www.omg.org/spec/BPMN/20100524/DI"
PARCELFLOW: Final = "https://parcelflow.example/bpmn/1.0"
REWRITTEN: Final = "urn:parcelflow:rewritten"
JBPM: Final = "http://www.jboss.org/drools"
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"

VENDORS: Final = {
    "http://camunda.org/schema/1.0/bpmn": "camunda",
    "http://camunda.org/bpmn": "camunda",
    "http://operaton.org/schema/1.0/bpmn": "operaton",
    "http://activiti.org/bpmn": "activiti",
    "http://flowable.org/bpmn": "flowable",
    "http://camunda.org/schema/zeebe/1.0": "zeebe",
    "http://spiffworkflow.org/bpmn/schema/1.0/core": "spiffworkflow",
    "https://spiffworkflow.org/bpmn/schema/1.0/core": "spiffworkflow",
    JBPM: "drools",
    "http://www.omg.org/bpmn20": "jbpm",
    "http://www.bonitasoft.org/ns/bpm/connector/definition/6.0": "bonita",
}
COLLECTION_VENDORS: Final = (
    PARCELFLOW,
    *(uri for uri, name in VENDORS.items() if name in {"camunda", "operaton", "activiti", "flowable"}),
)


def bpmn(name: str) -> str:
    """Give the qualified tag of a BPMN element."""
    return f"{{{BPMN}}}{name}"


def ours(name: str) -> str:
    """Give the qualified name of one of our attributes or elements."""
    return f"{{{PARCELFLOW}}}{name}"


def rewritten(name: str) -> str:
    """Give the qualified name of a mark that rewriting leaves; no drawn file can carry it."""
    return f"{{{REWRITTEN}}}{name}"


def _tags(*names: str) -> frozenset[str]:
    return frozenset(map(bpmn, names))


OUR_ATTRIBUTES: Final = frozenset(
    map(
        ours,
        (
            "assignee",
            "binding",
            "candidateGroups",
            "codeVariable",
            "collection",
            "correlationKey",
            "decision",
            "dueDate",
            "elementVariable",
            "errorMessage",
            "form",
            "messageVariable",
            "onConflict",
            "operation",
            "outcome",
            "payload",
            "priority",
            "resultVariable",
            "retry",
            "status",
            "timeToLive",
            "version",
        ),
    )
)
OUR_ELEMENTS: Final = frozenset(map(ours, ("input", "output", "in", "out")))
READ_VENDOR_ATTRIBUTES: Final = frozenset(
    f"{{{uri}}}{name}"
    for uri in COLLECTION_VENDORS
    for name in ("collection", "elementVariable", "elementIndexVariable")
)
PROCESS: Final = bpmn("process")
SEQUENCE_FLOW: Final = bpmn("sequenceFlow")
CONDITION: Final = bpmn("conditionExpression")
EXTENSIONS: Final = bpmn("extensionElements")
DOCUMENTATION: Final = bpmn("documentation")
AD_HOC: Final = bpmn("adHocSubProcess")
TRANSACTION: Final = bpmn("transaction")
BOUNDARY_EVENT: Final = bpmn("boundaryEvent")
START_EVENT: Final = bpmn("startEvent")
END_EVENT: Final = bpmn("endEvent")
CATCH_EVENT: Final = bpmn("intermediateCatchEvent")
THROW_EVENT: Final = bpmn("intermediateThrowEvent")
MULTI_INSTANCE: Final = bpmn("multiInstanceLoopCharacteristics")
STANDARD_LOOP: Final = bpmn("standardLoopCharacteristics")

TASKS: Final = _tags(
    "task",
    "userTask",
    "manualTask",
    "scriptTask",
    "serviceTask",
    "sendTask",
    "receiveTask",
    "businessRuleTask",
)
SUBPROCESSES: Final = _tags("subProcess", "transaction", "adHocSubProcess")
ACTIVITIES: Final = TASKS | SUBPROCESSES | _tags("callActivity")
GATEWAYS: Final = _tags(
    "exclusiveGateway",
    "inclusiveGateway",
    "parallelGateway",
    "complexGateway",
    "eventBasedGateway",
)
CONDITIONAL_GATEWAYS: Final = _tags("exclusiveGateway", "inclusiveGateway", "complexGateway")
CATCHING_EVENTS: Final = _tags("startEvent", "intermediateCatchEvent", "boundaryEvent")
THROWING_EVENTS: Final = _tags("intermediateThrowEvent", "endEvent")
EVENTS: Final = CATCHING_EVENTS | THROWING_EVENTS
CHOREOGRAPHY: Final = _tags("choreographyTask", "subChoreography", "callChoreography")
FLOW_NODES: Final = ACTIVITIES | GATEWAYS | EVENTS
SCOPES: Final = SUBPROCESSES | {PROCESS}
GLOBAL_TASKS: Final = {
    bpmn("globalTask"): bpmn("task"),
    bpmn("globalUserTask"): bpmn("userTask"),
    bpmn("globalManualTask"): bpmn("manualTask"),
    bpmn("globalScriptTask"): bpmn("scriptTask"),
    bpmn("globalBusinessRuleTask"): bpmn("businessRuleTask"),
}
SCOPE_CONTENTS: Final = FLOW_NODES | _tags(
    "artifact",
    "association",
    "auditing",
    "completionCondition",
    "correlationSubscription",
    "dataInputAssociation",
    "dataObject",
    "dataObjectReference",
    "dataOutputAssociation",
    "dataStoreReference",
    "documentation",
    "extensionElements",
    "group",
    "humanPerformer",
    "incoming",
    "ioBinding",
    "ioSpecification",
    "laneSet",
    "monitoring",
    "multiInstanceLoopCharacteristics",
    "outgoing",
    "performer",
    "potentialOwner",
    "property",
    "resourceRole",
    "sequenceFlow",
    "standardLoopCharacteristics",
    "supportedInterfaceRef",
    "supports",
    "textAnnotation",
)
FILE_CONTENTS: Final = frozenset({*GLOBAL_TASKS, PROCESS}) | _tags(
    "cancelEventDefinition",
    "category",
    "choreography",
    "collaboration",
    "compensateEventDefinition",
    "conditionalEventDefinition",
    "conversation",
    "correlationProperty",
    "dataStore",
    "documentation",
    "endPoint",
    "error",
    "errorEventDefinition",
    "escalation",
    "escalationEventDefinition",
    "eventDefinition",
    "extension",
    "extensionElements",
    "globalChoreographyTask",
    "globalConversation",
    "import",
    "interface",
    "itemDefinition",
    "linkEventDefinition",
    "message",
    "messageEventDefinition",
    "partnerEntity",
    "partnerRole",
    "relationship",
    "resource",
    "rootElement",
    "signal",
    "signalEventDefinition",
    "terminateEventDefinition",
    "timerEventDefinition",
)
ROLES: Final = _tags("resourceRole", "performer", "humanPerformer", "potentialOwner")
TIMER_TEXTS: Final = {bpmn("timeDate"): "date", bpmn("timeDuration"): "duration", bpmn("timeCycle"): "cycle"}


class EventKind(StrEnum):
    """What an event waits for or throws."""

    NONE = "none"
    MESSAGE = "message"
    SIGNAL = "signal"
    TIMER = "timer"
    ERROR = "error"
    ESCALATION = "escalation"
    CONDITIONAL = "conditional"
    COMPENSATION = "compensation"
    LINK = "link"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    MULTIPLE = "multiple"
    PARALLEL_MULTIPLE = "parallel multiple"


EVENT_DEFINITIONS: Final = {
    bpmn("messageEventDefinition"): EventKind.MESSAGE,
    bpmn("signalEventDefinition"): EventKind.SIGNAL,
    bpmn("timerEventDefinition"): EventKind.TIMER,
    bpmn("errorEventDefinition"): EventKind.ERROR,
    bpmn("escalationEventDefinition"): EventKind.ESCALATION,
    bpmn("conditionalEventDefinition"): EventKind.CONDITIONAL,
    bpmn("compensateEventDefinition"): EventKind.COMPENSATION,
    bpmn("linkEventDefinition"): EventKind.LINK,
    bpmn("cancelEventDefinition"): EventKind.CANCEL,
    bpmn("terminateEventDefinition"): EventKind.TERMINATE,
}


class Construct(StrEnum):
    """A construct of BPMN that an engine may or may not be able to run."""

    EVENT_SUBPROCESS = "event subprocess"
    COMPENSATION = "compensation"
    COMPLEX_GATEWAY = "complex gateway"
    AD_HOC_CONDITION = "ad-hoc subprocess with a completion condition"
    TRANSACTION_CANCEL = "cancelling a transaction"
    MULTIPLE_EVENT = "multiple event"
    PARALLEL_MULTIPLE_EVENT = "parallel multiple event"
    MULTI_INSTANCE_EVENTS = "multi-instance with behaviour events"
    PARALLEL_EVENT_GATEWAY = "parallel event-based gateway"
    CHOREOGRAPHY = "choreography"


UNSUPPORTED: Final[tuple[Construct, ...]] = (Construct.CHOREOGRAPHY,)
"""What the engine refuses: the linter reports these as errors, and the engine refuses no other."""


def identity(element: etree._Element) -> str | None:
    """Give the id of an element, None where it has none."""
    return text_or_none(element.get("id"))


def title(element: etree._Element) -> str:
    """Name an element for a person: its name and id, in one line."""
    name, key = text_or_none(element.get("name")), identity(element)
    name = " ".join(name.split())[:80] if name else None
    return f"“{name}” ({key})" if name and key else f"“{name or key or kind(element)}”"


def kind(element: etree._Element) -> str:
    """Give the BPMN name of an element without its namespace, for example `userTask`."""
    return etree.QName(element).localname


def is_true(element: etree._Element, attribute: str, *, default: bool = False) -> bool:
    """Read a boolean attribute (XML Schema: `true` or `1`)."""
    value = text_or_none(element.get(attribute))
    return default if value is None else value in {"true", "1"}


def is_event_subprocess(element: etree._Element) -> bool:
    """Tell whether this is an event subprocess (BPMN 2.0, 10.3.5)."""
    return element.tag == bpmn("subProcess") and is_true(element, "triggeredByEvent")


def condition(flow: etree._Element) -> str | None:
    """Give the condition of a sequence flow, None where it has none or an empty one."""
    return child_text(flow, "conditionExpression")


def child_text(element: etree._Element, name: str) -> str | None:
    """Give the text of the first BPMN child of that name, None where it is missing or empty."""
    found = element.find(bpmn(name))
    return None if found is None else text_or_none("".join(str(part) for part in found.itertext()))


def local_reference(text: str | None) -> str | None:
    """Give the id behind a reference: references are qualified names, and tools write them with and without a prefix."""
    text = text_or_none(text)
    return text.rsplit(":", 1)[-1] if text else None


def message_reference(element: etree._Element) -> str | None:
    """Give the id of the message that an event definition or a task names, itself or by its operation (8.4.3)."""
    operation = local_reference(element.get("operationRef") or child_text(element, "operationRef"))
    if named := local_reference(element.get("messageRef")):
        return named
    found = (one for one in element.getroottree().iter(bpmn("operation")) if operation and identity(one) == operation)
    return next((local_reference(child_text(one, "inMessageRef")) for one in found), None)


def event_definitions(event: etree._Element) -> list[etree._Element]:
    """Give the event definitions of an event, without those that are only referred to."""
    return [child for child in event if child.tag in EVENT_DEFINITIONS]


def event_kind(event: etree._Element) -> EventKind:
    """Tell what an event waits for or throws; references to definitions count as what they refer to."""
    definitions, references = event_definitions(event), event.findall(bpmn("eventDefinitionRef"))
    if len(definitions) + len(references) > 1:
        return EventKind.PARALLEL_MULTIPLE if is_true(event, "parallelMultiple") else EventKind.MULTIPLE
    definitions += [found for reference in references if (found := _referred(reference)) is not None]
    return EVENT_DEFINITIONS[str(definitions[0].tag)] if definitions else EventKind.NONE


def _referred(reference: etree._Element) -> etree._Element | None:
    key, root = local_reference(reference.text), reference.getroottree().getroot()
    return next((element for element in root if element.tag in EVENT_DEFINITIONS and identity(element) == key), None)


def instructions(element: etree._Element) -> str | None:
    """Give the documentation of an element: the instructions of a user task."""
    return child_text(element, "documentation")


def compensated_by(activity: etree._Element) -> str | None:
    """Give the id of the compensation handler of an activity, as rewriting noted it."""
    return text_or_none(activity.get(rewritten("compensatedBy")))


def loop_of(activity: etree._Element) -> etree._Element | None:
    """Give the loop or multi-instance characteristics of an activity."""
    return next((child for child in activity if child.tag in {MULTI_INSTANCE, STANDARD_LOOP}), None)


def text_or_none(value: str | None) -> str | None:
    """Give a text without the blanks around it, None where nothing is left."""
    return value.strip() or None if value else None
