"""The read side: lists with filters, counts, single parcels and documents, full text; each only as far as the person may see.

Full text is kept as one entry per page of a document, per document's title, per index field and per field of the order, so that
what a person may not read cannot be found by its words. Words are folded (case, accents, ß) by us, the same on both databases.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    and_,
    case,
    column,
    delete,
    false,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.access import ANY, DOCUMENT, ORDER, AccessMatrix
from storage.base import Base, Unit, identity
from storage.errors import NotFound
from storage.orders import Order, OrderLine, Party
from storage.parcels import Document, IndexField, Page, Parcel, ParcelState
from storage.people import Actor
from storage.views import ORDER_FIELDS, PARCEL_FIELDS, ParcelView, project

MOST_COUNTED = 50
_LONGEST_TEXT = 200_000
_MOST_PHRASES = 8
_AROUND = 60
_WORD = re.compile(r"[^\W_]+")
_PHRASE = re.compile(r'"([^"]*)"|(\S+)')


class SearchEntry(Base):
    """Words that may lead to a parcel: of a page or title (`document_id`), or of the field `name` (`order`: its numbers)."""

    __tablename__ = "search_entry"
    __table_args__ = (Index("ix_search_entry_parcel_id", "parcel_id", "document_id"),)

    id: Mapped[int] = identity()
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"), default=None)
    page: Mapped[int | None] = mapped_column(default=None)
    name: Mapped[str | None] = mapped_column(String(64), default=None)
    text: Mapped[str]
    words: Mapped[str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which parcels are wanted; a filter on a field counts only where the person may read the field."""

    words: str = ""
    states: tuple[ParcelState, ...] = ()
    statuses: tuple[str, ...] = ()
    process_key: str | None = None
    channel: str | None = None
    customer_id: int | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None
    wanted_until: date | None = None
    is_delayed: bool | None = None
    with_order: bool = False
    of_parcel_id: int | None = None
    parcel_ids: tuple[int, ...] = ()


_Condition = Callable[[Any], ColumnElement[bool]]
_PLAIN: Mapping[str, _Condition] = {
    "states": Parcel.state.in_,
    "statuses": Parcel.status.in_,
    "process_key": lambda key: Parcel.process_key == key,
    "channel": lambda channel: Parcel.channel == channel,
    "received_from": lambda time: Parcel.received_at >= time,
    "received_until": lambda time: Parcel.received_at < time,
    "parcel_ids": Parcel.id.in_,
    "of_parcel_id": lambda parcel_id: Parcel.parent_id == parcel_id,
    "with_order": lambda _: Order.id.is_not(None),
}
_GOVERNED: Mapping[str, tuple[str, _Condition]] = {
    "customer_id": ("customer", lambda party_id: Parcel.customer_id == party_id),
    "wanted_until": ("wanted_on", lambda day: Order.wanted_on <= day),
    "is_delayed": ("is_delayed", Order.is_delayed.is_),
}
ACTIVE = (ParcelState.RECEIVED, ParcelState.ROUTED)
ARCHIVED = (ParcelState.ARCHIVED,)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list; `after` is where the next one begins, or None at the end."""

    parcels: Sequence[ParcelView]
    after: int | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, as far as it was counted."""

    number: int
    is_capped: bool

    def __str__(self) -> str:
        return f"{self.number}+" if self.is_capped else str(self.number)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where words were found: in a page or title of a document, or in a field."""

    document_id: int | None
    page: int | None
    field: str | None
    text: str


def fold(text: str) -> str:
    """Give the words of a text in lower case, without accents, one space apart; only these are compared."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_WORD.findall("".join(sign for sign in plain if not unicodedata.combining(sign))))


def phrases(words: str) -> list[str]:
    """Give what must be found: each word, or words in quotation marks together, folded; at most 8."""
    found = (fold(quoted or single) for quoted, single in _PHRASE.findall(words))
    return list(dict.fromkeys(phrase for phrase in found if phrase))[:_MOST_PHRASES]


