"""Interventions: tokens moved, added, cancelled, and variables changed, in memory."""

import random

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
    script,
    start,
    subprocess,
    user,
)
from oracle.play import Play

from engine.interventions import AddToken, CancelToken, ChangeVariables, Intervention, InterventionRefused, MoveToken
from engine.steps import ExecutionState

LINE = start() + user("a", "b", "c") + end() + chain("st", "a", "b", "c", "en")
REVIEW = (
    start()
    + gateway("parallel", "fork", "join")
    + user("a", "b", "n")
    + end()
    + chain("st", "fork", "a", "join", "n", "en")
    + chain("fork", "b", "join")
)
WATCHED = start() + user("a", "b") + boundary("late", "a", TIMER) + end() + end("e2")
WATCHED += chain("st", "a", "b", "en") + chain("late", "e2")
INNER = start("s2") + user("x", "y") + end("e2") + chain("s2", "x", "y", "e2")
NESTED = start() + user("a", "z") + subprocess("sub", INNER) + boundary("stop", "sub", MESSAGE) + end() + end("e3")
NESTED += chain("st", "a", "sub", "z", "en") + chain("stop", "e3")
ITEMS = (
    '<multiInstanceLoopCharacteristics isSequential="false" camunda:collection="items" camunda:elementVariable="item"/>'
)
SEVERAL = start() + user("a", inner=ITEMS) + user("b") + end() + chain("st", "a", "b", "en")
RACE = (
    start() + gateway("eventBased", "first") + catching("m", MESSAGE) + catching("o", OTHER_MESSAGE) + user("b") + end()
)
RACE += end("e2") + chain("st", "first", "m", "b", "en") + chain("first", "o", "e2")


def key(play: Play, node: str) -> str:
    return next(one.key for one in play.execution.standings() if one.node == node)


def did(play: Play, asked: Intervention, *, rests: bool = False) -> Play:
    return play.took(play.execution.intervene(asked, play.now, rests=rests))


def move(play: Play, node: str, to: str, flow: str | None = None) -> Play:
    return did(play, MoveToken(key(play, node), to, flow))


# -- moving


def test_a_moved_token_enters_the_node_and_has_its_variables() -> None:
    play = Play(LINE, {"x": 1}).do("a", y=2)

    move(play, "b", "a")

    assert play.open == ["a"]
    assert play.withdrawn == ["b"]
    assert play.execution.variables_at(play.wait("a").key) == {"x": 1, "y": 2}
    assert play.do("a").do("b").do("c").execution.state is ExecutionState.COMPLETED


def test_what_is_attached_to_the_old_place_goes_with_it_and_what_is_attached_to_the_new_one_comes() -> None:
    play = Play(WATCHED)
    assert play.open == ["a", "late"]

    move(play, "a", "b")
    assert play.open == ["b"]

    move(play, "b", "a")
    assert play.open == ["a", "late"]
    assert play.fire("late").execution.state is ExecutionState.COMPLETED


def test_moving_an_activity_takes_all_that_goes_on_inside_along() -> None:
    play = Play(NESTED).do("a").do("x", inside=True)

    move(play, "sub", "z")

    assert play.open == ["z"]
    assert play.execution.variables_at(play.wait("z").key) == {"inside": True}
    assert play.do("z").execution.state is ExecutionState.COMPLETED


def test_the_only_token_inside_an_activity_can_leave_it() -> None:
    play = Play(NESTED).do("a").do("x", inside=True)

    move(play, "y", "a")

    assert play.open == ["a"]
    assert play.variables == {"inside": True}
    assert play.do("a").do("x").do("y").do("z").execution.state is ExecutionState.COMPLETED


def test_a_token_can_be_moved_inside_an_activity() -> None:
    play = Play(NESTED).do("a").do("x")

    move(play, "y", "x")

    assert play.open == ["stop", "x"]
    assert play.do("x").do("y").do("z").execution.state is ExecutionState.COMPLETED


def test_waiting_behind_an_event_based_gateway_is_one_token() -> None:
    play = Play(RACE)

    move(play, "m", "b")

    assert play.open == ["b"]
    assert play.do("b").execution.state is ExecutionState.COMPLETED


def test_a_branch_moved_back_joins_with_its_own_changes_only() -> None:
    play = Play(REVIEW, {"log": []}).do("a", log=["a"])
    move(play, "b", "b")
    play.do("b", log=["b"])

    assert play.open == ["n"]
    assert play.variables["log"] == ["a", "b"]


def test_a_token_arrives_at_a_join_by_the_flow_that_is_named() -> None:
    play = Play(REVIEW).do("a", x=1)

    move(play, "b", "join", "b_join")

    assert play.open == ["n"]
    assert play.variables == {"x": 1}


