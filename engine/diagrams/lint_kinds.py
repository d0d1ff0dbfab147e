"""Laws about references that a run never follows: what they name must be of the kind that belongs there."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, described
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.lint_exchanged import ASSOCIATIONS
from engine.diagrams.vocabulary import bpmn, kind, local_reference, title
from engine.errors import Severity

_ITEMS: Final = frozenset({bpmn("itemDefinition")})
_PARTICIPANTS: Final = frozenset({bpmn("participant")})
_BY_ATTRIBUTE: Final[dict[str, frozenset[str]]] = {
    "itemSubjectRef": _ITEMS,
    "itemRef": _ITEMS,
    "structureRef": _ITEMS,
    "initiatingParticipantRef": _PARTICIPANTS,
    "categoryValueRef": frozenset({bpmn("categoryValue")}),
    "definitionalCollaborationRef": frozenset(
        {bpmn("collaboration"), bpmn("choreography"), bpmn("globalConversation")}
    ),
}
_BY_TEXT: Final[dict[str, frozenset[str]]] = {
    bpmn("interfaceRef"): frozenset({bpmn("interface")}),
    bpmn("supportedInterfaceRef"): frozenset({bpmn("interface")}),
    bpmn("operationRef"): frozenset({bpmn("operation")}),
    bpmn("errorRef"): frozenset({bpmn("error")}),
    bpmn("participantRef"): _PARTICIPANTS,
    bpmn("innerParticipantRef"): _PARTICIPANTS,
    bpmn("outerParticipantRef"): _PARTICIPANTS,
    bpmn("messageFlowRef"): frozenset({bpmn("messageFlow")}),
    bpmn("resourceRef"): frozenset({bpmn("resource")}),
    bpmn("categoryValueRef"): frozenset({bpmn("categoryValue")}),
}
_OFTEN_OPEN: Final = frozenset({"structureRef", "categoryValueRef", "resourceRef"})
"""References that tools leave open, or where they write a name of their own."""
_OPEN_AT_TIMES: Final = frozenset({"itemSubjectRef", "itemRef"})
_DATA: Final = frozenset(
    map(
        bpmn,
        (
            "dataInput",
            "dataObject",
            "dataObjectReference",
            "dataOutput",
            "dataStore",
            "dataStoreReference",
            "inputDataItem",
            "outputDataItem",
            "property",
        ),
    )
)


def references(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to interfaces, participants, items and the like that lead to nothing or to something else."""
    for element in drawing.root.iter(f"{bpmn('*')}"):
        for attribute, kinds in _BY_ATTRIBUTE.items():
            if (written := element.get(attribute)) and not _is_type(element, attribute):
                yield from _reference(drawing, element, attribute, written, kinds)
        if listed := _BY_TEXT.get(str(element.tag)):
            yield from _reference(drawing, element, kind(element), element.text or "", listed)


def data_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find data associations that begin or end at what holds no data."""
    for association in drawing.root.iter(*ASSOCIATIONS):
        for end in association.iterchildren(bpmn("sourceRef"), bpmn("targetRef")):
            named = drawing.named(end.text)
            if named is not None and named.tag not in _DATA:
                does = "begins" if end.tag == bpmn("sourceRef") else "ends"
                message = f"A data association {does} at the {described(named)} {title(named)}, where no data is."
                yield Fault("reference_astray", association, message)


def _is_type(element: etree._Element, attribute: str) -> bool:
    """Tell whether an attribute names a type, and not an element of the file."""
    return attribute == "structureRef" and element.tag in _ITEMS


def _reference(
    drawing: Drawing, element: etree._Element, attribute: str, written: str, kinds: frozenset[str]
) -> Iterator[Fault]:
    if not local_reference(written) or drawing.is_elsewhere(element, written):
        return
    named, holder = drawing.named(written), element
    if element.tag in _BY_TEXT and (parent := element.getparent()) is not None:
        holder = parent
    what = " or ".join(sorted(tag.rpartition("}")[2] for tag in kinds))
    if named is None and attribute not in _OFTEN_OPEN:
        message = f"{title(holder)} refers to the {what} “{written.strip()[:80]}”, which does not exist; choose one."
        yield Fault("reference_astray", holder, message, Severity.WARNING if attribute in _OPEN_AT_TIMES else None)
    elif named is not None and named.tag not in kinds:
        message = (
            f"{title(holder)} refers to the {described(named)} {title(named)}, where a {what} belongs; choose one."
        )
        yield Fault("reference_astray", holder, message)


RULES: Final[tuple[Rule, ...]] = (references, data_ends)
