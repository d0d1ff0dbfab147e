"""Laws about references that a run never follows: what they name must be of the kind that belongs there."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lxml import etree

from engine.diagrams import vocabulary as words
from engine.diagrams.drawing import Drawing, described, with_article
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.lint_exchanged import ASSOCIATIONS
from engine.diagrams.vocabulary import bpmn, kind, local_reference, title
from engine.errors import Severity


class _Kind(NamedTuple):
    """What may be named, in words and as elements."""

    what: str
    tags: frozenset[str]


def _kind(what: str, *tags: str) -> _Kind:
    return _Kind(what, frozenset(map(bpmn, tags)))


_CONVERSATIONS: Final = _kind("conversation", "conversation", "subConversation", "callConversation")
_PARTICIPANT: Final = _kind("participant", "participant")
_ITEM: Final = _kind("item definition", "itemDefinition")
_MESSAGE_FLOW: Final = _kind("message flow", "messageFlow")
_DATA: Final = _kind(
    "data",
    "dataInput",
    "dataObject",
    "dataObjectReference",
    "dataOutput",
    "dataStore",
    "dataStoreReference",
    "inputDataItem",
    "outputDataItem",
    "property",
)
_BY_TEXT: Final[dict[str, _Kind]] = {
    "choreographyRef": _kind("choreography", "choreography"),
    "endPointRef": _kind("end point", "endPoint"),
    "errorRef": _kind("error", "error"),
    "flowNodeRef": _Kind("flow node", words.FLOW_NODES | words.CHOREOGRAPHY),
    "innerParticipantRef": _PARTICIPANT,
    "interfaceRef": _kind("interface", "interface"),
    "loopDataInputRef": _DATA,
    "loopDataOutputRef": _DATA,
    "messageFlowRef": _MESSAGE_FLOW,
    "operationRef": _kind("operation", "operation"),
    "outerParticipantRef": _PARTICIPANT,
    "participantRef": _PARTICIPANT,
    "resourceRef": _kind("resource", "resource"),
    "supportedInterfaceRef": _kind("interface", "interface"),
    "supports": _kind("process", "process"),
    "categoryValueRef": _kind("value of a category", "categoryValue"),
}
_BY_ATTRIBUTE: Final[dict[str, _Kind]] = {
    "calledCollaborationRef": _kind("collaboration", "collaboration", "choreography", "globalConversation"),
    "categoryValueRef": _kind("value of a category", "categoryValue"),
    "correlationPropertyRef": _kind("correlation property", "correlationProperty"),
    "definitionalCollaborationRef": _kind("collaboration", "collaboration", "choreography", "globalConversation"),
    "evaluatesToTypeRef": _ITEM,
    "initiatingParticipantRef": _PARTICIPANT,
    "innerConversationNodeRef": _CONVERSATIONS,
    "innerMessageFlowRef": _MESSAGE_FLOW,
    "inputDataRef": _kind("set of inputs", "inputSet", "dataInput"),
    "itemRef": _ITEM,
    "itemSubjectRef": _ITEM,
    "noneBehaviorEventRef": _Kind("event definition", frozenset(words.EVENT_DEFINITIONS)),
    "oneBehaviorEventRef": _Kind("event definition", frozenset(words.EVENT_DEFINITIONS)),
    "outerConversationNodeRef": _CONVERSATIONS,
    "outerMessageFlowRef": _MESSAGE_FLOW,
    "outputDataRef": _kind("set of outputs", "outputSet", "dataOutput"),
    "parameterRef": _kind("parameter of a resource", "resourceParameter"),
}
_LINKED: Final = _Kind("participant or conversation", _PARTICIPANT.tags | _CONVERSATIONS.tags | words.FLOW_NODES)
_BY_PLACE: Final[dict[tuple[str, str], _Kind]] = {
    (bpmn("conversationLink"), "sourceRef"): _LINKED,
    (bpmn("conversationLink"), "targetRef"): _LINKED,
    (bpmn("error"), "structureRef"): _ITEM,
    (bpmn("escalation"), "structureRef"): _ITEM,
    (bpmn("resourceParameter"), "type"): _ITEM,
    (bpmn("signal"), "structureRef"): _ITEM,
}
_OFTEN_OPEN: Final = frozenset(
    {
        "categoryValueRef",
        "evaluatesToTypeRef",
        "flowNodeRef",
        "loopDataInputRef",
        "loopDataOutputRef",
        "resourceRef",
        "structureRef",
        "type",
    }
)
"""References that tools leave open, or where they write a name of their own, and those that another law looks after."""
_OPEN_AT_TIMES: Final = frozenset({"itemSubjectRef", "itemRef"})
_BESIDE_NODES: Final = _DATA.tags | frozenset(map(bpmn, ("association", "group", "sequenceFlow", "textAnnotation")))
"""What some tools list in lanes beside the flow nodes."""


def references(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to interfaces, participants, items and the like that lead to nothing or to something else."""
    for element in drawing.root.iter(f"{bpmn('*')}"):
        for attribute, wanted in _wanted(element):
            yield from _reference(drawing, element, attribute, element.get(attribute), wanted)
        if (listed := _BY_TEXT.get(kind(element))) and (holder := element.getparent()) is not None:
            yield from _reference(drawing, holder, kind(element), element.text, listed)


def data_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find data associations that begin or end at what holds no data."""
    for association in drawing.root.iter(*ASSOCIATIONS):
        for end in association.iterchildren(bpmn("sourceRef"), bpmn("targetRef")):
            named = drawing.named(end.text)
            if named is not None and named.tag not in _DATA.tags:
                does = "begins" if end.tag == bpmn("sourceRef") else "ends"
                message = f"A data association {does} at the {described(named)} {title(named)}, where no data is."
                yield Fault("reference_astray", association, message)


def _wanted(element: etree._Element) -> Iterable[tuple[str, _Kind]]:
    for attribute in map(str, element.attrib):
        wanted = _BY_ATTRIBUTE.get(attribute) or _BY_PLACE.get((str(element.tag), attribute))
        if wanted:
            yield attribute, wanted


def _reference(
    drawing: Drawing, holder: etree._Element, name: str, written: str | None, wanted: _Kind
) -> Iterator[Fault]:
    if not written or not local_reference(written) or drawing.is_elsewhere(holder, written):
        return
    named = drawing.named(written)
    if named is None and name not in _OFTEN_OPEN:
        message = (
            f"{title(holder)} refers to the {wanted.what} “{written.strip()[:80]}”, which does not exist; choose one."
        )
        yield Fault("reference_astray", holder, message, Severity.WARNING if name in _OPEN_AT_TIMES else None)
    elif named is not None and named.tag not in wanted.tags:
        is_beside = name == "flowNodeRef" and named.tag in _BESIDE_NODES
        message = f"{title(holder)} refers to the {described(named)} {title(named)}, where {with_article(wanted.what)} belongs."
        yield Fault("reference_astray", holder, message, Severity.WARNING if is_beside else None)


RULES: Final[tuple[Rule, ...]] = (references, data_ends)
