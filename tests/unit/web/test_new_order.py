"""New orders by hand, files brought in, and the customer's own orders."""

import io
from typing import Any

import pytest
from factories import an_order
from house import PIXEL, House, Visitor

TYPED = {"customer_number": "K-1", "product": "flyer", "wanted_on": "2026-04-01"}


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with a manager and a deployed process."""
    small_house.deploy()
    small_house.person("boss", "manager")
    return small_house


def _petersen(office: House, number: str = "K-1") -> Visitor:
    office.person("petersen", "customers", customer_id=office.customer(number))
    petersen = office.visitor("petersen")
    petersen.get("/orders/new")
    return petersen


def _order(office: House, **values: Any) -> tuple[str, str]:
    parcel_id, parcel_number = office.parcel(**values)
    with office.database.transaction() as tx:
        parcel = tx.parcels.one(parcel_id)
        return tx.orders.add(an_order(parcel, product="poster", customer_id=parcel.customer_id)).number, parcel_number


def _fields(office: House, parcel_id: int) -> dict[str, str]:
    with office.database.reading() as tx:
        return {field.name: field.value for field in tx.parcels.fields(parcel_id)}


def _count(office: House) -> int:
    with office.database.reading() as tx:
        return len(tx.parcels.since(0))


def test_what_is_typed_is_certain_and_whose_it_is_is_kept(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/orders/new")

    answer = boss.post("/orders/new", **TYPED)

    assert answer.location == "/parcels/P-2026-000001"
    assert _fields(office, 1) == TYPED
    with office.database.reading() as tx:
        assert {(field.origin, field.confidence) for field in tx.parcels.fields(1)} == {("person", 1.0)}
        assert tx.parcels.one(1).owner_id == tx.people.actor(1).user_id


def test_a_fault_keeps_what_was_typed_and_takes_nothing_in(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/orders/new")

    answer = boss.post("/orders/new", **{**TYPED, "wanted_on": "soon"})

    assert answer.status_code == 422
    assert 'href="#field-wanted_on"' in answer.text
    assert 'value="flyer"' in answer.text
    assert _count(office) == 0


def test_an_earlier_order_is_taken_over_without_its_date(office: House) -> None:
    order, _ = _order(office)

    page = office.visitor("boss").text(f"/orders/new?template={order}")

    assert f"Taken over from {order}" in page
    assert 'value="poster"' in page
    assert 'name="wanted_on" type="date" value=""' in page


def test_an_order_that_one_may_not_see_is_no_template(office: House) -> None:
    order, _ = _order(office, customer_id=office.customer("K-2"))

    assert _petersen(office).get(f"/orders/new?template={order}").status_code == 404
    assert office.visitor("boss").get("/orders/new?template=O-1999-000001").status_code == 404


def test_a_customer_takes_over_an_own_order_and_is_asked_for_no_customer(office: House) -> None:
    petersen = _petersen(office)
    with office.database.reading() as tx:
        party = tx.orders.party_numbered("K-1")
        assert party is not None
    order, _ = _order(office, customer_id=party.id)

    page = petersen.text(f"/orders/new?template={order}")

    assert 'value="poster"' in page
    assert 'name="customer_number"' not in page


def test_a_customer_who_has_ordered_sees_the_order_before_it_was_read(office: House) -> None:
    petersen = _petersen(office)

    answer = petersen.post("/orders/new", product="flyer", wanted_on="2026-04-01")

    assert "How far it is" in petersen.text(answer.location)
    assert answer.location in petersen.text("/my-orders")


def test_without_an_order_form_in_force_there_is_no_new_order(small_house: House) -> None:
    small_house.person("boss", "manager")

    assert small_house.visitor("boss").get("/orders/new").status_code == 404


def test_a_customer_sees_how_far_an_own_order_is_and_nothing_of_the_house(office: House) -> None:
    petersen = _petersen(office)
    with office.database.reading() as tx:
        party = tx.orders.party_numbered("K-1")
        assert party is not None
    parcel_id, number = office.parcel(customer_id=party.id)
    office.begin(parcel_id)
    _, others = office.parcel(customer_id=office.customer("K-2"))

    page = petersen.text(f"/my-orders/{number}")

    assert "We check it." in page
    for hidden in ("Review order", "accounting", "Accounting", "Run length", "5,000"):
        assert hidden not in page
    assert others not in petersen.text("/my-orders?q=flyer")
    assert petersen.get(f"/my-orders/{others}").status_code == 404
    for path in ("/worklist", "/orders", "/parcels", "/search?q=flyer", "/bring-in", "/reports", "/people"):
        assert petersen.get(path).status_code == 404


def test_a_customer_without_orders_is_told_where_they_will_be(office: House) -> None:
    assert "Your orders appear here" in _petersen(office).text("/my-orders")


def _files(*names: str) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(PIXEL + name.encode()), name) for name in names]


def test_no_file_is_no_parcel(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")

    answer = boss.post("/bring-in", request_key="1")

    assert answer.status_code == 422
    assert "Choose at least one file." in answer.text
    assert _count(office) == 0


def test_who_may_bring_in_but_not_see_what_has_arrived_is_told_its_number(office: House) -> None:
    office.person("anna", "accounting")
    anna = office.visitor("anna")
    anna.get("/bring-in")

    answer = anna.post("/bring-in", request_key="1", files=_files("a.png"))

    assert answer.location == "/bring-in"
    assert "Taken in as P-2026-000001" in anna.text("/bring-in")


def test_more_files_than_allowed_are_refused_together(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")
    most = office.system.settings.web.most_files

    answer = boss.post("/bring-in", files=_files(*(f"{n}.png" for n in range(most + 1))))

    assert answer.status_code == 422
    assert _count(office) == 0


def test_an_empty_file_waits_in_quarantine_and_the_rest_goes_on(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")

    answer = boss.post("/bring-in", files=[(io.BytesIO(b""), "nothing.pdf"), *_files("a.png")])

    assert "1 of the files could not be taken as they are" in boss.text(answer.location)
    with office.database.reading() as tx:
        assert [document.file_name for document in tx.parcels.documents(1)] == ["a.png"]
        assert [entry.code for entry in tx.parcels.quarantined()] == ["empty"]


def test_script_is_answered_with_numbers_and_where_to_go(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")

    answer = boss.post("/bring-in", headers={"X-Upload": "1"}, files=_files("a.png", "b.png"), separately="1")

    assert answer.status_code == 201
    assert answer.json == {"parcels": ["P-2026-000001", "P-2026-000002"]}
    assert answer.headers["X-Location"] == "/parcels"


def test_the_name_of_a_file_leads_nowhere(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/bring-in")

    boss.post("/bring-in", files=_files("../../etc/passwd"))

    saved = boss.get("/documents/1/original").headers["Content-Disposition"]
    assert "passwd" in saved
    assert ".." not in saved
    assert "/" not in saved.removeprefix("attachment")
