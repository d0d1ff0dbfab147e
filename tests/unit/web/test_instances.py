"""Instances in the browser: seen by those who may, moved, changed, suspended, ended, each with a reason."""

import pytest
from house import House, Visitor
from running import BERLIN, a_diagram, a_process, end, start, user

from engine.deployment import Surroundings, deploy
from storage.processes import InstanceState

LINE = a_process(
    "line", start(), user("first"), user("second"), end(), "begin -> first", "first -> second", "second -> done"
)


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with an administrator, a process owner without rights on parcels, and a manager."""
    small_house.deploy()
    deploy(small_house.database, Surroundings(BERLIN), {"line.bpmn": a_diagram(LINE)}, login="owner")
    for login, group in (("adam", "administrators"), ("olga", "process_owners"), ("max", "manager")):
        small_house.person(login, group)
    return small_house


def _started(office: House, **variables: object) -> int:
    parcel_id, _ = office.parcel()
    return office.system.engine.start("order", parcel_id, variables)


def _adam(office: House, instance: int) -> Visitor:
    adam = office.visitor("adam")
    adam.get(f"/instances/{instance}")
    return adam


def _state(office: House, instance: int) -> InstanceState:
    with office.database.reading() as tx:
        return tx.processes.one(instance).state


def _key(office: House, instance: int) -> str:
    with office.database.reading() as tx:
        return office.system.operator.standings(tx, tx.processes.one(instance))[0].key


def test_an_instance_is_shown_with_its_tokens_and_variables(office: House) -> None:
    instance = _started(office, product="Flyer")

    page = _adam(office, instance).text(f"/instances/{instance}")

    assert "Review order" in page
    assert "Flyer" in page
    assert f"/instances/{instance}" in _adam(office, instance).text("/instances")


def test_who_may_not_see_the_parcel_finds_no_instance_and_a_clerk_finds_no_page(office: House) -> None:
    instance = _started(office)
    olga = office.visitor("olga")
    olga.get("/instances")

    assert olga.get(f"/instances/{instance}").status_code == 404
    assert olga.get(f"/instances/{instance}/diagram").status_code == 404
    assert olga.post(f"/instances/{instance}/suspend", reason="x").status_code == 404
    assert f"/instances/{instance}" not in olga.text("/instances")
    assert office.visitor("max").get(f"/instances/{instance}").status_code == 404
    assert _state(office, instance) is InstanceState.ACTIVE


def test_a_token_is_moved_added_and_cancelled(office: House) -> None:
    instance = office.system.engine.start("line")
    adam = _adam(office, instance)

    adam.post(f"/instances/{instance}/move", token=_key(office, instance), node="second", reason="Skip it.")
    assert _key(office, instance).startswith("second:")
    adam.post(f"/instances/{instance}/add", token=_key(office, instance), node="first", reason="Both.")
    with office.database.reading() as tx:
        keys = [one.key for one in office.system.operator.standings(tx, tx.processes.one(instance))]
    assert [key.partition(":")[0] for key in keys] == ["second", "first"]
    adam.post(f"/instances/{instance}/cancel", token=keys[1], reason="Not both.")

    with office.database.reading() as tx:
        assert [item.node for item in tx.work.of_instance(instance, only_open=True)] == ["second"]
        actions = [one.action for one in tx.audit.history(f"instance:{instance}")]
    assert actions[-3:] == ["token.moved", "token.added", "token.cancelled"]


def test_what_makes_no_sense_is_refused_on_the_page_with_what_was_typed(office: House) -> None:
    instance = office.system.engine.start("line")

    answer = _adam(office, instance).post(
        f"/instances/{instance}/cancel", token=_key(office, instance), reason="Away with it."
    )

    assert answer.status_code == 422
    assert "only token" in answer.get_data(as_text=True)
    assert "Away with it." in answer.get_data(as_text=True)


def test_a_variable_is_changed_and_one_that_may_not_be_read_is_not(office: House) -> None:
    office.deploy(also_access="process_owner,*,order,read,all\nprocess_owner,*,product,read,all\n")
    instance = _started(office, product="Flyer", price=3)
    olga = office.visitor("olga")
    assert "Flyer" in olga.text(f"/instances/{instance}")

    olga.post(f"/instances/{instance}/variables", name="product", kind="value", value="[1.50]", reason="x")
    refused = olga.post(f"/instances/{instance}/variables", name="price", kind="value", value="4", reason="x")

    assert refused.status_code == 403
    assert str(office.system.engine.variables(instance)) == "{'product': [Decimal('1.50')], 'price': 3}"


def test_an_instance_is_suspended_let_go_on_ended_and_deleted(office: House) -> None:
    instance = _started(office)
    adam = _adam(office, instance)

    assert adam.post(f"/instances/{instance}/suspend", reason=" ").status_code == 422
    adam.post(f"/instances/{instance}/suspend", reason="Wait.")
    assert _state(office, instance) is InstanceState.SUSPENDED
    adam.post(f"/instances/{instance}/go-on", reason="Go.")
    adam.post(f"/instances/{instance}/terminate", reason="Enough.")
    assert _state(office, instance) is InstanceState.TERMINATED
    adam.post(f"/instances/{instance}/delete", reason="Gone.")

    assert adam.get(f"/instances/{instance}").status_code == 404


def _sent_twice(adam: Visitor, address: str, **typed: str) -> list[tuple[int, str | None]]:
    answers = [adam.post(address, **typed, request_key="once") for _ in range(2)]
    return [(answer.status_code, answer.location) for answer in answers]


def test_a_form_sent_twice_acts_once(office: House) -> None:
    instance = office.system.engine.start("line")
    adam = _adam(office, instance)
    assert 'name="request_key"' in adam.text(f"/instances/{instance}")

    assert (
        _sent_twice(adam, f"/instances/{instance}/add", node="second", reason="Both.")
        == [(302, f"/instances/{instance}")] * 2
    )

    with office.database.reading() as tx:
        assert len(office.system.operator.standings(tx, tx.processes.one(instance))) == 2


def test_an_instance_deleted_by_a_form_sent_twice_is_answered_alike(office: House) -> None:
    instance = office.system.engine.start("line")
    adam = _adam(office, instance)

    assert _sent_twice(adam, f"/instances/{instance}/delete", reason="Gone.") == [(302, "/instances")] * 2


def test_a_key_that_was_sent_with_something_else_is_told_on_the_page(office: House) -> None:
    instance = office.system.engine.start("line")
    adam = _adam(office, instance)
    adam.post(f"/instances/{instance}/suspend", reason="Wait.", request_key="once")

    answer = adam.post(f"/instances/{instance}/go-on", reason="Go.", request_key="once")

    assert answer.status_code == 422
    assert "load the page again" in answer.text
    assert _state(office, instance) is InstanceState.SUSPENDED
