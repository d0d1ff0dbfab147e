"""A working copy of a diagram: what the rewrites change, and the book of ids they make."""

import copy
from collections import Counter, defaultdict

from lxml import etree

from engine.diagrams.reader import Diagram
from engine.diagrams.vocabulary import BPMN_DIAGRAM, CONDITION, SEQUENCE_FLOW, bpmn, identity, rewritten
from engine.errors import DefinitionError, Finding, Severity


class WorkingCopy:
    """The tree that the rewrites change in place, with every id that was made or changed on the way."""

    def __init__(self, diagram: Diagram) -> None:
        self.file = diagram.file
        self.root = copy.deepcopy(diagram.root)
        self.invented: set[str] = set()
        self.renamed: dict[str, str] = {}
        for picture in self.root.findall(f"{{{BPMN_DIAGRAM}}}BPMNDiagram"):
            self.root.remove(picture)
        _remove_marks(self.root)
        self._taken = {key for element in self.root.iter("*") if (key := identity(element))}

    def fresh(self, wish: str) -> str:
        """Give an id that is not in use yet, like the one wished for."""
        key, number = wish, 1
        while key in self._taken:
            number += 1
            key = f"{wish}_{number}"
        self._taken.add(key)
        return key

    def invent(self, wish: str) -> str:
        """Give an unused id for an element that nobody drew."""
        key = self.fresh(wish)
        self.invented.add(key)
        return key

    def rename(self, element: etree._Element, wish: str) -> str:
        """Give an element another id and remember the drawn one."""
        drawn = element.get("id", "")
        key = self.fresh(wish)
        element.set("id", key)
        self.renamed[key] = self.renamed.pop(drawn, drawn)
        return key

    def add(self, parent: etree._Element, tag: str, wish: str, **attributes: str | None) -> etree._Element:
        """Add an element that nobody drew; attributes that are None are left out."""
        kept = {name: value for name, value in attributes.items() if value is not None}
        return etree.SubElement(parent, tag, {"id": self.invent(wish), **kept})

    def connect(self, scope: etree._Element, source: str, target: str, condition: str | None = None) -> etree._Element:
        """Add a sequence flow that nobody drew."""
        flow = self.add(scope, SEQUENCE_FLOW, f"{source}__to__{target}", sourceRef=source, targetRef=target)
        if condition is not None:
            etree.SubElement(flow, CONDITION).text = condition
        return flow

    def refuse(self, element: etree._Element, code: str, message: str) -> DefinitionError:
        """Make the error for an element that no rewrite can save."""
        return DefinitionError([Finding(self.file, identity(element), Severity.ERROR, code, message)])


def _remove_marks(root: etree._Element) -> None:
    """Take out what a drawn file says in the name of the rewrites: only they may leave such marks."""
    for element in list(root.iter("*")):
        for name in [name for name in map(str, element.attrib) if name.startswith(rewritten(""))]:
            del element.attrib[name]
        parent = element.getparent()
        if parent is not None and str(element.tag).startswith(rewritten("")):
            parent.remove(element)


def flows_of(scope: etree._Element) -> list[etree._Element]:
    """Give the sequence flows drawn directly in a scope."""
    return scope.findall(SEQUENCE_FLOW)


def flows_by_source(scope: etree._Element) -> dict[str, list[etree._Element]]:
    """Give the sequence flows of a scope under the id of the node they leave."""
    return _by(scope, "sourceRef")


def flows_by_target(scope: etree._Element) -> dict[str, list[etree._Element]]:
    """Give the sequence flows of a scope under the id of the node they lead into."""
    return _by(scope, "targetRef")


def targets_of(scope: etree._Element) -> Counter[str]:
    """Count the sequence flows of a scope that lead into each node."""
    return Counter(flow.get("targetRef", "") for flow in flows_of(scope))


def is_handler(node: etree._Element) -> bool:
    """Tell whether a node stands beside the flow: a compensation handler or an event subprocess."""
    return "true" in {node.get("isForCompensation"), node.get("triggeredByEvent")} or (
        "1" in {node.get("isForCompensation"), node.get("triggeredByEvent")}
    )


def stands_alone(node: etree._Element) -> bool:
    """Tell whether a node needs no incoming flow: boundary events and what stands beside the flow."""
    return node.tag == bpmn("boundaryEvent") or is_handler(node)


def take(element: etree._Element, attribute: str) -> str | None:
    """Remove an attribute and give what it held."""
    value = element.get(attribute)
    if value is not None:
        del element.attrib[attribute]
    return value


def _by(scope: etree._Element, attribute: str) -> dict[str, list[etree._Element]]:
    found: defaultdict[str, list[etree._Element]] = defaultdict(list)
    for flow in flows_of(scope):
        found[flow.get(attribute, "")].append(flow)
    return found
