"""Executions kept in memory: faster, and otherwise as if there were none."""

from typing import Any

import pytest
from oracle.drawing import chain, end, start, user
from oracle.play import NOW, program_of
from running import Office, a_diagram, a_process
from running import end as ending
from running import start as beginning
from running import user as task
from sqlalchemy import update

from engine.kept import KeptExecutions, Saved
from engine.runtime import Engine
from engine.spiff.execution import Execution
from engine.spiff.program import Program
from storage import failpoints
from storage.database import Transaction
from storage.failpoints import FailpointReached
from storage.people import Actor
from storage.processes import ProcessInstance

BODY = start() + user("a", "b") + end() + chain("st", "a", "b", "en")
FOUR = a_diagram(
    a_process(
        "order",
        beginning(),
        *(task(key) for key in "abcd"),
        ending(),
        *("begin -> a", "a -> b", "b -> c", "c -> d", "d -> done"),
    )
)


@pytest.fixture
def program() -> Program:
    return program_of(BODY)


@pytest.fixture
def execution(program: Program) -> Execution:
    started = Execution.start(program, "p", {"x": 1}, now=NOW)
    started.advance(NOW)
    return started


def saved_as(execution: Execution, *, version: int = 1, instance_id: int = 1) -> Saved:
    return Saved(instance_id, version, execution.save())


def test_what_is_kept_is_given_to_one_who_read_what_was_saved_and_only_once(
    program: Program, execution: Execution
) -> None:
    kept, saved = KeptExecutions(), saved_as(execution)
    kept.keep(program, saved, execution)

    assert kept.take(program, saved) is execution
    assert kept.take(program, saved) is not execution


@pytest.mark.parametrize("what", ["version", "bytes", "program"])
def test_what_is_not_as_it_was_saved_is_loaded_anew(program: Program, execution: Execution, what: str) -> None:
    kept, saved = KeptExecutions(), saved_as(execution)
    other = Execution.start(program, "p", {"x": 2}, now=NOW)
    other.advance(NOW)
    kept.keep(program, saved, execution)

    asked = {"version": saved_as(execution, version=2), "bytes": saved_as(other), "program": saved}[what]
    taken = kept.take(program_of(BODY) if what == "program" else program, asked)

    assert taken is not execution
    assert taken.save() == asked.snapshot


def test_what_was_used_least_lately_is_given_up(program: Program, execution: Execution) -> None:
    kept = KeptExecutions(size=2)
    for number in (1, 2, 3):
        kept.keep(program, saved_as(execution, instance_id=number), execution)

    assert kept.take(program, saved_as(execution, instance_id=1)) is not execution
    assert kept.take(program, saved_as(execution, instance_id=2)) is execution
    assert kept.take(program, saved_as(execution, instance_id=3)) is execution


def test_a_newer_one_is_not_replaced_by_an_older_one(program: Program, execution: Execution) -> None:
    kept, newer = KeptExecutions(), saved_as(execution, version=5)
    kept.keep(program, newer, execution)

    kept.keep(program, saved_as(execution, version=4), Execution.load(program, newer.snapshot))

    assert kept.take(program, newer) is execution


@pytest.fixture
def ann(office: Office) -> Actor:
    office.deploy(FOUR)
    return office.person("ann")


def kept_by(engine: Engine) -> dict[int, Any]:
    return dict(engine._kept._kept)


def test_two_engines_that_take_turns_at_one_instance_never_lose_a_step(office: Office, ann: Actor) -> None:
    other = Engine(office.database, office.programs)
    instance = office.engine.start("order", office.parcel())

    for engine, node in ((office.engine, "a"), (other, "b"), (office.engine, "c"), (other, "d")):
        engine.complete(office.item(instance, node), ann, {node: f"by {node}"})

    assert office.state(instance) == "completed"
    assert office.variables(instance) == {node: f"by {node}" for node in "abcd"}
    assert office.breaches() == []


def test_the_next_step_goes_on_from_what_is_kept_and_an_ended_instance_is_kept_no_more(
    office: Office, ann: Actor
) -> None:
    instance = office.engine.start("order", office.parcel())
    first = kept_by(office.engine)[instance]

    office.do(instance, "a", ann)
    second = kept_by(office.engine)[instance]

    assert second[0].version == first[0].version + 1
    assert second[2] is first[2]
    for node in "bcd":
        office.do(instance, node, ann)
    assert kept_by(office.engine) == {}


def fail(_tx: Transaction) -> None:
    raise RuntimeError


@pytest.mark.parametrize("point", ["", "step.run", "step.state_saved", "step.before_commit"])
def test_a_step_that_fails_leaves_no_trace_in_memory(office: Office, ann: Actor, point: str) -> None:
    instance = office.engine.start("order", office.parcel())
    item = office.item(instance, "a")
    failpoints.arm(f"{point}=raise" if point else "")

    with pytest.raises((RuntimeError, FailpointReached)):
        office.engine.complete(item, ann, {"x": 1}, also=fail)
    failpoints.arm("")

    assert kept_by(office.engine) == {}
    assert office.engine.variables_at(item) == {}
    office.engine.complete(item, ann, {"y": 2})
    assert office.engine.variables_at(office.item(instance, "b")) == {"y": 2}
    assert office.breaches() == []


def test_an_instance_that_was_put_back_to_an_earlier_state_is_noticed(office: Office, ann: Actor) -> None:
    one, other = office.engine.start("order", office.parcel()), office.engine.start("order", office.parcel())
    office.engine.complete(office.item(one, "a"), ann, {"x": 1})
    office.engine.complete(office.item(other, "a"), ann, {"x": 2})
    with office.database.transaction() as tx:
        states = {instance: tx.processes.one(instance).snapshot for instance in (one, other)}
        for instance, taken_from in ((one, other), (other, one)):
            changed = update(ProcessInstance).where(ProcessInstance.id == instance)
            tx.connection.execute(changed.values(snapshot=states[taken_from]))

    assert office.engine.variables_at(office.item(one, "b")) == {"x": 2}
    office.do(other, "b", ann)
    assert office.engine.variables_at(office.item(other, "c")) == {"x": 1}


def test_looking_at_variables_changes_nothing_of_what_is_kept(office: Office, ann: Actor) -> None:
    instance = office.engine.start("order", office.parcel(), {"lines": [1]})
    item = office.item(instance, "a")

    seen = dict(office.engine.variables_at(item))
    seen["lines"].append(2)

    assert office.engine.variables_at(item) == {"lines": [1]}
    office.do(instance, "a", ann)
    assert office.variables(instance) == {"lines": [1]}
