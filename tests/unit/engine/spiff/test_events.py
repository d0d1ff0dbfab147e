"""Events that interrupt, accompany, race and throw."""

from datetime import timedelta
from decimal import Decimal

import pytest
from oracle.drawing import (
    ANY_ERROR,
    CONDITION,
    ERROR,
    ESCALATION,
    KEYED,
    MESSAGE,
    OTHER_MESSAGE,
    SIGNAL,
    TERMINATE,
    TIMER,
    boundary,
    catching,
    chain,
    end,
    gateway,
    none,
    script,
    start,
    subprocess,
    throwing,
    timer,
    user,
    when,
)
from oracle.play import NOW, Play

from engine.steps import ExecutionState, SubscriptionWait, TimerWait, WaitKind

KINDS = {
    "message": MESSAGE,
    "signal": SIGNAL,
    "timer": TIMER,
    "error": ERROR,
    "escalation": ESCALATION,
    "conditional": CONDITION,
}
BOOM = 'throw_bpmn_error("E1", "no paper")'


def middle(kind: str, *, fires: bool) -> str:
    """Draw the node `a` that makes an event of a kind happen, or not."""
    if kind == "conditional":
        return script("a", "x = 1" if fires else "x = 0")
    if fires and kind == "error":
        return script("a", BOOM)
    if fires and kind == "escalation":
        return throwing("a", ESCALATION)
    return none("a")


def happen(play: Play, kind: str, node: str) -> None:
    """Let the event come from outside, if it does."""
    if kind in {"message", "signal"}:
        play.message(node)
    if kind == "timer":
        play.fire(node)


CASES = [
    (kind, interrupting, fires)
    for kind in KINDS
    for interrupting in (True, False)
    for fires in (True, False)
    if interrupting or kind != "error"
]


@pytest.mark.parametrize(("kind", "interrupting", "fires"), CASES)
def test_an_attached_event_takes_its_way_when_it_happens_and_only_then(
    kind: str, interrupting: bool, fires: bool
) -> None:
    inner = (
        start("is") + user("u") + middle(kind, fires=fires) + user("w") + end("ie") + chain("is", "u", "a", "w", "ie")
    )
    body = (
        start()
        + subprocess("sp", inner)
        + none("after", "h")
        + end()
        + chain("st", "sp", "after", "en")
        + chain("b", "h")
    )
    play = Play(body + boundary("b", "sp", KINDS[kind], interrupting=interrupting), {"x": 0})

    play.do("u")
    if fires:
        happen(play, kind, "b")

    if fires and interrupting:
        assert play.passed("h", "after") == ["h"]
        assert (play.open, play.step.state) == ([], ExecutionState.COMPLETED)
        return
    assert play.passed("h") == ["h"] * fires
    assert "w" in play.open
    play.do("w")
    assert play.passed("h", "after") == ["h"] * fires + ["after"]
    assert (play.open, play.step.state) == ([], ExecutionState.COMPLETED)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize(("kind", "interrupting", "fires"), CASES)
def test_an_event_subprocess_runs_when_its_event_happens_and_only_then(
    kind: str, interrupting: bool, fires: bool, level: int
) -> None:
    interrupts = "true" if interrupting else "false"
    handler = f'<startEvent id="es1" isInterrupting="{interrupts}">{KINDS[kind]}</startEvent>' + none("h") + end("ee")
    inner = (
        start("is") + user("u") + middle(kind, fires=fires) + user("w") + end("ie") + chain("is", "u", "a", "w", "ie")
    )
    inner += subprocess("esp", handler + chain("es1", "h", "ee"), 'triggeredByEvent="true"')
    for number in range(level):
        inner = (
            start(f"o{number}")
            + subprocess(f"sp{number}", inner)
            + none(f"after{number}")
            + chain(f"o{number}", f"sp{number}", f"after{number}")
        )
    play = Play(inner, {"x": 0})

    play.do("u")
    if fires:
        happen(play, kind, "es1")

    assert play.passed("h") == ["h"] * fires
    if fires and interrupting:
        assert play.open == []
    else:
        assert "w" in play.open
        if fires and kind in {"message", "signal"}:
            play.message("es1")
            assert play.passed("h") == ["h", "h"]
        play.do("w")
    assert (play.open, play.step.state) == ([], ExecutionState.COMPLETED)
    assert all(play.trace.count(f"after{number}") == 1 for number in range(level))


def test_an_event_subprocess_sees_and_adds_to_the_newest_variables() -> None:
    handler = f'<startEvent id="es1" isInterrupting="false">{MESSAGE}</startEvent>' + script(
        "h", 'l.append("h")\nseen = x'
    )
    body = start() + script("a", "x = 5\nl.append('a')") + user("w") + chain("st", "a", "w")
    body += subprocess("esp", handler + chain("es1", "h"), 'triggeredByEvent="true"')
    play = Play(body, {"l": []}).message("es1", note="hello")

    play.do("w")

    assert play.variables == {"l": ["h", "a"], "x": 5, "seen": 5, "note": "hello"}


