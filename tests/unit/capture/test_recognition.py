"""Recognising parcels: what is read of what arrives late, and that our own papers tell us nothing."""

from pathlib import Path

import pytest
from factories import a_document, a_field, a_page, an_order
from house import House
from paper import ORDER, pdf

from capture.channels.form import form_delivery
from capture.delivery import Delivery, Enclosure
from capture.quarantine import discard, retry
from storage.archive import FilesWait
from storage.database import Database
from storage.parcels import ParcelState
from storage.people import Actor

PAPER = pdf([ORDER])


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    """Give a house with a deployed process, on a fresh database, one of each kind."""
    house = House(database, tmp_path / "house")
    house.deploy()
    return house


@pytest.fixture
def boss(house: House) -> Actor:
    return house.person("boss", "manager")


def _arrive_locked(house: House) -> int:
    """Let a file arrive that waits in quarantine, and its parcel be recognised and go its way without it."""
    enclosure = Enclosure("order.pdf", "application/pdf", PAPER, fault="too_big", fault_message="The file is too big.")
    delivery = Delivery("drop_folder", "folder/order.pdf", house.database.clock(), (enclosure,))
    parcel_id = house.system.intake.receive(delivery).parcel_id
    house.open(parcel_id)
    house.begin(parcel_id)
    house.system.operations["recognise_parcel"](house.call(parcel_id))
    return parcel_id


def _read_it_again(house: House, boss: Actor, parcel_id: int) -> None:
    with house.database.reading() as tx:
        [entry] = tx.parcels.quarantined_of(parcel_id)
    retry(house.database, entry.id, boss, house.system.intake.open_later)
    house.open(parcel_id)


def _fields(house: House, parcel_id: int) -> dict[str, str]:
    with house.database.reading() as tx:
        return {field.name: field.value for field in tx.parcels.fields(parcel_id)}


def test_a_file_that_is_read_late_gives_its_fields_too(house: House, boss: Actor) -> None:
    parcel_id = _arrive_locked(house)
    assert "paper" not in _fields(house, parcel_id)

    _read_it_again(house, boss, parcel_id)

    read = _fields(house, parcel_id)
    assert (read["customer_reference"], read["run_length"]) == ("MV-2026-0815", "2500")
    with house.database.reading() as tx:
        assert tx.search.excerpts(boss, "gloss", [parcel_id])


def test_a_file_that_is_read_after_the_order_was_registered_adds_fields_and_changes_none(
    house: House, boss: Actor
) -> None:
    parcel_id = _arrive_locked(house)
    with house.database.transaction() as tx:
        tx.orders.add(an_order(tx.parcels.one(parcel_id)))
        tx.parcels.put_fields(
            parcel_id, [a_field(tx.parcels.one(parcel_id), name="run_length", value="700", confidence=0.1)]
        )

    _read_it_again(house, boss, parcel_id)

    read = _fields(house, parcel_id)
    assert (read["customer_reference"], read["run_length"]) == ("MV-2026-0815", "700")


def test_nothing_is_read_from_the_print_of_a_filled_in_form(house: House, boss: Actor) -> None:
    answers = [("Customer's order number", ""), ("Product", "flyer"), ("Run length", "5000"), ("Paper", "135 g gloss")]
    receipt = house.system.intake.receive(
        form_delivery(
            answers,
            fields={"product": "flyer", "run_length": "5000"},
            request_key="once",
            submitted_by=boss.user_id,
            received_at=house.database.clock(),
            sender=boss.name,
        )
    )

    outcome = house.system.operations["recognise_parcel"](house.call(receipt.parcel_id))

    assert _fields(house, receipt.parcel_id) == {"product": "flyer", "run_length": "5000"}
    assert outcome["fields"]["customer_reference"] == ""
    with house.database.reading() as tx:
        assert tx.search.excerpts(boss, "gloss", [receipt.parcel_id])


def test_nothing_is_read_from_a_letter_of_our_own(house: House) -> None:
    parcel_id, _ = house.parcel()
    with house.database.transaction() as tx:
        letter = tx.parcels.add_document(a_document(tx.parcels.one(parcel_id), kind="work_sheet", origin="letter 12ab"))
        words = [{"text": text, "box": [40 * n, 10, 40 * n + 35, 30], "confidence": 1.0}
                 for n, text in enumerate(("Finishing:", "stapled"))]  # fmt: skip
        tx.parcels.put_pages(letter.id, [a_page(letter, text="Finishing: stapled", words=words)])

    house.system.operations["recognise_parcel"](house.call(parcel_id))

    assert "finishing" not in _fields(house, parcel_id)


def test_a_parcel_is_not_sealed_over_a_file_that_nobody_has_read(house: House) -> None:
    parcel_id, _ = house.parcel()
    with house.database.transaction() as tx:
        tx.parcels.add_document(a_document(tx.parcels.one(parcel_id), kind="unread", file_name="late.pdf"))

    with pytest.raises(FilesWait, match="late"):
        house.system.operations["archive_parcel"](house.call(parcel_id))


def test_a_parcel_is_not_sealed_over_a_file_in_quarantine_but_when_somebody_has_decided(
    house: House, boss: Actor
) -> None:
    parcel_id = _arrive_locked(house)

    with pytest.raises(FilesWait, match="waits in quarantine"):
        house.system.operations["archive_parcel"](house.call(parcel_id))
    discard(house.database, 1, boss, "An advertisement")
    house.system.operations["archive_parcel"](house.call(parcel_id))

    with house.database.reading() as tx:
        assert tx.parcels.one(parcel_id).state is ParcelState.ARCHIVED