class Search:
    """What one transaction finds."""

    def __init__(self, unit: Unit, access: AccessMatrix) -> None:
        self._unit = unit
        self._access = access

    def index_text(self, document_id: int) -> None:
        """Make a document be found by its title, its file name and the text of its pages, as they are now."""
        session = self._unit.session
        session.flush()
        document = session.get_one(Document, document_id)
        session.execute(delete(SearchEntry).where(SearchEntry.document_id == document_id))
        pages = session.execute(select(Page.number, Page.text).where(Page.document_id == document_id)).all()
        texts = [(None, f"{document.title} {document.file_name}"), *((page.number, page.text) for page in pages)]
        self._keep({"parcel_id": document.parcel_id, "document_id": document_id, "name": None}, "page", texts)

    def index_data(self, parcel_id: int) -> None:
        """Make a parcel be found by its numbers, its index fields and the data of its order, as they are now."""
        session = self._unit.session
        session.flush()
        chosen = SearchEntry.parcel_id == parcel_id, SearchEntry.document_id.is_(None)
        session.execute(delete(SearchEntry).where(*chosen))
        self._keep({"parcel_id": parcel_id, "document_id": None, "page": None}, "name", list(self._data(parcel_id)))

    def parcels(self, actor: Actor, wanted: Filter, after: int | None = None, limit: int = 50) -> Listing:
        """List parcels with their orders, newest first, from the parcel after `after` on."""
        statement = self._list(actor, wanted).order_by(Parcel.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(Parcel.id < after)
        rows = self._unit.session.execute(statement).all()
        views = [
            project(self._access.rights(actor, parcel), parcel, order=order, customer=customer)
            for parcel, order, customer in rows[:limit]
        ]
        return Listing(views, views[-1].id if len(rows) > limit else None)

    def count(self, actor: Actor, wanted: Filter, most: int = MOST_COUNTED) -> Count:
        """Count parcels, no further than `most`."""
        inner = self._list(actor, wanted).with_only_columns(Parcel.id).limit(most + 1).subquery()
        number = self._unit.connection.execute(select(func.count()).select_from(inner)).scalar_one()
        return Count(min(number, most), number > most)

    def view(self, actor: Actor, number: str) -> ParcelView:
        """Give one parcel with all that the person may see of it; raises `NotFound` when that is nothing."""
        statement = self._list(actor, Filter()).where(Parcel.number == number)
        row = self._unit.session.execute(statement).first()
        if row is None:
            raise NotFound(f"There is no parcel {number}; look for it in the list.")
        parcel, order, customer = row
        session = self._unit.session
        lines = select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position) if order else None
        return project(
            self._access.rights(actor, parcel),
            parcel,
            order=order,
            customer=customer,
            lines=session.scalars(lines).all() if lines is not None else (),
            fields=session.scalars(
                select(IndexField).where(IndexField.parcel_id == parcel.id).order_by(IndexField.name)
            ).all(),
            documents=session.scalars(
                select(Document).where(Document.parcel_id == parcel.id).order_by(Document.position)
            ).all(),
        )

    def view_of_order(self, actor: Actor, number: str) -> ParcelView:
        """Give the parcel of the order with this number; raises `NotFound`."""
        statement = self._list(actor, Filter()).where(Order.number == number).with_only_columns(Parcel.number)
        found = self._unit.connection.execute(statement).scalar()
        if found is None:
            raise NotFound(f"There is no order {number}; look for it in the list.")
        return self.view(actor, found)

    def document(self, actor: Actor, document_id: int) -> Document:
        """Give a document whose bytes, pages and text the person may read; raises `NotFound` otherwise."""
        statement = (
            select(Document)
            .join(Parcel, Parcel.id == Document.parcel_id)
            .where(
                Document.id == document_id,
                self._access.visible(actor),
                self._access.readable(actor, DOCUMENT + Document.kind, literal(DOCUMENT + ANY)),
            )
        )
        document = self._unit.session.scalar(statement)
        if document is None:
            raise NotFound("There is no such document; look for it on its parcel's page.")
        return document

    def excerpts(
        self, actor: Actor, words: str, parcel_ids: Sequence[int], most: int = 3
    ) -> Mapping[int, Sequence[Excerpt]]:
        """Show where the words were found in these parcels: up to `most` places for each."""
        wanted = phrases(words)
        entries: dict[int, list[Excerpt]] = {}
        if not wanted:
            return entries
        statement = (
            self._entries(actor, or_(false(), *(self._matches(phrase) for phrase in wanted)))
            .with_only_columns(SearchEntry)
            .where(Parcel.id.in_(parcel_ids))
            .order_by(SearchEntry.parcel_id, SearchEntry.id)
            .limit(most * len(parcel_ids) * 10)
        )
        for entry in self._unit.session.scalars(statement):
            found = entries.setdefault(entry.parcel_id, [])
            if len(found) < most:
                found.append(Excerpt(entry.document_id, entry.page, entry.name, _excerpt(entry.text, wanted)))
        return entries

    def _list(self, actor: Actor, wanted: Filter) -> Select[Parcel, Order, Party]:
        return (
            select(Parcel, Order, Party)
            .outerjoin(Order, Order.parcel_id == Parcel.id)
            .outerjoin(Party, Party.id == Parcel.customer_id)
            .where(self._access.visible(actor), *self._conditions(actor, wanted))
        )

    def _conditions(self, actor: Actor, wanted: Filter) -> Iterator[ColumnElement[bool]]:
        for name, condition in _PLAIN.items():
            if (value := getattr(wanted, name)) not in (None, (), False):
                yield condition(value)
        for name, (field, condition) in _GOVERNED.items():
            if (value := getattr(wanted, name)) is not None:
                yield and_(condition(value), self._access.readable(actor, literal(field), literal(ANY)))
        for phrase in phrases(wanted.words):
            found = self._entries(actor, self._matches(phrase)).with_only_columns(Parcel.id)
            yield Parcel.id.in_(found.correlate(None))

    def _entries(self, actor: Actor, matches: ColumnElement[bool]) -> Select[Parcel, SearchEntry]:
        is_document = SearchEntry.document_id.is_not(None)
        subject = case((is_document, DOCUMENT + func.coalesce(Document.kind, "")), else_=SearchEntry.name)
        every = case((is_document, DOCUMENT + ANY), (SearchEntry.name == ORDER, ORDER), else_=ANY)
        return (
            select(Parcel, SearchEntry)
            .join(SearchEntry, SearchEntry.parcel_id == Parcel.id)
            .outerjoin(Document, Document.id == SearchEntry.document_id)
            .where(matches, self._access.visible(actor), self._access.readable(actor, subject, every))
        )

    def _matches(self, phrase: str) -> ColumnElement[bool]:
        if self._unit.is_postgresql:
            query = " <-> ".join(f"'{word}'" for word in phrase.split()) + ":*"
            simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
            return func.to_tsvector(simple, SearchEntry.words).op("@@")(func.to_tsquery(simple, query))
        index = table("search_words", column("rowid"))
        found = select(index.c.rowid).where(literal_column("search_words").op("MATCH")(f'"{phrase}"*'))
        return SearchEntry.id.in_(found)

    def _keep(self, common: Mapping[str, Any], key: str, texts: Sequence[tuple[Any, str]]) -> None:
        rows = [
            {**common, key: place, "text": text[:_LONGEST_TEXT], "words": fold(text[:_LONGEST_TEXT])}
            for place, text in texts
            if text.strip()
        ]
        if rows:
            self._unit.connection.execute(insert(SearchEntry), rows)

    def _data(self, parcel_id: int) -> Iterator[tuple[str, str]]:
        session = self._unit.session
        [parcel, order, customer] = session.execute(
            select(Parcel, Order, Party)
            .outerjoin(Order, Order.parcel_id == Parcel.id)
            .outerjoin(Party, Party.id == Parcel.customer_id)
            .where(Parcel.id == parcel_id)
        ).one()
        yield ORDER, f"{parcel.number} {order.number if order else ''}"
        if customer:
            yield "customer", f"{customer.number} {customer.name} {customer.city}"
        yield from _texts(parcel, PARCEL_FIELDS)
        if order:
            yield from _texts(order, ORDER_FIELDS)
            yield from ((name, str(value)) for name, value in order.extra.items() if value not in (None, ""))
            yield from (("lines", row.description) for row in session.execute(_descriptions(order.id)))
        fields = select(IndexField.name, IndexField.value).where(IndexField.parcel_id == parcel_id)
        yield from ((row.name, row.value) for row in session.execute(fields))


def _texts(row: Base, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = getattr(row, name)
        if value not in (None, "") and not isinstance(value, bool):
            yield name, str(value)


def _descriptions(order_id: int) -> Select[str]:
    return select(OrderLine.description).where(OrderLine.order_id == order_id)


def _excerpt(text: str, wanted: Sequence[str]) -> str:
    first = {phrase.split()[0] for phrase in wanted}
    for match in _WORD.finditer(text):
        if any(fold(match.group()).startswith(word) for word in first):
            begin, end = max(0, match.start() - _AROUND), match.end() + _AROUND
            inner = " ".join(text[begin:end].split())
            return f"{'…' if begin else ''}{inner}{'…' if end < len(text) else ''}"
    return " ".join(text[: 2 * _AROUND].split())
