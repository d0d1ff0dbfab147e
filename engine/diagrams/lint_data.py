"""Laws about data: who may have inputs and outputs, their sets, and what associations connect."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.associations import carried, worked_out
from engine.diagrams.drawing import Drawing, described
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.lint_exchanged import ASSOCIATIONS
from engine.diagrams.vocabulary import (
    EVENTS,
    FLOW_NODES,
    MULTI_INSTANCE,
    PROCESS,
    SUBPROCESSES,
    bpmn,
    identity,
    local_reference,
    title,
)

_WRONG_WAY: Final = {bpmn("sourceRef"): bpmn("dataOutput"), bpmn("targetRef"): bpmn("dataInput")}
"""What of a process's own data nothing in the process may read, or write: what goes out, and what comes in."""
_SPECIAL: Final = {
    ("inputSet", "dataInputRefs"): ("optionalInputRefs", "whileExecutingInputRefs"),
    ("outputSet", "dataOutputRefs"): ("optionalOutputRefs", "whileExecutingOutputRefs"),
}
_PAIRS: Final = {"inputSet": ("outputSet", "inputSetRefs"), "outputSet": ("inputSet", "outputSetRefs")}
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
            data = list(specification.iterchildren(bpmn(item)))
            for one in data:
                if one.get("id") not in named:
                    message = f"{title(home)} has the data {title(one)} that belongs to no {group}; list it in one."
                    yield Fault("data_sets", one, message)
            if not sets and not data:
                message = f"{title(home)} specifies data without an {group}; add one, if it is an empty one."
                yield Fault("data_sets", home, message)


def set_members(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find sets that call optional what they do not hold, and sets that name one another on one side only."""
    for (group, members), special in _SPECIAL.items():
        for one in drawing.root.iter(bpmn(group)):
            named = _named(one, members)
            for key in dict.fromkeys(key for name in special for key in _named(one, name) if key not in named):
                message = (
                    f"An {group} of {title(_home(one))} sets “{key}” apart and does not hold it; list it as data too."
                )
                yield Fault("data_set_members", one, message)
    for group, (other, back) in _PAIRS.items():
        for one in drawing.root.iter(bpmn(group)):
            for key in _named(one, f"{other}Refs"):
                partner = drawing.named(key)
                if partner is not None and (identity(one) or "") not in _named(partner, back):
                    message = (
                        f"{title(one)} of {title(_home(one))} names “{key}”, which does not name it; correct both sets."
                    )
                    yield Fault("data_set_members", one, message)


def association_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find data associations that connect what does not exist, or several sources without saying how."""
    for association in drawing.root.iter(*ASSOCIATIONS):
        home = _home(association)
        sources = association.findall(bpmn("sourceRef"))
        if len(sources) > 1 and association.find(bpmn("transformation")) is None:
            message = f"A data association of {title(home)} has {len(sources)} sources and no transformation; leave one of them."
            yield Fault("data_association_ends", association, message)
        for end in (*sources, *association.findall(bpmn("targetRef"))):
            named = drawing.named(end.text)
            if named is None and not drawing.is_elsewhere(association, end.text or ""):
                written = (end.text or "").strip()[:80]
                message = f"A data association of {title(home)} refers to “{written}”, which does not exist."
                yield Fault("unknown_reference", home, message)
            elif named is not None and named.tag == _WRONG_WAY[str(end.tag)] and _is_of_process(named):
                does = "writes" if end.tag == bpmn("targetRef") else "reads"
                message = (
                    f"{title(home)} {does} the {described(named)} {title(named)} of the process; use a data object."
                )
                yield Fault("process_data", association, message)


def data_not_followed(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find what data associations say that a run does not follow: assignments, and what is moved at events."""
    for association in drawing.root.iter(*ASSOCIATIONS):
        home = _home(association)
        if home.tag in EVENTS:
            message = f"A data association of {title(home)} is not followed: what an event brings becomes variables."
            yield Fault("data_not_followed", home, message)
        elif association.find(bpmn("assignment")) is not None and not _is_followed(association, drawing):
            message = f"A data association of {title(home)} holds assignments that are not followed; write a script."
            yield Fault("data_not_followed", home, message)


def _is_followed(association: etree._Element, drawing: Drawing) -> bool:
    """Tell whether what an association assigns is worked out, and not only what it connects."""
    known = drawing.elements
    return worked_out(association, known) is not None and carried(association, known) is not None


def _named(group: etree._Element, name: str) -> set[str]:
    return {local_reference(one.text) or "" for one in group.findall(bpmn(name))}


def _is_of_process(data: etree._Element) -> bool:
    above = [one.tag for one, _ in zip(data.iterancestors(), range(2), strict=False)]
    return above == [bpmn("ioSpecification"), PROCESS]


def _home(element: etree._Element) -> etree._Element:
    """Give the flow node, or what else has the data."""
    return next(element.iterancestors(*FLOW_NODES), element if (parent := element.getparent()) is None else parent)


RULES: Final[tuple[Rule, ...]] = (subprocess_data, data_sets, set_members, association_ends, data_not_followed)
