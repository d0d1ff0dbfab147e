"""Recognition: what a parcel's files say. Opens a parcel (dividing a stack at its separator sheets) and reads it.

Opening is a job of its own, before the process starts: only it may make several parcels of one, and only it adds what came
behind the cover sheet of an order that is on its way to that order, in place of a process of its own. Recognising is the first
operation of the process: pages with words, document kinds, index fields with confidence and reason. Both may be repeated:
what has been read is not read again, and what a person has confirmed is not read over. A file that cannot be read goes to
quarantine with its reason, and the rest goes on; read later, it still gives its fields. Papers that we print ourselves (a
filled-in form, letters) are shown and found like others, but no fields are read from them: what they say is known already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capture.errors import Unreadable
from capture.extraction import Surroundings, extract
from capture.findings import Barcode, DocumentKind, FoundDocument, FoundField, Page, Source, Symbology, Word
from capture.intake import MAIL
from capture.lookup import Customer
from capture.opening import ACTOR, STACK, Part, add_part, apart, attach, note_order, order_noted, orders_named, parts_of
from capture.profile import Profile, load_profile
from capture.reading import read_file
from storage import parcels as rows
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.orders import Party
from storage.parcels import UNREAD

DIVIDED = "divided"
SHEETS = {DocumentKind.SEPARATOR, DocumentKind.COVER}
Begin = Callable[[Transaction, rows.Parcel], None]

FIELD_NAMES: Mapping[str, str] = {
    "order_number": "customer_reference",
    "customer": "customer_name",
    "wanted_date": "wanted_on",
}
"""What the order process calls some fields of the profile."""

NEEDED = ("customer_number", "product", "paper", "format", "run_length", "colours", "finishing", "wanted_on")
"""Fields that an order must have before it goes on without a person."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Reads parcels; `begin` owes a parcel's process, `open_later` its opening, in the transaction they are given."""

    database: Database
    begin: Begin
    open_later: Begin
    needed: Sequence[str] = NEEDED
    field_names: Mapping[str, str] = field(default_factory=lambda: FIELD_NAMES)

    def open_parcel(self, parcel_id: int) -> None:
        """Divide a parcel at its sheets, or add it to the order it belongs to, or let its process begin; once begun, read on."""
        with self.database.reading() as tx:
            parcel = tx.parcels.one(parcel_id)
            unread = [d for d in tx.parcels.documents(parcel_id) if d.kind == UNREAD]
            named = order_noted(tx, parcel_id)
        if parcel.state is not rows.ParcelState.RECEIVED:
            self._read_documents(parcel_id, then=self._add_fields)
            return
        paths, profile = self.database.documents.path, profile_of(parcel)
        parts = [part for document in unread for part in parts_of(document, paths(document.sha256), profile)]
        separate_ones = apart(parts)
        if not separate_ones:
            named = named or next(iter(orders_named(parts)), None)
            self._read_ahead(parcel_id, named)
        with self.database.transaction() as tx:
            parcel = tx.parcels.locked(parcel_id)
            if parcel.state is not rows.ParcelState.RECEIVED:
                return
            if separate_ones:
                self._divide(tx, parcel, separate_ones)
            elif named is None or not attach(tx, parcel, named):
                self.begin(tx, parcel)

    def recognise(self, parcel_id: int) -> Mapping[str, Any]:
        """Read a parcel and give what its process needs to know.

        Gives `parcel_number`, `all_certain`, `uncertain_fields` (names, the least certain first), `document_kinds`, and `fields`:
        every needed or found field by name, as data (dates as ISO text, numbers as digits), empty where nothing was found.
        """
        self._read_documents(parcel_id)
        with self.database.transaction() as tx:
            parcel = tx.parcels.locked(parcel_id)
            self._put_fields(tx, parcel, self._fields(tx, parcel))
            return self._outcome(tx, parcel, profile_of(parcel))

    # -- opening

    def _read_ahead(self, parcel_id: int, order_number: str | None) -> None:
        """Note the order that a cover sheet names, and read what is to be added to it."""
        if order_number is None:
            return
        with self.database.transaction() as tx:
            note_order(tx, tx.parcels.one(parcel_id), order_number)
        self._read_documents(parcel_id)

    def _divide(self, tx: Transaction, parcel: rows.Parcel, parts: Sequence[Part]) -> None:
        """Make each part a child parcel: its process begins, or it is opened in its turn when it has a cover sheet."""
        for number, part in enumerate(parts, start=1):
            child = add_part(tx, parcel, number, part)
            (self.begin if part.order_number is None else self.open_later)(tx, child)
        divided = {part.document.id for part in parts}
        documents = tx.parcels.documents(parcel.id)
        for document in documents:
            if document.id in divided:
                document.kind = STACK
        if any(document.kind == UNREAD for document in documents):
            self.begin(tx, parcel)
            return
        parcel.route()
        tx.parcels.set_status(parcel.id, DIVIDED)
        tx.audit.record(parcel_chain(parcel.id), ACTOR, "parcel_divided", parcel.number, {"parts": len(parts)})

    # -- reading

    def _read_documents(self, parcel_id: int, then: Begin | None = None) -> None:
        """Read every document that nobody has read yet, each in a transaction of its own, in which `then` is done too."""
        with self.database.reading() as tx:
            parcel = tx.parcels.one(parcel_id)
            unread = [d for d in tx.parcels.documents(parcel_id) if d.kind == UNREAD]
        for document in unread:
            self._read_document(parcel, document, then)

    def _read_document(self, parcel: rows.Parcel, document: rows.Document, then: Begin | None) -> None:
        path = self.database.documents.path(document.sha256)
        try:
            reading = read_file(path, profile_of(parcel), name=document.file_name, images=True)
        except Unreadable as fault:
            self._quarantine(document, fault)
            return
        with self.database.transaction() as tx:
            kept = tx.parcels.document(document.id)
            kept.kind = _main_kind(reading.documents)
            kept.media_type = reading.media.media_type
            tx.parcels.put_pages(document.id, [_page_row(tx, document.id, page) for page in reading.pages])
            tx.search.index_text(document.id)
            details = {"document": document.title, "kind": kept.kind, "pages": len(reading.pages)}
            tx.audit.record(parcel_chain(document.parcel_id), ACTOR, "document_read", document.title, details)
            if then is not None:
                then(tx, tx.parcels.locked(document.parcel_id))

    def _quarantine(self, document: rows.Document, fault: Unreadable) -> None:
        with self.database.transaction() as tx:
            parcel = tx.parcels.one(document.parcel_id)
            tx.parcels.quarantine(_entry(tx, parcel, document, fault))
            tx.parcels.remove_document(document.id)
            details = {"file": document.file_name, "sha256": document.sha256, "code": fault.code}
            tx.audit.record(parcel_chain(parcel.id), ACTOR, "file_quarantined", parcel.number, details)

    # -- fields

    def _put_fields(self, tx: Transaction, parcel: rows.Parcel, fields: Sequence[rows.IndexField]) -> None:
        tx.parcels.put_fields(parcel.id, fields)
        self._note_customer(tx, parcel)
        tx.search.index_data(parcel.id)

    def _add_fields(self, tx: Transaction, parcel: rows.Parcel) -> None:
        """Extract the fields once more, after a late document; those that an order was registered with stay as they are."""
        settled = {f.name for f in tx.parcels.fields(parcel.id)} if tx.orders.of_parcel(parcel.id) else set()
        self._put_fields(tx, parcel, [f for f in self._fields(tx, parcel) if f.name not in settled])

    def _fields(self, tx: Transaction, parcel: rows.Parcel) -> list[rows.IndexField]:
        """Extract the fields from all documents that came from outside; the surest value of each name wins."""
        profile = profile_of(parcel)
        surroundings = Surroundings(_headers(parcel), None, [_customer(party) for party in tx.orders.parties()])
        best: dict[str, tuple[FoundField, int]] = {}
        for document in tx.parcels.documents(parcel.id):
            if _is_our_own(document):
                continue
            pages = [page_of(row) for row in tx.parcels.pages(document.id)]
            for found in extract(pages, profile, surroundings) if pages else ():
                name = self.field_names.get(found.name, found.name)
                if name not in best or found.confidence > best[name][0].confidence:
                    best[name] = (found, document.id)
        return [_field_row(parcel.id, name, found, document_id) for name, (found, document_id) in best.items()]

    def _note_customer(self, tx: Transaction, parcel: rows.Parcel) -> None:
        """Give the parcel its customer as soon as the number is sure, so that the right people see it."""
        if parcel.customer_id is not None:
            return
        number = next((f for f in tx.parcels.fields(parcel.id) if f.name == "customer_number"), None)
        party = tx.orders.party_numbered(number.value) if number else None
        if party is not None and number is not None and number.confidence >= self._threshold(parcel, "customer_number"):
            parcel.customer_id = party.id

    def _outcome(self, tx: Transaction, parcel: rows.Parcel, profile: Profile) -> Mapping[str, Any]:
        found = {f.name: f for f in tx.parcels.fields(parcel.id)}
        unsure = {
            name: found[name].confidence if name in found else 0.0
            for name in self.needed
            if name not in found or found[name].confidence < self._threshold(parcel, name)
        }
        kinds = sorted({d.kind for d in tx.parcels.documents(parcel.id) if d.kind not in {MAIL, UNREAD}})
        names = {*self.needed, *found, *(self.field_names.get(rule.name, rule.name) for rule in profile.fields)}
        return {
            "parcel_number": parcel.number,
            "all_certain": not unsure,
            "uncertain_fields": sorted(unsure, key=lambda name: unsure[name]),
            "document_kinds": kinds,
            "fields": {name: found[name].value if name in found else "" for name in sorted(names)},
        }

    def _threshold(self, parcel: rows.Parcel, name: str) -> float:
        """Give the confidence below which a person looks at a field."""
        known = {self.field_names.get(rule.name, rule.name): rule for rule in profile_of(parcel).fields}
        return known[name].threshold if name in known else 0.8


