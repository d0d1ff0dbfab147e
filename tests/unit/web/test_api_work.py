"""Work items over REST: listed, claimed, completed once, and who is told what."""

import json
import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from house import House
from programs import Program, program

from storage.months import Months
from web.tokens import Scope

ACCEPTED = {"answers": {"decision": "accept", "run_length": 10}}


@pytest.fixture
def office(house: House) -> House:
    """Give a house with two accountants and a deployed process."""
    house.deploy()
    house.person("anna", "accounting")
    house.person("bert", "accounting")
    return house


def test_the_pool_of_a_group_is_listed_and_the_table_of_its_claimer(office: House) -> None:
    parcel_id, number = office.parcel()
    item = office.begin(parcel_id)
    anna = program(office, "anna")

    [waiting] = anna.get("/work-items?list=pool").json["items"]
    claimed = anna.post(f"/work-items/{item}/claim")
    [mine] = anna.get("/work-items").json["items"]

    assert (waiting["id"], waiting["parcel"], waiting["state"], waiting["group"]) == (
        item,
        number,
        "ready",
        "accounting",
    )
    assert claimed.json == mine
    assert (mine["state"], mine["assignee"], mine["is_mine"]) == ("claimed", "Anna", True)
    assert anna.get("/work-items?list=pool").json["items"] == []


def test_the_pool_is_paged_without_gaps_or_repeats(office: House) -> None:
    items = [office.begin(office.parcel()[0]) for _ in range(7)]
    anna = program(office, "anna")
    seen: list[int] = []
    address = "/work-items?list=pool&limit=3"
    while address:
        page = anna.get(address).json
        seen += [item["id"] for item in page["items"]]
        address = (page["next"] or "").removeprefix("/api/v1")

    assert sorted(seen) == sorted(items)


def test_a_work_item_shows_its_form_and_what_it_is_filled_with(office: House) -> None:
    item = office.begin(office.parcel()[0])

    shown = program(office, "anna").get(f"/work-items/{item}").json

    assert [one["key"] for one in shown["form"]["components"]] == ["product", "run_length", "decision", "reason"]
    assert shown["variables"]["run_length"] == 5000
    assert shown["outcome_field"] == "decision"
    assert {field["name"]: field["value"] for field in shown["fields"]} == {"product": "flyer", "run_length": "5000"}


def test_variables_are_written_as_programs_know_them(office: House) -> None:
    given = {
        "price": Decimal("412.50"),
        "wanted_on": date(2026, 12, 24),
        "margin": timedelta(hours=2),
        "kept": Months(14),
    }
    item = office.begin(office.parcel()[0], **given)

    shown = program(office, "anna").get(f"/work-items/{item}").json["variables"]

    assert {name: shown[name] for name in given} == {
        "price": "412.50",
        "wanted_on": "2026-12-24",
        "margin": "PT2H",
        "kept": "P1Y2M",
    }


def test_variables_that_a_person_may_not_read_are_not_shown(office: House) -> None:
    with office.database.transaction() as tx:
        grants = [rule for rule in tx.access.rules("order") if (rule.role, rule.subject) != ("accountant", "*")]
        tx.access.replace("order", grants)  # type: ignore[arg-type]  # a rule has the columns of a grant
    item = office.begin(office.parcel()[0])

    shown = program(office, "anna").get(f"/work-items/{item}").json

    assert shown["variables"] == {}
    assert shown["fields"] == []


def test_completing_claims_an_item_that_nobody_has(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)

    answer = program(office, "anna").post(f"/work-items/{item}/complete", ACCEPTED)

    assert answer.status_code == 200
    assert answer.json == {
        "id": item,
        "state": "completed",
        "completed_by": "Anna",
        "completed_at": "2026-03-02T12:00:00Z",
    }
    assert ("anna", "work.completed") in office.actions(parcel_id)


def test_completing_confirms_index_fields_in_the_same_breath(office: House) -> None:
    with office.database.transaction() as tx:
        for rule in tx.access.rules("order"):
            if (rule.role, rule.subject) == ("accountant", "*"):
                rule.level = type(rule.level)("write")
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)

    program(office, "anna").post(f"/work-items/{item}/complete", ACCEPTED)

    with office.database.reading() as tx:
        fields = {field.name: field for field in tx.parcels.fields(parcel_id)}
    assert fields["run_length"].value == "10"
    assert fields["run_length"].confirmed_at is not None