def test_an_interrupting_event_keeps_what_the_subprocess_has_made() -> None:
    inner = (
        start("is")
        + gateway("parallel", "f")
        + script("a", "l.append('a')")
        + script("b", "l.append('b')")
        + user("u", "v")
    )
    inner += chain("is", "f", "a", "u") + chain("f", "b", "v")
    body = start() + subprocess("sp", inner) + user("h") + chain("st", "sp") + chain("b1", "h")
    play = Play(body + boundary("b1", "sp", MESSAGE), {"l": ["0"]}).do("u", seen=True)

    play.message("b1", why="late")

    assert play.variables == {"l": ["0", "a", "b"], "seen": True, "why": "late"}
    assert play.open == ["h"]
    assert sorted(play.withdrawn) == ["sp", "v"]


def test_the_exact_error_code_comes_before_the_catch_all() -> None:
    for code, taken in (("E1", "one"), ("E9", "all")):
        body = start() + script("a", f'throw_bpmn_error("{code}", "why")') + end() + chain("st", "a", "en")
        body += (
            boundary("b0", "a", ANY_ERROR) + user("all") + chain("b0", "all") + boundary("b1", "a", ERROR) + user("one")
        )
        play = Play(body + chain("b1", "one"))

        assert play.open == [taken]
        assert play.failed == ["a"]
        assert play.variables == {"error_code": code, "error_message": "why"}


def test_an_error_is_not_caught_beside_its_way_out() -> None:
    body = start() + gateway("parallel", "f") + chain("st", "f")
    for number in (0, 1):
        inner = (
            start(f"s{number}")
            + user(f"u{number}")
            + script(f"t{number}", BOOM if number == 0 else "")
            + chain(f"s{number}", f"u{number}", f"t{number}")
        )
        body += subprocess(f"p{number}", inner) + chain("f", f"p{number}")
    play = Play(body + boundary("b1", "p1", ANY_ERROR) + none("h") + chain("b1", "h"))

    play.do("u0")

    assert play.passed("h") == []
    assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("t0", "uncaught_error")]
    assert play.open == ["u1"]


def test_an_error_thrown_at_an_operation_takes_the_arrow_or_stops() -> None:
    task = '<serviceTask id="s" parcelflow:operation="op"/>'
    caught = Play(start() + task + user("n", "h") + boundary("b", "s", ERROR) + chain("st", "s", "n") + chain("b", "h"))
    stops = Play(start() + task + user("n") + chain("st", "s", "n"))

    assert caught.error("s", "E1", "no").open == ["h"]
    assert stops.error("s", "E7", "no").open == []
    assert [(stuck.node, stuck.code) for stuck in stops.stuck] == [("s", "uncaught_error")]
    key = stops.stuck[0].key
    stops.retry("s")
    assert [wait.key for wait in stops.execution.waits()] == [key]
    assert stops.do("s").open == ["n"]


def test_an_error_end_that_nobody_catches_fails_the_instance() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + user("u", "v")
        + end("bad", ERROR)
        + chain("st", "f", "u", "bad")
        + chain("f", "v")
    )
    play = Play(body).do("u")

    assert play.step.state is ExecutionState.FAILED
    assert play.step.failure is not None
    assert (play.step.failure.code, play.step.failure.node) == ("E1", "bad")
    assert play.open == []
    assert play.withdrawn == ["v"]
    assert play.passed("bad") == ["bad"]


def test_an_error_leaves_nested_and_repeated_activities() -> None:
    loop = "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>"
    inner = loop + start("s0") + user("u0") + end("e0", ERROR) + chain("s0", "u0", "e0")
    body = (
        start()
        + subprocess("p0", inner)
        + boundary("b", "p0", ERROR)
        + user("h", "n")
        + chain("st", "p0", "n")
        + chain("b", "h")
    )

    play = Play(body).do("u0")

    assert play.open == ["h"]
    assert play.keys.keys() == {play.wait("h").key}
    assert play.passed("e0") == ["e0"]


def test_an_escalation_that_nobody_catches_changes_nothing() -> None:
    play = Play(start() + throwing("t", ESCALATION) + user("u") + chain("st", "t", "u"))

    assert (play.open, play.stuck, play.thrown) == (["u"], [], [])


def test_a_terminating_end_takes_the_rest_of_its_scope_away() -> None:
    inner = (
        start("is")
        + gateway("parallel", "f")
        + user("u", "v")
        + end("t", TERMINATE)
        + chain("is", "f", "u", "t")
        + chain("f", "v")
    )
    play = Play(start() + subprocess("sp", inner) + user("n") + chain("st", "sp", "n")).do("u", x=1)

    assert play.open == ["n"]
    assert play.withdrawn == ["v"]
    assert play.variables == {"x": 1}


