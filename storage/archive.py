"""Sealing: the last step, after which a parcel is stored for good and not changed any more.

The manifest is a JSON file in the document store that names every byte and value of the parcel with its digest; the parcel
names the manifest's digest, and so does the audit trail. The database refuses later changes (see `storage.guards`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import inspect, select

from storage.audit import parcel_chain
from storage.base import Base, from_json, to_json
from storage.database import Transaction
from storage.documents import StoredFile
from storage.errors import Conflict, Damaged, ParcelflowError, Sealed
from storage.orders import Order
from storage.parcels import Document, Parcel, ParcelState, Rendition

FORMAT = "parcelflow manifest 1"
_NOT_FROZEN = frozenset({"state", "status", "legal_hold", "retention_until", "version", "sealed_at", "manifest_sha256"})


class FilesWait(Conflict):
    """A file of the parcel is unread or waits in quarantine; read it, or decide about it, then let the archiving try again."""

    code = "files_wait"


def retention_end(day: date, years: int) -> date:
    """Give the last day of a retention period of whole years, which begins when the year of `day` ends (§ 147 AO)."""
    return date(day.year + years, 12, 31)


def seal(tx: Transaction, parcel_id: int, *, retention_until: date, actor: str = "system") -> Parcel:
    """Archive a parcel: write its manifest, set the retention date, and let nothing change any more.

    Every original and rendition is read and compared with its digest first: raises `Damaged` when one does not fit, `Sealed` when
    the parcel lies in the archive already, `Conflict` when it was rejected, `FilesWait` when one of its files is unread or waits
    in quarantine.
    """
    parcel = tx.parcels.locked(parcel_id)
    if parcel.sealed_at is not None:
        raise Sealed(f"The parcel {parcel.number} lies in the archive already.")
    if parcel.state is ParcelState.REJECTED:
        raise Conflict(f"The parcel {parcel.number} was rejected and is not archived.")
    check_settled(tx, parcel)
    content = contents(tx, parcel)
    for digest in digests(content):
        tx.documents.verify(digest)
    stored = _write_manifest(tx, parcel, content, retention_until)
    parcel.manifest_sha256 = stored.sha256
    parcel.sealed_at, parcel.retention_until, parcel.state = tx.now, retention_until, ParcelState.ARCHIVED
    tx.session.flush()
    details = {"manifest": stored.sha256, "retention_until": retention_until}
    tx.audit.record(parcel_chain(parcel_id), actor, "sealed", parcel.number, details)
    return parcel


def check_settled(tx: Transaction, parcel: Parcel) -> None:
    """Raise `FilesWait` while something is owed about a file of the parcel."""
    waiting = tx.parcels.unsettled(parcel.id)
    if waiting:
        names = ", ".join(f"“{name}”" for name in waiting)
        raise FilesWait(
            f"The parcel {parcel.number} is not archived while {names} is unread or waits in quarantine; "
            "decide about it there, then try again."
        )


def contents(tx: Transaction, parcel: Parcel) -> dict[str, Any]:
    """Give all that a seal is put on: the parcel, its order, its index fields, its documents with their renditions."""
    order = tx.orders.of_parcel(parcel.id)
    return {
        "parcel": {name: value for name, value in _row(parcel).items() if name not in _NOT_FROZEN},
        "order": _order(tx, order) if order else None,
        "fields": [_row(field) for field in tx.parcels.fields(parcel.id)],
        "documents": [_document(tx, document) for document in tx.parcels.documents(parcel.id)],
    }


def manifest(tx: Transaction, parcel: Parcel) -> Mapping[str, Any]:
    """Read the manifest of a sealed parcel; raises `Damaged` when it is missing or changed."""
    if parcel.manifest_sha256 is None:
        raise Conflict(f"The parcel {parcel.number} is not sealed.")
    tx.documents.verify(parcel.manifest_sha256)
    read: Mapping[str, Any] = from_json(tx.documents.read(parcel.manifest_sha256).decode())
    return read


def breaches(tx: Transaction, parcel: Parcel) -> list[str]:
    """Compare a sealed parcel with its manifest; gives a sentence for everything that does not fit."""
    try:
        sealed = manifest(tx, parcel)["content"]
    except (ParcelflowError, ValueError, KeyError) as error:
        return [f"the manifest cannot be read: {error}"]
    now = from_json(to_json(contents(tx, parcel)))
    found = [f"{part} differs from the manifest" for part in sorted(sealed) if sealed[part] != now[part]]
    for digest in digests(sealed):
        try:
            tx.documents.verify(digest)
        except Damaged as error:
            found.append(str(error))
    return found


def digests(content: Mapping[str, Any]) -> list[str]:
    """Give the digests of all originals and renditions in a manifest's content."""
    documents = content["documents"]
    return [document["sha256"] for document in documents] + [
        rendition["sha256"] for document in documents for rendition in document["renditions"]
    ]


def _write_manifest(tx: Transaction, parcel: Parcel, content: Mapping[str, Any], until: date) -> StoredFile:
    tx.audit.write()
    history = tx.audit.latest(parcel_chain(parcel.id), limit=1)
    written = {
        "format": FORMAT,
        "sealed_at": tx.now,
        "retention_until": until,
        "status": parcel.status,
        "statuses": [_row(change) for change in tx.parcels.statuses(parcel.id)],
        "audit_head": {"number": history[0].number, "hash": history[0].hash} if history else None,
        "content": content,
    }
    return tx.documents.put(to_json(written).encode())


def _row(row: Base) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in inspect(type(row)).column_attrs}


def _order(tx: Transaction, order: Order) -> dict[str, Any]:
    return _row(order) | {"lines": [_row(line) for line in tx.orders.lines(order.id)]}


def _document(tx: Transaction, document: Document) -> dict[str, Any]:
    renditions = tx.session.scalars(
        select(Rendition).where(Rendition.document_id == document.id).order_by(Rendition.kind)
    )
    return _row(document) | {"renditions": [_row(rendition) for rendition in renditions]}
