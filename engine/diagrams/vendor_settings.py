"""Settings of other products: which of them we can say in our words, and which have no effect here.

Camunda 7, Flowable and Activiti write attributes and extension elements in names of their own, Camunda 8 writes extension
elements in the name of Zeebe. What has an exact counterpart is read as that counterpart; the file itself keeps what was written.
Nothing is guessed: a setting is translated if the whole of it can be, and ours counts where both are given.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Final

from lxml import etree

from engine.diagrams.reader import Diagram
from engine.diagrams.vocabulary import (
    EXTENSIONS,
    MULTI_INSTANCE,
    READ_VENDOR_ATTRIBUTES,
    THROWING_EVENTS,
    VENDORS,
    Binding,
    bpmn,
    event_definitions,
    kind,
    ours,
)
from engine.errors import ExpressionError
from engine.expressions import compile_expression
from engine.foreign import is_foreign, translate
from engine.timing import compile_timer

_ERROR: Final = bpmn("errorEventDefinition")
_SIGNAL: Final = bpmn("signalEventDefinition")
_USER: Final = bpmn("userTask")
_RULE: Final = bpmn("businessRuleTask")
_CALL: Final = bpmn("callActivity")
_LONGEST: Final = 1_000
_MOST: Final = 500
"""Settings of one element that are looked at."""
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of another product, and what it is here: `said` is our word for its value, None where it has no effect."""

    name: str
    place: etree._Element
    target: str = ""
    said: str | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Counterpart:
    """Where a setting may stand, our attribute for it, and how its value is said; None where it cannot be."""

    tag: str
    target: str
    say: Callable[[str], str | None]


def settings(element: etree._Element) -> Iterator[Setting]:
    """Give the settings of other products on an element and in its extensions."""
    for name, value in element.attrib.items():
        vendor, path = _vendor(str(name))
        if vendor and name not in READ_VENDOR_ATTRIBUTES:
            yield _setting(f"{vendor}:{path[:80]}", element, path, str(value))
    for extension in element.iterchildren(EXTENSIONS):
        for child in islice(extension.iterchildren("*"), _MOST):
            vendor, path = _vendor(str(child.tag))
            if vendor and element.tag == _SIGNAL and kind(child) == "in":
                yield _carried(element, child, f"{vendor}:in ({_named(child)})")
            elif vendor:
                yield from _in_extension(element, child, f"{vendor}:{path[:80]}")


def translated(diagram: Diagram) -> Diagram:
    """Give a diagram with the settings of other products said in our words; the same one where there are none."""
    found = [one for element in _owners(diagram) for one in settings(element) if one.said is not None]
    if not found:
        return diagram
    places = {one.place: None for one in found}
    root = copy.deepcopy(diagram.root)
    twins = dict(zip(diagram.root.iter(), root.iter(), strict=True))
    for place in places:
        _write(twins[place], [one for one in found if one.place is place])
    return replace(diagram, root=root)


@lru_cache(maxsize=1_000)
def _vendor(name: str) -> tuple[str | None, str]:
    """Take a qualified name apart: the product it belongs to, None where it is none of those, and the bare name."""
    uri, bracket, path = name[1:].partition("}")
    return (VENDORS.get(uri), path) if bracket else (None, name)


def _owners(diagram: Diagram) -> Iterator[etree._Element]:
    """Give the elements that can have settings; a file that names no other product has none, which its bytes tell at once."""
    names_one = any(uri.encode(encoding) in diagram.data for uri in VENDORS for encoding in _ENCODINGS)
    return diagram.root.iter("*") if names_one else iter(())


def _write(element: etree._Element, found: list[Setting]) -> None:
    for one in found:
        said = one.said or ""
        if not said:
            continue
        if one.target in {"in", "out"}:
            extension = element.find(EXTENSIONS)
            if extension is not None:
                source, target = said.split("\n")
                named = {"all": "true"} if not target else {"source": source, "target": target}
                etree.SubElement(extension, ours(one.target), named)
        else:
            element.set(one.target if one.target == "calledElement" else ours(one.target), said)


def _in_extension(element: etree._Element, child: etree._Element, name: str) -> Iterator[Setting]:
    if kind(child) in {"in", "out"} and element.tag == _CALL:
        said = _passing(child)
        yield Setting(f"{name} ({_named(child)})", element, kind(child), said, hint="in")
        return
    attributes = [str(key) for key in child.attrib if not str(key).startswith("{")]
    known = [key for key in attributes if f"{kind(child)}/{key}" in _COUNTERPARTS]
    for key in known:
        yield _setting(f"{name}/@{key}", element, f"{kind(child)}/{key}", child.get(key, ""))
    parts = dict.fromkeys(kind(part)[:80] for part in child.iterchildren("*"))
    rest = [f"/@{key[:80]}" for key in attributes if key not in known] or (
        [] if known else [f"/{part}" for part in parts]
    )
    for part in rest or ([] if known else [""]):
        yield Setting(f"{name}{part}", element, hint=_HERE.get(kind(child), ""))


