"""Hostile diagrams through the whole product: each is refused or becomes an incident in time, and the worker serves on."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from factories import MORNING
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, gateway, service, start, user

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run
from engine.errors import DefinitionError
from engine.operations.call import Call
from engine.worker import Worker
from storage.database import Database
from storage.documents import DocumentStore

LONGEST_SECONDS = 10.0
EXPRESSIONS = {
    "file": "open('{marker}', 'w')",
    "import": "__import__('os').system('touch {marker}')",
    "class walk": "[c for c in ().__class__.__bases__[0].__subclasses__() if c.__name__ == 'Popen'][0](['touch', '{marker}'])",
    "endless loop": "sum([1 for a in items for b in items for c in items for d in items])",
    "1 GB": "'a' * 1000000000",
    "big power": "9 ** 9 ** 9 ** 9 > 1",
    "recursion": "(" * 5_000 + "1" + ")" * 5_000,
    "format bomb": "'{{:>1000000000}}'.format(1)",
    "format walk": "'{{0.__class__.__mro__}}'.format(items)",
}
SCRIPTS = {
    "file": "open('{marker}', 'w').write('x')",
    "import": "import os\nos.system('touch {marker}')",
    "class walk": "x = ().__class__.__bases__[0].__subclasses__()",
    "endless loop": "while True:\n    pass",
    "1 GB": "x = 'a' * 1000000000",
    "growing list": "x = [0]\nwhile True:\n    x = x + x",
    "big power": "x = 9 ** 9 ** 9",
    "recursion": "def f(n):\n    return f(n + 1)\nx = f(0)",
    "format bomb": "x = '{{:>1000000000}}'.format(1)",
    "text format bomb": "x = f'{{1:>1000000000}}'",
}


@dataclass(frozen=True)
class Attack:
    """A diagram (and table) that holds a hostile text in one place."""

    place: str
    name: str
    text: str

    def files(self, marker: Path) -> Mapping[str, bytes]:
        """Give the files, with the text aimed at a file that must not appear."""
        return PLACES[self.place](self.text.format(marker=marker))


def _process(*parts: str, head: str = "") -> dict[str, bytes]:
    return {"diagram": a_diagram(a_process("hostile", start(), *parts, end()), head=head)}


def _in_a_script(text: str) -> dict[str, bytes]:
    task = f'<scriptTask id="s" scriptFormat="python"><script>{escape(text)}</script></scriptTask>'
    return _process(task, "begin -> s", "s -> done")


def _in_a_condition(text: str) -> dict[str, bytes]:
    way = gateway("x", "exclusive", 'default="x_to_done"')
    return _process(way, user("u"), "begin -> x", f"x -> u if {text}", "x -> done", "u -> done")


def _in_a_timer(text: str) -> dict[str, bytes]:
    timer = f"<timerEventDefinition><timeDuration>{escape(text)}</timeDuration></timerEventDefinition>"
    event = f'<intermediateCatchEvent id="t">{timer}</intermediateCatchEvent>'
    return _process(event, "begin -> t", "t -> done")


def _in_a_cardinality(text: str) -> dict[str, bytes]:
    loop = f"<loopCardinality>{escape(text)}</loopCardinality>"
    many = f"<multiInstanceLoopCharacteristics>{loop}</multiInstanceLoopCharacteristics>"
    return _process(f'<userTask id="u" name="u">{many}</userTask>', "begin -> u", "u -> done")


def _in_a_correlation(text: str) -> dict[str, bytes]:
    definition = '<messageEventDefinition messageRef="m"/>'
    event = f'<intermediateCatchEvent id="m1" parcelflow:correlationKey={quoteattr(text)}>{definition}</intermediateCatchEvent>'
    return _process(event, "begin -> m1", "m1 -> done", head='<message id="m" name="m"/>')


def _in_a_table(text: str) -> dict[str, bytes]:
    task = '<businessRuleTask id="r" parcelflow:decision="choose"/>'
    return _process(task, "begin -> r", "r -> done") | {"choose_dmn": _table(text)}


def _table(cell: str) -> bytes:
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="urn:d">'
        '<decision id="choose" name="choose"><decisionTable id="t">'
        '<input id="i"><inputExpression id="e"><text>amount</text></inputExpression></input>'
        '<output id="o" name="chosen"/><rule id="r1"><inputEntry id="c"><text>-</text></inputEntry>'
        f'<outputEntry id="v"><text>{escape(cell)}</text></outputEntry></rule></decisionTable></decision></definitions>'
    ).encode()


PLACES = {
    "script": _in_a_script,
    "condition": _in_a_condition,
    "timer": _in_a_timer,
    "cardinality": _in_a_cardinality,
    "correlation": _in_a_correlation,
    "table": _in_a_table,
}
ATTACKS = [
    Attack(place, name, text)
    for place in PLACES
    for name, text in (SCRIPTS if place == "script" else EXPRESSIONS).items()
]
HARMLESS = {
    "script": "x = 1",
    "condition": "True",
    "timer": "PT1H",
    "cardinality": "2",
    "correlation": "amount",
    "table": "1",
}
PLAIN = a_diagram(a_process("plain", start(), service("work"), end(), "begin -> work", "work -> done"))


class Shop:
    """An engine and its worker, with one operation."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.calls: list[Call] = []
        self.worker = Worker(office.database, office.engine, {"work": self._work}, node="here")
        office.deploy(PLAIN)

    def _work(self, call: Call) -> Mapping[str, Any]:
        self.calls.append(call)
        return {"worked": True}

    def serves_the_next_job(self) -> bool:
        """Run a plain process to its end by the worker."""
        instance = self.office.engine.start("plain", None, {})
        self.worker.tick()
        return self.office.state(instance) == "completed"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("attacked")
    clock, documents = FakeClock(MORNING), DocumentStore(folder / "documents")
    database = Database(f"sqlite:///{folder}/attacked.sqlite", clock=clock, documents=documents)
    database.migrate()
    yield Shop(Office(database))
    database.close()


