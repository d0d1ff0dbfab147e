"""What a data association of an activity carries: which variable inside, which outside, and what is worked out on the way."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from lxml import etree

from engine.diagrams.vocabulary import JBPM, bpmn, child_text, local_reference

INPUT: Final = bpmn("dataInputAssociation")
OUTPUT: Final = bpmn("dataOutputAssociation")


class Carried(NamedTuple):
    """The name inside the activity, the variable that is written, and where its value comes from."""

    own: str
    target: str
    variable: str
    """The variable that is read as it stands, whatever its name; empty where an expression gives the value."""
    expression: str


def carried(link: etree._Element, known: Mapping[str, etree._Element]) -> Carried | None:
    """Tell what an association carries; None if that is nothing, or cannot be followed."""
    brings = link.tag == INPUT
    inner, outer = ("targetRef", "sourceRef") if brings else ("sourceRef", "targetRef")
    key, written = child_text(link, inner) or "", worked_out(link, known)
    own = known.get(local_reference(key) or "")
    is_own = own is not None and own.tag in {bpmn("dataInput"), bpmn("dataOutput")}
    name = (own.get("name", "").strip() if own is not None else "") or key
    data = data_name(child_text(link, outer) or "", known)
    target = name if brings else data
    is_named = target.isidentifier() and (written is not None or (name.isidentifier() and data.isidentifier()))
    if not is_named or not (is_own or (written and not brings)):
        return None
    source = data if brings else name
    return Carried(name if is_own else "", target, "" if written else source, written or "")


def worked_out(link: etree._Element, known: Mapping[str, etree._Element]) -> str | None:
    """Give the expression of an association: its transformation, or its one assignment to the whole target (10.4.2).

    jBPM writes plain texts as assignments, so nothing is worked out of its files.
    """
    assignments = link.findall(bpmn("assignment"))
    if (written := child_text(link, "transformation")) or len(assignments) != 1 or JBPM in link.nsmap.values():
        return written
    key, to = local_reference(child_text(link, "targetRef")) or "", child_text(assignments[0], "to") or ""
    element = known.get(key)
    names = {"", key, data_name(key, known), "" if element is None else element.get("name", "").strip()}
    return child_text(assignments[0], "from") if to in names else None


def data_name(key: str, known: Mapping[str, etree._Element]) -> str:
    """Give the name of the variable that a data object, or a reference to one, stands for."""
    for _ in range(2):
        element = known.get(key)
        if element is not None and (name := element.get("name", "").strip()).isidentifier():
            return name
        key = (None if element is None else local_reference(element.get("dataObjectRef"))) or key
    return key
