"""The plain order that is measured: its diagram, its data, and a place where it runs."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from running import Office, a_diagram, a_process, end, gateway, start, user

from bench import clocks
from bench.durable_postgres import durable_postgres
from storage.database import Database
from storage.documents import DocumentStore
from storage.people import Actor

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
_FORMS = {"accounting": "price", "quality": "quality"}
_TASKS = ("enter", "enter_large", "accounting", "quality", "adjust", "plan", "remind", "produce", "invoice")
PLAIN_ORDER = a_diagram(
    a_process(
        "order",
        start(),
        '<scriptTask id="prepare" scriptFormat="python"><script>total = run_length * 2</script></scriptTask>',
        gateway("is_large", "exclusive", 'default="is_large_to_enter"'),
        *(user(key, more=f'parcelflow:form="{_FORMS.get(key, "note")}"') for key in _TASKS),
        gateway("again", "exclusive"),
        gateway("split"),
        gateway("join"),
        gateway("accepted", "exclusive", 'default="accepted_to_adjust"'),
        gateway("entered", "exclusive"),
        _TIMER,
        end(),
        end("reminded"),
        *("begin -> prepare", "prepare -> is_large", "is_large -> enter_large if run_length > 100000"),
        *("is_large -> enter", "enter -> entered", "enter_large -> entered", "entered -> again", "again -> split"),
        *("split -> accounting", "split -> quality", "accounting -> join", "quality -> join", "join -> accepted"),
        *("accepted -> plan if price_ok and quality_ok", "accepted -> adjust", "adjust -> again"),
        *("plan -> produce", "produce -> invoice", "invoice -> done", "late -> remind", "remind -> reminded"),
    )
)


def _form(key: str, sort: str) -> bytes:
    fields = [{"type": sort, "key": key, "label": key, "id": key}]
    return json.dumps({"type": "default", "id": key, "schemaVersion": 19, "components": fields}).encode()


FORMS = {
    "price_form": _form("price_ok", "checkbox"),
    "quality_form": _form("quality_ok", "checkbox"),
    "note_form": _form("note", "textfield"),
}
ANSWERS: dict[str, dict[str, Any]] = {"accounting": {"price_ok": True}, "quality": {"quality_ok": True}}
ITEMS_OF_ORDER = 6


@dataclass
class Place:
    """A database with a plain order in force, and somebody who may do everything."""

    name: str
    office: Office
    actor: Actor
    folder: Path
    server: int | None = None

    @property
    def database(self) -> Database:
        """The database."""
        return self.office.database

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def start(self) -> int:
        """Start an order for a new parcel."""
        return self.office.engine.start("order", self.office.parcel(), ORDER)


@contextmanager
def sqlite(folder: Path) -> Iterator[Place]:
    """Give a fresh SQLite database with `synchronous=FULL`."""
    with closing(_place("SQLite", f"sqlite:///{folder}/bench.sqlite", folder)) as place:
        yield place


@contextmanager
def postgresql(folder: Path) -> Iterator[Place]:
    """Give a fresh PostgreSQL cluster with its ordinary, durable settings."""
    with durable_postgres() as cluster, closing(_place("PostgreSQL", cluster.url, folder, cluster.pid)) as place:
        yield place


def _place(name: str, url: str, folder: Path, server: int | None = None) -> Place:
    database = Database(url, clock=lambda: datetime.now(UTC), documents=DocumentStore(folder / "documents"))
    database.migrate()
    office = Office(database)
    office.deploy(PLAIN_ORDER, **FORMS)
    return Place(name, office, office.person("ann"), folder, server)


@dataclass
class Run:
    """Completions: wall-clock seconds for each, processor seconds here and in the server for all, sizes of some states."""

    seconds: list[float] = field(default_factory=list)
    here: float = 0.0
    server: float = 0.0
    sizes: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.seconds) / sum(self.seconds)

    def milliseconds(self, spent: float) -> float:
        """Give what was spent for each, in ms."""
        return spent / len(self.seconds) * 1e3


Complete = Callable[[int, Mapping[str, Any]], object]


def complete_orders(place: Place, instances: int, choice: random.Random, complete: Complete | None = None) -> Run:
    """Complete all work items of new orders, one of each order in turn, in a random order; `complete` says how."""
    run, running = Run(), [place.start() for _ in range(instances)]
    do = complete or (lambda item, answers: place.office.engine.complete(item, place.actor, answers))
    while running:
        choice.shuffle(running)
        offered = {instance: sorted(place.office.items(instance).items()) for instance in running}
        chosen = [choice.choice(items) for items in offered.values() if items]
        _complete(run, place, [(item.id, ANSWERS.get(node, {})) for node, item in chosen], do)
        running = [instance for instance, items in offered.items() if items]
        with place.database.reading() as tx:
            run.sizes.extend(len(tx.processes.one(instance).snapshot) for instance in running[:10])
    return run


def _complete(run: Run, place: Place, items: Sequence[tuple[int, Mapping[str, Any]]], do: Complete) -> None:
    here, server = clocks.own(), clocks.of_family(place.server)
    for item, answers in items:
        begun = time.perf_counter()
        do(item, answers)
        run.seconds.append(time.perf_counter() - begun)
    run.here += clocks.own() - here
    run.server += clocks.of_family(place.server) - server
