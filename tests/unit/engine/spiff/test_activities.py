"""What tasks tell the world, repetition, subprocesses and calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from oracle.drawing import MESSAGE, boundary, chain, end, gateway, none, process, script, start, subprocess, user, when
from oracle.play import NOW, Play, program_of

from engine.decisions.decision import read_decisions
from engine.steps import ExecutionState, OperationWait, WorkWait


def test_a_work_item_says_what_is_to_be_done() -> None:
    lanes = '<laneSet id="ls"><lane id="l1" name="Quality Control"><flowNodeRef>u</flowNodeRef></lane></laneSet>'
    task = (
        '<userTask id="u" name="Review" parcelflow:form="review" parcelflow:assignee="who" parcelflow:dueDate="P2D"'
        ' parcelflow:priority="10 * 7" parcelflow:outcome="decision" parcelflow:status="in_review">'
        "<documentation>Look closely.</documentation></userTask>"
    )
    play = Play(lanes + start() + task + chain("st", "u"), {"who": "anna"})

    wait = play.wait("u")

    assert isinstance(wait, WorkWait)
    assert (wait.name, wait.form, wait.assignee, wait.priority, wait.outcome) == (
        "Review",
        "review",
        "anna",
        70,
        "decision",
    )
    assert (wait.candidate_groups, wait.instructions) == (("quality_control",), "Look closely.")
    assert wait.due_at == NOW + timedelta(days=2)
    assert play.statuses == ["in_review"]
    assert wait.key.startswith("u:")


def test_named_groups_come_before_the_lane() -> None:
    task = '<userTask id="u" parcelflow:candidateGroups="planning, qa"/>'
    wait = Play(start() + task + chain("st", "u")).wait("u")

    assert isinstance(wait, WorkWait)
    assert wait.candidate_groups == ("planning", "qa")


def test_an_operation_gets_inputs_and_gives_outputs() -> None:
    task = (
        '<serviceTask id="s" parcelflow:operation="write_letter"><extensionElements>'
        '<parcelflow:input name="letter" expression="\'work_sheet\'"/><parcelflow:input name="number" expression="order.number"/>'
        '<parcelflow:output name="digest" expression="result.digest"/><parcelflow:output name="pages" expression="pages + old"/>'
        "</extensionElements></serviceTask>"
    )
    play = Play(start() + task + user("u") + chain("st", "s", "u"), {"order": {"number": 7}, "old": 1})

    wait = play.wait("s")
    assert isinstance(wait, OperationWait)
    assert (wait.operation, wait.inputs) == ("write_letter", {"letter": "work_sheet", "number": 7})
    play.do("s", digest="ab", pages=2, ignored=True)

    assert play.variables == {"order": {"number": 7}, "old": 1, "digest": "ab", "pages": 3}


def test_a_faulty_input_or_output_stops_the_token_and_retries_from_there() -> None:
    task = (
        '<serviceTask id="s" parcelflow:operation="op"><extensionElements><parcelflow:input name="n" expression="number"/>'
        '<parcelflow:output name="m" expression="result.m"/></extensionElements></serviceTask>'
    )
    play = Play(start() + task + user("u") + chain("st", "s", "u"))
    assert [stuck.expression for stuck in play.stuck] == ["number"]

    play.retry("s", number=4)
    play.do("s", wrong=1)
    assert [stuck.expression for stuck in play.stuck] == ["number", "result.m"]
    assert play.open == []
    assert play.step.closed != ()


@pytest.mark.parametrize(
    "value", [Decimal("1.10"), datetime(2026, 1, 2, 3, 4, tzinfo=UTC), timedelta(hours=1), [None, {"ä": 2**70}]]
)
def test_every_kind_of_value_comes_back(value: Any) -> None:
    play = Play(start() + user("u", "v") + chain("st", "u", "v")).do("u", value=value)

    assert play.variables == {"value": value}
    assert type(play.variables["value"]) is type(value)


MULTI = "<multiInstanceLoopCharacteristics {attributes}>{inner}</multiInstanceLoopCharacteristics>"


def multi(inner: str, attributes: str = "", *, sequential: bool = False) -> str:
    """Draw what repeats an activity."""
    return MULTI.format(attributes=f'isSequential="{"true" if sequential else "false"}" {attributes}', inner=inner)


COLLECTED = (
    "<loopDataInputRef>items</loopDataInputRef><loopDataOutputRef>results</loopDataOutputRef>"
    '<inputDataItem name="item"/><outputDataItem name="result"/>'
)


@pytest.mark.parametrize("sequential", [False, True])
def test_an_activity_is_done_for_each_item_and_its_results_are_collected(sequential: bool) -> None:
    play = Play(
        start() + user("u", inner=multi(COLLECTED, sequential=sequential)) + user("n") + chain("st", "u", "n"),
        {"items": ["a", None, 3]},
    )
    seen = []

    while play.open != ["n"]:
        wait = play.execution.waits()[-1]
        item = play.execution.variables_at(wait.key)["item"]
        seen.append(item)
        play.took(play.execution.complete(wait.key, {"result": [item]}, NOW))

    assert sorted(seen, key=repr) == sorted(["a", None, 3], key=repr)
    assert play.variables == {"items": ["a", None, 3], "results": [["a"], [None], [3]]}
    assert play.passed("u") == ["u"] * 4


@pytest.mark.parametrize("sequential", [False, True])
def test_nothing_to_repeat_passes_through(sequential: bool) -> None:
    body = start() + user("u", inner=multi(COLLECTED, sequential=sequential)) + user("n") + chain("st", "u", "n")

    play = Play(body, {"items": []})

    assert play.open == ["n"]
    assert play.variables == {"items": [], "results": []}
    assert play.passed("u") == ["u"]


def test_items_with_keys_give_results_with_keys() -> None:
    play = Play(
        start() + user("u", inner=multi(COLLECTED)) + user("n") + chain("st", "u", "n"), {"items": {"x": 1, "y": 2}}
    )

    play.do("u", result=10).do("u", result=20)

    assert play.variables["results"] == {"x": 10, "y": 20}


@pytest.mark.parametrize("vendor", ["camunda", "parcelflow"])
def test_a_collection_may_be_named_as_other_products_do(vendor: str) -> None:
    loop = multi("", f'{vendor}:collection="order.lines" {vendor}:elementVariable="line"')
    play = Play(start() + user("u", inner=loop) + chain("st", "u"), {"order": {"lines": [4, 5]}})

    lines = [play.execution.variables_at(wait.key)["line"] for wait in play.execution.waits()]

    assert lines == [4, 5]


def test_parallel_instances_add_their_own_changes() -> None:
    body = start() + script(
        "s", "log.append(loopCounter)\nv[str(loopCounter)] = 1", multi("<loopCardinality>3</loopCardinality>")
    )

    play = Play(body + user("n") + chain("st", "s", "n"), {"log": [], "v": {}})

    assert play.variables == {"log": [0, 1, 2], "v": {"0": 1, "1": 1, "2": 1}}


def test_sequential_instances_hand_the_variables_on() -> None:
    body = start() + script("s", "n = n * 2", multi("<loopCardinality>5</loopCardinality>", sequential=True))

    assert Play(body + chain("st", "s"), {"n": 1}).variables == {"n": 32}


@pytest.mark.parametrize("sequential", [False, True])
def test_enough_is_enough(sequential: bool) -> None:
    loop = multi(
        "<loopCardinality>4</loopCardinality><completionCondition>nrOfCompletedInstances >= 2</completionCondition>",
        sequential=sequential,
    )
    play = Play(start() + user("u", inner=loop) + user("n") + chain("st", "u", "n"))

    play.do("u").do("u")

    assert play.open == ["n"]
    assert play.passed("u") == ["u"] * 3
    assert play.withdrawn == ["u"] * (0 if sequential else 2)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-1", "value_refused"),
        ("1001", "too_many"),
        ("'3'", "value_refused"),
        ("missing", "variable_missing"),
        ("True", "value_refused"),
    ],
)
def test_a_wrong_number_of_instances_is_an_incident(text: str, code: str) -> None:
    for sequential in (False, True):
        loop = multi(f"<loopCardinality>{text}</loopCardinality>", sequential=sequential)
        play = Play(start() + user("u", inner=loop) + chain("st", "u"))

        assert [(stuck.node, stuck.code) for stuck in play.stuck] == [("u", code)]


def test_a_faulty_completion_condition_stops_the_activity_until_it_is_mended() -> None:
    loop = multi("<loopCardinality>2</loopCardinality><completionCondition>missing</completionCondition>")
    play = Play(start() + user("u", inner=loop) + user("n") + chain("st", "u", "n"))

    play.do("u", a=1)
    assert [stuck.expression for stuck in play.stuck] == ["missing"]
    play.do("u", b=2)
    play.retry("u", missing=False)
    play.retry("u", missing=False) if play.execution.stuck() else None

    assert play.execution.stuck() or play.open == ["n"]


@pytest.mark.parametrize("sequential", [False, True])
def test_what_an_instance_throws_may_fail_and_be_tried_again_without_counting_twice(sequential: bool) -> None:
    loop = multi(
        "<loopCardinality>2</loopCardinality>",
        'behavior="None" noneBehaviorEventRef="told"',
        sequential=sequential,
    )
    told = '<messageEventDefinition id="told" messageRef="keyed"/>'
    program = program_of(start() + user("u", inner=loop) + chain("st", "u"), told)
    play = Play(program, {"order_number": [1]})

    play.do("u")
    stuck = [one.node for one in play.execution.stuck()]
    play.retry("u", order_number=7).do("u")

    assert stuck == ["u"]
    assert play.execution.state is ExecutionState.COMPLETED
    assert play.passed("u") == ["u", "u", "u"]
    assert [one.correlation_key for one in play.thrown] == ["7", "7"]


def test_a_repeated_subprocess_is_told_once_for_each_and_once_for_all() -> None:
    inner = multi("<loopCardinality>2</loopCardinality>") + start("is") + user("u") + chain("is", "u")
    play = Play(start() + subprocess("sp", inner) + user("n") + chain("st", "sp", "n")).do("u").do("u")

    assert play.passed("is", "u", "sp") == ["is", "is", "u", "sp", "u", "sp", "sp"]


def test_a_loop_goes_on_while_its_condition_holds() -> None:
    loop = '<standardLoopCharacteristics loopMaximum="5"><loopCondition>again</loopCondition></standardLoopCharacteristics>'
    play = Play(start() + user("u", inner=loop) + user("n") + chain("st", "u", "n"))

    play.do("u", again=True, n=1).do("u", again=True, n=2).do("u", again=False, n=3)

    assert play.open == ["n"]
    assert play.variables == {"again": False, "n": 3}
    most = Play(start() + user("u", inner=loop) + chain("st", "u"))
    for _ in range(5):
        most.do("u", again=True)
    assert most.step.state is ExecutionState.COMPLETED


def test_a_loop_may_be_tested_before_its_first_round() -> None:
    loop = '<standardLoopCharacteristics testBefore="true"><loopCondition>n &lt; 3</loopCondition></standardLoopCharacteristics>'
    body = start() + script("s", "n = n + 1", loop) + chain("st", "s")

    assert Play(body, {"n": 0}).variables == {"n": 3}
    assert Play(body, {"n": 9}).variables == {"n": 9}


def test_a_subprocess_works_on_the_variables_around_it() -> None:
    inner = start("is") + script("s", "x = x + 1\ny = 2") + user("u") + chain("is", "s", "u")
    play = Play(start() + subprocess("sp", inner) + user("n") + chain("st", "sp", "n"), {"x": 1})

    assert play.variables == {"x": 2, "y": 2}
    play.do("u", z=3)

    assert play.variables == {"x": 2, "y": 2, "z": 3}
    assert play.trace == ["st", "is", "s", "u", "sp"]


def test_subprocesses_nest_and_run_side_by_side() -> None:
    inner = user("u")
    for level in range(6):
        inner = subprocess(
            f"sp{level}", start(f"s{level}") + inner + chain(f"s{level}", "u" if not level else f"sp{level - 1}")
        )
    body = (
        start()
        + gateway("parallel", "f", "j")
        + inner
        + user("v", "n")
        + chain("st", "f", "sp5", "j", "n")
        + chain("f", "v", "j")
    )
    play = Play(body).do("v", a=1).do("u", b=2)

    assert play.open == ["n"]
    assert play.variables == {"a": 1, "b": 2}


CALLED = process(start("qs") + script("qx", "made = given * 2\ngiven = 0") + user("qu") + chain("qs", "qx", "qu"), "q")


def test_a_called_process_gets_and_gives_everything_without_mapping() -> None:
    play = Play(
        program_of(start() + '<callActivity id="c" calledElement="q"/>' + user("n") + chain("st", "c", "n"), CALLED),
        {"given": 2},
    )

    wait = play.wait("qu")
    assert wait.process == "q"
    play.do("qu", more=True)

    assert play.open == ["n"]
    assert play.variables == {"given": 0, "made": 4, "more": True}


def test_a_called_process_gets_and_gives_what_is_mapped() -> None:
    mapping = '<extensionElements><parcelflow:in source="a + 1" target="given"/>'
    mapping += '<parcelflow:out source="made" target="b"/></extensionElements>'
    call = f'<callActivity id="c" calledElement="q">{mapping}</callActivity>'
    play = Play(program_of(start() + call + user("n") + chain("st", "c", "n"), CALLED), {"a": 2, "secret": 1})

    assert play.execution.variables_at(play.wait("qu").key) == {"given": 0, "made": 6}
    assert play.variables == {"a": 2, "secret": 1}
    play.do("qu")

    assert play.variables == {"a": 2, "secret": 1, "b": 6}


def test_an_event_at_a_call_takes_the_called_process_away() -> None:
    body = (
        start()
        + '<callActivity id="c" calledElement="q"/>'
        + boundary("b", "c", MESSAGE)
        + user("h")
        + chain("st", "c")
        + chain("b", "h")
    )
    play = Play(program_of(body, CALLED), {"given": 2}).message("b")

    assert play.open == ["h"]
    assert play.variables == {"given": 2}


DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
<decision id="route" name="route"><decisionTable id="t" hitPolicy="FIRST">
<input id="i"><inputExpression id="e" typeRef="number"><text>amount</text></inputExpression></input>
<output id="o" name="way" typeRef="string"/>
<rule id="r1"><inputEntry id="a"><text>&gt; 100</text></inputEntry><outputEntry id="b"><text>"manager"</text></outputEntry></rule>
<rule id="r2"><inputEntry id="c"><text>-</text></inputEntry><outputEntry id="f"><text>"clerk"</text></outputEntry></rule>
</decisionTable></decision></definitions>"""


