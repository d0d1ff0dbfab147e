"""What lies beside a work item when it is handed in: its parcel, what was read there, and drafts; asked for in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, select

from storage.drafts import WorkDraft
from storage.orders import Order
from storage.parcels import IndexField, Parcel
from storage.statements import Fixed
from storage.work import WorkItem


@dataclass(frozen=True, slots=True)
class Reading:
    """An index field as it is on record, for a person to confirm."""

    name: str
    value: str
    document_id: int | None
    origin: str
    page: int | None
    box: list[float] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Beside:
    """A work item's parcel, by number and that of its order, with its index fields, and whether somebody has a draft."""

    parcel_id: int | None
    parcel_number: str | None
    sealed_at: datetime | None
    order_number: str | None
    has_drafts: bool
    readings: Sequence[Reading]


_w = WorkItem.__table__.c
_p = Parcel.__table__.c
_o = Order.__table__.c
_f = IndexField.__table__.c
_COLUMNS = (
    _p.id,
    _p.number,
    _p.sealed_at,
    _o.number.label("order_number"),
    exists().where(WorkDraft.work_item_id == _w.id).correlate(WorkItem.__table__).label("has_drafts"),
)
_READING = (_f.name.label("field"), _f.value, _f.document_id, _f.origin, _f.page, _f.box, _f.reason)
_BESIDE = Fixed(
    select(*_COLUMNS, *_READING)
    .select_from(
        WorkItem.__table__.outerjoin(Parcel.__table__, _p.id == _w.parcel_id)
        .outerjoin(Order.__table__, _o.parcel_id == _p.id)
        .outerjoin(IndexField.__table__, _f.parcel_id == _p.id)
    )
    .where(_w.id == bindparam("item"))
    .order_by(_f.name)
)


def beside(connection: Connection, item_id: int) -> Beside:
    """Give what lies beside an item that is known to be there."""
    rows = _BESIDE.all(connection, {"item": item_id})
    readings = [Reading(*row[len(_COLUMNS) :]) for row in rows if row.field is not None]
    return Beside(*[*rows[0][: len(_COLUMNS)], readings])
