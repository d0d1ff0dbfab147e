"""Diagrams without end stop at a limit; long and big ones run."""

import time

import pytest
from oracle.drawing import MESSAGE, boundary, chain, end, gateway, none, process, script, start, subprocess, user, when
from oracle.play import NOW, Play, program_of

from engine.steps import ExecutionState


def test_a_loop_without_a_wait_stops_at_a_thousand_steps() -> None:
    play = Play(start() + gateway("exclusive", "m") + none("t") + chain("st", "m", "t", "m"))

    assert [stuck.code for stuck in play.stuck] == ["step_limit"]
    assert play.stuck[0].node in {"m", "t"}
    assert 900 < len(play.trace) <= 1_000
    before = len(play.trace)
    play.retry(play.stuck[0].node)
    assert len(play.trace) > before + 900
    assert len(play.execution.save()) < 500


def test_a_process_that_calls_itself_stops_at_the_limit() -> None:
    body = start() + '<callActivity id="c" calledElement="p"/>' + chain("st", "c")

    play = Play(program_of(body))

    assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("c", "too_many")]
    assert play.took(play.execution.terminate(NOW)).step.state is ExecutionState.TERMINATED


def test_tokens_that_multiply_without_end_stop_at_a_limit() -> None:
    body = start() + gateway("exclusive", "m") + gateway("parallel", "f") + user("u") + chain("st", "m", "f", "m")
    body += '<sequenceFlow id="again" sourceRef="f" targetRef="m"/>' + chain("f", "u")

    play = Play(body, reloads=False)

    assert {stuck.code for stuck in play.stuck} == {"step_limit"}
    for _ in range(60):
        play.took(play.execution.advance(NOW))
        if play.stuck[-1].code == "token_limit":
            break
    assert play.stuck[-1].code == "token_limit"


def test_two_thousand_nodes_in_a_row_compile_and_run() -> None:
    nodes = [f"n{number}" for number in range(990)]
    more = [f"k{number}" for number in range(990)]
    body = start() + none(*nodes, *more) + user("u") + end() + chain("st", *nodes, "u", *more, "en")

    began = time.thread_time()
    play = Play(body, reloads=False)
    play.do("u")

    assert play.step.state is ExecutionState.COMPLETED
    assert len(play.trace) == 1_983
    assert time.thread_time() - began < 20


def test_deep_nesting_compiles_and_runs() -> None:
    inner = user("u")
    for level in range(25):
        inner = subprocess(
            f"sp{level}", start(f"s{level}") + inner + chain(f"s{level}", "u" if not level else f"sp{level - 1}")
        )

    assert Play(inner).do("u").step.state is ExecutionState.COMPLETED


def many_rounds(count: int) -> tuple[float, float, Play]:
    """Go round a loop; give the time of the first and the last tenth."""
    body = (
        start() + gateway("exclusive", "m", "x", default="x_en") + user("u") + end() + chain("st", "m", "u", "x", "en")
    )
    play = Play(body + when("x", "m", "again"), reloads=False)
    times = []
    for number in range(count):
        began = time.thread_time()
        play.do("u", again=number < count - 1)
        times.append(time.thread_time() - began)
    tenth = count // 10
    return sorted(times[:tenth])[tenth // 2], sorted(times[-tenth:])[tenth // 2], play


def test_a_thousand_rounds_stay_flat() -> None:
    first, last, play = many_rounds(1_000)

    assert play.step.state is ExecutionState.COMPLETED
    assert last < first * 3


@pytest.mark.long
def test_ten_thousand_rounds_stay_flat() -> None:
    first, last, _ = many_rounds(10_000)

    assert last < first * 1.5


def test_a_thousand_instances_at_once_are_worked_off() -> None:
    loop = (
        "<multiInstanceLoopCharacteristics><loopCardinality>1000</loopCardinality></multiInstanceLoopCharacteristics>"
    )
    play = Play(start() + script("t") + none("big") + chain("st", "t", "big") + process("")[:0], reloads=False)
    assert play.step.state is ExecutionState.COMPLETED
    play = Play(start() + user("u", inner=loop) + chain("st", "u"), reloads=False)
    keys = [wait.key for wait in play.execution.waits()]

    for key in keys[:200]:
        play.execution.complete(key, {}, NOW)

    assert len(keys) == 1_000
    assert len(play.execution.waits()) == 800


def test_an_event_beside_that_fires_in_each_round_leaves_the_state_small() -> None:
    body = start() + gateway("exclusive", "m") + user("u") + boundary("b", "u", MESSAGE, interrupting=False) + none("h")
    play = Play(body + chain("st", "m", "u", "m") + chain("b", "h"))

    for _ in range(50):
        play.message("b")

    assert len(play.execution.save()) < 400
