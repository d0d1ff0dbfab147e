"""Whatever people, senders, workers, clocks and crashes do in whatever order: the product does what a plain model says."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from busy_day import ACCESS
from factories import a_user
from fakes import FakeClock
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from postgres import Cluster
from running import BERLIN, a_diagram, a_process, end, gateway, service, start, user

from engine.deployment import ProgramCache, Surroundings, deploy
from engine.errors import BusinessError
from engine.incident_desk import IncidentDesk
from engine.interventions import MoveToken
from engine.operating import Operator
from engine.operations.call import Call
from engine.reloading import reloader
from engine.runtime import Engine
from engine.worker import Pace, Worker
from engine.worklist import Worklist
from storage import failpoints
from storage.check import check
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import Conflict
from storage.failpoints import FailpointReached
from storage.processes import InstanceState

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = ("ann", "bob")
ORDER = a_diagram(
    a_process(
        "order",
        start(),
        user("enter"),
        service("write"),
        '<boundaryEvent id="refused" attachedToRef="write"><errorEventDefinition errorRef="bad"/></boundaryEvent>',
        gateway("divide"),
        user("look"),
        '<boundaryEvent id="late" attachedToRef="look" cancelActivity="false"><timerEventDefinition>'
        "<timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>",
        end("reminded"),
        '<intermediateCatchEvent id="payment" parcelflow:correlationKey="number">'
        '<messageEventDefinition messageRef="paid"/></intermediateCatchEvent>',
        gateway("unite"),
        user("finish"),
        end(),
        "begin -> enter",
        "enter -> write",
        "write -> divide",
        "refused -> enter",
        "divide -> look",
        "divide -> payment",
        "late -> reminded",
        "look -> unite",
        "payment -> unite",
        "unite -> finish",
        "finish -> done",
    ),
    head='<message id="paid" name="paid"/><error id="bad" errorCode="bad"/>',
)
COMMITTED = "step.committed"
POINTS = ("step.run", "step.state_saved", "step.items_inserted", "step.jobs_inserted", "step.before_commit", COMMITTED)
TRIES = 2
MOST_ORDERS = 6
RUNS, STEPS = 10, 30
LONG_RUNS, LONG_STEPS = int(os.environ.get("PARCELFLOW_STATEFUL_RUNS", "5000")), 100


PLACES = st.integers(0, 11)
LOGINS = st.sampled_from(PEOPLE)
FAULTS = st.sampled_from((None, None, None, *POINTS))


class PowerCut(BaseException):
    """The machine is switched off while an operation runs."""


@dataclass
class Order:
    """What the model knows of one order: where its tokens are, and the rest that can be seen from outside."""

    number: str
    instance: int
    version: int
    waits: set[str] = field(default_factory=lambda: {"enter"})
    due_at: datetime | None = None
    paid_early: int = 0
    attempts: int = 0
    is_stopped: bool = False
    is_suspended: bool = False
    is_over: bool = False
    claimed: dict[str, str] = field(default_factory=dict)

    @property
    def can_move(self) -> bool:
        return not self.is_over and not self.is_suspended

    @property
    def state(self) -> str:
        return "over" if self.is_over else "suspended" if self.is_suspended else "active"

    @property
    def items(self) -> set[str]:
        return self.waits & {"enter", "look", "finish"}

    @property
    def timers(self) -> set[str]:
        return {"late"} if self.due_at is not None else set()

    def complete(self, node: str) -> None:
        self.leave(node)
        if node == "enter":
            self.owe()
        elif node == "look":
            self.arrive("looked")
        else:
            self.end()

    def owe(self) -> None:
        self.waits, self.attempts, self.is_stopped = {"write"}, 0, False

    def written(self, now: datetime) -> None:
        self.waits, self.due_at = {"look", "payment"}, now + HOUR
        if self.paid_early:
            self.paid_early -= 1
            self.pay()

    def pay(self) -> None:
        if self.can_move and "payment" in self.waits:
            self.waits.discard("payment")
            self.arrive("paid")
        else:
            self.paid_early += 1

    def moved_back(self) -> None:
        self.leave("finish")
        self.waits = {"enter"}

    def go_on(self) -> None:
        self.is_suspended = False
        self.take_early_payment()

    def take_early_payment(self) -> None:
        """What came while the order rested is handed over later, by the worker."""
        if self.can_move and self.paid_early and "payment" in self.waits:
            self.paid_early -= 1
            self.pay()

    def end(self) -> None:
        self.is_over, self.due_at, self.is_stopped = True, None, False
        self.waits.clear()
        self.claimed.clear()

    def leave(self, node: str) -> None:
        self.waits.discard(node)
        self.claimed.pop(node, None)
        if node == "look":
            self.due_at = None

    def arrive(self, by: str) -> None:
        self.waits.add(by)
        if {"looked", "paid"} <= self.waits:
            self.waits = {"finish"}


class Office(RuleBasedStateMachine):
    """The product, and the model beside it."""

    new_url: ClassVar[Callable[[], tuple[str, Callable[[], None]]]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="parcelflow-stateful-"))
        self.url, self.drop = type(self).new_url()
        self.clock = FakeClock(MORNING)
        self.mood = "well"
        self.orders: list[Order] = []
        self.versions = self.payments = 0
        self.done: dict[str, int] = {}
        self.open()
        with self.database.transaction() as tx:
            tx.people.put_group("clerks", "Clerks", ["clerk"])
            users = [tx.people.add(a_user(login=login, display_name=login.title()), ["clerks"]) for login in PEOPLE]
            self.people = {user.login: tx.people.actor(user.id) for user in users}
        self.put_in_force()

    def open(self) -> None:
        """Begin as a process begins: with nothing in memory."""
        self.database = Database(self.url, clock=self.clock, documents=DocumentStore(self.folder))
        self.engine = Engine(self.database, ProgramCache(BERLIN))
        self.operator = Operator(self.engine)
        self.worklist = Worklist(self.database)
        pace = Pace(retry_after=(timedelta(0),) * (TRIES - 1))
        self.worker = Worker(self.database, self.engine, {"work": self.work}, node="one", pace=pace)
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

    def put_in_force(self) -> None:
        self.versions += 1
        files = {"diagram.bpmn": ORDER + f"<!-- {self.versions} -->".encode(), "access.csv": ACCESS}
        deploy(self.database, Surroundings(BERLIN), files, login="owner")

    def item(self, order: Order, node: str) -> int:
        with self.database.reading() as tx:
            [item] = [one for one in tx.work.of_instance(order.instance, only_open=True) if one.node == node]
            return item.id

    def attempt(self, deed: Callable[[], object], model: Callable[[], object], fault: str | None) -> None:
        """Do something; at a fault the machine is switched off there, and only what was committed counts."""
        failpoints.arm(f"{fault}=raise" if fault else "")
        try:
            deed()
        except FailpointReached:
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

    @initialize()
    def begin_two(self) -> None:
        self.begin(fault=None)
        self.begin(fault=None)

    @rule(fault=FAULTS)
    def begin(self, fault: str | None) -> None:
        if sum(not order.is_over for order in self.orders) >= MOST_ORDERS:
            return
        number = f"order {len(self.orders)}"

        def started() -> int:
            return self.engine.start("order", variables={"number": number}, request_key=number)

        def known() -> None:
            self.orders.append(Order(number, started(), self.versions))  # the same request again gives the same order

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
            self.attempt(deed, lambda: order.complete(node), fault)

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
                order.complete(node)
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
        owing = [order for order in self.orders if order.can_move and "write" in order.waits and not order.is_stopped]
        if not owing:
            return
        self.mood = mood
        with suppress(PowerCut):
            self.worker.run_waiting()
        for order in owing if mood != "cut" else self.cut(owing):
            self.tried(order, mood)
        if mood == "cut":
            self.crash()

    def cut(self, owing: list[Order]) -> list[Order]:
        """Give the orders whose jobs were taken up before the power went: all up to the first that was not stopped."""
        taken: list[Order] = []
        for order in sorted(owing, key=self.job_of):
            taken.append(order)
            if order.attempts < TRIES:
                break
        return taken

    def job_of(self, order: Order) -> tuple[datetime, int]:
        with self.database.reading() as tx:
            [job] = [one for one in tx.jobs.unfinished() if one.instance_id == order.instance]
            return job.due_at, job.id

    def tried(self, order: Order, mood: str) -> None:
        order.attempts += 1
        if order.attempts > TRIES or (mood == "ill" and order.attempts == TRIES):
            order.is_stopped = True
        elif mood == "well":
            order.written(self.clock.now)
        elif mood == "refusing":
            order.waits = {"enter"}

    @rule()
    def retry(self) -> None:
        with self.database.reading() as tx:
            stopped = {one.instance_id: one.id for one in tx.jobs.incidents()}
        for order in self.orders:
            if order.is_stopped and order.can_move:
                IncidentDesk(self.engine).retry(stopped[order.instance], "boss")
                order.is_stopped, order.attempts = False, 0

    @rule(minutes=st.sampled_from([1, 61, -61, 24 * 60, -24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

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
        among = [order for order in self.orders if order.can_move and "finish" in order.waits]
        if not among:
            return
        order = among[place % len(among)]
        with self.database.reading() as tx:
            [key] = [one.key for one in tx.work.of_instance(order.instance, only_open=True)]
        asked = MoveToken(key, "enter")
        self.attempt(
            lambda: self.operator.intervene(order.instance, asked, "boss", "once more"), order.moved_back, fault
        )

    @rule()
    def deploy(self) -> None:
        self.put_in_force()

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
                if order.is_over:
                    continue
                items = {one.node: one for one in tx.work.of_instance(order.instance, only_open=True)}
                assert set(items) == order.items, order
                holders = {node: one.assignee_id for node, one in items.items() if one.assignee_id is not None}
                assert holders == {node: self.people[login].user_id for node, login in order.claimed.items()}, order

    @invariant()
    def every_promise_holds(self) -> None:
        found = check(self.database, reload=reloader(self.database, self.engine._programs), with_bytes=False)  # type: ignore[arg-type]
        assert [str(breach) for breach in found] == []


def _state(state: InstanceState) -> str:
    return state.value if state in (InstanceState.ACTIVE, InstanceState.SUSPENDED) else "over"


def play(
    new_url: Callable[[], tuple[str, Callable[[], None]]], runs: int, steps: int, *, shrinks: bool = False
) -> None:
    class Played(Office):
        pass

    Played.new_url = staticmethod(new_url)  # type: ignore[assignment]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        print_blob=True,
        suppress_health_check=checks,
    )
    run_state_machine_as_test(Played, settings=chosen)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], tuple[str, Callable[[], None]]]:
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


def test_the_product_does_what_a_plain_model_says(new_url: Callable[[], tuple[str, Callable[[], None]]]) -> None:
    play(new_url, RUNS, STEPS)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_the_product_does_what_a_plain_model_says_thousands_of_times(
    new_url: Callable[[], tuple[str, Callable[[], None]]],
) -> None:
    play(new_url, LONG_RUNS, LONG_STEPS, shrinks=True)
