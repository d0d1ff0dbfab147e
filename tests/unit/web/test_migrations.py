"""Migrations in the browser and over REST: planned, begun, carried out by a worker, watched."""

from typing import Any

import pytest
from house import House
from programs import Program, program
from running import BERLIN, a_diagram, a_process, end, start, user

from engine.deployment import Surroundings, deploy
from engine.worker import Worker
from web.tokens import Scope


def _line(*names: str) -> bytes:
    flows = [f"{one} -> {two}" for one, two in zip(("begin", *names), (*names, "done"), strict=True)]
    return a_diagram(a_process("line", start(), *map(user, names), end(), *flows))


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with an administrator and two versions of a process."""
    small_house.person("adam", "administrators")
    _put(small_house, "first", "second")
    return small_house


def _put(office: House, *names: str) -> None:
    deploy(office.database, Surroundings(BERLIN), {"line.bpmn": _line(*names)}, login="owner")


def _work(office: House) -> None:
    system = office.system
    Worker(system.database, system.engine, system.operations, node="here").run_waiting()


def _versions(office: House) -> list[int]:
    with office.database.reading() as tx:
        return [tx.deployments.definition(one.definition_id).version for one in tx.processes.all()]


def _open(office: House) -> list[str]:
    with office.database.reading() as tx:
        return [item.node for item in tx.work.open()]


def _adam(office: House) -> Program:
    return program(office, "adam", Scope.INSTANCES_READ, Scope.INSTANCES_WRITE)


def test_a_migration_is_mapped_planned_begun_and_watched(office: House) -> None:
    office.system.engine.start("line")
    _put(office, "start", "second")
    adam = office.visitor("adam")

    plan = adam.text("/processes/line/migrate")
    assert "1 cannot" in plan
    assert "That version does not have it" in plan
    mapped = adam.text("/processes/line/migrate?version=2&map.first=start")
    assert "1 can move" in mapped
    answer = adam.post("/processes/line/migrate", version="2", how="each", reason="", **{"map.first": "start"})
    assert answer.status_code == 422
    answer = adam.post("/processes/line/migrate", version="2", how="each", reason="Better.", **{"map.first": "start"})
    assert "0 of 1" in adam.text(answer.headers["Location"])
    _work(office)

    assert "1 moved" in adam.text(answer.headers["Location"])
    assert (_versions(office), _open(office)) == ([2], ["start"])


def test_the_same_over_rest(office: House) -> None:
    office.system.engine.start("line")
    _put(office, "start", "second")
    adam = _adam(office)

    plan = adam.post("/processes/line/migrations/plan", {"version": 2}).get_json()
    assert plan["items"][0]["hurdles"][0]["node"] == "first"
    asked: dict[str, Any] = {"version": 2, "mapping": {"first": "start"}, "reason": "Better.", "together": True}
    begun = adam.post("/processes/line/migrations", asked, key="m1")
    assert begun.status_code == 202
    assert adam.post("/processes/line/migrations", asked, key="m1").get_json() == begun.get_json()
    _work(office)

    progress = adam.get(f"/migrations/{begun.get_json()['id']}").get_json()
    assert (progress["is_done"], progress["counts"]["moved"]) == (True, 1)
    assert _versions(office) == [2]


def test_instances_are_changed_over_rest(office: House) -> None:
    instance = office.system.engine.start("line", None, {"copies": 1})
    adam = _adam(office)
    [line] = adam.get("/instances").get_json()["items"]
    shown = adam.get(f"/instances/{line['id']}").get_json()
    assert (shown["variables"], shown["tokens"][0]["node"]) == ({"copies": 1}, "first")
    token = shown["tokens"][0]["key"]

    moved = adam.post(f"/instances/{instance}/tokens/move", {"token": token, "node": "second", "reason": "Skip."})
    assert [one["node"] for one in moved.get_json()["tokens"]] == ["second"]
    added = adam.post(f"/instances/{instance}/tokens/add", {"node": "first", "reason": "Both."}).get_json()
    key = next(one["key"] for one in added["tokens"] if one["node"] == "first")
    adam.post(f"/instances/{instance}/tokens/cancel", {"token": key, "reason": "No."})
    changed = adam.post(f"/instances/{instance}/variables", {"values": {"copies": 2}, "reason": "He called."})
    assert changed.get_json()["variables"] == {"copies": 2}
    assert adam.post(f"/instances/{instance}/suspend", {"reason": "Wait."}).get_json()["state"] == "suspended"
    assert adam.post(f"/instances/{instance}/go-on", {"reason": "Go."}).get_json()["state"] == "active"
    refused = adam.post(f"/instances/{instance}/tokens/cancel", {"token": "x:1", "reason": "No."})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "intervention_refused")
    assert adam.post(f"/instances/{instance}/terminate", {"reason": "Enough."}).get_json()["end_reason"] == "Enough."
    assert adam.post(f"/instances/{instance}/delete", {"reason": "Gone."}).get_json() == {"id": instance}
    assert adam.get(f"/instances/{instance}").status_code == 404


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("suspend", {}),
        ("terminate", {}),
        ("delete", {}),
        ("tokens/add", {"node": "second"}),
        ("variables", {"values": {"copies": 2}}),
    ],
)
def test_a_deed_and_its_kept_answer_are_one(
    office: House, monkeypatch: pytest.MonkeyPatch, operation: str, asked: dict[str, Any]
) -> None:
    instance = office.system.engine.start("line", None, {"copies": 1})
    adam = _adam(office)
    before = adam.get(f"/instances/{instance}").get_json()
    sent = f"/instances/{instance}/{operation}", asked | {"reason": "Said so."}

    with monkeypatch.context() as broken:
        broken.setattr("web.repeats._keep_in", _fail)
        assert adam.post(*sent, key="once").status_code == 500
    assert adam.get(f"/instances/{instance}").get_json() == before

    answers = [adam.post(*sent, key="once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].get_json() == answers[1].get_json()
    assert "Idempotency-Replayed" in answers[1].headers


def test_a_migration_whose_answer_is_not_kept_is_not_begun(office: House, monkeypatch: pytest.MonkeyPatch) -> None:
    office.system.engine.start("line")
    _put(office, "start", "second")
    adam = _adam(office)

    with monkeypatch.context() as broken:
        broken.setattr("web.repeats._keep_in", _fail)
        asked = {"version": 2, "mapping": {"first": "start"}, "reason": "Better."}
        assert adam.post("/processes/line/migrations", asked, key="once").status_code == 500

    with office.database.reading() as tx:
        assert tx.jobs.unfinished() == []
    assert _versions(office) == [1]


def _fail(*_: object) -> None:
    raise RuntimeError("The plug is pulled.")


def test_a_token_that_only_reads_changes_nothing(office: House) -> None:
    instance = office.system.engine.start("line")

    answer = program(office, "adam", Scope.INSTANCES_READ).post(f"/instances/{instance}/suspend", {"reason": "x"})

    assert answer.get_json()["code"] == "scope_missing"


def test_what_one_may_not_see_is_neither_planned_nor_moved(office: House) -> None:
    office.deploy()
    office.person("olga", "process_owners")
    parcel_id, _ = office.parcel()
    office.system.engine.start("order", parcel_id)
    office.deploy(review="")
    olga = program(office, "olga", Scope.INSTANCES_READ, Scope.INSTANCES_WRITE)

    assert olga.post("/processes/order/migrations/plan", {"version": 2}).get_json()["items"] == []
    assert olga.post("/processes/order/migrations", {"version": 2, "reason": "x"}).status_code == 422
    assert _versions(office) == [1]


def test_a_migration_whose_form_is_sent_twice_is_begun_once(office: House) -> None:
    office.system.engine.start("line")
    _put(office, "first", "third")
    adam = office.visitor("adam")
    assert 'name="request_key"' in adam.text("/processes/line/migrate")
    typed = {"version": "2", "how": "each", "reason": "Better.", "request_key": "once"}

    answers = [adam.post("/processes/line/migrate", **typed) for _ in range(2)]

    assert len({answer.location for answer in answers}) == 1
    with office.database.reading() as tx:
        assert len(tx.migrations.of_process("line")) == 1
