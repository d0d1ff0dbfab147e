"""Laws about what data is: item definitions on both ends of an association, data of events, names of data in a state."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, counted
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    CATCHING_EVENTS,
    EVENT_DEFINITIONS,
    EVENTS,
    EventKind,
    bpmn,
    child_text,
    local_reference,
    title,
)

ASSOCIATIONS: Final = (bpmn("dataInputAssociation"), bpmn("dataOutputAssociation"))
_REFERRED: Final = ("dataObjectRef", "dataStoreRef")
_CARRIED: Final = {
    EventKind.MESSAGE: ("messageRef", "itemRef"),
    EventKind.SIGNAL: ("signalRef", "structureRef"),
    EventKind.ERROR: ("errorRef", "structureRef"),
    EventKind.ESCALATION: ("escalationRef", "structureRef"),
}
"""How an event definition names what it throws or catches, and how that names its item definition."""


def associated_items(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find associations whose ends are of different kinds of item, with nothing that changes one into the other."""
    for association in drawing.root.iter(*ASSOCIATIONS):
        source, target = (
            _structure(drawing, drawing.named(child_text(association, end))) for end in ("sourceRef", "targetRef")
        )
        if _differ(association, source, target) and association.find(bpmn("transformation")) is None:
            message = f"The data association {title(association)} leads from “{source}” to “{target}”; write a transformation."
            yield Fault("data_items_differ", association, message)


def event_data(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events whose inputs or outputs do not match their event definitions, one for each that carries data."""
    for event in drawing.root.iter(*EVENTS):
        kind = "output" if event.tag in CATCHING_EVENTS else "input"
        data = event.findall(bpmn(f"data{kind.capitalize()}"))
        definitions = _definitions(drawing, event) if data else []
        carrying = [one for one in definitions if EVENT_DEFINITIONS[str(one.tag)] in _CARRIED]
        if len(data) == len(carrying):
            yield from _event_items(drawing, event, data, carrying)
        elif len(data) != len(definitions) and carrying:
            has = f"{counted(len(data), kind)} for {counted(len(carrying), 'definition')}"
            message = f"{title(event)} has {has}; give each its own."
            yield Fault("event_data_count", event, message)


def data_in_a_state(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find references to data objects in a state whose name is not that of the object and the state."""
    for reference in drawing.root.iter(bpmn("dataObjectReference")):
        data, state = drawing.named(reference.get("dataObjectRef")), reference.find(bpmn("dataState"))
        name, own = ("" if one is None else _plain(one.get("name", "")) for one in (data, reference))
        said = "" if state is None else _plain(state.get("name", "")).strip("[]")
        if name and own and said and own.replace(" ", "") != f"{name}[{said}]".replace(" ", ""):
            message = f"The data object reference {title(reference)} stands for “{name} [{said}]”; give it that name."
            yield Fault("data_reference_name", reference, message)


def _event_items(
    drawing: Drawing, event: etree._Element, data: list[etree._Element], definitions: list[etree._Element]
) -> Iterator[Fault]:
    for item, definition in zip(data, definitions, strict=True):
        own, carried = _structure(drawing, item), _carried(drawing, definition)
        if _differ(event, own, carried):
            message = f"The data of the event {title(event)} is “{own}”, but it brings “{carried}”; correct the item definition."
            yield Fault("data_items_differ", event, message)


def _definitions(drawing: Drawing, event: etree._Element) -> list[etree._Element]:
    """Give the definitions of an event in order, those that are only referred to in place of the references."""
    found = (drawing.named(one.text) if one.tag == bpmn("eventDefinitionRef") else one for one in event)
    return [one for one in found if one is not None and one.tag in EVENT_DEFINITIONS]


def _carried(drawing: Drawing, definition: etree._Element) -> str:
    reference, item = _CARRIED[EVENT_DEFINITIONS[str(definition.tag)]]
    thing = drawing.named(definition.get(reference))
    return "" if thing is None else _structure_of(drawing.named(thing.get(item)))


def _structure(drawing: Drawing, data: etree._Element | None) -> str:
    """Say what structure a data object, input, output, property or store has; a reference has that of what it refers to."""
    if data is None:
        return ""
    if named := data.get("itemSubjectRef"):
        return _structure_of(drawing.named(named))
    referred = next((one for name in _REFERRED if (one := drawing.named(data.get(name))) is not None), None)
    return "" if referred is None else _structure_of(drawing.named(referred.get("itemSubjectRef")))


def _structure_of(definition: etree._Element | None) -> str:
    return "" if definition is None else (local_reference(definition.get("structureRef")) or "").rsplit(".", 1)[-1]


def _differ(place: etree._Element, one: str, other: str) -> bool:
    """Tell whether both are known and not the same; where another tool mixes types freely, nothing is said."""
    return bool(one and other) and one.casefold() != other.casefold() and "drools" not in place.nsmap


def _plain(text: str) -> str:
    return " ".join(text.split())


RULES: Final[tuple[Rule, ...]] = (associated_items, event_data, data_in_a_state)
