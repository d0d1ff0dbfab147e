"""A completion beside a million finished and a hundred thousand running instances, against one in an empty database.

The crowd is copied by SQL from one finished and one running order, with all their rows: parcel, instance, work items, timers,
statuses and audit events, each with numbers of its own.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy import Table as Rows

from bench.clocks import percentile
from bench.orders import Place, complete_orders
from bench.table import Table, at_most
from storage.audit import AuditEvent
from storage.base import Base
from storage.jobs import Timer
from storage.parcels import Parcel, StatusChange
from storage.processes import ProcessInstance
from storage.work import WorkItem

FINISHED, RUNNING = 1_000_000, 100_000
_CHUNK = 2_000
_MEASURED = 100
_BASE = 10_000_000  # numbers of the crowd begin here
_KINDS: tuple[type[Base], ...] = (Parcel, ProcessInstance, WorkItem, Timer, StatusChange, AuditEvent)


def measure(place: Place, table: Table, choice: random.Random) -> None:
    """Measure, bring the crowd in, measure again."""
    complete_orders(place, 10, choice)
    alone = complete_orders(place, _MEASURED, choice)
    finished, running = place.start(), place.start()
    _finish(place, finished)
    place.office.do(running, "enter", place.actor)
    begun = time.perf_counter()
    _copy(place, finished, FINISHED, _BASE)
    _copy(place, running, RUNNING, _BASE + FINISHED)
    _settle(place)
    table.add(f"  bringing in {FINISHED + RUNNING:,} instances", time.perf_counter() - begun, None, "s")
    complete_orders(place, 10, choice)
    crowded = complete_orders(place, _MEASURED, choice)
    ratio = percentile(crowded.seconds, 0.95) / percentile(alone.seconds, 0.95)
    table.add("completion p95 beside a million, against an empty database", ratio, at_most(1.3), "x")
    ratio = percentile(crowded.seconds, 0.5) / percentile(alone.seconds, 0.5)
    table.add("  the same at the median", ratio, None, "x")


def _finish(place: Place, instance: int) -> None:
    while items := place.office.items(instance):
        node, item = next(iter(items.items()))
        answers = {"price_ok": True} if node == "accounting" else {"quality_ok": True} if node == "quality" else {}
        place.office.engine.complete(item.id, place.actor, answers)


def _copy(place: Place, like: int, amount: int, first: int) -> None:
    with place.database.reading() as tx:
        parcel = tx.processes.one(like).parcel_id
        found = {
            kind: [dict(row) for row in tx.connection.execute(_of(kind, like, parcel)).mappings()] for kind in _KINDS
        }
    for begin in range(0, amount, _CHUNK):
        numbers = range(first + begin, first + min(begin + _CHUNK, amount))
        with place.database.engine.begin() as connection:
            for kind, rows in found.items():
                _insert(connection, kind.__table__, rows, numbers)


def _of(kind: type[Base], like: int, parcel: int | None) -> Any:
    columns = kind.__table__.c
    if kind is Parcel:
        return select(*columns).where(columns.id == parcel)
    if kind is AuditEvent:
        return select(*columns).where(columns.chain == f"parcel:{parcel}")
    if kind is StatusChange:
        return select(*columns).where(columns.parcel_id == parcel)
    return select(*columns).where((columns.id if kind is ProcessInstance else columns.instance_id) == like)


def _insert(connection: Connection, rows_of: Any, rows: Sequence[dict[str, Any]], numbers: range) -> None:
    copies = [_copied(rows_of, row, place, len(rows), number) for number in numbers for place, row in enumerate(rows)]
    if copies:
        connection.execute(insert(rows_of), copies)


def _copied(rows_of: Rows, row: dict[str, Any], place: int, of: int, number: int) -> dict[str, Any]:
    own = {"id": number if of == 1 else number * of + place, "instance_id": number, "parcel_id": number}
    own |= {"chain": f"parcel:{number}", "number": f"P-{number}", "request_key": None, "source_key": f"crowd:{number}"}
    if rows_of is AuditEvent.__table__:
        own["number"] = row["number"]
    return row | {name: value for name, value in own.items() if name in row}


def _settle(place: Place) -> None:
    """Let the database do now what it would do in a quiet hour: statistics, vacuum, and what is written ahead."""
    with place.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if place.database.is_sqlite:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]  # it is open
            return
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.execute(text(statement))
