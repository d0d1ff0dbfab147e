"""A day's work on a small order process, for children that are killed in the middle of it.

A child opens the database by itself, sends again what was not acknowledged before it died, and then does everything that
people, senders and workers do, in an order drawn by its seed. What it offers and what is acknowledged stands in the ledger,
a file beside the database, which outlives it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from factories import a_user
from fakes import FakeClock
from running import BERLIN, a_diagram, a_process, end, gateway, service, start, user

from capture.delivery import Delivery, Enclosure
from capture.intake import Intake
from engine.deployment import ProgramCache, Surroundings, deploy
from engine.errors import BusinessError
from engine.incident_desk import IncidentDesk
from engine.migration import Migrator, migrating_operation
from engine.operating import Operator
from engine.operations.call import Call, Operation
from engine.runtime import Engine
from engine.worker import Pace, Worker
from engine.worklist import Worklist
from storage import failpoints
from storage.database import Database, Transaction
from storage.documents import DocumentStore
from storage.errors import ParcelflowError
from storage.parcels import Parcel
from storage.people import Actor
from storage.processes import InstanceState
from storage.work import WorkItem

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
SHIFT = timedelta(hours=1)
NAP = timedelta(minutes=31)
PEOPLE = ("ann", "bob")
ACCESS = b"role,status,subject,level,scope\nclerk,*,order,act,all\nclerk,*,*,write,all\n"
OPERATIONS = ("write", "remind", "post", "sweep")
_HALF_HOUR = "<timerEventDefinition><timeDuration>PT30M</timeDuration></timerEventDefinition>"
_ORDER = a_process(
    "order",
    start(),
    user("enter"),
    service("write", "write"),
    '<boundaryEvent id="refused" attachedToRef="write"><errorEventDefinition errorRef="bad"/></boundaryEvent>',
    user("repair"),
    gateway("divide"),
    user("look"),
    f'<boundaryEvent id="late" attachedToRef="look" cancelActivity="false">{_HALF_HOUR}</boundaryEvent>',
    service("remind", "remind"),
    end("reminded"),
    '<intermediateCatchEvent id="payment" parcelflow:correlationKey="number">'
    '<messageEventDefinition messageRef="paid"/></intermediateCatchEvent>',
    f'<intermediateCatchEvent id="pause">{_HALF_HOUR}</intermediateCatchEvent>',
    gateway("unite"),
    service("post", "post"),
    user("finish"),
    '<boundaryEvent id="recall" attachedToRef="finish"><signalEventDefinition signalRef="bell"/></boundaryEvent>',
    gateway("again", "exclusive", 'default="again_to_billed"'),
    end("billed", '<messageEventDefinition messageRef="bill"/>'),
    "begin -> enter",
    "enter -> write",
    "write -> divide",
    "refused -> repair",
    "repair -> write",
    "divide -> look",
    "divide -> payment",
    "divide -> pause",
    "late -> remind",
    "remind -> reminded",
    "look -> unite",
    "payment -> unite",
    "pause -> unite",
    "unite -> post",
    "post -> finish",
    "recall -> post",
    "finish -> again",
    "again -> enter if answer == 'again'",
    "again -> billed",
)
_BILLING = a_process(
    "billing",
    start("called", '<messageEventDefinition messageRef="bill"/>'),
    user("book"),
    end("booked"),
    "called -> book",
    "book -> booked",
)
_NIGHTLY = a_process(
    "nightly",
    start("night", "<timerEventDefinition><timeCycle>R2/PT20M</timeCycle></timerEventDefinition>"),
    service("sweep", "sweep"),
    end("swept"),
    "night -> sweep",
    "sweep -> swept",
)
_HEAD = (
    '<message id="paid" name="paid"/><message id="bill" name="bill"/><signal id="bell" name="bell"/>'
    '<error id="bad" errorCode="bad"/>'
)
SELDOM, CURSED = 0.06, 0.7
TOGETHER = 0.3
EXPECTED = (ParcelflowError,)
DECK = (
    *(
        "deliver",
        "start",
        "claim",
        "release",
        "bell",
        "nap",
        "suspend",
        "go_on",
        "go_on",
        "mend",
        "terminate",
        "deploy",
    ),
    "migrate",
    *("pay",) * 2,
    *("tick",) * 3,
    *("complete",) * 5,
)


def diagram(version: int) -> bytes:
    """Give the diagram of a version; all versions do the same under other bytes."""
    return a_diagram(_ORDER, _BILLING, _NIGHTLY, head=_HEAD) + f"<!-- {version} -->".encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child works: database, document folder, ledger, effects."""

    url: str
    folder: Path

    @property
    def documents(self) -> DocumentStore:
        return DocumentStore(self.folder / "documents")

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    @property
    def effects(self) -> Path:
        return self.folder / "effects"

    def open(self, clock: FakeClock) -> Database:
        return Database(self.url, clock=clock, documents=self.documents)


