"""The tables of the order process: every rule is hit, and gives what the price list and the house rules say."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from order_walk import FIELDS, decisions

from engine.business_time.durations import parse_duration
from engine.decisions.decision import Decision, Explanation, Table

ORDER: dict[str, Any] = FIELDS | {"agreed_price": None}
PAPERS = ["80 g offset", "135 g silk", "170 g silk", "300 g matt"]
FORMATS = ["A6", "DL", "A5", "A4", "A3", "A2"]
COLOURS = ["1/0", "1/1", "4/0", "4/4"]
FINISHINGS = ["none", "folded", "stapled", "bound", "laminated"]
ROUTES = [
    ({"days_until_wanted": 4, "is_new_customer": True}, (90, "manager", "PT4H", True, 100)),
    ({"days_until_wanted": 4}, (90, "qa", "PT8H", True, 0)),
    ({"is_new_customer": True, "price_net": Decimal(1000)}, (60, "qa", "P1D", True, 50)),
    ({"price_net": Decimal(10000)}, (70, "manager", "P2D", True, 30)),
    ({"run_length": 20000}, (60, "qa", "P2D", True, 0)),
    ({"finishing": "bound"}, (50, "qa", "P2D", True, 0)),
    ({"finishing": "laminated"}, (50, "qa", "P2D", True, 0)),
    ({"is_new_customer": True}, (50, "qa", "P2D", True, 0)),
    ({}, (40, "qa", "P3D", False, 0)),
]
CALM = {"days_until_wanted": 5, "is_new_customer": False, "price_net": Decimal("999.99"), "run_length": 19999}


def hits(explanation: Explanation) -> Iterator[str]:
    yield from (hit.rule.id for hit in explanation.hits)
    for required in explanation.required:
        yield from hits(required)


def price(**changes: Any) -> dict[str, Any]:
    result: dict[str, Any] = decisions()["price"].evaluate(ORDER | changes)
    return result


def orders() -> Iterator[dict[str, Any]]:
    for field, values in (("paper", PAPERS), ("format", FORMATS), ("colours", COLOURS), ("finishing", FINISHINGS)):
        yield from ({field: value} for value in values)
    yield from ({"run_length": number} for number in (1, 999, 1000, 4999, 5000, 19999, 20000))
    yield from ({"product": "Brochure"}, {"agreed_price": Decimal(300)}, {"paper": "parchment"})


@pytest.mark.parametrize(("changes", "expected"), ROUTES)
def test_the_routing_table_decides(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    route = decisions()["order_routing"].evaluate(ORDER | CALM | changes)

    columns = ("priority", "candidate_group", "due", "quality_needed", "prepayment_percent")
    assert tuple(route[column] for column in columns) == expected
    assert parse_duration(route["due"]).as_timedelta() > timedelta()


def test_every_rule_of_every_table_is_hit() -> None:
    routes = (ORDER | CALM | changes for changes, _ in ROUTES)
    hit = {rule for route in routes for rule in hits(decisions()["order_routing"].explain(route))}
    hit |= {rule for changes in orders() for rule in hits(decisions()["price"].explain(ORDER | changes))}

    known = decisions()["known_values"]
    hit |= {rule for changes in orders() for rule in hits(known.explain(ORDER | changes))}

    tables = [decision.logic for decision in decisions().values() if isinstance(decision.logic, Table)]
    assert hit == {rule.id for table in tables for rule in table.rules}


@pytest.mark.parametrize(
    ("changes", "net", "vat"),
    [
        ({}, "339.75", "64.55"),  # (140 + 25 + 5000 x ((0.021 + 0.04) x 0.5 + 0.012)) less 10 %
        ({"run_length": 999, "finishing": "none"}, "170.47", "32.39"),  # 140 + 999 x 0.0305, no discount
        (
            {"run_length": 1000, "finishing": "none"},
            "161.98",
            "30.78",
        ),  # 140 + 1000 x 0.0305 less 5 %: 161.975, half to even
        ({"product": "Brochure"}, "339.75", "23.78"),
        ({"product": "BOOK", "agreed_price": Decimal("250.005")}, "250.00", "17.50"),
        ({"paper": "parchment"}, "0.00", "0.00"),
    ],
)
def test_prices_are_exact(changes: dict[str, Any], net: str, vat: str) -> None:
    found = price(**changes)

    assert (found["price_net"], found["price_vat"]) == (Decimal(net), Decimal(vat))
    assert found["price_gross"] == Decimal(net) + Decimal(vat)
    assert all(isinstance(found[name], Decimal) for name in ("price_net", "price_vat", "price_gross"))


def test_a_price_explains_itself() -> None:
    assert price()["price_explanation"] == (
        "Set-up 165, and 5000 pieces with 0.0305 for paper and printing and 0.012 for finishing each, "
        "less 10 % discount. 19 % VAT."
    )
    assert "agree" in price(paper="parchment")["price_explanation"]
    assert price(agreed_price=Decimal(1))["price_explanation"].startswith("Agreed by the manager")


def test_every_combination_of_the_forms_choices_has_a_price() -> None:
    for paper in PAPERS:
        for one_format in FORMATS:
            for colours in COLOURS:
                for finishing in FINISHINGS:
                    choice = {"paper": paper, "format": one_format, "colours": colours, "finishing": finishing}
                    assert price(**choice)["price_net"] > 0, choice
                    assert decisions()["known_values"].evaluate(ORDER | choice) == {"values_known": True}


def test_a_decision_stands_in_one_file() -> None:
    found: dict[str, Decision] = dict(decisions())

    assert set(found) >= {"price", "order_routing"}
    assert {decision.file for decision in found.values()} == {"price.dmn", "order_routing.dmn", "known_values.dmn"}
