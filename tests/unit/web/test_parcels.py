"""Parcels, documents and files: who sees what, and how bytes leave the house."""

import csv
import io
import zipfile

import pytest
from house import PIXEL, House

from web.csv_export import csv_answer, safe_cell
from web.files import safe_name


@pytest.fixture
def office(house: House) -> House:
    """Give a house with a manager, a planner and a deployed process."""
    house.deploy()
    house.person("boss", "manager")
    house.person("planner", "planning")
    return house


def test_a_parcel_shows_its_way_history_documents_and_fields(office: House) -> None:
    parcel_id, number = office.parcel()
    office.begin(parcel_id)

    page = office.visitor("boss").text(f"/parcels/{number}")

    for words in ("In review", "Purchase order", "Run length", "Left of “pieces”", "Sent on its way", "Review order"):
        assert words in page


def test_a_parcel_that_one_may_not_see_is_as_if_it_were_not_there(office: House) -> None:
    _, number = office.parcel()
    planner = office.visitor("planner")

    for path in (f"/parcels/{number}", "/parcels/P-none", "/documents/1/original", "/documents/1/pages/1/image"):
        answer = planner.get(path)
        assert answer.status_code == 404
        assert "flyer" not in answer.text
    assert number not in planner.text("/parcels?scope=all")
    assert number not in planner.text("/search?q=flyer")
    assert planner.post(f"/parcels/{number}/download").status_code == 404


def test_words_on_a_page_find_the_parcel_and_show_where(office: House) -> None:
    _, number = office.parcel()
    page = office.visitor("boss").text("/search?q=text")

    assert number in page
    assert "page 1: A page of text" in page


def test_an_original_is_given_to_be_saved_and_never_run(office: House) -> None:
    office.parcel()
    answer = office.visitor("boss").get("/documents/1/original")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.mimetype == "application/octet-stream"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_image_is_asked_for_again_each_time_but_sent_once(office: House) -> None:
    office.parcel()
    boss = office.visitor("boss")

    first = boss.get("/documents/1/pages/1/image")
    again = boss.get("/documents/1/pages/1/image", headers={"If-None-Match": first.headers["ETag"]})

    assert first.mimetype == "image/png"
    assert first.data == PIXEL
    assert again.status_code == 304


def test_a_download_holds_documents_data_history_and_diagram_and_is_on_record(office: House) -> None:
    parcel_id, number = office.parcel()
    office.begin(parcel_id)
    boss = office.visitor("boss")
    boss.get(f"/parcels/{number}")

    archive = zipfile.ZipFile(io.BytesIO(boss.post(f"/parcels/{number}/download").data))

    assert {"parcel.json", "history.json", "documents/01-order.svg", "diagrams/order.bpmn"} <= set(archive.namelist())
    assert ("boss", "downloaded") in office.actions(parcel_id)


def test_the_diagram_is_given_as_deployed_with_its_tokens_marked(office: House) -> None:
    parcel_id, number = office.parcel()
    office.begin(parcel_id)
    boss = office.visitor("boss")
    page = boss.text(f"/parcels/{number}")

    assert 'data-tokens="review"' in page
    assert "the order is here" in page
    assert b"<userTask" in boss.get(f"/parcels/{number}/diagram/1").data


def test_a_customer_sees_their_own_orders_in_plain_words_and_no_others(office: House) -> None:
    own, other = office.customer("K-1"), office.customer("K-2")
    office.person("petersen", "customers", customer_id=own)
    _, mine = office.parcel(customer_id=own)
    _, theirs = office.parcel(customer_id=other)
    petersen = office.visitor("petersen")

    assert petersen.get("/").location == "/my-orders"
    page = petersen.text("/my-orders")
    assert mine in page
    assert theirs not in page
    assert "We have it." in petersen.text(f"/my-orders/{mine}")
    assert petersen.get(f"/my-orders/{theirs}").status_code == 404
    assert petersen.get(f"/parcels/{mine}").status_code == 404


def test_a_customer_orders_for_themselves_whatever_is_sent(office: House) -> None:
    own = office.customer("K-1")
    office.customer("K-2")
    office.person("petersen", "customers", customer_id=own)
    petersen = office.visitor("petersen")
    petersen.get("/orders/new")

    answer = petersen.post("/orders/new", customer_number="K-2", product="flyer", wanted_on="2026-04-01")

    assert answer.status_code == 302
    with office.database.reading() as tx:
        fields = {field.name: field.value for field in tx.parcels.fields(1)}
    assert fields["customer_number"] == "K-1"


def test_an_order_filled_in_by_hand_is_a_parcel_with_its_form_as_document_once(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/orders/new")
    sent = {"customer_number": "K-1", "product": "flyer", "wanted_on": "2026-04-01", "request_key": "once"}

    answers = [boss.post("/orders/new", **sent).location for _ in range(2)]

    assert answers[0] == answers[1]
    with office.database.reading() as tx:
        [document] = tx.parcels.documents(1)
        assert tx.documents.read(document.sha256).startswith(b"%PDF")
        assert tx.parcels.one(1).channel == "form"


def test_files_brought_in_are_one_parcel_or_one_each(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")

    def files() -> list[tuple[io.BytesIO, str]]:
        return [(io.BytesIO(PIXEL), "a.png"), (io.BytesIO(PIXEL), "b.png")]

    together = boss.post("/bring-in", files=files(), request_key="1")
    apart = boss.post("/bring-in", files=files(), request_key="2", separately="1")
    again = boss.post("/bring-in", files=files(), request_key="1")

    assert together.location == again.location
    assert apart.location == "/parcels"
    with office.database.reading() as tx:
        assert [len(tx.parcels.documents(number)) for number in (1, 2, 3)] == [2, 1, 1]


@pytest.mark.parametrize("sign", list("=+-@|%\t\r＝＋－＠"))
def test_no_cell_of_a_csv_begins_a_formula(sign: str) -> None:
    assert safe_cell(f"{sign}cmd|' /C calc'!A0").startswith("'")
    assert safe_cell(f"  {sign}cmd").startswith("'")


@pytest.mark.parametrize("number", [5, -5, 2.5, "-12.50", "+3"])
def test_numbers_stay_numbers_in_a_csv(number: object) -> None:
    assert safe_cell(number) == str(number)


def test_a_csv_can_be_read_back(small_house: House) -> None:
    with small_house.app.test_request_context("/"):
        text = csv_answer("x.csv", ("a", "b"), [("=1+1", 2), ('se;mi"', None)]).get_data(as_text=True)

    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";")) == [
        ["a", "b"], ["'=1+1", "2"], ['se;mi"', ""],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\x.exe", "a\r\nSet-Cookie: x", "", "...", "\x00.pdf", "C:\\a.txt"]
)
def test_a_file_name_never_leads_anywhere(name: str) -> None:
    safe = safe_name(name, "application/pdf")
    assert safe
    assert not set(safe) & set('/\\\r\n\0:"')
    assert not safe.startswith(".")


def test_a_name_is_completed_by_its_kind_whatever_else_that_says() -> None:
    assert safe_name("letter", "text/plain; charset=utf-8") == "letter.txt"
