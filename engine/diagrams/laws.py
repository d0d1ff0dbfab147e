"""The laws a diagram is checked against: code, severity and, where it comes from the standard, the clause.

Clauses are those of BPMN 2.0.2, which is ISO/IEC 19510. `docs/lint.md` says the same in words for process owners.

Some laws only say what the engine needs: a picture may leave a condition or a time open, as the standard lets it, so breaking
one of these in a process that is not marked as executable is a warning until somebody deploys it. Formal laws are the other
way round: the standard wants it, the engine does not care, so they keep no diagram from being deployed.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing
from engine.diagrams.vocabulary import PARCELFLOW, VENDORS, identity
from engine.errors import Finding, Severity


@dataclass(frozen=True, slots=True)
class Law:
    """How much it matters when the law is broken, and where the standard says it."""

    severity: Severity
    clause: str = ""
    is_to_run: bool = False
    """Whether it only binds what is to be run, and not a picture."""
    is_formal: bool = False
    """Whether the engine never looks at what it is about: a file that breaks it is wrong, and runs all the same."""
    excused: tuple[str, ...] = ()
    """Products, by their name spaces, that break a formal law in all their files and mean nothing by it."""


@dataclass(frozen=True, slots=True)
class LintContext:
    """What exists around a diagram; None means unknown, and nothing is said about it.

    `is_to_run` means that the diagram is about to be run, whatever it says about itself.
    """

    forms: Collection[str] | None = None
    decisions: Collection[str] | None = None
    operations: Collection[str] | None = None
    groups: Collection[str] | None = None
    statuses: Collection[str] | None = None
    processes: Collection[str] | None = None
    calendars: Collection[str] | None = None
    is_to_run: bool = False


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


def _needed(clause: str = "") -> Law:
    return Law(Severity.ERROR, clause, is_to_run=True)


def _formal(clause: str = "", *excused: str) -> Law:
    return Law(Severity.ERROR, clause, is_formal=True, excused=excused)


def _warning(clause: str = "") -> Law:
    return Law(Severity.WARNING, clause)


def _info(clause: str = "") -> Law:
    return Law(Severity.INFO, clause)


_TRISOTECH: Final = "trisotech.com"
_JBPM: Final = "www.jboss.org/drools"
_ADONIS: Final = "www.boc-group.com"
_SPIFF: Final = "spiffworkflow.org/bpmn"
_BONITA: Final = "www.bonitasoft.org"
_SEQUENCE_RULES: Final = "7.6.1 Sequence Flow Connection Rules"
_MESSAGE_RULES: Final = "7.6.2 Message Flow Connection Rules"
_DEFINITIONS: Final = "8.2 Infrastructure"
_FOUNDATION: Final = "8.3 Foundation"
_COMMON: Final = "8.4 Common Elements"
_COLLABORATION: Final = "9.3 Pool and Participant"
_CONVERSATIONS: Final = "9.5 Conversations"
_CLOSED: Final = "9.7 Choreography within Collaboration"
_CHOREOGRAPHY: Final = "11.2 Basic Choreography Concepts"
_PROCESS: Final = "10.2 Basic Process Concepts"
_ACTIVITIES: Final = "10.3 Activities"
_DATA: Final = "10.4 Items and Data"
_EVENTS: Final = "10.5 Events"
_GATEWAYS: Final = "10.6 Gateways"
_COMPENSATION: Final = "10.7 Compensation"
_LANES: Final = "10.8 Lanes"

LAWS: Final[dict[str, Law]] = {
    # the file as a whole
    "no_process": _needed(_PROCESS),
    "no_executable_process": _needed(_PROCESS),
    "process_not_executable": _info(_PROCESS),
    "empty_process": _warning(_PROCESS),
    "no_picture": _warning(),
    "duplicate_id": _error(_FOUNDATION),
    "missing_id": _error(_FOUNDATION),
    "flow_without_id": _warning(_FOUNDATION),
    "unusual_id": _warning(_FOUNDATION),
    "unknown_element": _error(),
    "misplaced_element": _formal(_FOUNDATION),
    "unsupported_element": _needed(),
    "not_a_boolean": _error(_FOUNDATION),
    "not_an_address": _formal(_FOUNDATION),
    "text_format": _formal(_FOUNDATION),
    "public_executable": _formal(_PROCESS),
    "too_many_findings": _warning(),
    # references
    "unknown_reference": _error(_FOUNDATION),
    "wrong_reference": _error(_FOUNDATION),
    "reference_astray": _formal(_FOUNDATION),
    "import_incomplete": _formal(_DEFINITIONS),
    "unknown_lane_member": _warning(_LANES),
    "node_in_two_lanes": _warning(_LANES),
    "definition_without_name": _warning(_COMMON),
    "unknown_process": _needed(_ACTIVITIES),
    "unknown_form": _needed(),
    "unknown_decision": _needed(),
    "unknown_operation": _needed(),
    "unknown_group": _needed(),
    "unknown_status": _needed(),
    "flow_listed_wrongly": _warning(_COMMON),
    "flow_listed_once": _formal(_COMMON),
    # structure
    "flow_crosses_pool": _error(_SEQUENCE_RULES),
    "flow_crosses_subprocess": _error(_SEQUENCE_RULES),
    "flow_misplaced": _info(_PROCESS),
    "message_flow_inside_pool": _error(_MESSAGE_RULES),
    "message_flow_end": _error(_MESSAGE_RULES),
    "participant_count": _error(_COLLABORATION),
    "choreography_in_process": _error(_PROCESS),
    "choreography_reference": _error(_CHOREOGRAPHY),
    "choreography_closed": _error(_CLOSED),
    "choreography_openness": _formal(_CLOSED),
    "global_conversation": _error(_CONVERSATIONS),
    "flow_not_immediate": _formal(_COMMON, _TRISOTECH),
    "start_with_incoming": _error(_SEQUENCE_RULES),
    "end_with_outgoing": _error(_SEQUENCE_RULES),
    "boundary_with_incoming": _error(_SEQUENCE_RULES),
    "event_not_connected": _error(_EVENTS),
    "node_not_connected": _formal(_EVENTS),
    "no_end": _formal(_EVENTS),
    "boundary_attached_wrongly": _error(_EVENTS),
    "handler_with_flows": _error(_COMPENSATION),
    "handler_without_event": _warning(_COMPENSATION),
    "no_start": _error(_PROCESS),
    "no_start_event": _formal(_EVENTS),
    "several_starts": _warning(_EVENTS),
    "subprocess_start": _error(_ACTIVITIES),
    "unreachable": _warning(_PROCESS),
    "implicit_split": _info(_SEQUENCE_RULES),
    # gateways
    "gateway_without_outgoing": _error(_GATEWAYS),
    "flow_without_condition": _needed(_GATEWAYS),
    "gateway_without_default": _warning(_GATEWAYS),
    "wrong_default": _error(_GATEWAYS),
    "condition_on_default": _warning(_GATEWAYS),
    "condition_not_allowed": _error(_COMMON),
    "event_gateway_targets": _error(_GATEWAYS),
    "event_gateway_start": _error(_GATEWAYS),
    "gateway_direction": _error(_GATEWAYS),
    "gateway_without_choice": _formal(_GATEWAYS),
    "single_condition": _formal(_COMMON),
    # events
    "wrong_event": _error(_EVENTS),
    "event_incomplete": _needed(_EVENTS),
    "escalation_without_code": _formal(_EVENTS),
    "message_by_name": _warning(_EVENTS),
    "event_not_interrupting": _error(_EVENTS),
    "compensation_not_interrupting": _formal(_EVENTS),
    "operation_without_message": _formal(_EVENTS),
    "message_without_operation": _formal(_EVENTS, *VENDORS, PARCELFLOW, _TRISOTECH),
    "cancel_outside_transaction": _error(_EVENTS),
    "event_subprocess_start": _error(_EVENTS),
    "event_subprocess_with_flows": _error(_ACTIVITIES),
    "link_without_target": _error(_EVENTS),
    "link_without_source": _formal(_EVENTS),
    "link_target_twice": _error(_EVENTS),
    "link_with_flow": _error(_EVENTS),
    "compensation_without_handler": _error(_COMPENSATION),
    "compensation_twice": _error(_COMPENSATION),
    "compensation_out_of_reach": _error(_EVENTS),
    "never_caught": _warning(_EVENTS),
    # activities and data
    "ad_hoc_contents": _error(_ACTIVITIES),
    "receive_start": _error(_ACTIVITIES),
    "multi_instance_behavior": _error(_ACTIVITIES),
    "multi_instance_interrupted": _error(_ACTIVITIES),
    "loop_twice": _error(_ACTIVITIES),
    "data_on_subprocess": _formal(_DATA, _ADONIS),
    "data_sets": _formal(_DATA, _JBPM),
    "data_association_ends": _error(_DATA),
    "process_data": _formal(_DATA),
    "data_set_members": _formal(_DATA),
    "data_items_differ": _formal(_DATA),
    "event_data_count": _formal(_DATA),
    "data_reference_name": _formal(_DATA),
    "data_not_followed": _warning(_DATA),
    "collection_mismatch": _formal(_DATA, _TRISOTECH),
    "message_data": _formal(_ACTIVITIES, _TRISOTECH, _JBPM),
    "call_data": _formal(_ACTIVITIES),
    "service_binding": _formal(_ACTIVITIES),
    "multi_instance_item": _formal(_ACTIVITIES),
    "script_format": _formal(_ACTIVITIES, _SPIFF),
    "resource_role": _formal(_ACTIVITIES),
    "call_without_process": _needed(_ACTIVITIES),
    "called_without_start": _formal(_EVENTS),
    "call_of_itself": _warning(_ACTIVITIES),
    "binding_without_version": _needed(),
    "script_empty": _warning(_ACTIVITIES),
    "script_unreadable": _needed(),
    "script_language": _warning(),
    "expression_unreadable": _needed(),
    "expression_foreign": _needed(),
    "expression_translated": _info(),
    "expression_empty": _formal(_COMMON, _JBPM, _BONITA),
    "expression_informal": _formal(_COMMON),
    "condition_not_boolean": _needed(_COMMON),
    "unknown_calendar": _error(),
    "timer_unreadable": _needed(_EVENTS),
    "timer_word": _formal(_EVENTS),
    "negative_loop_maximum": _error(_ACTIVITIES),
    "loop_without_end": _needed(_ACTIVITIES),
    "multi_instance_count": _needed(_ACTIVITIES),
    "token_quantity": _error(_ACTIVITIES),
    "service_without_operation": _warning(_ACTIVITIES),
    "rule_without_decision": _needed(_ACTIVITIES),
    "user_without_group": _warning(),
    "user_without_name": _info(),
    "performer_ignored": _warning(_ACTIVITIES),
    "assignment_incomplete": _needed(),
    "vendor_ignored": _warning(),
    "vendor_translated": _info(),
    "unknown_attribute": _warning(),
    "unknown_word": _error(),
}


def finding(drawing: Drawing, fault: Fault, context: LintContext) -> Finding:
    """Address a fault to the process owner; what lies in a process that is only drawn is never more than advice."""
    law = LAWS[fault.code]
    severity = _severity(drawing, fault, context, law)
    message = f"{fault.message} (BPMN 2.0, {law.clause})" if law.clause else fault.message
    return Finding(drawing.file, addressed(fault.element), severity, fault.code, message)


def _severity(drawing: Drawing, fault: Fault, context: LintContext, law: Law) -> Severity:
    if drawing.is_picture_only(fault.element):
        return Severity.INFO
    if fault.severity is not None:
        return fault.severity
    if law.is_formal and (context.is_to_run or drawing.is_from(*law.excused)):
        return Severity.INFO
    is_open = law.is_to_run and not context.is_to_run and not drawing.is_marked(fault.element)
    return Severity.WARNING if is_open else law.severity


def addressed(element: etree._Element) -> str | None:
    """Give the id to show a finding at: the element's own, or that of the nearest one around it."""
    return next((key for place in (element, *element.iterancestors()) if (key := identity(place))), None)
