"""Whatever people, senders, workers, clocks and crashes do in whatever order: the product does what a plain model says."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from busy_day import ACCESS
from factories import a_user
from fakes import FakeClock
from figures import Count
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from oracle.orders import ITEMS, SHAPES, Order, Shape, mapping_to
from postgres import Cluster
from running import BERLIN
from sqlalchemy import select

from engine.deployment import ProgramCache, Surroundings, deploy
from engine.errors import BusinessError
from engine.incident_desk import IncidentDesk
from engine.interventions import CancelToken, MoveToken
from engine.migration import OPERATION, Migrator, migrating_operation
from engine.operating import Operator
from engine.operations.call import Call
from engine.passages import MigrationRefused
from engine.reloading import reloader
from engine.runtime import Engine
from engine.worker import Pace, Worker
from engine.worklist import Worklist
from storage import failpoints
from storage.check import check
from storage.database import Database, Transaction
from storage.documents import DocumentStore
from storage.errors import Conflict, Invalid
from storage.failpoints import FailpointReached
from storage.instance_migrations import MigrationState
from storage.jobs import Job
from storage.processes import InstanceState, MessageSubscription
from storage.timers import Timer

DAWN = datetime(2026, 3, 2, 8, tzinfo=UTC)
SEASONS = {  # the day before the clocks are changed in Berlin, or no such day
    "spring": datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
    "autumn": datetime(2026, 10, 24, 0, 30, tzinfo=UTC),
    "winter": datetime(2026, 12, 1, 8, tzinfo=UTC),
}
PEOPLE = ("ann", "bob")
COMMITTED = "step.committed"
POINTS = ("step.run", "step.state_saved", "step.items_inserted", "step.jobs_inserted", "step.before_commit", COMMITTED)
MIGRATING = ("migrate.asked", "migrate.begun", "migrate.rows_carried", "migrate.settled", "migrate.committed")
TRIES = 2
INTERRUPTIONS = 1
MOST_ORDERS = 6
RUNS, STEPS = 10, 30
PARTS, LONG_STEPS = 6, 100
LONG_RUNS = int(os.environ.get("PARCELFLOW_STATEFUL_RUNS", "300")) // PARTS
SEED = int(os.environ.get("PARCELFLOW_SEED", "1"))


EVERYTHING = ("moved", "refused", "change of summer time")
NewUrl = Callable[[], tuple[str, Callable[[], None]]]
PLACES = st.integers(0, 11)
LOGINS = st.sampled_from(PEOPLE)
FAULTS = st.sampled_from((None, None, None, *POINTS))
MIGRATION_FAULTS = st.sampled_from((None, None, *POINTS, *MIGRATING))


class PowerCut(BaseException):
    """The machine is switched off while an operation runs."""


@dataclass
class Asked:
    """A migration that was asked for: where to, how, and which orders have not had their turn."""

    id: int
    version: int
    shape: Shape
    mapping: Mapping[str, str]
    together: bool
    waiting: list[Order]
    moved: int = 0
    refused: int = 0
    gone: int = 0


class Office(RuleBasedStateMachine):
    """The product, and the model beside it."""

    new_url: ClassVar[NewUrl]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="parcelflow-stateful-"))
        self.url, self.drop = type(self).new_url()
        self.clock = FakeClock(DAWN)
        self.mood = "well"
        self.orders: list[Order] = []
        self.versions: list[Shape] = []
        self.asked: list[Asked] = []
        self.payments = self.typed = 0
        self.done: dict[str, int] = {}
        self.open()
        with self.database.transaction() as tx:
            tx.people.put_group("clerks", "Clerks", ["clerk"])
            users = [tx.people.add(a_user(login=login, display_name=login.title()), ["clerks"]) for login in PEOPLE]
            self.people = {user.login: tx.people.actor(user.id) for user in users}
        for shape in reversed(SHAPES):
            self.put_in_force(shape)

    def open(self) -> None:
        """Begin as a process begins: with nothing in memory."""
        self.database = Database(self.url, clock=self.clock, documents=DocumentStore(self.folder))
        programs = ProgramCache(BERLIN)
        self.engine = Engine(self.database, programs)
        self.migrator = Migrator(self.database, self.engine, programs)
        self.operator = Operator(self.engine)
        self.worklist = Worklist(self.database)
        pace = Pace(retry_after=(timedelta(0),) * (TRIES - 1), most_interruptions=INTERRUPTIONS)
        operations = {"work": self.work, OPERATION: migrating_operation(self.migrator)}
        self.worker = Worker(self.database, self.engine, operations, node="one", pace=pace)
        with self.database.transaction() as tx:
            tx.jobs.give_back("one")

    def crash(self) -> None:
        """Drop everything that is in memory, and begin again."""
        failpoints.arm("")
        self.database.close()
        self.open()

    def teardown(self) -> None:
        failpoints.arm("")
        self.database.close()
        self.drop()
        shutil.rmtree(self.folder)

    def work(self, call: Call) -> Mapping[str, Any]:
        """Do a deed, or not, as the mood is."""
        if self.mood == "ill":
            raise RuntimeError("the printer is out of paper")
        self.done[call.key] = self.done.get(call.key, 0) + 1
        if self.mood == "cut":
            raise PowerCut
        if self.mood == "refusing":
            raise BusinessError("bad", "The customer is not known.")
        return {}

    def put_in_force(self, shape: Shape) -> None:
        self.versions.append(shape)
        files = {"diagram.bpmn": shape.xml + f"<!-- {len(self.versions)} -->".encode(), "access.csv": ACCESS}
        deploy(self.database, Surroundings(BERLIN), files, login="owner")

    def item(self, order: Order, node: str) -> int:
        with self.database.reading() as tx:
            items = tx.work.of_instance(order.instance, only_open=True)
            [item] = [one for one in items if one.node == order.shape.name(node)]
            return item.id

    def attempt(self, deed: Callable[[], object], model: Callable[[], object], fault: str | None) -> None:
        """Do something; at a fault the machine is switched off there, and only what was committed counts."""
        failpoints.arm(f"{fault}=raise" if fault else "")
        try:
            deed()
        except (FailpointReached, MigrationRefused):  # a migration tells by name whom the fault kept where it is
            assert fault
            self.seen[f"cut at {fault}"] += 1
            if fault == COMMITTED:
                model()
            self.crash()
        else:
            failpoints.arm("")
            model()

    def refused(self, deed: Callable[[], object]) -> None:
        with pytest.raises(Conflict):
            deed()

    def chosen(self, place: int, *, can_move: bool = True) -> Order | None:
        among = [one for one in self.orders if one.can_move or not can_move]
        return among[place % len(among)] if among else None

    @initialize(season=st.sampled_from(sorted(SEASONS)), far=st.integers(0, 3), to=PLACES, maps=st.booleans())
    def begin_two(self, season: str, far: int, to: int, maps: bool) -> None:
        self.clock.now = SEASONS[season]
        self.begin(fault=None)
        self.begin(fault=None)
        self.proceed(places=[0, 1] * far)
        self.migrate(place=to, maps=maps, together=False, at_once=True, fault=None)

    @rule(fault=FAULTS)
    def begin(self, fault: str | None) -> None:
        if sum(not order.is_over for order in self.orders) >= MOST_ORDERS:
            return
        number = f"order {len(self.orders)}"

        def started() -> int:
            return self.engine.start("order", variables={"number": number}, request_key=number)

        def known() -> None:
            version, shape = len(self.versions), self.versions[-1]
            self.orders.append(Order(number, started(), version, shape))  # the same request again gives the same order

        self.attempt(started, lambda: None, fault)
        known()

    @rule(place=PLACES, login=LOGINS, fault=FAULTS)
    def complete(self, place: int, login: str, fault: str | None) -> None:
        order = self.chosen(place, can_move=False)
        if order is None or not order.items:
            return
        node = sorted(order.items)[place % len(order.items)]
        item, person = self.item(order, node), self.people[login]

        def deed() -> int:
            return self.engine.complete(item, person, {})

        if order.is_suspended or order.claimed.get(node, login) != login:
            self.refused(deed)
        else:
            self.attempt(deed, lambda: order.complete(node, self.clock.now), fault)

    @rule(place=PLACES, login=LOGINS)
    def claim(self, place: int, login: str) -> None:
        order = self.chosen(place)
        if order is None or not order.items:
            return
        node = min(order.items)
        item, person = self.item(order, node), self.people[login]
        if order.claimed.get(node, login) != login:
            self.refused(lambda: self.worklist.claim(item, person))
        else:
            self.worklist.claim(item, person)
            order.claimed[node] = login

    @rule(place=PLACES)
    def release(self, place: int) -> None:
        held = [(order, node) for order in self.orders if order.can_move for node in order.claimed]
        if held:
            order, node = held[place % len(held)]
            self.worklist.release(self.item(order, node), self.people[order.claimed.pop(node)])

    @rule(place=PLACES, login=LOGINS)
    def type(self, place: int, login: str) -> None:
        """Type something into the form of an item, and do not hand it in."""
        order = self.chosen(place)
        if order is not None and order.items:
            node = max(order.items)
            self.typed += 1
            item = self.item(order, node)
            with self.database.transaction() as tx:
                tx.drafts.keep(item, self.people[login].user_id, {"typed": self.typed})
            order.drafts[node, login] = self.typed

    @rule(places=st.lists(PLACES, min_size=1, max_size=6))
    def proceed(self, places: list[int]) -> None:
        """Do what is next in some orders, without a mishap."""
        for place in places:
            order = self.chosen(place)
            if order is None:
                self.begin(fault=None)
            elif order.items:
                node = sorted(order.items)[place % len(order.items)]
                self.engine.complete(self.item(order, node), self.people[order.claimed.get(node, "ann")], {})
                order.complete(node, self.clock.now)
            elif "write" in order.waits:
                self.run_jobs(mood="well")
            else:
                self.pay(place=place, fault=None)

    @rule(place=PLACES, fault=FAULTS)
    def pay(self, place: int, fault: str | None) -> None:
        order = self.chosen(place)
        if order is None:
            return
        self.payments += 1
        key = f"payment {self.payments}"

        def deed() -> object:
            return self.engine.correlate("paid", {}, correlation_key=order.number, request_key=key)

        self.attempt(deed, lambda: None, fault)
        deed()
        order.pay()

    @rule(mood=st.sampled_from(["well", "well", "ill", "refusing", "cut"]))
    def run_jobs(self, mood: str) -> None:
        due = self.due()
        if not due:
            return
        self.mood = mood
        with suppress(PowerCut):
            self.worker.run_waiting()
        for one in due if mood != "cut" else _until_cut(due):
            if isinstance(one, Order):
                self.tried(one, mood)
            else:
                self.carry(one)
        if mood == "cut":
            self.crash()

    def due(self) -> list[Order | Asked]:
        """Give the orders that owe an operation now, and the migrations, in the order in which their jobs are taken up."""
        orders = {order.instance: order for order in self.orders}
        asked = {one.id: one for one in self.asked}
        with self.database.reading() as tx:
            jobs = [tx.session.get_one(Job, job) for job in tx.jobs.waiting()]
            due = [
                asked[job.arguments["inputs"]["migration"]] if job.instance_id is None else orders[job.instance_id]
                for job in jobs
            ]
        owing = [one.number for one in due if isinstance(one, Order)]
        assert sorted(owing) == sorted(one.number for one in self.orders if one.owes_at(self.clock.now))
        return due

    def tried(self, order: Order, mood: str) -> None:
        if order.interruptions > INTERRUPTIONS:
            order.is_stopped = True
            return
        if mood == "cut":
            order.interruptions += 1
        else:
            order.tries += 1
        if mood == "ill" and order.tries == TRIES:
            order.is_stopped = True
        elif mood == "ill":
            order.owed_at = self.clock.now  # put off till now; what was cut off is owed since it was
        elif mood == "well":
            order.written(self.clock.now)
        elif mood == "refusing":
            order.refused()

    @rule()
    def retry(self) -> None:
        with self.database.reading() as tx:
            stopped = {one.instance_id: one.id for one in tx.incidents.still_open()}
        for order in self.orders:
            if order.is_stopped and order.can_move:
                IncidentDesk(self.engine).retry(stopped[order.instance], "boss")
                order.retried(self.clock.now)

    @rule(minutes=st.sampled_from([1, 61, -61, 24 * 60, -24 * 60]))
    def time_passes(self, minutes: int) -> None:
        before = self.clock.now.astimezone(BERLIN).utcoffset()
        self.clock.advance(timedelta(minutes=minutes))
        self.seen["change of summer time"] += self.clock.now.astimezone(BERLIN).utcoffset() != before

    @rule()
    def fire(self) -> None:
        self.mood = "well"
        self.worker.fire_timers()
        for order in self.orders:
            if order.can_move and order.due_at is not None and order.due_at <= self.clock.now:
                order.due_at = None

    @rule()
    def hand_over(self) -> None:
        self.engine.deliver_pending()
        for order in self.orders:
            order.take_early_payment()

    @rule(place=PLACES)
    def suspend(self, place: int) -> None:
        order = self.chosen(place)
        if order is not None:
            self.operator.suspend(order.instance, "boss", "wait")
            order.is_suspended = True

    @rule()
    def go_on(self) -> None:
        for order in self.orders:
            if order.is_suspended:
                self.operator.go_on(order.instance, "boss", "on")
                order.is_suspended = False

    @rule(place=PLACES, fault=FAULTS)
    def terminate(self, place: int, fault: str | None) -> None:
        order = self.chosen(place)
        if order is not None and len(self.orders) % 3 == 0:
            self.attempt(lambda: self.operator.terminate(order.instance, "boss", "no"), order.end, fault)

    @rule(place=PLACES, fault=FAULTS)
    def move_back(self, place: int, fault: str | None) -> None:
        """Let the operator send an order back to where it is entered."""
        self.move(place, "finish", "enter", fault)

    @rule(place=PLACES, fault=FAULTS)
    def move_on(self, place: int, fault: str | None) -> None:
        """Let the operator send an order on that waits for a payment which was called off."""
        among = [order for order in self.orders if order.waits == {"looked"}]
        self.move(place, "looked", "finish", fault, among)

    def move(self, place: int, origin: str, node: str, fault: str | None, among: list[Order] | None = None) -> None:
        among = [order for order in self.orders if origin in order.waits] if among is None else among
        among = [order for order in among if order.can_move]
        if among:
            order = among[place % len(among)]
            asked = MoveToken(self.token(order, "unite" if origin == "looked" else origin), order.shape.name(node))
            self.intervene(order, asked, lambda: order.moved(origin, node), fault)

    @rule(place=PLACES, fault=FAULTS)
    def call_off(self, place: int, fault: str | None) -> None:
        """Let the operator take away the token that waits for a payment."""
        among = [order for order in self.orders if order.can_move and {"look", "payment"} <= order.waits]
        if among:
            order = among[place % len(among)]
            asked = CancelToken(self.token(order, "payment"))
            self.intervene(order, asked, lambda: order.waits.discard("payment"), fault)

    def intervene(
        self, order: Order, asked: MoveToken | CancelToken, model: Callable[[], object], fault: str | None
    ) -> None:
        self.attempt(lambda: self.operator.intervene(order.instance, asked, "boss", "once more"), model, fault)

    def token(self, order: Order, node: str) -> str:
        with self.database.reading() as tx:
            standings = self.operator.standings(tx, tx.processes.one(order.instance))
        [key] = [one.key for one in standings if one.node == order.shape.name(node)]
        return key

    @rule(shape=st.sampled_from(SHAPES))
    def deploy(self, shape: Shape) -> None:
        self.put_in_force(shape)

    @rule(place=PLACES, maps=st.booleans(), together=st.booleans(), at_once=st.booleans(), fault=MIGRATION_FAULTS)
    def migrate(self, place: int, maps: bool, together: bool, at_once: bool, fault: str | None) -> None:
        """Ask that the running orders go on in another version; carry it out at once, or leave it to the worker."""
        version = len(self.versions) - place % len(SHAPES)
        shape = self.versions[version - 1]
        mapping = mapping_to(shape) if maps else {}
        orders = [order for order in self.orders if not order.is_over and order.version != version]
        with self.database.reading() as tx:
            to = tx.deployments.version("order", version)
            planned = {one.running.instance_id: one.passage.is_possible for one in self.migrator.plan(tx, to, mapping)}
        assert planned == {order.instance: order.can_be_carried_to(shape, mapping) for order in orders}
        if not orders:
            with pytest.raises(Invalid):
                self.migrator.begin(to, mapping, "boss", "a better way")
            return

        def ask() -> None:
            number = self.migrator.begin(to, mapping, "boss", "a better way", together=together)
            self.asked.append(Asked(number, version, shape, mapping, together, orders))

        before = len(self.asked)
        self.attempt(ask, lambda: None, fault)
        if at_once and len(self.asked) > before:
            self.carry_out(self.asked[-1], fault)

    def carry_out(self, asked: Asked, fault: str | None) -> None:
        """Do what the job does, which comes later all the same; when it is interrupted it is done again."""
        before = self.saved(asked.waiting)
        self.attempt(lambda: self.migrator.run(asked.id, 0), lambda: None, fault)
        self.migrator.run(asked.id, 0)
        waiting = list(asked.waiting)
        self.carry(asked)
        stayed = [order for order in waiting if order.version != asked.version]
        after = self.saved(stayed)
        assert after == {instance: before[instance] for instance in after}

    def saved(self, orders: list[Order]) -> dict[int, tuple[int, bytes]]:
        with self.database.reading() as tx:
            rows = [tx.processes.one(order.instance) for order in orders]
            return {row.id: (row.version, row.snapshot) for row in rows}

    def carry(self, asked: Asked) -> None:
        """Let the model give each order of a migration its turn."""
        alive = [order for order in asked.waiting if not order.is_over]
        able = [order for order in alive if order.can_be_carried_to(asked.shape, asked.mapping)]
        moved = [] if asked.together and len(able) < len(alive) else able
        for order in moved:
            self.seen.update(f"moved with {what}" for what in order.luggage)
            order.carried_to(asked.version, asked.shape, self.clock.now)
        self.seen.update({"moved": len(moved), "refused": len(alive) - len(moved)})
        asked.moved, asked.refused = asked.moved + len(moved), asked.refused + len(alive) - len(moved)
        asked.gone += len(asked.waiting) - len(alive)
        asked.waiting = []

    @rule()
    def restart(self) -> None:
        self.crash()

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        with self.database.reading() as tx:
            for order in self.orders:
                instance = tx.processes.one(order.instance)
                assert tx.deployments.definition(instance.definition_id).version == order.version
                assert _state(instance.state) == order.state, order
                if not order.is_over:
                    self.looks_right(tx, order)
            for asked in self.asked:
                counts = {MigrationState.MOVED: asked.moved, MigrationState.REFUSED: asked.refused}
                counts |= {MigrationState.GONE: asked.gone, MigrationState.WAITING: len(asked.waiting)}
                assert tx.migrations.progress(asked.id) == counts

    def looks_right(self, tx: Transaction, order: Order) -> None:
        """Compare the items of a live order with their holders and drafts, its timer, and what it waits for."""
        names = {order.shape.name(node): node for node in ITEMS}
        items = {names[one.node]: one for one in tx.work.of_instance(order.instance, only_open=True)}
        assert set(items) == order.items, order
        ids = {node: one.id for node, one in items.items()}
        assert ids == {**ids, **order.known_items}, "an item is another one than it was"
        order.known_items = ids
        holders = {node: one.assignee_id for node, one in items.items() if one.assignee_id is not None}
        assert holders == {node: self.people[login].user_id for node, login in order.claimed.items()}, order
        drafts = {
            (node, login): draft.answers["typed"]
            for node, item in ids.items()
            for login in PEOPLE
            if (draft := tx.drafts.of(item, self.people[login].user_id)) is not None
        }
        assert drafts == order.drafts, order
        timers = tx.session.scalars(select(Timer.due_at).where(Timer.instance_id == order.instance)).all()
        assert timers == ([] if order.due_at is None else [order.due_at]), order
        waits = select(MessageSubscription.name).where(MessageSubscription.instance_id == order.instance)
        assert tx.session.scalars(waits).all() == ["paid"] * ("payment" in order.waits), order

    @invariant()
    def every_promise_holds(self) -> None:
        found = check(self.database, reload=reloader(self.database, self.engine._programs), with_bytes=False)  # type: ignore[arg-type]
        assert [str(breach) for breach in found] == []


def _until_cut(due: list[Order | Asked]) -> Iterator[Order | Asked]:
    """Give what was taken up before the power went: all up to the first operation that was carried out."""
    for one in due:
        yield one
        if isinstance(one, Order) and not one.is_stopped:
            return


def _state(state: InstanceState) -> str:
    return state.value if state in (InstanceState.ACTIVE, InstanceState.SUSPENDED) else "over"


def play(new_url: NewUrl, runs: int, steps: int, number: int | None = None) -> Counter[str]:
    """Let a machine do so many runs of so many steps, always the same for one number; give what was seen in them."""

    class Played(Office):
        seen: ClassVar[Counter[str]] = Counter()

    Played.new_url = staticmethod(new_url)  # type: ignore[assignment]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        derandomize=number is None,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([] if number is None else [Phase.shrink])],
        print_blob=True,
        suppress_health_check=checks,
    )
    run_state_machine_as_test(Played if number is None else seed(number)(Played), settings=chosen)
    return Played.seen


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Give a function that makes a fresh database, and gives its URL and what takes it away."""
    template = request.getfixturevalue(f"{request.param}_template")
    if request.param == "sqlite":

        def make() -> tuple[str, Callable[[], None]]:
            path = tmp_path / "day.sqlite"
            shutil.copyfile(template, path)
            return f"sqlite:///{path}", lambda: [one.unlink() for one in tmp_path.glob("day.sqlite*")] and None

        return make
    cluster: Cluster = request.getfixturevalue("cluster")

    def make_there() -> tuple[str, Callable[[], None]]:
        name = cluster.make_database(template)
        return cluster.url(name), lambda: cluster.drop_database(name)

    return make_there


def test_the_product_does_what_a_plain_model_says(new_url: NewUrl, count: Count) -> None:
    seen = play(new_url, RUNS, STEPS)

    count("runs of the plain model beside the product", RUNS)
    assert min(seen[what] for what in EVERYTHING) > 0


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_product_does_what_a_plain_model_says_hundreds_of_times(new_url: NewUrl, part: int, count: Count) -> None:
    seen = play(new_url, LONG_RUNS, LONG_STEPS, SEED * PARTS + part)

    count("runs of the plain model beside the product", LONG_RUNS)
    for what, number in seen.items():
        count(f"runs of the plain model beside the product: {what}", number)
    assert min(seen[what] for what in EVERYTHING) > 0
