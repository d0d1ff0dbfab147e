"""What FEEL's own functions, operators and properties come to (DMN 1.3, 10.3.2 and 10.3.4)."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions.language import compile_expression
from storage.months import Months

NAMES: dict[str, Any] = {
    "nothing": None,
    "word": "banana",
    "two": Decimal(2),
    "letters": ["a", "b", "c"],
    "numbers": [6, 14, -3],
    "lines": [{"kind": "wide", "price": Decimal(30)}, {"kind": "small", "price": 5}],
    "kind": "small",
    "made_on": date(2019, 9, 17),
    "long_text": "ab" * 50_000,
    "long_list": list(range(10_000)),
}


def said(text: str) -> Any:
    return compile_expression(f"={text}").evaluate(NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("substring(word, two, 1)", "a"),
        ("substring(word, -2)", "na"),
        ("substring(word, 7)", None),
        ('substring before(word, "n")', "ba"),
        ('substring before(word, "x")', ""),
        ('substring after(word, "n")', "ana"),
        ('substring after(word, "")', "banana"),
        ('replace(word, "a", "o")', "bonono"),
        ('replace("abcd", "(ab)|(a)", "[1=$1][2=$2]")', "[1=ab][2=]cd"),
        ('replace(word, "[aeiou]", "[$0]")', "b[a]n[a]n[a]"),
        ('replace("a1", "A", "\\\\$", "i")', "$1"),
        ('matches("FooBar", "foo", "i")', True),
        ('split("John Doe", "\\\\s")', ["John", "Doe"]),
        ('split("a;b;;", ";")', ["a", "b", "", ""]),
        ('string join(["a", null, "c"], "-")', "a-c"),
        ("string join(letters)", "abc"),
        ("string(true)", "true"),
        ('string(duration("P1DT2H0.5S"))', "P1DT2H0.5S"),
        ('string(duration("-PT90M"))', "-PT1H30M"),
        ('string(duration("PT0S"))', "PT0S"),
        ('string(date and time("2026-01-31T10:00:00Z"))', "2026-01-31T10:00:00Z"),
        ('string([1, "a", null])', '[1, "a", null]'),
        ("string(lines[2])", '{kind: "small", price: 5}'),
        ('number("1 000,5", " ", ",")', Decimal("1000.5")),
        ('number("1000.5", null, ".")', Decimal("1000.5")),
        ('trim("  a b ")', "a b"),
        ('is blank(" ")', True),
        ("is blank(word)", False),
        ('extract("12 and 345", "[0-9]+")', ["12", "345"]),
        ("extract(nothing, word)", None),
    ],
)
def test_functions_over_texts(text: str, value: object) -> None:
    assert said(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("decimal(1/3, 2)", "0.33"),
        ("decimal(2.5, 0)", "2"),
        ("decimal(125, -1)", "120"),
        ("floor(-1.5)", "-2"),
        ("floor(-1.56, 1)", "-1.6"),
        ("ceiling(-1.5)", "-1"),
        ("ceiling(-1.56, 1)", "-1.5"),
        ("round up(-5.1, 0)", "-6"),
        ("round down(-1.126, 2)", "-1.12"),
        ("round half up(-5.5, 0)", "-6"),
        ("round half down(5.5, 0)", "5"),
        ("modulo(-10.1, 4.5)", "3.4"),
        ("modulo(10, -4)", "-2"),
        ("sqrt(16)", "4"),
        ("decimal(exp(4), 5)", "54.59815"),
        ("decimal(log(4), 5)", "1.38629"),
        ("decimal(mean(numbers), 3)", "5.667"),
        ("mean(1, two)", "1.5"),
        ("median(8, 2, 5, 3, 4)", "4"),
        ("median([6, 1, 2, 3])", "2.5"),
        ("decimal(stddev(2, 4, 7, 5), 4)", "2.0817"),
        ("product([2, 3, 4])", "24"),
        ("sum(numbers)", "17"),
        ("min(numbers)", "-3"),
        ("max(1, 3, two)", "3"),
        ("007 + 00.50 - -00", "7.5"),
        ("numbers[02] + .5", "14.5"),
        ("mean([two])", "2"),
    ],
)
def test_functions_over_numbers(text: str, value: str) -> None:
    assert said(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345678901234567890123456789.01 + 1", "12345678901234567890123456790.01"),
        ("0.1234567890123456789012345678901234 * 1", "0.1234567890123456789012345678901234"),
        ("1 / 3", "0.3333333333333333333333333333333333"),
        ("2 / 3", "0.6666666666666666666666666666666667"),
        ("sqrt(2)", "1.414213562373095048801688724209698"),
    ],
)
def test_numbers_have_34_digits(text: str, value: str) -> None:
    assert str(said(text)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("even(two) and odd(3) and not(odd(0))", True),
        ("mode([6, 1, 9, 6, 1])", [1, 6]),
        ("mode([])", []),
        ("append(letters, word, 1)", ["a", "b", "c", "banana", 1]),
        ("append(null, 2)", [None, 2]),
        ("concatenate([1], [2, 3], 4)", [1, 2, 3, 4]),
        ("[1] + [2]", [1, 2]),
        ("insert before([1, 2], -1, 9)", [1, 9, 2]),
        ("remove(letters, two)", ["a", "c"]),
        ("reverse(letters)", ["c", "b", "a"]),
        ("index of([1, 2, 3, 2], 2)", [2, 4]),
        ("union([2, 1], [1.0, 3])", [2, 1, 3]),
        ("distinct values([2, 1, 2, null, null, true])", [2, 1, None, True]),
        ("flatten([1, [[2]], [3, []]])", [1, 2, 3]),
        ("sublist(letters, -2)", ["b", "c"]),
        ("sublist(letters, 1, 2)", ["a", "b"]),
        ("list replace(letters, 3, word)", ["a", "b", "banana"]),
        ("duplicate values([1, 2, 1.0, null, 2, null])", [1, 2, None]),
        ("partition([1, 2, 3], two)", [[1, 2], [3]]),
        ("is empty([])", True),
        ("not(is empty(letters))", True),
        ("is empty(nothing)", None),
        ("list contains([1, null], null)", True),
        ("contains([1, null], null)", True),
        ("contains([1], nothing)", False),
        ("all([true, null])", None),
        ("all([])", True),
        ("any(null, true)", True),
        ("any([false, null])", None),
        ("letters[item > kind or item = word]", []),
        ('letters[item >= "b"]', ["b", "c"]),
        ("lines[price > 10].kind", ["wide"]),
        ('lines[item.kind = "small"][1].price', 5),
        ("lines[kind = word]", []),
        ("letters[4]", None),
        ("letters[-3]", "a"),
        ("word[1]", "banana"),
        ("lines.price", [Decimal(30), 5]),
        ("for i in 3..1 return i * two", [6, 4, 2]),
        ("for i in 1..2, j in letters return string(i) + j", ["1a", "1b", "1c", "2a", "2b", "2c"]),
        ("every i in [] satisfies i > 1", True),
        ("some i in [null] satisfies i > 1", None),
        ("1 /* one */ + // and\n 1", 2),
        ('"/* // */"', "/* // */"),
    ],
)
def test_lists_and_loops(text: str, value: object) -> None:
    assert said(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ('{a: 1, "b": a + 1}', {"a": 1, "b": 2}),
        ("{kind: kind, word: {kind: word}}", {"kind": "small", "word": {"kind": "banana"}}),
        ("{a: 1, b: {a: a + 1, c: a}}.b", {"a": 2, "c": 2}),
        ("{two: 3, b: for two in [4] return two}.b", [4]),
        ('{kind: "wide", found: lines[kind = "small"].price}.found', [5]),
        ("{least: 10, found: lines[price > least].price}.found", [30]),
        ("[{x: 1}, {x: 2}].x", [1, 2]),
        ("[{x: 1, y: 2}, {x: 2, y: 3}][x = 1].y", [2]),
        ("{a: 1, b: 2} = {b: 2, a: 1.0}", True),
        ("if {a: null}.a = null then {b: 2} else null", {"b": 2}),
        ("get entries({a: 1, b: null})", [{"key": "a", "value": 1}, {"key": "b", "value": None}]),
        ("context(get entries({a: 1, b: null}))", {"a": 1, "b": None}),
        ('context put(lines[2], "kind", nothing)', {"kind": None, "price": 5}),
        ('context put({a: {b: 1}}, ["a", "c"], 2)', {"a": {"b": 1, "c": 2}}),
        ('context put({}, ["a", "b"], 2)', {"a": {"b": 2}}),
        ("context merge([{a: 1, b: 1}, {b: 2}])", {"a": 1, "b": 2}),
        ("get or else({a: 1}.b, 5)", 5),
        ("get or else(nowhere.price, kind)", "small"),
        ("get or else(word, 5)", "banana"),
        ('fromAi(lines[2].kind, "What kind of line", "string")', "small"),
    ],
)
def test_groups_of_entries(text: str, value: object) -> None:
    assert said(text) == value


@pytest.mark.parametrize(
    "text", ["{a b: 1}", "{a: 1", "{a}", "{1: 2}", "{a: 1, a: 2}", "{a: }", "{a: 1}}", "{, a: 1}", "${{a: 1}}"]
)
def test_what_is_no_group_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        said(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5 in <= 5", True),
        ("5 in (1, < 5, >= 6)", False),
        ("5 in (1, (2..9))", True),
        ("5 in [[1..3], [4..6)]", True),
        ("6 in [[1..3], [4..6)]", False),
        ("two in 2", True),
        ("5 in != 5", False),
        ("5 in (= 5)", True),
        ("word in letters", False),
        ('"a" in letters and two in (1..3)', True),
        ("[1, 2] in [[1, 2], [3]]", True),
        ("null in [1, null]", True),
        ("nothing in < 5", None),
        ("two + 1 in (3)", True),
        ("1 in (1 in (true), 1)", True),
    ],
)
def test_in_takes_tests(text: str, value: object) -> None:
    assert said(text) is value


@pytest.mark.parametrize("condition", ['"false"', '"true"', "1", "[true]", "{a: 1}", "made_on", "nothing"])
def test_what_is_no_truth_value_does_not_hold(condition: str) -> None:
    assert said(f'if {condition} then "yes" else "no"') == "no"
    assert said(f'letters[if item = "a" then {condition} else false]') == []
    assert said(f'if {condition} = null or true then "yes" else "no"') == "yes"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3 ** 2", 9),
        ("2 - 3 ** 2", -7),
        ("2 * -3 ** 2", 18),
        ("3 ** 4 ** 2", 6561),
        ("2 ** -1", Decimal("0.5")),
        ("-two ** -two", Decimal("0.25")),
        ("(1 + 1) ** two * 3", 12),
        ("(10 + 20) / 0", None),
    ],
)
def test_powers_go_from_left_to_right_and_a_sign_comes_first(text: str, value: object) -> None:
    assert said(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("100 = word", None), ("false = 0", None), ("100 = null", False), ("0 = 0.00", True), ("word != 1", None)],
)
def test_unlike_kinds_are_neither_the_same_nor_different(text: str, value: object) -> None:
    assert said(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("made_on.year", 2019),
        ("made_on.weekday", 2),
        ('date and time("2018-12-10").hour', 0),
        ('time("10:30:01").second', 1),
        ('duration("-P1DT2H3M4S").hours', -2),
        ('duration("PT49H").days', 2),
        ("day of week(made_on)", "Tuesday"),
        ("last day of month(made_on)", 30),
        ("day of year(made_on)", 260),
        ("month of year(made_on)", "September"),
        ("week of year(made_on)", 38),
        ("date(two * 1000, two, 1)", date(2000, 2, 1)),
        ("date(2017, 01, 09)", date(2017, 1, 9)),
        ('time("23:59:00Z") + duration("PT2M")', time(0, 1, tzinfo=UTC)),
        ('time("00:01:00") - duration("PT2M")', time(23, 59)),
        ('date and time("2012-12-24T23:59:00Z") + duration("PT1M")', datetime(2012, 12, 25, tzinfo=UTC)),
        ('made_on - date("2019-09-16")', timedelta(days=1)),
        ('sum([duration("PT1H"), duration("PT2H")])', timedelta(hours=3)),
        ('max(made_on, date("2019-09-18"))', date(2019, 9, 18)),
        ('@"P1Y2M"', Months(14)),
        ('made_on + duration("P1M")', date(2019, 10, 17)),
        ('duration("P1Y") + date and time("2024-02-29T10:00:00Z")', datetime(2025, 2, 28, 10, tzinfo=UTC)),
        ('made_on - duration("P7M") * two', date(2018, 7, 17)),
        ('-duration("P1Y") + duration("P30M")', Months(18)),
        ('duration("P1Y2M") / 4', Months(3)),
        ('duration("P3M") / 3', Months(1)),
        ('duration("P1Y") / duration("P5M")', Decimal("2.4")),
        ('duration("P1Y") / 0', None),
        ('duration("P1Y") > duration("P11M") and duration("P1Y") = duration("P12M")', True),
        ('duration("P1Y") = duration("P365D")', None),
        ('abs(duration("-P25M")).months', 1),
        ('duration("-P25M").years', -2),
        ('string(duration("-P25M"))', "-P2Y1M"),
        ('string(duration("P0Y"))', "P0M"),
        ('sum([duration("P1M"), duration("P1Y")])', Months(13)),
        ('years and months duration(made_on, date("2021-09-16"))', Months(23)),
        ('years and months duration(date("2021-09-16"), made_on)', Months(-23)),
        ('years and months duration(from: made_on, to: date("2019-12-17"))', Months(3)),
    ],
)
def test_dates_times_and_durations(text: str, value: object) -> None:
    assert said(text) == value


@pytest.mark.parametrize("written", ['date and time("{}")', '@"{}"'])
@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-01-25T08:00:00@Europe/Berlin", 1),
        ("2026-07-25T08:00:00@Europe/Berlin", 2),
        ("2026-07-25T08:00:00@Etc/UTC", 0),
    ],
)
def test_a_zone_by_its_name_gives_the_offset_of_that_time(written: str, text: str, offset: int) -> None:
    moment = said(written.format(text))

    assert isinstance(moment, datetime)
    assert moment.isoformat() == f"{text.partition('@')[0]}+0{offset}:00"


@pytest.mark.parametrize("zone", ["", "Nowhere/Else", "../../etc/passwd", "/etc/passwd", "Europe", "a\\0b"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(ExpressionError, match="is not a date with time"):
        said(f'date and time("2026-01-25T08:00:00@{zone}")')


def test_an_offset_and_the_name_of_a_zone_are_one_too_many() -> None:
    with pytest.raises(ExpressionError, match="is not a date with time"):
        said('date and time("2026-01-25T08:00:00+01:00@Europe/Berlin")')


@pytest.mark.parametrize(
    "text",
    [
        "substring(nothing, 1)",
        "string length(null)",
        "abs(nothing)",
        "floor(null)",
        "upper case(null)",
        "string(null)",
        "min([])",
        "sum([])",
        "mean([1, null])",
        "nothing.price",
        'contains(nothing, "a")',
        "contains(word, null)",
    ],
)
def test_what_is_made_of_nothing_is_nothing(text: str) -> None:
    assert said(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "true ** 4",
        "word * 2",
        "true + 1",
        "-true",
        "+false",
        "-[1]",
        "true < false",
        "1 > true",
        "true between false and true",
        "true in [false..true]",
        "[1] + 2",
        "letters * 2",
        "letters - letters",
        "sum([true, 1])",
        "sum(true)",
        'sum(["1"])',
        "sum([[1], [2]])",
        "mean([true, false])",
        "product([true])",
        "median([true])",
        "stddev([true, false])",
        "min(true, false)",
        "max([true])",
        "min([[1]])",
        'max(1, "2")',
        "abs(word)",
        "sqrt(-1)",
        "log(0)",
        "substring(word, 1.5)",
        "remove(letters, 4)",
        "decimal(1, 21)",
        'number("x", null, null)',
        'number("1", ",", ",")',
        'matches(word, "a", "x")',
        'replace(word, "a", "$")',
        "made_on.hour",
        "day of week(word)",
        "stddev([1])",
        "modulo(1, 0)",
        "partition(letters, 0)",
        "is blank(1)",
        "extract(word, 1)",
        "get entries(letters)",
        "context(letters)",
        'context([{key: "a"}])',
        'context([{key: "a", value: 1}, {key: "a", value: 2}])',
        "context put(letters, word, 1)",
        'context put({a: 1}, ["a", "b"], 2)',
        "context put({}, [], 1)",
        "context merge(letters)",
        "last day of month(word)",
        'duration("P1Y2D")',
        'duration("P1Y") > duration("P1D")',
        'duration("P1Y") + duration("P1D")',
        'duration("P900Y") * 99999999999',
        'date("9999-12-01") + duration("P1M")',
        "years and months duration(made_on, word)",
    ],
)
def test_what_fits_no_function_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(ExpressionError):
        said(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modulo()", "modulo() takes 2 values, not 0."),
        ("round  half up(1, 2, 3)", "round half up() takes 1 to 2 values, not 3."),
        ("string length(word, 1)", "string length() takes 1 value, not 2."),
        ("date()", "date() takes 1 or more values, not 0."),
        ("years and months duration(made_on)", "years and months duration() takes 2 values, not 1."),
        ("before(1, 10)", "no function “before” of FEEL here; there are abs, all, any, append,"),
        ("started by(1, 10)", "no function “started by” of FEEL"),
        ("get or else(word)", "get or else() takes 2 values, not 1."),
        ("substring(string: word, length: 2)", "than substring(string, start position, length)"),
        ("date(year: 2026, from: word)", "than date(from) or date(year, month, day)"),
        ("substring(string: word, 2)", "takes each of its values by name"),
        ("count(list: letters, list: letters)", "takes each of its values by name"),
        ("count(list: )", "“list” is given no value"),
        ("union(lists: letters)", "union() has no names for its values"),
        ("sort(letters, function(x, y) x < y)", "functions of one's own are not understood"),
        ("is defined()", "is_set() takes one variable."),
    ],
)
def test_what_cannot_be_called_is_told_in_the_words_of_feel(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(f"={text}")

    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("substring(string: word, start position: 2, length: two)", "an"),
        ("substring(start position: -2, string: word)", "na"),
        ("date(year: 2026, month: 1, day: 31)", date(2026, 1, 31)),
        ('date(from: "2026-01-31")', date(2026, 1, 31)),
        ("decimal(scale: 1, n: 1.25)", Decimal("1.2")),
        ("count(list: letters[item > kind])", 0),
        ('context put(context: {a: 1}, keys: ["b"], value: if true then 2 else 3)', {"a": 1, "b": 2}),
        ("{a: count(list: {b: letters}.b)}", {"a": 3}),
        ('contains(string: word, match: "nan")', True),
    ],
)
def test_arguments_are_given_by_name(text: str, value: object) -> None:
    assert said(text) == value


def test_the_clock_is_the_variable_now() -> None:
    expression = compile_expression('=now() > date and time("2026-01-31T10:00:00Z") and today() = date("2026-02-01")')

    assert expression.names == {"now"}
    assert expression.evaluate({"now": datetime(2026, 2, 1, 9, tzinfo=UTC)}) is True


def test_what_is_defined_is_set() -> None:
    assert [said(f"is defined({name})") for name in ("word", "nothing", "nowhere", "nothing.price")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "text",
    [
        'replace(long_text, "a", "b")',
        'split(long_text, "a")',
        'for one in long_list return replace(long_text, "x", "y")',
        'for one in long_list return matches(long_text, "x")',
        "for i in 1..100000 return i",
        "for i in 1..9000, j in 1..9000 return i",
        "long_list[item > 1][item > 2][item > 3]",
        "exp(100000)",
        "product(long_list[item > 9000])",
    ],
)
def test_what_would_take_long_is_broken_off(text: str) -> None:
    with pytest.raises(CostlyExpression):
        said(text)
