"""Parcels in every status whose every value is a word of its own, so that whatever a person meets can be told."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any

from factories import a_field, a_page, a_parcel
from house import PIXEL, House
from oracle.visibility import Standing
from order_walk import ORDER, statuses
from running import a_diagram, a_process, end, gateway, start, user

from capture.quarantine import discard
from engine.deployment import deploy, read_folder
from storage.archive import seal
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.orders import Order, OrderLine, Party
from storage.parcels import Document, ParcelState, QuarantineEntry, Rendition, RenditionKind
from storage.people import Actor
from web.tokens import Scope, issue

KINDS = ("purchase_order", "price_sheet", "work_sheet", "invoice")
STAFF = {
    "manager": "manager",
    "accountant": "accounting",
    "quality": "qa",
    "planner": "planning",
    "production": "production",
    "administrator": "administrators",
    "process_owner": "process_owners",
}
CUSTOMER = "customer"
ROLES = (*STAFF, CUSTOMER)
ANYBODY, HOUSE = frozenset(ROLES), frozenset(STAFF)
OPERATORS, KEEPERS = frozenset({"administrator", "process_owner"}), frozenset({"manager", "administrator"})
MARKER = re.compile(r"zmark[a-z]+\d+q|\b5\d\d\.37\b|\b[PO]-\d{4}-\d{6}\b", re.IGNORECASE)
_FOREIGN = ("received", "in_review", "planned", "archived")
_FORM = {
    "type": "default",
    "id": "inspect",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "key": "product", "label": "Product", "id": "f1", "readonly": True},
        {"type": "textfield", "key": "price", "label": "Price", "id": "f2", "readonly": True},
        {"type": "textarea", "key": "remarks", "label": "Remarks", "id": "f3"},
        {"type": "textfield", "key": "iban", "label": "Account", "id": "f4"},
        {"type": "textfield", "key": "seen", "label": "Seen", "id": "f5", "validate": {"required": True}},
    ],
}


@dataclass(frozen=True, slots=True)
class Marker:
    """A word that stands in one place only: where, what the matrix calls that place, and for whose pages it is made."""

    word: str
    place: str
    subject: str
    audience: frozenset[str] = ANYBODY
    is_indexed: bool = False


@dataclass(slots=True)
class Marked:
    """A parcel full of markers."""

    index: int
    standing: Standing
    id: int = 0
    number: str = ""
    order_number: str = ""
    documents: dict[str, int] = field(default_factory=dict)
    item: int = 0
    entry: int = 0
    markers: list[Marker] = field(default_factory=list)

    def mark(self, place: str, subject: str, audience: frozenset[str] = ANYBODY, *, is_indexed: bool = False) -> str:
        """Give the marker for a place."""
        word = f"5{self.index:02d}.37" if place == "price" else f"zmark{place.replace('_', '')}{self.index}q"
        self.markers.append(Marker(word, place, subject, audience, is_indexed))
        return word

    def find(self, place: str) -> str:
        """Give the word that stands in a place."""
        return next(marker.word for marker in self.markers if marker.place == place)


class MarkedHouse(House):
    """A house with the shipped rights and statuses, one person for each role, and marked parcels."""

    def __init__(self, database: Database, folder: Any) -> None:
        super().__init__(database, folder)
        deploy(database, self.system.surroundings(), read_folder(ORDER), login="owner")
        deploy(database, self.system.surroundings(), _small_processes(), login="owner")
        self.customers = [self._customer("zmarkcustomer0q"), self._customer("zmarkcustomer99q")]
        self.people: dict[str, Actor] = {role: self.person(role, group) for role, group in STAFF.items()}
        self.people[CUSTOMER] = self.person(CUSTOMER, "customers", customer_id=self.customers[0])
        self.tokens = {role: self._token(person) for role, person in self.people.items()}
        self.parcels = [self._add(place, each) for place, each in enumerate(_standings())]
        self._connect()
        with database.transaction() as tx:
            self.draft = tx.deployments.add_draft("Draft", _small_processes(), "process_owner").id

    @cached_property
    def words(self) -> Mapping[str, Marker]:
        """Give every marker by its word."""
        return {marker.word: marker for parcel in self.parcels for marker in parcel.markers}

    def of(self, status: str) -> Marked:
        """Give the customer's parcel in a status."""
        return next(one for one in self.parcels if one.standing.status == status and one.standing.is_customers)

    def _customer(self, name: str) -> int:
        with self.database.transaction() as tx:
            return tx.orders.add_party(Party(number=f"K-{name[-3:-1]}", name=name)).id

    def _token(self, person: Actor) -> str:
        with self.database.transaction() as tx:
            return issue(tx, person.user_id, name="Test", scopes=list(Scope), days=30, actor=person.login)[0]

    def _add(self, index: int, standing: Standing) -> Marked:
        marked = Marked(index, standing)
        with self.database.transaction() as tx:
            _put_parcel(tx, marked, self.customers[not standing.is_customers], self._owner(standing))
            _put_order(tx, marked)
            for kind in KINDS:
                _put_document(tx, marked, kind)
            _put_fields(tx, marked)
            _put_history(tx, marked)
            marked.entry = _put_in_quarantine(tx, marked)
        self._begin(marked)
        if standing.status == "archived":
            discard(self.database, marked.entry, self.people["manager"], "No part of the order")
        with self.database.transaction() as tx:
            tx.parcels.set_status(marked.id, standing.status)
            tx.search.index_data(marked.id)
            if standing.status == "archived":
                seal(tx, marked.id, retention_until=date(2036, 12, 31))
        return marked

    def _owner(self, standing: Standing) -> int | None:
        return self.people[CUSTOMER].user_id if standing.is_own else None

    def _begin(self, marked: Marked) -> None:
        names = ("product", "price", "remarks", "iban")
        known = {name: marked.mark(f"variable_{name}", name, HOUSE) for name in names}
        self.system.engine.start("inspection", marked.id, known)
        self.system.engine.start("stumbling", marked.id, {"remarks": marked.mark("incident", "*", OPERATORS)})
        with self.database.reading() as tx:
            [item] = tx.work.of_parcel(marked.id)
        marked.item = item.id

    def _connect(self) -> None:
        """Let parcels be parts and duplicates of others that not everybody may see."""
        with self.database.transaction() as tx:
            for marked in self.parcels:
                if marked.standing.status not in ("archived", "received", "divided"):
                    tx.parcels.one(marked.id).duplicate_of_id = self.of("received").id
                    tx.parcels.one(marked.id).parent_id = self.of("divided").id


