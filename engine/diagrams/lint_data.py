"""Laws about data: who may have inputs and outputs, their sets, and what associations connect."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.associations import carried
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import EVENTS, FLOW_NODES, MULTI_INSTANCE, SUBPROCESSES, bpmn, local_reference, title

_ASSOCIATIONS: Final = (bpmn("dataInputAssociation"), bpmn("dataOutputAssociation"))
_SETS: Final = (("dataInput", "inputSet", "dataInputRefs"), ("dataOutput", "outputSet", "dataOutputRefs"))


def subprocess_data(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find subprocesses with inputs and outputs of their own, which only a multi-instance one may have."""
    for scope in drawing.root.iter(*SUBPROCESSES):
        if scope.find(bpmn("ioSpecification")) is not None and scope.find(MULTI_INSTANCE) is None:
            message = f"The subprocess {title(scope)} has inputs or outputs of its own; delete them, it sees the data around it."
            yield Fault("data_on_subprocess", scope, message)


def data_sets(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find inputs and outputs that belong to no set, and specifications without the sets they need."""
    for specification in drawing.root.iter(bpmn("ioSpecification")):
        home = _home(specification)
        for item, group, members in _SETS:
            sets = specification.findall(bpmn(group))
            named = {local_reference(reference.text) for one in sets for reference in one.findall(bpmn(members))}
            unnamed = [one for one in specification.iterchildren(bpmn(item)) if one.get("id") not in named]
            if not sets or unnamed:
                message = f"{title(home)} has data that belongs to no {group}; list it in one."
                yield Fault("data_sets", home, message)


def association_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find data associations that connect what does not exist, or several sources without saying how."""
    for association in drawing.root.iter(*_ASSOCIATIONS):
        home = _home(association)
        sources = association.findall(bpmn("sourceRef"))
        if len(sources) > 1 and association.find(bpmn("transformation")) is None:
            message = f"A data association of {title(home)} has {len(sources)} sources and no transformation; leave one of them."
            yield Fault("data_association_ends", home, message)
        for end in (*sources, *association.findall(bpmn("targetRef"))):
            if drawing.named(end.text) is None and not drawing.is_elsewhere(association, end.text or ""):
                written = (end.text or "").strip()[:80]
                message = f"A data association of {title(home)} refers to “{written}”, which does not exist."
                yield Fault("unknown_reference", home, message)


def data_not_followed(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find what data associations say that a run does not follow: assignments, and what is moved at events."""
    for association in drawing.root.iter(*_ASSOCIATIONS):
        home = _home(association)
        if home.tag in EVENTS:
            message = f"A data association of {title(home)} is not followed: what an event brings becomes variables."
            yield Fault("data_not_followed", home, message)
        elif association.find(bpmn("assignment")) is not None and carried(association, drawing.elements) is None:
            message = (
                f"A data association of {title(home)} assigns parts of its data, which is not followed; write a script."
            )
            yield Fault("data_not_followed", home, message)


def _home(element: etree._Element) -> etree._Element:
    """Give the flow node, or what else has the data."""
    return next(element.iterancestors(*FLOW_NODES), element if (parent := element.getparent()) is None else parent)


RULES: Final[tuple[Rule, ...]] = (subprocess_data, data_sets, association_ends, data_not_followed)
