"""Decision tables at work (DMN 1.3 clause 8): which rules match, and what the hit policy makes of them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from typing import Any

from engine.decisions.cell_tests import InputCell, key_of
from engine.errors import CostlyExpression, ExpressionError
from engine.expressions import plain
from engine.expressions.evaluation import Budget
from engine.expressions.functions import FUNCTIONS, parse_date, parse_datetime, parse_number
from engine.expressions.language import Expression, compile_feel
from storage.months import Months


class HitPolicy(StrEnum):
    """Which of the matching rules count (DMN 1.3, 8.2.8)."""

    UNIQUE = "UNIQUE"
    FIRST = "FIRST"
    ANY = "ANY"
    PRIORITY = "PRIORITY"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"
    COLLECT = "COLLECT"


class Aggregation(StrEnum):
    """What a collecting table makes of its values."""

    SUM = "SUM"
    MIN = "MIN"
    MAX = "MAX"
    COUNT = "COUNT"


class DecisionFailed(ExpressionError):
    """A decision cannot be worked out; the message names table, rule and column."""

    code = "decision_failed"


@dataclass(frozen=True, slots=True)
class Input:
    """A column of questions: what is looked at, and how it is headed; `listed` are the values that it is expected to have."""

    label: str
    type: str
    expression: Expression
    listed: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A column of answers; `ranking` are its allowed values, the most important first."""

    name: str
    label: str
    type: str
    ranking: tuple[Any, ...] = ()
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: it matches if all its input cells do."""

    number: int
    id: str
    annotation: str
    inputs: tuple[InputCell, ...]
    outputs: tuple[Expression | None, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched, with its outputs."""

    rule: Rule
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    policy: HitPolicy
    aggregation: Aggregation | None = None

    def look_up(self, title: str, names: Mapping[str, Any], budget: Budget) -> tuple[list[Any], list[Hit]]:
        """Work out the inputs, and the rules that they match."""
        subjects = [self._subject(column, title, names, budget) for column in self.inputs]
        hits: list[Hit] = []
        for rule in self.rules:
            if self._is_hit(rule, subjects, title, names, budget):
                hits.append(Hit(rule, self._answers(rule, title, names, budget)))
                if self.policy is HitPolicy.FIRST:
                    break
        return subjects, hits

    def conclude(self, title: str, hits: Sequence[Hit], names: Mapping[str, Any], budget: Budget) -> Any:
        """Apply the hit policy to the rules that matched."""
        conclusions: dict[HitPolicy, Callable[[], Any]] = {
            HitPolicy.UNIQUE: lambda: self._unique(title, hits),
            HitPolicy.ANY: lambda: self._any(title, hits),
            HitPolicy.FIRST: lambda: hits[0].outputs,
            HitPolicy.PRIORITY: lambda: self._ranked(title, hits)[0].outputs,
            HitPolicy.RULE_ORDER: lambda: self._list(hits),
            HitPolicy.OUTPUT_ORDER: lambda: self._list(self._ranked(title, hits)),
            HitPolicy.COLLECT: lambda: self._collected(title, hits, budget),
        }
        is_single = self.policy in (HitPolicy.UNIQUE, HitPolicy.ANY, HitPolicy.FIRST, HitPolicy.PRIORITY)
        if not hits and (is_single or any(column.default for column in self.outputs)):
            return self._without_hit(self._defaults(title, names, budget), is_single=is_single)
        conclusion = conclusions[self.policy]()
        return dict(conclusion) if is_single else conclusion

    def _without_hit(self, defaults: dict[str, Any], *, is_single: bool) -> Any:
        """Give the defaults where no rule matches (Table 31): a list holds them as its one entry, an aggregate is the default."""
        if is_single:
            return defaults
        value = next(iter(defaults.values())) if len(self.outputs) == 1 else defaults
        return [value] if self.aggregation is None else value

    def _subject(self, column: Input, title: str, names: Mapping[str, Any], budget: Budget) -> Any:
        try:
            return typed(column.expression.evaluate(names, budget), column.type)
        except ExpressionError as error:
            raise failed(f"{title}, input “{column.label}”", error, column.expression.text) from error

    def _is_hit(self, rule: Rule, subjects: list[Any], title: str, names: Mapping[str, Any], budget: Budget) -> bool:
        for column, cell, subject in zip(self.inputs, rule.inputs, subjects, strict=True):
            try:
                budget.charge(1)
                if not cell.matches(_looked_at(column, cell, subject), names, budget):
                    return False
            except ExpressionError as error:
                raise failed(f"{title}, rule {rule.number}, column “{column.label}”", error, cell.text) from error
        return True

    def _answers(self, rule: Rule, title: str, names: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for column, cell in zip(self.outputs, rule.outputs, strict=True):
            try:
                answers[column.name] = _answer(column, cell, names, budget)
            except ExpressionError as error:
                text = None if cell is None else cell.text
                raise failed(f"{title}, rule {rule.number}, column “{column.label}”", error, text) from error
        return answers

    def _defaults(self, title: str, names: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        try:
            return {column.name: _answer(column, column.default, names, budget) for column in self.outputs}
        except ExpressionError as error:
            raise failed(f"{title}, default output", error, error.expression) from error

    def _unique(self, title: str, hits: Sequence[Hit]) -> Mapping[str, Any]:
        if len(hits) > 1:
            raise DecisionFailed(
                f"{title} allows one matching rule, but {_rules(hits)} match; make them exclude each other."
            )
        return hits[0].outputs

    def _any(self, title: str, hits: Sequence[Hit]) -> Mapping[str, Any]:
        unlike = [hit for hit in hits if not plain.equal(dict(hit.outputs), dict(hits[0].outputs))]
        if unlike:
            raise DecisionFailed(
                f"{title} wants the same outputs of all matching rules, but {_rules((hits[0], *unlike))} differ."
            )
        return hits[0].outputs

    def _ranked(self, title: str, hits: Sequence[Hit]) -> list[Hit]:
        places = [_places(column.ranking) for column in self.outputs]
        return sorted(hits, key=lambda hit: list(map(self._rank, repeat(title), repeat(hit), self.outputs, places)))

    def _rank(self, title: str, hit: Hit, column: Output, places: Mapping[Hashable, int]) -> int:
        value = hit.outputs[column.name]
        place = places.get(key_of(value))
        if place is None and places:
            raise DecisionFailed(
                f"{title}, rule {hit.rule.number}, column “{column.label}”: {value!r} is not among the output values."
            )
        return place or 0

    def _list(self, hits: Sequence[Hit]) -> list[Any]:
        if len(self.outputs) == 1:
            return [hit.outputs[self.outputs[0].name] for hit in hits]
        return [dict(hit.outputs) for hit in hits]

    def _collected(self, title: str, hits: Sequence[Hit], budget: Budget) -> Any:
        values = self._list(hits)
        if self.aggregation is None:
            return values
        if self.aggregation is Aggregation.COUNT:
            return len(values)
        present = [value for value in values if value is not None]
        try:
            return _AGGREGATES[self.aggregation].evaluate({"collected": present}, budget)
        except ExpressionError as error:
            raise failed(f"{title}, {self.aggregation} of {_rules(hits)}", error, None) from error


_AGGREGATES: dict[Aggregation, Expression] = {
    one: compile_feel(f"feel_{one.lower()}(collected)") for one in (Aggregation.SUM, Aggregation.MIN, Aggregation.MAX)
}


def _looked_at(column: Input, cell: InputCell, subject: Any) -> Any:
    """Give what a cell compares: of a list the one entry, if its column holds single values; conditions ask about the list."""
    is_list = isinstance(subject, list) and not cell.has_condition
    return typed(single(subject, column.type), column.type) if is_list else subject


def _answer(column: Output, cell: Expression | None, names: Mapping[str, Any], budget: Budget) -> Any:
    """Work out an output; a list that is written out stays a list."""
    if cell is None:
        return None
    value = cell.evaluate(names, budget)
    return typed(value if cell.text.startswith("[") else single(value, column.type), column.type)


def _places(ranking: Sequence[Any]) -> dict[Hashable, int]:
    """Give the place of each allowed value, the first one where it is listed twice."""
    places: dict[Hashable, int] = {}
    for place, value in enumerate(ranking):
        places.setdefault(key_of(value), place)
    return places


def _parse_boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ExpressionError(f"“{text[:40]}” is neither true nor false.")
    return text == "true"


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": parse_number,
    "long": parse_number,
    "double": parse_number,
    "number": parse_number,
    "date": parse_date,
    "datetime": parse_datetime,
    "dateandtime": parse_datetime,
    "time": FUNCTIONS["time"],
    "daytimeduration": FUNCTIONS["duration"],
    "yearmonthduration": FUNCTIONS["duration"],
    "duration": FUNCTIONS["duration"],
    "boolean": _parse_boolean,
}


_NEVER: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("integer", "long", "double", "number"), (bool, date, time, timedelta, Months)),
    "boolean": (int, float, Decimal, date, time, timedelta, Months),
    "daytimeduration": (int, float, Decimal, Months),
    "yearmonthduration": (int, float, Decimal, timedelta),
    **dict.fromkeys(("date", "datetime", "dateandtime", "time", "duration"), (int, float, Decimal)),
}
"""Values that a column of that type never holds; comparing them would only ever not match, without a word."""


