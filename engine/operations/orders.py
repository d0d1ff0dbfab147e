"""What service tasks do with an order: register it, bring it up to date, and note what becomes of it."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.errors import BusinessError
from engine.operations.call import BadCall, Call, Operation
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.orders import Order, OrderLine, Party
from storage.parcels import BY_PERSON, IndexField, ParcelState
from storage.work import WorkItem

ACTOR: Final = "engine"
_CENT: Final = Decimal("0.01")


def order_operations(database: Database, zone: ZoneInfo) -> dict[str, Operation]:
    """Bind the operations on orders to a database; `zone` tells which day it is for the business."""
    return {
        "register_order": partial(register_order, database, zone),
        "update_order": partial(update_order, database),
        "start_production": partial(start_production, database),
        "finish_production": partial(finish_production, database),
        "mark_delayed": partial(mark_delayed, database),
        "cancel_order": partial(cancel_order, database),
        "reject_parcel": partial(reject_parcel, database),
    }


def register_order(database: Database, zone: ZoneInfo, call: Call) -> Mapping[str, Any]:
    """Make an order of the parcel and give it a number; a parcel has one order, which later calls bring up to date.

    Inputs: `customer_number` and the fields of the order, as text or typed. Gives `order_number`, `customer_name`, `run_length`
    and `wanted_on` (a number and a date), `is_new_customer`, `days_until_wanted`. Where a person has verified, the index
    fields take the values over. Raises `BusinessError("unknown_customer")` when no customer has the number.
    """
    with database.transaction() as tx:
        parcel = tx.parcels.locked(call.parcel)
        customer = _customer(tx, call)
        order = tx.orders.of_parcel(parcel.id)
        if order is None:
            order = tx.orders.add(Order(parcel_id=parcel.id))
            _record(tx, call, "order_registered", order, {"customer": customer.number})
        order.customer_id = parcel.customer_id = customer.id
        _fill(order, {name: value for name, value in call.inputs.items() if not name.startswith("customer_n")})
        _confirm_fields(tx, call, {**call.inputs, "customer_name": customer.name})
        tx.search.index_data(parcel.id)
        return {
            "order_number": order.number,
            "customer_name": customer.name,
            "run_length": order.run_length,
            "wanted_on": order.wanted_on,
            "is_new_customer": tx.orders.is_first_of_customer(order),
            "days_until_wanted": _days_until(order.wanted_on, tx.now, zone),
        }


def update_order(database: Database, call: Call) -> Mapping[str, Any]:
    """Set the order's fields to the inputs; an input that the order has no field for is kept among its extra values."""
    with database.transaction() as tx:
        order = _order(tx, call)
        changed = _fill(order, call.inputs)
        if order.price is not None and order.run_length:
            tx.orders.put_lines(order.id, [_line(order)])
        if changed:
            _record(tx, call, "order_updated", order, {"fields": changed})
            known = {field.name for field in tx.parcels.fields(call.parcel)}
            _confirm_fields(tx, call, {name: value for name, value in changed.items() if name in known})
            tx.search.index_data(call.parcel)
        return {"order_number": order.number}


def start_production(database: Database, call: Call) -> Mapping[str, Any]:
    """Note that production has started; the time is that of the first call."""
    with database.transaction() as tx:
        order = _order(tx, call)
        if order.production_started_at is None:
            order.production_started_at = tx.now
            _fill(order, call.inputs)
            _record(tx, call, "production_started", order)
        return {"started_at": order.production_started_at}


def finish_production(database: Database, call: Call) -> Mapping[str, Any]:
    """Note that production has finished; the time is that of the first call."""
    with database.transaction() as tx:
        order = _order(tx, call)
        if order.production_finished_at is None:
            order.production_finished_at = tx.now
            _fill(order, call.inputs)
            _record(tx, call, "production_finished", order)
        return {"finished_at": order.production_finished_at}


def mark_delayed(database: Database, call: Call) -> Mapping[str, Any]:
    """Mark the order as delayed; gives `late_step`, the parcel's status at that moment."""
    with database.transaction() as tx:
        order, parcel = _order(tx, call), tx.parcels.one(call.parcel)
        if not order.is_delayed:
            order.is_delayed = True
            _record(tx, call, "order_delayed", order, {"status": parcel.status})
        return {"late_step": parcel.status}


def cancel_order(database: Database, call: Call) -> Mapping[str, Any]:
    """Note that, and why, the order was cancelled (input `reason`)."""
    reason = call.text("reason")
    with database.transaction() as tx:
        order = _order(tx, call)
        if "cancel_reason" not in order.extra:
            order.extra = {**order.extra, "cancel_reason": reason}
            _record(tx, call, "order_cancelled", order, {"reason": reason})
        return {"order_number": order.number}


