"""What stays flat: thousands of work items one after the other in one instance, and a thousand side by side."""

import time
from collections.abc import Sequence

from running import a_diagram, a_process, end, start
from sqlalchemy import select

from bench import clocks
from bench.orders import Place
from bench.table import Table, at_most
from storage.work import WorkItem, WorkState

_LOOP = "<multiInstanceLoopCharacteristics><loopCardinality>amount</loopCardinality></multiInstanceLoopCharacteristics>"
_MANY = a_diagram(
    a_process(
        "many",
        start(),
        f'<userTask id="ask" name="ask" parcelflow:candidateGroups="clerks">{_LOOP}</userTask>',
        end(),
        "begin -> ask",
        "ask -> done",
    )
)


def measure_loop(place: Place, table: Table, items: int) -> None:
    """Complete so many work items of one instance, which rejects again and again."""
    place.start()
    seconds: list[float] = []
    cpu: list[float] = []
    server: list[float] = []

    def complete(node: str, **answers: bool) -> None:
        item = _newest(place, node)
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        place.office.engine.complete(item, place.actor, answers)
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.thread_time() - begun_cpu)

    complete("enter")
    while len(seconds) < items:
        if len(seconds) >= len(server) * items // 10:
            server.append(clocks.of_family(place.server))
        complete("accounting", price_ok=False)
        complete("quality", quality_ok=True)
        complete("adjust")
    table.add(f"{items:,} items in one instance: last tenth against first", clocks.growth(seconds), at_most(1.2), "x")
    table.add("  the same in CPU", clocks.growth(cpu), None, "x")
    server.append(clocks.of_family(place.server))
    if place.server is not None:
        table.add("  the same in CPU of the server", _last_against_first(server), None, "x")


def _newest(place: Place, node: str) -> int:
    """Give the newest item of a node that waits, by a question that costs the same however many are done."""
    is_wanted = WorkItem.node == node, WorkItem.state == WorkState.READY
    with place.database.reading() as tx:
        found = tx.connection.execute(select(WorkItem.id).where(*is_wanted).order_by(WorkItem.id.desc()).limit(1))
        return int(found.scalar_one())


def _last_against_first(readings: Sequence[float]) -> float:
    """Give how much more a clock moved between the last two readings than between the first two."""
    return (readings[-1] - readings[-2]) / (readings[1] - readings[0])


def measure_many(place: Place, table: Table) -> None:
    """Complete a thousand items of one parallel activity, and a hundred of others."""
    place.office.deploy(_MANY)
    _complete_all(place, 10)
    few, few_cpu = _complete_all(place, 100, times=5)
    many, many_cpu = _complete_all(place, 1000)
    table.add("1,000 parallel items against 100, each", many / few, at_most(1.3), "x")
    table.add("  the same in CPU", many_cpu / few_cpu, None, "x")


def _complete_all(place: Place, amount: int, times: int = 1) -> tuple[float, float]:
    seconds = cpu = 0.0
    for _ in range(times):
        instance = place.office.engine.start("many", None, {"amount": amount})
        with place.database.reading() as tx:
            items = [item.id for item in tx.work.of_instance(instance, only_open=True)]
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        for item in items:
            place.office.engine.complete(item, place.actor, {})
        seconds += time.perf_counter() - begun
        cpu += time.thread_time() - begun_cpu
    return seconds / amount / times, cpu / amount / times
