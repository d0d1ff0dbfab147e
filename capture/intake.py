"""Intake: from a delivery to a parcel, once and only once.

Promise: when `receive` has returned, the delivery is stored for good, and the channel may acknowledge it at its source. Order
of things: the bytes are put into the document store and fsynced; then one transaction writes the parcel, its documents, what
is in quarantine, the audit event and the job that opens the parcel. A crash before the commit leaves bytes that no row names
(swept later) and a source that delivers again; a crash after it leaves a parcel that the repeated delivery finds by its
identity at the source. The same bytes under another identity are a new parcel, marked as a possible duplicate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from capture.delivery import Delivery, Enclosure, Receipt
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.documents import StoredFile
from storage.errors import AlreadyExists, NotFound
from storage.failpoints import failpoint
from storage.parcels import BY_PERSON, UNREAD, Document, IndexField, Parcel, QuarantineEntry

MAIL = "mail"

OpenLater = Callable[[Transaction, Parcel], None]


@dataclass(frozen=True, slots=True)
class _Stored:
    """An enclosure whose bytes are in the store already; `position` counts from 1."""

    position: int
    enclosure: Enclosure
    kind: str
    file: StoredFile


@dataclass(frozen=True, slots=True)
class Intake:
    """The one way in for all channels.

    `process_of` names the process for each source profile; `open_later` owes the job that opens the parcel, in the
    transaction it is given.
    """

    database: Database
    process_of: Mapping[str, str]
    open_later: OpenLater
    default_process: str = "order"

    def receive(self, delivery: Delivery) -> Receipt:
        """Store a delivery as a parcel; the same identity again gives the same parcel and changes nothing."""
        earlier = self._earlier(delivery)
        if earlier is not None:
            return earlier
        stored = self._store(delivery)
        failpoint("intake.stored")
        try:
            return self._write(delivery, stored)
        except AlreadyExists:
            earlier = self._earlier(delivery)
            if earlier is None:
                raise
            return earlier

    def _earlier(self, delivery: Delivery) -> Receipt | None:
        with self.database.reading() as tx:
            parcel = tx.parcels.from_source(delivery.channel, delivery.source_key)
            return None if parcel is None else Receipt(parcel.id, parcel.number, is_repeat=True, quarantined=0)

    def _store(self, delivery: Delivery) -> list[_Stored]:
        """Put every enclosure, and the raw delivery, into the document store; give each with its document kind."""
        kept: list[tuple[Enclosure, str]] = [(enclosure, UNREAD) for enclosure in delivery.enclosures]
        if delivery.raw is not None and all(e.content != delivery.raw.content for e in delivery.enclosures):
            kept.append((delivery.raw, MAIL))
        put = self.database.documents.put
        return [_Stored(place, each, kind, put(each.content)) for place, (each, kind) in enumerate(kept, start=1)]

    def _write(self, delivery: Delivery, stored: Sequence[_Stored]) -> Receipt:
        with self.database.transaction() as tx:
            duplicate = _first_with_same_bytes(tx, stored)
            parcel = tx.parcels.add(self._parcel(delivery, duplicate))
            bad = 0
            for item in stored:
                fault = fault_of(item.enclosure)
                if fault is None:
                    tx.parcels.add_document(_document(tx, parcel, item))
                else:
                    tx.parcels.quarantine(_entry(tx, parcel, item, fault))
                    bad += 1
            tx.parcels.put_fields(parcel.id, _fields(delivery))
            tx.audit.record(
                parcel_chain(parcel.id),
                f"channel:{delivery.channel}",
                "parcel_received",
                parcel.number,
                {
                    "source": delivery.source_key,
                    "enclosures": [{"name": s.enclosure.file_name, "sha256": s.file.sha256} for s in stored],
                    "duplicate_of": duplicate.number if duplicate else None,
                },
            )
            self.open_later(tx, parcel)
            receipt = Receipt(parcel.id, parcel.number, is_repeat=False, quarantined=bad)
            failpoint("intake.before_commit")
        failpoint("intake.committed")
        return receipt

    def _parcel(self, delivery: Delivery, duplicate: Parcel | None) -> Parcel:
        return Parcel(
            channel=delivery.channel,
            source_key=delivery.source_key,
            received_at=delivery.received_at,
            process_key=self.process_of.get(delivery.profile, self.default_process),
            owner_id=delivery.submitted_by,
            customer_id=delivery.customer_id,
            sender=delivery.sender,
            subject=delivery.subject,
            profile=delivery.profile,
            duplicate_of_id=duplicate.id if duplicate else None,
        )


def fault_of(enclosure: Enclosure) -> tuple[str, str] | None:
    """Tell why an enclosure cannot become a document, as code and sentence; None if nothing speaks against it."""
    if enclosure.fault is not None:
        return enclosure.fault, enclosure.fault_message
    if not enclosure.content:
        return "empty", "The file holds nothing; ask the sender to send it again."
    return None


def receipt_of(database: Database, channel: str, source_key: str) -> Receipt:
    """Give what became of an earlier delivery; raises `NotFound`."""
    with database.reading() as tx:
        parcel = tx.parcels.from_source(channel, source_key)
        if parcel is None:
            raise NotFound("Nothing has arrived under this name.")
        return Receipt(parcel.id, parcel.number, is_repeat=True, quarantined=0)


def _first_with_same_bytes(tx: Transaction, stored: Sequence[_Stored]) -> Parcel | None:
    """Give an earlier parcel with the same file; the text of a mail is no file, greetings repeat."""
    for item in stored:
        if item.kind == UNREAD and item.enclosure.content and not item.enclosure.media_type.startswith("text/"):
            found = tx.parcels.holding(item.file.sha256)
            if found is not None:
                return found
    return None


def _document(tx: Transaction, parcel: Parcel, item: _Stored) -> Document:
    return Document(
        parcel_id=parcel.id,
        position=item.position,
        kind=item.kind,
        title=item.enclosure.file_name,
        file_name=item.enclosure.file_name,
        media_type=item.enclosure.media_type,
        sha256=item.file.sha256,
        size=item.file.size,
        origin=parcel.channel,
        created_at=tx.now,
    )


def _entry(tx: Transaction, parcel: Parcel, item: _Stored, fault: tuple[str, str]) -> QuarantineEntry:
    return QuarantineEntry(
        parcel_id=parcel.id,
        channel=parcel.channel,
        source_key=parcel.source_key,
        position=item.position,
        file_name=item.enclosure.file_name,
        media_type=item.enclosure.media_type,
        sha256=item.file.sha256,
        size=item.file.size,
        code=fault[0],
        message=fault[1],
        arrived_at=tx.now,
    )


def _fields(delivery: Delivery) -> list[IndexField]:
    """Make index fields of what a person gave with the delivery: certain, and never read over."""
    return [
        IndexField(
            parcel_id=0,
            name=name,
            value=value,
            confidence=1.0,
            origin=BY_PERSON,
            reason="Entered with the delivery",
            confirmed_by_id=delivery.submitted_by,
            confirmed_at=delivery.received_at,
        )
        for name, value in delivery.fields.items()
        if value
    ]
