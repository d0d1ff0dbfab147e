"""The words of a diagram: BPMN's names, what we add to them, and what the engine cannot run."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent
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
_COLLECTION_VENDORS: Final = (
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
    for uri in _COLLECTION_VENDORS
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


class ConflictPolicy(StrEnum):
    """What a join does when two branches set the same variable to different values."""

    REFUSE = "refuse"
    LAST = "last"
    APPEND = "append"


class Binding(StrEnum):
    """Which version of a called process is run."""

    DEPLOYMENT = "deployment"
    LATEST = "latest"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `parcelflow:input` or `parcelflow:output`: a name and the expression that gives its value."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Passing:
    """One `parcelflow:in` or `parcelflow:out` of a call activity; `all_variables` stands for every variable."""

    source: str
    target: str
    all_variables: bool = False


def identity(element: etree._Element) -> str | None:
    """Give the id of an element, None where it has none."""
    return _text(element.get("id"))


def title(element: etree._Element) -> str:
    """Name an element for a person: its name and id, in one line."""
    name, key = _text(element.get("name")), identity(element)
    name = " ".join(name.split())[:80] if name else None
    return f"“{name}” ({key})" if name and key else f"“{name or key or kind(element)}”"


def kind(element: etree._Element) -> str:
    """Give the BPMN name of an element without its namespace, for example `userTask`."""
    return etree.QName(element).localname


def is_true(element: etree._Element, attribute: str, *, default: bool = False) -> bool:
    """Read a boolean attribute (XML Schema: `true` or `1`)."""
    value = _text(element.get(attribute))
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
    return None if found is None else _text("".join(str(part) for part in found.itertext()))


def script_text(task: etree._Element) -> str | None:
    """Give the script of a script task, without the indentation that all its lines have in the file."""
    found = task.find(bpmn("script"))
    return None if found is None else _text(dedent("".join(str(part) for part in found.itertext())))


def local_reference(text: str | None) -> str | None:
    """Give the id behind a reference: references are qualified names, and tools write them with and without a prefix."""
    text = _text(text)
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


def form(task: etree._Element) -> str | None:
    """Give the key of the form of a user task."""
    return _own(task, "form")


def candidate_groups(task: etree._Element) -> tuple[str, ...]:
    """Give the keys of the groups named on a user task; empty where the lane or an expression decides."""
    named = _own(task, "candidateGroups") or ""
    return () if named.startswith("=") else tuple(part for part in map(str.strip, named.split(",")) if part)


def group_expression(task: etree._Element) -> str | None:
    """Give the expression that names the groups of a user task: `candidateGroups` that begins with an equals sign."""
    named = _own(task, "candidateGroups") or ""
    return named.removeprefix("=").strip() if named.startswith("=") else None


def lane_key(lane_name: str) -> str:
    """Give the key of the group that a lane of this name stands for."""
    return "_".join(lane_name.lower().split())


def assignee(task: etree._Element) -> str | None:
    """Give the expression for the assignee of a user task."""
    return _own(task, "assignee")


def due_date(task: etree._Element) -> str | None:
    """Give the expression, ISO duration or date when a user task is due."""
    return _own(task, "dueDate")


def priority(task: etree._Element) -> str | None:
    """Give the expression for the priority of a user task."""
    return _own(task, "priority")


def outcome(task: etree._Element) -> str | None:
    """Give the name of the form field whose values are the decision buttons of a user task."""
    return _own(task, "outcome")


def instructions(element: etree._Element) -> str | None:
    """Give the documentation of an element: the instructions of a user task."""
    return child_text(element, "documentation")


def status(node: etree._Element) -> str | None:
    """Give the status that the parcel gets when a token arrives at a flow node."""
    return _own(node, "status")


def operation(task: etree._Element) -> str | None:
    """Give the name of the operation that a service or send task calls."""
    return _own(task, "operation")


def retry(task: etree._Element) -> str | None:
    """Give the pauses after which a failed operation is tried again."""
    return _own(task, "retry")


def time_to_live(node: etree._Element) -> str | None:
    """Give how long a thrown message is kept for its receiver."""
    return _own(node, "timeToLive")


def inputs(task: etree._Element) -> tuple[Assignment, ...]:
    """Give the named inputs of an operation."""
    return tuple(_assignments(task, "input"))


def outputs(task: etree._Element) -> tuple[Assignment, ...]:
    """Give the named outputs of an operation; empty means that the whole answer is merged into the variables."""
    return tuple(_assignments(task, "output"))


def decision(task: etree._Element) -> str | None:
    """Give the id of the decision that a business rule task asks."""
    return _own(task, "decision")


def result_variable(task: etree._Element) -> str | None:
    """Give the variable that takes a decision's result; None means that the outputs are merged into the variables."""
    return _own(task, "resultVariable")


def result_shape(task: etree._Element) -> str | None:
    """Give the shape in which another product's task takes a decision's result."""
    return _text(task.get(rewritten("shape")))


def compensated_by(activity: etree._Element) -> str | None:
    """Give the id of the compensation handler of an activity, as rewriting noted it."""
    return _text(activity.get(rewritten("compensatedBy")))


