"""Parcels with their documents, pages, index fields and statuses; what waits in quarantine; what was refused."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, delete, select, union_all, update
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import BIG, GIVEN_ONCE, Base, Unit, identity
from storage.errors import Conflict, NotFound
from storage.numbering import yearly_number

UNREAD = "unread"
"""The kind of a document that nobody has read yet."""

FORM_ORIGIN = "form"
LETTER_ORIGIN = "letter "
"""Where the documents come from that we print ourselves: a filled-in form, a letter (the beginning of its origin)."""


class ParcelState(StrEnum):
    """Where a parcel is on its way, the same for every process."""

    RECEIVED = "received"
    ROUTED = "routed"
    ARCHIVED = "archived"
    REJECTED = "rejected"


class RenditionKind(StrEnum):
    """Another form of a document's bytes."""

    PDF = "pdf"
    SEARCHABLE_PDF = "searchable_pdf"
    PREVIEW = "preview"
    TEXT = "text"


class QuarantineState(StrEnum):
    """What became of an entry in quarantine."""

    WAITING = "waiting"
    RETRIED = "retried"
    ATTACHED = "attached"
    DISCARDED = "discarded"


class Parcel(Base):
    """A stored delivery: the unit that is indexed and routed."""

    __tablename__ = "parcel"
    __table_args__ = (
        UniqueConstraint("channel", "source_key"),
        Index("ix_parcel_state_id", "state", "id"),
        Index("ix_parcel_access", "process_key", "status", "id"),
    )

    id: Mapped[int] = identity()
    number: Mapped[str] = mapped_column(String(32), unique=True, default="")
    channel: Mapped[str] = mapped_column(String(64))
    source_key: Mapped[str] = mapped_column(String(500))
    received_at: Mapped[datetime]
    state: Mapped[ParcelState] = mapped_column(default=ParcelState.RECEIVED)
    status: Mapped[str] = mapped_column(String(64), default="received")
    process_key: Mapped[str] = mapped_column(String(64))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), default=None, index=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), default=None, index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None, index=True)
    sender: Mapped[str | None] = mapped_column(default=None)
    subject: Mapped[str | None] = mapped_column(default=None)
    profile: Mapped[str | None] = mapped_column(String(64), default=None)
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), default=None)
    rejected_reason: Mapped[str | None] = mapped_column(default=None)
    sealed_at: Mapped[datetime | None] = mapped_column(default=None)
    retention_until: Mapped[date | None] = mapped_column(default=None)
    legal_hold: Mapped[bool] = mapped_column(default=False)
    manifest_sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    @property
    def is_open(self) -> bool:
        """Tell whether the parcel is still on its way."""
        return self.state in (ParcelState.RECEIVED, ParcelState.ROUTED)

    def route(self) -> None:
        """Send the parcel on its process; raises `Conflict` when it is not newly received."""
        if self.state is not ParcelState.RECEIVED:
            raise Conflict(f"The parcel {self.number} is {self.state}; only a received one can be routed.")
        self.state = ParcelState.ROUTED

    def reject(self, reason: str) -> None:
        """End the parcel's way, with a reason; raises `Conflict` when it has ended already."""
        if not self.is_open:
            raise Conflict(f"The parcel {self.number} is {self.state} already and cannot be rejected.")
        self.state = ParcelState.REJECTED
        self.rejected_reason = reason


class Document(Base):
    """One logical document of a parcel; `sha256` names the original bytes."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("parcel_id", "position"), GIVEN_ONCE)

    id: Mapped[int] = identity()
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(64))
    title: Mapped[str]
    file_name: Mapped[str]
    media_type: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BIG)
    origin: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Rendition(Base):
    """Another form of a document's bytes."""

    __tablename__ = "rendition"

    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    kind: Mapped[RenditionKind] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BIG)


class Page(Base):
    """One page image of a document; `words` are `{"text", "box", "confidence"}` in pixels at `dpi`."""

    __tablename__ = "page"

    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    dpi: Mapped[int]
    source: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(default="")
    words: Mapped[list[Any]] = mapped_column(default_factory=list)
    barcodes: Mapped[list[Any]] = mapped_column(default_factory=list)
    turned: Mapped[int] = mapped_column(default=0)
    skew: Mapped[float] = mapped_column(default=0.0)
    image_sha256: Mapped[str | None] = mapped_column(String(64), default=None, index=True)


