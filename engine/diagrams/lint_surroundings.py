"""Laws about what a diagram names of its surroundings: processes, forms, decisions, operations, groups, statuses."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from engine.diagrams.attributes import (
    assignee,
    called_element,
    called_expression,
    candidate_groups,
    decision,
    form,
    group_expression,
    lane_key,
    operation,
    status,
)
from engine.diagrams.drawing import Drawing, described, with_article
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import GLOBAL_TASKS, PROCESS, ROLES, bpmn, identity, title


def called_processes(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find call activities that call a process that nobody has."""
    local = {identity(e) for e in drawing.root if e.tag == PROCESS or e.tag in GLOBAL_TASKS}
    for call in drawing.root.iter(bpmn("callActivity")):
        called = called_element(call)
        if called_expression(call):
            continue  # it is known when the instance comes there
        if called is None:
            yield Fault("call_without_process", call, f"The call activity {title(call)} names no process; choose one.")
        elif context.processes is not None and called not in local and called not in context.processes:
            message = f"The call activity {title(call)} calls the process “{called}”, which does not exist; choose another one."
            yield Fault("unknown_process", call, message)


def surroundings(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find forms, decisions, operations and statuses that nobody has."""
    for node in drawing.nodes:
        for name, known, code, what in (
            (form(node), context.forms, "unknown_form", "form"),
            (decision(node), context.decisions, "unknown_decision", "decision"),
            (operation(node), context.operations, "unknown_operation", "operation"),
            (status(node), context.statuses, "unknown_status", "status"),
        ):
            if name is not None and known is not None and name not in known:
                message = f"{title(node)} names the {what} “{name}”, which does not exist; {_choices(name, known)}"
                yield Fault(code, node, message)


def groups(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find user tasks that nobody may do, or that name a group that nobody has."""
    known = context.groups
    for task in (*drawing.root.iter(bpmn("userTask")), *drawing.root.iter(bpmn("manualTask"))):
        if group_expression(task) is not None:
            continue
        named, lane = candidate_groups(task), drawing.lane(task)
        keys = named or ((lane_key(lane.get("name", "")),) if lane is not None else ())
        roles = [] if named or assignee(task) else [child for child in task if child.tag in ROLES]
        if roles:
            message = (
                f"The task {title(task)} says who does it by {with_article(described(roles[0]))}, which is not followed; "
                "name a group, or put it in a lane."
            )
            yield Fault("performer_ignored", task, message)
        elif not keys and not assignee(task):
            message = (
                f"The task {title(task)} has neither a group nor a lane, so nobody is asked to do it; put it in a lane."
            )
            yield Fault("user_without_group", task, message)
        for key in keys:
            if known is not None and key not in known and (named or not assignee(task)):
                what = _choices(key, known, "make it first, or choose another one.")
                message = f"The task {title(task)} is for the group “{key}”, which does not exist; {what}"
                yield Fault("unknown_group", task, message)


def _choices(name: str, known: Collection[str], otherwise: str = "choose another one.") -> str:
    close = get_close_matches(name, sorted(known), 1)
    return f"did you mean “{close[0]}”?" if close else otherwise


RULES: Final[tuple[Rule, ...]] = (called_processes, surroundings, groups)
