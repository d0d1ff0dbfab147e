"""Laws about activities: what each kind of task needs, calls, loops and token quantities."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, process_of
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.rewrites_of_flow import MAXIMUM_QUANTITY
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    MULTI_INSTANCE,
    STANDARD_LOOP,
    Binding,
    ConflictPolicy,
    bound_version,
    bpmn,
    called_element,
    child_text,
    collection,
    decision,
    identity,
    inputs,
    local_reference,
    operation,
    ours,
    outputs,
    passed_in,
    passed_out,
    title,
)
from engine.errors import Severity

_WORDS: Final = {"binding": frozenset(Binding), "onConflict": frozenset(ConflictPolicy)}


def services(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find service and send tasks that do nothing; where the operations are known this is an error."""
    for task in drawing.root.iter(bpmn("serviceTask"), bpmn("sendTask")):
        sends = task.tag == bpmn("sendTask") and local_reference(task.get("messageRef"))
        if operation(task) is None and not sends:
            message = f"The task {title(task)} names no operation, so it does nothing; choose one."
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
        if not local_reference(task.get("messageRef")):
            message = f"The receive task {title(task)} names no message and waits for one of its own name; choose one."
            yield Fault("message_by_name", task, message)


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


def _incomplete(node: etree._Element, what: str) -> Fault:
    return Fault("assignment_incomplete", node, f"{title(node)} has {what}; complete it.")


def _instances(activity: etree._Element, loop: etree._Element) -> Iterator[Fault]:
    cardinality = child_text(loop, "loopCardinality")
    if (cardinality is None) == (collection(loop) is None):
        message = f"The multi-instance activity {title(activity)} needs either a number of instances or a collection."
        yield Fault("multi_instance_count", activity, message)
    elif cardinality is not None and cardinality.startswith("-"):
        message = f"The multi-instance activity {title(activity)} has a negative number of instances; write 0 or more."
        yield Fault("multi_instance_count", activity, message)


def _owner(loop: etree._Element) -> etree._Element:
    activity = loop.getparent()
    return loop if activity is None else activity


def _is_count(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit() and len(text) < 10  # noqa: PLR2004 - a billion is enough


RULES: Final[tuple[Rule, ...]] = (
    services,
    business_rules,
    receivers,
    people,
    calls,
    words,
    assignments,
    loops,
    quantities,
)
