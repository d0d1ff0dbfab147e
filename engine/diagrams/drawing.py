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


class Links:
    """The link events of a process or subprocess, and where each throwing one leads (10.5.5).

    The one of the same name is meant; where there is none, the one that it names as its target, or that names it as a source.
    """

    def __init__(self, scope: etree._Element) -> None:
        self.throwing = _link_events(scope, THROW_EVENT)
        self.catching = _link_events(scope, CATCH_EVENT)
        self.by_name: defaultdict[str, list[etree._Element]] = defaultdict(list)
        self._targets: dict[str, etree._Element] = {}
        self._sources: defaultdict[str, list[etree._Element]] = defaultdict(list)
        for event, definition in self.catching.items():
            if name := link_name(event, definition):
                self.by_name[name].append(event)
            self._targets[identity(definition) or ""] = event
            for source in _named_ends(definition, "source"):
                self._sources[source].append(event)
        self._listing = {event for events in self._sources.values() for event in events}

    def targets(self, event: etree._Element) -> list[etree._Element]:
        """Give the catching events that a throwing one leads to, which is one in a sound diagram."""
        definition = self.throwing.get(event)
        if definition is None:
            return []
        return self.by_name.get(link_name(event, definition)) or self._named(definition)

    def reached(self) -> set[etree._Element]:
        """Give the catching events that some throwing one leads to."""
        names = {link_name(event, definition) for event, definition in self.throwing.items()} & self.by_name.keys()
        by_name = {event for name in names for event in self.by_name[name]}
        others = (event for event, one in self.throwing.items() if link_name(event, one) not in names)
        return by_name.union(*map(self.targets, others))

    def _named(self, definition: etree._Element) -> list[etree._Element]:
        key, named = identity(definition) or "", _named_ends(definition, "target")
        claimed = self._sources.get(key, [])
        if not named:
            return claimed
        return [
            event
            for one in named
            if one and (event := self._targets.get(one)) is not None
            if event in claimed or event not in self._listing
        ]


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
        self.links = {scope: Links(scope) for scope in self.root.iter(*SCOPES)}
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

    def only_joins(self, gateway: etree._Element) -> bool:
        """Tell whether flows end together at a gateway: it has none that leave and several that come (10.6, flow connections)."""
        is_awaiting = gateway.tag == bpmn("eventBasedGateway")
        return not is_awaiting and not self.outgoing(gateway) and len(self.incoming(gateway)) > 1

    def attached(self, node: etree._Element) -> list[etree._Element]:
        """Give the boundary events attached to a node."""
        return self._boundary.get(identity(node) or "", [])

    def linked(self, node: etree._Element) -> list[etree._Element]:
        """Give the catching link events that a throwing one leads to."""
        links = self.links.get(scope) if (scope := node.getparent()) is not None else None
        return [] if links is None else links.targets(node)

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
        """Tell whether an element lies in a process or a choreography that is drawn beside the process that runs."""
        process = process_of(element)
        if process is None:
            return bool(self.processes) and next(element.iterancestors(bpmn("choreography")), None) is not None
        return not self.executable(process)

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


def with_article(words: str) -> str:
    """Put the article before words: `an end event`, `a user task`."""
    return f"{'an' if words.startswith(('a', 'e', 'i', 'o')) else 'a'} {words}"


def counted(number: int, noun: str) -> str:
    """Say how many there are: `1 flow`, `2 flows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def link_name(event: etree._Element, definition: etree._Element) -> str:
    """Give the name by which link events find each other."""
    return (definition.get("name") or event.get("name") or "").strip()


def _link_events(scope: etree._Element, tag: str) -> dict[etree._Element, etree._Element]:
    """Give the link events drawn directly in a scope, each with its definition."""
    found = ((event, event.find(bpmn("linkEventDefinition"))) for event in scope.iterchildren(tag))
    return {event: definition for event, definition in found if definition is not None}


def _named_ends(definition: etree._Element, end: str) -> list[str]:
    return [local_reference(one.text) or "" for one in definition.findall(bpmn(end))]


def _if_node(element: etree._Element | None) -> etree._Element | None:
    return element if element is not None and element.tag in FLOW_NODES else None


def _under(elements: Iterable[etree._Element], attribute: str) -> dict[str, list[etree._Element]]:
    found: defaultdict[str, list[etree._Element]] = defaultdict(list)
    for element in elements:
        if key := local_reference(element.get(attribute)):
            found[key].append(element)
    return dict(found)
