"""Decision tables by dmn-js's own cell syntax: cells, hit policies, requirements, and faults with rule and column."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from engine.decisions.cells import compile_input_cell
from engine.decisions.decision import Decision, read_decisions
from engine.errors import DefinitionError, ExpressionError
from engine.expressions.evaluation import Budget

DMN_13 = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def table(
    rules: Sequence[tuple[Sequence[str], Sequence[str]]],
    *,
    inputs: Sequence[tuple[str, str]] = (("amount", "number"),),
    outputs: Sequence[tuple[str, str]] = (("way", ""),),
    attributes: str = "",
    values: str = "",
    default: str = "",
    requires: str = "",
    key: str = "route",
) -> str:
    """Write a decision as dmn-js does."""
    heads = "".join(
        f'<input id="in_{n}" label={quoteattr(text)}><inputExpression id="ie_{n}" typeRef="{kind}"><text>{escape(text)}</text>'
        "</inputExpression></input>"
        for n, (text, kind) in enumerate(inputs)
    )
    extra = f"<outputValues><text>{escape(values)}</text></outputValues>" if values else ""
    extra += f"<defaultOutputEntry><text>{escape(default)}</text></defaultOutputEntry>" if default else ""
    heads += "".join(
        f'<output id="out_{name}" name="{name}" typeRef="{kind}">{extra}</output>' for name, kind in outputs
    )
    rows = "".join(
        f'<rule id="rule_{n}"><description>note {n}</description>'
        + "".join(
            f'<inputEntry id="i{n}_{m}"><text>{escape(cell)}</text></inputEntry>' for m, cell in enumerate(asked, 1)
        )
        + "".join(
            f'<outputEntry id="o{n}_{m}"><text>{escape(cell)}</text></outputEntry>' for m, cell in enumerate(given, 1)
        )
        + "</rule>"
        for n, (asked, given) in enumerate(rules, 1)
    )
    needs = (
        f'<informationRequirement id="q_{key}"><requiredDecision href="#{requires}"/></informationRequirement>'
        if requires
        else ""
    )
    inner = f'<decisionTable id="t_{key}" {attributes}>{heads}{rows}</decisionTable>'
    return f'<decision id="{key}" name="{key.title()}">{needs}{inner}</decision>'


def literal(key: str, text: str, *, requires: str = "", variable: str = "", kind: str = "") -> str:
    needs = (
        f'<informationRequirement><requiredDecision href="#{requires}"/></informationRequirement>' if requires else ""
    )
    named = f'<variable name="{variable or key}" typeRef="{kind}"/>' if variable or kind else ""
    return f'<decision id="{key}">{needs}{named}<literalExpression><text>{escape(text)}</text></literalExpression></decision>'


def read(*decisions: str, namespace: str = DMN_13) -> dict[str, Decision]:
    text = f'<?xml version="1.0"?><definitions xmlns="{namespace}" id="d" name="d">{"".join(decisions)}</definitions>'
    return read_decisions(text.encode(), "order/routing.dmn")


def route(*arguments: Any, **more: Any) -> Decision:
    return read(table(*arguments, **more))["route"]


OVERLAPPING = [(["< 10"], ['"small"']), (["[5..20]"], ['"middle"']), (["> 15"], ['"large"'])]


@pytest.mark.parametrize(
    ("cell", "matching", "other"),
    [
        ("-", [1, None, "x"], []),
        ("", [1, None, "x"], []),
        ("5", [5, Decimal(5), 5.0], [4, "5", None, True]),
        ("-5", [-5], [5]),
        ("0.1", [0.1, Decimal("0.10")], [0.2]),
        (".5", [0.5], [5]),
        ("< 5", [4, Decimal("4.99")], [5, None]),
        ("<= 5", [5], [5.01]),
        ("> 5", [6], [5, None]),
        (">= 5", [5], [4]),
        ("!= 5", [4, None, "x"], [5]),
        ("= 5", [5], [4]),
        ("[1000..50000]", [1000, 50000, 1234.5], [999, 50001, None]),
        ("(1..5)", [1.01, 4], [1, 5]),
        ("]1..5[", [1.01, 4], [1, 5]),
        ("[1..5[", [1], [5]),
        ("[1..5)", [1], [5]),
        ("]1..5]", [5], [1]),
        ("(1..5]", [5], [1]),
        ("[-5..-1]", [-5, -1], [0, -6]),
        ("[0.5..1.5]", [0.5, 1], [1.6]),
        ("[01..09]", [1, 9], [0, 10]),
        ("007, > 010", [7, 11], [10]),
        ("1,2,3", [1, 3], [4]),
        ("< 5, > 10, 7", [4, 11, 7], [5, 8, 10]),
        ("[1..2], [5..6]", [1, 6], [3]),
        ("not(5)", [4, None], [5]),
        ("not(< 5, > 10)", [5, 10], [4, 11]),
        ("not([1..5])", [6], [3]),
        ('"gold"', ["gold"], ["Gold", "silver", None]),
        ('"gold","silver"', ["gold", "silver"], ["bronze"]),
        ('not("gold","silver")', ["bronze"], ["gold"]),
        ('"with \\"quotes\\", and comma"', ['with "quotes", and comma'], ["with"]),
        ('["a".."c"]', ["b", "c"], ["d"]),
        ("true", [True], [False, None, 1]),
        ("false", [False], [True, None, 0]),
        ("null", [None], [0, ""]),
        ("not(null)", [0, ""], [None]),
        ('date("2026-01-01")', [date(2026, 1, 1)], [date(2026, 1, 2)]),
        ('< date("2026-01-01")', [date(2025, 12, 31)], [date(2026, 1, 1)]),
        ('[date("2026-01-01")..date("2026-12-31")]', [date(2026, 12, 31)], [date(2027, 1, 1)]),
        (
            '> date and time("2026-01-01T00:00:00Z")',
            [datetime(2026, 1, 2, tzinfo=UTC)],
            [datetime(2025, 1, 2, tzinfo=UTC)],
        ),
        ('<= duration("P2D")', [timedelta(days=2)], [timedelta(days=3)]),
        ("> limit", [11], [10]),
        ("[limit..limit * 2]", [20], [21]),
        ("limit + 1", [11], [10]),
        ("(limit + 1) * 2", [22], [21]),
        ("allowed", ["x", "y"], ["z"]),
        ("? > 3 and ? < 9", [4], [3, 9, None]),
        ("? > 3 or ? = null", [4, None], [3]),
        ("not(? > 3)", [3], [4, None]),
        ('starts_with(?, "A-")', ["A-1"], ["B-1"]),
        ('[1, 2, "x"]', [1, "x"], [3]),
        ('@"2026-01-31"', [date(2026, 1, 31)], [date(2026, 1, 30)]),
        ('< @"17:30:00"', [time(8)], [time(18)]),
        ('time("08:00:00")', [time(8)], [time(9)]),
        ('>= @"2026-01-31T08:00:00"', [datetime(2026, 1, 31, 8)], [datetime(2026, 1, 31, 7)]),  # noqa: DTZ001 - no zone
        ('[@"PT1H"..@"P1D"]', [timedelta(hours=3)], [timedelta(days=2)]),
        ('"line\\nbreak"', ["line\nbreak"], ["line"]),
        (r'"\u00e9\U01F40E"', ["\u00e9\U0001f40e"], ["e"]),
        (r'"C:\\data"', [r"C:\data"], []),
        (r'"a\d"', [r"a\d"], ["ad"]),
        ("null, 1", [None, 1], [2]),
        ("some word in allowed satisfies word = ?", ["x"], ["z"]),
        ("every word in allowed satisfies word != ?", ["z"], ["x"]),
        ("for factor in [1, 2] return limit * factor", [10, 20], [30]),
        ('starts with(?, "A-")', ["A-1"], ["B-1"]),
        ("string length(?) > 2", ["abc"], ["ab"]),
        ("list contains(?, 1)", [[1, 2]], [[2]]),
        ("? between 3 and 9", [3, 9], [2, 10]),
        ("? between 3 and 9 and ? != 5 or ? between limit and limit * 2", [4, 10, 20], [5, 21]),
        ("allowed[1]", ["x"], ["y"]),
        ("? in [3..limit)", [3, 9], [2, 10, None]),
        ("? in (3, 5) or ? > 8", [3, 5, 9], [4]),
        ("allowed[-1]", ["y"], ["x"]),
        ("? in (3, < 2, [5..7])", [3, 1, 6], [2, 4, None]),
        ("/* from */ 1, // to\n 3", [1, 3], [2]),
        ('substring(?, 1, 1) = "A"', ["A-1"], ["B-1", "", None]),
    ],
)
def test_a_cell_matches_what_it_says(cell: str, matching: list[Any], other: list[Any]) -> None:
    compiled = compile_input_cell(cell)
    names = {"limit": 10, "allowed": ["x", "y"]}

    assert [value for value in matching if not compiled.matches(value, names, Budget())] == []
    assert [value for value in other if compiled.matches(value, names, Budget())] == []


@pytest.mark.parametrize(
    "cell",
    [
        "1,",
        ",1",
        "1,,2",
        "1 2",
        '"a" "b"',
        "[1..",
        "[1..2",
        "1..2",
        "[2..1]",
        "<",
        "not()",
        "not(",
        "< 5 >",
        "[..5]",
        "§",
        '"open',
        "a[0]",
        "a[b]",
        "for x in y",
        "{a b: 1}",
        "between 1 and 2",
        "__import__('os')",
        "x.y()",
        "lambda",
        "1;2",
        "a = b = ",
        r'"\U110000"',
        '@"soon"',
        "-, 1",
        "not(-)",
        "a between 1",
        "some x in y",
        "every in y satisfies x",
        "a instance of number",
        'duration("P1M1D")',
        "1 in [1..",
        "/* note 1",
    ],
)
def test_a_faulty_cell_is_refused_with_rule_column_and_id(cell: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        route([(["-"], ["1"]), ([cell], ["1"])])

    (finding,) = caught.value.findings
    assert (finding.file, finding.element, finding.code) == ("order/routing.dmn", "i2_1", "decision_cell")
    assert "rule 2, column “amount”" in finding.message


def test_all_faults_of_a_file_are_told_together() -> None:
    with pytest.raises(DefinitionError) as caught:
        read(table([(["1 +"], ["*"]), (["1"], ["2"])]), literal("other", "1 +"))

    assert [finding.element for finding in caught.value.findings] == ["i1_1", "o1_1", "other"]


@pytest.mark.parametrize(
    ("policy", "amount", "result"),
    [
        ("UNIQUE", 3, {"way": "small"}),
        ("UNIQUE", -1, {"way": "small"}),
        ("FIRST", 7, {"way": "small"}),
        ("FIRST", 18, {"way": "middle"}),
        ("ANY", 3, {"way": "small"}),
        ("RULE ORDER", 7, ["small", "middle"]),
        ("RULE ORDER", 12, ["middle"]),
        ("COLLECT", 18, ["middle", "large"]),
        ("PRIORITY", 7, {"way": "middle"}),
        ("PRIORITY", 18, {"way": "large"}),
        ("OUTPUT ORDER", 7, ["middle", "small"]),
        ("OUTPUT ORDER", 18, ["large", "middle"]),
    ],
)
def test_each_hit_policy_has_its_result(policy: str, amount: int, result: Any) -> None:
    decision = route(OVERLAPPING, attributes=f'hitPolicy="{policy}"', values='"large","middle","small"')

    assert decision.evaluate({"amount": amount}) == result


@pytest.mark.parametrize("policy", ["UNIQUE", "FIRST", "ANY", "PRIORITY"])
def test_where_no_rule_matches_the_outputs_are_empty_or_default(policy: str) -> None:
    rules, attributes, values = [(["1"], ['"small"'])], f'hitPolicy="{policy}"', '"small","none"'

    empty = route(rules, attributes=attributes, values=values)
    filled = route(rules, attributes=attributes, values=values, default='"none"')

    assert empty.evaluate({"amount": 2}) == {"way": None}
    assert filled.evaluate({"amount": 2}) == {"way": "none"}


@pytest.mark.parametrize("policy", ["RULE ORDER", "OUTPUT ORDER", "COLLECT"])
def test_where_no_rule_matches_a_list_is_empty(policy: str) -> None:
    decision = route([(["1"], ['"small"'])], attributes=f'hitPolicy="{policy}"', values='"small"')

    assert decision.evaluate({"amount": 2}) == []


@pytest.mark.parametrize(
    ("attributes", "result"),
    [
        ('hitPolicy="RULE ORDER"', [7]),
        ('hitPolicy="OUTPUT ORDER"', [7]),
        ('hitPolicy="COLLECT"', [7]),
        ('hitPolicy="COLLECT" aggregation="SUM"', 7),
        ('hitPolicy="COLLECT" aggregation="MIN"', 7),
        ('hitPolicy="COLLECT" aggregation="COUNT"', 7),
    ],
)
def test_where_no_rule_matches_a_default_stands_in_a_list_and_for_an_aggregate(attributes: str, result: Any) -> None:
    decision = route([(["1"], ["3"])], attributes=attributes, values="3, 7", default="7")

    assert decision.evaluate({"amount": 2}) == result


@pytest.mark.parametrize(
    ("aggregation", "hits", "none"),
    [("SUM", Decimal("12.5"), None), ("MIN", Decimal("2.5"), None), ("MAX", 10, None), ("COUNT", 2, 0)],
)
def test_collecting_tables_aggregate(aggregation: str, hits: Any, none: Any) -> None:
    rules = [(["> 0"], ["10"]), (["> 5"], ["2.5"])]
    decision = route(rules, attributes=f'hitPolicy="COLLECT" aggregation="{aggregation}"')

    assert decision.evaluate({"amount": 7}) == hits
    assert decision.evaluate({"amount": -7}) == none


def test_a_sum_of_a_table_has_all_its_digits() -> None:
    rules = [(["-"], ["12345678901234567890123456789.01"]), (["-"], ["1"])]
    decision = route(rules, attributes='hitPolicy="COLLECT" aggregation="SUM"')

    assert decision.evaluate({"amount": 1}) == Decimal("12345678901234567890123456790.01")


@pytest.mark.parametrize(("aggregation", "entry"), [("SUM", "true"), ("SUM", '"1"'), ("MIN", "[1]"), ("MAX", "true")])
def test_what_has_no_sum_or_order_is_not_aggregated(aggregation: str, entry: str) -> None:
    decision = route([(["-"], [entry])] * 2, attributes=f'hitPolicy="COLLECT" aggregation="{aggregation}"')

    with pytest.raises(ExpressionError, match=rf"Decision “Route”, {aggregation} of rules 1 \(rule_1\), 2"):
        decision.evaluate({"amount": 1})


@pytest.mark.parametrize("cell", ["< true", "[false..limit]", "? >= false"])
def test_truth_values_have_no_order(cell: str) -> None:
    with pytest.raises(ExpressionError, match=r"rule 1, column “amount”: FEEL compares no truth values by size"):
        route([([cell], ["1"])], inputs=[("amount", "boolean")]).evaluate({"amount": True, "limit": True})


def test_a_violated_unique_policy_names_the_rules() -> None:
    with pytest.raises(ExpressionError, match=r"rules 1 \(rule_1\), 2 \(rule_2\) match"):
        route(OVERLAPPING).evaluate({"amount": 7})


def test_a_violated_any_policy_names_the_rules() -> None:
    with pytest.raises(ExpressionError, match=r"rules 2 \(rule_2\), 3 \(rule_3\) differ"):
        route(OVERLAPPING, attributes='hitPolicy="ANY"').evaluate({"amount": 18})


def test_matching_rules_of_an_any_table_may_agree() -> None:
    decision = route([(["> 1"], ["1.0"]), (["> 2"], ["1"])], attributes='hitPolicy="ANY"')

    assert decision.evaluate({"amount": 3}) == {"way": 1}


def test_priority_looks_at_the_outputs_from_left_to_right() -> None:
    rules = [(["-"], ['"b"', '"a"']), (["-"], ['"a"', '"b"']), (["-"], ['"a"', '"a"'])]
    decision = route(rules, outputs=[("x", ""), ("y", "")], attributes='hitPolicy="OUTPUT ORDER"', values='"a","b"')

    assert decision.evaluate({"amount": 1}) == [{"x": "a", "y": "a"}, {"x": "a", "y": "b"}, {"x": "b", "y": "a"}]


def test_several_inputs_must_all_match() -> None:
    decision = route(
        [(["> 5", '"gold"'], ["1"]), (["-", 'not("gold")'], ["2"]), (["<= 5", "-"], ["3"])],
        inputs=[("amount * 2", "number"), ("customer.rank", "string")],
        attributes='hitPolicy="FIRST"',
    )

    assert decision.evaluate({"amount": 3, "customer": {"rank": "gold"}}) == {"way": 1}
    assert decision.evaluate({"amount": 3, "customer": {"rank": "blue"}}) == {"way": 2}
    assert decision.evaluate({"amount": 1, "customer": {"rank": "gold"}}) == {"way": 3}


def test_outputs_compute_with_variables_exactly() -> None:
    decision = route(
        [(["-"], ["base + quantity * 0.02", 'if quantity > 100 then "bulk" else "single"', ""])],
        outputs=[("price", "number"), ("kind", "string"), ("note", "string")],
    )

    result = decision.evaluate({"amount": 1, "base": Decimal("10.00"), "quantity": 150})

    assert result == {"price": Decimal("13.00"), "kind": "bulk", "note": None}
    assert isinstance(result["price"], Decimal)


def test_texts_become_the_numbers_and_dates_that_a_column_declares() -> None:
    decision = route([(["> 5", '< date("2026-01-01")'], ["1"])], inputs=[("amount", "number"), ("day", "date")])

    assert decision.evaluate({"amount": "7.5", "day": "2025-12-31"}) == {"way": 1}
    assert decision.evaluate({"amount": 7, "day": datetime(2025, 12, 31, 23, tzinfo=UTC)}) == {"way": 1}


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("boolean", "true", "true"),
        ("feel:number", "7", "7"),
        ("integer", "7.0", "7"),
        ("double", "0.5", "< 1"),
        ("time", "08:30:00", '< time("09:00:00")'),
        ("dayTimeDuration", "PT2H", '> duration("PT1H")'),
        ("yearMonthDuration", "P1Y2M", '[duration("P1Y")..duration("P14M")]'),
        ("duration", "P1Y", '@"P12M"'),
        ("date", "2026-01-31", '@"2026-01-31"'),
        ("dateTime", "2026-01-31T08:00:00", '@"2026-01-31T08:00:00"'),
        ("string", "7", '"7"'),
        ("tColour", "red", '"red"'),
    ],
)
def test_a_text_is_read_as_the_type_its_column_names(kind: str, value: str, cell: str) -> None:
    decision = route([([cell], ["1"])], inputs=[("amount", kind)], attributes='hitPolicy="FIRST"')

    assert decision.evaluate({"amount": value}) == {"way": 1}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"amount": "many"}, "input “amount”: “many” is not a number"),
        ({}, "input “amount”: The variable “amount” is not set"),
        ({"amount": [1, 2]}, "rule 1, column “amount”: A list cannot be compared by size with a number"),
        ({"amount": 1}, "rule 2, column “way”: The variable “nowhere” is not set"),
    ],
)
def test_a_failing_evaluation_names_table_rule_and_column(names: dict[str, Any], sentence: str) -> None:
    decision = route([(["> 5"], ["1"]), (["< 5"], ["nowhere"])])

    with pytest.raises(ExpressionError) as caught:
        decision.evaluate(names)

    assert sentence in str(caught.value)
    assert "Decision “Route”" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("boolean", "true", 1),
        ("boolean", "not(true)", date(2026, 1, 31)),
        ("number", "5", True),
        ("number", "5", time(9)),
        ("date", "-", 5),
        ("time", "-", True),
        ("dateTime", "-", Decimal("0.5")),
        ("number", "5", [True]),
    ],
)
def test_a_value_of_another_kind_than_its_column_is_told(kind: str, cell: str, value: object) -> None:
    with pytest.raises(ExpressionError, match=rf"Decision “Route”, .*“amount”: .* where a {kind.lower()} is expected"):
        route([([cell], ["1"])], inputs=[("amount", kind)]).evaluate({"amount": value})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", 'staff[item = "Bob"]', "Bob"),
        ("feel:number", "[5]", 5),
        ("number", '"5.50"', Decimal("5.50")),
        ("date", '["2026-01-31"]', date(2026, 1, 31)),
        ("string", "staff", ["Ann", "Bob"]),
        ("Any", '["Bob"]', ["Bob"]),
        ("", '["Bob"]', ["Bob"]),
        ("tStaff", '["Bob"]', ["Bob"]),
        ("string", "1", 1),
        ("number", "null", None),
    ],
)
def test_the_value_of_a_literal_decision_is_read_as_its_type(kind: str, text: str, value: object) -> None:
    assert read(literal("a", text, kind=kind))["a"].evaluate({"staff": ["Ann", "Bob"]}) == {"a": value}


@pytest.mark.parametrize(("kind", "text"), [("number", '"abc"'), ("number", "true"), ("date", "5"), ("boolean", "1")])
def test_a_literal_decision_whose_value_does_not_fit_its_type_says_so(kind: str, text: str) -> None:
    with pytest.raises(ExpressionError, match="Decision “a”: "):
        read(literal("a", text, kind=kind))["a"].evaluate({})


@pytest.mark.parametrize(
    ("kind", "cell", "subject"),
    [
        ("string", '"Bob"', ["Bob"]),
        ("string", 'not("Ann")', ["Bob"]),
        ("number", "> 5", ["7"]),
        ("date", '[date("2026-01-01")..date("2026-01-31")]', [date(2026, 1, 5)]),
        ("string", "count(?) = 1", ["Bob"]),
        ("string", 'not(contains(?, "Bo"))', ["Bob"]),
        ("string", '["Ann", "Bob"]', ["Bob"]),
        ("", 'not("Bob")', ["Bob"]),
    ],
)
def test_a_list_of_one_counts_as_its_entry_where_a_column_holds_single_values(
    kind: str, cell: str, subject: object
) -> None:
    decision = route([([cell], ["1"])], inputs=[("amount", kind)])

    assert decision.evaluate({"amount": subject}) == {"way": 1}


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("string", 'staff[item = "Bob"]', "Bob"),
        ("string", '["Bob"]', ["Bob"]),
        ("string", "staff", ["Ann", "Bob"]),
        ("number", "append([], 5)", 5),
        ("", 'staff[item = "Bob"]', ["Bob"]),
    ],
)
def test_an_output_of_one_entry_is_that_entry_unless_it_is_written_as_a_list(
    kind: str, cell: str, value: object
) -> None:
    decision = route([(["1"], [cell])], outputs=[("way", kind)], default=cell)

    assert decision.evaluate({"amount": 1, "staff": ["Ann", "Bob"]}) == {"way": value}
    assert decision.evaluate({"amount": 2, "staff": ["Ann", "Bob"]}) == {"way": value}


def test_required_decisions_are_worked_out_first() -> None:
    decisions = read(
        table(
            [(["> 50"], ['"large"']), (["-"], ['"small"'])],
            inputs=[("weight", "number")],
            attributes='hitPolicy="FIRST"',
            requires="heft",
        ),
        literal("heft", "pieces * factor", requires="factor_of_paper", variable="weight"),
        literal("factor_of_paper", 'if paper = "card" then 2.5 else 1', variable="factor"),
    )

    assert decisions["route"].evaluate({"pieces": 30, "paper": "card"}) == {"way": "large"}
    assert decisions["route"].evaluate({"pieces": 30, "paper": "plain"}) == {"way": "small"}
    assert decisions["heft"].evaluate({"pieces": 2, "paper": "card"}) == {"weight": Decimal("5.0")}


def test_a_table_gives_its_outputs_to_those_who_require_it() -> None:
    decisions = read(
        literal("total", "net + route", requires="route"),
        table([(["-"], ["7"])], outputs=[("net", "number")]),
    )

    assert decisions["total"].evaluate({"amount": 1}) == {"total": 14}


def test_outputs_of_a_required_table_do_not_hide_input_data() -> None:
    needs = "".join(
        f'<informationRequirement><requiredInput href="#{key}"/></informationRequirement>' for key in ("state", "score")
    )
    text = 'status + " " + route.status + " " + string(Credit Score) + "/" + string(route.Credit Score) + kind'
    decisions = read(
        table([(["-"], ['"done"', "7", '"!"'])], outputs=[("status", ""), ("Credit Score", ""), ("kind", "")]),
        literal("letter", escape(text), requires="route").replace("<literal", f"{needs}<literal", 1),
        '<inputData id="state" name="status"/>',
        '<inputData id="score" name="score"><variable name="Credit Score"/></inputData>',
    )

    given = {"amount": 1, "status": "new", "Credit Score": 500, "kind": "?"}
    assert decisions["letter"].evaluate(given) == {"letter": "new done 500/7!"}


def test_a_decision_required_twice_is_worked_out_once() -> None:
    chain = [literal("d0", "1")]
    for number in range(1, 40):
        needs = f'<informationRequirement><requiredDecision href="#d{number - 1}"/></informationRequirement>'
        chain.append(
            literal(f"d{number}", f"d{number - 1} + 1", requires=f"d{max(number - 2, 0)}").replace(
                "<literal", f"{needs}<literal", 1
            )
        )

    assert read(*chain)["d39"].evaluate({}) == {"d39": 40}


@pytest.mark.parametrize(
    ("boxed", "what"),
    [
        ("<context/>", "a context"),
        ("<invocation/>", "an invocation"),
        ("<list/>", "a list"),
        ("<relation/>", "a relation"),
        ("<functionDefinition/>", "a function"),
        ("<conditional/>", "a conditional"),
        ("<filter/>", "a filter"),
        ("<for/>", "an iteration"),
        ("<every/>", "a quantified expression"),
        ("", "empty"),
    ],
)
def test_other_boxed_expressions_are_refused_by_name(boxed: str, what: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(f'<decision id="a" name="A">{boxed}</decision>')

    (finding,) = caught.value.findings
    assert (finding.element, finding.code) == ("a", "decision_kind")
    assert f"Decision “A” is {what};" in finding.message


def model(name: str, text: str, *parameters: str, requires: str = "", attributes: str = "") -> str:
    needs = f'<knowledgeRequirement><requiredKnowledge href="#{requires}"/></knowledgeRequirement>' if requires else ""
    names = "".join(f'<formalParameter name="{parameter}"/>' for parameter in parameters)
    body = f"<literalExpression><text>{text}</text></literalExpression>"
    key = name.replace(" ", "_")
    return (
        f'<businessKnowledgeModel id="{key}" name="{name}"><variable name="{name}"/>'
        f"<encapsulatedLogic {attributes}>{names}{body}</encapsulatedLogic>{needs}</businessKnowledgeModel>"
    )


def using(key: str, decision: str) -> str:
    needs = f'<knowledgeRequirement><requiredKnowledge href="#{key}"/></knowledgeRequirement>'
    return decision.replace("<literal", f"{needs}<literal", 1).replace("<decisionTable", f"{needs}<decisionTable", 1)


def test_a_business_knowledge_model_is_called_by_its_name() -> None:
    decisions = read(
        using("PMT", literal("payment", "PMT(loan.p, loan.r, n) + p")),
        using("half_of", table([(["half of(p)"], ["half of(half of(p))"])])),
        using("dear", literal("found", "dear(1)")),
        using("fixed", literal("fee", "fixed() + fixed()")),
        model("PMT", "(p*r/12)/(1-(1+r/12)**-n)", "p", "r", "n"),
        model("half of", "share(whole thing, 2) + sum(for share in [0] return share)", "whole thing", requires="share"),
        model("share", "if p &lt; 0 then null else p / n", "p", "n"),
        model("fixed", "5"),
        model("dear", "count(lines[price &gt; 5 and least = 2])", "least"),
        model("never called", "no such function(1)"),
    )

    given = {"loan": {"p": Decimal(600_000), "r": Decimal("0.0375")}, "n": 360, "p": 100}
    assert round(decisions["payment"].evaluate(given)["payment"], 6) == Decimal("2878.693549")
    assert decisions["route"].evaluate({"p": 100, "amount": 50}) == {"way": 25}
    assert decisions["route"].evaluate({"p": -1, "amount": None}) == {"way": None}
    assert decisions["fee"].evaluate({}) == {"fee": 10}
    assert decisions["found"].evaluate({"lines": [{"price": 9, "least": 2}, {"price": 7}]}) == {"found": 1}


@pytest.mark.parametrize(
    "written",
    [
        '<businessKnowledgeModel id="tariff"/>',
        "",
        model("tariff", "tariff(1)", "p"),
        model("tariff", "p +", "p"),
        model("tariff", "p", "p", "p"),
        model("tariff", "p", "p", attributes='kind="Java"'),
        model("tariff", "p", "p", requires="tariff"),
        model("tariff", "p", "p").replace("<literalExpression", '<literalExpression expressionLanguage="java"'),
        model("tariff", "p", "p").replace("literalExpression", "context"),
    ],
)
def test_a_business_knowledge_model_that_cannot_be_called_is_refused_by_name(written: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(using("tariff", literal("a", "tariff(1)")), written)

    first = caught.value.findings[0]
    assert (first.element, first.code) == ("a", "decision_knowledge")
    assert "“tariff”" in first.message


def test_a_call_with_too_few_values_is_refused_in_its_cell() -> None:
    with pytest.raises(DefinitionError, match=r"rule 1, column “amount”.*share\(\) takes 2 values"):
        read(using("share", table([(["share(1)"], ["1"])])), model("share", "p / n", "p", "n"))


def test_calls_within_calls_cannot_grow_without_end() -> None:
    tower = [model("m0", "p", "p")]
    tower += [model(f"m{n}", f"m{n - 1}(p) + m{n - 1}(p)", "p", requires=f"m{n - 1}") for n in range(1, 40)]
    started = monotonic()

    with pytest.raises(DefinitionError):
        read(using("m39", literal("a", "m39(1)")), *tower)

    assert monotonic() - started < 2


@pytest.mark.parametrize("listed", ["", "-", "string length(?) > 2", "[1..5]"])
def test_output_values_that_rank_nothing_are_passed_over(listed: str) -> None:
    values = f"<outputValues><text>{escape(listed)}</text></outputValues>"
    columns, of_table = re.subn(r"</output>", f"{values}</output>", table([(["1"], ["2"])]))

    assert of_table == 1
    assert read(columns)["route"].evaluate({"amount": 1}) == {"way": 2}


@pytest.mark.parametrize("language", ["https://www.omg.org/spec/DMN/20240513/B-FEEL/", "javascript"])
def test_another_language_of_a_file_or_a_decision_is_refused(language: str) -> None:
    whole = f'<definitions xmlns="{DMN_13}" expressionLanguage="{language}">{literal("a", "1")}</definitions>'
    alone = literal("a", "1").replace("<literalExpression", f'<literalExpression expressionLanguage="{language}"')

    for text in (whole, f'<definitions xmlns="{DMN_13}">{alone}</definitions>'):
        with pytest.raises(DefinitionError) as caught:
            read_decisions(text.encode(), "x.dmn")
        assert [one.code for one in caught.value.findings] == ["decision_language"]


def test_input_data_and_other_elements_of_a_graph_are_passed_over() -> None:
    needs = '<informationRequirement><requiredInput href="#paper"/></informationRequirement>'
    decision = literal("a", "paper + 1").replace("<literal", f"{needs}<literal", 1)

    read_all = read(decision, '<inputData id="paper" name="paper"/><knowledgeSource id="k"/><decisionService id="s"/>')

    assert read_all["a"].evaluate({"paper": 1}) == {"a": 2}


def test_names_with_blanks_are_understood_wherever_the_file_gives_them() -> None:
    named = (
        '<inputData id="i" name="Full Name"/><inputData id="j" name="Net  Price (EUR)"/><inputData id="k" name="Name"/>'
        '<inputData id="l" name="Loan"/><itemDefinition name="tLoan"><itemComponent name="due date"/></itemDefinition>'
    )
    decisions = read(
        named,
        literal("greeting", '"Full Name: " + Full  Name + Name'),
        literal("gross", "2 * Net Price (EUR)", variable="Gross Price"),
        literal("due", "Loan.due date"),
        table([(["> Net Price (EUR) + 1"], ["Full Name"])], inputs=[("Gross Price", "number")], requires="gross"),
    )
    given = {"Full Name": "Ann Ash", "Name": "!", "Net Price (EUR)": 5, "Loan": {"due date": "today"}}

    assert decisions["greeting"].evaluate(given) == {"greeting": "Full Name: Ann Ash!"}
    assert decisions["gross"].evaluate(given) == {"Gross Price": 10}
    assert decisions["due"].evaluate(given) == {"due": "today"}
    assert decisions["route"].evaluate(given) == {"way": "Ann Ash"}
    assert decisions["route"].evaluate(given | {"Net Price (EUR)": 1}) == {"way": None}


def test_a_name_with_blanks_that_the_file_does_not_give_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        read(literal("greeting", "Full Name"), '<inputData id="i" name="Name"/>')

    assert [(one.element, one.code) for one in caught.value.findings] == [("greeting", "decision_cell")]


def test_an_explanation_tells_inputs_rules_and_results() -> None:
    decisions = read(
        table(OVERLAPPING, attributes='hitPolicy="RULE ORDER"', requires="amount", inputs=[("amount", "number")]),
        literal("amount", "pieces * 2"),
    )

    explanation = decisions["route"].explain({"pieces": 4})

    assert explanation.inputs == (("amount", 8),)
    assert [(hit.rule.number, hit.rule.id, hit.rule.annotation, dict(hit.outputs)) for hit in explanation.hits] == [
        (1, "rule_1", "note 1", {"way": "small"}),
        (2, "rule_2", "note 2", {"way": "middle"}),
    ]
    assert explanation.result == ["small", "middle"]
    assert [(inner.decision, inner.inputs, inner.result) for inner in explanation.required] == [
        ("amount", (("pieces", 4),), {"amount": 8})
    ]


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([], "decision_missing"),
        ([literal("a", "1"), literal("a", "2")], "decision_id"),
        (["<decision id='a'/>"], "decision_kind"),
        (["<decision id='a'><context/></decision>"], "decision_kind"),
        ([literal("a", "1", requires="b"), literal("b", "1", requires="a")], "decision_circle"),
        ([literal("a", "1", requires="a")], "decision_circle"),
        ([literal("a", "1", requires="nowhere")], "decision_required"),
        ([table([], attributes='hitPolicy="BEST"')], "decision_policy"),
        ([table([], attributes='hitPolicy="COLLECT" aggregation="AVG"')], "decision_policy"),
        ([table([], attributes='hitPolicy="PRIORITY"')], "decision_priority"),
        (
            [table([], attributes='hitPolicy="COLLECT" aggregation="SUM"', outputs=[("a", ""), ("b", "")])],
            "decision_aggregate",
        ),
        ([table([], outputs=[])], "decision_output"),
        ([table([], outputs=[("a", ""), ("a", "")])], "decision_output"),
        ([table([(["1", "2"], ["3"])])], "decision_rule"),
        ([table([(["1"], [])])], "decision_rule"),
        ([table([(["-"], ["1"])] * 10_001)], "decision_too_large"),
        ([literal(f"d{n}", "1") for n in range(201)], "decision_too_large"),
        (
            [table([]).replace("<inputExpression", '<inputExpression expressionLanguage="javascript"')],
            "decision_language",
        ),
    ],
)
def test_a_faulty_file_is_refused(decisions: list[str], code: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(*decisions)

    assert code in {finding.code for finding in caught.value.findings}


@pytest.mark.parametrize(
    "data",
    [b"", b"<a/>", b"<definitions/>", b"not xml", b"<!DOCTYPE a><a/>", b"<definitions xmlns='http://other'/>"],
)
def test_what_is_no_decision_file_is_refused(data: bytes) -> None:
    with pytest.raises(DefinitionError):
        read_decisions(data, "x.dmn")


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
        "https://www.omg.org/spec/DMN/20240513/MODEL/",
    ],
)
def test_files_of_all_versions_are_read(namespace: str) -> None:
    assert read(table(OVERLAPPING), namespace=namespace)["route"].evaluate({"amount": 3}) == {"way": "small"}


def test_a_nameless_single_output_bears_the_name_of_its_decision() -> None:
    text = table([(["-"], ["1"])]).replace(' name="way"', "")

    assert read(text)["route"].evaluate({"amount": 1}) == {"route": 1}


@pytest.mark.parametrize(("column", "cell"), [("", "cellInput > 5"), ("camunda:inputVariable='total'", "total > 5")])
def test_cells_call_their_value_by_the_name_that_camunda_gives_it(column: str, cell: str) -> None:
    written = table([([cell], ['"large"']), (["-"], ['"any"'])], attributes='hitPolicy="FIRST"')
    file = written.replace('<input id="in_0"', f'<input {column} id="in_0"')
    camunda = f"<definitions xmlns='{DMN_13}' xmlns:camunda='http://camunda.org/schema/1.0/dmn' id='d' name='d'>"
    decision = read_decisions(f"{camunda}{file}</definitions>".encode(), "t.dmn")["route"]

    assert [decision.evaluate({"amount": amount}) for amount in (6, 5)] == [{"way": "large"}, {"way": "any"}]


def test_elsewhere_that_name_is_a_variable_like_any_other() -> None:
    decision = route([(["cellInput"], ['"same"']), (["-"], ['"any"'])], attributes='hitPolicy="FIRST"')

    assert decision.evaluate({"amount": 5, "cellInput": 5}) == {"way": "same"}