@pytest.mark.parametrize("deed", ["claim", "complete"])
def test_who_comes_second_is_told_who_and_when(office: House, deed: str) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna, bert = program(office, "anna"), program(office, "bert")
    sent = ACCEPTED if deed == "complete" else None
    anna.post(f"/work-items/{item}/{deed}", sent)

    answer = bert.post(f"/work-items/{item}/{deed}", sent)

    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "already_taken"
    assert (answer.json["who"], answer.json["when"]) == ("Anna", "2026-03-02T12:00:00+00:00")
    assert {who for who, what in office.actions(parcel_id) if what.startswith("work.")} == {"anna"}


def test_the_same_key_gets_the_first_answer_byte_for_byte(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna = program(office, "anna")

    first, *others = [anna.post(f"/work-items/{item}/complete", ACCEPTED, key="once") for _ in range(3)]

    assert first.status_code == 200
    assert "Idempotency-Replayed" not in first.headers
    for other in others:
        assert (other.status_code, other.data, other.mimetype) == (200, first.data, first.mimetype)
        assert other.headers["Idempotency-Replayed"] == "true"
    assert [what for _, what in office.actions(parcel_id)].count("work.completed") == 1


def test_the_same_key_at_the_same_time_completes_once(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)
    anna = program(office, "anna")
    together, bodies = threading.Barrier(4), []

    def send() -> None:
        together.wait()
        answer = anna.post(f"/work-items/{item}/complete", ACCEPTED, key="once")
        bodies.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bodies) == 4
    assert {status for status, _ in bodies} == {200}
    assert len(set(bodies)) == 1
    assert [what for _, what in office.actions(parcel_id)].count("work.completed") == 1


def test_the_same_key_for_another_body_is_refused(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = program(office, "anna")
    anna.post(f"/work-items/{item}/complete", ACCEPTED, key="once")

    answer = anna.post(
        f"/work-items/{item}/complete", {"answers": {"decision": "accept", "run_length": 11}}, key="once"
    )

    assert answer.status_code == 422
    assert answer.json["code"] == "idempotency_key_used"


def test_another_key_of_the_same_person_is_told_that_it_is_done(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = program(office, "anna")
    anna.post(f"/work-items/{item}/complete", ACCEPTED, key="one")

    assert anna.post(f"/work-items/{item}/complete", ACCEPTED, key="other").status_code == 409


def test_a_key_belongs_to_its_person(office: House) -> None:
    item = office.begin(office.parcel()[0])
    program(office, "anna").post(f"/work-items/{item}/complete", ACCEPTED, key="once")

    assert program(office, "bert").post(f"/work-items/{item}/complete", ACCEPTED, key="once").status_code == 409


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        ({}, {"run_length", "decision"}),
        ({"decision": "accept", "run_length": 0}, {"run_length"}),
        ({"decision": "accept", "run_length": "many"}, {"run_length"}),
        ({"decision": "accept", "run_length": {"a": 1}}, {"run_length", "run_length.a"}),
        ({"decision": ["accept", {"x": []}], "run_length": 1}, {"decision"}),
        ({"decision": "reject", "run_length": 1}, {"reason"}),
        ({"decision": "accept", "run_length": 1, "roles": ["admin"]}, {"roles"}),
        ({"decision": "accept", "run_length": 1, "__proto__": {"is_admin": True}}, {"__proto__.is_admin"}),
    ],
)
def test_answers_that_the_form_refuses_change_nothing(office: House, answers: dict[str, Any], fields: set[str]) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)

    answer = program(office, "anna").post(f"/work-items/{item}/complete", {"answers": answers}, key="k")

    assert answer.status_code == 422
    assert answer.json["code"] == "answers_refused"
    assert set(answer.json["fields"]) == fields
    assert "work.completed" not in [what for _, what in office.actions(parcel_id)]


