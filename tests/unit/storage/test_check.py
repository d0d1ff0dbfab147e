"""The promises about what is stored: kept by a healthy system, and each breach named."""

import os
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import pytest
from factories import a_document, a_parcel, an_order
from fakes import FakeClock
from sqlalchemy import text

from storage.archive import seal
from storage.audit import parcel_chain
from storage.base import Base
from storage.check import Breach, Reloaded, check, named_digests, sweep
from storage.database import Database
from storage.documents import DocumentStore
from storage.incidents import Incident, IncidentState
from storage.jobs import Job, JobKind, JobState
from storage.nodes import NodeHeartbeat
from storage.parcels import Parcel, QuarantineEntry, QuarantineState
from storage.processes import (
    Deployment,
    InstanceState,
    MessageSubscription,
    ProcessDefinition,
    ProcessInstance,
    SubscriptionKind,
)
from storage.timers import Timer
from storage.work import WorkItem, WorkState

Row = TypeVar("Row", bound=Base)
WAITS = frozenset({("work", "review:1"), ("operation", "write:1"), ("timer", "late:1"), ("message", "paid:1")})


def filled(kind: type[Row], /, **values: Any) -> Row:
    """Make a row with None for every column that is not named."""
    names = {attribute.key for attribute in kind.__mapper__.column_attrs} - {"id"}
    return kind(**(dict.fromkeys(names) | values))


@dataclass
class House:
    database: Database
    clock: FakeClock
    parcel: Parcel
    sealed: Parcel
    instance: ProcessInstance

    def breaches(self, reloaded: Reloaded | None = None) -> list[Breach]:
        answer = reloaded or Reloaded(WAITS, is_same=True)
        return check(self.database, reload=lambda _definition, _snapshot: answer)

    def add(self, *rows: Base) -> None:
        with self.database.transaction() as tx:
            tx.add(*rows)

    def run(self, statement: str) -> None:
        with self.database.transaction() as tx:
            tx.connection.execute(text(statement))

    def found(self, promise: str, words: str, reloaded: Reloaded | None = None) -> bool:
        breaches = self.breaches(reloaded)
        assert {breach.promise for breach in breaches} == {promise}
        return any(words in str(breach) for breach in breaches)


@pytest.fixture
def house(database: Database, clock: FakeClock) -> House:
    """Give a healthy database: a parcel with a running instance that waits for four things, and a sealed parcel."""
    with database.transaction() as tx:
        parcels = []
        for content in (b"first", b"second"):
            parcel = tx.parcels.add(a_parcel())
            stored = tx.documents.put(content)
            tx.parcels.add_document(a_document(parcel, sha256=stored.sha256, size=stored.size))
            tx.orders.add(an_order(parcel))
            tx.audit.record(parcel_chain(parcel.id), "system", "received", parcel.number)
            parcels.append(parcel)
        seal(tx, parcels[1].id, retention_until=date(2034, 12, 31))
        deployment = filled(Deployment, name="order", note="", deployed_by="pat", deployed_at=tx.now)
        tx.add(deployment)
        definition = filled(
            ProcessDefinition,
            key="order",
            version=1,
            deployment_id=deployment.id,
            file="order.bpmn",
            name="Order",
            is_executable=True,
        )
        tx.add(definition)
        instance = filled(
            ProcessInstance,
            definition_id=definition.id,
            parcel_id=parcels[0].id,
            state=InstanceState.ACTIVE,
            version=1,
            snapshot=b"state",
            started_at=tx.now,
        )
        tx.add(instance)
        tx.add(
            a_work_item(instance, tx.now),
            a_job(instance, tx.now),
            a_timer(instance, tx.now + timedelta(hours=1)),
            filled(
                MessageSubscription,
                instance_id=instance.id,
                key="paid:1",
                kind=SubscriptionKind.MESSAGE,
                name="paid",
                created_at=tx.now,
            ),
        )
    return House(database, clock, parcels[0], parcels[1], instance)


def a_work_item(instance: ProcessInstance, now: object, key: str = "review:1") -> WorkItem:
    return filled(
        WorkItem, instance_id=instance.id, process_key="order", key=key, node="review", name="Review", state=WorkState.READY,
        due_order=now, priority=50, created_at=now,
    )  # fmt: skip


