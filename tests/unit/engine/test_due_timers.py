"""Many timers due at once: fired together, each once, and one that fails harms no other."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, gateway, service, start, user
from sqlalchemy import event, select, update
from statements import counted

from engine.firing import MOST_TOGETHER, prepare, write
from engine.incident_desk import IncidentDesk
from engine.worker import Pace, Worker
from storage import failpoints
from storage.database import Transaction
from storage.errors import StaleVersion
from storage.incidents import Incident, NewIncident
from storage.processes import ProcessInstance
from storage.work import FurtherCandidate
from storage.worklist import ItemInHand

_PAUSE = (
    '<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>'
    "</intermediateCatchEvent>"
)
_PAUSED = a_diagram(
    a_process("order", start(), _PAUSE, user("look"), end(), "begin -> pause", "pause -> look", "look -> done")
)
_HOUR = timedelta(hours=1)


def _ids(office: Office, count: int) -> list[int]:
    return [office.engine.start("order") for _ in range(count)]


def _spoil(office: Office, instance: int) -> None:
    with office.database.transaction() as tx:
        tx.connection.execute(
            update(ProcessInstance).where(ProcessInstance.id == instance).values(snapshot=b"not a state")
        )


def test_timers_of_different_instances_are_fired_in_one_transaction(office: Office, clock: FakeClock) -> None:
    office.deploy(_PAUSED)
    instances = _ids(office, 20)
    clock.advance(_HOUR)

    fired = office.engine.fire_due()

    assert (fired.count, fired.failed) == (20, ())
    assert [list(office.items(instance)) for instance in instances] == [["look"]] * 20
    assert not office.engine.fire_due()
    assert office.breaches() == []


def test_each_of_many_firings_is_in_its_own_unbroken_chain(office: Office, clock: FakeClock) -> None:
    office.deploy(_PAUSED)
    parcels = [office.parcel() for _ in range(3)]
    for parcel in parcels:
        office.engine.start("order", parcel)
    clock.advance(_HOUR)

    office.engine.fire_due()

    with office.database.transaction() as tx:
        assert list(tx.audit.verify()) == []
        actions = [[event.action for event in tx.audit.history(f"parcel:{parcel}")] for parcel in parcels]
    assert [chain.count("timer.fired") for chain in actions] == [1, 1, 1]


def test_an_instance_that_cannot_be_loaded_rests_and_the_others_fire(office: Office, clock: FakeClock) -> None:
    office.deploy(_PAUSED)
    broken, *others = _ids(office, MOST_TOGETHER + 5)
    _spoil(office, broken)
    clock.advance(_HOUR)
    worker = Worker(office.database, office.engine, {}, node="here")

    worker.fire_timers()

    assert all(list(office.items(instance)) == ["look"] for instance in others)
    assert office.items(broken) == {}


def test_timers_of_suspended_instances_do_not_hold_up_the_others(office: Office, clock: FakeClock) -> None:
    office.deploy(_PAUSED)
    resting = _ids(office, MOST_TOGETHER)
    for instance in resting:
        office.operator.suspend(instance, "ann", "a strike")
    clock.advance(timedelta(minutes=1))
    [awake] = _ids(office, 1)
    clock.advance(_HOUR)

    Worker(office.database, office.engine, {}, node="here").fire_timers()

    assert list(office.items(awake)) == ["look"]
    office.operator.go_on(resting[0], "ann", "it is over")
    office.engine.fire_due()
    assert list(office.items(resting[0])) == ["look"]
    assert office.items(resting[1]) == {}


def test_two_timers_of_one_instance_both_fire(office: Office, clock: FakeClock) -> None:
    reminder = (
        '<boundaryEvent id="{0}" attachedToRef="look" cancelActivity="false"><timerEventDefinition>'
        "<timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>"
    )
    office.deploy(
        a_diagram(
            a_process(
                "order", start(), user("look"), reminder.format("first"), reminder.format("second"),
                user("remind"), user("warn"), end(), end("reminded"), end("warned"),
                "begin -> look", "look -> done", "first -> remind", "second -> warn",
                "remind -> reminded", "warn -> warned",
            )
        )
    )  # fmt: skip
    [instance] = _ids(office, 1)
    clock.advance(_HOUR)

    Worker(office.database, office.engine, {}, node="here").fire_timers()

    assert sorted(office.items(instance)) == ["look", "remind", "warn"]


def test_a_signal_thrown_by_one_firing_reaches_who_waited_for_it_since_the_firing_before(
    office: Office, clock: FakeClock
) -> None:
    bell = '<intermediateCatchEvent id="bell"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>'
    ring = '<intermediateThrowEvent id="ring"><signalEventDefinition signalRef="s"/></intermediateThrowEvent>'
    flows = ("begin -> pause", "pause -> {0}", "{0} -> look", "look -> done")
    listener = a_process("listener", start(), _PAUSE, bell, user("look"), end(), *(f.format("bell") for f in flows))
    ringer = a_process("ringer", start(), _PAUSE, ring, user("look"), end(), *(f.format("ring") for f in flows))
    head = '<signal id="s" name="ring"/>'
    office.deploy(a_diagram(listener, head=head))
    office.deploy(a_diagram(ringer, head=head))
    first = office.engine.start("listener")
    office.engine.start("ringer")
    clock.advance(_HOUR)

    assert office.engine.fire_due().count == 2
    office.engine.deliver_pending()

    assert list(office.items(first)) == ["look"]


def test_a_group_is_one_commit_however_large(office: Office, clock: FakeClock) -> None:
    office.deploy(_PAUSED)
    _ids(office, 40)
    clock.advance(_HOUR)
    commits: list[object] = []
    event.listen(office.database.engine, "commit", commits.append)

    office.engine.fire_due()

    looks = 0 if office.database.is_sqlite else 1  # on PostgreSQL reading ends with a commit too
    assert len(commits) == 1 + looks


@pytest.mark.parametrize("count", [2, 40])
def test_a_group_is_four_writes_and_two_looks_however_large(office: Office, clock: FakeClock, count: int) -> None:
    office.deploy(_PAUSED)
    _ids(office, count)
    clock.advance(_HOUR)

    with counted(office.database) as told:
        office.engine.fire_due()

    heads = [" ".join(text.split()[:3]) for text in told.statements]
    if office.database.is_sqlite:  # its trace tells a statement again for each row of a call
        heads = [head for head, _ in groupby(heads)]
    looks = [text for text in heads if text.startswith("SELECT")]
    writes = [text for text in heads if not text.startswith("SELECT")]
    assert len(looks) == 2
    assert writes == [
        "UPDATE process_instance SET",
        "DELETE FROM timer",
        "INSERT INTO work_item",
        "INSERT INTO audit_event",
    ]


_SCARE = (
    '<boundaryEvent id="late" attachedToRef="look"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
    "</timerEventDefinition></boundaryEvent>"
)


def test_many_firings_together_withdraw_what_each_interrupts_and_offer_what_follows(
    office: Office, clock: FakeClock
) -> None:
    urge = user("urge", "planning,accounting", 'parcelflow:status="late"')
    office.deploy(
        a_diagram(
            a_process(
                "order", start(), user("look"), _SCARE, urge, end(), end("urged"),
                "begin -> look", "look -> done", "late -> urge", "urge -> urged",
            )
        ),
        statuses_csv=b"status,name\nlate,Late\n",
    )  # fmt: skip
    parcels = [office.parcel() for _ in range(3)]
    instances = [office.engine.start("order", parcel) for parcel in parcels]
    clock.advance(_HOUR)

    assert office.engine.fire_due().count == 3

    assert [list(office.items(instance)) for instance in instances] == [["urge"]] * 3
    with office.database.reading() as tx:
        assert [tx.parcels.one(parcel).status for parcel in parcels] == ["late"] * 3
        further = tx.connection.execute(select(FurtherCandidate.work_item_id, FurtherCandidate.candidate_group)).all()
    items = [office.item(instance, "urge") for instance in instances]
    assert sorted(map(tuple, further)) == [(item, "accounting") for item in items]
    assert office.breaches() == []


def test_one_moved_meanwhile_leaves_the_whole_group_as_it_was_and_each_is_fired_by_itself(
    office: Office, clock: FakeClock
) -> None:
    office.deploy(_PAUSED)
    instances = _ids(office, 3)
    clock.advance(_HOUR)
    with office.database.transaction() as tx:
        due = tx.processes.due(MOST_TOGETHER)
        firings = prepare(tx, lambda deployment: office.engine._programs.of(tx, deployment), due)
    office.engine.fire_timer(due[1].id)

    with pytest.raises(StaleVersion), office.database.transaction() as tx:
        write(tx, firings)

    assert [list(office.items(instance)) for instance in instances] == [[], ["look"], []]
    assert office.engine.fire_due().count == 2
    assert office.breaches() == []


def _late(*after: str) -> bytes:
    late = (
        '<boundaryEvent id="late" attachedToRef="ask"><timerEventDefinition>'
        "<timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>"
    )
    return a_diagram(
        a_process("order", start(), service("ask"), late, end(), end("over"), *after, "begin -> ask", "ask -> done")
    )


@pytest.mark.parametrize(
    ("after", "state"), [(("late -> over",), "completed"), ((user("look"), "late -> look", "look -> over"), "active")]
)
def test_a_job_that_stops_while_its_activity_is_taken_away_leaves_no_incident(
    office: Office, clock: FakeClock, after: tuple[str, ...], state: str
) -> None:
    office.deploy(_late(*after))
    instance = office.engine.start("order")
    with office.database.transaction() as tx:
        job = tx.jobs.claim(tx.jobs.waiting()[0], "here")
    assert job is not None
    clock.advance(_HOUR)
    with office.database.transaction() as tx:
        firings = prepare(
            tx, lambda deployment: office.engine._programs.of(tx, deployment), tx.processes.due(MOST_TOGETHER)
        )

    with office.database.transaction() as tx:
        tx.jobs.stop(job.id, job.attempts, NewIncident("failed", "It failed.", key=job.key, job_id=job.id))
    with office.database.transaction() as tx:
        write(tx, firings)

    assert office.state(instance) == state
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
    assert office.breaches() == []


def test_a_job_that_stops_in_the_same_moment_as_its_instance_ends_leaves_no_incident(office: Office) -> None:
    flows = ("begin -> fork", "fork -> ask", "fork -> cancel", "ask -> done", "cancel -> stop")
    stop = end("stop", "<terminateEventDefinition/>")
    office.deploy(
        a_diagram(a_process("order", start(), gateway("fork"), service("ask"), user("cancel"), end(), stop, *flows))
    )
    ann, instance = office.person("ann"), office.engine.start("order")
    with office.database.transaction() as tx:
        job = tx.jobs.claim(tx.jobs.waiting()[0], "here")
    assert job is not None

    def give_up_trying() -> bool:
        with office.database.transaction() as tx:
            new = NewIncident("failed", "It failed.", key=job.key, job_id=job.id)
            return tx.jobs.stop(job.id, job.attempts, new)

    with ThreadPoolExecutor(1) as thread:

        def answers(_tx: Transaction, _hand: ItemInHand) -> Mapping[str, Any]:
            wait([thread.submit(give_up_trying)], 1 if office.database.is_sqlite else 30)
            return {}

        office.engine.complete(office.item(instance, "cancel"), ann, answers)

    assert office.state(instance) == "terminated"
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
    assert office.breaches() == []


_EVERY_HOUR = (
    '<boundaryEvent id="hourly" attachedToRef="look" cancelActivity="false"><timerEventDefinition>'
    "<timeCycle>{}</timeCycle></timerEventDefinition></boundaryEvent>"
)


@pytest.mark.parametrize("cycle", ["R/PT1H", "0 * * * *"])
def test_a_cycle_missed_a_thousand_times_fires_once_and_tells_the_count(
    office: Office, clock: FakeClock, cycle: str
) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order", start(), user("look"), _EVERY_HOUR.format(cycle), user("remind"), end(), end("reminded"),
                "begin -> look", "look -> done", "hourly -> remind", "remind -> reminded",
            )
        )
    )  # fmt: skip
    [instance] = _ids(office, 1)
    worker = Worker(office.database, office.engine, {}, node="here")
    clock.advance(1001 * _HOUR)

    worker.fire_timers()
    worker.fire_timers()

    assert sorted(office.items(instance)) == ["look", "remind"]
    assert office.engine.variables_at(office.item(instance, "remind"))["times_missed"] == 1000
    with office.database.transaction() as tx:
        [event] = [event for event in tx.audit.history(f"instance:{instance}") if event.action == "timer.fired"]
    assert event.details["times_missed"] == 1000
    clock.advance(_HOUR)
    worker.fire_timers()
    with office.database.reading() as tx:
        reminders = [item for item in tx.work.of_instance(instance, only_open=True) if item.node == "remind"]
    told = [office.engine.variables_at(item.id).get("times_missed", 0) for item in reminders]
    assert sorted(told) == [0, 1000]


def test_a_start_missed_a_thousand_times_begins_one_instance_that_knows(office: Office, clock: FakeClock) -> None:
    timer = "<timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition>"
    office.deploy(
        a_diagram(a_process("order", start("hourly", timer), user("look"), end(), "hourly -> look", "look -> done"))
    )
    worker = Worker(office.database, office.engine, {}, node="here")
    clock.advance(_HOUR)
    worker.fire_timers()
    clock.advance(1000 * _HOUR)

    worker.fire_timers()
    worker.fire_timers()

    with office.database.reading() as tx:
        first, second = (instance.id for instance in tx.processes.all())
    assert "times_missed" not in office.variables(first)
    assert office.variables(second)["times_missed"] == 999


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1), timedelta(days=400), timedelta(minutes=61)])
def test_a_clock_that_jumps_fires_each_timer_once_and_none_before_it_is_due(
    office: Office, clock: FakeClock, jump: timedelta
) -> None:
    office.deploy(_PAUSED)
    [instance] = _ids(office, 1)
    worker = Worker(office.database, office.engine, {}, node="here")
    clock.advance(timedelta(minutes=59))
    clock.advance(-jump)
    worker.fire_timers()
    assert office.items(instance) == {}

    clock.advance(2 * jump + timedelta(minutes=1))
    worker.fire_timers()
    clock.advance(-jump)
    worker.fire_timers()
    clock.advance(2 * jump)
    worker.fire_timers()

    assert list(office.items(instance)) == ["look"]
    assert office.trace(instance).count("pause") == 1


def _timed(kind: str, text: str, node: str, begin: str = "begin") -> bytes:
    timer = f"<timerEventDefinition><{kind}>{text}</{kind}></timerEventDefinition>"
    return a_diagram(
        a_process("order", start(begin, timer), user(node), end(), f"{begin} -> {node}", f"{node} -> done")
    )


def _begun(office: Office) -> list[str]:
    Worker(office.database, office.engine, {}, node="here").fire_timers()
    with office.database.reading() as tx:
        return [node for instance in tx.processes.all() for node in office.items(instance.id)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timeDate", "2026-03-03T00:00:00Z"),
        ("timeDuration", "PT12H"),
        ("timeCycle", "0 1 * * *"),
        ("timeCycle", "R/2026-03-03T00:00:00Z/P1D"),
    ],
)
@pytest.mark.parametrize(
    ("next_kind", "next_text", "begin", "node"),
    [
        ("", "", "begin", "new"),
        ("timeCycle", "0 9 1 * *", "begin", "new"),
        ("timeCycle", "0 9 1 * *", "other", "old"),
    ],
)
def test_a_start_that_is_due_when_a_new_version_comes_in_force_fires_once(  # noqa: PLR0917 - two tables
    office: Office, clock: FakeClock, kind: str, text: str, next_kind: str, next_text: str, begin: str, node: str
) -> None:
    office.deploy(_timed(kind, text, "old"))
    clock.advance(13 * _HOUR)

    office.deploy(_timed(next_kind or kind, next_text or text, "new", begin))

    assert _begun(office) == [node]
    assert _begun(office) == [node]
    assert office.breaches() == []


@pytest.mark.parametrize("is_fired", [False, True])
def test_a_date_starts_one_instance_however_often_its_process_comes_in_force(
    office: Office, clock: FakeClock, *, is_fired: bool
) -> None:
    date = "timeDate", "2026-03-03T00:00:00Z"
    office.deploy(_timed(*date, "first"))
    clock.advance(13 * _HOUR)
    before = _begun(office) if is_fired else []

    office.deploy(_timed(*date, "second"))
    office.deploy(_timed(*date, "third"))

    assert _begun(office) == (before or ["third"])
    office.deploy(_timed(*date, "fourth"))
    assert _begun(office) == (before or ["third"])


def test_a_cycle_goes_on_where_it_was_when_a_new_version_comes_in_force(office: Office, clock: FakeClock) -> None:
    office.deploy(_timed("timeCycle", "R3/PT4H", "old"))
    clock.advance(5 * _HOUR)
    assert _begun(office) == ["old"]

    office.deploy(_timed("timeCycle", "R3/PT4H", "new"))

    for hours, begun in ((2, 1), (1, 2), (4, 3), (4, 3)):
        clock.advance(hours * _HOUR)
        assert _begun(office) == ["old", "new", "new"][:begun]


def test_a_cycle_that_began_in_the_past_goes_on_with_what_is_still_to_come(office: Office, clock: FakeClock) -> None:
    office.deploy(_timed("timeCycle", "R4/2026-03-01T00:00:00Z/P1D", "look"))

    assert _begun(office) == []
    for begun in (1, 2, 2):
        clock.advance(24 * _HOUR)
        assert _begun(office) == ["look"] * begun


_HOURLY = "<timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition>"
_EACH_HOUR = a_diagram(
    a_process("order", start("hourly", _HOURLY), user("look"), end(), "hourly -> look", "look -> done")
)
_PATIENT = Pace(rest=timedelta(0))


def _fire_in_vain(worker: Worker, times: int = 1) -> None:
    """Let what a timer would begin fail before it is written."""
    failpoints.arm("step.before_commit=raise")
    try:
        for _ in range(times):
            worker.fire_timers()
    finally:
        failpoints.arm("")


def _fail_to_start(office: Office, clock: FakeClock) -> tuple[Worker, Incident]:
    """Let a start by a timer fail until an operator is told."""
    office.deploy(_EACH_HOUR)
    clock.advance(_HOUR)
    worker = Worker(office.database, office.engine, {}, node="here", pace=_PATIENT)
    _fire_in_vain(worker, 5)
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    return worker, incident


def _tries(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.name == "engine.worker" for record in caplog.records)


def _begun_by_timer(office: Office) -> int:
    with office.database.reading() as tx:
        return len(tx.processes.all())


def test_a_start_by_a_timer_that_fails_rests(
    office: Office, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    office.deploy(_EACH_HOUR)
    clock.advance(_HOUR)

    _fire_in_vain(Worker(office.database, office.engine, {}, node="here"), 5)

    assert _tries(caplog) == 1
    with office.database.reading() as tx:
        assert list(tx.incidents.still_open()) == []


def test_a_start_by_a_timer_that_fails_as_often_as_a_job_is_tried_waits_for_an_operator(
    office: Office, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    worker, incident = _fail_to_start(office, clock)

    assert _tries(caplog) == len(_PATIENT.retry_after) + 1
    assert (incident.node, incident.instance_id) == ("hourly", None)
    assert (incident.data["process"], incident.data["version"]) == ("order", 1)
    clock.advance(timedelta(minutes=5))
    with office.database.transaction() as tx:
        tx.nodes.beat("here")
    assert office.breaches() == []
    worker.fire_timers()
    assert _begun_by_timer(office) == 0
    IncidentDesk(office.engine).retry(incident.id, "ann")
    worker.fire_timers()
    assert _begun_by_timer(office) == 1


def test_a_start_that_is_given_up_is_left_out_and_the_next_one_comes_in_its_time(
    office: Office, clock: FakeClock
) -> None:
    worker, incident = _fail_to_start(office, clock)

    IncidentDesk(office.engine).give_up(incident.id, "ann", "not today")
    worker.fire_timers()

    assert _begun_by_timer(office) == 0
    clock.advance(_HOUR)
    worker.fire_timers()
    assert _begun_by_timer(office) == 1


def test_a_corrected_version_starts_by_its_timer_though_the_former_one_was_stopped(
    office: Office, clock: FakeClock
) -> None:
    worker, _ = _fail_to_start(office, clock)

    office.deploy(_EACH_HOUR.replace(b'"look"', b'"look_again"').replace(b"look<", b"look_again<"))
    clock.advance(_HOUR)
    worker.fire_timers()

    assert _begun_by_timer(office) == 1
