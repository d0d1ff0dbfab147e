"""Settings of other products: which of them we can say in our words, and which have no effect here.

Camunda 7, Flowable and Activiti write attributes and extension elements in names of their own, Camunda 8 writes extension
elements in the name of Zeebe. What has an exact counterpart is read as that counterpart; the file itself keeps what was written.
Nothing is guessed: a setting is translated if the whole of it can be, and ours counts where both are given.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Final

from lxml import etree

from engine.decision_shapes import SHAPES
from engine.diagrams.attributes import Binding, script_text
from engine.diagrams.reader import Diagram
from engine.diagrams.vendor_expressions import LONGEST, MOST, as_expression, as_key, as_mapped, as_value, guarded
from engine.diagrams.vendor_scripts import feel, uses_variables, with_result, with_variables, worked_out
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    CATCH_EVENT,
    END_EVENT,
    EXTENSIONS,
    MULTI_INSTANCE,
    READ_VENDOR_ATTRIBUTES,
    THROW_EVENT,
    THROWING_EVENTS,
    VENDORS,
    bpmn,
    event_definitions,
    kind,
    loop_of,
    ours,
    rewritten,
)
from engine.errors import ExpressionError
from engine.expressions.foreign import is_foreign
from engine.expressions.language import compile_expression
from engine.timing import compile_timer

_DECISION_BY_TEXT: Final = "calledDecisionId"
_ERROR: Final = bpmn("errorEventDefinition")
_SIGNAL: Final = bpmn("signalEventDefinition")
_USER: Final = bpmn("userTask")
_RULE: Final = bpmn("businessRuleTask")
_CALL: Final = bpmn("callActivity")
_SCRIPT: Final = bpmn("scriptTask")
_COMPUTES: Final = "computes"
_BRINGS: Final = "brings"
_GIVES: Final = "gives"
_WAYS: Final = {"inputParameter": _BRINGS, "outputParameter": _GIVES, "input": _BRINGS, "output": _GIVES}
_MAPPINGS: Final = "ioMapping"
_MARKS: Final = frozenset({"shape", "outputCollection", "outputItem"})
"""What has no attribute of ours that a person could write."""
_WITH_VARIABLES: Final = ACTIVITIES | {CATCH_EVENT, THROW_EVENT, END_EVENT}
_DIRECTIONS: Final = frozenset({"in", "out"})
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
    if element.tag == _SCRIPT and uses_variables(element) and any(uri in VENDORS for uri in element.nsmap.values()):
        yield Setting("execution.getVariable, execution.setVariable", element, "script", with_variables(element))
    for name, value in element.attrib.items():
        vendor, path = _vendor(str(name))
        if vendor and path == "resultVariable" and element.tag == _SCRIPT:
            yield _result(f"{vendor}:{path}", element, str(value).strip())
        elif vendor and name not in READ_VENDOR_ATTRIBUTES:
            yield _setting(f"{vendor}:{path[:80]}", element, path, str(value))
    for extension in element.iterchildren(EXTENSIONS):
        for child in islice(extension.iterchildren("*"), MOST):
            vendor, path = _vendor(str(child.tag))
            if vendor and element.tag == _SIGNAL and kind(child) == "in":
                yield _carried(element, child, f"{vendor}:in ({_named(child)})")
            elif vendor:
                yield from _in_extension(element, child, f"{vendor}:{path[:80]}")


def translated(diagram: Diagram) -> Diagram:
    """Give a diagram with the settings of other products said in our words; the same one where there are none."""
    if not _names_another_product(diagram):
        return diagram
    root = copy.deepcopy(diagram.root)
    return replace(diagram, root=root) if _say(root) else diagram


def translate_copy(root: etree._Element, diagram: Diagram) -> None:
    """Say the settings of other products in our words, in a copy of a diagram's tree."""
    if _names_another_product(diagram):
        _say(root)


