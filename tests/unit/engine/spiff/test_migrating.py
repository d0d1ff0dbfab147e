"""Migration of an instance in memory: what is carried over rightly, and what is refused with its reason."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from oracle.drawing import (
    CONDITION,
    MESSAGE,
    OTHER_MESSAGE,
    TIMER,
    boundary,
    catching,
    chain,
    end,
    gateway,
    process,
    script,
    start,
    subprocess,
    throwing,
    user,
)
from oracle.play import Play, program_of

from engine.passages import MigrationRefused, Passage
from engine.spiff.program import Program
from engine.steps import ExecutionState, TimerWait

LINE = start() + user("a", "b") + end() + chain("st", "a", "b", "en")
REVIEW = start() + gateway("parallel", "fork", "join") + user("a", "b", "n") + end()
REVIEW += chain("st", "fork", "a", "join", "n", "en") + chain("fork", "b", "join")
WATCHED = (
    start()
    + user("a", "z")
    + boundary("late", "a", TIMER)
    + end()
    + end("e2")
    + chain("st", "a", "z", "en")
    + chain("late", "e2")
)
INNER = start("s2") + user("x", "y") + end("e2") + chain("s2", "x", "y", "e2")
NESTED = start() + subprocess("sub", INNER) + user("z") + end() + chain("st", "sub", "z", "en")
ITEMS = (
    '<multiInstanceLoopCharacteristics isSequential="{}" camunda:collection="items" camunda:elementVariable="item"/>'
)
RACE = (
    start() + gateway("eventBased", "first") + catching("m", MESSAGE) + catching("o", OTHER_MESSAGE) + end() + end("e2")
)
RACE += chain("st", "first", "m", "en") + chain("first", "o", "e2")
HANDLED = start("called", MESSAGE) + user("h") + end("eh") + chain("called", "h", "eh")
HANDLER = subprocess("help", HANDLED, 'triggeredByEvent="true"')
UNDO = '<boundaryEvent id="ub" attachedToRef="{0}"><compensateEventDefinition/></boundaryEvent>'
UNDO += '<userTask id="{1}" isForCompensation="true"/><association id="as" sourceRef="ub" targetRef="{1}"/>'
BACK = throwing("undo", "<compensateEventDefinition/>")


def migrated(play: Play, body: str | Program, mapping: Mapping[str, str] | None = None) -> Play:
    """Carry over, then save and load with the new program as after every step."""
    program = program_of(body) if isinstance(body, str) else body
    before = play.keys
    play.execution = play.execution.migrate(program, mapping or {}, play.now)
    play.program = program
    play.keys = {wait.key: wait for wait in play.execution.waits()}
    numbers = {key.rpartition(":")[2] for key in play.keys}
    play.keys |= {key: wait for key, wait in before.items() if key.rpartition(":")[2] not in numbers}
    return play.took(play.execution.settle_in(play.now))


def passage(play: Play, body: str, mapping: Mapping[str, str] | None = None) -> Passage:
    before = play.execution.save()
    found = play.execution.passage(program_of(body), mapping or {})
    assert play.execution.save() == before
    return found


def hurdle(play: Play, body: str, mapping: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Give the one hurdle; carrying over is refused and changes nothing."""
    [found] = passage(play, body, mapping).hurdles
    before = play.execution.save()
    with pytest.raises(MigrationRefused, match=found.node):
        play.execution.migrate(program_of(body), mapping or {}, play.now)
    assert play.execution.save() == before
    return found.node, found.reason


# -- carried over


def test_a_token_goes_on_in_the_new_version() -> None:
    play = Play(LINE, {"x": 1}).do("a", y=2)
    body = start() + user("a", "b", "c") + end() + chain("st", "a", "b", "c", "en")
    key = play.wait("b").key

    assert passage(play, body) == Passage((("b", "b"),), (), (), ())
    migrated(play, body)

    assert play.wait("b").key == key
    assert play.do("b").do("c").execution.state is ExecutionState.COMPLETED
    assert play.variables == {"x": 1, "y": 2}


def test_a_renamed_node_is_mapped_and_keeps_its_number() -> None:
    play = Play(LINE).do("a")
    number = play.wait("b").key.rpartition(":")[2]
    body = LINE.replace('"b"', '"bee"')
    assert hurdle(play, body)[0] == "b"

    migrated(play, body, {"b": "bee"})

    assert play.wait("bee").key == f"bee:{number}"
    assert (play.withdrawn, play.entered[-1]) == (["b"], "bee")
    assert play.do("bee").execution.state is ExecutionState.COMPLETED