def single(value: Any, type_name: str) -> Any:
    """Give the one entry of a list where a built-in type wants a single value (DMN 1.3, 10.3.2.9.4)."""
    kind = _kind(type_name)
    is_one = isinstance(value, list) and len(value) == 1 and (kind in _READERS or kind == "string")
    return value[0] if is_one else value


def _kind(type_name: str) -> str:
    return type_name.rpartition(":")[2].lower().replace(" ", "")


def typed(value: Any, type_name: str) -> Any:
    """Give a text as the number or date that its column is declared to hold, and a date with time as a date for a date column."""
    kind = _kind(type_name)
    if isinstance(value, str) and kind in _READERS:
        value = _READERS[kind](value)
    if kind == "date" and isinstance(value, datetime):
        return value.date()
    if kind in ("datetime", "dateandtime") and isinstance(value, date) and not isinstance(value, datetime):
        raise ExpressionError("A date stands where a date with time is expected.")
    if kind in _NEVER and isinstance(value, _NEVER[kind]) and not (kind == "boolean" and isinstance(value, bool)):
        raise ExpressionError(f"{plain.kind_of(value).capitalize()} stands where a {kind} is expected.")
    if isinstance(value, Decimal) and kind in ("integer", "long") and value == value.to_integral_value():
        return int(value)
    return value


def _rules(hits: Sequence[Hit]) -> str:
    return "rules " + ", ".join(f"{hit.rule.number} ({hit.rule.id})" for hit in hits)


def failed(place: str, error: ExpressionError, text: str | None) -> ExpressionError:
    """Make the error that says where in a decision another one arose."""
    sort = CostlyExpression if isinstance(error, CostlyExpression) else DecisionFailed
    return sort(f"{place}: {error}", text)
