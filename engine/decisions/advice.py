"""What can be told of a decision table before it runs: rules that meet, rules never reached, values that nobody listed.

A column is looked at through samples: the values that its cells name, one between each two neighbours, one below and one above
them all. Cells of constants treat all values between two neighbours alike, so what holds for the samples holds for every value.
A cell that depends on variables, or asks something else, has a sample of its own, which only equal and empty cells match.
"""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations, islice, pairwise
from typing import Any

from engine.decisions.cell_tests import Among, Comparison, InputCell, Range, key_of
from engine.decisions.decision import Decision
from engine.decisions.reading import LONGEST_NAMED, short
from engine.decisions.tables import HitPolicy, Input, Output, Rule, Table, typed
from engine.errors import ExpressionError, Finding, Severity
from engine.expressions import plain
from engine.expressions.evaluation import Budget
from engine.expressions.language import Expression
from storage.months import Months

_MOST_RULES = 1_000
_MOST_TESTS = 10_000
_MOST_MATCHES = 300_000
_MOST_COMPARED = 10_000_000
"""Rules and tests of a table that is looked at; tests times samples, and cells compared with cells, of all tables of a file."""
_MOST_TOLD = 10
"""Pairs of rules told of one table."""
_MOST_UNLISTED = 100
"""Values told of one table that are not listed."""
_WHOLE = ("integer", "long")
_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_OTHER = "\0any other text"
_ANYTHING = 1
"""The sample, as a bit, that stands for all that no cell of a column names."""


@dataclass(slots=True)
class _Patience:
    """How much of a file is still looked at."""

    matches: int = _MOST_MATCHES
    compared: int = _MOST_COMPARED

    def lasts(self, matches: int, compared: int) -> bool:
        """Take a table's share off, where there is enough left for it."""
        if matches > self.matches or compared > self.compared:
            return False
        self.matches -= matches
        self.compared -= compared
        return True


def advise(decisions: Mapping[str, Decision]) -> list[Finding]:
    """Give warnings about the tables of a file; where it is very large, about some of them."""
    tables = [(one, one.logic) for one in decisions.values() if isinstance(one.logic, Table) and _is_small(one.logic)]
    patience = _Patience()
    return [
        finding
        for decision, table in tables
        for finding in (*islice(_unlisted(decision, table), _MOST_UNLISTED), *_met(decision, table, patience))
    ]


def _is_small(table: Table) -> bool:
    """Tell whether the table can be looked at in a second or so."""
    return len(table.rules) <= _MOST_RULES and sum(_tests(table, None)) <= _MOST_TESTS


def _tests(table: Table, number: int | None) -> Iterator[int]:
    """Count the tests of each cell of a column, or of all."""
    return (cell.size for rule in table.rules for cell in (rule.inputs if number is None else [rule.inputs[number]]))


def _warn(decision: Decision, rule: Rule, code: str, message: str) -> Finding:
    element, name = (rule.id or decision.id)[:LONGEST_NAMED], short(decision.name)
    return Finding(decision.file, element, Severity.WARNING, code, f"Decision “{name}”, {message}")


# -- values that nobody listed


def _unlisted(decision: Decision, table: Table) -> Iterator[Finding]:
    """Tell of cells with a value that is not among those listed for their column."""
    known = [{key_of(one) for one in column.listed} for column in table.inputs]
    ranked = [{key_of(one) for one in column.ranking} for column in table.outputs]
    for rule in table.rules:
        for column, listed, cell in zip(table.inputs, known, rule.inputs, strict=True):
            if listed:
                yield from _not_among(decision, rule, column.label, listed, _named(cell, column.type))
        for answer, listed, written in zip(table.outputs, ranked, rule.outputs, strict=True):
            if listed:
                yield from _not_among(decision, rule, answer.label, listed, _answered(written, answer))


def _not_among(
    decision: Decision, rule: Rule, label: str, listed: Collection[Hashable], values: Sequence[Any]
) -> Iterator[Finding]:
    for value in values:
        if key_of(value) not in listed:
            said = f"{short(_said(value))} is none of the values listed for the column “{short(label)}”"
            yield _warn(decision, rule, "decision_unlisted", f"rule {rule.number}: {said}.")


def _named(cell: InputCell, type_name: str) -> list[Any]:
    """Give the constants that a cell compares for being equal."""
    named = (test for test in cell.tests if isinstance(test, Among) or _is_equality(test))
    return [value for test in named for value in _compared(test, type_name)]


