"""Sheets to print, and how parcels are shown to belong together."""

import pypdfium2
import pytest
from factories import a_document, a_field, a_page, an_order
from house import House
from paper import pdf

from capture.delivery import Delivery, Enclosure
from capture.reading import Only, read_file
from capture.sheet_codes import ATTACHED, Separates, cover_code, separator_code
from storage.parcels import LETTER_ORIGIN


@pytest.fixture
def office(house: House) -> House:
    """Give a house with a manager, an accountant, a planner and a deployed process."""
    house.deploy()
    for login, group in (("boss", "manager"), ("anna", "accounting"), ("planner", "planning")):
        house.person(login, group)
    return house


def _order(office: House, parcel_id: int) -> str:
    with office.database.transaction() as tx:
        return tx.orders.add(an_order(tx.parcels.one(parcel_id), product="flyer", remarks="in a hurry")).number


def _codes(printed: bytes) -> list[set[str]]:
    return [{code.text for code in page.barcodes} for page in read_file(printed, only=Only.BARCODES).pages]


def _text(printed: bytes) -> str:
    text: str = pypdfium2.PdfDocument(printed)[0].get_textpage().get_text_bounded()
    return text


@pytest.mark.parametrize("separates", Separates)
def test_separator_sheets_are_printed_as_many_as_asked_for(small_house: House, separates: Separates) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    assert 'action="/bring-in/separator-sheets"' in boss.text("/bring-in")

    answer = boss.get(f"/bring-in/separator-sheets?separates={separates}&copies=2")

    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="separator-sheets-{separates.lower()}.pdf"'
    assert _codes(answer.data) == [{str(separator_code(separates))}] * 2


@pytest.mark.parametrize("query", ["separates=ORDER", "copies=0", "copies=101", "copies=-1"])
def test_sheets_that_there_are_not_are_refused(small_house: House, query: str) -> None:
    small_house.person("boss", "manager")

    assert small_house.visitor("boss").get(f"/bring-in/separator-sheets?{query}").status_code == 422


def test_an_order_has_a_cover_sheet_that_names_it(office: House) -> None:
    parcel_id, number = office.parcel()
    order = _order(office, parcel_id)
    boss = office.visitor("boss")
    assert f'href="/orders/{order}/cover-sheet"' in boss.text(f"/orders/{order}")

    printed = boss.get(f"/orders/{order}/cover-sheet").data

    assert _codes(printed) == [{str(cover_code(order))}]
    for words in (f"ORDER {order}", f"Parcel: {number}", "Product: flyer", "Run length: 5,000"):
        assert words in _text(printed)


def test_a_cover_sheet_tells_nobody_more_than_the_order_page(office: House) -> None:
    own = office.customer("K-1")
    parcel_id, _ = office.parcel(customer_id=own, status="in_review")
    order = _order(office, parcel_id)
    petersen = office.person("petersen", "customers", customer_id=own)
    assert petersen.customer_id == own

    assert office.visitor("planner").get(f"/orders/{order}/cover-sheet").status_code == 404
    assert office.visitor("petersen").get(f"/orders/{order}/cover-sheet").status_code == 404
    assert "Customer: Customer K-1" in _text(office.visitor("anna").get(f"/orders/{order}/cover-sheet").data)


def test_a_possible_duplicate_is_a_chip_that_leads_to_the_first(office: House) -> None:
    first_id, first = office.parcel()
    _, second = office.parcel(duplicate_of_id=first_id)
    chip = f'<a class="chip warn" href="/parcels/{first}">possible duplicate of {first}</a>'
    boss = office.visitor("boss")

    for path in (f"/parcels/{second}", "/parcels", "/search?q=flyer"):
        assert chip in boss.text(path)
    assert "possible duplicate" not in boss.text(f"/parcels/{first}")


def test_a_duplicate_of_what_one_may_not_see_shows_nothing_of_it(office: House) -> None:
    first_id, first = office.parcel()
    _, second = office.parcel(duplicate_of_id=first_id, parent_id=first_id, status="in_review")
    anna = office.visitor("anna")

    for path in (f"/parcels/{second}", "/parcels"):
        page = anna.text(path)
        assert second in page
        assert first not in page
        assert "part 1" not in page


def test_parts_of_a_stack_and_the_stack_lead_to_each_other(office: House) -> None:
    stack_id, stack = office.parcel(status="divided")
    _, first = office.parcel(parent_id=stack_id)
    _, second = office.parcel(parent_id=stack_id)
    boss = office.visitor("boss")

    assert f'part 2 of <a href="/parcels/{stack}">{stack}</a>' in boss.text(f"/parcels/{second}")
    assert f'part 1 of <a href="/parcels/{stack}">{stack}</a>' in boss.text("/parcels")
    whole = boss.text(f"/parcels/{stack}")
    assert all(f'href="/parcels/{number}"' in whole for number in (first, second))


def test_a_parcel_with_a_cover_sheet_leads_to_the_order_it_names(office: House) -> None:
    order = _order(office, office.parcel()[0])
    arrived_id, arrived = office.parcel()
    with office.database.transaction() as tx:
        named = a_field(tx.parcels.one(arrived_id), name="order_number", value=order, origin="barcode")
        tx.parcels.put_fields(arrived_id, [named])
    boss = office.visitor("boss")

    assert f'Belongs to order <a href="/orders/{order}">{order}</a>' in boss.text(f"/parcels/{arrived}")
    with office.database.transaction() as tx:
        tx.parcels.set_status(arrived_id, ATTACHED)
    assert f'belong to order <a href="/orders/{order}">{order}</a>' in boss.text(f"/parcels/{arrived}")


def test_a_printed_cover_sheet_brings_what_lies_behind_it_to_the_order(office: House) -> None:
    parcel_id, _ = office.parcel()
    office.begin(parcel_id)
    order = _order(office, parcel_id)
    boss = office.visitor("boss")
    cover = boss.get(f"/orders/{order}/cover-sheet").data
    files = (
        Enclosure("cover.pdf", "application/pdf", cover),
        Enclosure("more.pdf", "application/pdf", pdf([("A letter",)])),
    )
    delivery = Delivery("upload", "one", office.database.clock(), files)

    arrived = office.system.intake.receive(delivery)
    office.open(arrived.parcel_id)

    page = boss.text(f"/parcels/{arrived.parcel_number}")
    assert "Added to the order that its cover sheet names" in page
    assert f'href="/orders/{order}"' in page
    order_page = boss.text(f"/orders/{order}")
    assert "Documents were added by a cover sheet" in order_page
    assert "more.pdf" in order_page


def test_of_letters_the_latest_is_shown_first_and_earlier_ones_are_marked(office: House) -> None:
    parcel_id, number = office.parcel()
    with office.database.transaction() as tx:
        parcel = tx.parcels.one(parcel_id)
        for title in ("Work sheet", "Work sheet 2"):
            letter = a_document(parcel, position=0, kind="work_sheet", title=title, origin=f"{LETTER_ORIGIN}{title}")
            tx.parcels.put_pages(tx.parcels.add_document(letter).id, [a_page(letter)])
    page = office.visitor("boss").text(f"/parcels/{number}")

    tabs = page.partition('aria-label="Documents"')[2].partition("</nav>")[0]
    assert tabs.index("Work sheet 2</a>") < tabs.index('Work sheet <span class="quiet small">earlier</span></a>')
    assert page.count("there is a later one") == 1
