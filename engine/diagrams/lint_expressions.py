"""Laws about what is written in a diagram: expressions and scripts can be read before they are needed."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.associations import INPUT, OUTPUT, Carried, carried
from engine.diagrams.attributes import (
    assignee,
    collection,
    correlation_key,
    error_message,
    group_expression,
    inputs,
    outputs,
    passed_in,
    passed_out,
    payload,
    priority,
    script_text,
)
from engine.diagrams.autocompletion import ends_when_done, is_read
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    ACTIVITIES,
    AD_HOC,
    BPMN,
    CONDITION,
    MULTI_INSTANCE,
    PROCESS,
    START_EVENT,
    bpmn,
    child_text,
    event_definitions,
    identity,
    local_reference,
    rewritten,
    title,
)
from engine.errors import ExpressionError
from engine.expressions.foreign import is_foreign, is_worked_out, translate_name
from engine.expressions.language import Expression, compile_expression
from engine.expressions.scripts import compile_script

_CONDITIONS: Final = {
    CONDITION: "condition",
    bpmn("loopCardinality"): "number of instances",
    bpmn("loopCondition"): "loop condition",
    bpmn("completionCondition"): "completion condition",
    bpmn("activationCondition"): "activation condition",
    bpmn("condition"): "condition",
}
_PYTHON: Final = {"", "python", "python3", "text/x-python", "application/python", "text/python", "application/x-python"}


def unknown_calendars(element: etree._Element, expression: Expression | None, context: LintContext) -> Iterator[Fault]:
    """Find calendars that an expression names and nobody has written."""
    if expression is None or context.calendars is None:
        return
    for name in sorted(expression.calendars - set(context.calendars)):
        message = (
            f"{title(element)} reckons by the calendar “{name[:40]}”, which stands in no calendar.csv; add it there."
        )
        yield Fault("unknown_calendar", element, message)


def elsewhere(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find conditions that another product keeps in a file of their own, where the engine does not look."""
    for element in drawing.root.iter(*_CONDITIONS):
        places = [str(place) for name, place in element.attrib.items() if str(name).endswith("}resource")]
        if places and not "".join(map(str, element.itertext())).strip():
            what = f"The {_CONDITIONS[str(element.tag)]} of {title(owner(element))}"
            message = (
                f"{what} stands in another file, “{short(places[0])}”, which the engine does not read; write it here."
            )
            yield Fault("expression_foreign", owner(element), message)


