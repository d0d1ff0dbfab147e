"""The audit trail: chains that only grow, and every kind of tampering found."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from factories import a_parcel
from sqlalchemy import Connection, text
from statements import counted

from storage.audit import SYSTEM_CHAIN, BrokenChain, parcel_chain
from storage.base import to_json
from storage.database import Database
from storage.errors import ParcelflowError
from storage.statements import Batch

EVENTS = 10


@pytest.fixture
def written(database: Database) -> Database:
    """Give a database with two chains of ten events each, written in several transactions."""
    for turn in range(EVENTS // 2):
        with database.transaction() as tx:
            for chain in ("parcel:1", "parcel:2"):
                tx.audit.record(chain, "pat", "claimed", f"item {turn}", {"turn": turn})
                tx.audit.record(chain, "pat", "completed", f"item {turn}", {"turn": turn}, on_behalf_of="sam")
    return database


@contextmanager
def unguarded(database: Database) -> Iterator[Connection]:
    """Open the database as somebody who may do everything, past the guards."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for name in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS guard_audit_event_{name}"))
        else:
            connection.execute(text("ALTER TABLE audit_event DISABLE TRIGGER guard_audit_event"))
        yield connection


def broken(database: Database, anchors: dict[str, str] | None = None) -> list[BrokenChain]:
    with database.reading() as tx:
        return list(tx.audit.verify(anchors))


def heads(database: Database) -> dict[str, str]:
    with database.reading() as tx:
        return dict(tx.audit.heads())


def test_events_are_numbered_and_linked(written: Database) -> None:
    with written.reading() as tx:
        history = tx.audit.history("parcel:1")

    assert [entry.number for entry in history] == list(range(1, EVENTS + 1))
    names = ("chain", "number", "at", "actor", "on_behalf_of", "action", "subject", "details")
    before = "0" * 64
    for entry in history:
        canonical = to_json([getattr(entry, name) for name in names])
        assert entry.hash == hashlib.sha256((before + canonical).encode()).hexdigest()
        before = entry.hash
    assert (history[1].actor, history[1].on_behalf_of, history[1].details) == ("pat", "sam", {"turn": 0})
    assert broken(written, heads(written)) == []