def test_a_corrected_request_may_use_its_key_again(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = program(office, "anna")
    anna.post(f"/work-items/{item}/complete", {"answers": {}}, key="k")

    assert anna.post(f"/work-items/{item}/complete", ACCEPTED, key="k").status_code == 200


def test_what_is_read_only_is_not_taken_from_a_program(office: House) -> None:
    parcel_id, _ = office.parcel()
    item = office.begin(parcel_id)

    answer = program(office, "anna").post(
        f"/work-items/{item}/complete", {"answers": {**ACCEPTED["answers"], "product": "gold"}}
    )

    assert answer.status_code == 200
    with office.database.reading() as tx:
        [instance] = tx.processes.of_parcel(parcel_id)
    assert office.system.engine.variables(instance.id)["product"] == "flyer"


def test_an_item_of_another_group_is_not_there(office: House) -> None:
    office.person("planner", "planning")
    item = office.begin(office.parcel()[0])
    planner = program(office, "planner")
    nowhere = planner.get("/work-items/999999")

    for answer in (
        planner.get(f"/work-items/{item}"),
        planner.post(f"/work-items/{item}/claim"),
        planner.post(f"/work-items/{item}/release"),
        planner.post(f"/work-items/{item}/complete", ACCEPTED),
    ):
        assert answer.status_code == 404
        assert answer.data == nowhere.data
    assert planner.get("/work-items?list=pool").json["items"] == []


def test_a_released_item_waits_for_its_group_again(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = program(office, "anna")
    anna.post(f"/work-items/{item}/claim")

    assert anna.post(f"/work-items/{item}/release").json["state"] == "ready"
    assert anna.post(f"/work-items/{item}/release").status_code == 409
    assert program(office, "bert").post(f"/work-items/{item}/complete", ACCEPTED).status_code == 200


def test_a_number_keeps_all_its_digits(office: House) -> None:
    item = office.begin(office.parcel()[0])
    anna = program(office, "anna")

    answer = anna.send(
        f"/work-items/{item}/complete", b'{"answers": {"decision": "accept", "run_length": 10.0000000000000000001}}'
    )

    assert answer.status_code == 422
    assert "whole number" in answer.json["fields"]["run_length"]


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"answers"',
    b"NaN",
    b'{"answers": NaN}',
    b'{"answers": {"run_length": 1e999999}}',
    b'{"answers": {"run_length": ' + b"9" * 5000 + b"}}",
    b'{"answers": {"a": 1, "a": 2}}',
    b'{"answers": {}, "completed_by_id": 1}',
    b'{"answers": []}',
    b"[" * 400_000,
    b'{"answers": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}",
    b'{"answers": {"run_length": "\xff"}}',
    b'{"answers": {"run_length": "\\ud800"}}',
    b'{"answers": {"\\u0000": "\\u0000"}}',
    json.dumps({"answers": {"decision": "accept", "run_length": "1", "x" * 5000: 1}}).encode(),
]


@pytest.mark.parametrize("sent", HOSTILE, ids=lambda sent: sent[:24].decode("latin-1"))
def test_hostile_json_is_refused_with_words(small_house: House, sent: bytes) -> None:
    small_house.deploy()
    small_house.person("anna", "accounting")
    item = small_house.begin(small_house.parcel()[0])

    answer = program(small_house, "anna").send(f"/work-items/{item}/complete", sent)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] in {"request_refused", "answers_refused"}


def test_more_json_than_allowed_is_refused_unread(small_house: House) -> None:
    small_house.person("anna", "accounting")
    anna = program(small_house, "anna")

    assert anna.send("/work-items/1/complete", b'{"answers": {"a": "' + b"x" * (1 << 20) + b'"}}').status_code == 413
    assert anna.send("/work-items/1/complete", b"{}", content_type="text/plain").status_code == 415


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "limit=1&limit=2", "colour=red", "list=all", "after=1", "after=x~y",
        "after=0001-01-01T00:00:00%2B14:00~1", "after=2026-01-01T00:00:00~1", "after=2026-01-01T00:00:00%2B00:00~9" + "9" * 30,
        "group=%00", "list=pool&group=' or 1=1 --",
    ],
)  # fmt: skip
def test_a_list_is_asked_for_only_as_described(small_house: House, query: str) -> None:
    small_house.person("anna", "accounting")

    answer = program(small_house, "anna").get(f"/work-items?{query}")

    assert answer.status_code == 422
    assert answer.json["errors"]


def test_a_program_needs_the_scope_of_each_deed(office: House) -> None:
    item = office.begin(office.parcel()[0])
    reader: Program = program(office, "anna", Scope.WORK_READ)

    assert reader.get(f"/work-items/{item}").status_code == 200
    assert reader.post(f"/work-items/{item}/complete", ACCEPTED).status_code == 403


def test_an_item_that_somebody_of_another_group_has_is_not_there_either(office: House) -> None:
    office.person("planner", "planning")
    item = office.begin(office.parcel()[0])
    assert program(office, "anna").post(f"/work-items/{item}/claim").status_code == 200
    planner = program(office, "planner")
    nowhere = planner.post("/work-items/999999/claim")

    for deed in ("claim", "release"):
        answer = planner.post(f"/work-items/{item}/{deed}")
        assert (answer.status_code, answer.data) == (404, nowhere.data)