def test_a_decision_is_asked_and_its_answer_kept() -> None:
    decisions = read_decisions(DMN.encode(), "route.dmn")
    for variable, expected in (("", {"way": "manager"}), ('parcelflow:resultVariable="r"', {"r": {"way": "manager"}})):
        body = start() + f'<businessRuleTask id="d" parcelflow:decision="route" {variable}/>' + chain("st", "d")

        play = Play(program_of(body, decisions=decisions), {"amount": 101})

        assert play.variables == {"amount": 101, **expected}


def test_a_decision_and_a_gateway_know_the_time_of_the_step() -> None:
    table = DMN.replace("amount", "today()").replace("number", "date").replace("&gt; 100", '&lt; date("2000-01-01")')
    decisions = read_decisions(table.encode(), "route.dmn")
    task = '<businessRuleTask id="d" parcelflow:decision="route"/>'
    body = start() + task + gateway("exclusive", "g", default="g_a") + user("a") + user("b") + chain("st", "d", "g")
    body += chain("g", "a") + when("g", "b", "now > datetime('2000-01-01T00:00Z')")

    for variables, expected in (({}, "b"), ({"now": datetime(1999, 1, 1, tzinfo=UTC)}, "a")):
        play = Play(program_of(body, decisions=decisions), variables)

        assert play.open == [expected]
        assert play.variables["way"] == ("clerk" if expected == "b" else "manager")


def test_plain_and_manual_tasks() -> None:
    play = Play(start() + none("t") + '<manualTask id="m"/>' + end() + chain("st", "t", "m", "en"))

    assert play.open == ["m"]
    assert play.do("m").step.state is ExecutionState.COMPLETED
