"""The laws a diagram is checked against: code, severity and, where it comes from the standard, the clause.

Clauses are those of BPMN 2.0.2, which is ISO/IEC 19510. `docs/lint.md` says the same in words for process owners.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing
from engine.diagrams.vocabulary import identity
from engine.errors import Finding, Severity


@dataclass(frozen=True, slots=True)
class Law:
    """How much it matters when the law is broken, and where the standard says it."""

    severity: Severity
    clause: str = ""


@dataclass(frozen=True, slots=True)
class LintContext:
    """What exists around a diagram; None means unknown, and nothing is said about it."""

    forms: Collection[str] | None = None
    decisions: Collection[str] | None = None
    operations: Collection[str] | None = None
    groups: Collection[str] | None = None
    statuses: Collection[str] | None = None
    processes: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A law broken by an element, before it is addressed to the process owner."""

    code: str
    element: etree._Element
    message: str
    severity: Severity | None = None


Rule = Callable[[Drawing, LintContext], Iterator[Fault]]


def _error(clause: str = "") -> Law:
    return Law(Severity.ERROR, clause)


def _warning(clause: str = "") -> Law:
    return Law(Severity.WARNING, clause)


def _info(clause: str = "") -> Law:
    return Law(Severity.INFO, clause)


_SEQUENCE_RULES: Final = "7.6.1 Sequence Flow Connection Rules"
_MESSAGE_RULES: Final = "7.6.2 Message Flow Connection Rules"
_FOUNDATION: Final = "8.3 Foundation"
_COMMON: Final = "8.4 Common Elements"
_PROCESS: Final = "10.2 Basic Process Concepts"
_ACTIVITIES: Final = "10.3 Activities"
_EVENTS: Final = "10.5 Events"
_GATEWAYS: Final = "10.6 Gateways"
_COMPENSATION: Final = "10.7 Compensation"
_LANES: Final = "10.8 Lanes"

LAWS: Final[dict[str, Law]] = {
    # the file as a whole
    "no_process": _error(_PROCESS),
    "no_executable_process": _error(_PROCESS),
    "process_not_executable": _info(_PROCESS),
    "empty_process": _warning(_PROCESS),
    "no_picture": _warning(),
    "duplicate_id": _error(_FOUNDATION),
    "missing_id": _error(_FOUNDATION),
    "flow_without_id": _warning(_FOUNDATION),
    "unusual_id": _warning(_FOUNDATION),
    "unknown_element": _error(),
    "unsupported_element": _error(),
    "too_many_findings": _warning(),
    # references
    "unknown_reference": _error(_FOUNDATION),
    "wrong_reference": _error(_FOUNDATION),
    "unknown_lane_member": _warning(_LANES),
    "node_in_two_lanes": _warning(_LANES),
    "definition_without_name": _warning(_COMMON),
    "unknown_process": _error(_ACTIVITIES),
    "unknown_form": _error(),
    "unknown_decision": _error(),
    "unknown_operation": _error(),
    "unknown_group": _error(),
    "unknown_status": _error(),
    # structure
    "flow_crosses_pool": _error(_SEQUENCE_RULES),
    "flow_crosses_subprocess": _error(_SEQUENCE_RULES),
    "flow_misplaced": _info(_PROCESS),
    "message_flow_inside_pool": _error(_MESSAGE_RULES),
    "start_with_incoming": _error(_SEQUENCE_RULES),
    "end_with_outgoing": _error(_SEQUENCE_RULES),
    "boundary_with_incoming": _error(_SEQUENCE_RULES),
    "boundary_attached_wrongly": _error(_EVENTS),
    "handler_with_flows": _error(_COMPENSATION),
    "no_start": _error(_PROCESS),
    "several_starts": _warning(_EVENTS),
    "subprocess_start": _error(_ACTIVITIES),
    "unreachable": _warning(_PROCESS),
    "implicit_split": _info(_SEQUENCE_RULES),
    # gateways
    "gateway_without_outgoing": _error(_GATEWAYS),
    "flow_without_condition": _error(_GATEWAYS),
    "gateway_without_default": _warning(_GATEWAYS),
    "wrong_default": _error(_GATEWAYS),
    "condition_on_default": _warning(_GATEWAYS),
    "condition_not_allowed": _error(_COMMON),
    "event_gateway_targets": _error(_GATEWAYS),
    "event_gateway_start": _error(_GATEWAYS),
    # events
    "wrong_event": _error(_EVENTS),
    "event_incomplete": _error(_EVENTS),
    "message_by_name": _warning(_EVENTS),
    "event_not_interrupting": _error(_EVENTS),
    "cancel_outside_transaction": _error(_EVENTS),
    "event_subprocess_start": _error(_EVENTS),
    "event_subprocess_with_flows": _error(_ACTIVITIES),
    "link_without_target": _error(_EVENTS),
    "link_target_twice": _error(_EVENTS),
    "link_with_flow": _error(_EVENTS),
    "compensation_without_handler": _error(_COMPENSATION),
    # activities and data
    "call_without_process": _error(_ACTIVITIES),
    "call_of_itself": _warning(_ACTIVITIES),
    "binding_without_version": _error(),
    "script_empty": _error(_ACTIVITIES),
    "script_unreadable": _error(),
    "script_language": _warning(),
    "expression_unreadable": _error(),
    "expression_foreign": _error(),
    "expression_translated": _info(),
    "timer_unreadable": _error(_EVENTS),
    "negative_loop_maximum": _error(_ACTIVITIES),
    "loop_without_end": _error(_ACTIVITIES),
    "multi_instance_count": _error(_ACTIVITIES),
    "token_quantity": _error(_ACTIVITIES),
    "service_without_operation": _warning(_ACTIVITIES),
    "rule_without_decision": _error(_ACTIVITIES),
    "user_without_group": _warning(),
    "user_without_name": _info(),
    "assignment_incomplete": _error(),
    "vendor_ignored": _warning(),
    "unknown_attribute": _warning(),
    "unknown_word": _error(),
}


def finding(drawing: Drawing, fault: Fault) -> Finding:
    """Address a fault to the process owner; what lies in a process that is only drawn is never more than advice."""
    law = LAWS[fault.code]
    severity = Severity.INFO if drawing.is_picture_only(fault.element) else fault.severity or law.severity
    message = f"{fault.message} (BPMN 2.0, {law.clause})" if law.clause else fault.message
    return Finding(drawing.file, addressed(fault.element), severity, fault.code, message)


def addressed(element: etree._Element) -> str | None:
    """Give the id to show a finding at: the element's own, or that of the nearest one around it."""
    return next((key for place in (element, *element.iterancestors()) if (key := identity(place))), None)
