"""Laws about what is caught: compensation and its handlers, and events that are never reached by what they wait for."""

from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, scope_of
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    BOUNDARY_EVENT,
    EVENT_DEFINITIONS,
    SCOPES,
    START_EVENT,
    THROWING_EVENTS,
    EventKind,
    bpmn,
    event_definitions,
    identity,
    is_event_subprocess,
    is_true,
    local_reference,
    title,
)

_CODES: Final = {EventKind.ERROR: ("errorRef", "errorCode"), EventKind.ESCALATION: ("escalationRef", "escalationCode")}


def compensation(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find compensation boundary events without a handler."""
    links = drawing.root.iter(bpmn("association"))
    ends = [(local_reference(link.get("sourceRef")), drawing.named(link.get("targetRef"))) for link in links]
    leaving = {source: target for source, target in ends if target is not None and target.tag in ACTIVITIES}
    used = {target for _, target in ends}
    for activity in drawing.nodes:
        if is_true(activity, "isForCompensation") and not is_event_subprocess(activity) and activity not in used:
            message = (
                f"Nothing leads to the compensation handler {title(activity)}; connect a compensation event with it."
            )
            yield Fault("handler_without_event", activity, message)
    for event in drawing.root.iter(BOUNDARY_EVENT):
        if EventKind.COMPENSATION not in drawing.kinds(event):
            continue
        handler = leaving.get(identity(event))
        if handler is None or not is_true(handler, "isForCompensation") or handler.getparent() is not event.getparent():
            message = (
                f"The compensation event {title(event)} has no handler; connect an activity marked for compensation."
            )
            yield Fault("compensation_without_handler", event, message)
        if drawing.outgoing(event):
            message = (
                f"A sequence flow leaves the compensation event {title(event)}; connect its handler by an association."
            )
            yield Fault("handler_with_flows", event, message)


def single_handlers(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find activities that several handlers compensate: there is one target for compensation."""
    targets: dict[str | None, set[etree._Element]] = {}
    for link in drawing.root.iter(bpmn("association")):
        target = drawing.named(link.get("targetRef"))
        if target is not None and target.tag in ACTIVITIES:
            targets.setdefault(local_reference(link.get("sourceRef")), set()).add(target)
    for activity in (node for node in drawing.nodes if node.tag in ACTIVITIES):
        attached = [one for one in drawing.attached(activity) if EventKind.COMPENSATION in drawing.kinds(one)]
        outside = sum(max(len(targets.get(identity(event), ())), 1) for event in attached)
        inside = sum(1 for one in activity if is_event_subprocess(one) and _starts_by_compensation(drawing, one))
        if outside + inside > 1:
            message = f"Several handlers compensate {title(activity)}; leave one, which may be a subprocess."
            yield Fault("compensation_twice", activity, message)


def compensation_in_reach(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events that compensate an activity which they do not see, as they see those of their own level (10.5.5)."""
    for definition in drawing.root.iter(bpmn("compensateEventDefinition")):
        event, activity = definition.getparent(), drawing.named(definition.get("activityRef"))
        if event is None or event.tag not in THROWING_EVENTS or activity is None or activity.tag not in ACTIVITIES:
            continue
        if scope_of(activity) not in set(_levels(event)):
            message = (
                f"The event {title(event)} compensates {title(activity)}, which stands on another level; "
                "compensate the subprocess around it, or throw on its level."
            )
            yield Fault("compensation_out_of_reach", event, message)


def rivals(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find events that wait for an error, an escalation or a cancel which another one beside them always catches first."""
    for activity in (node for node in drawing.nodes if node.tag in ACTIVITIES):
        yield from _late(drawing, drawing.attached(activity))
    for scope in drawing.root.iter(*SCOPES):
        handlers = (one for one in scope if is_event_subprocess(one))
        yield from _late(drawing, [start for handler in handlers for start in handler.findall(START_EVENT)])


def _late(drawing: Drawing, events: Iterable[etree._Element]) -> Iterator[Fault]:
    first: dict[tuple[str, ...], etree._Element] = {}
    for event in events:
        for definition in event_definitions(event):
            key = _awaited(drawing, definition)
            if key is not None and first.setdefault(key, event) is not event:
                message = f"{title(event)} never catches anything: {title(first[key])} waits for the same. Delete one of them."
                yield Fault("never_caught", event, message)


def _awaited(drawing: Drawing, definition: etree._Element) -> tuple[str, ...] | None:
    """Say what an error, escalation or cancel event waits for; one without a code prefers its own name."""
    what = EVENT_DEFINITIONS[str(definition.tag)]
    if what is EventKind.CANCEL:
        return (what,)
    if what not in _CODES:
        return None
    reference, attribute = _CODES[what]
    found = drawing.named(definition.get(reference))
    if found is None:
        return None if definition.get(reference) else (what,)
    code = (found.get(attribute) or "").strip()
    return (what, "code", code) if code else (what, "name", found.get("name") or identity(found) or "")


def _starts_by_compensation(drawing: Drawing, handler: etree._Element) -> bool:
    return any(EventKind.COMPENSATION in drawing.kinds(start) for start in handler.findall(START_EVENT))


def _levels(event: etree._Element) -> Iterator[etree._Element]:
    """Give the scope of an event, and those around it while it is an event subprocess."""
    scope = scope_of(event)
    while scope is not None:
        yield scope
        scope = scope_of(scope) if is_event_subprocess(scope) else None


RULES: Final[tuple[Rule, ...]] = (compensation, single_handlers, compensation_in_reach, rivals)