def a_job(instance: ProcessInstance, now: object, **values: object) -> Job:
    defaults = {
        "instance_id": instance.id, "key": "write:1", "kind": JobKind.OPERATION, "operation": "write_letter", "arguments": {},
        "state": JobState.WAITING, "attempts": 0, "due_at": now, "created_at": now,
    }  # fmt: skip
    return filled(Job, **(defaults | values))


def a_timer(instance: ProcessInstance, due_at: object, key: str = "late:1") -> Timer:
    return filled(Timer, instance_id=instance.id, key=key, node="late", due_at=due_at)


def test_a_healthy_house_keeps_every_promise(house: House) -> None:
    assert house.breaches() == []
    assert check(house.database, with_bytes=False) == []


def test_a_parcel_with_nothing_in_it_is_found(house: House) -> None:
    with house.database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.audit.record(parcel_chain(parcel.id), "system", "received", parcel.number)

    assert house.found("I1", parcel.number)


def test_what_was_discarded_by_nobody_is_found(house: House) -> None:
    digest = house.database.documents.put(b"broken").sha256
    house.add(
        QuarantineEntry(
            channel="mail", source_key="1", file_name="x", media_type="image/tiff", sha256=digest, code="unreadable",
            message="x", arrived_at=house.clock(), state=QuarantineState.DISCARDED,
        )
    )  # fmt: skip

    assert house.found("I1", "discarded without a name")


@pytest.mark.parametrize("with_bytes", [True, False])
def test_missing_bytes_are_found(house: House, documents: DocumentStore, with_bytes: bool) -> None:
    with house.database.reading() as tx:
        digest = tx.parcels.documents(house.parcel.id)[0].sha256
    documents.path(digest).unlink()

    breaches = check(house.database, with_bytes=with_bytes)

    assert [(breach.promise, digest in breach.message) for breach in breaches] == [("I2", True)]


def test_changed_bytes_are_found(house: House, documents: DocumentStore) -> None:
    with house.database.reading() as tx:
        path = documents.path(tx.parcels.documents(house.parcel.id)[0].sha256)
    path.chmod(0o600)
    path.write_bytes(b"other")

    assert house.found("I2", "have changed")


def test_a_stray_file_is_found_and_swept_after_the_grace_time_alone(house: House, documents: DocumentStore) -> None:
    stray = documents.put(b"stray").sha256
    os.utime(documents.path(stray), (house.clock().timestamp(),) * 2)
    assert house.breaches() == []
    assert sweep(house.database) == []

    house.clock.advance(timedelta(hours=25))

    assert any(stray in str(breach) for breach in check(house.database))
    assert sweep(house.database) == [stray]
    assert not any(breach.promise in ("I2", "I3") for breach in check(house.database))


def test_an_active_instance_that_waits_for_nothing_is_found(house: House) -> None:
    for table in ("work_item", "job", "timer", "message_subscription"):
        house.run(f"DELETE FROM {table}")  # noqa: S608

    assert house.found("I4", "waits for nothing", Reloaded(frozenset(), is_same=True))


def test_an_instance_that_is_stuck_with_an_incident_is_not_dead(house: House) -> None:
    for table in ("work_item", "job", "timer", "message_subscription"):
        house.run(f"DELETE FROM {table}")  # noqa: S608
    house.add(an_incident(house))

    assert house.breaches(Reloaded(frozenset(), is_same=True)) == []


def an_incident(house: House, **values: object) -> Incident:
    defaults = {
        "instance_id": house.instance.id, "code": "x", "message": "x", "data": {}, "state": IncidentState.OPEN,
        "raised_at": house.clock(),
    }  # fmt: skip
    return filled(Incident, **(defaults | values))


def test_rows_and_waits_are_compared_both_ways(house: House) -> None:
    assert house.found("I4", "waits for signal x", Reloaded(WAITS | {("signal", "x")}, is_same=True))
    assert house.found("I4", "row for timer late:1", Reloaded(WAITS - {("timer", "late:1")}, is_same=True))


def test_open_rows_of_a_finished_instance_are_found(house: House) -> None:
    house.run("UPDATE process_instance SET state = 'completed'")

    breaches = house.breaches()

    assert [breach.promise for breach in breaches] == ["I5"] * 4
    assert {"review:1", "write:1", "late:1", "paid:1"} == {str(breach).split()[-4] for breach in breaches}


