"""Rows with sensible defaults, overridden by keyword."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from storage.orders import Order, Party
from storage.parcels import Document, IndexField, Page, Parcel
from storage.people import User

_numbers = count(1)
MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)


def a_parcel(**values: Any) -> Parcel:
    defaults = {
        "channel": "upload",
        "source_key": f"source {next(_numbers)}",
        "received_at": MORNING,
        "process_key": "order",
    }
    return Parcel(**(defaults | values))


def a_document(parcel: Parcel, **values: Any) -> Document:
    defaults = {
        "parcel_id": parcel.id,
        "position": 0,
        "kind": "purchase_order",
        "title": "Purchase order",
        "file_name": "order.pdf",
        "media_type": "application/pdf",
        "sha256": "0" * 64,
        "size": 0,
        "origin": "upload",
        "created_at": MORNING,
    }
    return Document(**(defaults | values))


def a_page(document: Document, **values: Any) -> Page:
    defaults = {
        "document_id": document.id,
        "number": 1,
        "width": 2480,
        "height": 3508,
        "dpi": 300,
        "source": "ocr",
        "text": "",
    }
    return Page(**(defaults | values))


def a_field(parcel: Parcel, **values: Any) -> IndexField:
    defaults = {"parcel_id": parcel.id, "name": "paper", "value": "135 g gloss", "confidence": 0.9, "origin": "ocr"}
    return IndexField(**(defaults | values))


def an_order(parcel: Parcel, **values: Any) -> Order:
    defaults = {"parcel_id": parcel.id, "product": "flyer", "paper": "135 g gloss", "format": "A5", "run_length": 5000}
    return Order(**(defaults | values))


def a_party(**values: Any) -> Party:
    defaults = {"name": "Copper & Sons", "city": "Leipzig", "country": "DE", "email": "print@copper.example"}
    return Party(**(defaults | values))


def a_user(**values: Any) -> User:
    defaults = {"login": f"person{next(_numbers)}", "display_name": "Pat Example", "created_at": MORNING}
    return User(**(defaults | values))
