"""Compares what senders and people know with what the database holds, after any number of children were killed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from busy_day import AT_ONCE, MORNING, NAP, PEOPLE, SHIFT, Day, Kit, Place, read_lines
from fakes import FakeClock
from sqlalchemy import select

from engine.incident_desk import IncidentDesk
from engine.reloading import reloader
from storage.audit import AuditEvent
from storage.check import check
from storage.database import Database, Transaction
from storage.processes import InstanceState

MOST_ROUNDS = 400
_NO_TURN = "SELECT migration_id, instance_id FROM migrating_instance WHERE state = 'waiting'"
_OWED = "SELECT id FROM job WHERE state IN ('waiting', 'running')"


class Ledger:
    """What was offered, and what of it was acknowledged, by act: each key with what came with it."""

    def __init__(self, place: Place) -> None:
        self.offered: dict[str, dict[str, list[Any]]] = {}
        self.acknowledged: dict[str, dict[str, list[Any]]] = {}
        for said, act, key, *more in read_lines(place.ledger):
            if said in ("offered", "acknowledged"):
                kept = self.offered if said == "offered" else self.acknowledged
                kept.setdefault(act, {})[key] = more
        self.effects = Counter(key for (key,) in read_lines(place.effects))

    def said(self, act: str) -> tuple[set[str], set[str]]:
        return set(self.offered.get(act, {})), set(self.acknowledged.get(act, {}))


def breaches(place: Place, database: Database, kit: Kit) -> list[str]:
    """Give every promise that does not hold: those that `check` knows, and those that only the ledger can tell."""
    found = [str(breach) for breach in check(database, reload=reloader(database, kit.programs))]
    ledger = Ledger(place)
    with database.reading() as tx:  # one look at everything: what the dead had sent may still be committed meanwhile
        return found + list(_compared(ledger, _Rows(tx)))


def _compared(ledger: Ledger, rows: "_Rows") -> Iterator[str]:
    yield from _once(ledger, "deliver", rows.pairs("SELECT source_key, 1 FROM parcel"))
    yield from _once(ledger, "start", rows.pairs("SELECT request_key, 1 FROM process_instance", "job:"))
    yield from _once(ledger, "pay", rows.pairs("SELECT request_key, 1 FROM buffered_message"))
    yield from _once(ledger, "deploy", rows.pairs("SELECT note, 1 FROM deployment WHERE note <> ''"))
    yield from _once(ledger, "migrate", rows.pairs("SELECT reason, 1 FROM migration"))
    yield from _migrations(rows)
    yield from _completions(ledger, rows)
    yield from _payments(rows)
    yield from _effects(ledger, rows)


class _Rows:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def all(self, statement: str) -> list[Any]:
        return list(self._tx.connection.exec_driver_sql(statement))

    def migrated(self) -> list[Any]:
        """Give subject and details of each event that tells of an instance carried over."""
        chosen = select(AuditEvent.subject, AuditEvent.details).where(AuditEvent.action == "process.migrated")
        return list(self._tx.connection.execute(chosen))

    def pairs(self, statement: str, leave_out: str = "-") -> Counter[str]:
        rows = self.all(statement)
        return Counter(key for key, _ in rows if key is not None and not key.startswith(leave_out))


def _once(ledger: Ledger, act: str, there: Mapping[str, int]) -> Iterator[str]:
    """What was acknowledged is there once; what was not, at most once; nothing else is there."""
    offered, acknowledged = ledger.said(act)
    for key in sorted(acknowledged - set(there)):
        yield f"{act} {key} was acknowledged and is not there"
    for key, number in sorted(there.items()):
        if number > 1:
            yield f"{act} {key} is there {number} times"
        if key not in offered:
            yield f"{act} {key} is there, and nobody offered it"


def _completions(ledger: Ledger, rows: _Rows) -> Iterator[str]:
    done = {str(key): person for key, person in rows.all(
        "SELECT id, completed_by_id FROM work_item WHERE state = 'completed'"
    )}  # fmt: skip
    for key, (person,) in ledger.acknowledged.get("complete", {}).items():
        if done.get(key) != person:
            yield f"item {key} was completed by {person}, and the database has {done.get(key)}"
    told = Counter(subject for (subject,) in rows.all(
        "SELECT subject FROM audit_event WHERE action = 'work.completed'"
    ))  # fmt: skip
    for key in done:
        if told[f"work_item:{key}"] != 1:
            yield f"item {key} was completed, and the audit trail tells it {told[f'work_item:{key}']} times"


def _migrations(rows: _Rows) -> Iterator[str]:
    """Who has been moved has been so once, and the history tells it."""
    told = Counter((details["migration"], subject) for subject, details in rows.migrated())
    moved = rows.all("SELECT migration_id, instance_id FROM migrating_instance WHERE state = 'moved'")
    for migration, instance in moved:
        times = told.pop((migration, f"instance:{instance}"), 0)
        if times != 1:
            yield f"instance {instance} was moved by migration {migration}, and the audit trail tells it {times} times"
    for migration, subject in told:
        yield f"the audit trail tells that {subject} was moved by migration {migration}, and it was not"


def _payments(rows: _Rows) -> Iterator[str]:
    lost = rows.all("SELECT request_key FROM buffered_message WHERE state = 'delivered' AND instance_id IS NULL")
    for (key,) in lost:
        yield f"message {key} was delivered to nobody"


def _effects(ledger: Ledger, rows: _Rows) -> Iterator[str]:
    owed = rows.all("SELECT instance_id, key, state FROM job WHERE kind = 'operation'")
    keys = {f"{instance}:{key}": state for instance, key, state in owed}
    for key, state in keys.items():
        if state == "done" and not ledger.effects[key]:
            yield f"operation {key} counts as done and was never carried out"
    for key in ledger.effects:
        if key not in keys:
            yield f"operation {key} was carried out, and nobody owed it"


def settle(place: Place, shift: int, kit: Kit) -> list[str]:
    """Let everything come to its end, without faults; give what does not, or ends against a promise."""
    day = Day(place, f"end.{shift}", shift, kit, node="last", pace=replace(AT_ONCE, silence=timedelta(0)))
    day.random = _Calm(day.name)
    try:
        day.repeat()
        for _ in range(MOST_ROUNDS):
            if not _stroke(day):
                break
            day.clock.advance(NAP)
        with day.database.reading() as tx:
            left = [
                one.id for one in tx.processes.all() if one.state in (InstanceState.ACTIVE, InstanceState.SUSPENDED)
            ]
            jobs = [f"{job.id} is {job.state} by {job.worker}, {job.last_error}" for job in tx.jobs.unfinished()]
            turns = tx.connection.exec_driver_sql(_NO_TURN).all()
        ends = [f"instance {one} does not come to its end" for one in left] + [f"job {one}" for one in jobs]
        ends += [f"instance {one} never had its turn in migration {migration}" for migration, one in turns]
        return ends + breaches(place, day.database, kit)
    finally:
        day.database.close()


def _stroke(day: Day) -> bool:
    """Do once what there is to do for everybody; False when there was nothing."""
    with day.database.reading() as tx:
        rows = [one for one in tx.processes.all() if one.state in (InstanceState.ACTIVE, InstanceState.SUSPENDED)]
        suspended = [one.id for one in rows if one.state is InstanceState.SUSPENDED]
        incidents = [one.id for one in tx.incidents.still_open()]
        items = list(tx.work.open())
        owed = tx.connection.exec_driver_sql(_OWED).all()
    for instance_id in suspended:
        day.operator.go_on(instance_id, "boss", "the day ends")
    for incident_id in incidents:
        IncidentDesk(day.engine).retry(incident_id, "boss")
    for number in day.numbers_waiting():
        day.pay_as(f"{day.new_key()}:paid", number)
    for item in items:
        person = next((one for one in day.people if one.user_id == item.assignee_id), day.people[0])
        day.complete_as(item, person, {"answer": "enough"})
    day.worker.tick()
    day.worker.take_over()
    return bool(rows or owed or incidents)


class _Calm(Random):
    """Chance that lets nothing go wrong."""

    def random(self) -> float:
        return 0.99


__all__ = ["MORNING", "PEOPLE", "SHIFT", "FakeClock", "Ledger", "breaches", "settle", "timedelta"]
