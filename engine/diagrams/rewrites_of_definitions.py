"""Rewrites of what is named and referred to: ids, references, event definitions, global tasks, data."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from engine.diagrams.associations import INPUT, OUTPUT, carried, data_name
from engine.diagrams.attributes import called_expression
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    EVENTS,
    FLOW_NODES,
    GLOBAL_TASKS,
    MULTI_INSTANCE,
    PROCESS,
    SCOPES,
    SEQUENCE_FLOW,
    bpmn,
    child_text,
    identity,
    is_true,
    local_reference,
    message_reference,
    rewritten,
)
from engine.diagrams.working_copy import WorkingCopy

REFERRING_ATTRIBUTES: Final = frozenset(
    {
        "activityRef",
        "attachedToRef",
        "calledElement",
        "dataObjectRef",
        "default",
        "errorRef",
        "escalationRef",
        "messageRef",
        "noneBehaviorEventRef",
        "oneBehaviorEventRef",
        "operationRef",
        "processRef",
        "signalRef",
        "sourceRef",
        "targetRef",
    }
)
REFERRING_ELEMENTS: Final = frozenset(
    map(bpmn, ("flowNodeRef", "eventDefinitionRef", "sourceRef", "targetRef", "loopDataInputRef", "loopDataOutputRef"))
)
_RESERVED: Final = re.compile(
    r"(Start|End|Root|StartEventSplit|StartEventJoin)|.*\.(EndJoin|BoundaryEventSplit|BoundaryEventJoin)"
)


def picture_only_processes(draft: WorkingCopy) -> None:
    """Leave behind the processes that are only drawn beside one that is marked as executable."""
    processes = list(draft.root.iter(PROCESS))
    if any(is_true(process, "isExecutable") for process in processes):
        _remove_all(process for process in processes if not is_true(process, "isExecutable"))


def plain_references(draft: WorkingCopy) -> None:
    """Write every reference as the bare id it means; tools write qualified names and line breaks around them."""
    for element in draft.root.iter("*"):
        for name in REFERRING_ATTRIBUTES & set(map(str, element.attrib)):
            if name != "calledElement" or not called_expression(element):
                element.set(name, local_reference(element.get(name)) or "")
        if element.tag in REFERRING_ELEMENTS:
            element.text = local_reference(element.text) or ""


def reserved_ids(draft: WorkingCopy) -> None:
    """Rename the ids which the engine gives to nodes of its own, wherever they are written."""
    changed: dict[str, str] = {}
    for element in list(draft.root.iter("*")):
        key = identity(element)
        if key and _RESERVED.fullmatch(key):
            changed[key] = draft.rename(element, f"{key.replace('.', '_')}_")
    if changed:
        _replace_references(draft.root.iter("*"), changed)


def missing_ids(draft: WorkingCopy) -> None:
    """Give flow nodes and flows without an id one of ours."""
    for element in draft.root.iter(SEQUENCE_FLOW, *FLOW_NODES):
        if identity(element) is None:
            element.set("id", draft.invent(f"{etree.QName(element).localname}__unnamed"))


def event_definition_references(draft: WorkingCopy) -> None:
    """Replace each reference to an event definition by a copy of it."""
    known = {key: element for element in draft.root if (key := identity(element))}
    for reference in list(draft.root.iter(bpmn("eventDefinitionRef"))):
        event = reference.getparent()
        definition = known.get(reference.text or "")
        if event is None or definition is None:
            message = f"The event refers to the event definition “{reference.text}”, which does not exist; define it."
            raise draft.refuse(reference if event is None else event, "unknown_reference", message)
        own = copy.deepcopy(definition)
        own.tail = None
        own.set("id", draft.invent(f"{identity(event) or 'event'}__{reference.text}"))
        event.replace(reference, own)


def messages_of_operations(draft: WorkingCopy) -> None:
    """Write the message of its operation on each task and event definition that names only the operation."""
    for element in draft.root.iter(*map(bpmn, ("sendTask", "receiveTask", "messageEventDefinition"))):
        if not element.get("messageRef") and (message := message_reference(element)):
            element.set("messageRef", message)


def global_tasks(draft: WorkingCopy) -> None:
    """Turn each global task into a process of the same id that runs just this task."""
    for drawn in [element for element in draft.root if element.tag in GLOBAL_TASKS]:
        key = identity(drawn) or draft.invent("global_task")
        process = etree.SubElement(draft.root, PROCESS, {"id": key, "isExecutable": "true"})
        process.set(rewritten("globalTask"), "true")
        if name := drawn.get("name"):
            process.set("name", name)
        task = _as_task(draft, drawn, key)
        start = draft.add(process, bpmn("startEvent"), f"{key}__start")
        process.append(task)
        end = draft.add(process, bpmn("endEvent"), f"{key}__end")
        draft.connect(process, start.get("id", ""), task.get("id", ""))
        draft.connect(process, task.get("id", ""), end.get("id", ""))
        draft.root.remove(drawn)


def data(draft: WorkingCopy) -> None:
    """Write what data associations mean in names of variables, then drop them with the data stores, which are picture only.

    Variables are shared along the flow: an association counts where it connects an input or output of an activity with data of
    another name. What a multi-instance activity loops over is written on it as a plain name first.
    """
    known = {key: element for element in draft.root.iter("*") if (key := identity(element))}
    for loop in draft.root.iter(MULTI_INSTANCE):
        _name_collections(loop, known)
    for activity in draft.root.iter(*ACTIVITIES):
        _name_associations(activity, known)
    for tag in ("dataStore", "dataStoreReference"):
        _remove_all(draft.root.iter(bpmn(tag)))
    for node in list(draft.root.iter(*(ACTIVITIES | EVENTS))):
        for tag in ("dataInputAssociation", "dataOutputAssociation", "ioSpecification"):
            _remove_all(node.findall(bpmn(tag)))


def misplaced_flows(draft: WorkingCopy) -> None:
    """Move a flow or an association that was written outside the scope of the two nodes it connects."""
    homes = {key: node.getparent() for node in draft.root.iter(*FLOW_NODES) if (key := identity(node))}
    for flow in list(draft.root.iter(SEQUENCE_FLOW, bpmn("association"))):
        home = homes.get(flow.get("sourceRef", ""))
        if home is not None and home is homes.get(flow.get("targetRef", "")) and home is not flow.getparent():
            home.append(flow)


def scopes(draft: WorkingCopy) -> list[etree._Element]:
    """Give the processes and subprocesses, outer ones first."""
    return list(draft.root.iter(*SCOPES))


def _as_task(draft: WorkingCopy, drawn: etree._Element, key: str) -> etree._Element:
    task = copy.deepcopy(drawn)
    task.tag, task.tail = GLOBAL_TASKS[str(drawn.tag)], None
    task.set("id", draft.fresh(f"{key}__task"))
    draft.renamed[task.get("id", "")] = draft.renamed.get(key, key)
    return task


def _replace_references(elements: Iterable[etree._Element], changed: dict[str, str]) -> None:
    for element in elements:
        for name in REFERRING_ATTRIBUTES & set(map(str, element.attrib)):
            element.set(name, changed.get(element.get(name, ""), element.get(name, "")))
        if element.tag in REFERRING_ELEMENTS and element.text in changed:
            element.text = changed[element.text]


def _name_collections(loop: etree._Element, known: Mapping[str, etree._Element]) -> None:
    activity = loop.getparent()
    if activity is None:
        return
    for tag, association, mark in (
        ("loopDataInputRef", "dataInputAssociation", "collection"),
        ("loopDataOutputRef", "dataOutputAssociation", "outputCollection"),
    ):
        if key := child_text(loop, tag):
            loop.set(rewritten(mark), _variable(activity, association, key, known))


def _name_associations(activity: etree._Element, known: Mapping[str, etree._Element]) -> None:
    """Write the inputs and outputs of an activity that have another name than the data they are connected with."""
    loop = activity.find(MULTI_INSTANCE)
    looped = set() if loop is None else {child_text(loop, "loopDataInputRef"), child_text(loop, "loopDataOutputRef")}
    for tag, mark, inner in ((INPUT, "brings", "targetRef"), (OUTPUT, "gives", "sourceRef")):
        for link in activity.findall(tag):
            moved = None if (child_text(link, inner) or "") in looped else carried(link, known)
            if moved and {moved.variable or moved.expression, moved.target} != {moved.own}:
                etree.SubElement(activity, rewritten(mark), **moved._asdict())


def _variable(activity: etree._Element, association: str, key: str, known: Mapping[str, etree._Element]) -> str:
    """Name the variable behind the data of a loop: what the association connects it with, else the data itself."""
    ends = ("targetRef", "sourceRef") if association == "dataInputAssociation" else ("sourceRef", "targetRef")
    for link in activity.findall(bpmn(association)):
        if child_text(link, ends[0]) == key:
            key = child_text(link, ends[1]) or key
            break
    return data_name(key, known)


def _remove_all(elements: Iterable[etree._Element]) -> None:
    for element in list(elements):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
