"""Scripts in their worker: variables in and out, errors of the process, and faults with their line."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import BusinessError, CostlyExpression, ExpressionError
from engine.expressions.scripts import compile_script
from storage.months import Months


def run(text: str, variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return compile_script(text).run(variables or {}, **more)


def test_a_script_computes_with_loops_and_functions() -> None:
    text = """
total = 0
def with_tax(price):
    return price * Decimal('1.19')
for line in lines:
    if line['count'] > 1:
        total += with_tax(line['price']) * line['count']
"""
    lines = [{"price": Decimal("1.00"), "count": 2}, {"price": Decimal("9.99"), "count": 1}]

    result = run(text, {"lines": lines})

    assert result["total"] == Decimal("2.3800")
    assert set(result) == {"lines", "line", "total"}


def test_every_kind_of_plain_data_goes_in_and_comes_out() -> None:
    values = {
        "text": "ä\n",
        "whole": 2**70,
        "number": 1.5,
        "exact": Decimal("1.10"),
        "truth": True,
        "nothing": None,
        "day": date(2026, 1, 2),
        "moment": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "clock": time(10, 30),
        "length": timedelta(days=2, seconds=3),
        "group": {"a": [1, {"b": None}]},
    }
    copies = "\n".join(f"{name}_again = {name}" for name in values)

    result = run(copies, values)

    for name, value in values.items():
        assert result[name] == result[f"{name}_again"] == value
        assert type(result[f"{name}_again"]) is type(value)


@pytest.mark.parametrize("value", [Months(3), [{"for": Months(3)}]])
def test_a_duration_of_months_passes_by_a_script_that_does_not_name_it(value: object) -> None:
    assert run("b = 2", {"kept": value}) == {"kept": value, "b": 2}
    with pytest.raises(ExpressionError, match="“kept” holds a duration of months"):
        run("b = kept", {"kept": value})


def test_variables_that_a_script_changes_in_place_come_back_changed() -> None:
    assert run("items.append(3)\norder['ok'] = True", {"items": [1], "order": {}}) == {
        "items": [1, 3],
        "order": {"ok": True},
    }


def test_variables_that_a_script_does_not_name_pass_by_untouched() -> None:
    unseen = object()

    result = run("x = 1", {"unseen": unseen, "not an identifier": 2, "class": 3})

    assert result == {"x": 1, "unseen": unseen, "not an identifier": 2, "class": 3}


def test_functions_classes_modules_and_private_names_stay_behind() -> None:
    text = "import math\nclass A: pass\ndef f(): return 1\ng = f\n_private = 1\nx = f()"

    assert run(text) == {"x": 1}


def test_a_name_bound_in_a_branch_not_taken_is_not_there() -> None:
    assert run("if False:\n    x = 1\nelse:\n    y = 2") == {"y": 2}


def test_globals_set_by_functions_come_back() -> None:
    assert run("def f():\n    global x\n    x = 1\nf()") == {"x": 1}


def test_tuples_become_lists() -> None:
    assert run("x = (1, (2, 3))") == {"x": [1, [2, 3]]}


def test_a_variable_may_bear_the_name_of_something_builtin() -> None:
    assert run("total = date + list[0]\nlist.append(1)", {"date": 3, "list": [4], "isinstance": 1}) == {
        "date": 3,
        "list": [4, 1],
        "total": 7,
        "isinstance": 1,
    }


@pytest.mark.parametrize("value", ["{1, 2}", "[{1: 2}]", "b'x'", "[len]", "range(3)", "1j"])
def test_what_is_no_plain_data_is_refused_by_name(value: str) -> None:
    with pytest.raises(ExpressionError):
        run(f"x = {value}")


def test_a_business_error_carries_code_and_message() -> None:
    with pytest.raises(BusinessError) as caught:
        run("throw_bpmn_error('unknown_customer', message='Nobody knows ' + name)", {"name": "Ann"})

    assert (caught.value.code, str(caught.value)) == ("unknown_customer", "Nobody knows Ann")


def test_a_business_error_needs_no_message() -> None:
    with pytest.raises(BusinessError) as caught:
        run("if True:\n    throw_bpmn_error('late')")

    assert (caught.value.code, str(caught.value)) == ("late", "late")


def test_a_script_cannot_catch_its_own_business_error() -> None:
    with pytest.raises(BusinessError):
        run("try:\n    throw_bpmn_error('late')\nexcept BaseException:\n    pass")


@pytest.mark.parametrize(
    "call", ["throw_bpmn_error()", "throw_bpmn_error(3)", "throw_bpmn_error('')", "throw_bpmn_error('a', 'b', 'c')"]
)
def test_a_business_error_without_a_code_is_a_fault_of_the_script(call: str) -> None:
    with pytest.raises(ExpressionError):
        run(call)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\ny = 1 / 0", "line 2: ZeroDivisionError"),
        ("\n\nfoo()", "line 3: NameError"),
        ("raise ValueError('no such paper')", "no such paper"),
        ("x = (", "cannot be read"),
        ("x = 1\n  y = 2", "line 2"),
        ("\x00", "cannot be read"),
    ],
)
def test_a_fault_names_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        run(text)

    assert sentence in str(caught.value)
    assert caught.value.expression == text


def test_a_script_knows_the_time_it_is_given() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    result = run("import time as clock\nmoment = datetime.now()\nday = date.today()\nseconds = clock.time()", now=now)

    assert result == {"moment": now, "day": now.date(), "seconds": now.timestamp()}


def test_a_script_without_a_time_has_no_clock() -> None:
    with pytest.raises(ExpressionError, match="not supported"):
        run("moment = datetime.now()")


def test_one_run_leaves_nothing_for_the_next() -> None:
    run("import math\nleft = 1\nmath.pi")

    with pytest.raises(ExpressionError, match="NameError"):
        run("x = left")


def test_the_worker_serves_the_next_script_after_an_endless_one() -> None:
    with pytest.raises(CostlyExpression, match="longer than 1 s"):
        run("while True:\n    pass")

    assert run("x = 1") == {"x": 1}
