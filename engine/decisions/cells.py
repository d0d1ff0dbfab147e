"""Cells of decision tables in S-FEEL (DMN 1.3 clause 9 and 10.3.1.3): what the editor writes, made into tests and values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from engine.errors import ExpressionError
from engine.expressions import plain
from engine.expressions.evaluation import Budget
from engine.expressions.feel_phrases import SUBJECT, Models, say_feel
from engine.expressions.foreign_words import Token, feel_tokens
from engine.expressions.language import Expression, compile_feel

ANYTHING = "-"
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": plain.less,
    "<=": plain.less_or_equal,
    ">": plain.greater,
    ">=": plain.greater_or_equal,
    "=": plain.equal,
    "==": plain.equal,
    "!=": lambda left, right: not plain.equal(left, right),
}
_BY_SIZE = ("<", "<=", ">", ">=")
_OPENING = ("[", "(", "]")
_CLOSING = ("]", ")", "[")
_MOST_TESTS = 500
_NO_MODELS: Models = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Value:
    """A value in a cell: a constant, or an expression over the variables."""

    expression: Expression

    def of(self, names: Mapping[str, Any], budget: Budget) -> Any:
        """Work it out."""
        return self.expression.evaluate(names, budget)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`< 5`, `>= date("2026-01-01")`, or a value alone; a list matches its members."""

    sign: str
    value: Value

    def matches(self, subject: Any, names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the subject passes; nothing is neither smaller nor larger than anything."""
        value = self.value.of(names, budget)
        budget.charge(plain.weight(value, budget.left) + plain.weight(subject, budget.left))
        if self.sign in _BY_SIZE and (subject is None or value is None):
            return False
        if self.sign == "=" and isinstance(value, list) and not isinstance(subject, list):
            return any(plain.equal(subject, item) for item in value)
        return _COMPARISONS[self.sign](subject, value)


@dataclass(frozen=True, slots=True)
class Range:
    """`[1..5]`, `(1..5)`, `]1..5[`: a range with each end in or out."""

    low: Value
    high: Value
    has_low: bool
    has_high: bool

    def matches(self, subject: Any, names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the subject lies within; nothing lies in no range."""
        low, high = self.low.of(names, budget), self.high.of(names, budget)
        if subject is None or low is None or high is None:
            return False
        above = plain.less_or_equal(low, subject) if self.has_low else plain.less(low, subject)
        below = plain.less_or_equal(subject, high) if self.has_high else plain.less(subject, high)
        return above and below


@dataclass(frozen=True, slots=True)
class Condition:
    """A whole condition about the subject, which it calls `?`."""

    value: Value

    def matches(self, subject: Any, names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the condition holds, which it does not if it is null; raise ExpressionError if it gives no truth value."""
        holds = self.value.of({**names, SUBJECT: subject}, budget)
        if holds is None:
            return False
        if not isinstance(holds, bool):
            raise ExpressionError("The condition with “?” gives no truth value.")
        return holds


Test = Comparison | Range | Condition


@dataclass(frozen=True, slots=True)
class InputCell:
    """What one input must be for its rule to match: any of the tests, or none of them after `not`."""

    text: str
    tests: tuple[Test, ...]
    is_negated: bool = False

    def matches(self, subject: Any, names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the subject passes; raise ExpressionError where they cannot be compared."""
        if not self.tests:
            return True
        budget.charge(len(self.tests))
        return any(test.matches(subject, names, budget) for test in self.tests) != self.is_negated


def compile_input_cell(text: str, models: Models = _NO_MODELS, subjects: Sequence[str] = ()) -> InputCell:
    """Read an input cell (unary tests); empty and `-` match everything; raise ExpressionError with a sentence.

    `subjects` are names by which the cell may call the value that it looks at, beside `?`.
    """
    if text.strip() in ("", ANYTHING):
        return InputCell(text, ())
    words = [Token("sign", "?") if word.is_name(*subjects) else word for word in feel_tokens(text)]
    is_negated = _is_negation(words)
    if is_negated:
        words = words[2:-1]
        if not words:
            raise ExpressionError("not() needs something that shall not match.")
    return InputCell(text, tuple(_test(part, models) for part in _split(words)), is_negated)


def compile_value(text: str, models: Models = _NO_MODELS) -> Expression:
    """Read an output cell, an input expression or a literal decision; raise ExpressionError with a sentence."""
    return replace(_tried(compile_feel(say_feel(feel_tokens(text), models))), text=text)


def list_values(text: str) -> tuple[Any, ...]:
    """Read a list of constants such as `"high","low"`, which output values are."""
    return tuple(compile_feel(say_feel(part)).evaluate({}) for part in _split(feel_tokens(text)))


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
        if len(parts) > _MOST_TESTS:
            raise ExpressionError(f"The cell has more than {_MOST_TESTS} values.")
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
    for number, word in enumerate(words[1:], 1):
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


def _test(words: Sequence[Token], models: Models) -> Test:
    if _length_of_range(words) == len(words):
        return _range(words, models)
    if any(word.is_sign("?") for word in words):
        return Condition(_value(words, models))
    if words[0].is_sign(*_COMPARISONS):
        return Comparison(words[0].written.replace("==", "="), _value(words[1:], models))
    return Comparison("=", _value(words, models))


def _range(words: Sequence[Token], models: Models) -> Range:
    dots = next(number for number, word in enumerate(words) if word.is_sign(".."))
    low, high = _value(words[1:dots], models), _value(words[dots + 1 : -1], models)
    if not low.expression.names and not high.expression.names:
        ends = low.of({}, Budget()), high.of({}, Budget())
        if plain.less(ends[1], ends[0]):
            raise ExpressionError("The range ends before it begins.")
    return Range(low, high, words[0].is_sign("["), words[-1].is_sign("]"))


def _value(words: Sequence[Token], models: Models) -> Value:
    if not words:
        raise ExpressionError("A value is missing.")
    return Value(_tried(compile_feel(say_feel(words, models))))


def _tried(expression: Expression) -> Expression:
    """Work out what depends on no variable now, so that a faulty date is noticed when the table is read."""
    if not expression.names:
        expression.evaluate({}, Budget())
    return expression
