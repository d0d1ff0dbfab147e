"""A diagram indexed for reading: who is who, what leads where, what lies in which process and lane."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from lxml import etree

from engine.diagrams.reader import Diagram
from engine.diagrams.vendor_settings import translated
from engine.diagrams.vocabulary import (
    BPMN,
    CATCH_EVENT,
    EVENT_DEFINITIONS,
    FLOW_NODES,
    PROCESS,
    SCOPES,
    SEQUENCE_FLOW,
    THROW_EVENT,
    EventKind,
    bpmn,
    event_definitions,
    identity,
    is_true,
    kind,
    local_reference,
)


class Drawing:
    """What the rules and the outline ask a diagram; nothing in it changes the tree.

    Settings of other products that can be said in our words are: `drawn` is the tree as the file has it.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.file = diagram.file
        self.root = translated(diagram).root
        self.drawn = diagram.root
        self.elements: dict[str, etree._Element] = {}
        self.repeated: list[etree._Element] = []
        for element in self._identified():
            if self.elements.setdefault(identity(element) or "", element) is not element:
                self.repeated.append(element)
        self.processes = list(self.root.iter(PROCESS))
        self.has_marked = any(is_true(process, "isExecutable") for process in self.processes)
        self.nodes = list(self.root.iter(*FLOW_NODES))
        self.flows = list(self.root.iter(SEQUENCE_FLOW))
        self.lanes = self._lanes()
        self._incoming = _under(self.flows, "targetRef")
        self._outgoing = _under(self.flows, "sourceRef")
        self._links = _link_targets(self.root)
        self._boundary = _under(self.root.iter(bpmn("boundaryEvent")), "attachedToRef")

    def is_from(self, *products: str) -> bool:
        """Tell whether one of these products has its name space in the file."""
        return any(product in str(uri) for uri in self.root.nsmap.values() for product in products)

    def named(self, reference: str | None) -> etree._Element | None:
        """Give the element that a reference means, None where there is none."""
        return self.elements.get(local_reference(reference) or "")

    def incoming(self, node: etree._Element) -> list[etree._Element]:
        """Give the sequence flows that lead into a node."""
        return self._incoming.get(identity(node) or "", [])

    def outgoing(self, node: etree._Element) -> list[etree._Element]:
        """Give the sequence flows that leave a node, in the order they are written."""
        return self._outgoing.get(identity(node) or "", [])

    def attached(self, node: etree._Element) -> list[etree._Element]:
        """Give the boundary events attached to a node."""
        return self._boundary.get(identity(node) or "", [])

    def linked(self, node: etree._Element) -> list[etree._Element]:
        """Give the catching link events that a throwing one leads to."""
        definition = node.find(bpmn("linkEventDefinition")) if node.tag == THROW_EVENT else None
        return [] if definition is None else self._links.get((node.getparent(), link_name(node, definition)), [])

    def source(self, flow: etree._Element) -> etree._Element | None:
        """Give the node a flow leaves, None where it is no flow node."""
        return _if_node(self.named(flow.get("sourceRef")))

    def target(self, flow: etree._Element) -> etree._Element | None:
        """Give the node a flow leads into, None where it is no flow node."""
        return _if_node(self.named(flow.get("targetRef")))

    def default(self, node: etree._Element) -> etree._Element | None:
        """Give the default flow of a node, None where it has none or names none of its own."""
        named = self.named(node.get("default"))
        return named if named is not None and any(flow is named for flow in self.outgoing(node)) else None

    def lane(self, node: etree._Element) -> etree._Element | None:
        """Give the innermost lane with a name that a node, or the subprocess around it, lies in."""
        place: etree._Element | None = node
        while place is not None and place.tag != PROCESS:
            if (found := self.lanes.get(identity(place) or "")) is not None:
                return found
            place = place.getparent()
        return None

    def executable(self, process: etree._Element) -> bool:
        """Tell whether a process is to be run; where none is marked, each one is looked at as if it were."""
        return not self.has_marked or is_true(process, "isExecutable")

    def is_picture_only(self, element: etree._Element) -> bool:
        """Tell whether an element lies in a process that is drawn beside the one that runs."""
        process = process_of(element)
        return process is not None and not self.executable(process)

    def is_marked(self, element: etree._Element) -> bool:
        """Tell whether an element lies in a process that is marked as executable; what lies in none belongs to each."""
        process = process_of(element)
        return self.has_marked if process is None else is_true(process, "isExecutable")

    def kinds(self, event: etree._Element) -> list[EventKind]:
        """Tell what an event waits for or throws, one kind for each definition; definitions that are only referred to count."""
        referred = [self.named(reference.text) for reference in event.findall(bpmn("eventDefinitionRef"))]
        definitions = [*event_definitions(event), *(one for one in referred if one is not None)]
        return [EVENT_DEFINITIONS[str(one.tag)] for one in definitions if one.tag in EVENT_DEFINITIONS]

    def kind(self, event: etree._Element) -> EventKind:
        """Tell the kind of an event, which is multiple where it has several definitions."""
        kinds = self.kinds(event)
        if len(kinds) > 1:
            return EventKind.PARALLEL_MULTIPLE if is_true(event, "parallelMultiple") else EventKind.MULTIPLE
        return kinds[0] if kinds else EventKind.NONE

    def is_elsewhere(self, element: etree._Element, reference: str) -> bool:
        """Tell whether a reference leads into another file: its prefix stands for another name space than this one's."""
        prefix, colon, _ = reference.strip().rpartition(":")
        home = element.nsmap.get(prefix) if colon else None
        return home not in {None, BPMN, self.root.get("targetNamespace")}

    def _identified(self) -> Iterator[etree._Element]:
        return (element for element in self.root.iter(f"{bpmn('*')}") if identity(element))

    def _lanes(self) -> dict[str, etree._Element]:
        found: dict[str, etree._Element] = {}
        for reference in self.root.iter(bpmn("flowNodeRef")):
            lane = reference.getparent()
            if lane is not None and (lane.get("name") or "").strip():
                found[local_reference(reference.text) or ""] = lane
        return found