def test_an_event_of_a_transaction_that_failed_is_not_there(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012
        tx.audit.record(SYSTEM_CHAIN, "pat", "deployed", "order 1")
        raise RuntimeError

    assert heads(database) == {}


def test_events_recorded_before_and_after_a_look_at_the_history_are_one_chain(database: Database) -> None:
    with database.transaction() as tx:
        tx.audit.record("parcel:1", "pat", "received", "P-1")
        assert len(tx.audit.history("parcel:1")) == 1
        tx.audit.record("parcel:1", "pat", "routed", "P-1")

    assert broken(database) == []
    with database.reading() as tx:
        assert [entry.action for entry in tx.audit.latest("parcel:1")] == ["routed", "received"]
        assert [entry.action for entry in tx.audit.latest("parcel:1", before=2)] == ["received"]


@pytest.mark.parametrize(("events", "statements"), [(0, 0), (1, 2), (5, 3)])
def test_events_are_written_in_few_statements(database: Database, events: int, statements: int) -> None:
    with counted(database) as told, database.transaction() as tx:
        for _ in range(events):
            tx.audit.record("parcel:1", "pat", "claimed", "item")

    assert len(told.statements) == statements


def test_the_database_refuses_to_change_or_remove_an_event(written: Database) -> None:
    for statement in ("UPDATE audit_event SET actor = 'eve'", "DELETE FROM audit_event"):
        with pytest.raises(ParcelflowError, match="only ever added to"), written.transaction() as tx:
            tx.connection.execute(text(statement))


TAMPERING: dict[str, tuple[str, int]] = {
    "change": ("UPDATE audit_event SET details = '[]' WHERE chain = 'parcel:1' AND number = 4", 4),
    "change of the time": (
        "UPDATE audit_event SET at = '2026-01-01 00:00:00.000000' WHERE chain = 'parcel:1' AND number = 4",
        4,
    ),
    "delete": ("DELETE FROM audit_event WHERE chain = 'parcel:1' AND number = 4", 4),
    "delete the first": ("DELETE FROM audit_event WHERE chain = 'parcel:1' AND number = 1", 1),
    "insert": (
        (
            "INSERT INTO audit_event (chain, number, at, actor, action, subject, details, previous, hash) "
            "SELECT chain, 11, at, 'eve', action, subject, details, hash, hash FROM audit_event "
            "WHERE chain = 'parcel:1' AND number = 10"
        ),
        11,
    ),
    "swap": (
        "UPDATE audit_event SET number = CASE number WHEN 44 THEN 5 ELSE 4 END WHERE chain = 'parcel:1' AND number IN (44, 55)",
        4,
    ),
    "copy from another chain": (
        (
            "INSERT INTO audit_event (chain, number, at, actor, action, subject, details, previous, hash) "
            "SELECT 'parcel:1', 11, at, actor, action, subject, details, previous, hash FROM audit_event "
            "WHERE chain = 'parcel:2' AND number = 4"
        ),
        11,
    ),
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_found_with_the_first_bad_number(written: Database, kind: str) -> None:
    statement, number = TAMPERING[kind]
    with unguarded(written) as connection:
        if kind == "swap":
            connection.execute(
                text("UPDATE audit_event SET number = number * 11 WHERE chain='parcel:1' AND number IN (4, 5)")
            )
        assert connection.execute(text(statement)).rowcount > 0

    [found] = broken(written)

    assert (found.chain, found.number) == ("parcel:1", number)


def test_details_that_cannot_be_read_any_more_are_found_as_changed(written: Database) -> None:
    with unguarded(written) as connection:
        changed = {"bytes": b"\x01\xff\xff" if written.is_sqlite else '{"a":1}'}
        connection.execute(
            text("UPDATE audit_event SET details = :bytes WHERE chain = 'parcel:1' AND number = 4"), changed
        )

    assert [(found.chain, found.number) for found in broken(written)] == [("parcel:1", 4)]


def test_a_chain_that_an_earlier_version_began_goes_on(written: Database) -> None:
    with written.reading() as tx:
        events = tx.audit.history("parcel:1")
    earlier = {event.number: event for event in events}
    with unguarded(written) as connection:
        for event in events:
            values = {
                "number": event.number,
                "previous": earlier[event.number - 1].hash if event.number > 1 else "0" * 64,
                "hash": event.hash,
                "details": to_json(event.details),
            }
            connection.execute(
                text(
                    "UPDATE audit_event SET previous = :previous, hash = :hash, details = :details "
                    "WHERE chain = 'parcel:1' AND number = :number"
                ),
                values,
            )
    with written.transaction() as tx:
        tx.audit.record("parcel:1", "pat", "sealed", "P-1")

    assert broken(written) == []
    with written.reading() as tx:
        assert [event.hash for event in tx.audit.history("parcel:1")][:-1] == [event.hash for event in events]


def test_a_tail_cut_off_is_found_by_the_anchor_alone(written: Database) -> None:
    anchors = heads(written)
    with unguarded(written) as connection:
        connection.execute(text("DELETE FROM audit_event WHERE chain = 'parcel:1' AND number > 8"))

    assert broken(written) == []
    assert [(found.chain, found.number) for found in broken(written, anchors)] == [("parcel:1", 9)]


def test_a_whole_chain_cut_off_is_found_by_the_anchor(written: Database) -> None:
    anchors = heads(written)
    with unguarded(written) as connection:
        connection.execute(text("DELETE FROM audit_event WHERE chain = 'parcel:1'"))

    assert [found.chain for found in broken(written, anchors)] == ["parcel:1"]


def test_a_chain_written_anew_is_found_by_the_anchor(written: Database) -> None:
    anchors = heads(written)
    with unguarded(written) as connection:
        connection.execute(text("DELETE FROM audit_event WHERE chain = 'parcel:1'"))
    with written.transaction() as tx:
        for turn in range(EVENTS):
            tx.audit.record("parcel:1", "eve", "completed", f"item {turn}")

    assert broken(written) == []
    assert [found.chain for found in broken(written, anchors)] == ["parcel:1"]


def test_a_chain_that_went_on_after_the_anchor_is_whole(written: Database) -> None:
    anchors = heads(written)
    with written.transaction() as tx:
        tx.audit.record("parcel:1", "pat", "sealed", "P-1")
        tx.audit.record("parcel:3", "pat", "received", "P-3")

    assert broken(written, anchors) == []


def test_events_of_many_chains_are_written_together_and_behind_those_of_who_was_faster(database: Database) -> None:
    with database.transaction() as tx:
        tx.audit.record("b", "ann", "came.first", "s")

    with database.transaction() as tx:
        batch = Batch(tx.connection)
        for chain in ("a", "b", "c"):
            tx.audit.know_head(chain, 0, "0" * 64)
            tx.audit.record(chain, "bob", "came.later", "s")
        tx.audit.write_with(batch)
        batch.send()

    with database.transaction() as tx:
        assert list(tx.audit.verify()) == []
        actions = {chain: [event.action for event in tx.audit.history(chain)] for chain in "abc"}
    assert actions == {"a": ["came.later"], "b": ["came.first", "came.later"], "c": ["came.later"]}


@pytest.mark.parametrize("events", [1, 3])
def test_many_who_write_to_one_chain_at_once_keep_it_whole(database: Database, events: int) -> None:
    start = Barrier(6)
    faults: list[BaseException] = []

    def write(name: str) -> None:
        start.wait()
        try:
            for _ in range(5):
                with database.transaction() as tx:
                    for turn in range(events):
                        tx.audit.record(SYSTEM_CHAIN, name, "signed in", str(turn))
        except ParcelflowError as fault:
            faults.append(fault)

    threads = [Thread(target=write, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert broken(database) == []
    with database.reading() as tx:
        assert len(tx.audit.history(SYSTEM_CHAIN)) == 6 * 5 * events


def test_details_are_hashed_as_they_are_stored(database: Database) -> None:
    details: dict[str, Any] = {
        "amount": 1e22,
        "tiny": 1e-9,
        "name": "Straße",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "z": [1, None],
    }
    with database.transaction() as tx:
        tx.audit.record(parcel_chain(7), "pat", "priced", "O-1", details)

    assert broken(database) == []


def test_order_follows_numbers_even_when_the_clock_goes_back(database: Database, clock: Callable[[], datetime]) -> None:
    with database.transaction() as tx:
        tx.audit.record("parcel:1", "pat", "first", "P-1")
    clock.advance(timedelta(hours=-2))  # type: ignore[attr-defined] - it is the fake clock
    with database.transaction() as tx:
        tx.audit.record("parcel:1", "pat", "second", "P-1")

    with database.reading() as tx:
        assert [entry.action for entry in tx.audit.history("parcel:1")] == ["first", "second"]
    assert broken(database) == []


def test_a_parcel_and_its_event_stand_or_fall_together(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012
        parcel = tx.parcels.add(a_parcel(source_key="1"))
        tx.audit.record(parcel_chain(parcel.id), "pat", "received", parcel.number)
        tx.audit.write()
        raise RuntimeError

    assert heads(database) == {}
