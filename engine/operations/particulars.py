"""What a letter or mail may say of an order: plain texts, truth values, lists and groups of them, nothing alive."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from storage.database import Transaction
from storage.orders import Order, OrderLine, Party
from storage.parcels import Parcel

ORDER_FIELDS: Final = (
    "number",
    "product",
    "paper",
    "format",
    "run_length",
    "colours",
    "finishing",
    "wanted_on",
    "remarks",
    "price",
    "currency",
    "prepayment",
    "planned_start_on",
    "planned_end_on",
    "is_delayed",
    "extra",
)
CUSTOMER_FIELDS: Final = (
    "number",
    "name",
    "street",
    "postcode",
    "city",
    "country",
    "email",
    "vat_id",
    "phone",
)
LINE_FIELDS: Final = ("position", "description", "quantity", "unit", "unit_price", "amount")
PARCEL_FIELDS: Final = ("number", "received_on", "sender", "subject")
KNOWN: Final[Mapping[str, tuple[str, ...] | None]] = {
    "order": ORDER_FIELDS,
    "customer": CUSTOMER_FIELDS,
    "parcel": PARCEL_FIELDS,
    "lines": None,
    "today": None,
    "values": None,
}
"""The names that templates may use, with their entries where these are known beforehand."""


def particulars(tx: Transaction, parcel_id: int, values: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Gather what a template may say: `order`, `customer`, `lines`, `parcel`, `today`, and the call's own `values`."""
    parcel = tx.parcels.one(parcel_id)
    order = tx.orders.of_parcel(parcel_id)
    customer = tx.orders.party(order.customer_id) if order and order.customer_id else None
    lines = tx.orders.lines(order.id) if order else ()
    return {
        "order": _taken(order or Order(parcel_id=parcel_id), ORDER_FIELDS),
        "customer": _taken(customer or Party(name=""), CUSTOMER_FIELDS),
        "lines": _lines(lines),
        "parcel": _parcel(parcel, zone),
        "today": readable(tx.now.astimezone(zone).date()),
        "values": readable(dict(values)),
    }


def readable(value: Any) -> Any:
    """Give a value as people read it: numbers with thousands parted, dates in words; groups and lists entry by entry."""
    if isinstance(value, Mapping):
        return {str(name): readable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [readable(entry) for entry in value]
    return value if isinstance(value, bool | str) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, int | float | Decimal):
        return _number(Decimal(str(value)))
    if isinstance(value, datetime):
        return f"{_text(value.date())}, {value:%H:%M}"
    if isinstance(value, date):
        return f"{value.day} {value:%B %Y}"
    return "" if value is None else str(value)


def _number(number: Decimal) -> str:
    exponent = number.as_tuple().exponent
    return f"{number:,.0f}" if isinstance(exponent, int) and exponent >= 0 else f"{number:,f}"


def _taken(row: object, fields: Sequence[str]) -> dict[str, Any]:
    return {name: readable(getattr(row, name)) for name in fields}


def _lines(lines: Sequence[OrderLine]) -> list[dict[str, Any]]:
    shown = [_taken(line, LINE_FIELDS) for line in lines]
    for line, row in zip(shown, lines, strict=True):
        line["quantity"] = _number(row.quantity.normalize() + 0)
    return shown


def _parcel(parcel: Parcel, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "number": parcel.number,
        "received_on": readable(parcel.received_at.astimezone(zone).date()),
        "sender": parcel.sender or "",
        "subject": parcel.subject or "",
    }
