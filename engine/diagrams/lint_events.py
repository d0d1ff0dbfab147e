"""Laws about events: which kind may stand where, what each needs, and links."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, Links, described, link_name
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    BOUNDARY_EVENT,
    CATCH_EVENT,
    END_EVENT,
    EVENTS,
    PROCESS,
    START_EVENT,
    THROW_EVENT,
    TRANSACTION,
    EventKind,
    bpmn,
    child_text,
    is_event_subprocess,
    is_true,
    title,
)
from engine.errors import Severity

_ALWAYS: Final = frozenset({EventKind.MESSAGE, EventKind.SIGNAL})
_CAUGHT: Final = _ALWAYS | {EventKind.TIMER, EventKind.CONDITIONAL}
_INSIDE: Final = _CAUGHT | {EventKind.ERROR, EventKind.ESCALATION, EventKind.COMPENSATION}
_THROWN: Final = _ALWAYS | {EventKind.NONE, EventKind.ESCALATION, EventKind.COMPENSATION}
_INTERRUPTING: Final = {EventKind.ERROR, EventKind.CANCEL}
_PLACES: Final[dict[str, frozenset[EventKind]]] = {
    START_EVENT: _CAUGHT | {EventKind.NONE},
    CATCH_EVENT: _CAUGHT | {EventKind.LINK},
    BOUNDARY_EVENT: _INSIDE | {EventKind.CANCEL},
    THROW_EVENT: _THROWN | {EventKind.LINK},
    END_EVENT: _THROWN | {EventKind.ERROR, EventKind.CANCEL, EventKind.TERMINATE},
}


def places(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events of a kind that cannot stand where they are (Table 10.93)."""
    for event in drawing.root.iter(*EVENTS):
        scope = event.getparent()
        if event.tag == START_EVENT and scope is not None and scope.tag != PROCESS:
            continue
        for what in dict.fromkeys(drawing.kinds(event)) or _nothing(drawing, event):
            if what not in _PLACES[str(event.tag)]:
                wrong = "without a trigger" if what is EventKind.NONE else f"of the kind {what}"
                message = f"There is no {described(event)} {wrong} in BPMN; change {title(event)} to another kind."
                yield Fault("wrong_event", event, message)


def event_subprocesses(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find event subprocesses that nothing, or not just one thing, can start."""
    for scope in drawing.root.iter(bpmn("subProcess")):
        if not is_event_subprocess(scope):
            continue
        events = scope.findall(START_EVENT)
        kinds = drawing.kinds(events[0]) if events else []
        if len(events) != 1 or not kinds or not _INSIDE.issuperset(kinds):
            message = f"The event subprocess {title(scope)} needs one start event, with a trigger such as a message or an error."
            yield Fault("event_subprocess_start", events[0] if len(events) == 1 else scope, message)


def interruptions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events that always interrupt and are drawn as if they did not (Table 10.93)."""
    for event in drawing.root.iter(BOUNDARY_EVENT, START_EVENT):
        attribute = "cancelActivity" if event.tag == BOUNDARY_EVENT else "isInterrupting"
        if is_true(event, attribute, default=True):
            continue
        kinds = set(drawing.kinds(event))
        always = _INTERRUPTING | ({EventKind.COMPENSATION} if event.tag == START_EVENT else set())
        if always & kinds:
            message = f"The event {title(event)} always interrupts; draw it as an interrupting one."
            yield Fault("event_not_interrupting", event, message)
        elif EventKind.COMPENSATION in kinds:
            message = (
                f"The compensation event {title(event)} cannot leave anything going on; delete its cancelActivity."
            )
            yield Fault("compensation_not_interrupting", event, message)


def cancellations(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find cancel events that have no transaction to cancel."""
    for definition in drawing.root.iter(bpmn("cancelEventDefinition")):
        event = definition.getparent()
        if event is None or event.tag not in {END_EVENT, BOUNDARY_EVENT}:
            continue
        transaction = drawing.named(event.get("attachedToRef")) if event.tag == BOUNDARY_EVENT else event.getparent()
        if transaction is None or transaction.tag != TRANSACTION:
            message = f"The cancel event {title(event)} belongs to no transaction; put it in or on a transaction."
            yield Fault("cancel_outside_transaction", event, message)


def contents(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find timers without a time, conditional events without a condition, links without a name."""
    for event in drawing.root.iter(*EVENTS):
        for definition in event:
            if reason := _missing(event, definition):
                severity = Severity.ERROR if len(_times(definition)) > 1 else None
                yield Fault("event_incomplete", event, f"The event {title(event)} {reason}.", severity)


def links(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find link events without a partner, with several, or with flows on the side where the link is."""
    for found in drawing.links.values():
        reached = found.reached()
        for event, definition in found.throwing.items():
            if not found.targets(event) and _is_named(event, definition):
                yield Fault("link_without_target", event, _leads_nowhere(event, definition))
        for event, definition in found.catching.items():
            if event not in reached and _is_named(event, definition):
                message = (
                    f"No link leads to the link event {title(event)}; draw a throwing one of its name, or delete it."
                )
                yield Fault("link_without_source", event, message)
        for name, events in found.by_name.items():
            for event in events[1:]:
                message = f"Two link events named “{name}” catch in one place; leave only one."
                yield Fault("link_target_twice", event, message)
        yield from _link_flows(drawing, found)


def _nothing(drawing: Drawing, event: etree._Element) -> list[EventKind]:
    """Give the kind of an event without any definition; what refers to a definition that is not there is told elsewhere."""
    return [] if event.find(bpmn("eventDefinitionRef")) is not None else [drawing.kind(event)]


def _missing(event: etree._Element, definition: etree._Element) -> str:
    if definition.tag == bpmn("timerEventDefinition"):
        return "" if len(_times(definition)) == 1 else "needs one time: a date, a duration or a cycle"
    if definition.tag == bpmn("conditionalEventDefinition"):
        return "" if child_text(definition, "condition") else "has no condition; write one"
    if definition.tag == bpmn("linkEventDefinition"):
        return "" if link_name(event, definition) else "has no link name; give it the name of its partner"
    return ""


def _times(definition: etree._Element) -> list[str]:
    return [name for name in ("timeDate", "timeDuration", "timeCycle") if child_text(definition, name)]


def _is_named(event: etree._Element, definition: etree._Element) -> bool:
    """Tell whether a link says where it leads; of one that does not, just that is told."""
    ends = (definition.find(bpmn(end)) is not None for end in ("source", "target"))
    return bool(link_name(event, definition)) or any(ends)


def _leads_nowhere(event: etree._Element, definition: etree._Element) -> str:
    if definition.find(bpmn("target")) is not None:
        return f"The link event {title(event)} names no target that names it too; correct both, or give both one name."
    name = link_name(event, definition)
    return f"The link event {title(event)} leads nowhere; draw a catching link event named “{name}” beside it."


def _link_flows(drawing: Drawing, links: Links) -> Iterator[Fault]:
    wrong = [event for event in links.catching if drawing.incoming(event)]
    wrong += [event for event in links.throwing if drawing.outgoing(event)]
    for event in wrong:
        yield Fault(
            "link_with_flow", event, f"The link event {title(event)} has a flow where the link is; delete the flow."
        )


RULES: Final[tuple[Rule, ...]] = (
    places,
    event_subprocesses,
    interruptions,
    cancellations,
    contents,
    links,
)
