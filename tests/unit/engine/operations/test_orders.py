"""Operations on orders, on both databases."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import a_parcel, a_party
from fakes import FakeClock

from engine.errors import BusinessError
from engine.operations.call import BadCall, Call, Operation
from engine.operations.orders import order_operations
from storage.audit import parcel_chain
from storage.database import Database
from storage.orders import Order
from storage.parcels import Parcel, ParcelState

BERLIN = ZoneInfo("Europe/Berlin")
FIELDS = {
    "customer_number": "K-1",
    "customer_name": "as read",
    "customer_reference": "PO 7",
    "product": "Flyer",
    "paper": "135 g silk",
    "format": "A5",
    "run_length": Decimal(5000),
    "colours": "4/4",
    "finishing": "folded",
    "wanted_on": date(2026, 3, 12),
    "remarks": None,
}


@pytest.fixture
def operations(database: Database) -> dict[str, Operation]:
    return order_operations(database, BERLIN)


@pytest.fixture
def parcel_id(database: Database) -> int:
    with database.transaction() as tx:
        tx.orders.add_party(a_party(number="K-1", name="Galerie Ost"))
        return tx.parcels.add(a_parcel()).id


def a_call(parcel_id: int | None, inputs: Mapping[str, Any] | None = None, key: str = "call 1") -> Call:
    return Call(key=key, parcel_id=parcel_id, instance_id=1, inputs=inputs or {})


def order_and_parcel(database: Database, parcel_id: int) -> tuple[Order, Parcel]:
    with database.reading() as tx:
        order = tx.orders.of_parcel(parcel_id)
        assert order is not None
        return order, tx.parcels.one(parcel_id)


def actions(database: Database, parcel_id: int) -> list[str]:
    with database.reading() as tx:
        return [event.action for event in tx.audit.history(parcel_chain(parcel_id))]


def test_registering_makes_an_order_of_the_parcel(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    answer = operations["register_order"](a_call(parcel_id, FIELDS))

    order, parcel = order_and_parcel(database, parcel_id)
    assert answer == {
        "order_number": order.number,
        "customer_name": "Galerie Ost",
        "run_length": 5000,
        "wanted_on": date(2026, 3, 12),
        "is_new_customer": True,
        "days_until_wanted": 10,
    }
    assert (order.product, order.run_length, order.wanted_on) == ("Flyer", 5000, date(2026, 3, 12))
    assert order.extra == {"customer_reference": "PO 7"}
    assert parcel.customer_id == order.customer_id


def test_values_as_they_were_read_become_numbers_and_dates(operations: dict[str, Operation], parcel_id: int) -> None:
    read = FIELDS | {"run_length": "5000", "wanted_on": "2026-03-12", "remarks": ""}

    answer = operations["register_order"](a_call(parcel_id, read))

    assert (answer["run_length"], answer["wanted_on"]) == (5000, date(2026, 3, 12))


def test_a_repeated_registration_changes_nothing(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    first = operations["register_order"](a_call(parcel_id, FIELDS))
    again = operations["register_order"](a_call(parcel_id, FIELDS))

    assert again == first
    assert actions(database, parcel_id) == ["order_registered"]


def test_the_second_order_of_a_customer_is_not_from_a_new_one(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))
    with database.transaction() as tx:
        second = tx.parcels.add(a_parcel()).id

    assert operations["register_order"](a_call(second, FIELDS, "call 2"))["is_new_customer"] is False
    assert operations["register_order"](a_call(parcel_id, FIELDS))["is_new_customer"] is True


@pytest.mark.parametrize("number", ["K-404", "", None])
def test_an_unknown_customer_is_an_expected_outcome(
    database: Database, operations: dict[str, Operation], parcel_id: int, number: str | None
) -> None:
    with pytest.raises(BusinessError) as caught:
        operations["register_order"](a_call(parcel_id, FIELDS | {"customer_number": number}))

    assert caught.value.code == "unknown_customer"
    with database.reading() as tx:
        assert tx.orders.of_parcel(parcel_id) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("run_length", "many"), ("run_length", Decimal("1.5")), ("wanted_on", "soon"), ("price", "dear"), ("paper", 135)],
)
def test_a_value_that_does_not_fit_its_field_is_refused(
    database: Database, operations: dict[str, Operation], parcel_id: int, name: str, value: object
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))

    with pytest.raises(BadCall, match=name):
        operations["update_order"](a_call(parcel_id, {name: value}))


def test_an_update_sets_fields_and_makes_the_line(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))

    operations["update_order"](a_call(parcel_id, {"price": Decimal("412.5"), "run_length": 3000, "shift": "late"}))

    order, _ = order_and_parcel(database, parcel_id)
    assert (order.price, order.run_length, order.extra["shift"]) == (Decimal("412.50"), 3000, "late")
    with database.reading() as tx:
        (line,) = tx.orders.lines(order.id)
    assert (line.description, line.quantity) == ("Flyer, A5, 135 g silk, 4/4, folded", Decimal(3000))
    assert (line.unit_price, line.amount) == (Decimal("0.1375"), Decimal("412.50"))


def test_an_update_that_changes_nothing_is_not_on_record(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))

    operations["update_order"](a_call(parcel_id, {"product": "Flyer"}))

    assert actions(database, parcel_id) == ["order_registered"]


def test_an_update_before_the_registration_is_refused(operations: dict[str, Operation], parcel_id: int) -> None:
    with pytest.raises(BadCall, match="register_order"):
        operations["update_order"](a_call(parcel_id, {"product": "Flyer"}))


def test_production_starts_and_finishes_once(
    database: Database, operations: dict[str, Operation], parcel_id: int, clock: FakeClock
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))

    operations["start_production"](a_call(parcel_id, {"press": "SM 52"}))
    clock.now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    operations["start_production"](a_call(parcel_id, {"press": "SM 52"}))
    operations["finish_production"](a_call(parcel_id, {"good_pieces": 5010}))

    order, _ = order_and_parcel(database, parcel_id)
    assert order.production_started_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert order.production_finished_at == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert (order.extra["press"], order.extra["good_pieces"]) == ("SM 52", 5010)
    assert actions(database, parcel_id) == ["order_registered", "production_started", "production_finished"]


def test_a_delay_is_marked_once_and_tells_the_late_step(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))
    with database.transaction() as tx:
        tx.parcels.set_status(parcel_id, "planning")

    answers = [operations["mark_delayed"](a_call(parcel_id, key=f"call {number}")) for number in (2, 3)]

    assert answers == [{"late_step": "planning"}] * 2
    assert order_and_parcel(database, parcel_id)[0].is_delayed
    assert actions(database, parcel_id).count("order_delayed") == 1


def test_a_cancellation_keeps_its_reason(database: Database, operations: dict[str, Operation], parcel_id: int) -> None:
    operations["register_order"](a_call(parcel_id, FIELDS))

    for _ in range(2):
        operations["cancel_order"](a_call(parcel_id, {"reason": "Exhibition moved"}))

    assert order_and_parcel(database, parcel_id)[0].extra["cancel_reason"] == "Exhibition moved"
    assert actions(database, parcel_id) == ["order_registered", "order_cancelled"]


def test_a_rejected_parcel_keeps_its_reason(
    database: Database, operations: dict[str, Operation], parcel_id: int
) -> None:
    for _ in range(2):
        operations["reject_parcel"](a_call(parcel_id, {"reason": "An advertisement"}))

    with database.reading() as tx:
        parcel = tx.parcels.one(parcel_id)
    assert (parcel.state, parcel.rejected_reason) == (ParcelState.REJECTED, "An advertisement")
    assert actions(database, parcel_id) == ["parcel_rejected"]


@pytest.mark.parametrize("operation", ["cancel_order", "reject_parcel"])
@pytest.mark.parametrize("reason", [None, "", "  ", 7])
def test_an_end_without_a_reason_is_refused(
    operations: dict[str, Operation], parcel_id: int, operation: str, reason: object
) -> None:
    with pytest.raises(BadCall, match="reason"):
        operations[operation](a_call(parcel_id, {"reason": reason}))


def test_an_operation_on_parcels_needs_a_parcel(operations: dict[str, Operation]) -> None:
    with pytest.raises(BadCall, match="parcel"):
        operations["register_order"](a_call(None, FIELDS))