RACE = (
    start()
    + '<eventBasedGateway id="g"/>'
    + catching("c1", MESSAGE)
    + catching("c2", TIMER)
    + '<receiveTask id="c3" messageRef="m1"/>'
    + user("x1", "x2", "x3")
    + chain("st", "g", "c1", "x1")
    + chain("g", "c2", "x2")
    + chain("g", "c3", "x3")
)


def test_the_first_event_behind_an_event_gateway_wins() -> None:
    play = Play(RACE)
    assert play.open == ["c1", "c2", "c3"]

    play.message("c3", a=5)

    assert play.open == ["x3"]
    assert (play.passed(), play.withdrawn) == (["st", "g", "c3"], ["c1", "c2"])
    assert play.flows == ["st_g", "g_c3", "c3_x3"]
    assert play.variables == {"a": 5}


def test_a_message_goes_to_one_receiver_inside_first() -> None:
    send = '<sendTask id="send" messageRef="m0" parcelflow:payload="{&apos;n&apos;: n}"/>'
    body = start() + gateway("parallel", "f") + catching("c1", MESSAGE) + catching("c2", MESSAGE) + user("u") + send
    body += (
        user("x1", "x2", "x3") + chain("st", "f", "c1", "x1") + chain("f", "c2", "x2") + chain("f", "u", "send", "x3")
    )
    play = Play(body, {"n": 1})

    play.do("u", n=2)
    assert play.open == ["c2", "x1", "x3"]
    assert play.execution.variables_at(play.wait("x1").key) == {"n": 2}
    assert play.thrown == []


def test_a_message_without_receiver_leaves_the_instance() -> None:
    play = Play(start() + throwing("t", KEYED) + chain("st", "t"), {"order_number": Decimal(12), "b": [1]})

    [thrown] = play.thrown
    assert (thrown.kind, thrown.name, thrown.correlation_key) == (WaitKind.MESSAGE, "keyed", "12")
    assert thrown.payload == {"order_number": Decimal(12), "b": [1]}


def test_a_subscription_tells_its_correlation_key() -> None:
    play = Play(start() + catching("c", KEYED) + chain("st", "c"), {"order_number": "A-1"})

    wait = play.wait("c")
    assert isinstance(wait, SubscriptionWait)
    assert (wait.message, wait.correlation_key, wait.kind) == ("keyed", "A-1", WaitKind.MESSAGE)
    other = Play(start() + catching("c", KEYED) + chain("st", "c"))
    assert [(stuck.node, stuck.code) for stuck in other.stuck] == [("c", "variable_missing")]


def test_a_signal_reaches_everybody_inside_and_outside() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + catching("c1", SIGNAL)
        + catching("c2", SIGNAL)
        + user("u")
        + throwing("t", SIGNAL)
    )
    body += user("x1", "x2", "x3") + chain("st", "f", "c1", "x1") + chain("f", "c2", "x2") + chain("f", "u", "t", "x3")

    play = Play(body).do("u")

    assert play.open == ["x1", "x2", "x3"]
    assert [(thrown.kind, thrown.name) for thrown in play.thrown] == [(WaitKind.SIGNAL, "s0")]


def test_a_signal_thrown_inside_interrupts_before_the_subprocess_goes_on() -> None:
    inner = start("is") + throwing("t", SIGNAL) + none("late") + chain("is", "t", "late")
    body = start() + user("u") + subprocess("sp", inner) + boundary("b", "sp", SIGNAL) + none("h", "after")
    play = Play(body + chain("st", "u", "sp", "after") + chain("b", "h"))

    play.do("u")

    assert play.passed("h", "after", "late") == ["h"]
    assert play.step.state is ExecutionState.COMPLETED


def test_of_two_interrupting_events_of_one_moment_one_takes_its_way() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + user("u", "v")
        + throwing("t", SIGNAL)
        + none("h1", "h2")
        + chain("st", "f", "u")
    )
    body += (
        chain("f", "v", "t")
        + boundary("b1", "u", SIGNAL)
        + boundary("b2", "u", SIGNAL)
        + chain("b1", "h1")
        + chain("b2", "h2")
    )

    play = Play(body).do("v")

    assert play.passed("h1", "h2") == ["h1"]
    assert play.step.state is ExecutionState.COMPLETED


