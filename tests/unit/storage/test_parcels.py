"""Parcels, their documents, fields, statuses, and the quarantine."""

from datetime import UTC, datetime, timedelta

import pytest
from factories import a_document, a_field, a_page, a_parcel, a_user
from fakes import FakeClock

from storage.database import Database
from storage.errors import AlreadyExists, Conflict, NotFound
from storage.parcels import (
    Parcel,
    ParcelState,
    QuarantineEntry,
    QuarantineState,
    Refusal,
    Rendition,
    RenditionKind,
)


@pytest.fixture
def parcel(database: Database) -> Parcel:
    with database.transaction() as tx:
        return tx.parcels.add(a_parcel(source_key="mail 1"))


def test_a_new_parcel_has_a_number_a_state_and_a_first_status(database: Database, parcel: Parcel) -> None:
    with database.reading() as tx:
        assert (parcel.number, parcel.state, parcel.status) == ("P-2026-000001", ParcelState.RECEIVED, "received")
        assert tx.parcels.from_source("upload", "mail 1") == tx.parcels.one(parcel.id)
        [change] = tx.parcels.statuses(parcel.id)
        assert (change.status, change.entered_at, change.left_at) == ("received", tx.now, None)


def test_numbers_begin_anew_each_year(database: Database, clock: FakeClock) -> None:
    with database.transaction() as tx:
        first = tx.parcels.add(a_parcel()).number
    clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    with database.transaction() as tx:
        assert (first, tx.parcels.add(a_parcel()).number) == ("P-2026-000001", "P-2027-000001")


def test_a_number_of_a_transaction_that_failed_is_given_again(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012
        tx.parcels.add(a_parcel())
        raise RuntimeError
    with database.transaction() as tx:
        assert tx.parcels.add(a_parcel()).number == "P-2026-000001"


def test_each_status_has_the_time_it_was_entered_and_left(database: Database, parcel: Parcel, clock: FakeClock) -> None:
    begin = clock()
    for status in ("in_review", "in_review", "planned"):
        clock.advance(timedelta(hours=1))
        with database.transaction() as tx:
            tx.parcels.set_status(parcel.id, status)

    with database.reading() as tx:
        hours = [
            (change.status, change.entered_at - begin, change.left_at and change.left_at - begin)
            for change in tx.parcels.statuses(parcel.id)
        ]
        assert tx.parcels.one(parcel.id).status == "planned"
    assert hours == [
        ("received", timedelta(0), timedelta(hours=1)),
        ("in_review", timedelta(hours=1), timedelta(hours=3)),
        ("planned", timedelta(hours=3), None),
    ]


def test_a_status_set_beside_a_loaded_parcel_shows_on_it(database: Database, parcel: Parcel) -> None:
    with database.transaction() as tx:
        loaded = tx.parcels.one(parcel.id)
        tx.parcels.set_status(parcel.id, "planned")
        loaded.subject = "Flyers"

        assert loaded.status == "planned"

    with database.reading() as tx:
        assert (tx.parcels.one(parcel.id).status, tx.parcels.one(parcel.id).subject) == ("planned", "Flyers")


def test_a_parcel_is_routed_once_and_rejected_only_on_its_way(parcel: Parcel) -> None:
    parcel.route()
    with pytest.raises(Conflict, match="is routed"):
        parcel.route()

    parcel.reject("not an order")

    assert (parcel.state, parcel.rejected_reason) == (ParcelState.REJECTED, "not an order")
    with pytest.raises(Conflict, match="is rejected already"):
        parcel.reject("again")


def test_documents_stand_in_the_order_they_were_added(database: Database, parcel: Parcel) -> None:
    with database.transaction() as tx:
        for title in ("first", "second", "third"):
            tx.parcels.add_document(a_document(parcel, title=title))

    with database.reading() as tx:
        documents = tx.parcels.documents(parcel.id)
    assert [(document.position, document.title) for document in documents] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
    ]


def test_two_documents_cannot_stand_in_one_place(database: Database, parcel: Parcel) -> None:
    with pytest.raises(AlreadyExists), database.transaction() as tx:  # noqa: PT012
        tx.parcels.add_document(a_document(parcel, position=1))
        tx.parcels.add_document(a_document(parcel, position=1))