def test_a_job_that_stopped_without_an_incident_is_found(house: House) -> None:
    house.run("UPDATE job SET state = 'stopped'")
    assert house.found("I6", "no incident tells of it")

    house.add(an_incident(house, key="write:1"))
    assert house.breaches() == []


def test_an_incident_that_outlives_its_job_or_its_instance_is_found(house: House) -> None:
    with house.database.reading() as tx:
        [job_id] = tx.jobs.waiting()
    house.add(an_incident(house, key="write:1", job_id=job_id))
    assert house.found("I6", "is open, and the job write:1 that it tells of is not stopped")

    house.run("UPDATE job SET state = 'stopped'")
    assert house.breaches() == []

    for table in ("work_item", "timer", "message_subscription"):
        house.run(f"DELETE FROM {table}")  # noqa: S608
    house.run("UPDATE job SET state = 'stopped', kind = 'task'")
    house.run("UPDATE process_instance SET state = 'completed'")
    assert house.found("I5", "is finished, and incident 1 is still open")


def test_an_overdue_timer_is_found_while_a_worker_lives(house: House) -> None:
    house.clock.advance(timedelta(hours=1, seconds=61))
    assert house.breaches() == []

    house.add(NodeHeartbeat(node="one", started_at=house.clock(), seen_at=house.clock()))
    assert house.found("I7", "late:1 was due at 2026-03-02T13:00:00+00:00")

    house.run("UPDATE process_instance SET state = 'suspended'")
    assert house.breaches() == []


def unguard(database: Database, table: str) -> None:
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for event in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER guard_{table}_{event}"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER guard_{table}"))


def test_a_broken_chain_is_found(house: House) -> None:
    unguard(house.database, "audit_event")
    house.run("UPDATE audit_event SET actor = 'eve' WHERE number = 1")

    assert house.found("I8", "number 1: the event was changed")


def test_a_parcel_without_an_event_is_found(house: House) -> None:
    with house.database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.parcels.add_document(a_document(parcel, sha256=tx.documents.put(b"x").sha256))

    assert house.found("I8", f"{parcel.number}: has no event")


def test_a_sealed_parcel_that_differs_from_its_manifest_is_found(house: House) -> None:
    unguard(house.database, "document")
    house.run(f"UPDATE document SET title = 'other' WHERE parcel_id = {house.sealed.id}")  # noqa: S608

    assert house.found("I8", "documents differs from the manifest")


def test_an_archived_parcel_without_a_seal_is_found(house: House) -> None:
    house.run(f"UPDATE parcel SET state = 'archived' WHERE id = {house.parcel.id}")  # noqa: S608

    assert house.found("I8", "is archived and not sealed")


def test_versions_that_go_back_are_found(house: House) -> None:
    house.add(
        filled(
            ProcessDefinition,
            key="order",
            version=0,
            deployment_id=1,
            file="order.bpmn",
            name="Order",
            is_executable=True,
        )
    )

    assert house.found("I9", "version 0 came after version 1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE parcel SET status = 'planned'",
        "UPDATE status_change SET left_at = entered_at",
        "DELETE FROM status_change",
    ],
)
def test_a_status_without_its_time_is_found(house: House, statement: str) -> None:
    house.run(statement)

    assert house.found("I9", "its times do not confirm")


def test_a_state_that_does_not_survive_loading_is_found(house: House) -> None:
    assert house.found("I10", "does not load, save and load", Reloaded(WAITS, is_same=False))


def test_every_column_of_digests_is_known_to_the_sweep(house: House) -> None:
    with house.database.reading() as tx:
        named = named_digests(tx)

    assert set(named.values()) == {"document", "parcel"}
    assert len(named) == 3


def test_many_instances_are_checked_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.check._BATCH", 2)
    for _ in range(4):
        house.add(
            filled(
                ProcessInstance,
                definition_id=1,
                state=InstanceState.ACTIVE,
                version=1,
                snapshot=b"",
                started_at=house.clock(),
            )
        )

    breaches = check(house.database)

    assert [breach.message for breach in breaches] == ["is active and waits for nothing"] * 4