def reject_parcel(database: Database, call: Call) -> Mapping[str, Any]:
    """End the parcel's way: it holds no order (input `reason`)."""
    reason = call.text("reason")
    with database.transaction() as tx:
        parcel = tx.parcels.locked(call.parcel)
        if parcel.state is not ParcelState.REJECTED:
            parcel.reject(reason)
            tx.audit.record(parcel_chain(parcel.id), ACTOR, "parcel_rejected", parcel.number, {"reason": reason})
        return {"parcel_number": parcel.number}


def _customer(tx: Transaction, call: Call) -> Party:
    number = call.optional_text("customer_number")
    customer = tx.orders.party_numbered(number) if number else None
    if customer is None:
        named = f"There is no customer {number}." if number else "No customer is named."
        raise BusinessError("unknown_customer", f"{named} Choose one of the customers on record.")
    return customer


def _order(tx: Transaction, call: Call) -> Order:
    order = tx.orders.of_parcel(call.parcel)
    if order is None:
        raise BadCall("The parcel has no order yet; let the diagram call register_order first.")
    return order


def _record(tx: Transaction, call: Call, action: str, order: Order, details: Mapping[str, Any] | None = None) -> None:
    tx.audit.record(parcel_chain(call.parcel), ACTOR, action, order.number, details)


def _days_until(wanted_on: date | None, now: datetime, zone: ZoneInfo) -> int | None:
    return None if wanted_on is None else (wanted_on - now.astimezone(zone).date()).days


def _line(order: Order) -> OrderLine:
    quantity, price = Decimal(order.run_length or 0), order.price or Decimal(0)
    particulars = (order.product, order.format, order.paper, order.colours, order.finishing)
    return OrderLine(
        order_id=order.id,
        position=1,
        description=", ".join(text for text in particulars if text and text != "none"),
        quantity=quantity,
        unit="pieces",
        unit_price=(price / quantity).quantize(Decimal("0.0001")),
        amount=price.quantize(_CENT),
    )


def _confirm_fields(tx: Transaction, call: Call, values: Mapping[str, Any]) -> None:
    """Make the values index fields that whoever last completed a work item has confirmed; nobody has: leave them as read."""
    done = [item for item in tx.work.of_instance(call.instance_id) if item.completed_at is not None]
    if not done:
        return
    last = max(done, key=lambda item: (item.completed_at, item.id))
    read = {field.name: field for field in tx.parcels.fields(call.parcel)}
    given = {name: str(value) for name, value in values.items() if value not in (None, "")}
    fields = [_confirmed(call.parcel, name, value, read.get(name), last) for name, value in given.items()]
    tx.parcels.put_fields(call.parcel, fields)


def _confirmed(parcel_id: int, name: str, value: str, read: IndexField | None, work: WorkItem) -> IndexField:
    field = IndexField(parcel_id=parcel_id, name=name, value=value, confidence=1.0, origin=BY_PERSON)
    if read is not None:
        field.document_id, field.page, field.box = read.document_id, read.page, read.box
        if read.value == value:
            field.confidence, field.origin, field.reason = read.confidence, read.origin, read.reason
    field.confirmed_by_id, field.confirmed_at = work.completed_by_id, work.completed_at
    return field


def _fill(order: Order, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set fields of an order from variables; gives those that changed with their new values."""
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name in _FIELDS:
            held: Any = getattr(order, name)
            given = _read(name, value)
            setattr(order, name, given)
        else:
            held, given = order.extra.get(name), _storable(name, value)
            order.extra = {**order.extra, name: given}
        if held != given:
            changed[name] = given
    return changed


def _read(name: str, value: Any) -> Any:
    if value is None or value == "":
        return "EUR" if name == "currency" else None
    try:
        return _FIELDS[name](value)
    except (ValueError, TypeError, InvalidOperation) as error:
        raise BadCall(f"“{value!s:.60}” is no value for the order's field “{name}”.") from error


def _storable(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float | Decimal | date | list | dict):
        return value
    raise BadCall(f"The value of “{name}” cannot be kept on the order.")


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value.strip()


def _as_whole(value: Any) -> int:
    number = Decimal(str(value))
    if isinstance(value, bool) or number != number.to_integral_value():
        raise ValueError(value)
    return int(number)


def _as_date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(_as_text(value))


def _as_money(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(_CENT)


_FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "product": _as_text,
    "paper": _as_text,
    "format": _as_text,
    "run_length": _as_whole,
    "colours": _as_text,
    "finishing": _as_text,
    "wanted_on": _as_date,
    "remarks": _as_text,
    "price": _as_money,
    "currency": _as_text,
    "prepayment": _as_money,
    "planned_start_on": _as_date,
    "planned_end_on": _as_date,
}
