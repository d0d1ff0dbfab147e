"""Laws about choreographies and conversations: where they may stand, and what they may refer to and hold."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, described, with_article
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import CHOREOGRAPHY, SCOPES, bpmn, is_true, local_reference, title

GLOBAL_CONVERSATION: Final = bpmn("globalConversation")
_NOT_GLOBAL: Final = frozenset(
    map(
        bpmn,
        (
            "association",
            "callConversation",
            "conversation",
            "conversationAssociation",
            "conversationLink",
            "group",
            "messageFlowAssociation",
            "participantAssociation",
            "subConversation",
            "textAnnotation",
        ),
    )
)
"""What a global conversation goes without: it holds participants, message flows and correlation keys (9.5)."""

_OPENNESS: Final = {True: "closed", False: "open"}


def places(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find choreography activities in a process, whose flow nodes are activities, gateways and events."""
    for activity in drawing.root.iter(*CHOREOGRAPHY):
        scope = activity.getparent()
        if scope is not None and scope.tag in SCOPES:
            what = with_article(described(activity))
            message = f"{title(activity)} is {what}, which no process or subprocess can hold; draw a task."
            yield Fault("choreography_in_process", activity, message)


def references(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find choreographies and global conversations that refer to a choreography, as only a collaboration may."""
    for holder in drawing.root.iter(bpmn("choreography"), GLOBAL_CONVERSATION):
        if holder.find(bpmn("choreographyRef")) is not None:
            message = f"The {described(holder)} {title(holder)} refers to a choreography; only a collaboration can."
            yield Fault("choreography_reference", holder, message)


def global_conversations(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find global conversations that hold more than participants, message flows and correlation keys."""
    for conversation in drawing.root.iter(GLOBAL_CONVERSATION):
        found = next((child for child in conversation if child.tag in _NOT_GLOBAL), None)
        if found is not None:
            message = (
                f"The global conversation {title(conversation)} holds {title(found)}, {with_article(described(found))}; "
                "it may hold participants, message flows and correlation keys only."
            )
            yield Fault("global_conversation", conversation, message)


def closed_choreographies(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message flows that a closed choreography, which the collaboration names, does not know."""
    known = _exchanged(drawing)
    for collaboration in drawing.root.iter(bpmn("collaboration")):
        closed = _closed(drawing, collaboration)
        if closed is None:
            continue
        for flow in collaboration.iterchildren(bpmn("messageFlow")):
            if known.isdisjoint({flow.get("id"), local_reference(flow.get("messageRef"))} - {None}):
                message = (
                    f"The message flow {title(flow)} is not part of the choreography {title(closed)}, which is closed; "
                    "draw it there too, or open the choreography."
                )
                yield Fault("choreography_closed", flow, message)


def openness(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find collaborations that are closed where the choreography they name is open, or the other way round (9.7)."""
    for collaboration in drawing.root.iter(bpmn("collaboration")):
        is_closed = is_true(collaboration, "isClosed")
        for one in _choreographies(drawing, collaboration):
            if is_true(one, "isClosed") is not is_closed:
                message = (
                    f"The collaboration {title(collaboration)} is {_OPENNESS[is_closed]} and the choreography {title(one)} "
                    f"that it names is {_OPENNESS[not is_closed]}; say the same in both (isClosed)."
                )
                yield Fault("choreography_openness", collaboration, message)


def _closed(drawing: Drawing, collaboration: etree._Element) -> etree._Element | None:
    return next((one for one in _choreographies(drawing, collaboration) if is_true(one, "isClosed")), None)


def _choreographies(drawing: Drawing, collaboration: etree._Element) -> list[etree._Element]:
    """Give the choreographies that a collaboration names."""
    named = (drawing.named(one.text) for one in collaboration.iterchildren(bpmn("choreographyRef")))
    return [one for one in named if one is not None and one.tag == bpmn("choreography")]


def _exchanged(drawing: Drawing) -> set[str | None]:
    """Give the messages that choreographies exchange, and the message flows that are said to be theirs."""
    flows = (flow for one in drawing.root.iter(bpmn("choreography")) for flow in one.iterchildren(bpmn("messageFlow")))
    pairs = drawing.root.iter(bpmn("messageFlowAssociation"))
    said = {
        local_reference(pair.get(name)) for pair in pairs for name in ("innerMessageFlowRef", "outerMessageFlowRef")
    }
    return said | {local_reference(flow.get("messageRef")) for flow in flows}


RULES: Final[tuple[Rule, ...]] = (places, references, global_conversations, closed_choreographies, openness)
