"""Killed at any point, a step has happened as a whole or not at all, and what is owed is done once."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from kills import KILLED, run_until
from running import BERLIN, Office, a_diagram, a_process, end, service, start, user

from engine.deployment import Surroundings, deploy
from engine.operations.call import Call
from engine.worker import Pace, Worker
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import AlreadyTaken
from storage.job_engine import JobEngine

STEPS = a_diagram(
    a_process(
        "order",
        start(),
        user("enter"),
        service("write"),
        user("look"),
        end(),
        "begin -> enter",
        "enter -> write",
        "write -> look",
        "look -> done",
    )
)
LATER = STEPS.replace(b"look", b"see")
BEFORE_COMMIT = (
    "complete.begun",
    "step.run",
    "step.state_saved",
    "step.items_inserted",
    "step.jobs_inserted",
    "step.before_commit",
)
JOB_POINTS = ("job.claimed", "job.operation_done", "step.before_commit", "step.committed", "job.marked")
TIMER_POINTS = ("timer.claimed", "step.run", "step.state_saved", "step.items_inserted", "step.before_commit")
LATE = datetime(2026, 3, 2, 14, tzinfo=UTC)
PAUSED = a_diagram(
    a_process(
        "order",
        start(),
        '<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>",
        user("look"),
        end(),
        "begin -> pause",
        "pause -> look",
        "look -> done",
    )
)
UNPAID = a_diagram(
    a_process(
        "order",
        start(),
        '<intermediateCatchEvent id="payment"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>',
        user("look"),
        end(),
        "begin -> payment",
        "payment -> look",
        "look -> done",
    ),
    head='<message id="m" name="paid"/>',
)
DEPLOY_POINTS = ("deploy.checked", "deploy.files_stored", "deploy.defined", "deploy.before_commit")


def _office(url: str, documents: str, now: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)) -> Office:
    return Office(Database(url, clock=lambda: now, documents=DocumentStore(Path(documents))))


def complete(url: str, documents: str, item: str) -> None:
    office = _office(url, documents)
    with office.database.reading() as tx:
        person = tx.people.with_login("ann")
        actor = tx.people.actor(person.id if person else 0)
    office.engine.complete(int(item), actor, {})
    office.database.close()


def work(url: str, documents: str, done: str) -> None:
    def write(call: Call) -> Mapping[str, Any]:
        with Path(done).open("a", encoding="utf-8") as file:
            file.write(f"{call.key}\n")
        return {}

    office = _office(url, documents)
    Worker(
        office.database, office.engine, {"work": write}, node="victim", pace=Pace(retry_after=(timedelta(0),))
    ).run_waiting()
    office.database.close()


def fire(url: str, documents: str, timer: str) -> None:
    office = _office(url, documents, LATE)
    office.engine.fire_timer(int(timer))
    office.database.close()


def send(url: str, documents: str) -> None:
    office = _office(url, documents)
    office.engine.correlate("paid", {"sum": 3}, request_key="payment 1")
    office.database.close()


def put_in_force(url: str, documents: str) -> None:
    office = _office(url, documents)
    deploy(office.database, Surroundings(BERLIN), {"diagram.bpmn": LATER}, login="owner")
    office.database.close()


@pytest.mark.parametrize("point", [*BEFORE_COMMIT, "step.committed"])
def test_a_completion_killed_anywhere_happened_whole_or_not_at_all(
    office: Office, database_url: str, documents: DocumentStore, point: str
) -> None:
    office.deploy(STEPS)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    item = office.item(instance, "enter")

    assert run_until(point, complete, database_url, str(documents.folder), str(item)) == KILLED

    if point in BEFORE_COMMIT:
        assert list(office.items(instance)) == ["enter"]
        office.engine.complete(item, ann, {})
    else:
        with pytest.raises(AlreadyTaken):
            office.engine.complete(item, ann, {})
    with office.database.reading() as tx:
        assert len(tx.jobs.unfinished()) == 1
    assert office.breaches() == []


@pytest.mark.parametrize("point", JOB_POINTS)
def test_a_worker_killed_anywhere_does_each_job_and_always_with_the_same_key(
    office: Office, database_url: str, documents: DocumentStore, tmp_path: Path, point: str
) -> None:
    office.deploy(STEPS)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    office.do(instance, "enter", ann)
    done = tmp_path / "done"

    assert run_until(point, work, database_url, str(documents.folder), str(done)) == KILLED
    with office.database.transaction() as tx:
        unfinished = [job.id for job in tx.jobs.unfinished()]
    survivor = Worker(office.database, office.engine, {"work": lambda _call: {}}, node="survivor")
    for job_id in unfinished:
        survivor.run_job(job_id)

    assert list(office.items(instance)) == ["look"]
    assert not done.exists() or len(set(done.read_text().split())) == 1
    assert office.breaches() == []


@pytest.mark.parametrize("point", [*TIMER_POINTS, "step.committed"])
def test_a_timer_killed_anywhere_fires_once(
    office: Office, database_url: str, documents: DocumentStore, clock: FakeClock, point: str
) -> None:
    office.deploy(PAUSED)
    instance = office.engine.start("order", office.parcel())
    with office.database.reading() as tx:
        timer = tx.timers.next()
    assert timer is not None
    clock.now = LATE

    assert run_until(point, fire, database_url, str(documents.folder), str(timer.id)) == KILLED
    assert office.engine.fire_timer(timer.id) is (point != "step.committed")

    assert list(office.items(instance)) == ["look"]
    assert (
        office.trace(instance).count("pause") + office.trace(instance, _parcel_of(office, instance)).count("pause") == 1
    )
    assert office.breaches() == []


@pytest.mark.parametrize("point", ["step.run", "step.state_saved", "step.before_commit", "step.committed"])
def test_a_message_killed_anywhere_is_received_once(
    office: Office, database_url: str, documents: DocumentStore, point: str
) -> None:
    office.deploy(UNPAID)
    instance = office.engine.start("order", office.parcel())

    assert run_until(point, send, database_url, str(documents.folder)) == KILLED
    again = office.engine.correlate("paid", {"sum": 3}, request_key="payment 1")

    assert again.is_repetition is (point == "step.committed")
    assert list(office.items(instance)) == ["look"]
    assert office.variables(instance)["sum"] == 3
    assert office.breaches() == []


def _parcel_of(office: Office, instance_id: int) -> int | None:
    with office.database.reading() as tx:
        return tx.processes.one(instance_id).parcel_id


@pytest.mark.parametrize("point", DEPLOY_POINTS)
def test_a_deployment_killed_anywhere_leaves_the_version_in_force(
    office: Office, database_url: str, documents: DocumentStore, point: str
) -> None:
    office.deploy(STEPS)

    assert run_until(point, put_in_force, database_url, str(documents.folder)) == KILLED

    with office.database.reading() as tx:
        assert tx.deployments.latest("order").version == 1
        assert len(tx.deployments.all()) == 1
    assert run_until("", put_in_force, database_url, str(documents.folder)) == 0
    with office.database.reading() as tx:
        assert tx.deployments.latest("order").version == 2
    assert office.breaches() == []


def serve(url: str, documents: str, done: str) -> None:
    """Work by the job engine until killed."""
    office = _office(url, documents)
    job_engine = JobEngine(url, node="victim", polling=timedelta(seconds=0.05))

    def write(call: Call) -> Mapping[str, Any]:
        Path(done).write_text(call.key, encoding="utf-8")
        return {}

    worker = Worker(office.database, office.engine, {"work": write}, node="victim", job_engine=job_engine)
    worker.start()
    time.sleep(30)


def test_another_node_takes_over_what_a_killed_one_had_begun(
    office: Office, database_url: str, documents: DocumentStore, tmp_path: Path
) -> None:
    job_engine = JobEngine(database_url, node="survivor", polling=timedelta(seconds=0.05))
    job_engine.prepare()
    office.database.wake = job_engine.wake
    office.deploy(STEPS)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    office.do(instance, "enter", ann)
    done = tmp_path / "done"
    arguments = (database_url, str(documents.folder), str(done))

    assert run_until("job.operation_done", serve, *arguments) == KILLED
    keys: list[str] = []

    def write(call: Call) -> Mapping[str, Any]:
        keys.append(call.key)
        return {}

    pace = Pace(silence=timedelta(seconds=1), heartbeat=timedelta(seconds=0.2))
    worker = Worker(office.database, office.engine, {"work": write}, node="survivor", job_engine=job_engine, pace=pace)
    worker.start()
    try:
        deadline = datetime.now(UTC) + timedelta(seconds=30)
        while "look" not in office.items(instance) and datetime.now(UTC) < deadline:
            time.sleep(0.05)
    finally:
        worker.stop(timedelta(seconds=5))
        job_engine.close()

    assert list(office.items(instance)) == ["look"]
    assert keys == [done.read_text()]