BY_PERSON = "person"
"""The origin of an index field that a person gave or corrected."""


class IndexField(Base):
    """A value read from, or given to, a parcel; `confidence` is 0 to 1, `box` is x0, y0, x1, y1 in pixels of the page."""

    __tablename__ = "index_field"
    __table_args__ = (UniqueConstraint("parcel_id", "name"),)

    id: Mapped[int] = identity()
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"), default=None, index=True)
    name: Mapped[str] = mapped_column(String(64))
    value: Mapped[str]
    confidence: Mapped[float]
    origin: Mapped[str] = mapped_column(String(32))
    page: Mapped[int | None] = mapped_column(default=None)
    box: Mapped[list[Any] | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)


class StatusChange(Base):
    """How long a parcel was in a status."""

    __tablename__ = "status_change"
    __table_args__ = (
        Index("ix_status_change_parcel_id", "parcel_id", "id"),
        Index("ix_status_change_status_entered_at", "status", "entered_at"),
    )

    id: Mapped[int] = identity()
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    status: Mapped[str] = mapped_column(String(64))
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None] = mapped_column(default=None)


class QuarantineEntry(Base):
    """An enclosure that could not be taken as a document: where it came from, why, and what was decided."""

    __tablename__ = "quarantine_entry"
    __table_args__ = (
        UniqueConstraint("channel", "source_key", "position"),
        Index("ix_quarantine_entry_state_id", "state", "id"),
    )

    id: Mapped[int] = identity()
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), default=None, index=True)
    channel: Mapped[str] = mapped_column(String(64))
    source_key: Mapped[str] = mapped_column(String(500))
    position: Mapped[int] = mapped_column(default=0)
    file_name: Mapped[str]
    media_type: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BIG, default=0)
    code: Mapped[str] = mapped_column(String(64))
    message: Mapped[str]
    arrived_at: Mapped[datetime]
    state: Mapped[QuarantineState] = mapped_column(default=QuarantineState.WAITING)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decision_reason: Mapped[str | None] = mapped_column(default=None)


class Refusal(Base):
    """Something that was not taken in; the sender was told."""

    __tablename__ = "refusal"

    id: Mapped[int] = identity()
    channel: Mapped[str] = mapped_column(String(64))
    sender: Mapped[str | None] = mapped_column(default=None)
    code: Mapped[str] = mapped_column(String(64))
    message: Mapped[str]
    refused_at: Mapped[datetime]


