"""What stays flat: thousands of work items one after the other in one instance, and a thousand side by side."""

import time

from running import a_diagram, a_process, end, start
from sqlalchemy import select

from bench import clocks
from bench.orders import Place
from bench.table import Table, at_most
from storage.work import WorkItem, WorkState

_ITEMS_A_ROUND = 3
_TURN = 100
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


class _Order:
    """An order that accounting rejects again and again, with what each of its completions took."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Go on with a new instance."""
        self._place.start()
        self._complete("enter")

    def go_round(self) -> None:
        """Complete three work items, and measure it."""
        begun = time.perf_counter(), time.thread_time()
        self._complete("accounting", price_ok=False)
        self._complete("quality", quality_ok=True)
        self._complete("adjust")
        self.seconds.append(time.perf_counter() - begun[0])
        self.cpu.append(time.thread_time() - begun[1])

    def _complete(self, node: str, **answers: bool) -> None:
        self._place.office.engine.complete(_newest(self._place, node), self._place.actor, answers)


def measure_loop(place: Place, empty: Place, table: Table, items: int) -> None:
    """Complete so many work items of one instance, which is rejected again and again.

    A machine that others use becomes faster and slower by itself. How much, is told by new instances in a database of their
    own, which take turns with the one in its first and last tenth.
    """
    order, yardstick = _Order(place), _Order(empty)
    rounds = items // _ITEMS_A_ROUND
    tenth, server = max(1, rounds // 10), [clocks.of_family(place.server)]
    for number in range(rounds):
        order.go_round()
        if not tenth <= number < rounds - tenth:
            yardstick.begin_anew()
            yardstick.go_round()
        if number + 1 in (tenth, rounds - tenth, rounds):
            server.append(clocks.of_family(place.server))
    grown, grown_cpu = clocks.growth(order.seconds), clocks.growth(order.cpu)
    drift, drift_cpu = clocks.growth(yardstick.seconds, 0.5), clocks.growth(yardstick.cpu, 0.5)
    table.add(f"{items:,} items in one instance: last tenth against first", grown / drift, at_most(1.2), "x")
    table.add("  the same in CPU", grown_cpu / drift_cpu, None, "x")
    table.add("  new instances meanwhile, by which it is divided", drift, None, "x")
    if place.server is not None:
        table.add(
            "  the same in CPU of the server, not divided", (server[3] - server[2]) / (server[1] - server[0]), None, "x"
        )


def _newest(place: Place, node: str) -> int:
    """Give the newest item of a node that waits, by a question that costs the same however many are done."""
    is_wanted = WorkItem.node == node, WorkItem.state == WorkState.READY
    with place.database.reading() as tx:
        found = tx.connection.execute(select(WorkItem.id).where(*is_wanted).order_by(WorkItem.id.desc()).limit(1))
        return int(found.scalar_one())


def measure_many(place: Place, table: Table) -> None:
    """Complete a thousand items of one parallel activity, and in turns with each hundred of them a hundred of another."""
    place.office.deploy(_MANY)
    _Many(place, _TURN).complete(_TURN)
    many, few = _Many(place, 1000), [_Many(place, _TURN) for _ in range(1000 // _TURN)]
    for one in few:
        one.complete(_TURN)
        many.complete(_TURN)
    table.add(
        "1,000 parallel items against 100, each", many.seconds / sum(one.seconds for one in few), at_most(1.3), "x"
    )
    table.add("  the same in CPU", many.cpu / sum(one.cpu for one in few), None, "x")


class _Many:
    """An instance with many items side by side, and what their completion has taken."""

    def __init__(self, place: Place, amount: int) -> None:
        self._place = place
        instance = place.office.engine.start("many", None, {"amount": amount})
        with place.database.reading() as tx:
            self._items = [item.id for item in tx.work.of_instance(instance, only_open=True)]
        self.seconds = self.cpu = 0.0

    def complete(self, amount: int) -> None:
        """Complete so many of them, and measure it."""
        chosen, self._items = self._items[:amount], self._items[amount:]
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        for item in chosen:
            self._place.office.engine.complete(item, self._place.actor, {})
        self.seconds += time.perf_counter() - begun
        self.cpu += time.thread_time() - begun_cpu
