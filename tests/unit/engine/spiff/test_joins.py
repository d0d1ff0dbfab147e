"""Gateways where tokens meet."""

import itertools

import pytest
from oracle.drawing import (
    MESSAGE,
    catching,
    chain,
    end,
    gateway,
    none,
    process,
    script,
    start,
    subprocess,
    throwing,
    user,
    when,
)
from oracle.play import Play, program_of

from engine.steps import ExecutionState

BRANCHES = chain("st", "f", "a", "j", "z", "en") + chain("f", "b", "j")
FORK = start() + gateway("parallel", "f", "j") + user("a", "b") + none("z") + end() + BRANCHES


def test_a_parallel_join_waits_for_every_flow() -> None:
    play = Play(FORK)

    play.do("b")
    assert play.passed("j", "z") == []
    play.do("a")

    assert play.trace == ["st", "f", "b", "a", "j", "z", "en"]
    assert play.step.state is ExecutionState.COMPLETED


def test_each_flow_and_node_is_told_once() -> None:
    play = Play(FORK).do("a").do("b")

    assert sorted(play.flows) == sorted(["st_f", "f_a", "f_b", "a_j", "b_j", "j_z", "z_en"])
    assert sorted(play.entered) == sorted(play.trace)
    assert play.withdrawn == play.failed == []


def test_two_flows_between_the_same_nodes_count_twice() -> None:
    body = start() + gateway("parallel", "f", "j") + user("u") + chain("st", "f", "j", "u")
    body += '<sequenceFlow id="second" sourceRef="f" targetRef="j"/>'

    play = Play(body)

    assert play.passed("j") == ["j"]
    assert play.open == ["u"]


def test_what_arrives_in_excess_waits_for_the_next_round() -> None:
    body = start() + gateway("parallel", "f", "j") + gateway("exclusive", "m") + user("a", "b", "c") + none("z")
    play = Play(body + chain("st", "f", "a", "m", "j", "z") + chain("f", "b", "m") + chain("f", "c", "j"))

    play.do("a").do("b")
    assert play.passed("z") == []
    play.do("c")

    assert play.passed("z") == ["z"]
    assert [stuck.code for stuck in play.stuck] == ["join_starved"]


def test_a_join_that_starves_is_reported_and_not_silent() -> None:
    body = start() + gateway("exclusive", "x") + gateway("parallel", "j") + none("a", "b")
    play = Play(body + chain("st", "x", "b", "j") + when("x", "a", "True") + chain("a", "j"))

    assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("j", "join_starved")]
    assert play.step.state is ExecutionState.ACTIVE


MERGING = (
    start()
    + gateway("parallel", "f")
    + script("a", 'k = "a"\nl.append("a")')
    + script("b", 'k = "b"\nl.append("b")')
    + user("u")
    + chain("st", "f", "a", "j", "u")
    + chain("f", "b", "j")
)


def test_conflicting_changes_stop_the_join_until_the_value_is_set_by_hand() -> None:
    play = Play(MERGING + gateway("parallel", "j"), {"l": []})

    assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("j", "merge_conflict")]
    assert "k" in play.stuck[0].message
    play.retry("j")
    assert [stuck.code for stuck in play.stuck] == ["merge_conflict"] * 2
    play.retry("j", k="settled")

    assert play.open == ["u"]
    assert play.variables == {"k": "settled", "l": ["a", "b"]}


def test_a_declared_policy_settles_conflicts() -> None:
    last = Play(MERGING + gateway("parallel", "j", **{"parcelflow:onConflict": "last"}), {"l": []})
    both = Play(MERGING + gateway("parallel", "j", **{"parcelflow:onConflict": "append"}), {"l": []})

    assert last.variables["k"] == "b"
    assert both.variables["k"] == ["a", "b"]


def test_nested_forks_that_meet_at_one_join_merge_level_by_level() -> None:
    body = (
        start()
        + gateway("parallel", "f", "g", "j")
        + script("s", 'l.append("s")')
        + script("a", 'l.append("a")')
        + script("b", 'l.append("b")')
        + script("c", 'l.append("c")')
        + user("u")
        + chain("st", "f", "s", "g", "a", "j", "u")
        + chain("g", "b", "j")
        + chain("f", "c", "j")
    )

    play = Play(body, {"l": []})

    assert sorted(play.variables["l"]) == ["a", "b", "c", "s"]


def test_branches_do_not_share_nested_values() -> None:
    body = (
        start()
        + gateway("parallel", "f", "j")
        + script("a", 'd["n"]["x"] = 1')
        + user("b")
        + user("u")
        + chain("st", "f", "a", "j", "u")
        + chain("f", "b", "j")
    )
    play = Play(body, {"d": {"n": {"x": 0}}})

    assert play.execution.variables_at(play.wait("b").key) == {"d": {"n": {"x": 0}}}
    play.do("b")

    assert play.variables == {"d": {"n": {"x": 1}}}


INCLUSIVE = (
    start()
    + gateway("inclusive", "f", default="f_c")
    + gateway("inclusive", "j")
    + user("a", "b", "c", "u")
    + chain("st", "f", "c", "j", "u")
    + when("f", "a", "bits % 2 == 1")
    + when("f", "b", "bits >= 2")
    + chain("a", "j")
    + chain("b", "j")
)