def test_a_token_that_waits_at_a_join_can_be_called_back() -> None:
    play = Play(REVIEW).do("a")

    move(play, "join", "a")

    assert play.open == ["a", "b"]
    assert play.do("a").do("b").do("n").execution.state is ExecutionState.COMPLETED


def test_a_stuck_token_is_freed_by_moving_it() -> None:
    body = start() + user("a") + script("bad", "x = missing") + end() + chain("st", "a", "bad", "en")
    play = Play(body).do("a")
    assert play.execution.stuck()

    move(play, "bad", "a")

    assert play.open == ["a"]
    assert not play.execution.stuck()


@pytest.mark.parametrize(
    ("body", "moved", "to", "flow", "told"),
    [
        (REVIEW, "a", "join", None, "say by which the token arrives: a_join, b_join"),
        (REVIEW, "a", "join", "st_fork", "say by which"),
        (REVIEW, "a", "nowhere", None, "no flow node nowhere"),
        (WATCHED, "a", "late", None, "attached to an activity"),
        (WATCHED, "late", "b", None, "attached to a;"),
        (WATCHED, "a", "st", None, "No flow leads to st"),
        (NESTED, "a", "x", None, "lies inside sub"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence_and_changes_nothing(
    body: str, moved: str, to: str, flow: str | None, told: str
) -> None:
    play = Play(body)
    before = play.execution.save()

    with pytest.raises(InterventionRefused, match=told):
        move(play, moved, to, flow)

    assert play.execution.save() == before


def test_one_of_several_instances_is_not_moved_but_the_activity_as_a_whole_is() -> None:
    play = Play(SEVERAL, {"items": [1, 2]})
    one = play.wait("a").key

    with pytest.raises(InterventionRefused, match="several times"):
        did(play, MoveToken(one, "b"))
    whole = next(each.key for each in play.execution.standings() if not each.hurdle)
    did(play, MoveToken(whole, "b"))

    assert play.open == ["b"]
    assert play.do("b").execution.state is ExecutionState.COMPLETED


def test_a_second_token_by_the_same_flow_is_refused() -> None:
    play = Play(REVIEW).do("a")

    with pytest.raises(InterventionRefused, match="arrived by a_join already"):
        move(play, "b", "join", "a_join")


def test_others_inside_must_go_first() -> None:
    inner = start("s2") + gateway("parallel", "f2") + user("x", "y") + end("e2") + chain("s2", "f2", "x", "e2")
    body = (
        start() + subprocess("sub", inner + chain("f2", "y", "e2")) + user("z") + end() + chain("st", "sub", "z", "en")
    )
    play = Play(body)

    with pytest.raises(InterventionRefused, match="Other tokens go on inside sub"):
        move(play, "x", "z")
    did(play, CancelToken(key(play, "y")))
    move(play, "x", "z")

    assert play.open == ["z"]


# -- adding and cancelling


def test_an_added_token_parts_from_the_one_beside_it_and_both_are_merged_at_the_end() -> None:
    play = Play(LINE, {"log": ["start"]}).do("a", log=["start", "a"])

    did(play, AddToken("a", {"extra": True}))
    assert play.open == ["a", "b"]
    play.do("a", log=["start", "a", "again"]).do("b", log=["start", "a", "b"])

    assert play.open == ["b", "c"]
    play.do("b").do("c").do("c")
    assert play.execution.state is ExecutionState.COMPLETED
    assert sorted(play.variables["log"]) == ["a", "again", "b", "start"]
    assert play.variables["extra"] is True


def test_a_token_added_beside_an_activity_with_events_outlives_them() -> None:
    play = Play(WATCHED, {"x": 1})

    did(play, AddToken("b"))
    play.fire("late")

    assert play.open == ["b"]
    assert play.do("b").execution.state is ExecutionState.COMPLETED


def test_a_token_can_be_added_inside_what_goes_on_and_not_inside_what_does_not() -> None:
    play = Play(NESTED)
    with pytest.raises(InterventionRefused, match="is not going on"):
        did(play, AddToken("y"))
    play.do("a")

    did(play, AddToken("y"))

    assert play.open == ["stop", "x", "y"]
    play.do("y").do("x").do("y")
    assert play.open == ["z"]


def test_a_cancelled_branch_lets_the_others_end() -> None:
    play = Play(REVIEW.replace('sourceRef="b" targetRef="join"', 'sourceRef="b" targetRef="en"'))

    did(play, CancelToken(key(play, "b")))

    assert play.open == ["a"]
    assert play.withdrawn == ["b"]


def test_the_last_token_is_not_cancelled() -> None:
    with pytest.raises(InterventionRefused, match="only token"):
        did(play := Play(LINE), CancelToken(key(play, "a")))
    with pytest.raises(InterventionRefused, match="Nothing else goes on inside sub"):
        did(play := Play(NESTED).do("a"), CancelToken(key(play, "x")))


def test_a_join_that_nothing_more_can_reach_is_an_incident_after_a_cancel() -> None:
    play = Play(REVIEW).do("a")

    did(play, CancelToken(key(play, "b")))

    assert [stuck.code for stuck in play.execution.stuck()] == ["join_starved"]


# -- variables


def test_a_changed_variable_is_changed_for_every_branch_and_is_no_conflict() -> None:
    play = Play(REVIEW, {"price": 10, "log": ["x"]}).do("a", done_a=True)

    did(play, ChangeVariables({"price": 12, "log": []}, frozenset({"done_a"})))
    assert play.execution.variables_at(play.wait("b").key) == {"price": 12, "log": []}
    play.do("b", log=["b"])

    assert play.open == ["n"]
    assert play.variables == {"price": 12, "log": ["b"]}


def test_a_changed_variable_is_seen_inside_and_the_item_of_an_instance_stays_its_own() -> None:
    play = Play(SEVERAL, {"items": [1, 2], "x": 0})

    did(play, ChangeVariables({"item": 9, "x": 5}))
    seen = [play.execution.variables_at(wait.key) for wait in play.execution.waits()]

    assert [(one["item"], one["x"]) for one in seen] == [(1, 5), (2, 5)]
    play.do("a").do("a")
    assert play.variables["x"] == 5


def test_a_condition_that_becomes_true_fires() -> None:
    play = Play(
        start()
        + user("a")
        + boundary("c", "a", CONDITION)
        + end()
        + end("e2")
        + chain("st", "a", "en")
        + chain("c", "e2")
    )

    did(play, ChangeVariables({"x": 1}))

    assert play.execution.state is ExecutionState.COMPLETED
    assert play.trace[-1] == "e2"


# -- at rest


def test_what_rests_does_not_run_on_until_it_wakes() -> None:
    body = start() + user("a") + script("s", "x = 1") + user("b") + end() + chain("st", "a", "s", "b", "en")
    play = Play(body).do("a")

    did(play, MoveToken(key(play, "b"), "s"), rests=True)
    assert play.open == []
    play.took(play.execution.wake(play.now))

    assert play.open == ["b"]


def test_a_branch_cancelled_at_rest_ends_what_is_around_it_when_it_wakes() -> None:
    inner = start("s2") + gateway("parallel", "f2") + user("x", "y") + end("e2") + chain("s2", "f2", "x", "e2")
    body = (
        start() + subprocess("sub", inner + chain("f2", "y", "e2")) + user("z") + end() + chain("st", "sub", "z", "en")
    )
    play = Play(body).do("x")

    did(play, CancelToken(key(play, "y")), rests=True)
    assert play.open == []
    play.took(play.execution.wake(play.now))

    assert play.open == ["z"]


# -- whatever is done


@pytest.mark.parametrize(
    "body", [LINE, WATCHED, NESTED, RACE, REVIEW], ids=["line", "watched", "nested", "race", "review"]
)
@pytest.mark.parametrize("seed", range(12))
def test_after_any_interventions_the_instance_can_be_saved_and_ended(body: str, seed: int) -> None:
    chance = random.Random(seed)
    nodes = ["a", "b", "c", "x", "y", "z", "sub", "m", "n", "first", "join", "fork", "late"]
    play = Play(body, {"log": []})
    for _ in range(15):
        if play.execution.state is not ExecutionState.ACTIVE:
            break
        _meddle(play, chance, nodes)
    if play.execution.state is ExecutionState.ACTIVE:
        play.took(play.execution.terminate(play.now))


def _meddle(play: Play, chance: random.Random, nodes: list[str]) -> None:
    standing = [one.key for one in play.execution.standings()]
    if not standing:
        play.took(play.execution.wake(play.now))
        return
    node, flow = chance.choice(nodes), chance.choice([None, "a_join", "b_join"])
    asked: Intervention = chance.choice(
        [
            MoveToken(chance.choice(standing), node, flow),
            AddToken(node, {}, flow, chance.choice([None, *standing])),
            CancelToken(chance.choice(standing)),
            ChangeVariables({"x": chance.randint(0, 3)}),
        ]
    )
    before = play.execution.save()
    try:
        did(play, asked, rests=chance.random() < 0.3)
    except InterventionRefused:
        assert play.execution.save() == before
    work = [wait for wait in play.execution.waits() if wait.kind == "work"]
    if work and play.execution.state is ExecutionState.ACTIVE and chance.random() < 0.5:
        play.do(chance.choice(work).node, log=[1])