def test_a_timer_keeps_the_time_it_is_due() -> None:
    play = Play(WATCHED)
    wait = play.wait("late")
    assert isinstance(wait, TimerWait)
    play.now += timedelta(minutes=30)

    migrated(play, WATCHED.replace("PT1H", "PT5H"))

    later = play.wait("late")
    assert isinstance(later, TimerWait)
    assert later.due_at == wait.due_at


def test_an_attached_event_that_is_gone_stops_waiting_and_a_new_one_begins() -> None:
    play = Play(WATCHED)
    body = WATCHED.replace(TIMER, MESSAGE)

    found = passage(play, body)
    assert (found.ending, found.beginning) == (("late",), ("late",))
    migrated(play, body)

    assert play.open == ["a", "late"]
    assert play.message("late").execution.state is ExecutionState.COMPLETED


def test_an_attached_event_begins_to_wait_where_there_was_none() -> None:
    play = Play(LINE)
    body = LINE + boundary("late", "a", TIMER, interrupting=False) + user("r") + end("e2") + chain("late", "r", "e2")

    migrated(play, body)

    assert play.open == ["a", "late"]
    play.fire("late").do("a", x=1).do("r").do("b")
    assert play.execution.state is ExecutionState.COMPLETED
    assert play.variables == {"x": 1}


def test_an_event_that_has_fired_already_does_not_wait_again() -> None:
    body = LINE + boundary("late", "a", TIMER, interrupting=False) + user("r") + end("e2") + chain("late", "r", "e2")
    play = Play(body).fire("late")

    migrated(play, body.replace('"b"', '"bee"'))

    assert play.open == ["a", "r"]


def test_an_event_subprocess_that_is_new_stands_by() -> None:
    play = Play(LINE).do("a")

    assert passage(play, LINE + HANDLER).beginning == ("called",)
    migrated(play, LINE + HANDLER)

    assert play.open == ["b", "called"]
    assert play.message("called").open == ["h"]
    assert passage(play, LINE).hurdles


def test_an_event_subprocess_that_is_gone_stops_standing_by() -> None:
    play = Play(LINE + HANDLER)

    migrated(play, LINE)

    assert play.open == ["a"]
    assert play.do("a").do("b").execution.state is ExecutionState.COMPLETED


def test_an_arrival_at_a_join_is_carried_over_by_the_flow_or_its_source() -> None:
    play = Play(REVIEW, {"log": []}).do("a", log=["a"])

    migrated(play, REVIEW.replace('id="a_join"', 'id="accepted"'))
    play.do("b", log=["b"])

    assert play.open == ["n"]
    assert play.variables["log"] == ["a", "b"]


def test_what_goes_on_inside_a_subprocess_goes_on_there() -> None:
    play = Play(NESTED, {"v": 1}).do("x", v=2)
    body = NESTED.replace('"sub"', '"part"').replace('"y"', '"why"')

    migrated(play, body, {"sub": "part", "y": "why"})

    assert play.do("why").do("z").execution.state is ExecutionState.COMPLETED
    assert play.variables == {"v": 2}


@pytest.mark.parametrize("sequential", ["true", "false"])
def test_several_instances_keep_their_count(sequential: str) -> None:
    body = start() + user("a", inner=ITEMS.format(sequential)) + user("b") + end() + chain("st", "a", "b", "en")
    play = Play(body, {"items": [1, 2, 3]}).do("a")

    migrated(play, body.replace('"b"', '"bee"'))

    assert play.do("a").do("a").open == ["bee"]


def test_a_called_process_is_carried_over_too() -> None:
    caller = (
        start() + '<callActivity id="call" calledElement="q"/>' + user("z") + end() + chain("st", "call", "z", "en")
    )
    called = process(INNER, "q")
    play = Play(program_of(caller, called)).do("x")
    longer = process(
        INNER.replace('id="y_e2"', 'id="y_w"').replace('targetRef="e2"/>', 'targetRef="w"/>')
        + user("w")
        + chain("w", "e2"),
        "q",
    )

    migrated(play, program_of(caller, longer))

    assert play.do("y").do("w").do("z").execution.state is ExecutionState.COMPLETED


def test_a_race_goes_on_with_what_is_new() -> None:
    body = RACE + catching("t", TIMER) + end("e3") + chain("first", "t", "e3")
    play = Play(RACE)

    assert passage(play, body).beginning == ("t",)
    migrated(play, body)

    assert play.open == ["m", "o", "t"]
    assert play.fire("t").execution.state is ExecutionState.COMPLETED


def test_a_stuck_token_is_retried_with_the_corrected_script() -> None:
    body = start() + user("a") + script("s", "y = missing") + user("b") + end() + chain("st", "a", "s", "b", "en")
    play = Play(body).do("a")
    assert play.execution.stuck()

    migrated(play, body.replace("y = missing", "y = 1"))
    play.retry("s")

    assert play.open == ["b"]
    assert play.variables == {"y": 1}


