"""The worklist and work items: claim, release, complete, drafts, and who is told what when somebody was faster."""

from datetime import timedelta

import pytest
from house import House

from storage.people import Substitution


@pytest.fixture
def office(house: House) -> House:
    """Give a house with two accountants and a deployed process."""
    house.deploy()
    house.person("anna", "accounting")
    house.person("bert", "accounting")
    return house


def test_an_item_of_my_group_waits_in_the_pool_and_moves_to_my_table_when_claimed(office: House) -> None:
    parcel_id, number = office.parcel()
    item = office.begin(parcel_id)
    anna = office.visitor("anna")

    assert number in anna.text("/worklist?view=pool")
    assert anna.post(f"/work-items/{item}/claim").status_code == 302

    assert number in anna.text("/worklist")
    assert number not in anna.text("/worklist?view=pool")
    assert ("anna", "work.claimed") in office.actions(parcel_id)


def test_who_claims_second_is_told_who_has_it(office: House) -> None:
    item = office.begin(office.parcel()[0])
    office.visitor("anna").post(f"/work-items/{item}/claim")

    answer = office.visitor("bert").post(f"/work-items/{item}/claim")

    assert answer.status_code == 409
    assert "Anna took this at" in answer.text


def test_who_completes_second_is_told_who_did_and_changes_nothing(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna, bert = office.visitor("anna"), office.visitor("bert")
    for visitor in (anna, bert):
        visitor.get(f"/work-items/{item}")

    first = anna.post(f"/work-items/{item}/complete", decision="accept", run_length="10", request_key="a")
    second = bert.post(f"/work-items/{item}/complete", decision="accept", run_length="20", request_key="b")

    assert first.status_code == 302
    assert second.status_code == 409
    assert "Anna" in second.text
    assert [who for who, what in office.actions(parcel_id) if what == "work.completed"] == ["anna"]


def test_the_same_request_again_gets_the_first_answer(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna = office.visitor("anna")
    anna.get(f"/work-items/{item}")
    sent = {"decision": "accept", "run_length": "10", "request_key": "once"}

    answers = [anna.post(f"/work-items/{item}/complete", **sent) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert answers[2].headers["Idempotency-Replayed"] == "true"
    assert [what for _, what in office.actions(parcel_id)].count("work.completed") == 1


def test_the_same_key_for_another_request_is_refused(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = office.visitor("anna")
    anna.get(f"/work-items/{item}")
    anna.post(f"/work-items/{item}/complete", decision="accept", run_length="10", request_key="once")

    answer = anna.post(f"/work-items/{item}/complete", decision="accept", run_length="11", request_key="once")

    assert answer.status_code == 422


def test_a_fault_keeps_what_was_typed_and_leads_to_the_field(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = office.visitor("anna")
    anna.get(f"/work-items/{item}")

    answer = anna.post(f"/work-items/{item}/complete", decision="accept", run_length="many")

    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert 'href="#field-run_length"' in answer.text
    assert 'value="many"' in answer.text


def test_an_ending_asks_only_for_what_belongs_to_it(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna = office.visitor("anna")
    page = anna.text(f"/work-items/{item}")
    reject, accept = page.index('value="reject"'), page.index('value="accept"')
    assert accept < page.index('name="reason"') < reject

    without = anna.post(f"/work-items/{item}/complete", decision="reject", run_length="10")
    with_reason = anna.post(f"/work-items/{item}/complete", decision="reject", run_length="10", reason="bleed")

    assert without.status_code == 422
    assert "Reason for the rejection" in without.text
    assert with_reason.status_code == 302


def test_the_least_certain_field_comes_first_with_its_piece_of_the_page_and_why(office: House) -> None:
    item = office.begin(office.parcel()[0])
    page = office.visitor("anna").text(f"/work-items/{item}")

    assert "1 field needs you" in page
    assert "60 % sure" in page
    assert "Left of “pieces”" in page
    assert 'class="snip"' in page
    assert page.index('name="run_length"') < page.index('id="field-product"')
    assert 'class="box unsure" href="#field-run_length"' in page


def test_a_draft_is_kept_for_its_writer_alone(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna, bert = office.visitor("anna"), office.visitor("bert")
    anna.get(f"/work-items/{item}")

    assert anna.post(f"/work-items/{item}/draft", run_length="77").status_code == 302

    assert 'value="77"' in anna.text(f"/work-items/{item}")
    assert 'value="77"' not in bert.text(f"/work-items/{item}")


def test_the_next_one_claims_the_most_urgent_and_opens_it(office: House) -> None:
    first = office.begin(office.parcel()[0])
    office.begin(office.parcel()[0])
    anna = office.visitor("anna")
    anna.get("/worklist")

    assert anna.post("/worklist/next").location == f"/work-items/{first}"
    assert office.visitor("bert").post("/worklist/next").location != f"/work-items/{first}"


def test_an_item_given_back_waits_for_everybody_again(office: House) -> None:
    parcel_id, number = office.parcel()
    item = office.begin(parcel_id)
    anna = office.visitor("anna")
    anna.post(f"/work-items/{item}/claim")

    assert anna.post(f"/work-items/{item}/release").status_code == 302

    assert number in office.visitor("bert").text("/worklist?view=pool")
    assert ("anna", "work.released") in office.actions(parcel_id)


def test_an_item_of_another_group_is_not_there(office: House) -> None:
    office.person("planner", "planning")
    item = office.begin(office.parcel()[0])
    planner = office.visitor("planner")

    assert planner.get(f"/work-items/{item}").status_code == 404
    for deed in ("claim", "release", "complete", "draft"):
        assert planner.post(f"/work-items/{item}/{deed}").status_code == 404


def test_a_row_that_is_exchanged_by_script_is_a_row_and_not_a_page(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = office.visitor("anna")
    anna.get("/worklist")

    answer = anna.post(f"/work-items/{item}/claim", headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith(f'<tr id="item-{item}"')


def test_what_script_loses_is_told_beside_the_page(office: House) -> None:
    item = office.begin(office.parcel()[0])
    office.visitor("anna").post(f"/work-items/{item}/claim")

    answer = office.visitor("bert").post(f"/work-items/{item}/claim", headers={"HX-Request": "true"})

    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#messages"


def test_the_pool_is_paged_without_gaps_or_repeats(office: House) -> None:
    numbers = set()
    for _ in range(53):
        parcel_id, number = office.parcel()
        office.begin(parcel_id)
        numbers.add(number)
    anna = office.visitor("anna")

    first = anna.text("/worklist?view=pool")
    more = first.split('href="/worklist?view=pool&amp;after=')[1].split('"')[0].replace("&amp;", "&")
    second = anna.text(f"/worklist?view=pool&after={more}")

    on_first = {number for number in numbers if number in first}
    on_second = {number for number in numbers if number in second}
    assert len(on_first) == 50
    assert on_second == numbers - on_first


def test_an_item_given_to_one_person_is_there_for_that_person_and_a_substitute_alone(small_house: House) -> None:
    small_house.deploy("parcelflow:assignee=\"'anna'\"")
    anna, _, carl = (small_house.person(login, "accounting") for login in ("anna", "bert", "carl"))
    with small_house.database.transaction() as tx:
        absence = Substitution(
            absent_id=anna.user_id, substitute_id=carl.user_id, begins_at=tx.now, ends_at=tx.now + timedelta(days=1)
        )
        tx.people.substitute(absence)
    items = [small_house.begin(small_house.parcel()[0]) for _ in range(2)]
    sent = {"decision": "accept", "run_length": "10"}

    for login, status in (("bert", 404), ("carl", 200), ("anna", 200)):
        assert small_house.visitor(login).get(f"/work-items/{items[0]}").status_code == status
    bert = small_house.visitor("bert")
    bert.get("/worklist")
    assert bert.post(f"/work-items/{items[0]}/complete", **sent).status_code == 404
    for login, item in zip(("carl", "anna"), items, strict=True):
        visitor = small_house.visitor(login)
        visitor.get(f"/work-items/{item}")
        assert visitor.post(f"/work-items/{item}/complete", **sent).status_code == 302


def test_what_rests_is_not_taken_and_says_so_and_the_next_one_is_another(office: House) -> None:
    resting, other = (office.begin(office.parcel()[0]) for _ in range(2))
    anna = office.visitor("anna")
    for item in (resting, other):
        anna.post(f"/work-items/{item}/claim")
    with office.database.reading() as tx:
        instance = tx.work.one(resting).instance_id

    office.system.operator.suspend(instance, "adam", "The press is broken.")

    assert "This rests." in anna.text(f"/work-items/{resting}")
    assert anna.post("/worklist/next").location == f"/work-items/{other}"
    assert anna.post(f"/work-items/{resting}/draft", run_length="10").status_code == 409
    assert anna.post(f"/work-items/{resting}/complete", decision="accept", request_key="a").status_code == 409
    office.system.operator.go_on(instance, "adam", "It was mended.")
    assert anna.post("/worklist/next").location == f"/work-items/{resting}"


def test_nobody_claims_what_rests(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    with office.database.reading() as tx:
        instance = tx.work.one(item).instance_id
    office.system.operator.suspend(instance, "adam", "The press is broken.")
    anna = office.visitor("anna")

    answer = anna.post(f"/work-items/{item}/claim")

    assert answer.status_code == 409
    assert "faster" not in answer.text
    assert anna.post("/worklist/next").location == "/worklist"
    assert ("anna", "work.claimed") not in office.actions(parcel_id)


def test_a_field_that_a_late_file_brings_is_in_the_open_form(small_house: House) -> None:
    small_house.deploy()
    small_house.person("anna", "accounting")
    parcel_id, _ = small_house.parcel()
    with small_house.database.transaction() as tx:
        late = [field.value for field in tx.parcels.fields(parcel_id) if field.name == "run_length"]
    item = small_house.begin(parcel_id, run_length="")

    page = small_house.visitor("anna").text(f"/work-items/{item}")

    assert late == ["5000"]
    assert 'value="5000"' in page
