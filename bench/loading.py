"""The cold load of an instance: from the bytes of its state to an execution that can go on."""

import time

from bench.clocks import percentile
from bench.orders import Place
from bench.table import Table, at_most
from engine.spiff.execution import Execution

_TIMES = 500


def measure(place: Place, table: Table) -> None:
    """Load a plain order that waits for both reviews."""
    instance = place.start()
    place.office.do(instance, "enter", place.actor)
    with place.database.reading() as tx:
        live = tx.processes.live(instance)
        program = place.office.programs.of(tx, live.deployment_id)
    milliseconds = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        Execution.load(program, live.snapshot).waits()
        milliseconds.append((time.perf_counter() - begun) * 1e3)
    table.add("cold load of an instance, median", percentile(milliseconds, 0.5), at_most(0.4), "ms")
