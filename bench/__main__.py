"""Measures speed and size against their goals and prints a table: `python -m bench [--only ...] [--quick] [--million]`."""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import completions, crowd, growth, laws, loading, over_http, starts
from bench.orders import Place, postgresql, sqlite
from bench.table import Table

_PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {"sqlite": sqlite, "postgresql": postgresql}


def main(arguments: list[str]) -> int:
    """Measure; gives 1 when a goal was missed."""
    options = _read(arguments)
    table = Table()
    for name, place_in in _PLACES.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="parcelflow-bench-") as folder, place_in(Path(folder)) as place:
                table.title(place.name)
                _measure(place, table, options)
    if table.missed:
        print(f"\nmissed: {'; '.join(table.missed)}")
    return int(bool(table.missed))


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure speed and size.")
    parser.add_argument("--only", choices=sorted(_PLACES))
    parser.add_argument("--subject", choices=["completions", "http", "starts", "growth", "size", "crowd"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--items", type=int, default=10_000, help="work items in one instance")
    parser.add_argument("--million", action="store_true", help="also beside a million finished instances (takes long)")
    parser.add_argument("--crowd", type=int, default=1_000_000, help="how many finished instances that is")
    return parser.parse_args(arguments)


def _measure(place: Place, table: Table, options: argparse.Namespace) -> None:
    wanted = options.subject
    for subject, measure in _subjects(place, table, options):
        if wanted in (None, subject) and (subject != "crowd" or options.million or wanted == "crowd"):
            measure()


def _subjects(place: Place, table: Table, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], object]]]:
    rounds, instances = options.rounds, options.instances
    yield "completions", lambda: completions.measure(place, table, rounds, instances)
    yield "http", lambda: over_http.measure(place, table, rounds, instances)
    yield "size", lambda: laws.measure(place, table)
    yield "size", lambda: loading.measure(place, table)
    if place.server is None:
        yield "size", lambda: completions.measure_rows(place, table, 2 * instances)
    yield "growth", lambda: _beside_empty(place, lambda empty: growth.measure_loop(place, empty, table, options.items))
    yield "growth", lambda: growth.measure_many(place, table)
    course = random.Random(7)  # noqa: S311 - the same every time
    yield "crowd", lambda: _beside_empty(place, lambda empty: crowd.measure(place, empty, table, course, options.crowd))
    yield "starts", lambda: starts.measure(place, table, rounds, instances)


def _beside_empty(place: Place, measure: Callable[[Place], object]) -> None:
    """Measure beside an empty database of the same kind."""
    with (
        tempfile.TemporaryDirectory(prefix="parcelflow-bench-") as folder,
        _PLACES[place.name.lower()](Path(folder)) as empty,
    ):
        measure(empty)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
