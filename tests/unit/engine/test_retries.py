"""Failed operations are tried again as the diagram, the installation or the house says; outcomes come one after another."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, gateway, service, start, user

from engine.errors import DefinitionError, ExpressionError
from engine.operations.call import Call
from engine.retries import MOST_RETRIES, fixed_duration, parse_pauses
from engine.worker import Pace, Worker
from storage.database import Transaction
from storage.worklist import ItemInHand

SECOND = timedelta(seconds=1)


def _served(more: str = "") -> bytes:
    flows = ("begin -> write", "write -> look", "look -> done")
    return a_diagram(a_process("order", start(), service("write", more=more), user("look"), end(), *flows))


def _broken(_call: Call) -> Mapping[str, Any]:
    raise OSError("the printer is on fire")


def _tries(office: Office, clock: FakeClock, worker: Worker) -> list[int]:
    """Work until the job stops and give the seconds after the start at which it was tried."""
    begun, tried = clock.now, []
    while True:
        with office.database.reading() as tx:
            if tx.incidents.still_open():
                return tried
            [job] = tx.jobs.unfinished()
        clock.now = max(clock.now, job.due_at)
        tried.append(round((clock.now - begun).total_seconds()))
        worker.run_waiting()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT10S,PT1M,PT10M", [10, 60, 600]),
        (" PT10S , P1D ", [10, 86_400]),
        ("R3/PT5M", [300] * 3),
        ("PT1S,R2/PT1M", [1, 60, 60]),
        ("PT0S", [0]),
        ("none", []),
    ],
)
def test_pauses_are_listed_or_repeated(text: str, seconds: list[int]) -> None:
    assert parse_pauses(text) == tuple(SECOND * value for value in seconds)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "10", "P1M", "-PT1S", "P32D", "PT1S,,PT1S", f"R{MOST_RETRIES + 1}/PT1S", "R/PT1S", "R2/R2/PT1S"],
)
def test_pauses_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_pauses(text)


@pytest.mark.parametrize("text", ["PT0S", "-P1D", "P1M", "3 days"])
def test_a_life_without_a_length_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        fixed_duration(text)


@pytest.mark.parametrize(
    ("drawn", "retries", "tried"),
    [
        ('parcelflow:retry="PT10S,PT1M,PT10M"', {}, [0, 10, 70, 670]),
        ('parcelflow:retry="none"', {"work": (SECOND,)}, [0]),
        ("", {"work": (SECOND, 3 * SECOND)}, [0, 1, 4]),
        ("", {"other": ()}, [0, 7]),
    ],
)
def test_the_diagram_comes_before_the_operation_and_that_before_the_house(
    office: Office, clock: FakeClock, drawn: str, retries: dict[str, tuple[timedelta, ...]], tried: list[int]
) -> None:
    office.deploy(_served(drawn))
    pace = Pace(retry_after=(7 * SECOND,), retries=retries)
    worker = Worker(office.database, office.engine, {"work": _broken}, node="here", pace=pace)
    office.engine.start("order")

    assert _tries(office, clock, worker) == tried
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert "retry_after" not in incident.data


def test_a_diagram_with_faulty_retries_is_refused(office: Office) -> None:
    with pytest.raises(DefinitionError) as refused:
        office.deploy(_served('parcelflow:retry="often"'))

    assert ("timer_unreadable", "write") in [(one.code, one.element) for one in refused.value.findings]


def test_the_operations_of_one_instance_run_together_and_each_outcome_is_taken_once(office: Office) -> None:
    each = '<multiInstanceLoopCharacteristics parcelflow:collection="numbers" parcelflow:elementVariable="number"/>'
    write = (
        '<serviceTask id="write" parcelflow:operation="work"><extensionElements>'
        '<parcelflow:output name="seen" expression="result.seen"/></extensionElements>' + each + "</serviceTask>"
    )
    flows = ("begin -> write", "write -> look", "look -> done")
    office.deploy(a_diagram(a_process("order", start(), write, user("look"), end(), *flows)))
    called: list[str] = []

    def work(call: Call) -> Mapping[str, Any]:
        called.append(call.key)
        return {"seen": call.key}

    instance = office.engine.start("order", variables={"numbers": list(range(24))})
    worker = Worker(office.database, office.engine, {"work": work}, node="here")
    with office.database.reading() as tx:
        jobs = tx.jobs.waiting()
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(worker.run_job, jobs))

    assert len(jobs) == 24
    assert sorted(called) == sorted(set(called))
    assert list(office.items(instance)) == ["look"]
    assert office.breaches() == []


def test_whoever_was_overtaken_is_waited_for_the_next_time(office: Office) -> None:
    if office.database.is_sqlite:
        pytest.skip("writers of SQLite take turns from the first look on")
    flows = (
        "begin -> fork",
        "fork -> a",
        "fork -> b",
        "fork -> c",
        "a -> join",
        "b -> join",
        "c -> join",
        "join -> done",
    )
    tasks = user("a"), user("b"), user("c")
    office.deploy(a_diagram(a_process("order", start(), gateway("fork"), *tasks, gateway("join"), end(), *flows)))
    ann, instance = office.person("ann"), office.engine.start("order")
    own, *others = (office.item(instance, node) for node in "abc")
    overtaking: list[Future[int]] = []

    with ThreadPoolExecutor(1) as thread:

        def answers(_tx: Transaction, _hand: ItemInHand) -> Mapping[str, Any]:
            overtaking.append(thread.submit(office.engine.complete, others[len(overtaking)], ann, {}))
            wait(overtaking[-1:], 30 if len(overtaking) == 1 else 0.5)
            return {}

        office.engine.complete(own, ann, answers)

    assert [one.result() for one in overtaking] == [instance, instance]
    assert office.state(instance) == "completed"