def test_completed_activities_are_undone_by_the_handlers_of_the_new_version() -> None:
    body = start() + user("a", "b") + UNDO.format("a", "ua") + BACK + end() + chain("st", "a", "b", "undo", "en")
    play = Play(body).do("a")

    migrated(play, body.replace('"ua"', '"ub2"'))
    play.do("b")

    assert play.open == ["ub2"]
    assert play.do("ub2").execution.state is ExecutionState.COMPLETED


def test_a_join_with_one_flow_less_opens() -> None:
    play = Play(REVIEW + user("c") + chain("fork", "c", "join")).do("a").do("b")
    assert play.open == ["c"]

    migrated(play, REVIEW + user("c") + end("e9") + chain("fork", "c", "e9"))

    assert play.open == ["c", "n"]


# -- refused


def test_what_is_refused_names_the_node_and_the_reason() -> None:
    play = Play(LINE).do("a")
    assert hurdle(play, LINE.replace('"b"', '"bee"'))[1].startswith("That version does not have it")
    assert "does not have" in hurdle(play, LINE.replace('"b"', '"bee"'), {"b": "nowhere"})[1]
    assert (
        "is a task for a person"
        in hurdle(play, LINE.replace('<userTask id="b"></userTask>', '<receiveTask id="b" messageRef="m0"/>'))[1]
    )
    inside = (
        start() + user("a") + subprocess("sub", start("s2") + user("b") + end("e2") + chain("s2", "b", "e2")) + end()
    )
    assert "stands in sub" in hurdle(play, inside + chain("st", "a", "sub", "en"))[1]


def test_an_activity_that_is_done_several_times_now_is_refused() -> None:
    body = start() + user("a", inner=ITEMS.format("true")) + user("b") + end() + chain("st", "a", "b", "en")

    assert hurdle(Play(LINE), body)[0] == "a"
    assert {one.node for one in passage(Play(body, {"items": [1]}), LINE).hurdles} == {"a"}


def test_a_join_that_would_wait_in_vain_is_refused() -> None:
    play = Play(REVIEW).do("a")
    body = REVIEW + user("c") + chain("fork", "c", "join")

    assert hurdle(play, body)[0] == "join"
    assert hurdle(Play(REVIEW), body)[0] == "join"
    assert not passage(
        Play(LINE),
        start()
        + user("a")
        + REVIEW.replace(start(), "")
        .replace(user("a", "b", "n"), user("a2", "b", "n"))
        .replace('"a"', '"a2"')
        .replace('"st"', '"a"')
        + chain("st", "a"),
    ).hurdles


def test_an_arrival_by_a_flow_that_is_gone_is_refused() -> None:
    play = Play(REVIEW).do("a")
    body = REVIEW.replace('id="a_join" sourceRef="a" targetRef="join"', 'id="a_n" sourceRef="a" targetRef="n"')

    found = passage(play, body + user("c") + chain("fork", "c", "join")).hurdles

    assert found[0].node == "join"
    assert "by a_join, which leads nowhere" in found[0].reason


def test_a_completed_activity_that_nothing_undoes_any_more_is_refused() -> None:
    body = start() + user("a", "b") + UNDO.format("a", "ua") + BACK + end() + chain("st", "a", "b", "undo", "en")
    play = Play(body).do("a")

    assert hurdle(play, LINE)[0] == "a"
    assert not passage(Play(body), LINE).hurdles


def test_what_is_undoing_something_waits() -> None:
    body = start() + user("a", "b") + UNDO.format("a", "ua") + BACK + end() + chain("st", "a", "b", "undo", "en")
    play = Play(body).do("a").do("b")

    assert "undoing" in hurdle(play, body)[1]


# -- always


@pytest.mark.parametrize(
    "body",
    [LINE, REVIEW, WATCHED, NESTED, RACE, LINE + HANDLER],
    ids=["line", "review", "watched", "nested", "race", "handler"],
)
def test_the_same_version_again_changes_not_a_byte(body: str) -> None:
    play = Play(body)
    program = program_of(body)

    for _ in range(4):
        before = play.execution.save()
        migrated(play, program)
        assert play.execution.save() == before
        work = [wait for wait in play.execution.waits() if wait.kind == "work"]
        if not work or play.do(work[0].node, log=[1]).execution.state is not ExecutionState.ACTIVE:
            break


def test_a_condition_is_looked_at_after_a_migration() -> None:
    body = (
        start()
        + user("a")
        + boundary("c", "a", CONDITION)
        + end()
        + end("e2")
        + chain("st", "a", "en")
        + chain("c", "e2")
    )
    play = Play(body, {"x": 2})

    migrated(play, body.replace("x == 1", "x == 2"))

    assert play.execution.state is ExecutionState.COMPLETED