def _standings() -> Iterator[Standing]:
    for status in statuses():
        yield Standing(status, is_customers=True, is_own=False)
    for status in _FOREIGN:
        yield Standing(status, is_customers=False, is_own=status in ("received", "planned"))


def _small_processes() -> dict[str, bytes]:
    groups = ",".join(STAFF.values())
    task = user("inspect", groups, 'parcelflow:form="inspect"')
    inspection = a_process("inspection", start(), task, end(), "begin -> inspect", "inspect -> done")
    choice = gateway("late", "exclusive", 'default="late_to_done"')
    late = "late -> later if date(remarks) > date('2026-01-01')"
    ends = (end(), end("later"))
    stumbling = a_process("stumbling", start(), choice, *ends, "begin -> late", "late -> done", late)
    return {
        "inspection.bpmn": a_diagram(inspection),
        "stumbling.bpmn": a_diagram(stumbling),
        "forms/inspect.form": json.dumps(_FORM).encode(),
    }


def _put_parcel(tx: Transaction, marked: Marked, customer_id: int, owner_id: int | None) -> None:
    status = marked.standing.status
    fixed = {"archived": ParcelState.ROUTED, "rejected": ParcelState.REJECTED}
    values = {name: marked.mark(name, name, is_indexed=True) for name in ("sender", "subject", "rejected_reason")}
    parcel = tx.parcels.add(
        a_parcel(state=fixed.get(status, ParcelState.ROUTED), customer_id=customer_id, owner_id=owner_id, **values)
    )
    marked.id, marked.number = parcel.id, parcel.number
    marked.markers.append(Marker(parcel.number, "number", "order", is_indexed=True))
    name = "zmarkcustomer0q" if marked.standing.is_customers else "zmarkcustomer99q"
    marked.markers.append(Marker(name, "customer", "customer", is_indexed=True))


def _put_order(tx: Transaction, marked: Marked) -> None:
    plain = {
        name: marked.mark(name, name, is_indexed=True)
        for name in ("product", "paper", "finishing", "remarks", "customer_reference", "planning_note", "cancel_reason")
    }
    extra = {name: plain.pop(name) for name in ("customer_reference", "planning_note", "cancel_reason")}
    price = Decimal(marked.mark("price", "price", is_indexed=True))
    customer_id = tx.parcels.one(marked.id).customer_id
    order = tx.orders.add(
        Order(parcel_id=marked.id, customer_id=customer_id, price=price, extra=extra, **plain)  # type: ignore[arg-type]  # names of columns
    )
    description = marked.mark("lines", "lines", is_indexed=True)
    tx.orders.put_lines(
        order.id, [OrderLine(order_id=order.id, position=1, description=description, quantity=Decimal(1))]
    )
    marked.order_number = order.number
    marked.markers.append(Marker(order.number, "order_number", "order", is_indexed=True))


