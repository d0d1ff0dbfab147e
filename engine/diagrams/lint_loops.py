"""Laws about repetition: loops, multi-instance activities and token quantities."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.attributes import collection
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.rewrites_of_flow import MAXIMUM_QUANTITY
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    MULTI_INSTANCE,
    STANDARD_LOOP,
    bpmn,
    child_text,
    event_definitions,
    identity,
    is_true,
    local_reference,
    title,
)
from engine.errors import Severity

_PASSABLE: Final = {
    bpmn("signalEventDefinition"): "signalRef",
    bpmn("escalationEventDefinition"): "escalationRef",
    bpmn("messageEventDefinition"): "messageRef",
}
_BEHAVIOURS: Final = {"None": "noneBehaviorEventRef", "One": "oneBehaviorEventRef", "Complex": ""}


def loops(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find loops that cannot end, and multi-instance activities that do not say how many."""
    for loop in drawing.root.iter(STANDARD_LOOP):
        activity, maximum = _owner(loop), loop.get("loopMaximum")
        if maximum is not None and not _is_count(maximum):
            message = (
                f"The loop of {title(activity)} has the maximum “{maximum[:20]}”; write a number of rounds, 0 or more."
            )
            yield Fault("negative_loop_maximum", activity, message)
        elif maximum is None and not child_text(loop, "loopCondition"):
            yield Fault(
                "loop_without_end",
                activity,
                f"The loop of {title(activity)} never ends; write a condition or a maximum.",
            )
    for loop in drawing.root.iter(MULTI_INSTANCE):
        yield from _instances(_owner(loop), loop)


def behaviours(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find activities with two kinds of loops, and multi-instance events that are not said (Table 10.30)."""
    for activity in drawing.root.iter(*ACTIVITIES):
        if sum(child.tag in {MULTI_INSTANCE, STANDARD_LOOP} for child in activity) > 1:
            yield Fault("loop_twice", activity, f"{title(activity)} is repeated in two ways; leave one of them.")
    for loop in drawing.root.iter(MULTI_INSTANCE):
        behavior = loop.get("behavior", "All")
        if behavior in _BEHAVIOURS and not _names_event(loop, behavior):
            message = f"{title(_owner(loop))} throws an event for its instances, but does not say which; choose it."
            yield Fault("multi_instance_behavior", _owner(loop), message)
        elif behavior in _BEHAVIOURS:
            yield from _interrupted(drawing, _owner(loop), _thrown(drawing.root, loop, behavior))


def quantities(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find token quantities that no engine can keep."""
    for activity in drawing.root.iter(*ACTIVITIES):
        for name in ("startQuantity", "completionQuantity"):
            text = (activity.get(name) or "1").strip()
            if not (_is_count(text) and 1 <= int(text) <= MAXIMUM_QUANTITY):
                message = (
                    f"The {name} of {title(activity)} is {text[:20]}; it must be a number from 1 to {MAXIMUM_QUANTITY}."
                )
                yield Fault("token_quantity", activity, message)


def _names_event(loop: etree._Element, behavior: str) -> bool:
    attribute = _BEHAVIOURS[behavior]
    return bool(loop.get(attribute)) if attribute else loop.find(bpmn("complexBehaviorDefinition")) is not None


def _thrown(root: etree._Element, loop: etree._Element, behavior: str) -> set[tuple[str, str | None]]:
    """Give what the instances throw, as kind and reference."""
    if behavior == "Complex":
        definitions = [one for event in loop.iter(bpmn("event")) for one in event_definitions(event)]
    else:
        wanted = local_reference(loop.get(_BEHAVIOURS[behavior]))
        definitions = [one for one in root.iter(*_PASSABLE) if identity(one) == wanted]
    return {_event(one) for one in definitions}


def _interrupted(drawing: Drawing, activity: etree._Element, thrown: set[tuple[str, str | None]]) -> Iterator[Fault]:
    for boundary in drawing.attached(activity):
        if is_true(boundary, "cancelActivity", default=True) and thrown & set(map(_event, event_definitions(boundary))):
            message = (
                f"{title(boundary)} catches what an instance of {title(activity)} throws when it ends, and would end all others; "
                "let it not interrupt, or write a completion condition."
            )
            yield Fault("multi_instance_interrupted", activity, message)


def _event(definition: etree._Element) -> tuple[str, str | None]:
    """Give kind and reference of an event that goes on after it was thrown; of others nothing."""
    attribute = _PASSABLE.get(str(definition.tag))
    return (
        (str(definition.tag), local_reference(definition.get(attribute))) if attribute else ("", identity(definition))
    )


def _instances(activity: etree._Element, loop: etree._Element) -> Iterator[Fault]:
    cardinality = child_text(loop, "loopCardinality")
    if (cardinality is None) == (collection(loop) is None):
        message = f"The multi-instance activity {title(activity)} needs either a number of instances or a collection."
        yield Fault("multi_instance_count", activity, message, Severity.ERROR if cardinality else None)
    elif cardinality is not None and cardinality.startswith("-"):
        message = f"The multi-instance activity {title(activity)} has a negative number of instances; write 0 or more."
        yield Fault("multi_instance_count", activity, message, Severity.ERROR)


def _owner(loop: etree._Element) -> etree._Element:
    activity = loop.getparent()
    return loop if activity is None else activity


def _is_count(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit() and len(text) < 10  # noqa: PLR2004 - a billion is enough


RULES: Final[tuple[Rule, ...]] = (loops, behaviours, quantities)
