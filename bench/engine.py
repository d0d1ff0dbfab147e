"""Measures `Engine.complete` against the raw limit of the same rows, the flatness of a long loop, and the size of a state.

    python bench/engine.py [--rounds 3] [--instances 100] [--loop 1000]

Each round starts plain orders and completes their work items in a random order, claim and right checked and the audit chain
written, then writes the same rows through SQLAlchemy Core without an engine. Rounds alternate, so that both see the same
machine. SQLite runs with synchronous=FULL, PostgreSQL with its ordinary settings.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "bench")]

from durable_postgres import durable_postgres
from running import Office, a_diagram, a_process, end, gateway, start, user
from sqlalchemy import bindparam, insert, update

from storage.audit import AuditEvent
from storage.database import Database
from storage.documents import DocumentStore
from storage.people import Actor
from storage.processes import ProcessInstance
from storage.work import WorkItem, WorkState

GOALS = {"sqlite": 0.15, "postgresql": 0.35}
ORDER = {
    "customer": {"number": "C-0815", "name": "Copper & Sons", "street": "Gerberstr. 3", "city": "04105 Leipzig"},
    "product": "brochure, 24 pages, saddle-stitched",
    "paper": "135 g gloss inside, 250 g matt cover",
    "format": "A4 upright",
    "run_length": 5000,
    "colours": "4/4",
    "finishing": ["cellophane matt", "crease", "stitch"],
    "remarks": "Please send two printed proofs to the Leipzig office before the run; the cover tint was too dark last time. "
    * 3,
    "lines": [{"position": number, "text": f"item {number}", "amount": 100 * number} for number in range(1, 11)],
}
_TIMER = (
    '<boundaryEvent id="late" attachedToRef="plan" cancelActivity="false"><timerEventDefinition>'
    "<timeDuration>P3D</timeDuration></timerEventDefinition></boundaryEvent>"
)
PLAIN_ORDER = a_diagram(
    a_process(
        "order",
        start(),
        '<scriptTask id="prepare" scriptFormat="python"><script>total = run_length * 2</script></scriptTask>',
        gateway("is_large", "exclusive", 'default="is_large_to_enter"'),
        *(
            user(key)
            for key in (
                "enter",
                "enter_large",
                "accounting",
                "quality",
                "adjust",
                "plan",
                "remind",
                "produce",
                "invoice",
            )
        ),
        gateway("again", "exclusive"),
        gateway("split"),
        gateway("join"),
        gateway("accepted", "exclusive", 'default="accepted_to_adjust"'),
        gateway("entered", "exclusive"),
        _TIMER,
        end(),
        end("reminded"),
        *(
            "begin -> prepare",
            "prepare -> is_large",
            "is_large -> enter_large if run_length > 100000",
            "is_large -> enter",
        ),
        *("enter -> entered", "enter_large -> entered", "entered -> again", "again -> split", "split -> accounting"),
        *("split -> quality", "accounting -> join", "quality -> join", "join -> accepted"),
        *("accepted -> plan if price_ok and quality_ok", "accepted -> adjust", "adjust -> again"),
        *("plan -> produce", "produce -> invoice", "invoice -> done", "late -> remind", "remind -> reminded"),
    )
)
STEP = (
    update(ProcessInstance)
    .where(ProcessInstance.id == bindparam("instance"), ProcessInstance.version == bindparam("seen"))
    .values(version=bindparam("next"), snapshot=bindparam("bytes"))
)
COMPLETE = update(WorkItem).where(WorkItem.id == bindparam("item")).values(state=WorkState.COMPLETED, completed_by_id=1)
ADD_ITEM = insert(WorkItem.__table__).returning(WorkItem.id)
ADD_EVENT = insert(AuditEvent.__table__)
ANSWERS: dict[str, dict[str, Any]] = {"accounting": {"price_ok": True}, "quality": {"quality_ok": True}}


@dataclass(frozen=True, slots=True)
class Round:
    """Completions a second with the engine, and the raw limit of the same rows; our processor time for one of each, in ms."""

    engine: float
    raw: float
    engine_cpu: float
    raw_cpu: float


def prepare(url: str, folder: Path) -> tuple[Office, Actor]:
    """Make the schema, deploy the plain order, add a person."""
    database = Database(url, clock=lambda: datetime.now(UTC), documents=DocumentStore(folder))
    database.migrate()
    office = Office(database)
    office.deploy(PLAIN_ORDER)
    return office, office.person("ann")


def complete_all(
    office: Office, actor: Actor, instances: int, choice: random.Random
) -> tuple[list[float], list[int], float]:
    """Complete all work items of new orders in a random order; gives seconds for each, sizes of states, CPU seconds."""
    running = [office.engine.start("order", office.parcel(), ORDER) for _ in range(instances)]
    seconds: list[float] = []
    sizes: list[int] = []
    cpu = 0.0
    while running:
        instance = choice.choice(running)
        items = office.items(instance)
        if not items:
            running.remove(instance)
            continue
        node, item = choice.choice(sorted(items.items()))
        begun, begun_cpu = time.perf_counter(), time.process_time()
        office.engine.complete(item.id, actor, ANSWERS.get(node, {}))
        seconds.append(time.perf_counter() - begun)
        cpu += time.process_time() - begun_cpu
        if len(seconds) % 10 == 0:
            with office.database.reading() as tx:
                sizes.append(len(tx.processes.one(instance).snapshot))
    return seconds, sizes, cpu


def raw_limit(office: Office, count: int) -> tuple[list[float], float]:
    """Write the rows of so many completions through SQLAlchemy Core; gives seconds for each, and CPU seconds."""
    instance = office.engine.start("order", office.parcel(), ORDER)
    with office.database.reading() as tx:
        state = tx.processes.one(instance).snapshot
        [item] = tx.work.of_instance(instance)
        row = {column.name: getattr(item, column.name) for column in WorkItem.__table__.columns if column.name != "id"}
        event = tx.audit.history(f"parcel:{item.parcel_id}")[-1]
        told = {
            column.name: getattr(event, column.name) for column in AuditEvent.__table__.columns if column.name != "id"
        }
    item_id, seconds, cpu = item.id, [], time.process_time()
    told["chain"] = f"raw:{uuid4().hex[:30]}"
    with office.database.engine.connect() as connection:
        for number in range(1, count + 1):
            begun = time.perf_counter()
            with connection.begin():
                connection.execute(STEP, {"seen": number, "instance": instance, "next": number + 1, "bytes": state})
                connection.execute(COMPLETE, {"item": item_id})
                item_id = connection.execute(ADD_ITEM, row | {"key": f"raw:{number}"}).scalar_one()
                connection.execute(ADD_EVENT, told | {"number": number})
            seconds.append(time.perf_counter() - begun)
    return seconds, time.process_time() - cpu


def measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> None:
    """Measure one database and print what came of it."""
    office, actor = prepare(url, folder)
    choice, rounds, sizes = random.Random(7), [], []  # noqa: S311 - the same course every time
    complete_all(office, actor, 5, choice)
    for _ in range(options.rounds):
        raw, raw_cpu = raw_limit(office, options.instances * 6)
        seconds, seen, cpu = complete_all(office, actor, options.instances, choice)
        sizes += seen
        one = Round(
            len(seconds) / sum(seconds), len(raw) / sum(raw), cpu / len(seconds) * 1e3, raw_cpu / len(raw) * 1e3
        )
        rounds.append(one)
        print(
            f"  {name}: engine {one.engine:5.0f}/s ({one.engine_cpu:.2f} ms CPU)"
            f"   raw {one.raw:5.0f}/s ({one.raw_cpu:.2f} ms CPU)",
            flush=True,
        )
    ratio = statistics.median(one.engine / one.raw for one in rounds)
    print(
        f"{name}: median {statistics.median(one.engine for one in rounds):.0f} completions/s, "
        f"raw limit {statistics.median(one.raw for one in rounds):.0f}/s, ratio {ratio:.2f} "
        f"(goal at least {GOALS[name]}); state median {statistics.median(sizes):.0f} bytes, largest {max(sizes)}"
    )
    _loop(name, office, actor, options.loop)
    office.database.close()


def _loop(name: str, office: Office, actor: Actor, rounds: int) -> None:
    instance = office.engine.start("order", office.parcel(), ORDER)
    seconds: list[float] = []
    cpu: list[float] = []

    def timed(node: str, **answers: bool) -> None:
        item = office.item(instance, node)
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        office.engine.complete(item, actor, answers)
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.thread_time() - begun_cpu)

    timed("enter")
    for _ in range(rounds):
        timed("accounting", price_ok=False)
        timed("quality", quality_ok=True)
        timed("adjust")
    tenth = len(seconds) // 10
    first, last = statistics.median(seconds[:tenth]), statistics.median(seconds[-tenth:])
    with office.database.reading() as tx:
        size = len(tx.processes.one(instance).snapshot)
    print(
        f"{name}: loop of {rounds} rejections: first tenth {first * 1e3:.2f} ms, last tenth {last * 1e3:.2f} ms, "
        f"ratio {last / first:.2f} (at most 1.5), of processor time {_growth(cpu):.2f}; state at the end {size} bytes"
    )


def _growth(times: list[float]) -> float:
    tenth = len(times) // 10
    return statistics.median(times[-tenth:]) / statistics.median(times[:tenth])


def main(arguments: list[str]) -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description="Measure the engine.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--loop", type=int, default=1000)
    parser.add_argument("--only", choices=sorted(GOALS))
    options = parser.parse_args(arguments)
    print(f"order data: {len(json.dumps(ORDER))} bytes of JSON")
    with tempfile.TemporaryDirectory(prefix="parcelflow-bench-") as folder:
        runs: dict[str, Callable[[], None]] = {
            "sqlite": lambda: measure("sqlite", f"sqlite:///{folder}/bench.sqlite", Path(folder) / "s", options),
            "postgresql": lambda: _measure_postgresql(Path(folder) / "p", options),
        }
        for name, run in runs.items():
            if options.only in (None, name):
                run()


def _measure_postgresql(folder: Path, options: argparse.Namespace) -> None:
    with durable_postgres() as url:
        measure("postgresql", url, folder, options)


if __name__ == "__main__":
    main(sys.argv[1:])