def _say(root: etree._Element) -> bool:
    found = [one for element in root.iter("*") for one in settings(element) if one.said is not None]
    for place in {one.place: None for one in found}:
        here = [one for one in found if one.place is place]
        _write(place, here)
        directions = {one.target for one in here} & _DIRECTIONS
        if directions and place.tag == _CALL:
            _close(place, _DIRECTIONS - directions)
    return bool(found)


def _close(call: etree._Element, directions: Iterable[str]) -> None:
    """Let nothing pass the other way where a call names what it passes one way, as it does with the tools that write so."""
    for direction in directions:
        if not call.findall(f"{EXTENSIONS}/{ours(direction)}"):
            call.set(rewritten("closed"), direction)


@lru_cache(maxsize=1_000)
def _vendor(name: str) -> tuple[str | None, str]:
    """Take a qualified name apart: the product it belongs to, None where it is none of those, and the bare name."""
    uri, bracket, path = name[1:].partition("}")
    return (VENDORS.get(uri), path) if bracket else (None, name)


def _names_another_product(diagram: Diagram) -> bool:
    """Tell whether elements can have settings; a file that names no other product has none, which its bytes tell at once."""
    return any(uri.encode(encoding) in diagram.data for uri in VENDORS for encoding in _ENCODINGS)


def _write(element: etree._Element, found: list[Setting]) -> None:
    for one in found:
        said = one.said or ""
        if one.target == "resultVariable" and rewritten("shape") not in element.attrib:
            element.set(rewritten("shape"), "value" if one.name.startswith("zeebe") else "resultList")
        if one.target == "collection" and one.name.startswith("zeebe"):
            element.set(rewritten("first"), "1")
        if one.target in _MARKS:
            element.set(rewritten(one.target), said)
        elif one.target == "script":
            script = element.find(bpmn("script"))
            if script is not None:
                script[:], script.text = [], said
        elif one.target in {_COMPUTES, _BRINGS, _GIVES}:
            _write_variable(element, one.target, said, stays_inside=one.name.startswith("zeebe"))
        elif one.target in _DIRECTIONS:
            _write_passing(element, one.target, said)
        else:
            element.set(one.target if one.target == "calledElement" else ours(one.target), said)


def _write_variable(element: etree._Element, target: str, said: str, *, stays_inside: bool) -> None:
    """Write a variable that an activity computes, has for itself or hands on; results may stay inside then."""
    variable, _, expression = said.partition("\n")
    named = {"own": variable if target == _BRINGS else "", "target": variable, "expression": expression}
    of_each = {"each": "true"} if target == _BRINGS and loop_of(element) is not None else {}
    etree.SubElement(element, rewritten(target), named | of_each)
    if target == _GIVES and stays_inside:
        element.set(rewritten("keeps"), "true")


def _write_passing(element: etree._Element, direction: str, said: str) -> None:
    """Write what is passed to a called process, or back."""
    extension = element.find(EXTENSIONS)
    if extension is not None:
        source, target = said.split("\n")
        named = {"all": "true"} if not target else {"source": source, "target": target}
        etree.SubElement(extension, ours(direction), named)


