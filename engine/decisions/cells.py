"""Cells of decision tables in S-FEEL (DMN 1.3 clause 9 and 10.3.1.3): what the editor writes, made into tests and values."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from engine.decisions.allowance import Allowance
from engine.decisions.cell_tests import COMPARISONS, Comparison, Condition, InputCell, Range, Test, Value
from engine.decisions.constants import MOST_TESTS, WORDS, constant_cell, constant_list, constant_value
from engine.errors import ExpressionError
from engine.expressions import plain
from engine.expressions.feel_functions import refuse_unordered
from engine.expressions.feel_phrases import Models, say_feel
from engine.expressions.foreign_words import Token
from engine.expressions.language import Expression, compile_feel

ANYTHING = "-"
_OPENING = ("[", "(", "]")
_CLOSING = ("]", ")", "[")
_LONGEST_RANGE = 1_000
"""Words of a range."""
_NO_MODELS: Models = MappingProxyType({})


def compile_input_cell(
    text: str, models: Models = _NO_MODELS, subjects: Sequence[str] = (), allowance: Allowance | None = None
) -> InputCell:
    """Read an input cell (unary tests); empty and `-` match everything; raise ExpressionError with a sentence.

    `subjects` are names by which the cell may call the value that it looks at, beside `?`. Raises TooMuch where the
    allowance is used up.
    """
    if text.strip() in ("", ANYTHING):
        return InputCell(text, ())
    allowance = allowance or Allowance()
    constants = constant_cell(text) if WORDS.isdisjoint(subjects) and WORDS.isdisjoint(models) else None
    if constants is not None:
        allowance.take_constants(constants.size)
        return InputCell(text, constants.tests, constants.is_negated)
    words = [Token("sign", "?") if word.is_name(*subjects) else word for word in allowance.words_of(text)]
    is_negated = _is_negation(words)
    if is_negated:
        words = words[2:-1]
        if not words:
            raise ExpressionError("not() needs something that shall not match.")
    return InputCell(text, tuple(_test(part, models, allowance) for part in _split(words)), is_negated)


def compile_value(text: str, models: Models = _NO_MODELS, allowance: Allowance | None = None) -> Expression:
    """Read an output cell, an input expression or a literal decision; raise ExpressionError with a sentence."""
    allowance = allowance or Allowance()
    ready = constant_value(text) if WORDS.isdisjoint(models) else None
    if ready is not None:
        allowance.take_constants(1)
        return ready
    return replace(_compiled(allowance.words_of(text), models, allowance), text=text)


def list_values(text: str, allowance: Allowance | None = None) -> tuple[Any, ...]:
    """Read a list of constants such as `"high","low"`, which output values are."""
    allowance = allowance or Allowance()
    constants = constant_list(text)
    if constants is not None:
        allowance.take_constants(len(constants))
        return constants
    return tuple(_compiled(part, _NO_MODELS, allowance).evaluate({}) for part in _split(allowance.words_of(text)))


def _is_negation(words: Sequence[Token]) -> bool:
    """Tell whether the whole cell is `not( … )`, and not a condition that begins so."""
    if len(words) < 3 or words[0].written != "not" or not words[1].is_sign("(") or not words[-1].is_sign(")"):  # noqa: PLR2004
        return False
    depth = 0
    for word in words[1:-1]:
        depth += word.is_sign("(") - word.is_sign(")")
    return depth == 1 and not any(word.is_sign("?") for word in words)


def _split(words: Sequence[Token]) -> list[list[Token]]:
    """Divide at the commas that stand outside of brackets and ranges."""
    parts: list[list[Token]] = []
    rest = list(words)
    while rest:
        length = _length_of_range(rest)
        if length is None:
            length = _length_of_value(rest)
        parts.append(rest[:length])
        if len(parts) > MOST_TESTS:
            raise ExpressionError(f"The cell has more than {MOST_TESTS} values.")
        if len(rest) > length and not rest[length].is_sign(","):
            raise ExpressionError(f"“{rest[length].written}” follows where a comma is expected.")
        if len(rest) == length + 1:
            raise ExpressionError("A value is missing after the last comma.")
        rest = rest[length + 1 :]
    return parts


def _length_of_range(words: Sequence[Token]) -> int | None:
    """Count the tokens of the range that the tokens begin with, if they do."""
    if not words[0].is_sign(*_OPENING):
        return None
    depth, has_dots = 0, False
    for number, word in enumerate(words[1:_LONGEST_RANGE], 1):
        if depth == 0 and has_dots and word.is_sign(*_CLOSING):
            return number + 1
        if depth == 0 and word.is_sign(","):
            return None
        has_dots = has_dots or (depth == 0 and word.is_sign(".."))
        depth += word.is_sign("(") - word.is_sign(")")
        if depth < 0:
            return None
    return None


def _length_of_value(words: Sequence[Token]) -> int:
    depth = 0
    for number, word in enumerate(words):
        depth += word.is_sign("(", "[", "{") - word.is_sign(")", "]", "}")
        if depth == 0 and word.is_sign(","):
            if number == 0:
                raise ExpressionError("A value is missing before a comma.")
            return number
    return len(words)


def _test(words: Sequence[Token], models: Models, allowance: Allowance) -> Test:
    if _length_of_range(words) == len(words):
        return _range(words, models, allowance)
    if any(word.is_sign("?") for word in words):
        return Condition(_value(words, models, allowance))
    if words[0].is_sign(*COMPARISONS):
        return Comparison(words[0].written.replace("==", "="), _value(words[1:], models, allowance))
    return Comparison("=", _value(words, models, allowance))


def _range(words: Sequence[Token], models: Models, allowance: Allowance) -> Range:
    dots = next(number for number, word in enumerate(words) if word.is_sign(".."))
    low, high = _value(words[1:dots], models, allowance), _value(words[dots + 1 : -1], models, allowance)
    if not low.expression.names and not high.expression.names:
        ends = allowance.value_of(low.expression), allowance.value_of(high.expression)
        refuse_unordered(*ends)
        if plain.less(ends[1], ends[0]):
            raise ExpressionError("The range ends before it begins.")
    return Range(low, high, words[0].is_sign("["), words[-1].is_sign("]"))


def _value(words: Sequence[Token], models: Models, allowance: Allowance) -> Value:
    if not words:
        raise ExpressionError("A value is missing.")
    return Value(_compiled(words, models, allowance, stays_inside=True))


def _compiled(
    words: Sequence[Token], models: Models, allowance: Allowance, *, stays_inside: bool = False
) -> Expression:
    """Read an expression, and work out what depends on no variable now, so that a faulty date is noticed.

    What comes out is kept, if nobody can change it: a list is new each time, unless nobody but the cell sees it.
    """
    said = say_feel(words, models)
    allowance.take_expression(said, len(words))
    expression = compile_feel(said)
    if expression.names:
        return expression
    value = allowance.value_of(expression)
    is_kept = expression.is_timeless and (stays_inside or not isinstance(value, list | dict))
    return replace(expression, known=(value,)) if is_kept else expression