def _setting(name: str, element: etree._Element, path: str, value: str) -> Setting:
    counterpart = _COUNTERPARTS.get(path)
    hint = _HERE.get(path.split("/", maxsplit=1)[0], "")
    if counterpart is None or counterpart.tag != element.tag:
        return Setting(name, element, hint=hint)
    plain = counterpart.target == "calledElement"
    is_taken = element.get(counterpart.target if plain else ours(counterpart.target)) is not None
    said = None if is_taken or len(value) > _LONGEST else counterpart.say(value.strip())
    return Setting(name, element, counterpart.target, said, hint=hint)


def _passing(child: etree._Element) -> str | None:
    """Say a variable that is passed as our source and target, on two lines; no target stands for every variable."""
    target = child.get("target", "").strip()
    if child.get("variables") == "all":
        return "\n"
    source = child.get("sourceExpression", "").strip() or child.get("source", "").strip()
    is_name = "sourceExpression" in child.attrib or source.isidentifier()
    said = _expression(source) if is_foreign(source) else _guarded(source) if is_name else None
    return f"{said}\n{target}" if said and target.isidentifier() and "\n" not in said else None


def _carried(definition: etree._Element, child: etree._Element, name: str) -> Setting:
    """Say what a thrown signal carries: all that is listed is one payload of ours, so a part of it would be a guess."""
    event = definition.getparent()
    listed = [one for one in definition.iterfind(f"{EXTENSIONS}/{child.tag}") if "businessKey" not in one.attrib]
    if event is not None and child in listed and event.tag in THROWING_EVENTS and len(event_definitions(event)) == 1:
        said = _payload(listed) if event.get(ours("payload")) is None else None
        if said is not None:
            return Setting(name, event, "payload", said)
    return Setting(name, definition, hint="parcelflow:payload")


def _payload(listed: list[etree._Element]) -> str | None:
    """Say variables that are passed as a group of entries; nothing need be said where all are passed."""
    passed = [None if "local" in one.attrib else _passing(one) for one in listed[:_MOST]]
    if passed == ["\n"]:
        return ""
    entries = [one.split("\n") for one in passed if one is not None]
    if len(entries) < len(listed) or not all(target for _, target in entries):
        return None
    return f"{{{', '.join(f'{target!r}: {source}' for source, target in entries)}}}"


def _named(child: etree._Element) -> str:
    return ", ".join(f"{str(key)[:40]} {str(value)[:40]}" for key, value in child.attrib.items())


def _key(text: str) -> str | None:
    return text if text and not is_foreign(text) and "${" not in text else None


def _keys(text: str) -> str | None:
    """Take groups by name; one that is worked out may come to nothing, which ours must not."""
    return _key(text)


def _expression(text: str) -> str | None:
    """Say a text as an expression: another product's is translated, anything else is the text itself."""
    if not is_foreign(text):
        return repr(text) if _key(text) else None
    try:
        return _guarded(translate(text))
    except ExpressionError:
        return None


def _guarded(python: str) -> str | None:
    """Let an expression be nothing while its variables are not set: elsewhere a setting may be worked out of nothing."""
    try:
        compile_expression(python)
    except ExpressionError:
        return None
    read = sorted(set(_paths(ast.parse(python, mode="eval").body)))
    asked = " and ".join(f"is_set({path})" for path in read)
    return f"({python}) if {asked} else None" if read else python