class Parcels:
    """The parcels of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, parcel: Parcel) -> Parcel:
        """Store a new parcel; it gets its number, and its first status begins."""
        parcel.number = parcel.number or yearly_number(self._unit, "P")
        self._unit.add(parcel)
        self._unit.add(StatusChange(parcel_id=parcel.id, status=parcel.status, entered_at=self._unit.now))
        return parcel

    def one(self, parcel_id: int) -> Parcel:
        """Give the parcel by id; raises `NotFound`."""
        parcel = self._unit.session.get(Parcel, parcel_id)
        if parcel is None:
            raise NotFound("There is no such parcel; look for it in the list.")
        return parcel

    def numbered(self, number: str) -> Parcel:
        """Give the parcel by its number; raises `NotFound`."""
        parcel = self._unit.session.scalar(select(Parcel).where(Parcel.number == number))
        if parcel is None:
            raise NotFound(f"There is no parcel {number}; look for it in the list.")
        return parcel

    def since(self, parcel_id: int, limit: int = 1000) -> Sequence[Parcel]:
        """Give the parcels that came after this one, oldest first."""
        statement = select(Parcel).where(Parcel.id > parcel_id).order_by(Parcel.id).limit(limit)
        return self._unit.session.scalars(statement).all()

    def locked(self, parcel_id: int) -> Parcel:
        """Give the parcel as it is now and keep others from changing it until the transaction ends; raises `NotFound`."""
        statement = select(Parcel).where(Parcel.id == parcel_id).with_for_update()
        parcel = self._unit.session.scalar(statement, execution_options={"populate_existing": True})
        if parcel is None:
            raise NotFound("There is no such parcel; look for it in the list.")
        return parcel

    def from_source(self, channel: str, source_key: str) -> Parcel | None:
        """Give the parcel that this delivery has become, if it has come before."""
        statement = select(Parcel).where(Parcel.channel == channel, Parcel.source_key == source_key)
        return self._unit.session.scalar(statement)

    def holding(self, sha256: str) -> Parcel | None:
        """Give the first parcel with a document of these bytes."""
        statement = select(Parcel).join(Document).where(Document.sha256 == sha256).order_by(Parcel.id).limit(1)
        return self._unit.session.scalar(statement)

    def children(self, parcel_id: int) -> Sequence[Parcel]:
        """Give the parcels that this one was divided into, in order."""
        return self._unit.session.scalars(select(Parcel).where(Parcel.parent_id == parcel_id).order_by(Parcel.id)).all()

    def set_status(self, parcel_id: int, status: str) -> None:
        """Put the parcel into a status of its process; the same again changes nothing."""
        unit = self._unit
        changed = unit.session.execute(
            update(Parcel)
            .where(Parcel.id == parcel_id, Parcel.status != status)
            .values(status=status, version=Parcel.version + 1)
            .returning(Parcel.id),
            execution_options={"synchronize_session": "fetch"},
        ).scalar()
        if changed is None:
            return
        unit.session.execute(
            update(StatusChange)
            .where(StatusChange.parcel_id == parcel_id, StatusChange.left_at.is_(None))
            .values(left_at=unit.now)
        )
        unit.connection.execute(
            unit.insert(StatusChange).values(parcel_id=parcel_id, status=status, entered_at=unit.now)
        )

    def statuses(self, parcel_id: int) -> Sequence[StatusChange]:
        """Give the statuses the parcel has been in, oldest first."""
        statement = select(StatusChange).where(StatusChange.parcel_id == parcel_id).order_by(StatusChange.id)
        return self._unit.session.scalars(statement).all()

    def add_document(self, document: Document) -> Document:
        """Append a document to its parcel; a position of 0 means the next one (positions count from 1)."""
        if document.position == 0:
            document.position = self._next_position(document.parcel_id)
        self._unit.add(document)
        return document

    def documents(self, parcel_id: int) -> Sequence[Document]:
        """Give the parcel's documents in order."""
        statement = select(Document).where(Document.parcel_id == parcel_id).order_by(Document.position)
        return self._unit.session.scalars(statement).all()

    def document(self, document_id: int) -> Document:
        """Give the document by id; raises `NotFound`."""
        document = self._unit.session.get(Document, document_id)
        if document is None:
            raise NotFound("There is no such document; look for it on its parcel's page.")
        return document

    def remove_document(self, document_id: int) -> None:
        """Take out a document that nobody has read: its file went to quarantine, which names the bytes from now on."""
        self._unit.session.execute(delete(Page).where(Page.document_id == document_id))
        self._unit.session.execute(delete(Document).where(Document.id == document_id))

    def put_rendition(self, rendition: Rendition) -> None:
        """Keep another form of a document, in place of an earlier one of the kind."""
        self._unit.session.merge(rendition)
        self._unit.session.flush()

    def renditions(self, document_id: int) -> Mapping[RenditionKind, Rendition]:
        """Give the other forms of a document by kind."""
        found = self._unit.session.scalars(select(Rendition).where(Rendition.document_id == document_id))
        return {rendition.kind: rendition for rendition in found}

    def put_pages(self, document_id: int, pages: Sequence[Page]) -> None:
        """Keep the pages of a document in place of earlier ones."""
        self._unit.session.execute(delete(Page).where(Page.document_id == document_id))
        self._unit.add(*pages)

    def pages(self, document_id: int) -> Sequence[Page]:
        """Give the document's pages in order."""
        statement = select(Page).where(Page.document_id == document_id).order_by(Page.number)
        return self._unit.session.scalars(statement).all()

    def page(self, document_id: int, number: int) -> Page:
        """Give one page (numbers count from 1); raises `NotFound`."""
        page = self._unit.session.get(Page, (document_id, number))
        if page is None:
            raise NotFound("The document has no such page.")
        return page

    def put_fields(self, parcel_id: int, fields: Sequence[IndexField]) -> None:
        """Keep index fields, each in place of an earlier one of its name; a value confirmed by a person stays."""
        present = {field.name: field for field in self.fields(parcel_id)}
        for field in fields:
            earlier = present.get(field.name)
            if earlier is not None and earlier.confirmed_at is not None and field.confirmed_at is None:
                continue
            if earlier is not None:
                self._unit.session.delete(earlier)
                self._unit.session.flush()
            field.parcel_id = parcel_id
            self._unit.session.add(field)
        self._unit.session.flush()

    def fields(self, parcel_id: int) -> Sequence[IndexField]:
        """Give the parcel's index fields by name."""
        statement = select(IndexField).where(IndexField.parcel_id == parcel_id).order_by(IndexField.name)
        return self._unit.session.scalars(statement).all()

    def quarantine(self, entry: QuarantineEntry) -> QuarantineEntry:
        """Put an enclosure into quarantine."""
        self._unit.add(entry)
        return entry

    def quarantined(
        self, state: QuarantineState = QuarantineState.WAITING, limit: int = 200
    ) -> Sequence[QuarantineEntry]:
        """Give what is in quarantine in this state, oldest first."""
        statement = (
            select(QuarantineEntry).where(QuarantineEntry.state == state).order_by(QuarantineEntry.id).limit(limit)
        )
        return self._unit.session.scalars(statement).all()

    def quarantined_of(self, parcel_id: int) -> Sequence[QuarantineEntry]:
        """Give all that was put into quarantine from a parcel, decided about or not, oldest first."""
        statement = select(QuarantineEntry).where(QuarantineEntry.parcel_id == parcel_id).order_by(QuarantineEntry.id)
        return self._unit.session.scalars(statement).all()

    def unsettled(self, parcel_id: int) -> Sequence[str]:
        """Give the names of a parcel's files about which something is still owed: unread, or waiting in quarantine."""
        unread = select(Document.file_name).where(Document.parcel_id == parcel_id, Document.kind == UNREAD)
        waiting = select(QuarantineEntry.file_name).where(
            QuarantineEntry.parcel_id == parcel_id, QuarantineEntry.state == QuarantineState.WAITING
        )
        return self._unit.session.scalars(union_all(unread, waiting)).all()

    def quarantine_entry(self, entry_id: int) -> QuarantineEntry:
        """Give the entry by id; raises `NotFound`."""
        entry = self._unit.session.get(QuarantineEntry, entry_id)
        if entry is None:
            raise NotFound("There is no such entry in quarantine.")
        return entry

    def decide(self, entry_id: int, state: QuarantineState, user_id: int, reason: str) -> QuarantineEntry:
        """Record what a person decided about a waiting entry; raises `Conflict` when somebody has decided already."""
        unit = self._unit
        entry = self.quarantine_entry(entry_id)
        values = {"state": state, "decided_by_id": user_id, "decided_at": unit.now, "decision_reason": reason}
        decided = unit.session.execute(
            update(QuarantineEntry)
            .where(QuarantineEntry.id == entry_id, QuarantineEntry.state == QuarantineState.WAITING)
            .values(values)
            .returning(QuarantineEntry.id),
            execution_options={"synchronize_session": "fetch"},
        ).scalar()
        if decided is None:
            raise Conflict(f"Somebody has decided about {entry.file_name} already; load the list again.")
        return entry

    def refuse(self, refusal: Refusal) -> None:
        """Record that something was not taken in."""
        self._unit.add(refusal)

    def refusals(self, limit: int = 200) -> Sequence[Refusal]:
        """Give the latest refusals, newest first."""
        return self._unit.session.scalars(select(Refusal).order_by(Refusal.id.desc()).limit(limit)).all()

    def _next_position(self, parcel_id: int) -> int:
        statement = (
            select(Document.position).where(Document.parcel_id == parcel_id).order_by(Document.position.desc()).limit(1)
        )
        return (self._unit.session.scalar(statement) or 0) + 1
