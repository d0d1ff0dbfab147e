"""Advice about decision tables: told before they run, with an example that holds."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decisions.advice import advise
from engine.decisions.decision import Table, read_decisions
from engine.errors import Finding, Severity
from engine.expressions.evaluation import Budget
from engine.linting import lint_files

Row = tuple[Sequence[str], str]
Column = tuple[str, str, str]
AMOUNT: Column = ("amount", "number", "")
PAPER: Column = ("paper", "string", "")


def dmn(policy: str, columns: Sequence[Column], rows: Sequence[Row], ways: str = "") -> bytes:
    """Write a table with one output, `way`; a column is its expression, type and listed values."""
    heads = "".join(
        f"<input id='in{n}' label={quoteattr(text)}><inputExpression typeRef='{kind}'><text>{escape(text)}</text>"
        f"</inputExpression>{f'<inputValues><text>{escape(listed)}</text></inputValues>' if listed else ''}</input>"
        for n, (text, kind, listed) in enumerate(columns)
    )
    listed = f"<outputValues><text>{escape(ways)}</text></outputValues>" if ways else ""
    rules = "".join(
        f"<rule id='r{n}'>"
        + "".join(f"<inputEntry><text>{escape(cell)}</text></inputEntry>" for cell in cells)
        + f"<outputEntry><text>{escape(answer)}</text></outputEntry></rule>"
        for n, (cells, answer) in enumerate(rows, 1)
    )
    answer = f"<output name='way' typeRef='string'>{listed}</output>"
    table = f"<decisionTable hitPolicy='{policy}'>{heads}{answer}{rules}</decisionTable>"
    return (
        "<definitions xmlns='https://www.omg.org/spec/DMN/20191111/MODEL/' id='d' name='d' namespace='n'>"
        f"<decision id='route' name='Route'>{table}</decision></definitions>"
    ).encode()


def advice(policy: str, columns: Sequence[Column], *cells: Sequence[str], answers: str = "") -> list[Finding]:
    rows = [(row, f'"{answers[n] if answers else n}"') for n, row in enumerate(cells)]
    return advise(read_decisions(dmn(policy, columns, rows), "t.dmn"))


def told(
    policy: str, columns: Sequence[Column], *cells: Sequence[str], answers: str = ""
) -> list[tuple[str, str | None]]:
    return [
        (one.code.removeprefix("decision_"), one.element) for one in advice(policy, columns, *cells, answers=answers)
    ]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("number", "< 100", "[50..200]"),
        ("number", "> 10", "< 11"),
        ("number", "(1..3)", "(2..4)"),
        ("number", "-", "> 5"),
        ("number", "not(5)", "> 7"),
        ("string", '"a", "b"', '"b", "c"'),
        ("string", 'not("a")', 'not("b")'),
        ("boolean", "-", "true"),
        ("date", '< date("2026-02-01")', '> date("2026-01-01")'),
        ("time", '< time("10:00:00")', '> time("08:00:00")'),
        ("dateTime", '> date and time("2026-01-01T10:00:00")', '> date and time("2026-02-01T10:00:00")'),
        ("dayTimeDuration", '< duration("P2D")', '> duration("P1D")'),
        ("yearMonthDuration", '< duration("P2Y")', '> duration("P1Y")'),
        ("number", "> limit", "> limit"),
        ("number", "> limit", "-"),
    ],
)
def test_rules_that_match_together_are_told_where_one_at_most_may(kind: str, one: str, other: str) -> None:
    assert told("UNIQUE", [("asked", kind, "")], [one], [other]) == [("overlap", "r2")]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("number", "< 100", ">= 100"),
        ("integer", "> 10", "< 11"),
        ("number", "[1..2)", "[2..3]"),
        ("number", "not(5)", "5"),
        ("string", '"a"', '"b"'),
        ("string", 'not("a")', '"a"'),
        ("boolean", "false", "true"),
        ("date", '< date("2026-02-01")', '>= date("2026-02-01")'),
        ("date", '> date("2026-02-01")', '< date("2026-02-02")'),
        ("number", "> limit", "< 5"),
        ("string", '< "m"', '< "n"'),
    ],
)
def test_rules_that_exclude_each_other_or_may_do_so_are_left_alone(kind: str, one: str, other: str) -> None:
    assert told("UNIQUE", [("asked", kind, "")], [one], [other]) == []


def test_one_column_is_enough_to_exclude_each_other() -> None:
    assert told("UNIQUE", [AMOUNT, PAPER], ["> 5", '"matt"'], ["> 3", '"gloss"']) == []


def test_an_example_is_given() -> None:
    [finding] = advice("UNIQUE", [AMOUNT, PAPER], ["> 5", '"matt"'], ["-", "-"])

    assert finding.severity is Severity.WARNING
    assert "rules 1 and 2 match together" in finding.message
    assert "if “amount” is 6, “paper” is “matt”" in finding.message


def test_columns_that_look_at_the_same_thing_may_exclude_each_other_together() -> None:
    twice = [AMOUNT, ("amount * 2", "number", "")]

    assert told("UNIQUE", twice, ["< 5", "-"], ["-", "> 10"]) == []


def test_paths_into_one_thing_are_things_of_their_own() -> None:
    parts = [("order.amount", "number", ""), ("order.paper", "string", "")]

    assert told("UNIQUE", parts, ["< 5", "-"], ["-", '"matt"']) == [("overlap", "r2")]


def test_where_any_rule_will_do_only_those_with_other_answers_are_told() -> None:
    assert told("ANY", [AMOUNT], ["> 5"], ["> 6"], answers="aa") == []
    assert told("ANY", [AMOUNT], ["> 5"], ["> 6"], answers="ab") == [("overlap", "r2")]


def test_a_rule_that_the_first_one_hides_is_told() -> None:
    assert told("FIRST", [AMOUNT, PAPER], [">= 5", "-"], ["> 5", '"matt"'], ["-", "-"]) == [("unreached", "r2")]
    assert told("FIRST", [AMOUNT], ["-"], ["> limit"]) == [("unreached", "r2")]
    assert told("FIRST", [AMOUNT], ["> limit"], ["> limit + 1"]) == []


def test_tables_that_take_every_rule_are_left_alone() -> None:
    assert told("COLLECT", [AMOUNT], ["> 5"], ["> 5"]) == []


def test_many_rules_that_meet_are_told_ten_times_at_most() -> None:
    assert len(told("UNIQUE", [AMOUNT], *(["-"] for _ in range(20)))) == 10


def test_a_very_large_table_is_left_alone() -> None:
    assert told("UNIQUE", [AMOUNT], *([f"{n}"] for n in range(1_000)), ["-"]) == []


def test_a_table_of_many_rules_is_left_alone() -> None:
    assert told("UNIQUE", [AMOUNT], *(["-"] for _ in range(1_001))) == []


def test_values_that_nobody_listed_are_told() -> None:
    paper = ("paper", "string", '"matt", "gloss"')
    rows: list[Row] = [(['"mat", "gloss"'], '"press"'), (['not("silk")'], '"digitl"'), (["-"], "reason")]
    found = advise(read_decisions(dmn("COLLECT", [paper], rows, ways='"press", "digital"'), "t.dmn"))

    assert [(one.code, one.element) for one in found] == [
        ("decision_unlisted", "r1"),
        *[("decision_unlisted", "r2")] * 2,
    ]
    assert "“mat” is none of the values listed for the column “paper”" in found[0].message


def test_advice_is_part_of_a_check() -> None:
    file = dmn("UNIQUE", [AMOUNT], [(["> 5"], '"a"'), (["> 6"], '"b"')])

    assert [(one.element, one.code) for one in lint_files([("t.dmn", file)])] == [("r2", "decision_overlap")]


NUMBERS = st.integers(0, 6)
CELLS = st.one_of(
    st.just("-"),
    st.builds("{} {}".format, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS),
    st.builds("{}".format, NUMBERS),
    st.builds("not({})".format, NUMBERS),
    st.builds(
        lambda opens, low, length, closes: f"{opens}{low}..{low + length}{closes}",
        st.sampled_from("[("),
        NUMBERS,
        st.integers(0, 3),
        st.sampled_from(")]"),
    ),
)
EVERYWHERE = [Decimal(n) / 2 for n in range(-4, 24)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=2, max_size=4), st.sampled_from(["UNIQUE", "FIRST"]))
def test_what_is_told_is_what_trying_all_values_shows(rows: list[tuple[str, str]], policy: str) -> None:
    columns = [AMOUNT, ("weight", "number", "")]
    decisions = read_decisions(dmn(policy, columns, [(row, f'"{n}"') for n, row in enumerate(rows)]), "t.dmn")
    table = decisions["route"].logic
    assert isinstance(table, Table)
    hit = [
        {
            (one, other)
            for one in EVERYWHERE
            for other in EVERYWHERE
            if rule.inputs[0].matches(one, {}, Budget()) and rule.inputs[1].matches(other, {}, Budget())
        }
        for rule in table.rules
    ]
    if policy == "UNIQUE":
        expected = [f"r{other + 1}" for one, other in combinations(range(len(hit)), 2) if hit[one] & hit[other]]
    else:
        expected = [
            f"r{n + 1}" for n in range(len(hit)) if hit[n] and any(hit[n] <= hit[before] for before in range(n))
        ]

    assert [one.element for one in advise(decisions)] == expected
