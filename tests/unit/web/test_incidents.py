"""Incidents in the browser: shown by cause, tried again, given up."""

import pytest
from house import House, Visitor
from running import BERLIN, a_diagram, a_process, end, gateway, start

from engine.deployment import Surroundings, deploy
from storage.incidents import IncidentState
from storage.processes import InstanceState

STUMBLING = a_process(
    "stumbling",
    start(),
    gateway("is_late", "exclusive", 'default="is_late_to_done"'),
    end(),
    end("later"),
    "begin -> is_late",
    "is_late -> done",
    "is_late -> later if date(wanted) > date('2026-01-01')",
)


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with an administrator and a process that stumbles over what is no date."""
    small_house.deploy()
    small_house.person("adam", "administrators")
    deploy(small_house.database, Surroundings(BERLIN), {"stumbling.bpmn": a_diagram(STUMBLING)}, login="owner")
    return small_house


def _stumble(office: House, wanted: str = "soon") -> tuple[int, int]:
    """Let an instance stumble; give it and its incident."""
    parcel_id, _ = office.parcel()
    instance = office.system.engine.start("stumbling", parcel_id, {"wanted": wanted})
    return instance, _open(office)[-1]


def _open(office: House) -> list[int]:
    with office.database.reading() as tx:
        return [one.id for one in tx.incidents.still_open()]


def _state(office: House, incident: int) -> IncidentState:
    with office.database.reading() as tx:
        return tx.incidents.one(incident).state


def _adam(office: House) -> Visitor:
    adam = office.visitor("adam")
    adam.get("/incidents")
    return adam


def test_nothing_wrong_is_said_so(office: House) -> None:
    assert "Everything runs." in _adam(office).text("/incidents")


def test_incidents_of_one_cause_stand_together_with_element_expression_and_data(office: House) -> None:
    for wanted in ("soon", "<b>later</b>"):
        _stumble(office, wanted)

    page = _adam(office).text("/incidents")

    assert page.count('<section class="card">') == 1
    assert "Is late" in page
    assert "date(wanted)" in page
    assert "soon" in page
    assert "<b>later" not in page


def test_the_data_that_broke_it_is_shown_only_to_whom_the_parcel_is_open(office: House) -> None:
    office.person("olga", "process_owners")
    _stumble(office, "a secret")

    page = office.visitor("olga").text("/incidents")

    assert "Is late" in page
    assert "a secret" not in page
    assert "P-2026" not in page


def test_a_retry_tries_again_and_tells_who_did_it(office: House) -> None:
    _, incident = _stumble(office)
    adam = _adam(office)

    answer = adam.post("/incidents/retry", incident=[incident])

    assert answer.location == "/incidents"
    assert "Trying again: 1." in adam.text("/incidents")
    assert _state(office, incident) is IncidentState.RESOLVED
    assert _open(office) == [incident + 1]
    assert ("adam", "incident.retried") in office.actions(1)


def test_giving_up_ends_the_instance_with_the_reason(office: House) -> None:
    (instance, incident), (other, rest) = _stumble(office), _stumble(office)
    adam = _adam(office)

    adam.post("/incidents/give-up", incident=[incident], reason="not worth it")

    assert _state(office, incident) is IncidentState.GIVEN_UP
    assert _open(office) == [rest]
    with office.database.reading() as tx:
        assert tx.processes.one(instance).state is InstanceState.TERMINATED
        assert tx.processes.one(instance).end_reason == "not worth it"
        assert tx.processes.one(other).state is InstanceState.ACTIVE


def test_giving_up_needs_a_reason(office: House) -> None:
    _, incident = _stumble(office)
    adam = _adam(office)

    adam.post("/incidents/give-up", incident=[incident], reason="  ")

    assert "Say why you give up." in adam.text("/incidents")
    assert _state(office, incident) is IncidentState.OPEN


def test_what_somebody_dealt_with_already_is_counted_and_changes_nothing(office: House) -> None:
    (_, first), (_, second) = _stumble(office), _stumble(office)
    adam = _adam(office)
    adam.post("/incidents/give-up", incident=[first], reason="no")
    adam.get("/incidents")

    adam.post("/incidents/give-up", incident=[first, second], reason="no")

    page = adam.text("/incidents")
    assert "Given up: 1." in page
    assert "1 had been dealt with already." in page


@pytest.mark.parametrize("act", ["retry", "give-up"])
def test_an_incident_of_a_parcel_that_one_may_not_see_is_not_there_to_act_on(office: House, act: str) -> None:
    office.person("olga", "process_owners")
    _, incident = _stumble(office)
    olga = office.visitor("olga")
    page = olga.text("/incidents")

    answer = olga.post(f"/incidents/{act}", incident=[incident], reason="no")

    assert answer.status_code == 404
    assert f'value="{incident}"' not in page
    assert "belongs to an order that you may not see" in page
    assert _state(office, incident) is IncidentState.OPEN
    assert olga.post(f"/incidents/{act}", incident=[999], reason="no").status_code == 404


def test_with_one_incident_out_of_sight_nothing_is_done_to_the_others(office: House) -> None:
    office.person("olga", "process_owners")
    loose = office.system.engine.start("stumbling", None, {"wanted": "soon"})
    [free] = _open(office)
    _, hidden = _stumble(office)
    olga = office.visitor("olga")
    olga.get("/incidents")

    assert olga.post("/incidents/give-up", incident=[free, hidden], reason="no").status_code == 404
    assert _state(office, free) is IncidentState.OPEN
    olga.get("/incidents")
    assert olga.post("/incidents/give-up", incident=[free], reason="no").status_code == 302

    with office.database.reading() as tx:
        assert tx.processes.one(loose).state is InstanceState.TERMINATED