@pytest.mark.parametrize(("bits", "taken"), [(0, ["c"]), (1, ["a"]), (2, ["b"]), (3, ["a", "b"])])
def test_an_inclusive_gateway_takes_and_awaits_the_flows_that_fit(bits: int, taken: list[str]) -> None:
    for order in itertools.permutations(taken):
        play = Play(INCLUSIVE, {"bits": bits})
        assert play.open == taken

        for node in order:
            assert play.passed("j") == []
            play.do(node)

        assert play.passed("j") == ["j"]
        assert play.open == ["u"]


def test_an_inclusive_join_waits_for_a_token_far_upstream() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + gateway("exclusive", "x", default="x_b")
        + gateway("inclusive", "j")
        + user("a", "w", "b", "u")
        + end("away")
        + chain("st", "f", "a", "j", "u")
        + chain("f", "w", "x", "b", "j")
        + when("x", "away", "leave")
    )

    play = Play(body, {"leave": True}).do("a")
    assert play.passed("j") == []
    assert play.do("w").open == ["u"]

    play = Play(body, {"leave": False}).do("a").do("w")
    assert play.passed("j") == []
    assert play.do("b").open == ["u"]


def test_no_true_condition_and_no_default_is_an_incident() -> None:
    for sort in ("exclusive", "inclusive"):
        body = start() + gateway(sort, "x") + user("a", "b") + chain("st", "x")
        play = Play(body + when("x", "a", "n > 5") + when("x", "b", "n > 3"), {"n": 1})

        assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("x", "no_flow_matches")]
        assert play.retry("x", n=9).open[0] == "a"


def test_a_faulty_condition_names_expression_and_data() -> None:
    play = Play(
        start()
        + gateway("exclusive", "x", default="x_b")
        + user("a", "b")
        + chain("st", "x", "b")
        + when("x", "a", "nobody > 5")
    )

    [stuck] = play.stuck
    assert (stuck.node, stuck.expression, stuck.data) == ("x", "nobody > 5", {})
    assert play.failed == ["x"]
    assert play.retry("x", nobody=9).open == ["a"]


def test_the_end_of_a_process_merges_what_its_branches_made() -> None:
    body = start() + gateway("parallel", "f") + script("a", "l.append(1)\nx = 1") + script("b", "l.append(2)\ny = 2")
    play = Play(body + chain("st", "f", "a") + chain("f", "b"), {"l": []})

    assert play.step.state is ExecutionState.COMPLETED
    assert play.variables == {"l": [1, 2], "x": 1, "y": 2}


def test_several_flows_out_of_a_task_fork() -> None:
    play = Play(start() + none("t") + user("a", "b") + chain("st", "t", "a") + chain("t", "b"))

    assert play.open == ["a", "b"]
    assert play.trace == ["st", "t"]


def test_ids_of_the_library_and_odd_ids_work() -> None:
    body = start("Start") + user("End", "Prüfung", "Root", "p.EndJoin") + end("fertig-1.ü")
    play = Play(body + chain("Start", "End", "Prüfung", "Root", "p.EndJoin", "fertig-1.ü"))

    for node in ("End", "Prüfung", "Root", "p.EndJoin"):
        play.do(node)

    assert play.trace == ["Start", "End", "Prüfung", "Root", "p.EndJoin", "fertig-1.ü"]


def test_link_events_jump() -> None:
    link = '<linkEventDefinition name="over"/>'
    body = start() + throwing("to", link) + catching("from", link) + user("u")
    play = Play(body + chain("st", "to") + chain("from", "u"))

    assert play.trace == ["st", "to", "from"]
    assert play.open == ["u"]


def test_what_nobody_drew_is_never_told() -> None:
    body = start() + none("t") + gateway("exclusive", "x") + user("a", "b") + catching("m", MESSAGE)
    body += subprocess("sp", none("in1", "in2"))
    play = Play(body + chain("st", "t", "a", "sp") + chain("t", "b") + chain("t", "m"))
    play.do("a").do("b").message("m")

    drawn = {"st", "t", "x", "a", "b", "m", "sp", "in1", "in2"}
    assert play.step.state is ExecutionState.COMPLETED
    assert set(play.entered) | set(play.trace) <= drawn
    assert set(play.flows) == {"st_t", "t_a", "t_b", "t_m", "a_sp"}


def test_tokens_are_collected_and_multiplied() -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + user("a", "b", "z")
        + chain("st", "f", "a", "t")
        + chain("f", "b", "t", "z")
    )
    play = Play(body + '<task id="t" startQuantity="2" completionQuantity="3"/>')

    assert play.do("a").passed("t") == []
    play.do("b")

    assert play.passed("t") == ["t"]
    assert play.open == ["z", "z", "z"]
    assert len({wait.key for wait in play.execution.waits()}) == 3


def test_two_programs_of_one_diagram_understand_each_others_snapshots() -> None:
    first, second = program_of(FORK), program_of(FORK)
    play = Play(first).do("a")

    play.program = second
    play.reload()
    play.do("b")

    assert play.step.state is ExecutionState.COMPLETED
    assert process("") != ""