def _in_extension(element: etree._Element, child: etree._Element, name: str) -> Iterator[Setting]:
    if kind(child) in {"in", "out"} and element.tag == _CALL:
        said = _passing(child)
        yield Setting(f"{name} ({_named(child)})", element, kind(child), said, hint=_HERE["in"])
        return
    if kind(child) in {"inputOutput", _MAPPINGS} and element.tag in _WITH_VARIABLES:
        yield from _parameters(element, child, name)
        return
    if kind(child) == "script" and element.tag == _SCRIPT and "expression" in child.attrib:
        variable, said = child.get("resultVariable", ""), feel(child.get("expression", ""))
        is_followed = said and variable.isidentifier() and script_text(element) is None
        yield Setting(name, element, _COMPUTES, f"{variable}\n{said}" if is_followed else None, hint=_HERE["script"])
        return
    if kind(child) == _DECISION_BY_TEXT:
        yield _setting(name, element, _DECISION_BY_TEXT, child.text or "")
        return
    attributes = [str(key) for key in child.attrib if not str(key).startswith("{")]
    known = [key for key in attributes if f"{kind(child)}/{key}" in _COUNTERPARTS]
    if "outputCollection" in known and not _variable(child.get("outputElement", "")):
        known.remove("outputCollection")  # nobody says what would be gathered
    for key in known:
        yield _setting(f"{name}/@{key}", element, f"{kind(child)}/{key}", child.get(key, ""))
    parts = dict.fromkeys(kind(part)[:80] for part in child.iterchildren("*"))
    rest = [f"/@{key[:80]}" for key in attributes if key not in known] or (
        [] if known else [f"/{part}" for part in parts]
    )
    for part in rest or ([] if known else [""]):
        yield Setting(f"{name}{part}", element, hint=_HERE.get(kind(child), ""))


def _result(name: str, task: etree._Element, variable: str) -> Setting:
    """Follow a script whose value goes to a variable."""
    if not variable.isidentifier():
        return Setting(name, task, hint=_HERE["script"])
    if said := worked_out(task):
        return Setting(name, task, _COMPUTES, f"{variable}\n{said}")
    return Setting(name, task, "script", with_result(task, variable), hint=_HERE["script"])


def _parameters(element: etree._Element, child: etree._Element, name: str) -> Iterator[Setting]:
    """Give the variables that an activity has for itself, and those that it leaves.

    They are worked out together here and one after the other there, so one that reads another is not followed.
    """
    made: set[str] = set()
    is_mapping = kind(child) == _MAPPINGS
    for part in islice(child.iterchildren("*"), MOST):
        variable, way = part.get("target" if is_mapping else "name", "").strip(), _WAYS.get(kind(part), "")
        is_handed_on = loop_of(element) is None and not (is_mapping and element.tag == _CALL)
        said = None
        if way and variable.isidentifier() and (way == _BRINGS or is_handed_on):
            said = as_mapped(part.get("source", "")) if is_mapping else as_value(part)
        if said and (variable in made or made & compile_expression(said).names) and way == _BRINGS:
            said = None
        made |= {variable} if way == _BRINGS else set()
        shown = f"{name}/{kind(part)[:40]} ({variable[:40]})"
        yield Setting(shown, element, way, f"{variable}\n{said}" if said else None, hint=_HERE[kind(child)])


def _setting(name: str, element: etree._Element, path: str, value: str) -> Setting:
    counterpart = _COUNTERPARTS.get(path)
    hint = _HERE.get(path.split("/", maxsplit=1)[0], "")
    if counterpart is None or counterpart.tag != element.tag:
        return Setting(name, element, hint=hint)
    plain = counterpart.target == "calledElement"
    is_taken = element.get(counterpart.target if plain else ours(counterpart.target)) is not None
    said = None if is_taken or len(value) > LONGEST else counterpart.say(value.strip())
    return Setting(name, element, counterpart.target, said, hint=hint)


def _passing(child: etree._Element) -> str | None:
    """Say a variable that is passed as our source and target, on two lines; no target stands for every variable.

    What another product keeps in the activity alone (`local`) would go further here, or bring too much.
    """
    target, is_local = child.get("target", "").strip(), child.get("local", "").strip() == "true"
    if is_local and (kind(child) == "out" or "variables" in child.attrib):
        return None
    if child.get("variables") == "all":
        return "\n"
    written, source = child.get("sourceExpression", "").strip(), child.get("source", "").strip()
    said = as_expression(written or source) if written or is_foreign(source) else _read(source)
    return f"{said}\n{target}" if said and target.isidentifier() and "\n" not in said else None


