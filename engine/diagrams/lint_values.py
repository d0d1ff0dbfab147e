"""Laws about how values are written: kinds of text, addresses, expressions without a body, and what roles name."""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.drawing import Drawing, described, process_of
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.lint_expressions import owner, short
from engine.diagrams.vocabulary import (
    CONDITION,
    CONDITIONAL_GATEWAYS,
    DOCUMENTATION,
    FLOW_NODES,
    PARCELFLOW,
    ROLES,
    TIMER_TEXTS,
    VENDORS,
    XSI_TYPE,
    bpmn,
    child_text,
    is_true,
    kind,
    local_reference,
    title,
)

_TYPES: Final = XSI_TYPE[1:].partition("}")[0]
_MIME: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(\s*;.*)?")
_NOT_IN_ADDRESS: Final = re.compile(r'%(?![0-9A-Fa-f]{2})|[<>"{}|\\^`\x00-\x1f]')
_ADDRESSES: Final = ("language", "expressionLanguage", "typeLanguage", "method")
_BODIES: Final = frozenset(map(bpmn, ("messagePath", "dataPath", "transformation", "formalExpression")))
_TYPED: Final = frozenset(
    map(bpmn, ("conditionExpression", "loopCondition", "completionCondition", "activationCondition", "from"))
)
"""Expressions that are formal by their type alone; what else is missed where it is empty has its own laws."""
_BOOLEAN: Final = {
    CONDITION: "condition",
    bpmn("loopCondition"): "loop condition",
    bpmn("completionCondition"): "completion condition",
    bpmn("condition"): "condition",
}
_NEVER_BOOLEAN: Final = re.compile(r"""(?![01]$)[+-]?\d+(\.\d+)?|"[^"]*"|'[^']*'""")
_FORMAL: Final = {
    **_BOOLEAN,
    bpmn("activationCondition"): "activation condition",
    bpmn("loopCardinality"): "number of instances",
    bpmn("from"): "assignment",
    bpmn("to"): "assignment",
    **TIMER_TEXTS,
}
_READ_ANYWAY: Final = (*VENDORS, PARCELFLOW, "trisotech.com")
"""Name spaces of products that write and read each expression as a formal one, whatever its type."""


def text_formats(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find texts whose format is no MIME type (8.3)."""
    for element in drawing.root.iter(DOCUMENTATION, bpmn("textAnnotation")):
        written = (element.get("textFormat") or "").strip()
        if written and not _MIME.fullmatch(written):
            place = _around(element) if element.tag == DOCUMENTATION else element
            message = f"The format “{written[:40]}” of a text of {title(place)} is no MIME type; write one such as text/plain."
            yield Fault("text_format", place, message)


def script_formats(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find scripts that do not say their language (10.3.3); in files with attributes of ours it is Python, said or not."""
    if drawing.is_from(PARCELFLOW):
        return
    for task in drawing.root.iter(bpmn("scriptTask"), bpmn("globalScriptTask")):
        is_said = (task.get("scriptFormat") or task.get("scriptLanguage") or "").strip()
        if child_text(task, "script") and not is_said:
            message = f'The script of {title(task)} does not say its language; write it, as in scriptFormat="python".'
            yield Fault("script_format", task, message)


def addresses(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find languages and methods whose names are no addresses, as XML Schema (anyURI) wants them."""
    for element in drawing.root.iter(bpmn("*")):
        for name in _ADDRESSES:
            written = element.get(name)
            if written is not None and _NOT_IN_ADDRESS.search(written):
                place = owner(element) if name == "language" else element
                message = (
                    f"“{written[:80]}” is no address (URI), so it cannot be the {name} of {title(place)}; correct it."
                )
                yield Fault("not_an_address", place, message)


def bodies(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find formal expressions that say nothing (8.4)."""
    behaviours = (one.find(bpmn("condition")) for one in drawing.root.iter(bpmn("complexBehaviorDefinition")))
    typed = (one for one in drawing.root.iter(*_TYPED) if _is_formal(one) and not _is_missed_anyway(drawing, one))
    for element in (*drawing.root.iter(*_BODIES), *(one for one in behaviours if one is not None), *typed):
        if not "".join(map(str, element.itertext())).strip():
            place = owner(element) if element.tag in _TYPED else _around(element)
            what = _FORMAL.get(str(element.tag)) or described(element)
            message = f"The {what} of {title(place)} is empty; write its expression or delete it."
            yield Fault("expression_empty", place, message)


def informal(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find expressions in plain words, as their type says, where a process that runs needs formal ones (8.4).

    Only a file that knows about types, and was not written for an engine that asks for none, is measured by them.
    """
    if context.is_to_run or _TYPES not in drawing.root.nsmap.values() or drawing.is_from(*_READ_ANYWAY):
        return
    for element in drawing.root.iter(*_FORMAL):
        process, place = process_of(element), owner(element)
        runs = process is not None and is_true(process, "isExecutable")
        in_behaviour = next(element.iterancestors(bpmn("complexBehaviorDefinition")), None) is not None
        is_formal = in_behaviour or _is_formal(element)
        if runs and not is_formal and "".join(map(str, element.itertext())).strip():
            message = (
                f"The {_FORMAL[str(element.tag)]} of {title(place)} is no formal expression; make it one (xsi:type)."
            )
            yield Fault("expression_informal", place, message)


def conditions(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find conditions that are a number or a text, and so neither true nor false."""
    for element in drawing.root.iter(*_BOOLEAN):
        text = "".join(map(str, element.itertext())).strip()
        if _NEVER_BOOLEAN.fullmatch(text):
            place = owner(element)
            message = f"The {_BOOLEAN[str(element.tag)]} of {title(place)} is “{short(text)}”, neither true nor false."
            yield Fault("condition_not_boolean", place, message)


def roles(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find performers that name a resource and an expression, or parameters of a resource and none (10.3)."""
    for role in drawing.root.iter(*ROLES):
        resource = role.find(bpmn("resourceRef"))
        place = _around(role)
        if resource is not None and role.find(bpmn("resourceAssignmentExpression")) is not None:
            message = f"The {kind(role)} {title(role)} of {title(place)} names a resource and an expression; leave one."
            yield Fault("resource_role", place, message)
        elif resource is None and role.find(bpmn("resourceParameterBinding")) is not None:
            message = (
                f"The {kind(role)} {title(role)} of {title(place)} has parameters, but names no resource; name one."
            )
            yield Fault("resource_role", place, message)


def _is_formal(element: etree._Element) -> bool:
    return local_reference(element.get(XSI_TYPE)) == "tFormalExpression"


def _is_missed_anyway(drawing: Drawing, element: etree._Element) -> bool:
    """Tell whether an expression stands in another file, or a gateway that chooses is told to miss its condition."""
    parent = element.getparent()
    if parent is None or any(str(name).endswith("}resource") for name in element.attrib):
        return True
    source = drawing.source(parent) if element.tag == CONDITION else None
    chooses = source is not None and source.tag in CONDITIONAL_GATEWAYS - {bpmn("complexGateway")}
    return (
        chooses and source is not None and drawing.default(source) is not parent and len(drawing.outgoing(source)) > 1
    )


def _around(element: etree._Element) -> etree._Element:
    """Give the flow node that an element belongs to, or what else it lies in."""
    parent = element.getparent()
    return next(element.iterancestors(*FLOW_NODES), element if parent is None else parent)


RULES: Final[tuple[Rule, ...]] = (text_formats, script_formats, addresses, bodies, informal, conditions, roles)
