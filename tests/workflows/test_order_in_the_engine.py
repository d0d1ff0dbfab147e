"""Whole orders through the engine with the real operations, on both databases: rights, forms, letters, mails and archive."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from factories import a_field
from fakes import FakeClock
from order_walk import FIELDS, drawn, recognised
from print_shop import ACCEPTED, ADJUSTED, VALID, Printer, quick_pdf

from confined.office import to_pdf
from engine.operations.call import Call, Operation
from storage.archive import breaches
from storage.audit import parcel_chain
from storage.database import Database
from storage.errors import NotFound, ParcelflowError
from storage.jobs import PARCEL_RECEIVED
from storage.parcels import ParcelState, RenditionKind


@pytest.fixture
def shop(database: Database, tmp_path: Path, clock: FakeClock) -> Printer:
    return Printer(database, tmp_path, clock, quick_pdf)


def test_the_folder_is_deployed_without_a_finding(shop: Printer) -> None:
    assert shop.deployed.findings == ()
    assert set(shop.deployed.versions) == {process for process, _ in drawn("startEvent")}


def test_an_order_goes_from_arrival_to_the_archive(shop: Printer, clock: FakeClock) -> None:
    parcel_id, instance = shop.receive()
    assert set(shop.items(instance)) == {"review_price_sheet", "validate_order"}
    shop.answer(instance, "validate_order", "qa", quality_decision="reject", quality_reason="Bleed missing")
    shop.answer(instance, "review_price_sheet", "accounting", **ACCEPTED)
    adjusted = ADJUSTED | {"wanted_on": "2026-03-21", "agreed_price": "1250", "remarks": "Bleed 3 mm"}
    shop.answer(instance, "adjust_order", "manager", **adjusted)
    shop.answer(instance, "review_price_sheet", "accounting", **ACCEPTED)
    shop.answer(instance, "validate_order", "qa", **VALID)
    shop.answer(instance, "make_invoice", "accounting", payment_days="14", invoice_note="Thank you")
    plan = {"planned_start_on": "2026-03-05", "planned_end_on": "2026-03-06"}
    shop.answer(instance, "plan_production", "planning", **plan)
    shop.answer(instance, "report_start", "production", press="SM 52")
    clock.advance(timedelta(days=6))
    shop.work()
    assert set(shop.items(instance)) == {"report_finish", "handle_delay"}
    late = {"delay_reason": "Press broken", "delay_answer": "inform_customer", "expected_on": "2026-03-09"}
    shop.answer(instance, "handle_delay", "manager", **late)
    shop.answer(instance, "report_finish", "production", good_pieces="5010")

    parcel, order, documents = shop.see(parcel_id)
    assert (parcel.state, parcel.status, shop.items(instance)) == (ParcelState.ARCHIVED, "archived", {})
    assert (str(order.price), str(order.prepayment), order.is_delayed) == ("1250.00", "743.75", True)
    assert (order.wanted_on, order.remarks, order.extra["press"]) == (date(2026, 3, 21), "Bleed 3 mm", "SM 52")
    assert order.production_started_at is not None
    assert order.production_finished_at is not None
    assert order.production_finished_at - order.production_started_at == timedelta(days=6)
    titles = [document.title for document in documents]
    assert titles == ["Work sheet", "Price sheet", "Work sheet 2", "Price sheet 2", "Prepayment invoice"]
    assert shop.mails() == [
        f"Your order {order.number} {news}" for news in ("is accepted", "is finished", "will be late")
    ]
    with shop.database.reading() as tx:
        assert breaches(tx, tx.parcels.one(parcel_id)) == []
        assert tx.incidents.still_open() == []


def test_letters_are_real_pdf_files(sqlite_url: str, open_database: Any, tmp_path: Path, clock: FakeClock) -> None:
    shop = Printer(open_database(sqlite_url), tmp_path, clock, to_pdf)
    parcel_id, _ = shop.receive()

    _, order, documents = shop.see(parcel_id)
    with shop.database.reading() as tx:
        renditions = [tx.parcels.renditions(document.id) for document in documents]
        pdfs = [tx.documents.read(forms[RenditionKind.PDF].sha256) for forms in renditions]
        texts = [tx.documents.read(forms[RenditionKind.TEXT].sha256).decode() for forms in renditions]
    assert [pdf[:5] for pdf in pdfs] == [b"%PDF-", b"%PDF-"]
    assert all(order.number in text and "Galerie Ost" in text for text in texts)
    assert ["339.75 EUR" in text for text in texts] == [False, True]


def test_a_cancelled_order_is_archived_as_cancelled(shop: Printer) -> None:
    parcel_id, instance = shop.receive()
    _, order, _ = shop.see(parcel_id)
    shop.engine.correlate("cancel_order", {"cancel_reason": "Called off"}, correlation_key=order.number)
    shop.work()

    parcel, order, _ = shop.see(parcel_id)
    assert (parcel.state, parcel.status, shop.items(instance)) == (ParcelState.ARCHIVED, "cancelled", {})
    assert order.extra["cancel_reason"] == "Called off"
    assert shop.mails() == [f"Your order {order.number} is cancelled"]


def test_an_advertisement_is_rejected(shop: Printer) -> None:
    shop.recognised = recognised(all_certain=False, fields=dict.fromkeys(FIELDS, ""))
    parcel_id, instance = shop.receive()
    reason = {"verification": "not_an_order", "rejection_reason": "An advertisement"}
    shop.answer(instance, "verify_index_fields", "manager", **reason)

    with shop.database.reading() as tx:
        parcel = tx.parcels.one(parcel_id)
        assert (parcel.state, parcel.status) == (ParcelState.REJECTED, "rejected")
        assert parcel.rejected_reason == "An advertisement"
        assert tx.orders.of_parcel(parcel_id) is None


def test_an_unknown_customer_comes_back_to_the_manager(shop: Printer) -> None:
    shop.recognised = recognised(fields=recognised()["fields"] | {"customer_number": "K-9999"})
    parcel_id, instance = shop.receive()
    with shop.database.transaction() as tx:
        read = [a_field(tx.parcels.one(parcel_id), name="paper", value="135 g silk", confidence=0.9, page=1)]
        tx.parcels.put_fields(parcel_id, read)

    assert set(shop.items(instance)) == {"verify_index_fields"}
    answers = {name: str(value) for name, value in FIELDS.items() if value is not None}
    shop.answer(instance, "verify_index_fields", "manager", verification="order", **answers)
    assert set(shop.items(instance)) == {"review_price_sheet", "validate_order"}
    with shop.database.reading() as tx:
        fields = {field.name: field for field in tx.parcels.fields(parcel_id)}
    assert {field.confirmed_by_id for field in fields.values()} == {shop.people["manager"].user_id}
    assert [(fields[name].value, fields[name].origin) for name in ("paper", "customer_number", "run_length")] == [
        ("135 g silk", "ocr"),
        ("K-1001", "person"),
        ("5000", "person"),
    ]
    assert (fields["paper"].page, fields["paper"].confidence) == (1, 0.9)


@pytest.mark.parametrize(
    ("node", "group"),
    [("review_price_sheet", "qa"), ("review_price_sheet", "production"), ("validate_order", "accounting")],
)
def test_nobody_completes_the_work_of_another_group(shop: Printer, node: str, group: str) -> None:
    _, instance = shop.receive()
    item = shop.items(instance)[node]

    with pytest.raises(ParcelflowError):
        shop.engine.complete(item.id, shop.people[group], ACCEPTED)
    assert node in shop.items(instance)


def test_production_sees_nothing_of_an_order_in_review(shop: Printer) -> None:
    parcel_id, _ = shop.receive()
    parcel, _, _ = shop.see(parcel_id)

    with shop.database.reading() as tx, pytest.raises(NotFound):
        tx.search.view(shop.people["production"], parcel.number)


@pytest.mark.parametrize(("message", "node"), [(PARCEL_RECEIVED, "parcel_received"), (None, "order_form_filled_in")])
def test_an_arrival_and_a_form_begin_at_their_own_start_events(shop: Printer, message: str | None, node: str) -> None:
    parcel_id, _ = shop.receive(message)

    with shop.database.reading() as tx:
        history = tx.audit.history(parcel_chain(parcel_id))
    visits = [visit for event in history for visit in event.details.get("visits", ())]
    assert visits[0][1] == node


def test_each_deed_is_on_record_in_the_parcels_chain(shop: Printer) -> None:
    parcel_id, _ = shop.receive()

    with shop.database.reading() as tx:
        actions = [event.action for event in tx.audit.history(parcel_chain(parcel_id))]
        assert list(tx.audit.verify()) == []
    assert {"process.started", "order_registered", "letter_written"} <= set(actions)


def test_the_jobs_of_an_order_can_all_be_repeated(shop: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation is called twice, as after a crash between the deed and its mark: nothing is done twice."""
    twice = {name: partial(_twice, operation) for name, operation in shop.operations(quick_pdf).items()}
    monkeypatch.setattr(shop.worker, "_operations", twice)
    parcel_id, instance = shop.receive()
    shop.answer(instance, "review_price_sheet", "accounting", **ACCEPTED)
    shop.answer(instance, "validate_order", "qa", **VALID)
    shop.answer(instance, "make_invoice", "accounting", payment_days="14")

    _, order, documents = shop.see(parcel_id)
    assert [document.title for document in documents] == ["Work sheet", "Price sheet", "Invoice"]
    assert shop.mails() == [f"Your order {order.number} is accepted"]


def _twice(operation: Operation, call: Call) -> Mapping[str, Any]:
    first = operation(call)
    assert operation(call) == first
    return first