def test_timers_tell_when_they_are_due() -> None:
    body = start() + gateway("parallel", "f") + chain("st", "f")
    texts = {
        "d": ("Duration", "PT90M"),
        "x": ("Duration", "wait_for"),
        "m": ("Date", "2026-12-24T18:00:00+01:00"),
        "c": ("Cycle", "R2/PT1H"),
    }
    for key, (sort, text) in texts.items():
        body += catching(key, timer(sort, text)) + chain("f", key)
    play = Play(body, {"wait_for": timedelta(days=1)})

    due = {wait.node: wait.due_at for wait in play.execution.waits() if isinstance(wait, TimerWait)}

    assert due["d"] == NOW + timedelta(minutes=90)
    assert due["x"] == NOW + timedelta(days=1)
    assert due["m"].isoformat() == "2026-12-24T17:00:00+00:00"  # type: ignore[union-attr]
    assert due["c"] == NOW + timedelta(hours=1)
    for key in texts:
        play.fire(key)
    assert play.step.state is ExecutionState.COMPLETED


def test_a_cycle_beside_an_activity_comes_again_and_ends_with_it() -> None:
    body = start() + user("u", "n") + boundary("b", "u", timer("Cycle", "R3/PT1H"), interrupting=False) + none("h")
    body += chain("st", "u", "n") + chain("b", "h")
    play, keys = Play(body), set()

    for number in (1, 2, 3):
        wait = play.wait("b")
        keys.add(wait.key)
        assert getattr(wait, "due_at") == NOW + timedelta(hours=number)  # noqa: B009
        play.fire("b")
        assert play.passed("h") == ["h"] * number
    assert play.open == ["u"]
    assert len(keys) == 3

    other = Play(body).fire("b").do("u")
    assert other.open == ["n"]


def test_a_duration_beside_an_activity_comes_once() -> None:
    body = (
        start()
        + user("u")
        + boundary("b", "u", TIMER, interrupting=False)
        + none("h")
        + chain("st", "u")
        + chain("b", "h")
    )

    assert Play(body).fire("b").open == ["u"]


def test_a_condition_fires_again_only_after_it_was_false() -> None:
    body = (
        start() + user("u") + boundary("b", "u", CONDITION, interrupting=False) + none("h") + gateway("parallel", "f")
    )
    body += user("v") + gateway("exclusive", "m") + chain("st", "f", "u") + chain("f", "m", "v", "m") + chain("b", "h")
    play = Play(body)

    for value, times in ((0, 0), (1, 1), (1, 1), (0, 1), (1, 2)):
        play.do("v", x=value)
        assert play.passed("h") == ["h"] * times


def test_a_condition_that_already_holds_fires_at_once() -> None:
    play = Play(start() + catching("c", CONDITION) + user("u") + chain("st", "c", "u"), {"x": 1})

    assert play.open == ["u"]


def test_a_start_by_a_message_takes_the_payload() -> None:
    body = (
        start("plain") + start("by_message", MESSAGE) + user("a", "b") + chain("plain", "a") + chain("by_message", "b")
    )

    assert Play(body).open == ["a"]
    play = Play(body, {"n": 1}, start_event="by_message", payload={"n": 2, "m": 3})
    assert play.open == ["b"]
    assert play.variables == {"n": 2, "m": 3}
    assert play.trace == ["by_message"]


def test_other_messages_do_not_arrive() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + catching("c", OTHER_MESSAGE)
        + throwing("t", MESSAGE)
        + chain("st", "f", "c")
        + chain("f", "t")
    )

    play = Play(body)

    assert play.open == ["c"]
    assert len(play.thrown) == 1
    assert when("a", "b", "1 < 2") != ""


SEVERAL = MESSAGE + SIGNAL + timer("Duration", "PT1H")


@pytest.mark.parametrize("interrupting", [True, False])
def test_each_trigger_of_a_multiple_event_waits_under_the_name_of_the_event(interrupting: bool) -> None:
    attached = boundary("b", "u", SEVERAL, interrupting=interrupting)
    play = Play(start() + user("u") + attached + none("t") + chain("st", "u") + chain("b", "t"))
    assert play.open == ["b", "b", "b", "u"]

    play.message("b")

    assert play.passed("b", "t") == ["b", "t"]
    assert play.open == ([] if interrupting else ["b", "b", "b", "u"])


def test_a_multiple_event_that_does_not_interrupt_waits_on_for_what_has_not_happened() -> None:
    attached = boundary("b", "u", SEVERAL, interrupting=False)
    play = Play(start() + user("u") + attached + none("t") + chain("st", "u") + chain("b", "t"))

    play.fire("b").message("b").do("u")

    assert play.passed("b", "t", "u") == ["b", "t", "b", "t", "u"]
    assert not play.keys


def test_a_parallel_multiple_event_remembers_what_has_happened() -> None:
    event = '<intermediateCatchEvent id="c" parallelMultiple="true">' + MESSAGE + SIGNAL + "</intermediateCatchEvent>"
    play = Play(start() + event + chain("st", "c"))

    play.message("c", one=1)
    assert play.open == ["c"]
    play.message("c", two=2)

    assert play.passed("c") == ["c"]
    assert play.variables == {"one": 1, "two": 2}