def expressions(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find expressions that cannot be read, and those of other products that could not be translated."""
    for scope in drawing.root.iter(AD_HOC):
        if ends_when_done(scope):
            message = (
                f"The completion condition of {title(scope)} is jBPM's for ending when all is done; it was translated."
            )
            yield Fault("expression_translated", scope, message)
    for element, what, text, language in _written(drawing):
        foreign = is_foreign(text)
        try:
            compiled = compile_expression(text)
        except ExpressionError as error:
            code = "expression_foreign" if foreign else "expression_unreadable"
            why = f"is in {short(language)}, which the engine cannot run" if language else "cannot be read"
            yield Fault(
                code, element, f"The {what} of {title(element)} {why}: {error.message} It says “{short(text)}”."
            )
            continue
        yield from unknown_calendars(element, compiled, context)
        if compiled.is_translated:
            message = (
                f"The {what} of {title(element)} is written as in another product, “{short(text)}”; it was translated."
            )
            yield Fault("expression_translated", element, message)


def names(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find names of messages and signals that hold expressions, which nobody can work out before the process begins."""
    worked_out: dict[str | None, str] = {}
    used = {local_reference(one.get("messageRef") or one.get("signalRef")) for one in drawing.root.iter(f"{{{BPMN}}}*")}
    for definition in drawing.root.iterchildren(bpmn("message"), bpmn("signal")):
        name = definition.get("name") or ""
        if identity(definition) not in used or not is_worked_out(name):
            continue
        worked_out[identity(definition)] = name
        try:
            compile_expression(translate_name(name))
        except ExpressionError as error:
            message = f"The name of {title(definition)} cannot be worked out: {error.message} It says “{short(name)}”."
            yield Fault("expression_foreign", definition, message)
            continue
        message = (
            f"The name of {title(definition)} is written as in another product, “{short(name)}”; it was translated."
        )
        yield Fault("expression_translated", definition, message)
    for event in drawing.root.iterfind(f"{PROCESS}/{START_EVENT}"):
        for definition in event_definitions(event):
            key = local_reference(definition.get("messageRef") or definition.get("signalRef"))
            if key in worked_out:
                name = short(worked_out[key])
                message = (
                    f"{title(event)} begins the process, so there are no variables for “{name}”; write a plain name."
                )
                yield Fault("expression_foreign", event, message)


def scripts(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find scripts that are empty, in another language, or cannot be read."""
    for task in drawing.root.iter(bpmn("scriptTask")):
        text, language = script_text(task), (task.get("scriptFormat") or "").strip().lower()
        if task.find(rewritten("computes")) is not None:
            continue
        if text is None:
            message = (
                f"The script task {title(task)} holds no script, so it does nothing; write one or use a plain task."
            )
            yield Fault("script_empty", task, message)
            continue
        if language not in _PYTHON:
            message = f"The script of {title(task)} says it is written in {language[:40]}; only Python is understood."
            yield Fault("script_language", task, message)
        if is_foreign(text):
            message = (
                f"The script of {title(task)} is an expression of another product, and no variable takes its result."
            )
            yield Fault("script_unreadable", task, message)
            continue
        try:
            compile_script(text)
        except ExpressionError as error:
            why = "cannot be read" if language in _PYTHON else f"is in {language[:40]}, which the engine cannot run"
            yield Fault("script_unreadable", task, f"The script of {title(task)} {why}: {error.message}")


def _written(drawing: Drawing) -> Iterator[tuple[etree._Element, str, str, str]]:
    """Give each expression with the element it belongs to, what it is for, and the other language it says it is in."""
    for element in drawing.root.iter(*_CONDITIONS):
        text = "".join(map(str, element.itertext())).strip()
        if text and not is_read(element):
            language = (element.get("language") or drawing.root.get("expressionLanguage") or "").strip()
            yield owner(element), _CONDITIONS[str(element.tag)], text, "" if "python" in language.lower() else language
    for loop in drawing.root.iter(MULTI_INSTANCE):
        if child_text(loop, "loopDataInputRef") is None and (text := collection(loop) or ""):
            yield owner(loop), "collection", text, ""
    for activity, moved in _moved(drawing):
        if moved.expression:
            yield activity, f"value for “{moved.target[:80]}”", moved.expression, ""
    for element in drawing.root.iter(*_carriers()):
        for what, written in _own_expressions(element):
            if written:
                yield element, what, written, ""


def _moved(drawing: Drawing) -> Iterator[tuple[etree._Element, Carried]]:
    """Give what the data associations of each activity work out."""
    known = {key: element for element in drawing.root.iter("*") if (key := identity(element))}
    for activity in drawing.root.iter(*ACTIVITIES):
        for link in activity.findall(INPUT) + activity.findall(OUTPUT):
            if (moved := carried(link, known)) is not None:
                yield activity, moved


def _own_expressions(element: etree._Element) -> Iterator[tuple[str, str | None]]:
    yield "candidate groups", group_expression(element)
    yield "assignee", assignee(element)
    yield "priority", priority(element)
    yield "correlation key", correlation_key(element)
    yield "payload", payload(element)
    yield "message", error_message(element)
    for item in (*inputs(element), *outputs(element)):
        yield f"value for “{item.name[:80]}”", item.expression
    for passing in (*passed_in(element), *passed_out(element)):
        yield f"value for “{passing.target[:80]}”", passing.source


def _carriers() -> tuple[str, ...]:
    events = ("startEvent", "intermediateCatchEvent", "intermediateThrowEvent", "endEvent", "boundaryEvent")
    return (*ACTIVITIES, *map(bpmn, (*events, "message", "error")))


def owner(element: etree._Element) -> etree._Element:
    """Give the flow node or flow that a text is written for."""
    for place in element.iterancestors():
        if place.tag in ACTIVITIES or str(place.tag).endswith(("Event", "Gateway", "}sequenceFlow")):
            return place
    return element


def short(text: str) -> str:
    """Give a text in one line of at most 80 characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 80 else f"{plain[:79]}…"  # noqa: PLR2004 - a line


RULES: Final[tuple[Rule, ...]] = (expressions, elsewhere, names, scripts)
