"""Laws about collaborations: message flows between pools, and how many take part."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, described, process_of, with_article
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    BOUNDARY_EVENT,
    CATCH_EVENT,
    CHOREOGRAPHY,
    END_EVENT,
    EVENTS,
    START_EVENT,
    THROW_EVENT,
    EventKind,
    bpmn,
    title,
)

PARTICIPANT: Final = bpmn("participant")
_CALLS: Final = frozenset({PARTICIPANT, bpmn("callConversation"), bpmn("conversation"), bpmn("subConversation")})
_SENDERS: Final = ACTIVITIES | CHOREOGRAPHY | _CALLS | {THROW_EVENT, END_EVENT}
_RECEIVERS: Final = ACTIVITIES | CHOREOGRAPHY | _CALLS | {START_EVENT, CATCH_EVENT, BOUNDARY_EVENT}
_ENDS: Final = {"sourceRef": ("from", _SENDERS), "targetRef": ("to", _RECEIVERS)}


def message_flows(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message flows that connect nothing, or two places in one pool."""
    for flow in drawing.root.iter(bpmn("messageFlow")):
        ends = [drawing.named(flow.get(name)) for name in ("sourceRef", "targetRef")]
        homes = [None if end is None else _home(drawing, end) for end in ends]
        if None in ends:
            message = f"The message flow {title(flow)} does not connect two things that exist; connect it or delete it."
            yield Fault("unknown_reference", flow, message)
        elif homes[0] is not None and homes[0] is homes[1]:
            message = f"The message flow {title(flow)} stays inside one pool; draw a sequence flow instead."
            yield Fault("message_flow_inside_pool", flow, message)


def message_flow_ends(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find message flows that leave or reach what neither sends nor receives messages (Table 7.4)."""
    for flow in drawing.root.iter(bpmn("messageFlow")):
        for attribute, (way, allowed) in _ENDS.items():
            end = drawing.named(flow.get(attribute))
            if end is not None and end.tag not in allowed:
                where = f"{title(end)}, {with_article(described(end))}"
                message = f"The message flow {title(flow)} leads {way} {where}, where none can."
                yield Fault("message_flow_end", flow, message)
            elif end is not None and not _exchanges_messages(drawing, end):
                message = (
                    f"The message flow {title(flow)} leads {way} {title(end)}, an event without a message; choose one."
                )
                yield Fault("message_flow_end", flow if drawing.is_picture_only(end) else end, message)


def participants(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find multiplicities of participants that nothing can fulfil."""
    for multiplicity in drawing.root.iter(bpmn("participantMultiplicity")):
        pool = multiplicity.getparent()
        lowest, highest = (
            _number(multiplicity.get(name, default)) for name, default in (("minimum", "0"), ("maximum", "1"))
        )
        if "minimum" in multiplicity.attrib and "maximum" not in multiplicity.attrib:
            highest = max(highest or 0, lowest or 0)
        if pool is not None and (lowest is None or highest is None or lowest < 0 or highest < max(lowest, 1)):
            message = f"The pool {title(pool)} stands for a number of participants that cannot be; mend its limits."
            yield Fault("participant_count", pool, message)


def _home(drawing: Drawing, end: etree._Element) -> etree._Element | None:
    """Give the process of a node or pool; a pool without process is its own home."""
    if end.tag == PARTICIPANT:
        process = drawing.named(end.get("processRef"))
        return end if process is None else process
    return process_of(end)


def _exchanges_messages(drawing: Drawing, end: etree._Element) -> bool:
    if end.tag not in EVENTS:
        return True
    return EventKind.MESSAGE in drawing.kinds(end) or end.find(bpmn("eventDefinitionRef")) is not None


def _number(text: str) -> int | None:
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None  # noqa: PLR2004 - a billion


RULES: Final[tuple[Rule, ...]] = (message_flows, message_flow_ends, participants)