def _paths(tree: ast.expr) -> Iterator[str]:
    """Give the variables that an expression reads, with the entries it reads of them."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        is_path = isinstance(node, ast.Name | ast.Attribute) and id(node) not in called
        if is_path and all(isinstance(part, ast.Name | ast.Attribute | ast.Load) for part in ast.walk(node)):
            yield ast.unparse(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _due(text: str) -> str | None:
    for sort in ("duration", "date"):
        try:
            compile_timer(sort, text)
        except ExpressionError:
            continue
        return text if text[:1] in "P0123456789" else None
    return None


def _count(text: str) -> str | None:
    return text if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 - more is no number


def _binding(text: str) -> str | None:
    return text if text in set(Binding) else None


def _name(text: str) -> str | None:
    return text if text.isidentifier() else None


def _list(text: str) -> str | None:
    try:
        compile_expression(text)
    except ExpressionError:
        return None
    return text


_COUNTERPARTS: Final = {
    "assignee": _Counterpart(_USER, "assignee", _expression),
    "candidateGroups": _Counterpart(_USER, "candidateGroups", _keys),
    "dueDate": _Counterpart(_USER, "dueDate", _due),
    "priority": _Counterpart(_USER, "priority", _count),
    "formRef": _Counterpart(_USER, "form", _key),
    "decisionRef": _Counterpart(_RULE, "decision", _key),
    "resultVariable": _Counterpart(_RULE, "resultVariable", _name),
    "calledElementBinding": _Counterpart(_CALL, "binding", _binding),
    "calledElementVersion": _Counterpart(_CALL, "version", _count),
    "errorCodeVariable": _Counterpart(_ERROR, "codeVariable", _name),
    "errorMessageVariable": _Counterpart(_ERROR, "messageVariable", _name),
    "escalationCodeVariable": _Counterpart(bpmn("escalationEventDefinition"), "codeVariable", _name),
    "errorMessage": _Counterpart(bpmn("error"), "errorMessage", _expression),
    "assignmentDefinition/assignee": _Counterpart(_USER, "assignee", _expression),
    "assignmentDefinition/candidateGroups": _Counterpart(_USER, "candidateGroups", _keys),
    "taskSchedule/dueDate": _Counterpart(_USER, "dueDate", _due),
    "priorityDefinition/priority": _Counterpart(_USER, "priority", _count),
    "formDefinition/formId": _Counterpart(_USER, "form", _key),
    "calledDecision/decisionId": _Counterpart(_RULE, "decision", _key),
    "calledDecision/resultVariable": _Counterpart(_RULE, "resultVariable", _name),
    "calledElement/processId": _Counterpart(_CALL, "calledElement", _key),
    "loopCharacteristics/inputCollection": _Counterpart(MULTI_INSTANCE, "collection", _list),
    "loopCharacteristics/inputElement": _Counterpart(MULTI_INSTANCE, "elementVariable", _name),
}
_OPERATION: Final = "parcelflow:operation"
_ROWS: Final = "nothing; every step is stored"
_RETRIES: Final = "set for each operation"
_DRAWN: Final = "drawn as a task of its own"
_HERE: Final = {
    "assignee": "parcelflow:assignee",
    "errorCodeVariable": "parcelflow:codeVariable",
    "errorMessageVariable": "parcelflow:messageVariable",
    "escalationCodeVariable": "parcelflow:codeVariable",
    "errorMessage": "parcelflow:errorMessage",
    "candidateUsers": "parcelflow:candidateGroups",
    "candidateGroups": "parcelflow:candidateGroups",
    "assignmentDefinition": "parcelflow:assignee, parcelflow:candidateGroups",
    "dueDate": "parcelflow:dueDate",
    "taskSchedule": "parcelflow:dueDate",
    "priority": "parcelflow:priority",
    "priorityDefinition": "parcelflow:priority",
    "formKey": "parcelflow:form",
    "formRef": "parcelflow:form",
    "formDefinition": "parcelflow:form",
    "userTaskForm": "a form of its own in the folder forms",
    "formData": "a form of its own in the folder forms",
    "formProperty": "a form of its own in the folder forms",
    "topic": _OPERATION,
    "type": _OPERATION,
    "class": _OPERATION,
    "expression": _OPERATION,
    "delegateExpression": _OPERATION,
    "connector": _OPERATION,
    "field": "parcelflow:input",
    "taskDefinition": _OPERATION,
    "taskHeaders": "parcelflow:input",
    "inputOutput": "parcelflow:input, parcelflow:output",
    "ioMapping": "parcelflow:input, parcelflow:output",
    "decisionRef": "parcelflow:decision",
    "calledDecision": "parcelflow:decision",
    "resultVariable": "parcelflow:output",
    "in": "parcelflow:in, parcelflow:out",
    "subscription": "parcelflow:correlationKey",
    "script": "a script task in Python",
    "executionListener": _DRAWN,
    "executionListeners": _DRAWN,
    "taskListener": _DRAWN,
    "taskListeners": _DRAWN,
    "async": _ROWS,
    "asyncBefore": _ROWS,
    "asyncAfter": _ROWS,
    "exclusive": _ROWS,
    "failedJobRetryTimeCycle": _RETRIES,
    "jobRetryTimeCycle": _RETRIES,
    "initiator": "known to the history",
    "loopCharacteristics": "parcelflow:collection, parcelflow:elementVariable",
}
"""Where our product has what a setting was for."""