def _is_equality(test: object) -> bool:
    return isinstance(test, Comparison) and test.sign in ("=", "!=")


def _answered(written: Expression | None, column: Output) -> list[Any]:
    values = [] if written is None else _constants(written, column.type)
    return [value for value in values if isinstance(value, str)]


# -- rules that meet


@dataclass(frozen=True, slots=True)
class _Sampled:
    """A column: its samples, the first of which stands for all that is not named, and by rule those it matches, as bits."""

    label: str
    samples: Sequence[str]
    matched: Sequence[int]


def _met(decision: Decision, table: Table, patience: _Patience) -> Iterator[Finding]:
    """Tell of rules that match together where only one may, and of those that are never reached."""
    if table.policy not in (HitPolicy.UNIQUE, HitPolicy.ANY, HitPolicy.FIRST) or len(table.rules) < 2:  # noqa: PLR2004  # a pair
        return
    samples = [_samples(table, number) for number in range(len(table.inputs))]
    matches = sum(len(found) * sum(_tests(table, number)) for number, found in enumerate(samples))
    if not patience.lasts(matches, len(table.rules) ** 2 // 2 * len(table.inputs)):
        return
    columns = [_sampled(table, number, found) for number, found in enumerate(samples)]
    if table.policy is HitPolicy.FIRST:
        yield from _unreached(decision, table, columns)
    elif _is_each_for_itself(table.inputs):
        yield from _together(decision, table, columns)


def _unreached(decision: Decision, table: Table, columns: Sequence[_Sampled]) -> Iterator[Finding]:
    for later, rule in enumerate(table.rules):
        if not all(column.matched[later] for column in columns):
            continue
        for earlier in range(later):
            if all(column.matched[later] & ~column.matched[earlier] == 0 for column in columns):
                message = (
                    f"rule {rule.number} is never reached: rule {table.rules[earlier].number} matches whenever it does."
                )
                yield _warn(decision, rule, "decision_unreached", message)
                break


def _together(decision: Decision, table: Table, columns: Sequence[_Sampled]) -> Iterator[Finding]:
    told = 0
    answers = [_answers(rule) for rule in table.rules]
    for (one, first), (other, second) in combinations(enumerate(table.rules), 2):
        is_agreed = table.policy is HitPolicy.ANY and answers[one] == answers[other]
        if is_agreed or not all(column.matched[one] & column.matched[other] for column in columns):
            continue
        told += 1
        if told > _MOST_TOLD:
            return
        wanted = "and say different things" if table.policy is HitPolicy.ANY else "where one rule at most may"
        example = ", ".join(
            f"“{short(column.label)}” is {short(_example(column, column.matched[one] & column.matched[other]))}"
            for column in columns
        )
        message = f"rules {first.number} and {second.number} match together, {wanted}: for example if {example}."
        yield _warn(decision, second, "decision_overlap", message)


def _answers(rule: Rule) -> list[str]:
    return ["" if answer is None else answer.text.strip() for answer in rule.outputs]


def _example(column: _Sampled, bits: int) -> str:
    named = bits & ~_ANYTHING or bits
    return column.samples[(named & -named).bit_length() - 1]


def _is_each_for_itself(columns: Sequence[Input]) -> bool:
    """Tell whether the columns look at different things, so that each value of one can come with each of another."""
    texts = [column.expression.text.strip() for column in columns]
    if all(_PATH.fullmatch(text) for text in texts):
        return len(set(texts)) == len(texts)
    names = [name for column in columns for name in set(column.expression.names)]
    return len(set(names)) == len(names)


def _sampled(table: Table, number: int, samples: Sequence[Any]) -> _Sampled:
    cells = [rule.inputs[number] for rule in table.rules]
    asked = {text: number for number, text in enumerate(sorted({one.text for one in cells if not _is_constant(one)}))}
    said = ["something else", *(_said(sample) for sample in samples), *(f"such that {text}" for text in asked)]
    everything = (1 << len(said)) - 1
    has_texts = any(isinstance(sample, str) for sample in samples)

    def matched(cell: InputCell) -> int:
        if not cell.tests:
            return everything
        if not _is_constant(cell):
            return 1 << (1 + len(samples) + asked[cell.text])
        bits = _ANYTHING if has_texts and _matches(cell, _OTHER) else 0
        return bits | sum(1 << place for place, sample in enumerate(samples, 1) if _matches(cell, sample))

    return _Sampled(table.inputs[number].label, said, [matched(cell) for cell in cells])


def _matches(cell: InputCell, sample: Any) -> bool:
    try:
        return cell.matches(sample, {}, Budget())
    except ExpressionError:
        return False


def _samples(table: Table, number: int) -> list[Any]:
    """Give the values that the cells of a column name, those between, below and above them."""
    column = table.inputs[number]
    values = [
        value
        for rule in table.rules
        if _is_constant(rule.inputs[number])
        for value in _values(rule.inputs[number], column)
    ]
    whole = column.type.rpartition(":")[2].lower() in _WHOLE
    found: list[Any] = []
    for kind in (bool, str, Months, timedelta, datetime, time):
        mine = _sorted(value for value in values if isinstance(value, kind))
        found += mine if kind in (bool, str) else _with_neighbours(mine, whole=False)
        values = [value for value in values if not isinstance(value, kind)]
    if any(isinstance(value, bool) for value in found):
        found = [True, False, *(value for value in found if not isinstance(value, bool))]
    days = _sorted(value for value in values if isinstance(value, date))
    numbers = _sorted(value for value in values if plain.is_number(value))
    return found + _with_neighbours(days, whole=False) + _with_neighbours(numbers, whole=whole)


def _sorted(values: Iterator[Any]) -> list[Any]:
    """Sort values, each once; none where they have no order, as times with a zone and without."""
    try:
        return sorted(set(values))
    except TypeError:
        return []


def _with_neighbours(values: Sequence[Any], *, whole: bool) -> list[Any]:
    if not values:
        return []
    between = [_between(low, high, whole=whole) for low, high in pairwise(values)]
    ends = _beyond(values[0], -1), _beyond(values[-1], 1)
    return [value for value in (*values, *between, *ends) if value is not None]


def _between(low: Any, high: Any, *, whole: bool) -> Any:
    """Give a value between two, None where there is none."""
    match low:
        case datetime() | timedelta():
            return low + (high - low) / 2
        case Months():
            return Months((low.number + high.number) // 2) if high.number - low.number > 1 else None
        case date():
            return low + timedelta(days=1) if (high - low).days > 1 else None
        case time():
            middle = (
                datetime.combine(date.min, low)
                + (datetime.combine(date.min, high) - datetime.combine(date.min, low)) / 2
            )
            return middle.time() if low.tzinfo is None and high.tzinfo is None else None
    if whole:
        return low + 1 if high - low > 1 else None
    return (Decimal(str(low)) + Decimal(str(high))) / 2


def _beyond(value: Any, direction: int) -> Any:
    """Give a value below (-1) or above (1) another, None where there is none."""
    if isinstance(value, time):
        return None
    if isinstance(value, Months):
        return value + Months(direction)
    try:
        return value + direction * (timedelta(days=1) if isinstance(value, date | timedelta) else 1)
    except OverflowError:
        return None


# -- cells of constants


def _is_constant(cell: InputCell) -> bool:
    """Tell whether a cell compares with constants alone, texts only for being equal."""
    for test in cell.tests:
        if isinstance(test, Among):
            continue
        expressions = _expressions(test)
        if not expressions or not all(expression.known for expression in expressions):
            return False
        if not _is_equality(test) and any(isinstance(expression.known[0], str) for expression in expressions):
            return False
    return True


def _expressions(test: object) -> list[Expression]:
    match test:
        case Comparison(_, value):
            return [value.expression]
        case Range(low, high):
            return [low.expression, high.expression]
    return []


def _values(cell: InputCell, column: Input) -> list[Any]:
    return [value for test in cell.tests for value in _compared(test, column.type)]


def _compared(test: object, type_name: str) -> list[Any]:
    """Give the constants that a test compares with, as their column has them."""
    if isinstance(test, Among):
        return _typed(test.values, type_name)
    return [value for expression in _expressions(test) for value in _constants(expression, type_name)]


def _constants(expression: Expression, type_name: str) -> list[Any]:
    """Give the value of a constant, or those of a list of them, as their column has them; none where it depends on names."""
    if expression.names:
        return []
    value = _evaluated(expression)
    return _typed(value if isinstance(value, list) else [value], type_name)


def _typed(values: Sequence[Any], type_name: str) -> list[Any]:
    found = []
    for one in values:
        try:
            found.append(typed(one, type_name))
        except ExpressionError:
            continue
    return [one for one in found if one is not None]


def _evaluated(expression: Expression) -> Any:
    try:
        return expression.evaluate({}, Budget())
    except ExpressionError:
        return None


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"“{value}”" if isinstance(value, str) else str(value)
