"""What the engine owes: operations with retries and incidents, timers, messages; by the job engine and without it."""

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, service, start, user

from engine.errors import BusinessError
from engine.incident_desk import IncidentDesk
from engine.operations.call import Call
from engine.runtime import Engine
from engine.worker import Pace, Worker
from storage.errors import Invalid, Unavailable
from storage.incidents import NewIncident
from storage.job_engine import MOST_SWEPT, JobEngine
from storage.jobs import JobKind, Jobs, NewJob, rest_after

AT_ONCE = Pace(retry_after=(timedelta(0), timedelta(0)))
SERVED = a_diagram(
    a_process(
        "order", start(), service("write"), user("look"), end(), "begin -> write", "write -> look", "look -> done"
    )
)
_CATCH = '<intermediateCatchEvent id="{}" {}><{}/></intermediateCatchEvent>'


class Desk:
    """An operation that fails as often as it is told, and remembers its calls."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.calls: list[Call] = []
        self.failures = failures
        self.error = error or OSError("the printer is on fire")
        self.was_called = threading.Event()

    def __call__(self, call: Call) -> Mapping[str, Any]:
        self.calls.append(call)
        self.was_called.set()
        if len(self.calls) <= self.failures:
            raise self.error
        return {"digest": "abc"}


def _worker(office: Office, desk: Desk, **more: Any) -> Worker:
    return Worker(office.database, office.engine, {"work": desk}, node="here", pace=AT_ONCE, **more)


def test_an_operations_result_comes_back_as_a_step(office: Office) -> None:
    office.deploy(SERVED)
    desk = Desk()
    instance = office.engine.start("order")

    _worker(office, desk).run_waiting()

    assert "look" in office.items(instance)
    assert office.variables(instance)["digest"] == "abc"
    assert [call.key.startswith(f"{instance}:") for call in desk.calls] == [True]


def test_a_failing_operation_is_tried_again_with_the_same_key(office: Office) -> None:
    office.deploy(SERVED)
    desk = Desk(failures=2)
    instance = office.engine.start("order")
    worker = _worker(office, desk)

    while worker.run_waiting():
        pass

    assert len({call.key for call in desk.calls}) == 1
    assert len(desk.calls) == 3
    assert "look" in office.items(instance)


def test_the_last_failure_becomes_an_incident_and_retrying_it_works(office: Office) -> None:
    office.deploy(SERVED)
    desk = Desk(failures=3)
    instance = office.engine.start("order")
    worker = _worker(office, desk)
    while worker.run_waiting():
        pass
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert (incident.node, incident.code) == ("write", "operation_failed")
    assert "on fire" in incident.message

    IncidentDesk(office.engine).retry(incident.id, "ann")
    worker.run_waiting()

    assert "look" in office.items(instance)
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []


def test_giving_up_an_incident_ends_the_instance_with_the_reason(office: Office) -> None:
    office.deploy(SERVED)
    desk = Desk(failures=3)
    instance = office.engine.start("order")
    worker = _worker(office, desk)
    while worker.run_waiting():
        pass
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()

    IncidentDesk(office.engine).give_up(incident.id, "ann", "no printer any more")

    assert office.state(instance) == "terminated"
    assert office.breaches() == []
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
        assert tx.jobs.unfinished() == []
        assert tx.jobs.one(incident.job_id or 0).state == "cancelled"


def test_giving_up_an_incident_whose_job_is_not_wanted_any_more_ends_nothing(office: Office) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    with office.database.transaction() as tx:
        job = tx.jobs.one(tx.jobs.waiting()[0])
    assert office.engine.resume(job.id, {})
    with office.database.transaction() as tx:
        tx.incidents.open(NewIncident("failed", "It failed.", key=job.key, job_id=job.id), instance_id=instance)
        [incident] = tx.incidents.still_open()

    IncidentDesk(office.engine).give_up(incident.id, "ann", "left over from before")

    assert list(office.items(instance)) == ["look"]
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []


def test_a_business_error_takes_the_error_arrow(office: Office) -> None:
    caught = '<boundaryEvent id="oops" attachedToRef="write"><errorEventDefinition errorRef="e"/></boundaryEvent>'
    office.deploy(
        a_diagram(
            a_process(
                "order", start(), service("write"), caught, user("look"), end(), end("gone"),
                "begin -> write", "write -> done", "oops -> look", "look -> gone",
            ),
            head='<error id="e" name="e" errorCode="no_paper"/>',
        )
    )  # fmt: skip
    instance = office.engine.start("order")

    _worker(office, Desk(failures=1, error=BusinessError("no_paper"))).run_waiting()

    assert list(office.items(instance)) == ["look"]


def test_an_error_nobody_catches_is_an_incident_and_retrying_it_calls_the_operation_again(office: Office) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    desk = Desk(failures=1, error=BusinessError("no_paper"))
    worker = _worker(office, desk)
    worker.run_waiting()
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert (incident.node, incident.code, incident.expression) == ("write", "uncaught_error", "no_paper")

    IncidentDesk(office.engine).retry(incident.id, "ann")
    worker.run_waiting()

    assert list(office.items(instance)) == ["look"]
    assert office.breaches() == []


def test_an_unknown_operation_becomes_an_incident(office: Office) -> None:
    office.deploy(
        a_diagram(a_process("order", start(), service("write", "magic"), end(), "begin -> write", "write -> done"))
    )
    office.engine.start("order")
    worker = _worker(office, Desk())

    while worker.run_waiting():
        pass

    with office.database.reading() as tx:
        assert [incident.code for incident in tx.incidents.still_open()] == ["unknown_operation"]


def test_a_result_that_comes_too_late_changes_nothing(office: Office) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    with office.database.transaction() as tx:
        [job_id] = tx.jobs.waiting()
        tx.jobs.claim(job_id, "elsewhere")
    office.operator.terminate(instance, "ann", "enough")

    assert office.engine.resume(job_id, {"digest": "late"}) is False
    assert office.state(instance) == "terminated"


def test_a_result_that_comes_twice_counts_once(office: Office) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    with office.database.reading() as tx:
        [job_id] = tx.jobs.waiting()

    assert office.engine.resume(job_id, {"digest": "first"}) is True
    assert office.engine.resume(job_id, {"digest": "second"}) is False
    assert office.variables(instance)["digest"] == "first"


def test_what_a_worker_brings_that_was_taken_for_dead_changes_nothing_of_a_later_try(office: Office) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    with office.database.reading() as tx:
        [job_id] = tx.jobs.waiting()
    stale = _claimed(office, job_id, "stands still")
    with office.database.transaction() as tx:
        tx.jobs.give_back("stands still")
    last = _claimed(office, job_id, "lives")
    with office.database.transaction() as tx:
        tx.jobs.stop(job_id, last, NewIncident("operation_failed", "no paper", key="write", job_id=job_id))
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    IncidentDesk(office.engine).retry(incident.id, "ann")
    current = _claimed(office, job_id, "lives")

    with office.database.transaction() as tx:
        assert not tx.jobs.postpone(job_id, stale, "too late", timedelta(0))
        assert not tx.jobs.stop(job_id, stale, NewIncident("operation_failed", "too late", job_id=job_id))
        assert tx.jobs.claim(job_id, "third") is None
    assert not office.engine.resume(job_id, {"digest": "stale"}, claim=stale)
    assert not office.engine.throw_error(job_id, "stale", "too late", claim=stale)

    assert office.engine.resume(job_id, {"digest": "current"}, claim=current)
    assert office.variables(instance)["digest"] == "current"
    assert office.breaches() == []


def _claimed(office: Office, job_id: int, node: str) -> int:
    """Let a node that gives signs of life claim a job; give the number of the claim."""
    with office.database.transaction() as tx:
        tx.nodes.beat(node)
        job = tx.jobs.claim(job_id, node)
    assert job is not None
    return job.claims


def test_a_job_that_takes_its_worker_down_each_time_is_stopped(office: Office, clock: FakeClock) -> None:
    office.deploy(SERVED)
    office.engine.start("order")
    desk = Desk()
    job_id = _cut_off(office, clock, AT_ONCE.most_interruptions + 1)

    _worker(office, desk).run_job(job_id)

    assert desk.calls == []
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        assert (incident.code, "21 times" in incident.message) == ("worker_died", True)


def test_tries_that_were_cut_off_do_not_count_among_those_that_failed(office: Office, clock: FakeClock) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    desk = Desk(failures=len(AT_ONCE.retry_after))
    job_id = _cut_off(office, clock, AT_ONCE.most_interruptions)
    worker = _worker(office, desk)

    for _ in range(len(AT_ONCE.retry_after) + 1):
        worker.run_job(job_id)

    assert len(desk.calls) == len(AT_ONCE.retry_after) + 1
    assert "look" in office.items(instance)


def _cut_off(office: Office, clock: FakeClock, times: int) -> int:
    """Let workers take the one job that waits and die, by turns found by their heirs and by nobody; give the job, due."""
    with office.database.reading() as tx:
        [job_id] = tx.jobs.waiting()
    for turn in count():
        with office.database.transaction() as tx:
            tx.jobs.claim(job_id, "died")
            if turn % 2:
                tx.jobs.give_back("died")
            is_enough = tx.jobs.one(job_id).interruptions == times
        clock.advance(timedelta(minutes=1))
        if is_enough:
            break
    return job_id


def _die_at(office: Office, job_id: int) -> timedelta:
    """Let a worker die at a job and its heir find that out; give how long the job rests."""
    with office.database.transaction() as tx:
        assert tx.jobs.claim(job_id, "died") is not None
    with office.database.transaction() as tx:
        tx.jobs.give_back("died")
        return tx.jobs.one(job_id).due_at - tx.now


def test_a_job_that_was_cut_off_again_and_again_rests_longer_and_longer(office: Office, clock: FakeClock) -> None:
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0

    rests = []
    for _ in range(12):
        rests.append(_die_at(office, job_id).total_seconds())
        clock.advance(timedelta(minutes=1))

    assert rests[:2] == [0, -60]  # owed as before
    for rest, longest in zip(rests[2:], [1, 2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert longest / 2 <= rest <= longest


def test_what_was_cut_off_together_does_not_begin_together_again() -> None:
    rests = [[rest_after(times, job_id).total_seconds() for job_id in range(1, 5)] for times in range(6, 20)]

    assert all(len({round(rest, 1) for rest in some}) == len(some) for some in rests)


def test_a_job_that_rests_is_not_claimed_and_is_woken_when_it_is_due(office: Office, clock: FakeClock) -> None:
    woken: list[timedelta] = []
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0
    office.database.wake = lambda _connection, _job, _rank, delay: woken.append(delay)
    rest = [_die_at(office, job_id) for _ in range(3)][-1]

    clock.advance(rest / 2)
    with office.database.transaction() as tx:
        assert tx.jobs.claim(job_id, "here") is None
    clock.advance(rest - rest / 2)
    with office.database.transaction() as tx:
        assert tx.jobs.claim(job_id, "here") is not None

    assert woken == [rest, rest - rest / 2]


def test_a_dead_nodes_job_that_must_rest_is_not_begun_by_who_finds_it(office: Office, clock: FakeClock) -> None:
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0
    for _ in range(2):
        _die_at(office, job_id)
    with office.database.transaction() as tx:
        tx.jobs.claim(job_id, "died")

    with office.database.transaction() as tx:
        assert tx.jobs.claim(job_id, "heir") is None
        assert (tx.jobs.one(job_id).state, tx.jobs.one(job_id).interruptions) == ("waiting", 3)
    clock.advance(timedelta(seconds=1))
    with office.database.transaction() as tx:
        assert tx.jobs.claim(job_id, "heir") is not None


def test_a_job_owed_without_delay_is_claimed_whatever_the_clock_says(office: Office, clock: FakeClock) -> None:
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0
        later = tx.jobs.add(NewJob("later", "work", delay=timedelta(seconds=1))) or 0
    clock.advance(timedelta(hours=-1))

    with office.database.transaction() as tx:
        assert tx.jobs.claim(later, "here") is None
        assert tx.jobs.claim(job_id, "here") is not None


def test_an_instance_that_goes_on_leaves_a_postponed_job_its_pause(office: Office, clock: FakeClock) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    desk = Desk(failures=1)
    worker = Worker(office.database, office.engine, {"work": desk}, node="here")
    worker.run_waiting()
    office.operator.suspend(instance, "ann", "wait")
    woken: list[timedelta] = []
    office.database.wake = lambda _connection, _job, _rank, delay: woken.append(delay)

    clock.advance(timedelta(seconds=4))
    office.operator.go_on(instance, "ann", "go on")

    assert woken == [timedelta(seconds=6)]


def test_an_instance_that_goes_on_before_its_job_is_put_back_has_it_done_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    woken: list[int] = []

    def suspend(_call: Call) -> Mapping[str, Any]:
        office.operator.suspend(instance, "ann", "wait")
        return {}

    def resume(job_id: int, result: Mapping[str, Any]) -> bool:
        try:
            return Engine.resume(office.engine, job_id, result)
        finally:
            office.operator.go_on(instance, "ann", "go on")

    with office.database.reading() as tx:
        [job_id] = tx.jobs.waiting()
    monkeypatch.setattr(office.engine, "resume", resume)
    office.database.wake = lambda _connection, job, _rank, _delay: woken.append(job)

    Worker(office.database, office.engine, {"work": suspend}, node="here").run_job(job_id)

    assert woken == [job_id]


class _Killed(BaseException):
    """The process ends while it does a job."""


def test_a_job_that_kills_its_process_each_time_holds_up_no_others_and_is_stopped(
    office: Office, clock: FakeClock
) -> None:
    done: dict[str, int] = {}
    deaths = 0

    def work(call: Call) -> Mapping[str, Any]:
        if call.key == "job:poison":
            raise _Killed
        done[call.key] = deaths
        return {}

    with office.database.transaction() as tx:
        for key in ("poison", "one", "two", "three"):
            tx.jobs.add(NewJob(key, "work"))
    for _ in range(60):
        worker = Worker(office.database, office.engine, {"work": work}, node="here", pace=AT_ONCE)
        try:
            worker.run_waiting()
        except _Killed:
            deaths += 1
        with office.database.transaction() as tx:
            tx.jobs.give_back("here")  # what the next one does first
        clock.advance(timedelta(seconds=30))

    assert done == {"job:one": 3, "job:two": 3, "job:three": 3}
    assert deaths == AT_ONCE.most_interruptions + 1
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        assert (incident.code, incident.data["operation"]) == ("worker_died", "work")
        assert list(tx.jobs.waiting()) == []


def test_a_job_claimed_by_a_node_that_nobody_knows_any_more_is_tried_again(office: Office, clock: FakeClock) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    with office.database.transaction() as tx:
        [job_id] = tx.jobs.waiting()
        tx.jobs.claim(job_id, "gone")
    worker = _worker(office, Desk())

    worker.take_over()
    assert worker.run_waiting() == 0
    clock.advance(AT_ONCE.forgotten + timedelta(seconds=1))
    worker.take_over()

    assert worker.run_waiting() == 1
    assert "look" in office.items(instance)


def test_a_job_whose_outcome_could_not_be_written_down_is_tried_again_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.deploy(SERVED)
    instance = office.engine.start("order")
    worker = _worker(office, Desk(failures=1))

    def no_answer(*_: object) -> bool:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as outage:
        outage.setattr(Jobs, "postpone", no_answer)
        with pytest.raises(Unavailable):
            worker.run_waiting()

    assert worker.run_waiting() == 0
    worker.take_over()

    assert worker.run_waiting() == 1
    assert "look" in office.items(instance)


def test_a_process_owed_for_a_parcel_is_started_once(office: Office) -> None:
    office.deploy(SERVED)
    parcel = office.parcel()
    with office.database.transaction() as tx:
        first = tx.jobs.start_process("order", parcel)
        assert tx.jobs.start_process("order", parcel) is None
    worker = _worker(office, Desk())

    worker.run_job(first or 0)
    worker.run_job(first or 0)

    with office.database.reading() as tx:
        assert len(tx.processes.of_parcel(parcel)) == 1
        assert tx.parcels.one(parcel).state == "routed"


def test_a_due_timer_fires_once_also_after_a_restart(office: Office, clock: FakeClock) -> None:
    timer = "timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition"
    pause = f'<intermediateCatchEvent id="pause"><{timer}></intermediateCatchEvent>'
    office.deploy(
        a_diagram(
            a_process("order", start(), pause, user("look"), end(), "begin -> pause", "pause -> look", "look -> done")
        )
    )
    instance = office.engine.start("order")
    clock.advance(timedelta(minutes=59))
    _worker(office, Desk()).tick()
    assert office.items(instance) == {}

    clock.advance(timedelta(minutes=1))
    restarted = Office(office.database)
    _worker(restarted, Desk()).tick()
    _worker(restarted, Desk()).tick()

    assert list(office.items(instance)) == ["look"]
    with office.database.reading() as tx:
        assert tx.timers.next() is None


def test_a_timer_that_starts_a_process_goes_on_by_its_cycle(office: Office, clock: FakeClock) -> None:
    timer = "<timerEventDefinition><timeCycle>R2/PT1H</timeCycle></timerEventDefinition>"
    office.deploy(
        a_diagram(a_process("order", start("hourly", timer), user("look"), end(), "hourly -> look", "look -> done"))
    )
    worker = _worker(office, Desk())

    for _ in range(4):
        clock.advance(timedelta(hours=1))
        worker.tick()

    with office.database.reading() as tx:
        assert len(tx.processes.all()) == 2


_RECEIVER = a_diagram(
    a_process(
        "order",
        start(),
        user("first"),
        '<intermediateCatchEvent id="paid" parcelflow:correlationKey="invoice">'
        '<messageEventDefinition messageRef="m"/></intermediateCatchEvent>',
        user("look"),
        end(),
        "begin -> first",
        "first -> paid",
        "paid -> look",
        "look -> done",
    ),
    head='<message id="m" name="payment"/>',
)


def test_a_message_finds_its_receiver_by_correlation_key(office: Office) -> None:
    office.deploy(_RECEIVER)
    ann = office.person("ann")
    mine, other = (office.engine.start("order", variables={"invoice": number}) for number in ("I-1", "I-2"))
    for instance in (mine, other):
        office.do(instance, "first", ann)

    found = office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1")

    assert found.instance_id == mine
    assert office.variables(mine)["amount"] == 5
    assert (list(office.items(mine)), list(office.items(other))) == (["look"], [])


def test_a_message_that_comes_before_its_receiver_waits_for_it(office: Office) -> None:
    office.deploy(_RECEIVER)
    ann = office.person("ann")
    instance = office.engine.start("order", variables={"invoice": "I-1"})
    assert office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1").instance_id is None

    office.do(instance, "first", ann)

    assert list(office.items(instance)) == ["look"]
    assert office.variables(instance)["amount"] == 5


def test_a_message_whose_receiver_never_comes_expires(office: Office, clock: FakeClock) -> None:
    office.deploy(_RECEIVER)
    ann = office.person("ann")
    instance = office.engine.start("order", variables={"invoice": "I-1"})
    office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1")
    clock.advance(timedelta(days=31))

    office.do(instance, "first", ann)

    assert office.items(instance) == {}
    with office.database.transaction() as tx:
        assert tx.messages.expire() == 1


def test_the_same_message_sent_again_with_its_request_key_is_received_once(office: Office) -> None:
    office.deploy(_RECEIVER)

    office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1", request_key="r")
    again = office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1", request_key="r")

    assert again.is_repetition


def test_a_signal_reaches_all_who_wait_and_starts_what_it_starts(office: Office) -> None:
    catch = '<intermediateCatchEvent id="bell"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>'
    office.deploy(
        a_diagram(
            a_process("order", start(), catch, user("look"), end(), "begin -> bell", "bell -> look", "look -> done"),
            a_process(
                "alarm",
                start("rung", '<signalEventDefinition signalRef="s"/>'),
                user("listen"),
                end("quiet"),
                "rung -> listen",
                "listen -> quiet",
            ),
            head='<signal id="s" name="ring"/>',
        )
    )
    waiting = [office.engine.start("order") for _ in range(2)]

    assert office.engine.signal("ring") == 3
    _worker(office, Desk()).tick()

    assert [list(office.items(instance)) for instance in waiting] == [["look"], ["look"]]
    with office.database.reading() as tx:
        assert len(tx.processes.all()) == 3


def test_a_message_thrown_by_one_instance_starts_another_process(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                '<intermediateThrowEvent id="tell"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>',
                end(),
                "begin -> tell",
                "tell -> done",
            ),
            a_process(
                "bill",
                start("told", '<messageEventDefinition messageRef="m"/>'),
                user("write_bill"),
                end("billed"),
                "told -> write_bill",
                "write_bill -> billed",
            ),
            head='<message id="m" name="please bill"/>',
        )
    )
    office.engine.start("order", variables={"amount": 7})

    _worker(office, Desk()).tick()
    _worker(office, Desk()).tick()

    with office.database.reading() as tx:
        [_, bill] = tx.processes.all()
    assert list(office.items(bill.id)) == ["write_bill"]
    assert office.variables(bill.id)["amount"] == 7


def test_a_token_that_cannot_go_on_is_an_incident_and_retrying_it_works(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                '<scriptTask id="count" scriptFormat="python"><script>total = price * 2</script></scriptTask>',
                end(),
                "begin -> count",
                "count -> done",
            )
        )
    )
    instance = office.engine.start("order")
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert incident.node == "count"

    IncidentDesk(office.engine).retry(incident.id, "ann")

    assert office.state(instance) == "active"
    with office.database.reading() as tx:
        [again] = tx.incidents.still_open()
    assert again.id != incident.id
    IncidentDesk(office.engine).give_up(again.id, "ann", "it never had a price")
    assert office.state(instance) == "terminated"


@pytest.fixture
def job_engine(office: Office, database_url: str) -> Iterator[JobEngine]:
    engine = JobEngine(database_url, node=f"node-{uuid4().hex}", threads=1, polling=timedelta(seconds=0.05))
    engine.prepare()
    office.database.wake = engine.wake
    yield engine
    engine.close()


def _until(is_so: threading.Event, seconds: float = 20) -> None:
    assert is_so.wait(seconds)


def test_the_job_engine_brings_jobs_to_the_worker(office: Office, job_engine: JobEngine) -> None:
    office.deploy(SERVED)
    desk = Desk(failures=1)
    worker = _worker(office, desk, job_engine=job_engine)
    worker.start()
    try:
        instance = office.engine.start("order")
        deadline = time.monotonic() + 20
        while "look" not in office.items(instance) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        worker.stop(timedelta(seconds=5))

    assert list(office.items(instance)) == ["look"]
    assert len(desk.calls) == 2
    with office.database.reading() as tx:
        assert tx.nodes.signs_of_life() == {}


@pytest.mark.parametrize("gives_signs", [False, True])
def test_a_node_is_dead_when_its_sign_stays_the_same_though_the_clock_was_set_back(
    office: Office, clock: FakeClock, gives_signs: bool
) -> None:
    worker = Worker(office.database, office.engine, {}, node="here", pace=Pace(silence=timedelta(0)))
    with office.database.transaction() as tx:
        tx.nodes.beat("other")
    clock.advance(timedelta(hours=-1))

    first = worker.take_over()
    if gives_signs:
        with office.database.transaction() as tx:
            tx.nodes.beat("other")
    second = worker.take_over()

    assert (first, second) == ([], [] if gives_signs else ["other"])


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_living_node_keeps_its_job_however_far_apart_the_clocks_are(
    office: Office, clock: FakeClock, ahead: timedelta
) -> None:
    desk = Desk()
    worker = _worker(office, desk)
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0
        tx.nodes.beat("other")
        tx.jobs.claim(job_id, "other")

    dead: list[str] = []
    for _ in range(5):
        with office.database.transaction() as tx:
            tx.nodes.beat("other")
        clock.advance(ahead)
        dead += worker.take_over()
        worker.run_job(job_id)
        clock.advance(timedelta(seconds=5) - ahead)

    assert (dead, desk.calls) == ([], [])
    with office.database.reading() as tx:
        job = tx.jobs.one(job_id)
        assert (job.state, job.worker, job.interruptions) == ("running", "other", 0)


def test_a_node_gives_signs_of_life_and_watches_for_those_of_others_while_messages_take_long(
    office: Office, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_long, may_end = threading.Event(), threading.Event()

    def deliver_for_long() -> int:
        takes_long.set()
        may_end.wait(20)
        return 0

    monkeypatch.setattr(office.engine, "deliver_pending", deliver_for_long)
    with office.database.transaction() as tx:
        tx.nodes.beat("dead")
    often = timedelta(seconds=0.05)
    worker = Worker(
        office.database, office.engine, {}, node="here", pace=Pace(tick=often, heartbeat=often, silence=4 * often)
    )

    worker.start()
    try:
        _until(takes_long)
        now = clock.advance(timedelta(hours=1))
        deadline, signs = time.monotonic() + 10, dict[str, datetime]()
        while signs != {"here": now} and time.monotonic() < deadline:
            time.sleep(0.02)
            with office.database.reading() as tx:
                signs = dict(tx.nodes.signs_of_life())
    finally:
        may_end.set()
        worker.stop(timedelta(seconds=5))

    assert signs == {"here": now}


def test_what_has_begun_goes_on_before_more_begins(office: Office, job_engine: JobEngine) -> None:
    desk = Desk()
    with office.database.transaction() as tx:
        for number in range(3):
            tx.jobs.add(NewJob(f"arrived {number}", "work", JobKind.TASK))
        tx.jobs.add(NewJob("begun", "work"))

    worker = _worker(office, desk, job_engine=job_engine)
    worker.start()
    try:
        deadline = time.monotonic() + 20
        while len(desk.calls) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        worker.stop(timedelta(seconds=5))

    assert desk.calls[0].key == "job:begun"
    assert len(desk.calls) == 4


def _owe_one_and_fail(office: Office) -> None:
    with office.database.transaction() as tx:
        tx.jobs.add(NewJob("one", "work"))
        raise Invalid("the rest cannot be stored")


def test_a_transaction_rolled_back_leaves_no_job_and_no_wake_up(office: Office, job_engine: JobEngine) -> None:
    desk = Desk()
    worker = _worker(office, desk, job_engine=job_engine)
    with pytest.raises(Invalid):
        _owe_one_and_fail(office)
    with office.database.transaction() as tx:
        tx.jobs.add(NewJob("two", "work"))

    worker.start()
    try:
        _until(desk.was_called)
    finally:
        worker.stop(timedelta(seconds=5))

    assert [call.key for call in desk.calls] == ["job:two"]


def test_the_jobs_of_a_dead_node_are_taken_over(office: Office, job_engine: JobEngine) -> None:
    with office.database.transaction() as tx:
        tx.nodes.beat("dead")
        job_id = tx.jobs.add(NewJob("one", "work"))
        tx.jobs.claim(job_id or 0, "dead")
    desk = Desk()
    pace = Pace(silence=timedelta(seconds=1), heartbeat=timedelta(seconds=0.2))
    worker = Worker(office.database, office.engine, {"work": desk}, node="here", job_engine=job_engine, pace=pace)
    worker.start()
    try:
        _until(desk.was_called)
    finally:
        worker.stop(timedelta(seconds=5))

    with office.database.reading() as tx:
        assert tx.jobs.one(job_id or 0).state == "done"
        assert tx.nodes.signs_of_life() == {}


def test_a_job_that_rests_is_brought_by_the_job_engine_as_soon_as_it_is_due(
    office: Office, job_engine: JobEngine, clock: FakeClock
) -> None:
    with office.database.transaction() as tx:
        job_id = tx.jobs.add(NewJob("one", "work")) or 0
    rest = [_die_at(office, job_id) for _ in range(3)][-1]
    desk = Desk()
    worker = _worker(office, desk, job_engine=job_engine)
    worker.start()
    try:
        assert not desk.was_called.wait(rest.total_seconds() + 1)  # woken in time, but by this clock too early
        clock.advance(rest)
        _until(desk.was_called, 10)
    finally:
        worker.stop(timedelta(seconds=5))

    with office.database.reading() as tx:
        assert tx.jobs.one(job_id).state == "done"


def _wake_ups(job_engine: JobEngine, status: str = "ENQUEUED") -> int:
    return len(job_engine._client.list_workflows(status=status, load_input=False, load_output=False))


def test_a_job_that_waits_for_long_has_one_wake_up_and_one_that_lost_it_gets_another(
    office: Office, job_engine: JobEngine, clock: FakeClock
) -> None:
    with office.database.transaction() as tx:
        for number in range(5):
            tx.jobs.add(NewJob(f"{number}", "work"))
    office.database.wake = None
    with office.database.transaction() as tx:
        tx.jobs.add(NewJob("lost", "work"))
    office.database.wake = job_engine.wake
    worker = _worker(office, Desk(), job_engine=job_engine)

    for _ in range(5):
        clock.advance(AT_ONCE.forgotten + timedelta(seconds=1))
        worker.take_over()

    assert _wake_ups(job_engine) == 6


def test_housekeeping_forgets_all_wake_ups_that_ended_however_many_there_are(
    office: Office, job_engine: JobEngine, clock: FakeClock
) -> None:
    with office.database.transaction() as tx:
        for number in range(MOST_SWEPT + 1):
            job_engine.wake(tx.connection, number, 1, timedelta(0))
        table = "dbos.workflow_status" if tx.is_postgresql else "workflow_status"
        tx.connection.exec_driver_sql(f"UPDATE {table} SET status = 'SUCCESS'")  # noqa: S608 - one of the two above
    clock.now = datetime.now(UTC) + AT_ONCE.kept_wake_ups + timedelta(hours=1)
    worker = _worker(office, Desk(), job_engine=job_engine)

    left = []
    for _ in range(3):
        worker.tick()
        left.append(_wake_ups(job_engine, "SUCCESS"))

    assert left == [1, 0, 0]


def test_a_dead_nodes_job_is_taken_up_whatever_its_clock_said(office: Office, clock: FakeClock) -> None:
    with office.database.transaction() as tx:
        tx.nodes.beat("dead")
        job_id = tx.jobs.add(NewJob("one", "work"))
    clock.advance(timedelta(hours=1))
    with office.database.transaction() as tx:
        tx.jobs.claim(job_id or 0, "dead")
    clock.advance(timedelta(minutes=-30))
    desk = Desk()
    worker = Worker(office.database, office.engine, {"work": desk}, node="here", pace=Pace(silence=timedelta(0)))

    assert [worker.take_over(), worker.take_over()] == [[], ["dead"]]
    worker.run_waiting()

    assert [call.key for call in desk.calls] == ["job:one"]