def test_the_same_bytes_are_found_again_as_a_possible_duplicate(database: Database, parcel: Parcel) -> None:
    with database.transaction() as tx:
        tx.parcels.add_document(a_document(parcel, sha256="a" * 64))

    with database.reading() as tx:
        first = tx.parcels.holding("a" * 64)
        assert first is not None
        assert first.id == parcel.id
        assert tx.parcels.holding("b" * 64) is None


def test_pages_and_renditions_take_the_place_of_earlier_ones(database: Database, parcel: Parcel) -> None:
    with database.transaction() as tx:
        document = tx.parcels.add_document(a_document(parcel))
        for text in ("blurred", "clear"):
            words = [{"text": text, "box": [0, 0, 9, 9], "confidence": 0.5}]
            tx.parcels.put_pages(document.id, [a_page(document, number=n, text=text, words=words) for n in (1, 2)])
            tx.parcels.put_rendition(
                Rendition(
                    document_id=document.id, kind=RenditionKind.PREVIEW, sha256=text, media_type="image/png", size=1
                )
            )

    with database.reading() as tx:
        assert [page.text for page in tx.parcels.pages(document.id)] == ["clear", "clear"]
        assert tx.parcels.page(document.id, 2).words[0]["box"] == [0, 0, 9, 9]
        assert tx.parcels.renditions(document.id)[RenditionKind.PREVIEW].sha256 == "clear"
        with pytest.raises(NotFound):
            tx.parcels.page(document.id, 3)


def test_a_field_read_again_takes_the_place_of_the_earlier_unless_a_person_confirmed_it(
    database: Database, parcel: Parcel
) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user())
        confirmed = a_field(parcel, name="paper", value="checked", confirmed_by_id=user.id, confirmed_at=tx.now)
        tx.parcels.put_fields(parcel.id, [confirmed, a_field(parcel, name="format", value="A5")])
    with database.transaction() as tx:
        tx.parcels.put_fields(
            parcel.id, [a_field(parcel, name="paper", value="guess"), a_field(parcel, name="format", value="A6")]
        )

    with database.reading() as tx:
        assert {field.name: field.value for field in tx.parcels.fields(parcel.id)} == {
            "paper": "checked",
            "format": "A6",
        }


def test_child_parcels_are_listed_in_order(database: Database, parcel: Parcel) -> None:
    with database.transaction() as tx:
        children = [tx.parcels.add(a_parcel(parent_id=parcel.id)) for _ in range(2)]

    with database.reading() as tx:
        assert [child.id for child in tx.parcels.children(parcel.id)] == [child.id for child in children]


def test_of_two_who_decide_about_an_entry_in_quarantine_one_wins(database: Database) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user())
        entry = tx.parcels.quarantine(
            QuarantineEntry(
                channel="mail", source_key="1", file_name="scan.tif", media_type="image/tiff", sha256="0" * 64, code="unreadable",
                message="The file is cut off.", arrived_at=tx.now,
            )
        )  # fmt: skip
        assert tx.parcels.quarantined() == [entry]
    with database.transaction() as tx:
        decided = tx.parcels.decide(entry.id, QuarantineState.DISCARDED, user.id, "empty page")
        assert (decided.state, decided.decided_at) == (QuarantineState.DISCARDED, tx.now)

    with pytest.raises(Conflict, match=r"scan\.tif already"), database.transaction() as tx:
        tx.parcels.decide(entry.id, QuarantineState.ATTACHED, user.id, "")
    with database.reading() as tx:
        assert tx.parcels.quarantined() == []
        assert tx.parcels.quarantine_entry(entry.id).decision_reason == "empty page"


def test_refusals_are_on_record_newest_first(database: Database) -> None:
    with database.transaction() as tx:
        for code in ("too_large", "unknown_recipient"):
            tx.parcels.refuse(Refusal(channel="mail_server", code=code, message="x", refused_at=tx.now))

    with database.reading() as tx:
        assert [refusal.code for refusal in tx.parcels.refusals()] == ["unknown_recipient", "too_large"]


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.transaction() as tx:
        for look in (tx.parcels.one, tx.parcels.locked, tx.parcels.document, tx.parcels.quarantine_entry):
            with pytest.raises(NotFound):
                look(99)
        with pytest.raises(NotFound, match="P-1"):
            tx.parcels.numbered("P-1")
