"""The forms of the order process: what people may leave out, and what they may not."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree
from order_walk import BPMN, ORDER

from engine.forms.answers import Answers
from engine.forms.form import Form, read_form

PARCELFLOW = "{https://parcelflow.example/bpmn/1.0}"
AN_ORDER = {
    "customer_number": "K-1001",
    "product": "Flyer",
    "paper": "135 g silk",
    "format": "A5",
    "run_length": "5000",
    "colours": "4/4",
    "finishing": "folded",
    "wanted_on": "2026-03-20",
}


def form(key: str) -> Form:
    path = ORDER / "forms" / f"{key}.form"
    return read_form(path.read_bytes(), path.name)


def answered(key: str, **answers: Any) -> Answers:
    return form(key).validate(answers)


def user_tasks() -> list[etree._Element]:
    roots = [etree.parse(path).getroot() for path in sorted(ORDER.glob("*.bpmn"))]
    return [task for root in roots for task in root.iter(f"{BPMN}userTask")]


@pytest.mark.parametrize("path", sorted(ORDER.glob("forms/*.form")), ids=lambda path: path.stem)
def test_a_form_has_no_fault_and_bears_the_name_of_its_file(path: Any) -> None:
    assert (form(path.stem).lint(), form(path.stem).id) == ([], path.stem)


def test_every_user_task_has_a_form_with_its_outcome_field() -> None:
    for task in user_tasks():
        fields = {field.key for field in form(task.get(f"{PARCELFLOW}form", "")).fields}
        outcome = task.get(f"{PARCELFLOW}outcome")
        assert outcome is None or outcome in fields, task.get("id")


def test_a_whole_order_is_taken_as_typed() -> None:
    taken = answered("order_form", **AN_ORDER)

    assert taken.errors == {}
    assert (taken.values["run_length"], taken.values["wanted_on"]) == (Decimal(5000), date(2026, 3, 20))
    assert taken.values["remarks"] is None


@pytest.mark.parametrize("missing", sorted(AN_ORDER))
def test_an_order_lacks_none_of_the_needed_fields(missing: str) -> None:
    answers = AN_ORDER | {missing: ""}

    assert set(answered("order_form", **answers).errors) == {missing}
    assert set(answered("verify_index_fields", verification="order", **answers).errors) == {missing}


@pytest.mark.parametrize(
    ("field", "value"),
    [("paper", "parchment"), ("format", "A1"), ("run_length", "0"), ("run_length", "1.5"), ("wanted_on", "soon")],
)
def test_an_order_has_no_values_that_there_are_not(field: str, value: str) -> None:
    assert set(answered("order_form", **AN_ORDER | {field: value}).errors) == {field}


def test_what_is_no_order_needs_a_reason_and_nothing_else() -> None:
    assert set(answered("verify_index_fields", verification="not_an_order").errors) == {"rejection_reason"}
    assert answered("verify_index_fields", verification="not_an_order", rejection_reason="Advert").errors == {}


@pytest.mark.parametrize(("key", "side"), [("review_price_sheet", "price"), ("validate_order", "quality")])
def test_a_rejection_needs_a_reason_and_an_acceptance_needs_none(key: str, side: str) -> None:
    assert set(answered(key).errors) == {f"{side}_decision"}
    assert set(answered(key, **{f"{side}_decision": "reject"}).errors) == {f"{side}_reason"}
    accepted = answered(key, **{f"{side}_decision": "accept", f"{side}_reason": ""})
    assert (accepted.errors, accepted.values[f"{side}_decision"]) == ({}, "accept")


def test_a_decision_is_one_of_those_that_the_gateways_know() -> None:
    assert set(answered("review_price_sheet", price_decision="perhaps").errors) == {"price_decision"}


def test_an_agreed_price_is_optional_and_exact() -> None:
    order = {name: value for name, value in AN_ORDER.items() if name != "customer_number"}

    assert answered("adjust_order", **order).values["agreed_price"] is None
    assert answered("adjust_order", agreed_price="99.95", **order).values["agreed_price"] == Decimal("99.95")


def test_a_date_is_told_only_to_a_customer_who_must_know() -> None:
    assert answered("handle_delay", delay_reason="Press", delay_answer="keep_waiting").errors == {}
    late = answered("handle_delay", delay_reason="Press", delay_answer="inform_customer")
    assert set(late.errors) == {"expected_on"}


def test_no_form_of_production_or_planning_shows_a_price() -> None:
    for key in ("plan_production", "report_start", "report_finish", "validate_order"):
        assert not {field.key for field in form(key).fields if "price" in (field.key or "")}
