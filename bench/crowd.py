"""A completion beside a million finished and a hundred thousand running instances, against one in an empty database.

The crowd is copied by SQL from one finished and one running order, with all their rows: parcel, instance, work items, timers,
statuses and audit events, each with numbers of its own. Both databases are measured in turns, so that neighbours touch both.
"""

import random
import time
from typing import Any

from sqlalchemy import select, text

from bench.clocks import percentile
from bench.orders import Place, complete_orders
from bench.table import Table, at_most
from storage.audit import AuditEvent
from storage.base import Base
from storage.parcels import Parcel, StatusChange
from storage.processes import ProcessInstance
from storage.timers import Timer
from storage.work import WorkItem

_CHUNK = 20_000
_TURNS = 20
_ORDERS = 10
_BASE = 10_000_000  # numbers of the crowd begin here
_KINDS: tuple[type[Base], ...] = (Parcel, ProcessInstance, WorkItem, Timer, StatusChange, AuditEvent)


def measure(place: Place, empty: Place, table: Table, choice: random.Random, finished_ones: int) -> None:
    """Bring so many finished instances in and a tenth as many running ones, and measure beside them and in the empty database."""
    running_ones = finished_ones // 10
    finished, running = place.start(), place.start()
    _finish(place, finished)
    place.office.do(running, "enter", place.actor)
    begun = time.perf_counter()
    _copy(place, finished, finished_ones, _BASE)
    _copy(place, running, running_ones, _BASE + finished_ones)
    _settle(place)
    table.add(f"  bringing in {finished_ones + running_ones:,} instances", time.perf_counter() - begun, None, "s")
    crowded, alone = _in_turns(place, empty, choice)
    ratio = percentile(crowded, 0.95) / percentile(alone, 0.95)
    table.add(f"completion p95 beside {finished_ones:,} finished, against none", ratio, at_most(1.3), "x")
    ratio = percentile(crowded, 0.5) / percentile(alone, 0.5)
    table.add("  the same at the median", ratio, None, "x")


def _in_turns(place: Place, empty: Place, choice: random.Random) -> tuple[list[float], list[float]]:
    """Give the seconds of completions here and in the empty database."""
    for each in (place, empty):
        complete_orders(each, _ORDERS, choice)
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(_TURNS):
        for each, taken in zip((place, empty), seconds, strict=True):
            taken.extend(complete_orders(each, _ORDERS, choice).seconds)
    return seconds


def _finish(place: Place, instance: int) -> None:
    while items := place.office.items(instance):
        node, item = next(iter(items.items()))
        answers = {"price_ok": True} if node == "accounting" else {"quality_ok": True} if node == "quality" else {}
        place.office.engine.complete(item.id, place.actor, answers)


def _copy(place: Place, like: int, amount: int, first: int) -> None:
    with place.database.reading() as tx:
        parcel = tx.processes.one(like).parcel_id
        found = {kind: tx.connection.execute(_of(kind, like, parcel)).scalars().all() for kind in _KINDS}
    for begin in range(first, first + amount, _CHUNK):
        numbers = {"begin": begin, "last": min(begin + _CHUNK, first + amount) - 1}
        with place.database.engine.begin() as connection:
            for kind, ids in found.items():
                for nth, row in enumerate(ids):
                    connection.execute(_copying(kind.__table__, nth, len(ids)), {**numbers, "like": row})


def _of(kind: type[Base], like: int, parcel: int | None) -> Any:
    columns = kind.__table__.c
    if kind is Parcel:
        return select(columns.id).where(columns.id == parcel)
    if kind is AuditEvent:
        return select(columns.id).where(columns.chain == f"parcel:{parcel}")
    if kind is StatusChange:
        return select(columns.id).where(columns.parcel_id == parcel)
    return select(columns.id).where((columns.id if kind is ProcessInstance else columns.instance_id) == like)


def _copying(rows: Any, nth: int, of: int) -> Any:
    """Give the statement that copies a row for each number, in the crowd's own names."""
    own = {"id": f"i * {of} + {nth}", "instance_id": "i", "parcel_id": "i", "request_key": "NULL"}
    own |= {"chain": "'parcel:' || i", "source_key": "'crowd:' || i"}
    if rows is Parcel.__table__:
        own |= {"number": "'P-' || i"}
    names = [column.name for column in rows.columns]
    values = ", ".join(own.get(name, f'one."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    numbers = "WITH RECURSIVE n(i) AS (SELECT CAST(:begin AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    return text(
        f'{numbers} INSERT INTO "{rows.name}" ({quoted}) SELECT {values} FROM n, "{rows.name}" AS one WHERE one.id = :like'  # noqa: S608 - our own names
    )


def _settle(place: Place) -> None:
    """Let the database do now what it would do in a quiet hour: statistics, vacuum, and what is written ahead."""
    with place.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if place.database.is_sqlite:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]  # it is open
            return
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.execute(text(statement))