def conflict_policy(gateway: etree._Element) -> ConflictPolicy:
    """Give the policy of a join for variables set by two branches; an unknown word means refuse."""
    word = _own(gateway, "onConflict")
    return ConflictPolicy(word) if word in set(ConflictPolicy) else ConflictPolicy.REFUSE


def called_element(activity: etree._Element) -> str | None:
    """Give the id of the process that a call activity calls; None where an expression decides while it runs."""
    own = None if called_expression(activity) else local_reference(activity.get("calledElement"))
    return own or next((key for one in _extended_calls(activity) if (key := _text(one.get("processId")))), None)


def called_expression(activity: etree._Element) -> str | None:
    """Give the expression that names the process to call: `calledElement` that begins with `=` or `${`."""
    named = _text(activity.get("calledElement")) or ""
    return named if named.startswith(("=", "${", "#{")) else None


def _extended_calls(activity: etree._Element) -> list[etree._Element]:
    found = activity.findall(f"{EXTENSIONS}/{{http://camunda.org/schema/zeebe/1.0}}calledElement")
    return [one for one in found if not one.get("processId", "").startswith("=")]


def binding(activity: etree._Element) -> Binding:
    """Give the version binding of a call activity; an unknown word means the same deployment."""
    word = _own(activity, "binding")
    return Binding(word) if word in set(Binding) else Binding.DEPLOYMENT


def bound_version(activity: etree._Element) -> int | None:
    """Give the version number that a call activity is bound to."""
    text = _own(activity, "version")
    return int(text) if text and text.isascii() and text.isdigit() else None


def passed_in(activity: etree._Element) -> tuple[Passing, ...]:
    """Give what goes into a called process; empty means every variable."""
    return tuple(_passings(activity, "in"))


def passed_out(activity: etree._Element) -> tuple[Passing, ...]:
    """Give what comes back from a called process; empty means every variable."""
    return tuple(_passings(activity, "out"))


def correlation_key(element: etree._Element) -> str | None:
    """Give the expression of the correlation key, on an event, a task or a message definition."""
    return _own(element, "correlationKey")


def payload(element: etree._Element) -> str | None:
    """Give the expression for what a message or signal carries; None means every variable, or with a signal nothing."""
    return None if carries_all(element) else _own(element, "payload")


def carries_all(element: etree._Element) -> bool:
    """Tell whether what is thrown carries every variable, as written."""
    return _own(element, "payload") == "*"


def code_variable(definition: etree._Element) -> str | None:
    """Give the variable that takes the code of what an event catches."""
    return _own(definition, "codeVariable")


def message_variable(definition: etree._Element) -> str | None:
    """Give the variable that takes what a caught error says."""
    return _own(definition, "messageVariable")


def error_message(error: etree._Element) -> str | None:
    """Give the expression for what a thrown error says."""
    return _own(error, "errorMessage")


def collection(loop: etree._Element) -> str | None:
    """Give the collection of a multi-instance activity, from BPMN's data input or from a vendor's attribute."""
    own = next((value for uri in _COLLECTION_VENDORS if (value := _text(loop.get(f"{{{uri}}}collection")))), None)
    return own or _text(loop.get(rewritten("collection"))) or child_text(loop, "loopDataInputRef")


def element_variable(loop: etree._Element) -> str | None:
    """Give the variable that holds one item of a multi-instance activity."""
    own = next((value for uri in _COLLECTION_VENDORS if (value := _text(loop.get(f"{{{uri}}}elementVariable")))), None)
    return own or _item(loop, "inputDataItem")


def index_variable(loop: etree._Element) -> str | None:
    """Give the variable of a vendor that holds the number of the instance, which is ours under its own name as well."""
    given = (_text(loop.get(f"{{{uri}}}elementIndexVariable")) for uri in _COLLECTION_VENDORS)
    return next((name for name in given if name and name.isidentifier()), None)


def output_collection(loop: etree._Element) -> str | None:
    """Give the collection that a multi-instance activity fills."""
    return _text(loop.get(rewritten("outputCollection"))) or child_text(loop, "loopDataOutputRef")


def output_item(loop: etree._Element) -> str | None:
    """Give the variable that each instance of a multi-instance activity contributes."""
    return _item(loop, "outputDataItem")


def loop_of(activity: etree._Element) -> etree._Element | None:
    """Give the loop or multi-instance characteristics of an activity."""
    return next((child for child in activity if child.tag in {MULTI_INSTANCE, STANDARD_LOOP}), None)


def _item(loop: etree._Element, name: str) -> str | None:
    found = loop.find(bpmn(name))
    return None if found is None else _text(found.get("name")) or identity(found)


def _assignments(task: etree._Element, name: str) -> Iterator[Assignment]:
    for element in _extensions(task, name):
        yield Assignment(_text(element.get("name")) or "", _text(element.get("expression")) or "")


def _passings(activity: etree._Element, name: str) -> Iterator[Passing]:
    for element in _extensions(activity, name):
        source, target = _text(element.get("source")) or "", _text(element.get("target"))
        yield Passing(source, target or source, all_variables=is_true(element, "all"))


def _extensions(element: etree._Element, name: str) -> list[etree._Element]:
    return element.findall(f"{EXTENSIONS}/{ours(name)}")


def _own(element: etree._Element, name: str) -> str | None:
    return _text(element.get(ours(name)))


def _text(value: str | None) -> str | None:
    return value.strip() or None if value else None