def process_of(element: etree._Element) -> etree._Element | None:
    """Give the process an element lies in, or is."""
    return next(element.iterancestors(PROCESS), None) if element.tag != PROCESS else element


def scope_of(node: etree._Element) -> etree._Element | None:
    """Give the process or subprocess a node lies in."""
    return next(node.iterancestors(*SCOPES), None)


def nodes_in(scope: etree._Element) -> list[etree._Element]:
    """Give the flow nodes drawn directly in a scope."""
    return [child for child in scope if child.tag in FLOW_NODES]


def described(element: etree._Element) -> str:
    """Say what an element is, in words: `user task`, `exclusive gateway`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind(element))


def link_name(event: etree._Element, definition: etree._Element) -> str:
    """Give the name by which link events find each other."""
    return (definition.get("name") or event.get("name") or "").strip()


def _link_targets(root: etree._Element) -> dict[tuple[etree._Element | None, str], list[etree._Element]]:
    found: defaultdict[tuple[etree._Element | None, str], list[etree._Element]] = defaultdict(list)
    for event in root.iter(CATCH_EVENT):
        if (definition := event.find(bpmn("linkEventDefinition"))) is not None:
            found[event.getparent(), link_name(event, definition)].append(event)
    return found


def _if_node(element: etree._Element | None) -> etree._Element | None:
    return element if element is not None and element.tag in FLOW_NODES else None


def _under(elements: Iterable[etree._Element], attribute: str) -> dict[str, list[etree._Element]]:
    found: defaultdict[str, list[etree._Element]] = defaultdict(list)
    for element in elements:
        if key := local_reference(element.get(attribute)):
            found[key].append(element)
    return dict(found)