def profile_of(parcel: rows.Parcel) -> Profile:
    """Give the profile of a parcel's source; a source without one sends orders."""
    try:
        return load_profile(parcel.profile or "order")
    except NotFound:
        return load_profile("order")


def _is_our_own(document: rows.Document) -> bool:
    """Tell whether we have printed the document ourselves, from data that we know already."""
    return document.origin == rows.FORM_ORIGIN or document.origin.startswith(rows.LETTER_ORIGIN)


def _headers(parcel: rows.Parcel) -> Mapping[str, str]:
    sender = {"From": parcel.sender} if parcel.sender and "@" in parcel.sender else {}
    return {**sender, **({"Subject": parcel.subject} if parcel.subject else {})}


def _customer(party: Party) -> Customer:
    return Customer(
        number=party.number,
        name=party.name,
        street=party.street,
        postcode=party.postcode,
        city=party.city,
        email=party.email or "",
        mail_domain=party.mail_domain or "",
        vat_id=party.vat_id or "",
    )


def _main_kind(documents: Sequence[FoundDocument]) -> str:
    """Give the kind of a file by the first document in it that is no sheet."""
    kinds = [document.kind for document in documents if document.kind not in SHEETS]
    return str(kinds[0]) if kinds else str(DocumentKind.OTHER)