def _suffered(office: Office, files: Mapping[str, bytes]) -> str:
    """Deploy and start; tell whether it was refused, stopped as an incident, or went through without harm."""
    diagram, others = files["diagram"], {name: data for name, data in files.items() if name != "diagram"}
    try:
        office.deploy(diagram, **others)
    except DefinitionError:
        return "refused"
    instance = office.engine.start("hostile", None, {"items": list(range(1000)), "amount": 1})
    with office.database.reading() as tx:
        stuck = [one for one in tx.incidents.still_open() if one.instance_id == instance]
    return "incident" if stuck else "went through"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.place}-{one.name}".replace(" ", "_"))
def test_an_attack_ends_in_time_and_the_worker_serves_on(attack: Attack, shop: Shop, tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    begun = time.monotonic()

    suffered = _suffered(shop.office, attack.files(marker))

    assert suffered in {"refused", "incident"}
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert not marker.exists()
    assert shop.serves_the_next_job()


@pytest.mark.parametrize("place", PLACES)
def test_what_is_harmless_goes_through_at_every_place(place: str, shop: Shop, tmp_path: Path) -> None:
    assert _suffered(shop.office, Attack(place, "harmless", HARMLESS[place]).files(tmp_path)) == "went through"


@pytest.mark.parametrize("place", PLACES)
def test_an_attack_on_a_dry_run_ends_it_in_time(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    attack = Attack(place, "class walk", (SCRIPTS if place == "script" else EXPRESSIONS)["class walk"])
    files = {name.replace("_", "."): data for name, data in attack.files(marker).items()}
    begun = time.monotonic()

    *_, last = dry_run({"hostile.bpmn": files.pop("diagram"), **files}, Options(variables={"amount": 1, "items": [1]}))

    assert last["outcome"] in {"refused", "incident"}
    assert time.monotonic() - begun < 2 * LONGEST_SECONDS  # with the start of the child
    assert not marker.exists()
