"""Opening parcels: what separator and cover sheets do to them."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from factories import an_order
from house import House
from paper import pdf

from capture.delivery import Delivery, Enclosure
from capture.recognition import DIVIDED, Recogniser
from capture.sheet_codes import ATTACHED, Separates
from capture.sheets import cover_sheet, separator_sheet
from storage.archive import seal
from storage.database import Database, Transaction
from storage.parcels import Parcel, ParcelState

LETTER = pdf([("Two words more about our order.", "Please use the thicker paper.")])


def stack(*papers: bytes) -> bytes:
    """Lay papers on each other."""
    out = io.BytesIO()
    with pikepdf.new() as whole:
        for paper in papers:
            with pikepdf.open(io.BytesIO(paper)) as part:
                whole.pages.extend(part.pages)
        whole.save(out)
    return out.getvalue()


@dataclass
class Office:
    """A house whose jobs of opening parcels are done at once; keeps whose process began."""

    house: House
    begun: list[int] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)

    def order(self) -> tuple[int, str]:
        """Register an order that is on its way; give its parcel and its number."""
        parcel_id, _ = self.house.parcel()
        self.house.begin(parcel_id)
        with self.house.database.transaction() as tx:
            return parcel_id, tx.orders.add(an_order(tx.parcels.one(parcel_id))).number

    def arrive(self, *files: bytes) -> int:
        """Take files in as one parcel, and open it and what it is divided into."""
        enclosures = tuple(Enclosure(f"scan-{n}.pdf", "application/pdf", file) for n, file in enumerate(files))
        receipt = self.house.system.intake.receive(
            Delivery("drop_folder", f"folder/{len(self.begun)}/{hash(files)}", self.house.database.clock(), enclosures)
        )
        self.owed.append(receipt.parcel_id)
        while self.owed:
            self.open(self.owed.pop(0))
        return receipt.parcel_id

    def open(self, parcel_id: int) -> None:
        Recogniser(self.house.database, self._begin, self._open_later).open_parcel(parcel_id)

    def _begin(self, _tx: Transaction, parcel: Parcel) -> None:
        self.begun.append(parcel.id)

    def _open_later(self, _tx: Transaction, parcel: Parcel) -> None:
        self.owed.append(parcel.id)

    def told(self, parcel_id: int) -> list[str]:
        return [action for _, action in self.house.actions(parcel_id)]

    def facts(self, parcel_id: int) -> dict[str, Any]:
        with self.house.database.reading() as tx:
            parcel = tx.parcels.one(parcel_id)
            return {
                "state": parcel.state,
                "status": parcel.status,
                "documents": [(d.title, d.kind, len(tx.parcels.pages(d.id))) for d in tx.parcels.documents(parcel_id)],
                "fields": {one.name: one.value for one in tx.parcels.fields(parcel_id)},
                "children": [child.id for child in tx.parcels.children(parcel_id)],
            }


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    """Give an office on a fresh database, one of each kind."""
    house = House(database, tmp_path / "house")
    house.deploy()
    return Office(house)


def test_what_comes_behind_the_cover_sheet_of_an_open_order_is_added_to_it_and_begins_nothing(office: Office) -> None:
    order_parcel, number = office.order()

    arrived = office.arrive(stack(cover_sheet(number), LETTER))

    came, order = office.facts(arrived), office.facts(order_parcel)
    assert (came["state"], came["status"]) == (ParcelState.ROUTED, ATTACHED)
    assert came["fields"]["order_number"] == number
    assert order["documents"][1:] == [("scan-0.pdf", "purchase_order", 2)]
    assert office.begun == []
    assert office.told(arrived)[-1] == "parcel_attached"
    assert office.told(order_parcel)[-1] == "documents_attached"


def test_what_was_added_is_found_by_its_words_at_the_order(office: Office) -> None:
    boss = office.house.person("boss", "manager")
    order_parcel, number = office.order()

    office.arrive(stack(cover_sheet(number), LETTER))

    with office.house.database.reading() as tx:
        assert order_parcel in tx.search.excerpts(boss, "thicker", [order_parcel])


def test_opening_again_adds_nothing_twice(office: Office) -> None:
    order_parcel, number = office.order()
    arrived = office.arrive(stack(cover_sheet(number), LETTER))

    office.open(arrived)

    assert len(office.facts(order_parcel)["documents"]) == 2
    assert office.told(arrived).count("parcel_attached") == 1


def test_an_opening_that_broke_off_after_reading_is_taken_up_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_parcel, number = office.order()
    with monkeypatch.context() as broken:
        broken.setattr("capture.recognition.attach", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            office.arrive(stack(cover_sheet(number), LETTER))
    arrived = order_parcel + 1
    assert office.facts(arrived)["state"] is ParcelState.RECEIVED

    office.open(arrived)

    assert office.facts(arrived)["status"] == ATTACHED
    assert len(office.facts(order_parcel)["documents"]) == 2


@pytest.mark.parametrize("why", ["unknown", "archived", "ended"])
def test_what_comes_for_an_order_that_is_not_on_its_way_is_a_new_parcel_that_names_it(office: Office, why: str) -> None:
    order_parcel, number = office.order()
    with office.house.database.transaction() as tx:
        if why == "archived":
            seal(tx, order_parcel, retention_until=tx.now.date())
        [instance] = [one.id for one in tx.processes.of_parcel(order_parcel)]
    if why == "ended":
        office.house.system.operator.terminate(instance, "boss", "no more")
    number = "O-1999-000001" if why == "unknown" else number

    arrived = office.arrive(stack(cover_sheet(number), LETTER))

    assert office.begun == [arrived]
    assert office.facts(arrived)["fields"]["order_number"] == number
    assert len(office.facts(order_parcel)["documents"]) == 1


def test_a_stack_is_divided_and_only_what_is_behind_the_cover_goes_to_the_order(office: Office) -> None:
    order_parcel, number = office.order()

    arrived = office.arrive(stack(LETTER, cover_sheet(number), LETTER, LETTER, separator_sheet(), LETTER))

    facts = office.facts(arrived)
    plain, covered, last = facts["children"]
    assert facts["status"] == DIVIDED
    assert office.begun == [plain, last]
    assert office.facts(covered)["status"] == ATTACHED
    assert [pages for _, _, pages in office.facts(order_parcel)["documents"]] == [1, 3]


def test_a_sheet_between_documents_divides_no_parcel(office: Office) -> None:
    order_parcel, number = office.order()
    between = separator_sheet(Separates.DOCUMENT)

    arrived = office.arrive(stack(cover_sheet(number), LETTER, between, LETTER))

    assert office.facts(arrived)["children"] == []
    assert len(office.facts(order_parcel)["documents"]) == 2


def test_files_that_came_together_go_with_the_one_cover_sheet_among_them(office: Office) -> None:
    order_parcel, number = office.order()

    office.arrive(stack(cover_sheet(number), LETTER), LETTER)

    assert [title for title, _, _ in office.facts(order_parcel)["documents"]][1:] == ["scan-0.pdf", "scan-1.pdf"]


def test_files_with_the_covers_of_different_orders_go_each_to_its_own(office: Office) -> None:
    (one, its_number), (other, others_number) = office.order(), office.order()

    arrived = office.arrive(stack(cover_sheet(its_number), LETTER), stack(cover_sheet(others_number), LETTER))

    assert office.facts(arrived)["status"] == DIVIDED
    assert [len(office.facts(parcel)["documents"]) for parcel in (one, other)] == [2, 2]
    assert office.begun == []


def test_a_parcel_without_sheets_begins_its_process(office: Office) -> None:
    arrived = office.arrive(LETTER)

    assert office.begun == [arrived]
    assert "order_number" not in office.facts(arrived)["fields"]
