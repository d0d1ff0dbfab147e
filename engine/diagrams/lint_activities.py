"""Laws about activities: what each kind of task needs, calls, loops and token quantities."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.attributes import (
    Binding,
    ConflictPolicy,
    bound_version,
    called_element,
    decision,
    inputs,
    operation,
    outputs,
    passed_in,
    passed_out,
)
from engine.diagrams.drawing import Drawing, process_of
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    AD_HOC,
    END_EVENT,
    PROCESS,
    bpmn,
    identity,
    is_true,
    local_reference,
    message_reference,
    ours,
    title,
)
from engine.errors import Severity

_WORDS: Final = {"binding": frozenset(Binding), "onConflict": frozenset(ConflictPolicy)}


def services(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find service and send tasks that do nothing; where the operations are known this is an error."""
    for task in drawing.root.iter(bpmn("serviceTask"), bpmn("sendTask")):
        sends = task.tag == bpmn("sendTask") and message_reference(task)
        if operation(task) is None and not sends:
            has = (
                "an operationRef, but no operation of ours (parcelflow:operation)"
                if _is_bound(task)
                else "no operation"
            )
            message = f"The task {title(task)} names {has}, so it does nothing; choose one."
            yield Fault(
                "service_without_operation", task, message, Severity.ERROR if context.operations is not None else None
            )


def business_rules(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find business rule tasks that ask no decision and call no operation."""
    for task in drawing.root.iter(bpmn("businessRuleTask")):
        if decision(task) is None and operation(task) is None:
            message = f"The business rule task {title(task)} names no decision; choose a decision table."
            yield Fault("rule_without_decision", task, message)


def receivers(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find receive tasks that do not say which message they wait for."""
    for task in drawing.root.iter(bpmn("receiveTask")):
        if not message_reference(task):
            message = f"The receive task {title(task)} names no message and waits for one of its own name; choose one."
            yield Fault("message_by_name", task, message)


def starting_receivers(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find receive tasks that should start a process and cannot."""
    for task in drawing.root.iter(bpmn("receiveTask")):
        scope = task.getparent()
        if is_true(task, "instantiate") and (drawing.incoming(task) or scope is None or scope.tag != PROCESS):
            message = (
                f"The receive task {title(task)} starts the process: no flow may lead to it, no subprocess hold it."
            )
            yield Fault("receive_start", task, message)


def ad_hoc_contents(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find ad-hoc subprocesses without an activity, or with an end event."""
    for scope in drawing.root.iter(AD_HOC):
        if not any(child.tag in ACTIVITIES for child in scope):
            message = f"The ad-hoc subprocess {title(scope)} holds no activity; draw what can be done in it."
            yield Fault("ad_hoc_contents", scope, message)
        for event in scope.iterchildren(END_EVENT):
            message = f"The ad-hoc subprocess {title(scope)} may have no end event; delete {title(event)}."
            yield Fault("ad_hoc_contents", event, message)


def people(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find user tasks that would stand in the worklist without a name."""
    for task in drawing.root.iter(bpmn("userTask"), bpmn("manualTask")):
        if not (task.get("name") or "").strip():
            yield Fault("user_without_name", task, f"The task {title(task)} has no name for the worklist; give it one.")


def calls(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find calls that call themselves, and versions that are not said."""
    for call in drawing.root.iter(bpmn("callActivity")):
        process = process_of(call)
        if process is not None and called_element(call) == identity(process):
            message = (
                f"The call activity {title(call)} calls its own process, which may never end; make sure that it does."
            )
            yield Fault("call_of_itself", call, message)
        if call.get(ours("binding")) == Binding.VERSION and bound_version(call) is None:
            message = f"The call activity {title(call)} is bound to a version, but the number is missing; write it."
            yield Fault("binding_without_version", call, message)


def words(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find words of ours that are not among the possible ones."""
    for node in (*drawing.processes, *drawing.nodes):
        for name, known in _WORDS.items():
            word = node.get(ours(name))
            if word is not None and word.strip() not in known:
                message = f"“{word[:80]}” is no {name} that exists; {title(node)} can have {', '.join(sorted(known))}."
                yield Fault("unknown_word", node, message)


def assignments(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find inputs, outputs and mappings of which half is missing."""
    for node in drawing.root.iter(*ACTIVITIES):
        for item in (*inputs(node), *outputs(node)):
            if not item.name.isidentifier() or not item.expression:
                yield _incomplete(node, f"an input or output “{item.name[:80]}” without a proper name or expression")
        for passing in (*passed_in(node), *passed_out(node)):
            if not passing.all_variables and not (passing.source and passing.target.isidentifier()):
                yield _incomplete(node, f"a variable “{passing.source[:80]}” that is passed to no proper name")


def _is_bound(task: etree._Element) -> bool:
    """Tell whether a task names an operation in the way of the standard."""
    return local_reference(task.get("operationRef")) is not None


def _incomplete(node: etree._Element, what: str) -> Fault:
    return Fault("assignment_incomplete", node, f"{title(node)} has {what}; complete it.")


RULES: Final[tuple[Rule, ...]] = (
    services,
    business_rules,
    receivers,
    starting_receivers,
    ad_hoc_contents,
    people,
    calls,
    words,
    assignments,
)
