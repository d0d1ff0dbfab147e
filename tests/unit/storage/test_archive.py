"""Sealing a parcel, and what may not happen to it afterwards."""

from datetime import date

import pytest
from factories import a_document, a_field, a_page, a_parcel, an_order
from sqlalchemy import text

from storage.archive import breaches, manifest, retention_end, seal
from storage.audit import parcel_chain
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import Conflict, Damaged, Sealed
from storage.orders import OrderLine
from storage.parcels import Parcel, ParcelState, Rendition, RenditionKind

UNTIL = date(2034, 12, 31)


@pytest.fixture
def parcel(database: Database) -> Parcel:
    """Give a parcel with a document, a rendition, a page, an index field and an order of one line."""
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        original, copy = tx.documents.put(b"original"), tx.documents.put(b"searchable")
        document = tx.parcels.add_document(a_document(parcel, sha256=original.sha256, size=original.size))
        tx.parcels.put_rendition(
            Rendition(
                document_id=document.id,
                kind=RenditionKind.SEARCHABLE_PDF,
                sha256=copy.sha256,
                media_type="application/pdf",
                size=copy.size,
            )
        )
        tx.parcels.put_pages(document.id, [a_page(document)])
        tx.parcels.put_fields(parcel.id, [a_field(parcel)])
        order = tx.orders.add(an_order(parcel, price=12))
        tx.orders.put_lines(order.id, [OrderLine(order_id=0, position=0, description="flyer", quantity=1)])
        tx.audit.record(parcel_chain(parcel.id), "pat", "received", parcel.number)
    return parcel


@pytest.fixture
def sealed(database: Database, parcel: Parcel) -> Parcel:
    with database.transaction() as tx:
        return seal(tx, parcel.id, retention_until=UNTIL, actor="pat")


def test_a_sealed_parcel_has_state_time_retention_date_and_manifest(database: Database, sealed: Parcel) -> None:
    with database.reading() as tx:
        parcel = tx.parcels.one(sealed.id)
        written = manifest(tx, parcel)

        assert (parcel.state, parcel.sealed_at, parcel.retention_until) == (ParcelState.ARCHIVED, tx.now, UNTIL)
        assert written["content"]["documents"][0]["renditions"][0]["kind"] == "searchable_pdf"
        assert written["content"]["order"]["lines"][0]["description"] == "flyer"
        assert written["audit_head"]["number"] == 1
        assert tx.audit.latest(parcel_chain(parcel.id))[0].details["manifest"] == parcel.manifest_sha256
        assert breaches(tx, parcel) == []


CHANGES = [
    "UPDATE document SET title = 'other'",
    "DELETE FROM document",
    (
        "INSERT INTO document (parcel_id, position, kind, title, file_name, media_type, sha256, size, origin, created_at) "
        "SELECT parcel_id, 2, kind, title, file_name, media_type, sha256, size, origin, created_at FROM document"
    ),
    "UPDATE rendition SET sha256 = 'other'",
    "DELETE FROM rendition",
    "UPDATE page SET text = 'other'",
    "DELETE FROM page",
    "UPDATE index_field SET value = 'other'",
    "DELETE FROM index_field",
    'UPDATE "order" SET price = 1',
    "UPDATE order_line SET description = 'other'",
    "DELETE FROM order_line",
    "UPDATE parcel SET sender = 'other'",
    "UPDATE parcel SET sealed_at = NULL",
    "UPDATE parcel SET retention_until = '2030-01-01'",
    "UPDATE parcel SET retention_until = NULL",
    "DELETE FROM parcel",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_refuses_every_change_of_a_sealed_parcel(
    database: Database, sealed: Parcel, statement: str
) -> None:
    if database.is_sqlite and "DELETE FROM document" in statement:
        statement += " WHERE id NOT IN (SELECT document_id FROM page WHERE 1 = 0)"

    with pytest.raises(Sealed), database.transaction() as tx:
        tx.connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement", [change for change in CHANGES if change.startswith("UPDATE") and "sealed_at" not in change]
)
def test_before_it_is_sealed_a_parcel_may_change(database: Database, parcel: Parcel, statement: str) -> None:
    with database.transaction() as tx:
        assert tx.connection.execute(text(statement)).rowcount == 1


def test_rows_are_refused_as_well_as_statements(database: Database, sealed: Parcel) -> None:
    with pytest.raises(Sealed), database.transaction() as tx:
        tx.parcels.documents(sealed.id)[0].title = "other"


def test_status_hold_and_a_longer_retention_may_still_change(database: Database, sealed: Parcel) -> None:
    with database.transaction() as tx:
        tx.parcels.set_status(sealed.id, "archived")
        parcel = tx.parcels.one(sealed.id)
        parcel.legal_hold, parcel.retention_until = True, date(2040, 12, 31)

    with database.reading() as tx:
        assert tx.parcels.one(sealed.id).legal_hold
        assert breaches(tx, tx.parcels.one(sealed.id)) == []


def test_a_parcel_is_sealed_once(database: Database, sealed: Parcel) -> None:
    with pytest.raises(Sealed), database.transaction() as tx:
        seal(tx, sealed.id, retention_until=UNTIL)


def test_a_rejected_parcel_is_not_archived(database: Database, parcel: Parcel) -> None:
    with pytest.raises(Conflict), database.transaction() as tx:  # noqa: PT012
        tx.parcels.one(parcel.id).reject("not an order")
        seal(tx, parcel.id, retention_until=UNTIL)


def test_damaged_bytes_are_not_sealed(database: Database, documents: DocumentStore, parcel: Parcel) -> None:
    for digest in documents.digests():
        documents.path(digest).unlink()

    with pytest.raises(Damaged), database.transaction() as tx:
        seal(tx, parcel.id, retention_until=UNTIL)

    with database.reading() as tx:
        assert tx.parcels.one(parcel.id).sealed_at is None


def test_what_was_changed_past_the_guards_differs_from_the_manifest(database: Database, sealed: Parcel) -> None:
    with database.engine.begin() as connection:
        if database.is_sqlite:
            connection.execute(text("DROP TRIGGER guard_index_field_update"))
        else:
            connection.execute(text("ALTER TABLE index_field DISABLE TRIGGER guard_index_field"))
        connection.execute(text("UPDATE index_field SET value = 'other'"))

    with database.reading() as tx:
        assert breaches(tx, tx.parcels.one(sealed.id)) == ["fields differs from the manifest"]


def test_missing_bytes_of_a_sealed_parcel_are_named(
    database: Database, documents: DocumentStore, sealed: Parcel
) -> None:
    with database.reading() as tx:
        digest = tx.parcels.documents(sealed.id)[0].sha256
        documents.path(digest).unlink()

        assert [digest in breach for breach in breaches(tx, tx.parcels.one(sealed.id))] == [True]


def test_retention_begins_when_the_year_has_ended() -> None:
    assert retention_end(date(2026, 3, 2), 8) == date(2034, 12, 31)


def test_a_manifest_that_is_gone_or_changed_is_a_breach(
    database: Database, documents: DocumentStore, sealed: Parcel
) -> None:
    path = documents.path(str(sealed.manifest_sha256))
    path.chmod(0o600)
    path.write_bytes(b"{}")

    with database.reading() as tx:
        [breach] = breaches(tx, tx.parcels.one(sealed.id))
    assert "the manifest cannot be read" in breach


def test_there_is_no_manifest_before_the_seal(database: Database, parcel: Parcel) -> None:
    with database.reading() as tx, pytest.raises(Conflict, match="is not sealed"):
        manifest(tx, tx.parcels.one(parcel.id))
