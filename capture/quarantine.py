"""What a person decides about a file in quarantine: try to read it again, attach it as it is, or discard it with a reason."""

from capture.intake import OpenLater
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.errors import Invalid
from storage.parcels import UNREAD, Document, Parcel, QuarantineEntry, QuarantineState
from storage.people import Actor

AS_IT_IS = "other"


def retry(database: Database, entry_id: int, actor: Actor, open_later: OpenLater) -> Parcel:
    """Put the file back among the unread documents of its parcel and owe the job that reads it again."""
    with database.transaction() as tx:
        parcel = _decide(tx, entry_id, actor, QuarantineState.RETRIED, "Read it again", kind=UNREAD)
        open_later(tx, parcel)
        return parcel


def attach(database: Database, entry_id: int, actor: Actor) -> Parcel:
    """Make the file a document of its parcel without reading it."""
    with database.transaction() as tx:
        return _decide(tx, entry_id, actor, QuarantineState.ATTACHED, "Attached as it is", kind=AS_IT_IS)


def discard(database: Database, entry_id: int, actor: Actor, reason: str) -> Parcel:
    """Leave the file out of its parcel; its bytes stay in the store and the decision on record."""
    if not reason.strip():
        raise Invalid("Say why the file is discarded.")
    with database.transaction() as tx:
        return _decide(tx, entry_id, actor, QuarantineState.DISCARDED, reason.strip(), kind=None)


def _decide(
    tx: Transaction, entry_id: int, actor: Actor, state: QuarantineState, reason: str, *, kind: str | None
) -> Parcel:
    entry = tx.parcels.decide(entry_id, state, actor.user_id, reason)
    if entry.parcel_id is None:
        raise Invalid("The file belongs to no parcel; discard it, or upload it again.")
    parcel = tx.parcels.one(entry.parcel_id)
    if kind is not None:
        tx.parcels.add_document(_document(tx, parcel, entry, kind))
    details = {"file": entry.file_name, "sha256": entry.sha256, "reason": reason}
    tx.audit.record(parcel_chain(parcel.id), actor.login, f"quarantine_{state}", parcel.number, details)
    return parcel


def _document(tx: Transaction, parcel: Parcel, entry: QuarantineEntry, kind: str) -> Document:
    return Document(
        parcel_id=parcel.id,
        position=0,
        kind=kind,
        title=entry.file_name,
        file_name=entry.file_name,
        media_type=entry.media_type,
        sha256=entry.sha256,
        size=entry.size,
        origin="quarantine",
        created_at=tx.now,
    )
