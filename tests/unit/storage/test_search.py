"""Lists, counts and full text, as far as each person may see."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from factories import a_document, a_field, a_page, a_parcel, a_party, an_order

from storage.access import Grant, Level, Scope
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.orders import OrderLine
from storage.parcels import Parcel, ParcelState
from storage.people import Actor
from storage.search import ACTIVE, ARCHIVED, Filter, fold, phrases
from storage.views import MASK

ALL = Scope.ALL


def an_actor(*roles: str, customer_id: int | None = None) -> Actor:
    return Actor(1, "pat", "Pat", frozenset(roles), frozenset(), customer_id)


MANAGER = an_actor("manager")
ACCOUNTANT = an_actor("accountant")
QUALITY = an_actor("quality")
GRANTS = [
    Grant("manager", "*", "order", Level.ACT, ALL),
    Grant("manager", "*", "*", Level.WRITE, ALL),
    Grant("manager", "*", "document:*", Level.WRITE, ALL),
    Grant("accountant", "*", "order", Level.READ, ALL),
    Grant("accountant", "*", "price", Level.READ, ALL),
    Grant("accountant", "*", "paper", Level.MASKED, ALL),
    Grant("accountant", "*", "document:invoice", Level.READ, ALL),
    Grant("customer", "*", "order", Level.READ, Scope.CUSTOMER),
    Grant("quality", "in_review", "order", Level.READ, ALL),
    Grant("quality", "in_review", "document:purchase_order", Level.READ, ALL),
]


@dataclass
class Shop:
    database: Database
    parcel: Parcel
    invoice: int
    purchase_order: int

    def found(self, actor: Actor, words: str) -> list[str]:
        with self.database.reading() as tx:
            return [view.number for view in tx.search.parcels(actor, Filter(words=words)).parcels]


@pytest.fixture
def shop(database: Database) -> Shop:
    """Give a database with one rich parcel and one that holds nothing."""
    with database.transaction() as tx:
        tx.access.replace("order", GRANTS)
        party = tx.orders.add_party(a_party(name="Müller & Söhne"))
        parcel = tx.parcels.add(a_parcel(customer_id=party.id, sender="print@mueller.example", status="in_review"))
        order = tx.orders.add(
            an_order(parcel, paper="Mondi Nautilus", remarks="perforated twice", extra={"price": "x"})
        )
        tx.orders.put_lines(order.id, [OrderLine(order_id=0, position=0, description="Leporello", quantity=1)])
        tx.parcels.put_fields(
            parcel.id,
            [a_field(parcel, name="price", value="4711 EUR"), a_field(parcel, name="iban", value="DE99 1234")],
        )
        tx.search.index_data(parcel.id)
        invoice = with_text(tx, parcel, "invoice", ["Rechnung über Straßenkarten", "zahlbar bis Ultimo"])
        purchase_order = with_text(tx, parcel, "purchase_order", ["Bestellung von Faltblättern"])
        tx.parcels.add(a_parcel())
    return Shop(database, parcel, invoice, purchase_order)


def with_text(tx: Transaction, parcel: Parcel, kind: str, texts: Sequence[str]) -> int:
    document = tx.parcels.add_document(
        a_document(parcel, kind=kind, title=f"Titel {kind}", file_name=f"{kind}-scan.pdf")
    )
    pages = [a_page(document, number=number, text=text) for number, text in enumerate(texts, start=1)]
    tx.parcels.put_pages(document.id, pages)
    tx.search.index_text(document.id)
    return document.id


@pytest.mark.parametrize(
    "words",
    [
        "Rechnung", "rechnung ultimo", "strassenkarten", "STRASSENKARTEN", "faltblatt", "Faltblätter", '"zahlbar bis"',
        "Leporello", "mondi", "perforated", "4711", "DE99", "müller", "muller sohne", "print@mueller.example", "invoice-scan.pdf",
        "P-2026-000001", "O-2026-000001", "bestellung 4711 mondi",
    ],
)  # fmt: skip
def test_every_part_of_a_parcel_is_found_by_who_may_see_all(shop: Shop, words: str) -> None:
    assert shop.found(MANAGER, words) == [shop.parcel.number]


@pytest.mark.parametrize(
    "words", ["unheard", '"bis zahlbar"', "rechnung unheard", "P-2026-000009", "'", '"', "*", "NOT", "a:b", "-"]
)
def test_what_is_nowhere_is_not_found_and_odd_signs_do_no_harm(shop: Shop, words: str) -> None:
    found = shop.found(MANAGER, words)

    assert (found == []) is bool(phrases(words))


@pytest.mark.parametrize(
    "words", ["bestellung", "faltblättern", "purchase_order-scan", "mondi", "perforated", "DE99", "müller", "leporello"]
)
def test_a_hidden_or_masked_field_or_document_kind_is_not_found_by_its_words(shop: Shop, words: str) -> None:
    assert shop.found(ACCOUNTANT, words) == []


def test_what_may_be_read_is_found_beside_what_may_not(shop: Shop) -> None:
    assert shop.found(ACCOUNTANT, "rechnung 4711 P-2026-000001") == [shop.parcel.number]
    assert shop.found(ACCOUNTANT, "rechnung bestellung") == []


def test_a_parcel_that_left_the_status_is_not_found_any_more(shop: Shop) -> None:
    assert shop.found(QUALITY, "bestellung") == [shop.parcel.number]

    with shop.database.transaction() as tx:
        tx.parcels.set_status(shop.parcel.id, "planned")

    assert shop.found(QUALITY, "bestellung") == []


def test_a_document_of_a_new_kind_is_found_by_the_rights_on_the_new_kind(shop: Shop) -> None:
    with shop.database.transaction() as tx:
        tx.parcels.document(shop.purchase_order).kind = "invoice"

    assert shop.found(ACCOUNTANT, "bestellung") == [shop.parcel.number]


def test_old_words_are_forgotten_when_data_or_text_change(shop: Shop) -> None:
    with shop.database.transaction() as tx:
        tx.orders.numbered("O-2026-000001").remarks = "folded"
        tx.search.index_data(shop.parcel.id)
        tx.parcels.put_pages(shop.invoice, [a_page(tx.parcels.document(shop.invoice), text="Gutschrift")])
        tx.search.index_text(shop.invoice)

    assert shop.found(MANAGER, "perforated") == []
    assert shop.found(MANAGER, "Rechnung") == []
    assert shop.found(MANAGER, "folded gutschrift") == [shop.parcel.number]


def test_excerpts_show_only_what_may_be_read(shop: Shop) -> None:
    with shop.database.reading() as tx:
        all_of_it = tx.search.excerpts(MANAGER, "strassenkarten bestellung", [shop.parcel.id])
        part = tx.search.excerpts(ACCOUNTANT, "strassenkarten bestellung", [shop.parcel.id])

    assert {(found.document_id, found.page, found.text) for found in all_of_it[shop.parcel.id]} == {
        (shop.invoice, 1, "Rechnung über Straßenkarten"),
        (shop.purchase_order, 1, "Bestellung von Faltblättern"),
    }
    assert [found.document_id for found in part[shop.parcel.id]] == [shop.invoice]


def test_one_parcel_is_shown_with_what_may_be_seen(shop: Shop) -> None:
    with shop.database.reading() as tx:
        view = tx.search.view(ACCOUNTANT, shop.parcel.number)
        whole = tx.search.view_of_order(MANAGER, "O-2026-000001")

    assert view.values == {"paper": MASK, "price": None}
    assert [document.kind for document in view.documents] == ["invoice"]
    assert [field.name for field in view.fields] == ["price"]
    assert view.lines == ()
    assert (whole.values["customer"], whole.lines[0]["description"]) == ("Müller & Söhne", "Leporello")
    assert len(whole.documents) == 2


def test_a_parcel_or_document_that_may_not_be_seen_does_not_exist(shop: Shop) -> None:
    stranger = an_actor("stranger")
    with shop.database.reading() as tx:
        for look in (
            lambda: tx.search.view(stranger, shop.parcel.number),
            lambda: tx.search.view_of_order(stranger, "O-2026-000001"),
            lambda: tx.search.document(stranger, shop.invoice),
            lambda: tx.search.document(ACCOUNTANT, shop.purchase_order),
            lambda: tx.search.document(MANAGER, 99),
        ):
            with pytest.raises(NotFound):
                look()
        assert tx.search.document(ACCOUNTANT, shop.invoice).kind == "invoice"


def test_a_customer_sees_own_parcels_only(shop: Shop) -> None:
    with shop.database.reading() as tx:
        mine = tx.search.parcels(an_actor("customer", customer_id=shop.parcel.customer_id), Filter())
        others = tx.search.parcels(an_actor("customer", customer_id=(shop.parcel.customer_id or 0) + 1), Filter())

    assert [view.number for view in mine.parcels] == [shop.parcel.number]
    assert others.parcels == []


def test_lists_are_paged_without_gap_or_repetition_and_counts_are_capped(database: Database) -> None:
    with database.transaction() as tx:
        tx.access.replace("order", GRANTS)
        for _ in range(12):
            tx.parcels.add(a_parcel())
        tx.parcels.add(a_parcel(state=ParcelState.ARCHIVED))

    numbers: list[str] = []
    after = None
    with database.reading() as tx:
        for _ in range(3):
            listing = tx.search.parcels(MANAGER, Filter(states=ACTIVE), after, limit=5)
            numbers += [view.number for view in listing.parcels]
            after = listing.after
        assert after is None
        assert numbers == [f"P-2026-{number:06d}" for number in range(12, 0, -1)]
        assert str(tx.search.count(MANAGER, Filter(states=ACTIVE), most=10)) == "10+"
        assert str(tx.search.count(MANAGER, Filter(states=ARCHIVED))) == "1"
        assert str(tx.search.count(an_actor("stranger"), Filter())) == "0"


def test_filters_narrow_a_list(shop: Shop) -> None:
    with shop.database.reading() as tx:

        def number(actor: Actor, wanted: Filter) -> int:
            return tx.search.count(actor, wanted).number

        assert number(MANAGER, Filter(with_order=True)) == 1
        assert number(MANAGER, Filter(statuses=("in_review",))) == 1
        assert number(MANAGER, Filter(statuses=("received",))) == 1
        assert number(MANAGER, Filter(customer_id=shop.parcel.customer_id)) == 1
        assert number(MANAGER, Filter(is_delayed=True)) == 0
        assert number(MANAGER, Filter(is_delayed=False)) == 1
        assert number(MANAGER, Filter(received_until=shop.parcel.received_at)) == 0
        assert number(MANAGER, Filter(received_from=shop.parcel.received_at, channel="upload")) == 2


def test_a_filter_on_a_hidden_field_finds_nothing(shop: Shop) -> None:
    with shop.database.reading() as tx:
        assert tx.search.count(ACCOUNTANT, Filter(customer_id=shop.parcel.customer_id)).number == 0
        assert tx.search.count(ACCOUNTANT, Filter(is_delayed=False)).number == 0


def test_words_are_folded() -> None:
    assert fold("Straße, ÄRGER—№5 ﬁle_name") == "strasse arger no5 file name"
    assert phrases('a "b  C" a P-1') == ["a", "b c", "p 1"]
