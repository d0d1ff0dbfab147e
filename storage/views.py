"""The one door out: a parcel as one person may see it, with hidden values left out and masked ones covered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from storage.access import ANY, Level, Rights
from storage.audit import AuditEvent
from storage.orders import Order, OrderLine, Party
from storage.parcels import LETTER_ORIGIN, Document, IndexField, Parcel, ParcelState

MASK = "•••"
PARCEL_FIELDS = ("sender", "subject", "profile", "rejected_reason")
ORDER_FIELDS = (
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
    "production_started_at",
    "production_finished_at",
    "is_delayed",
)
_PLAIN_DETAILS = frozenset({"status", "state", "node", "process", "version", "number", "group", "outcome", "channel"})
_DOCUMENT_DETAILS = frozenset({"document", "file", "enclosures", "sha256"})
_OTHER_PARCELS = frozenset({"parent", "duplicate_of"})


@dataclass(frozen=True, slots=True)
class FieldView:
    """An index field as shown; where it was read is known only to who may read the document."""

    name: str
    value: str
    is_masked: bool
    confidence: float
    origin: str
    reason: str | None
    is_confirmed: bool
    document_id: int | None
    page: int | None
    box: Sequence[float] | None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as shown; a masked one shows nothing but its kind. It is earlier where a later letter of its kind is there."""

    id: int
    position: int
    kind: str
    is_masked: bool
    title: str
    file_name: str
    media_type: str
    sha256: str | None
    size: int | None
    created_at: datetime
    is_earlier: bool


@dataclass(frozen=True, slots=True)
class ParcelView:
    """A parcel with its order as one person may see it; `values` has only the fields that may be seen.

    `parent_id` and `duplicate_of_id` lead to parcels that the person may not see; look them up through the search.
    """

    id: int
    number: str
    channel: str
    received_at: datetime
    state: ParcelState
    status: str
    process_key: str
    parent_id: int | None
    duplicate_of_id: int | None
    sealed_at: datetime | None
    retention_until: date | None
    legal_hold: bool
    order_id: int | None
    order_number: str | None
    values: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    fields: Sequence[FieldView]
    documents: Sequence[DocumentView]
    rights: Rights


def project(
    rights: Rights,
    parcel: Parcel,
    *,
    order: Order | None = None,
    customer: Party | None = None,
    lines: Sequence[OrderLine] = (),
    fields: Sequence[IndexField] = (),
    documents: Sequence[Document] = (),
) -> ParcelView:
    """Give the parcel as these rights show it; the caller has made sure that it is visible at all."""
    readable = {document.id for document in documents if rights.reads_document(document.kind)}
    earlier = _earlier(documents)
    return ParcelView(
        id=parcel.id,
        number=parcel.number,
        channel=parcel.channel,
        received_at=parcel.received_at,
        state=parcel.state,
        status=parcel.status,
        process_key=parcel.process_key,
        parent_id=parcel.parent_id,
        duplicate_of_id=parcel.duplicate_of_id,
        sealed_at=parcel.sealed_at,
        retention_until=parcel.retention_until,
        legal_hold=parcel.legal_hold,
        order_id=order.id if order else None,
        order_number=order.number if order else None,
        values=mask(rights, _values(parcel, order, customer)),
        lines=tuple(_line(line) for line in lines) if rights.reads_field("lines") else (),
        fields=tuple(_field(field, rights, readable) for field in fields if rights.field(field.name) is not Level.NONE),
        documents=tuple(
            _document(document, is_masked=document.id not in readable, is_earlier=document.id in earlier)
            for document in documents
            if rights.document(document.kind) is not Level.NONE
        ),
        rights=rights,
    )


def mask(rights: Rights, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the fields that may not be seen, and cover the masked ones."""
    return {
        name: value if rights.reads_field(name) or value is None else MASK
        for name, value in values.items()
        if rights.field(name) is not Level.NONE
    }


def event_details(rights: Rights, event: AuditEvent) -> dict[str, Any]:
    """Give the details of an audit event as shown: what is not plainly about the way is treated as a field of its name.

    What names documents is shown to whom documents of the event's `kind` are open, or of every kind where it tells none.
    Numbers of other parcels are left out: these may be hidden.
    """
    kind = event.details.get("kind")
    is_open = rights.reads_document(kind if isinstance(kind, str) else ANY)
    plain = _PLAIN_DETAILS | (_DOCUMENT_DETAILS if is_open else frozenset())
    shown = {name: value for name, value in event.details.items() if name in plain}
    governed = event.details.keys() - _PLAIN_DETAILS - _DOCUMENT_DETAILS - _OTHER_PARCELS
    return shown | mask(rights, _opened({name: event.details[name] for name in sorted(governed)}))


def _opened(details: Mapping[str, Any]) -> dict[str, Any]:
    """Lift the values within `fields` up, so that each is governed by its own name."""
    inner = details.get("fields")
    rest = {name: value for name, value in details.items() if name != "fields"}
    return rest | dict(inner) if isinstance(inner, Mapping) else rest


def _values(parcel: Parcel, order: Order | None, customer: Party | None) -> dict[str, Any]:
    values = {name: getattr(parcel, name) for name in PARCEL_FIELDS}
    values["customer"] = customer.name if customer else None
    if order is not None:
        values |= order.extra
        values |= {name: getattr(order, name) for name in ORDER_FIELDS}
    return values


def _line(line: OrderLine) -> Mapping[str, Any]:
    names = ("position", "description", "quantity", "unit", "unit_price", "amount")
    return {name: getattr(line, name) for name in names}


def _field(field: IndexField, rights: Rights, readable: set[int]) -> FieldView:
    is_masked = not rights.reads_field(field.name)
    is_traced = field.document_id in readable and not is_masked
    return FieldView(
        name=field.name,
        value=MASK if is_masked else field.value,
        is_masked=is_masked,
        confidence=field.confidence,
        origin=field.origin,
        reason=None if is_masked else field.reason,
        is_confirmed=field.confirmed_at is not None,
        document_id=field.document_id if is_traced else None,
        page=field.page if is_traced else None,
        box=field.box if is_traced else None,
    )


def _earlier(documents: Sequence[Document]) -> set[int]:
    letters = sorted((one for one in documents if one.origin.startswith(LETTER_ORIGIN)), key=lambda one: one.position)
    last = {letter.kind: letter.id for letter in letters}
    return {letter.id for letter in letters} - set(last.values())


def _document(document: Document, *, is_masked: bool, is_earlier: bool) -> DocumentView:
    return DocumentView(
        id=document.id,
        position=document.position,
        kind=document.kind,
        is_masked=is_masked,
        title=MASK if is_masked else document.title,
        file_name=MASK if is_masked else document.file_name,
        media_type=MASK if is_masked else document.media_type,
        sha256=None if is_masked else document.sha256,
        size=None if is_masked else document.size,
        created_at=document.created_at,
        is_earlier=is_earlier,
    )
