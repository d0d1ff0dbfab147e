"""Input cells at work: what one looked-at value must be for a rule to match (DMN 1.3, 7.3.3)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ExpressionError
from engine.expressions import plain
from engine.expressions.evaluation import Budget
from engine.expressions.feel_functions import refuse_unordered
from engine.expressions.feel_phrases import SUBJECT
from engine.expressions.language import Expression

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": plain.less,
    "<=": plain.less_or_equal,
    ">": plain.greater,
    ">=": plain.greater_or_equal,
    "=": plain.equal,
    "==": plain.equal,
    "!=": lambda left, right: not plain.equal(left, right),
}
_BY_SIZE = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Value:
    """A value in a cell: a constant, or an expression over the variables."""

    expression: Expression

    def of(self, names: Mapping[str, Any], budget: Budget) -> Any:
        """Work it out."""
        return self.expression.evaluate(names, budget)


@dataclass(frozen=True, slots=True)
class Among:
    """Constants, one of which the subject must be; made by `among`."""

    values: tuple[Any, ...]
    keys: frozenset[Hashable]

    def matches(self, subject: Any, _names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the subject is one of them; raise ExpressionError for a number that is too large."""
        budget.charge(plain.weight(subject, budget.left))
        return not isinstance(subject, list | dict) and key_of(subject) in self.keys


def among(values: Sequence[Any]) -> Among:
    """Look for a subject among single values: texts, numbers, truth values, dates, null."""
    return Among(tuple(values), frozenset(map(key_of, values)))


def key_of(value: Any) -> Hashable:
    """Give what is the same for values that are equal, which `true` and 1 are not."""
    if isinstance(value, list):
        return list, tuple(map(key_of, value))
    if isinstance(value, dict):
        return dict, frozenset((name, key_of(one)) for name, one in value.items())
    return isinstance(value, bool), plain.exact(value)


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
        if self.sign in _BY_SIZE:
            refuse_unordered(subject, value)
        if self.sign == "=" and isinstance(value, list) and not isinstance(subject, list):
            return any(plain.equal(subject, item) for item in value)
        return COMPARISONS[self.sign](subject, value)


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
        refuse_unordered(low, subject, high)
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


Test = Among | Comparison | Range | Condition


@dataclass(frozen=True, slots=True)
class InputCell:
    """What one input must be for its rule to match: any of the tests, or none of them after `not`."""

    text: str
    tests: tuple[Test, ...]
    is_negated: bool = False

    @property
    def size(self) -> int:
        """Count what it compares with."""
        return sum(len(test.values) if isinstance(test, Among) else 1 for test in self.tests)

    @property
    def has_condition(self) -> bool:
        """Tell whether it asks about the subject by `?`."""
        return any(isinstance(test, Condition) for test in self.tests)

    def matches(self, subject: Any, names: Mapping[str, Any], budget: Budget) -> bool:
        """Tell whether the subject passes; raise ExpressionError where they cannot be compared."""
        if not self.tests:
            return True
        budget.charge(len(self.tests))
        return any(test.matches(subject, names, budget) for test in self.tests) != self.is_negated
