"""The shipped order process can be tried as a draft: told what its operations return, an order goes to the archive."""

from collections.abc import Mapping
from typing import Any

import pytest
from order_walk import FIELDS, ORDER, recognised

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run

REGISTERED = {
    "order_number": "O-1",
    "customer_name": "Galerie Ost",
    "run_length": 5000,
    "wanted_on": "2026-03-20",
    "is_new_customer": True,
    "days_until_wanted": 18,
}
BEGINNING: list[Mapping[str, Any]] = [
    {"result": "recognise_parcel", "variables": recognised()},
    {"result": "register_order", "variables": REGISTERED},
]
ACCEPTED: list[Mapping[str, Any]] = [
    {"complete": "review_price_sheet", "variables": {"price_decision": "accept", "price_reason": None}},
    {"complete": "validate_order", "variables": {"quality_decision": "accept", "quality_reason": None}},
]
REST: list[Mapping[str, Any]] = [
    {"complete": "make_invoice", "variables": {"payment_days": 14, "invoice_note": None}},
    {
        "complete": "plan_production",
        "variables": {"planned_start_on": "2026-03-05", "planned_end_on": "2026-03-06", "planning_note": None},
    },
    {"complete": "report_start", "variables": {"press": "SM 52"}},
    {"complete": "report_finish", "variables": {"good_pieces": 5010, "production_note": None}},
]


def _files() -> dict[str, bytes]:
    first = ORDER / "order.bpmn"
    return {
        path.name: path.read_bytes() for path in (first, *sorted(ORDER.glob("*.bpmn")), *sorted(ORDER.glob("*.dmn")))
    }


def _tried(*script: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    *events, last = dry_run(_files(), Options(script=script, variables=dict.fromkeys(FIELDS)))
    return [event["node"] for event in events if event["event"] == "completed"], last


def test_an_order_goes_to_the_archive() -> None:
    nodes, last = _tried(*BEGINNING, *ACCEPTED, *REST)

    assert (last["outcome"], last["code"], last["element"]) == ("completed", None, None)
    assert nodes[0] == "order_form_filled_in"
    assert {"register_order", "review_price_sheet", "validate_order", "archive_parcel"} <= set(nodes)


def test_an_order_is_cancelled_while_it_is_reviewed() -> None:
    message = {"message": "cancel_order", "payload": {"cancel_reason": "Called off"}}

    nodes, last = _tried(*BEGINNING, message)

    assert last["outcome"] in {"completed", "terminated"}
    assert "archive_cancelled_parcel" in nodes


@pytest.mark.parametrize("script", [(), BEGINNING[:1]])
def test_what_is_not_told_is_null_and_ends_where_it_is_needed(script: tuple[Mapping[str, Any], ...]) -> None:
    nodes, last = _tried(*script)

    assert last["outcome"] == "incident"
    assert last["element"]
    assert "recognise_parcel" in nodes