def _entry(tx: Transaction, parcel: rows.Parcel, document: rows.Document, fault: Unreadable) -> rows.QuarantineEntry:
    return rows.QuarantineEntry(
        parcel_id=parcel.id,
        channel=parcel.channel,
        source_key=f"{parcel.source_key[:400]}/file {len(tx.parcels.quarantined_of(parcel.id)) + 1}",
        position=document.position,
        file_name=document.file_name,
        media_type=document.media_type,
        sha256=document.sha256,
        size=document.size,
        code=fault.code,
        message=fault.message,
        arrived_at=tx.now,
    )


def _page_row(tx: Transaction, document_id: int, page: Page) -> rows.Page:
    image = tx.documents.put(page.image) if page.image else None
    return rows.Page(
        document_id=document_id,
        number=page.number,
        width=page.width,
        height=page.height,
        dpi=page.dpi,
        source=str(page.source),
        text=page.text,
        words=[{"text": w.text, "box": list(w.box), "confidence": round(w.confidence, 3)} for w in page.words],
        barcodes=[{"symbology": str(b.symbology), "text": b.text, "box": list(b.box)} for b in page.barcodes],
        turned=page.turned,
        skew=page.skew,
        image_sha256=image.sha256 if image else None,
    )


def _field_row(parcel_id: int, name: str, found: FoundField, document_id: int) -> rows.IndexField:
    return rows.IndexField(
        parcel_id=parcel_id,
        document_id=document_id,
        name=name,
        value=found.normalised,
        confidence=found.confidence,
        origin=str(found.origin),
        page=found.page,
        box=list(found.box) if found.box else None,
        reason=found.reason,
    )


def page_of(row: rows.Page) -> Page:
    """Give a stored page as reading made it."""
    return Page(
        number=row.number,
        width=row.width,
        height=row.height,
        dpi=row.dpi,
        source=Source(row.source),
        words=tuple(Word(word["text"], tuple(word["box"]), word["confidence"]) for word in row.words),
        barcodes=tuple(Barcode(Symbology(b["symbology"]), b["text"], tuple(b["box"])) for b in row.barcodes),
        turned=row.turned,
        skew=row.skew,
    )
