"""Business knowledge models of a decision file (DMN 1.3, 6.3.9) whose body is a literal expression, to be called by name."""

from collections import defaultdict
from collections.abc import Mapping

from lxml import etree

from engine.decisions.allowance import TooMuch
from engine.decisions.names import spoken
from engine.decisions.reading import TableReader, children, is_in_feel, short, text_of
from engine.errors import ExpressionError
from engine.expressions.feel_phrases import say_model
from engine.expressions.language import compile_feel


def read_models(root: etree._Element, reader: TableReader) -> Mapping[str, str]:
    """Let the reader know the models that can be called; tell of each of the others, by its id, why it cannot be."""
    models = {element.get("id", ""): element for element in children(root, "businessKnowledgeModel")}
    needed = {model for element in children(root, "decision") for model in required_models(element)}
    refused = dict.fromkeys(needed - models.keys(), "it is not in this file.")
    waiting = {key: {*required_models(element)} & models.keys() for key, element in models.items()}
    users = defaultdict[str, list[str]](list)
    for key, needs in waiting.items():
        for need in needs:
            users[need].append(key)
    ready = [key for key, needs in waiting.items() if not needs]
    for key in ready:
        del waiting[key]
        fault = _read(models[key], reader)
        if fault is not None:
            refused[key] = fault
        for user in users[key]:
            waiting[user].discard(key)
            if not waiting[user]:
                ready.append(user)  # which the loop reaches later
    return refused | dict.fromkeys(waiting, "models that require each other cannot be called.")


def required_models(element: etree._Element) -> list[str]:
    """Name the business knowledge models that a decision or another model requires."""
    needs = children(element, "knowledgeRequirement")
    return [one.get("href", "").rpartition("#")[2] for need in needs for one in children(need, "requiredKnowledge")]


def _read(element: etree._Element, reader: TableReader) -> str | None:
    """Read a model, or say why it cannot be read."""
    logic = next(children(element, "encapsulatedLogic"), None)
    body = None if logic is None else next(children(logic, "literalExpression"), None)
    if logic is None or body is None or logic.get("kind", "FEEL") != "FEEL" or not is_in_feel(body):
        return "only a literal expression in FEEL can be called; make it a decision."
    variable = next(children(element, "variable"), None)
    named = None if variable is None else variable.get("name")
    name = spoken(str(named or element.get("name", "")))
    parameters = [spoken(parameter.get("name", "")) for parameter in children(logic, "formalParameter")]
    if len(set(parameters)) != len(parameters):
        return "its parameters need names of their own."
    try:
        words = reader.allowance.words_of(reader.names.in_text(text_of(body)))
        model = say_model(parameters, words, reader.models)
        reader.allowance.take_expression(model.said, len(words))
        compile_feel(model.said)
    except ExpressionError as error:
        return error.message
    except TooMuch as error:
        reader.stop(element, f"Business knowledge model “{short(name)}”", error)
    reader.models[name] = model
    return None
