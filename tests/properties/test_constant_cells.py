"""Cells of constants, which are read at once, against the same cells read as expressions."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decisions.cell_tests import InputCell
from engine.decisions.cells import compile_input_cell, compile_value, list_values
from engine.decisions.constants import constant_cell
from engine.errors import ExpressionError
from engine.expressions.evaluation import Budget
from engine.expressions.feel_phrases import Model

SLOWLY: Final = {"null": Model((), "None")}
"""A business knowledge model that is named as a constant: nothing is taken for a constant beside it."""
SUBJECTS: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 5, 1.0, 0.1, Decimal("0.1"), Decimal("1.50"), -2.5, 10**20, 10**400, float("inf")),
    *("", "a", "b", "true", "1", "a, b", "ä", "\\", [], ["a"], [1, 2], {}, {"a": 1}, timedelta(1)),
    *(date(2026, 1, 31), date(2026, 2, 1), datetime(2026, 1, 31, tzinfo=UTC), time(8)),
]
NUMBERS = st.sampled_from(
    ["0", "1", "5", "-1", "- 5", "-0", "0.1", "1.50", "-2.5", "-0.0", "007", "00.5", ".5", "1.", "1e3"]
)
TEXTS = st.text("ab,\\\"'\n ä()/", max_size=4).map(lambda text: f'"{text}"') | st.just("'a'")
DATES = st.sampled_from(
    ['date("2026-01-31")', '@"2026-01-31"', 'date ( "2024-02-29" )', '@ "2026-02-30"', 'date("soon")', 'date("")']
)
OTHERS = st.sampled_from(
    ["true", "false", "null", "limit", "-", "", "?", "(1)", "[1]", "not(1)", "1 + 1", "/* a */ 1", "True"]
)
VALUES = NUMBERS | TEXTS | DATES | OTHERS
BLANKS = st.sampled_from(["", " ", "\n"])
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "=", "==", "!=", "===", "!"])
RANGES = st.builds(
    "{}{}{}..{}{}".format, st.sampled_from("[(]"), VALUES, BLANKS, VALUES, st.sampled_from("])[")
) | st.builds("{}{}..{}{}".format, st.sampled_from("[(]"), NUMBERS, NUMBERS, st.sampled_from("])["))
TESTS = VALUES | st.builds("{}{}{}".format, SIGNS, BLANKS, VALUES) | RANGES
LISTS = st.builds(
    lambda tests, comma: comma.join(tests), st.lists(TESTS, max_size=4), st.sampled_from([",", ", ", " ,\n"])
)
CELLS = LISTS | LISTS.map("not({})".format) | LISTS.map(" not ( {} ) ".format) | LISTS.map("{},".format)


def outcome(work: Callable[[], Any]) -> Any:
    """Give what comes out, with its kind, or which error."""
    try:
        value = work()
    except ExpressionError as error:
        return type(error), str(error)
    return [(type(one), str(one)) for one in value] if isinstance(value, tuple) else (type(value), str(value))


def tried(compiled: InputCell) -> list[Any]:
    """Give what a cell says of every subject."""
    return [outcome(lambda subject=subject: compiled.matches(subject, {"limit": 5}, Budget())) for subject in SUBJECTS]  # type: ignore[misc]  # bound default


@settings(max_examples=1_500, deadline=None)
@given(CELLS)
def test_a_cell_of_constants_says_the_same_as_its_expressions(text: str) -> None:
    fast, slow = outcome(lambda: compile_input_cell(text)), outcome(lambda: compile_input_cell(text, SLOWLY))

    if slow[0] is InputCell:
        assert tried(compile_input_cell(text)) == tried(compile_input_cell(text, SLOWLY)), text
    else:
        assert fast == slow, text


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_a_constant_that_stands_alone_is_what_its_expression_comes_to(text: str) -> None:
    fast, slow = (
        outcome(lambda models=models: compile_value(text, models).evaluate({"limit": 5}))
        for models in ({}, SLOWLY)  # type: ignore[misc]  # bound default
    )

    assert fast == slow


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_listed_values_are_what_their_expressions_come_to(texts: list[str]) -> None:
    listed = outcome(lambda: list_values(",".join(texts)))
    alone = [outcome(lambda text=text: compile_value(text, SLOWLY).evaluate({})) for text in texts]  # type: ignore[misc]  # bound default

    assert not isinstance(listed, list) or len(listed) != len(texts) or listed == alone


def test_usual_cells_are_taken_for_constants() -> None:
    for text in (
        '"a","b"',
        "not(1, 2)",
        "true",
        "null",
        "< 5, [7..9)",
        '>= date("2026-01-31")',
        ']@"2026-01-31"..@"2026-02-01"]',
    ):
        assert constant_cell(text) is not None, text
