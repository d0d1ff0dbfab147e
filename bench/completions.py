"""Completions at `Engine.complete`, beside the raw limit of the same rows; the size of a state; the rows of an order."""

import random
import statistics

from sqlalchemy import text

from bench import rows
from bench.orders import ITEMS_OF_ORDER, Place, complete_orders
from bench.table import Table, at_least, at_most

_SHARES = {"SQLite": 0.25, "PostgreSQL": 0.60}
_BYTES = text("SELECT sum(pgsize) FROM dbstat")


def measure(place: Place, table: Table, rounds: int, instances: int) -> float:
    """Measure in rounds, engine and raw limit in turns, so that neighbours touch both; gives completions a second."""
    choice = random.Random(7)  # noqa: S311 - the same course every time
    complete_orders(place, 10, choice)
    pairs = []
    for _ in range(rounds):
        raw = rows.completions(place, instances * ITEMS_OF_ORDER)
        pairs.append((complete_orders(place, instances, choice), raw))
    engine = statistics.median(run.rate for run, _ in pairs)
    table.add("completions at Engine.complete", engine, at_least(800) if place.server is None else None, "/s")
    table.add("raw limit of the same rows", statistics.median(raw.rate for _, raw in pairs), None, "/s")
    share = statistics.median(run.rate / raw.rate for run, raw in pairs)
    table.add("completions as a share of the raw limit", share, at_least(_SHARES[place.name]))
    here = statistics.median(run.milliseconds(run.here) for run, _ in pairs)
    server = statistics.median(run.milliseconds(run.server) for run, _ in pairs)
    table.add("  CPU per completion, this process", here, None, "ms")
    table.add(
        "  CPU per raw completion, this process",
        statistics.median(raw.milliseconds(raw.here) for _, raw in pairs),
        None,
        "ms",
    )
    if place.server is not None:
        table.add("  CPU per completion, server", server, None, "ms")
        table.add("CPU per completion, both", here + server, at_most(2.2), "ms")
    sizes = [size for run, _ in pairs for size in run.sizes]
    table.add("state of a plain order, median", statistics.median(sizes), at_most(2048), "bytes")
    table.add("state of a plain order, largest", max(sizes), at_most(2048), "bytes")
    return engine


def measure_rows(place: Place, table: Table, instances: int) -> None:
    """Measure what finished plain orders take up, all pages of all tables and indexes."""
    choice = random.Random(7)  # noqa: S311 - the same course every time
    before = _bytes(place)
    complete_orders(place, instances, choice)
    table.add("all rows and indexes of a plain order", (_bytes(place) - before) / instances, at_most(4096), "bytes")


def _bytes(place: Place) -> int:
    with place.database.engine.connect() as connection:
        return int(connection.execute(_BYTES).scalar_one())
