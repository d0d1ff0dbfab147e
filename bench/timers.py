"""Measures how late timers fire when very many are due at the same moment.

    python -m bench.timers [--count 10000] [--only sqlite|postgresql] [--nodes 1]

So many plain instances wait for one moment; then one or more ordinary workers, each a process of its own, run as they do in an
installation. The lateness of a timer is the time from the moment it was due to the commit of the step that it fired.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from running import Office, a_diagram, a_process, end, start, user
from sqlalchemy import func, insert, select, update

from bench.durable_postgres import durable_postgres
from engine.worker import Worker
from storage.database import Database
from storage.documents import DocumentStore
from storage.processes import ProcessInstance
from storage.timers import Timer

GOAL_SECONDS = 5.0
LEAD = timedelta(seconds=6)
_PAUSE = (
    '<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>'
    "</intermediateCatchEvent>"
)
PAUSED = a_diagram(
    a_process("order", start(), _PAUSE, user("look"), end(), "begin -> pause", "pause -> look", "look -> done")
)
ORDER = {"customer": {"number": "C-0815", "name": "Copper & Sons"}, "run_length": 5000, "format": "A4 upright"}


def _database(url: str, folder: Path) -> Database:
    return Database(url, clock=lambda: datetime.now(UTC), documents=DocumentStore(folder))


def _fill(url: str, folder: Path, count: int) -> datetime:
    """Let so many instances wait for one moment a little from now: one is started, the others are copies of its rows."""
    database = _database(url, folder)
    database.migrate()
    office = Office(database)
    office.deploy(PAUSED)
    first = office.engine.start("order", variables=ORDER)
    with database.transaction() as tx:
        instance = tx.connection.execute(select(ProcessInstance).where(ProcessInstance.id == first)).one()._asdict()
        timer = tx.connection.execute(select(Timer)).one()._asdict()
        del instance["id"], timer["id"]
        tx.connection.execute(insert(ProcessInstance), [instance] * (count - 1))
        ids = tx.session.scalars(select(ProcessInstance.id).where(ProcessInstance.id != first)).all()
        tx.connection.execute(insert(Timer), [timer | {"instance_id": key} for key in ids])
        for key in ids:
            tx.audit.record(f"instance:{key}", "system", "process.started", f"instance:{key}")
    due = datetime.now(UTC) + LEAD
    with database.transaction() as tx:
        tx.connection.execute(update(Timer).values(due_at=due))
    database.close()
    return due


def work(url: str, folder: Path, name: str, due: datetime, results: Any) -> None:
    """Be one node: run an ordinary worker until nothing waits any more, and tell how late each firing was."""
    database = _database(url, folder)
    office = Office(database)
    late: list[float] = []
    fire_due = office.engine.fire_due

    def timed(but_for: tuple[int, ...] = ()) -> Any:
        fired = fire_due(but_for)
        late.extend([(datetime.now(UTC) - due).total_seconds()] * fired.count)
        return fired

    office.engine.fire_due = timed  # type: ignore[method-assign]  # only the clock is read around it
    worker = Worker(database, office.engine, {}, node=name)
    begun_cpu = time.process_time()
    worker.start()
    left = 1
    while left:
        time.sleep(0.25)
        with database.reading() as tx:
            left = tx.session.scalar(select(func.count()).select_from(Timer)) or 0
    worker.stop()
    results.put((late, time.process_time() - begun_cpu))
    database.close()


def measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> None:
    """Measure one database and print what came of it."""
    due = _fill(url, folder, options.count)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    nodes = [
        context.Process(target=work, args=(url, folder, f"node-{number}", due, results))
        for number in range(options.nodes)
    ]
    for node in nodes:
        node.start()
    told = [results.get() for _ in nodes]
    for node in nodes:
        node.join()
    late = sorted(value for values, _ in told for value in values)
    p99 = late[int(len(late) * 0.99) - 1]
    cpu = sum(seconds for _, seconds in told) / len(late) * 1e3
    print(
        f"{name}: {len(late)} timers due at once, {options.nodes} node(s): late p50 {statistics.median(late):.2f} s, "
        f"p99 {p99:.2f} s (goal {GOAL_SECONDS} s), max {late[-1]:.2f} s; {cpu:.2f} ms of our processor time each",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description="Measure how late timers fire.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="parcelflow-bench-") as name:
        folder = Path(name)
        runs: dict[str, Callable[[], None]] = {
            "sqlite": lambda: measure("sqlite", f"sqlite:///{folder}/bench.sqlite", folder / "s", options),
            "postgresql": lambda: _measure_postgresql(folder / "p", options),
        }
        for database, run in runs.items():
            if options.only in (None, database):
                run()


def _measure_postgresql(folder: Path, options: argparse.Namespace) -> None:
    with durable_postgres() as server:
        measure("postgresql", server.url, folder, options)


if __name__ == "__main__":
    main(sys.argv[1:])