def _put_document(tx: Transaction, marked: Marked, kind: str) -> None:
    def mark(what: str, *, is_indexed: bool = False) -> str:
        return marked.mark(f"{what}_{kind}", f"document:{kind}", is_indexed=is_indexed)

    original, image = tx.documents.put(mark("bytes").encode()), tx.documents.put(PIXEL + mark("image").encode())
    rendition, text = tx.documents.put(mark("pdf").encode()), mark("text", is_indexed=True)
    document = tx.parcels.add_document(
        Document(
            parcel_id=marked.id,
            position=0,
            kind=kind,
            title=mark("title", is_indexed=True),
            file_name=f"{mark('name', is_indexed=True)}.txt",
            media_type="text/plain",
            sha256=original.sha256,
            size=original.size,
            origin="upload",
            created_at=tx.now,
        )
    )
    words = [{"text": text, "box": [1, 1, 9, 9], "confidence": 0.9}]
    tx.parcels.put_pages(document.id, [a_page(document, image_sha256=image.sha256, text=text, words=words)])
    for form in (RenditionKind.PDF, RenditionKind.TEXT):
        tx.parcels.put_rendition(
            Rendition(
                document_id=document.id,
                kind=form,
                sha256=rendition.sha256,
                media_type="application/pdf",
                size=rendition.size,
            )
        )
    tx.search.index_text(document.id)
    marked.documents[kind] = document.id


def _put_fields(tx: Transaction, marked: Marked) -> None:
    parcel, sheet = tx.parcels.one(marked.id), marked.documents["price_sheet"]
    names = ("format", "discount", "iban")
    tx.parcels.put_fields(
        marked.id,
        [
            a_field(
                parcel,
                name=name,
                value=marked.mark(f"read_{name}", name, is_indexed=True),
                reason=marked.mark(f"why_{name}", name, HOUSE),
                document_id=sheet,
                page=1,
                box=[1, 1, 9, 9],
                confidence=0.5,
            )
            for name in names
        ],
    )


def _put_history(tx: Transaction, marked: Marked) -> None:
    chain = parcel_chain(marked.id)
    names = [{"name": marked.find(f"name_{kind}"), "sha256": "0" * 64} for kind in KINDS]
    received = {"source": marked.mark("source", "*", HOUSE), "enclosures": names, "duplicate_of": "P-2026-000001"}
    tx.audit.record(chain, "channel:mailbox", "parcel_received", marked.number, received)
    divided = {"parent": "P-2026-000001", "part": 2, "file": marked.find("name_purchase_order")}
    tx.audit.record(chain, "recognition", "parcel_divided", marked.number, divided)
    for kind in KINDS:
        title = marked.find(f"title_{kind}")
        tx.audit.record(chain, "recognition", "document_read", title, {"document": title, "kind": kind, "pages": 1})
        tx.audit.record(chain, "letters", "letter_written", title, {"kind": kind, "sha256": "0" * 64})
    changed = {"fields": {"press": marked.mark("history_press", "press", HOUSE)}}
    tx.audit.record(chain, "orders", "order_updated", marked.order_number, changed)
    asked = {"cancel_reason": marked.mark("history_cancel", "cancel_reason", HOUSE)}
    tx.audit.record(chain, "manager", "order_cancellation_asked", marked.order_number, asked)


def _put_in_quarantine(tx: Transaction, marked: Marked) -> int:
    content = PIXEL + marked.mark("quarantined_bytes", "document:*", KEEPERS).encode()
    stored = tx.documents.put(content)
    name = marked.mark("quarantined_name", "document:*", KEEPERS)
    entry = tx.parcels.quarantine(
        QuarantineEntry(
            parcel_id=marked.id,
            channel="upload",
            source_key=f"quarantined {marked.index}",
            file_name=f"{name}.png",
            media_type="image/png",
            sha256=sha256(content).hexdigest(),
            size=stored.size,
            code="unreadable",
            message="It cannot be read.",
            arrived_at=tx.now,
        )
    )
    file = {"file": f"{name}.png", "sha256": stored.sha256, "code": "unreadable"}
    tx.audit.record(parcel_chain(marked.id), "recognition", "file_quarantined", marked.number, file)
    return entry.id