def _read(source: str) -> str | None:
    return guarded(source) if source.isidentifier() else None


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
    """Say variables that are passed as a group of entries, or all of them."""
    passed = [None if "local" in one.attrib else _passing(one) for one in listed[:MOST]]
    if passed == ["\n"]:
        return "*"
    entries = [one.split("\n") for one in passed if one is not None]
    if len(entries) < len(listed) or not all(target for _, target in entries):
        return None
    return f"{{{', '.join(f'{target!r}: {source}' for source, target in entries)}}}"


def _named(child: etree._Element) -> str:
    return ", ".join(f"{str(key)[:40]} {str(value)[:40]}" for key, value in child.attrib.items())


def _keys(text: str) -> str | None:
    """Take groups by name; one that is worked out may come to nothing, which ours must not."""
    return as_key(text)


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


def _shape(text: str) -> str | None:
    return text if text in SHAPES else None


def _name(text: str) -> str | None:
    return text if text.isidentifier() else None


def _expression(text: str) -> str | None:
    try:
        compile_expression(text)
    except ExpressionError:
        return None
    return text


def _variable(text: str) -> str | None:
    return _name(text.removeprefix("=").strip()) if text.startswith("=") else None


def _callee(text: str) -> str | None:
    return as_key(text) or (_expression(text) if text.startswith("=") else None)


_COUNTERPARTS: Final = {
    "assignee": _Counterpart(_USER, "assignee", as_expression),
    "candidateGroups": _Counterpart(_USER, "candidateGroups", _keys),
    "dueDate": _Counterpart(_USER, "dueDate", _due),
    "priority": _Counterpart(_USER, "priority", _count),
    "formRef": _Counterpart(_USER, "form", as_key),
    "decisionRef": _Counterpart(_RULE, "decision", as_key),
    _DECISION_BY_TEXT: _Counterpart(_RULE, "decision", as_key),
    "resultVariable": _Counterpart(_RULE, "resultVariable", _name),
    "mapDecisionResult": _Counterpart(_RULE, "shape", _shape),
    "calledElementBinding": _Counterpart(_CALL, "binding", _binding),
    "calledElementVersion": _Counterpart(_CALL, "version", _count),
    "errorCodeVariable": _Counterpart(_ERROR, "codeVariable", _name),
    "errorMessageVariable": _Counterpart(_ERROR, "messageVariable", _name),
    "escalationCodeVariable": _Counterpart(bpmn("escalationEventDefinition"), "codeVariable", _name),
    "errorMessage": _Counterpart(bpmn("error"), "errorMessage", as_expression),
    "assignmentDefinition/assignee": _Counterpart(_USER, "assignee", as_expression),
    "assignmentDefinition/candidateGroups": _Counterpart(_USER, "candidateGroups", _keys),
    "taskSchedule/dueDate": _Counterpart(_USER, "dueDate", _due),
    "priorityDefinition/priority": _Counterpart(_USER, "priority", _count),
    "formDefinition/formId": _Counterpart(_USER, "form", as_key),
    "calledDecision/decisionId": _Counterpart(_RULE, "decision", as_key),
    "calledDecision/resultVariable": _Counterpart(_RULE, "resultVariable", _name),
    "calledElement/processId": _Counterpart(_CALL, "calledElement", _callee),
    "loopCharacteristics/inputCollection": _Counterpart(MULTI_INSTANCE, "collection", _expression),
    "loopCharacteristics/inputElement": _Counterpart(MULTI_INSTANCE, "elementVariable", _name),
    "loopCharacteristics/outputCollection": _Counterpart(MULTI_INSTANCE, "outputCollection", _name),
    "loopCharacteristics/outputElement": _Counterpart(MULTI_INSTANCE, "outputItem", _variable),
    "subscription/correlationKey": _Counterpart(bpmn("message"), "correlationKey", _expression),
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
    _DECISION_BY_TEXT: "parcelflow:decision",
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