def write_line(path: Path, *words: object) -> None:
    """Append a line in one write, which a kill cannot cut in two."""
    with path.open("ab", buffering=0) as file:
        file.write(f"{json.dumps(words)}\n".encode())


def read_lines(path: Path) -> list[list[Any]]:
    """Give the lines of a file, none when there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Kit:
    """What a child uses of the product; planted faults put something else in its place."""

    engine: Callable[[Database, ProgramCache], Engine] = Engine
    worker: type[Worker] = Worker
    programs: ProgramCache = field(default_factory=lambda: ProgramCache(BERLIN))
    plant: Callable[[], None] = lambda: None


def prepare(place: Place) -> None:
    """Put people and the first version of the process in."""
    database = place.open(FakeClock(MORNING))
    with database.transaction() as tx:
        tx.people.put_group("clerks", "Clerks", ["clerk"])
        for login in PEOPLE:
            tx.people.add(a_user(login=login, display_name=login.title()), ["clerks"])
    deploy(database, Surroundings(BERLIN), {"day.bpmn": diagram(0), "access.csv": ACCESS}, login="owner")
    database.close()


AT_ONCE = Pace(retry_after=(timedelta(0), timedelta(0)))


class Day:
    """One child's work on a place, under a name that no other living child has."""

    def __init__(
        self, place: Place, name: str, shift: int, kit: Kit, *, node: str = "node", pace: Pace = AT_ONCE
    ) -> None:
        kit.plant()
        self.place, self.name = place, name
        self.random = Random(name)
        self.clock = FakeClock(MORNING + shift * SHIFT)
        self.database = place.open(self.clock)
        self.engine = kit.engine(self.database, kit.programs)
        self.operator = Operator(self.engine)
        self.migrator = Migrator(self.database, self.engine, kit.programs)
        self.worklist = Worklist(self.database)
        self.intake = Intake(self.database, {"order": "order"}, owe_order)
        operations: dict[str, Operation] = dict.fromkeys(OPERATIONS, self.operate)
        operations["migrate_instances"] = migrating_operation(self.migrator)
        self.worker = kit.worker(self.database, self.engine, operations, node=node, pace=pace)
        self.made = 0
        with self.database.transaction() as tx:
            tx.jobs.give_back(node)
            tx.nodes.beat(node)
            self.people: list[Actor] = [tx.people.actor(user.id) for user in tx.people.all() if user.login in PEOPLE]

    def work(self, decks: int, *chosen: str) -> None:
        """Repeat what was not acknowledged, then do everything there is to do, or only what is chosen, so many times."""
        self.repeat()
        for _ in range(decks):
            deck = [getattr(self, name) for name in chosen or DECK]
            self.random.shuffle(deck)
            for act in deck:
                with suppress(*EXPECTED):
                    act()
        self.database.close()

    def repeat(self) -> None:
        """Send again what nobody acknowledged, as senders do."""
        acts = {"deliver": self.receive, "start": self.start_as, "pay": self.pay_as}
        for act, key, *more in unanswered(self.place):
            if act in acts and key.startswith(f"{self.name.partition('.')[0]}."):
                with suppress(*EXPECTED):
                    acts[act](key, *more)

    def offer(self, act: str, key: str, work: Callable[[], object], *more: object) -> None:
        """Do something whose acknowledgement counts, and write down both."""
        write_line(self.place.ledger, "offered", act, key, *more)
        try:
            work()
        except EXPECTED as error:
            failed = getattr(error, "code", "") in ("failpoint", "unavailable")
            write_line(self.place.ledger, "unknown" if failed else "refused", act, key, *more)
            raise
        write_line(self.place.ledger, "acknowledged", act, key, *more)

    def new_key(self) -> str:
        self.made += 1
        return f"{self.name}:{self.made}"

    def deliver(self) -> None:
        self.receive(self.new_key())

    def receive(self, key: str) -> None:
        delivery = Delivery("upload", key, MORNING, (Enclosure("order.txt", "text/plain", key.encode()),))
        self.offer("deliver", key, lambda: self.intake.receive(delivery))

    def start(self) -> None:
        self.start_as(self.new_key())

    def start_as(self, key: str) -> None:
        self.offer("start", key, lambda: self.engine.start("order", variables={"number": key}, request_key=key))

    def pay(self) -> None:
        """Pay an order that waits for it, or one that does not yet."""
        waiting, known = self.numbers_waiting(), [key for _, act, key, *_ in read_lines(self.place.ledger)]
        chosen = self.random.choice(waiting if waiting and self.random.random() < 0.7 else known or [""])
        self.pay_as(f"{self.new_key()}:paid", chosen)

    def pay_as(self, key: str, number: str) -> None:
        def pay() -> None:
            self.engine.correlate("paid", {"paid_with": key}, correlation_key=number, request_key=key)

        self.offer("pay", key, pay, number)

    def bell(self) -> None:
        self.engine.signal("bell")

    def claim(self) -> None:
        item, person = self.random.choice(self.items()), self.random.choice(self.people)
        self.offer("claim", f"{item.id}", lambda: self.worklist.claim(item.id, person), person.user_id)

    def release(self) -> None:
        claimed = [item for item in self.items() if item.assignee_id is not None]
        if claimed:
            item = self.random.choice(claimed)
            person = next(one for one in self.people if one.user_id == item.assignee_id)
            self.worklist.release(item.id, person)

    def complete(self) -> None:
        item = self.random.choice(self.items())
        person = next((one for one in self.people if one.user_id == item.assignee_id), self.random.choice(self.people))
        self.complete_as(item, person, {"answer": self.random.choice(["again", "enough", "enough"])})

    def look(self) -> None:
        """Complete the item of an order beside which other branches wait."""
        for item in [item for item in self.items() if item.node == "look"][:1]:
            person = next(one for one in self.people if item.assignee_id in (None, one.user_id))
            self.complete_as(item, person, {})

    def complete_as(self, item: WorkItem, person: Actor, answers: Mapping[str, Any]) -> None:
        self.offer("complete", f"{item.id}", lambda: self.engine.complete(item.id, person, answers), person.user_id)

    def tick(self) -> None:
        """Let the worker do what is due."""
        self.worker.tick()

    def nap(self) -> None:
        """Let half an hour pass, and the timers with it."""
        self.clock.advance(NAP)
        self.worker.tick()

    def suspend(self) -> None:
        self.operator.suspend(self.random.choice(self.instances(InstanceState.ACTIVE)), "boss", "wait a little")

    def go_on(self) -> None:
        for instance_id in self.instances(InstanceState.SUSPENDED)[:3]:
            self.operator.go_on(instance_id, "boss", "go on now")

    def terminate(self) -> None:
        active = self.instances(InstanceState.ACTIVE)
        if len(active) > 6:
            self.operator.terminate(self.random.choice(active), "boss", "not wanted")

    def mend(self) -> None:
        with self.database.reading() as tx:
            incidents = [incident.id for incident in tx.incidents.still_open()]
        for incident_id in incidents:
            IncidentDesk(self.engine).retry(incident_id, "boss")

    def deploy(self) -> None:
        key = self.new_key()
        files = {"day.bpmn": diagram(0) + f"<!-- {key} -->".encode(), "access.csv": ACCESS}
        self.offer("deploy", key, lambda: deploy(self.database, Surroundings(BERLIN), files, login="owner", note=key))

    def migrate(self) -> None:
        """Let the running orders go on by the newest version, each by itself or all or none."""
        with self.database.reading() as tx:
            newest = tx.deployments.latest("order")
        key, together = self.new_key(), self.random.random() < TOGETHER
        self.offer("migrate", key, lambda: self.migrator.begin(newest, {}, "boss", key, together=together))

    def operate(self, call: Call) -> Mapping[str, Any]:
        """Do a deed that stays: a line in a file; sometimes fail before it or after it, or refuse."""
        chance, is_cursed = self.random.random(), crc32(call.key.encode()) % 5 == 0
        if chance < (CURSED if is_cursed else SELDOM):
            raise RuntimeError("the printer is out of paper")
        write_line(self.place.effects, call.key)
        failpoints.failpoint("effect.done")
        if CURSED < chance < CURSED + SELDOM:
            raise RuntimeError("the answer was lost")
        if CURSED + SELDOM < chance < CURSED + 3 * SELDOM:
            raise BusinessError("bad", "The customer is not known.")
        return {"operated": call.key}

    def items(self) -> Sequence[WorkItem]:
        """Give the open items; raises `NothingToDo` when there is none."""
        with self.database.reading() as tx:
            found = tx.work.open()
        if not found:
            raise NothingToDo("There is no open work item.")
        return found

    def instances(self, state: InstanceState) -> list[int]:
        with self.database.reading() as tx:
            return [one.id for one in tx.processes.all() if one.state is state] or _nothing()

    def numbers_waiting(self) -> list[str]:
        with self.database.reading() as tx:
            rows = tx.connection.exec_driver_sql(
                "SELECT correlation_key FROM message_subscription WHERE name = 'paid' ORDER BY id"
            )
            return [key for (key,) in rows if key is not None]


class NothingToDo(ParcelflowError):
    """The day has nothing of this kind to do at the moment."""

    code = "nothing_to_do"


def _nothing() -> list[int]:
    raise NothingToDo("There is no such instance.")


def owe_order(tx: Transaction, parcel: Parcel) -> None:
    """Owe the start of the parcel's process, which knows its source as its number."""
    tx.jobs.start_process("order", parcel.id, {"number": parcel.source_key}, message=None)


def unanswered(place: Place) -> list[tuple[str, Any]]:
    """Give what was offered and neither acknowledged nor refused, as (act, key, more...)."""
    open_: dict[tuple[Any, ...], None] = {}
    for said, act, key, *more in read_lines(place.ledger):
        if said == "offered":
            open_[act, key, *more] = None
        elif said in ("acknowledged", "refused"):
            open_.pop((act, key, *more), None)
    return list(open_)
