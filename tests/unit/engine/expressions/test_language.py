"""The closed expression language: what it gives, and which sentence it refuses with."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions.evaluation import Budget, MissingVariable
from engine.expressions.functions import FUNCTIONS
from engine.expressions.language import compile_expression
from engine.expressions.working_functions import WORKING_FUNCTIONS

ORDER: Mapping[str, Any] = {
    "number": "A-7",
    "price": 12.5,
    "lines": [{"paper": "gloss", "count": 3}, {"paper": "matt", "count": 5}],
}
NAMES: Mapping[str, Any] = {
    "order": ORDER,
    "amount": Decimal("99.90"),
    "count": 3,
    "share": 0.1,
    "status": "new",
    "approved": True,
    "missing_value": None,
    "wanted_on": date(2026, 3, 31),
    "now": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "words": ["b", "a"],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("amount * 2", Decimal("199.80")),
        ("0.1 + 0.2 == 0.3", True),
        ("share + 0.2", Decimal("0.3")),
        ("share == 0.1", True),
        ("share < 0.1", False),
        ("7 / 2", Decimal("3.5")),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("-7.5 // 2", Decimal(-4)),
        ("-7.5 % 2", Decimal("0.5")),
        ("2 ** 10", 1024),
        ("12345678901234567.89 + 0", Decimal("12345678901234567.89")),
        ("1_000.5", Decimal("1000.5")),
        ("order.lines[1].paper", "matt"),
        ("order['number'][0:1]", "A"),
        ("order.lines[-1]['count']", 5),
        ("words + ['c']", ["b", "a", "c"]),
        ("(1, 2) == [1, 2]", True),
        ("status in ('new', 'old')", True),
        ("'ew' in status", True),
        ("status not in ['old']", True),
        ("1 < count <= 3", True),
        ("approved and status == 'new' or count > 9", True),
        ("not approved", False),
        ("'yes' if approved else 'no'", "yes"),
        ("missing_value is None", True),
        ("approved is true and missing_value == null", True),
        ("'1' == 1", False),
        ("status == missing_value", False),
        ("{'number': order.number, 'lines': len(order.lines)}", {"number": "A-7", "lines": 2}),
        ("[line.count for line in order.lines if line.paper != 'matt']", [3]),
        ("sum(line.count for line in order.lines)", 8),
        ("[a + b for a, b in [[1, 2], [3, 4]]]", [3, 7]),
        ("[a for words in [[1], [2]] for a in words]", [1, 2]),
        ("any(line.count > 4 for line in order.lines)", True),
        ("all(line.count > 4 for line in order.lines)", False),
        ("wanted_on - duration('P2D')", date(2026, 3, 29)),
        ("days(wanted_on - date(now))", 30),
        ("now + duration('PT90M')", datetime(2026, 3, 1, 13, 30, tzinfo=UTC)),
        ("now < datetime('2026-03-01T13:00+00:00')", True),
        ("duration('PT1H') / duration('PT30M')", Decimal(2)),
        ("duration('PT1H') * 1.5", timedelta(minutes=90)),
        ("wanted_on - duration('P1M')", date(2026, 2, 28)),
        ("now + duration('P1Y')", datetime(2027, 3, 1, 12, tzinfo=UTC)),
        ("str(duration('P1Y2M') * 2)", "P2Y4M"),
        ("is_set(nowhere)", False),
        ("is_set(order.customer.name)", False),
        ("is_set(missing_value)", False),
        ("is_set(order.lines[0])", True),
        ("is_set(order.lines[9])", False),
        ("amount >\n  50", True),
        ("größe if false else 1", 1),
    ],
)
def test_an_expression_gives_its_value(text: str, value: object) -> None:
    result = compile_expression(text).evaluate(NAMES)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("abs(-2.5)", Decimal("2.5")),
        ("add_months(date('2026-01-31'), 1)", date(2026, 2, 28)),
        ("add_months(datetime('2026-01-31T10:00'), -2)", datetime(2025, 11, 30, 10)),  # noqa: DTZ001
        ("all([])", True),
        ("any([])", False),
        ("between(5, 1, 5)", True),
        ("ceil(1.2)", 2),
        ("contains(['a'], 'a')", True),
        ("contains('abc', 'd')", False),
        ("contains({'a': 1}, 'a')", True),
        ("date(2026, 1, 2)", date(2026, 1, 2)),
        ("date('2026-01-02T10:00')", date(2026, 1, 2)),
        ("datetime(2026, 1, 2, 3)", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ("datetime(date('2026-01-02'), time('10:00'))", datetime(2026, 1, 2, 10)),  # noqa: DTZ001
        ("day(date('2026-01-02'))", 2),
        ("days(duration('P2DT5H'))", 2),
        ("decimal('1.50')", Decimal("1.50")),
        ("duration('P1DT1H')", timedelta(hours=25)),
        ("ends_with('abc', 'bc')", True),
        ("floor(-1.2)", -2),
        ("get({'a': 1}, 'b', 7)", 7),
        ("int('12')", 12),
        ("int(12.9)", 12),
        ("int(true)", 1),
        ("join([1, 2.50, 'c'], '-')", "1-2.50-c"),
        ("len('abc')", 3),
        ("lower('ÄB')", "äb"),
        ("matches('A-17', '^[A-Z]-\\d+$')", True),
        ("max(1, 2.5)", Decimal("2.5")),
        ("min(['b', 'a'])", "a"),
        ("month(date('2026-01-02'))", 1),
        ("round(2.5)", 2),
        ("round(2.675, 2)", Decimal("2.68")),
        ("sorted([3, 1.5, 2])", [Decimal("1.5"), 2, 3]),
        ("split('a, b')", ["a", "b"]),
        ("starts_with('abc', 'b')", False),
        ("str(1.50)", "1.50"),
        ("str(date('2026-01-02'))", "2026-01-02"),
        ("strip(' a ')", "a"),
        ("sum([1, 2.5])", Decimal("3.5")),
        ("sum([])", 0),
        ("time(10, 30)", time(10, 30)),
        ("time('10:30')", time(10, 30)),
        ("upper('a')", "A"),
        ("weekday(date('2026-03-02'))", 1),
        ("year(date('2026-01-02'))", 2026),
    ],
)
def test_a_function_gives_its_value(call: str, value: object) -> None:
    assert compile_expression(call).evaluate({}) == value


def test_every_function_is_tried() -> None:
    marks = [mark for mark in test_a_function_gives_its_value.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    tried = {call.partition("(")[0] for call, _ in marks[0].args[1]}

    assert tried == set(FUNCTIONS) - set(WORKING_FUNCTIONS)  # those are tried with their calendars


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("1 +", "cannot be read"),
        ("a; b", "cannot be read"),
        ("nowhere > 1", "“nowhere” is not set"),
        ("order.customer", "no entry “customer”"),
        ("order.lines[2]", "no entry 2 among 2"),
        ("status > 1", "Text cannot be compared by size with a number"),
        ("missing_value < 1", "Nothing cannot be compared"),
        ("wanted_on < now", "A date cannot be compared by size with a date with time"),
        ("now < datetime('2026-01-01T10:00')", "has a time zone and the other has none"),
        ("status + 1", "cannot be added to"),
        ("status * 1.5", "cannot be multiplied"),
        ("1 / 0", "Division by zero"),
        ("1 // 0", "Division by zero"),
        ("0 / 0.0", "Division by zero"),
        ("-status", "no sign"),
        ("status.upper()", "write upper(value)"),
        ("status.length", "Text has no entry"),
        ("shout(status)", "no function “shout”"),
        ("len(status, 2)", "len() takes 1 value, not 2."),
        ("len(x=status)", "by position"),
        ("f'{status}'", "join texts"),
        ("{1, 2}", "Write a list"),
        ("{status: 1}", "written as texts"),
        ("{**order}", "written as texts"),
        ("lambda: 1", "cannot be defined"),
        ("(a := 1)", "cannot set a variable"),
        ("[*words]", "star"),
        ("1 | 2", "not part of the expression language"),
        ("~1", "not part of the expression language"),
        ("1j", "constants"),
        ("b'x'", "constants"),
        ("...", "constants"),
        ("_hidden", "underscore"),
        ("order._x", "underscore"),
        ("duration('P1M2D')", "mixes months with days"),
        ("duration('P1M') + duration('P2D')", "cannot be added to"),
        ("duration('1 hour')", "is not a duration"),
        ("date('31.12.2026')", "is not a date"),
        ("decimal('NaN')", "infinite or undefined"),
        ("int('x')", "is not a number"),
        ("max([])", "of nothing"),
        ("max('a', 1)", "cannot be compared"),
        ("matches('a', '(')", "is faulty"),
        ("date(9999, 12, 31) + duration('P2D')", "too large"),
        ("[x for x in 5]", "no entries to go through"),
        ("[a for a, b in [1]]", "not the 2 parts"),
        ("(-8.0) ** 0.5", "can only be raised to a whole number"),
        ("matches('a', '\\\\1')", "is faulty: invalid escape sequence: \\1."),
        ("matches('a')", "matches() takes 2 values, not 1."),
        ("upper()", "upper() takes 1 value, not 0."),
        ("get({}, 'a', 1, 2)", "get() takes 2 to 3 values, not 4."),
        ("date()", "date() takes 1 or more values, not 0."),
        ("str(value=1)", "given by position"),
        ("words['a']", "no entry “a”"),
        ("str(words)", "use join"),
    ],
)
def test_a_faulty_expression_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text).evaluate(NAMES)

    assert sentence in str(caught.value)
    assert caught.value.expression == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${status == 'new'}", True),
        ("#{status eq 'new' and count ge 3}", True),
        ("${!approved || count != 3}", False),
        ('${execution.getVariable("count") == 3}', True),
        ("${execution.getVariable('unset') != null && unset}", False),
        ("${order.lines.size() > 0 && !order.lines.isEmpty()}", True),
        ("= some line in order.lines satisfies line.count > 4", True),
        ("= every line in order.lines satisfies line.count > 4", False),
        ("${!empty order.lines && approved}", True),
        ("${count == '3' && '3' eq count && count != '4' && count ne 'many' && status != 3}", True),
        ("${approved == 'true' && 'TRUE' == approved && approved != 'false' && !approved == 'no'}", True),
        ("${missing_value == null && missing_value != '' && '3'.equals(count) || approved == 1}", False),
        ("${empty (count - 3) || empty (count == 4) || !!empty status || empty words}", False),
        ("${empty '' && empty missing_value && !empty (count - 3)}", True),
        ("${count mod 2 == 1}", True),
        ("${amount}", Decimal("99.90")),
        ('= status = "new" and count >= 3', True),
        ("=not(approved)", False),
        ("=missing_value = null", True),
        ('=if count > 2 then "many" else if count > 1 then "some" else "one"', "many"),
        ('=date("2026-03-31") = wanted_on', True),
        ('=date and time("2026-03-01T12:00:00Z") = now', True),
        ("=.5 + count", Decimal("3.5")),
        ("=count(order.lines) + count", 5),
        ('=string(count) = "3"', True),
        ("status = 'new'", True),
        ("status === 'new' && count !== 4", True),
        ("!approved || count gt 3", False),
        ('${status.contains("ew") && !status.contains("old")}', True),
        ('status.contains("ew")', True),
        ('!status.startsWith("n") or "NEW".equalsIgnoreCase(status.trim())', True),
        ('${"new".equals(status) ? count : 0}', 3),
        ("${count > 5 ? 'many' : count > 2 ? 'some' : 'one'}", "some"),
        ("${(approved ? 1 : 2) + count}", 4),
        ("${order.lines.get(0).count + order.lines[1].count}", 8),
        ("${!(count == 3) == false}", True),
        ("${not empty order.lines}", True),
        ('${order.getNumber() == "A-7" && order.getLines().get(1).getCount() == 5}', True),
        ("${execution.hasVariable('count') && !execution.hasVariable('nothing')}", True),
        ("${vars:equals(status, 'new') && vars:equals('count', 3) && !vars:equals(nothing, 3)}", True),
        ("${variables:get(count) > 2 ? variables:getOrDefault(nothing, 5) : 0}", 5),
        ("${var:exists(count) && !vars:exists(nothing) && vars:isEmpty(nothing) && vars:isNotEmpty(status)}", True),
        ("${vars:gt(count, 2) && vars:lessThanOrEquals(count, 3) && !vars:lt(nothing, 3)}", True),
        ("${vars:notEquals(nothing, 3) && vars:contains(status, 'ew')}", True),
        ('bpmn:getDataObject("count") + getDataInput("count") > 5', True),
        ("getProcessProperty('status') = 'new'", True),
        ("=(if count > 2 then 1 else 2) + 10", 11),
        ("=max(if count > 2 then 1 else 2, 9)", 9),
        ("=[if approved then 1 else 2, 5]", [1, 5]),
        ("=count between 1 and 3 and approved", True),
        ("=count + 1 between 5 and 9 or count between 3 and 3", True),
        ('=if count between 4 and 9 then "in" else "out"', "out"),
        ("=order.lines[1].count + order.lines[-1].count", 8),
        ("=[7, 8, 9][2]", 8),
        ("=some one in order.lines, other in [1, 5] satisfies one.count = other", True),
        ("=for one in [1, 2], other in [10, 20] return one + other", [11, 21, 12, 22]),
        ("=count in [1..3] and count + 1 in (3..4]", True),
        ("=count in [1..3) or count in ]3..9] or count in (1..2)", False),
        ("=if count in [1..sum([1, 2])] then 1 else 2", 1),
        ('=status in ("new", "old") and count in [3, 4]', True),
        ("=missing_value > 5", None),
        ("=missing_value between 1 and 5", None),
        ("=5 between 9 and missing_value", False),
        ("=missing_value > 5 and count = 4", False),
        ("=count = 4 and missing_value > 5", False),
        ("=missing_value > 5 and count = 3", None),
        ("=missing_value > 5 or count = 3", True),
        ("=missing_value > 5 or count = 4", None),
        ("=not(missing_value)", None),
        ("=missing_value + 1", None),
        ("=-missing_value", None),
        ("=missing_value != null", False),
        ('=if missing_value > 5 then "large" else "other"', "other"),
    ],
)
def test_simple_conditions_of_other_tools_are_understood(text: str, value: object) -> None:
    expression = compile_expression(text)

    assert expression.is_translated
    assert expression.evaluate(NAMES) == value


@pytest.mark.parametrize("text", ["missing_value > 5", "missing_value + 1", "-missing_value", "${missing_value > 5}"])
def test_nothing_cannot_be_reckoned_with_except_in_feel(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text).evaluate(NAMES)


@pytest.mark.parametrize("text", ["status = new thing", "a === ", "x = = 1", "import os", "a := 1", "§ = 1"])
def test_what_is_no_expression_of_any_tool_is_refused_in_our_words(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)

    assert caught.value.expression == text
    assert "cannot be read" in caught.value.message


def test_an_expression_of_ours_is_not_translated() -> None:
    assert not compile_expression("status == 'new' and not approved").is_translated


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "=",
        "${a} ${b}",
        "${vars:containsAny(a, 1, 2)}",
        "${vars:equals(a + 1, 2)}",
        "=words[0]",
        "=words[count]",
        "=words[number]",
        "=words[number + 1]",
        "=words[item > ]",
        "=words[]",
        "=1 in",
        "=1 in ()",
        "=1 in (< )",
        "=1 in (1, )",
        "=1 in (2..",
        "=1 /* not closed",
        "=for x in y",
        "=for x in y, return x",
        "=between 1 and 2",
        "=a in 1..2",
        "=a in [1..2",
        "=a in [..2]",
        "=[1..2]",
        "=1..2 + 1",
        "=a between 1",
        "=a = b between 1 and 2",
        "=max(1,,2)",
        "=(a",
        "=a)",
        "=a b",
        "bpmn:getDataObject('order')/number",
        "bpmn:getDataObject('no name')",
        "getSomething('order')",
        "${a ? b}",
        "${a : b}",
        "${a.matches('x')}",
        "${order.getClass()}",
        "${order.getNumber(1)}",
        "${order.setNumber()}",
        "${order.get_x()}",
        "${a.contains()}",
        "a.lower()",
        "=if a",
        "=1..2",
        "${!}",
        "=a § b",
        "${execution.id()}",
    ],
)
def test_conditions_of_other_tools_that_mean_something_else_here_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)


def test_an_expression_tells_which_variables_it_uses() -> None:
    expression = compile_expression("len(order.lines) > limit and any(line.ok for line in order.lines) and true")

    assert expression.names == {"order", "limit"}


def test_a_missing_variable_is_told_apart_from_other_faults() -> None:
    with pytest.raises(MissingVariable, match="nowhere"):
        compile_expression("nowhere").evaluate({})


def test_tuples_and_enumerations_from_outside_are_plain_inside() -> None:
    class Colour(StrEnum):
        RED = "red"

    result = compile_expression("[colour, pair]").evaluate({"colour": Colour.RED, "pair": (1, 2)})

    assert result == ["red", [1, 2]]
    assert type(result[0]) is str


@pytest.mark.parametrize("value", [object(), len, pytest, {1, 2}, b"x", 1j, range(3), type("Row", (), {"name": "x"})()])
def test_nothing_but_plain_data_is_seen(value: object) -> None:
    with pytest.raises(ExpressionError, match="not plain data"):
        compile_expression("value").evaluate({"value": value})


def test_evaluating_changes_no_variable() -> None:
    names = {"order": {"lines": [1, 2]}}

    compile_expression("[line + 1 for line in order.lines] + order.lines").evaluate(names)

    assert names == {"order": {"lines": [1, 2]}}


def test_expressions_that_belong_together_share_a_budget() -> None:
    budget = Budget(30)
    expression = compile_expression("[x for x in [1, 2, 3]]")
    expression.evaluate({}, budget)

    with pytest.raises(CostlyExpression):
        expression.evaluate({}, budget)
