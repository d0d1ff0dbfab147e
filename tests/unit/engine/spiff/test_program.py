"""Compiling: everything that can fail, fails here; and nothing reaches Python's own evaluation."""

import ast
import builtins
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from oracle.drawing import (
    ANY_ERROR,
    MESSAGE,
    SIGNAL,
    boundary,
    catching,
    chain,
    gateway,
    none,
    process,
    script,
    start,
    subprocess,
    timer,
    user,
    when,
)
from oracle.play import Play, program_of

from engine.errors import DefinitionError
from engine.spiff import program as program_module
from engine.spiff.closed import ClosedScriptEngine
from engine.steps import ExecutionState

REFUSED = {
    "complex": '<complexGateway id="x"><activationCondition>1 +</activationCondition></complexGateway>'
    + chain("st", "x"),
    "ad hoc": '<adHocSubProcess id="x"><task id="y"/><completionCondition>1 +</completionCondition></adHocSubProcess>'
    + chain("st", "x"),
    "parallel multiple with an error": none("a")
    + '<boundaryEvent id="x" attachedToRef="a" parallelMultiple="true">'
    + MESSAGE
    + ANY_ERROR
    + "</boundaryEvent>"
    + chain("st", "a"),
    "multiple that does not interrupt, with an error": none("a")
    + boundary("x", "a", SIGNAL + ANY_ERROR, interrupting=False)
    + chain("st", "a"),
    "multiple with a compensation": none("a")
    + boundary("x", "a", SIGNAL + "<compensateEventDefinition/>")
    + chain("st", "a"),
    "multiple with a link": catching("x", SIGNAL + '<linkEventDefinition name="l"/>') + chain("st", "x"),
    "ends in two ways": '<endEvent id="x">' + ANY_ERROR + "<terminateEventDefinition/></endEvent>" + chain("st", "x"),
    "compensation that nobody waits for, and an end of everything": '<endEvent id="x">'
    '<compensateEventDefinition waitForCompletion="false"/><terminateEventDefinition/></endEvent>' + chain("st", "x"),
    "no trigger": catching("x", "") + chain("st", "x"),
    "condition": gateway("exclusive", "x", default="x_a")
    + none("a", "b")
    + chain("st", "x", "a")
    + when("x", "b", "1 +"),
    "lambda": gateway("exclusive", "x", default="x_a")
    + none("a", "b")
    + chain("st", "x", "a")
    + when("x", "b", "(lambda: 1)()"),
    "script": script("x", "def ("),
    "timer": catching("x", timer("Duration", "P1X")) + chain("st", "x"),
    "no timer": catching("x", "<timerEventDefinition/>") + chain("st", "x"),
    "call": '<callActivity id="x" calledElement="nobody"/>' + chain("st", "x"),
    "decision": '<businessRuleTask id="x" parcelflow:decision="nobody"/>' + chain("st", "x"),
    "operation": '<serviceTask id="x"/>' + chain("st", "x"),
    "message": catching("x", '<messageEventDefinition messageRef="nobody"/>') + chain("st", "x"),
    "error": none("a") + boundary("x", "a", '<errorEventDefinition errorRef="nobody"/>') + chain("st", "a"),
    "behaviour": user(
        "x",
        inner='<multiInstanceLoopCharacteristics behavior="One" oneBehaviorEventRef="nothing">'
        "<loopCardinality>1</loopCardinality></multiInstanceLoopCharacteristics>",
    ),
    "behaviour by a time": none("a")
    + boundary("b", "a", '<timerEventDefinition id="td"><timeDuration>PT1H</timeDuration></timerEventDefinition>')
    + user(
        "x",
        inner='<multiInstanceLoopCharacteristics behavior="None" noneBehaviorEventRef="td">'
        "<loopCardinality>1</loopCardinality></multiInstanceLoopCharacteristics>",
    )
    + chain("st", "a", "x"),
    "how often": user("x", inner="<multiInstanceLoopCharacteristics/>"),
    "how long": user("x", inner="<standardLoopCharacteristics/>"),
    "negative": user("x", inner='<standardLoopCharacteristics loopMaximum="-1"/>'),
    "race": '<eventBasedGateway id="x"/>' + none("a") + chain("st", "x", "a"),
    "event subprocess": subprocess("x", start("xs") + none("y") + chain("xs", "y"), 'triggeredByEvent="true"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_run_is_refused_with_the_id_of_the_element(case: str) -> None:
    flow = "" if 'sourceRef="st"' in REFUSED[case] else none("zz") + chain("st", "zz")

    with pytest.raises(DefinitionError) as refused:
        program_of(start() + REFUSED[case] + flow)

    assert "x" in {finding.element for finding in refused.value.findings} or case in {"condition", "lambda"}
    assert all(finding.message.endswith((".", "?", ")")) for finding in refused.value.findings)


def test_all_faults_are_told_together() -> None:
    body = start() + script("x", "def (") + '<serviceTask id="y"/>' + chain("st", "x", "y")

    with pytest.raises(DefinitionError) as refused:
        program_of(body)

    assert {finding.element for finding in refused.value.findings} == {"x", "y"}


def test_a_program_describes_its_processes() -> None:
    lanes = '<laneSet id="ls"><lane id="l" name="Planning"><flowNodeRef>u</flowNodeRef></lane></laneSet>'
    body = (
        lanes
        + start()
        + start("m", MESSAGE)
        + start("t", timer("Cycle", "R/P1D"))
        + '<userTask id="u" name="Plan it"/>'
    )
    program = program_of(
        body + chain("st", "u") + chain("m", "u") + chain("t", "u"), '<process id="idle" isExecutable="false"/>'
    )

    outline = program.processes["p"]
    assert [(begin.id, begin.kind, begin.name) for begin in outline.starts] == [
        ("st", "none", ""),
        ("m", "message", "m0"),
        ("t", "timer", ""),
    ]
    assert outline.starts[2].timer is not None
    assert [(node.id, node.type, node.name, node.lane) for node in outline.nodes if node.id == "u"] == [
        ("u", "userTask", "Plan it", "Planning")
    ]
    assert {node.id for node in outline.nodes} == {"st", "m", "t", "u"}
    assert program.processes.keys() == {"p"}


def test_a_pool_that_is_only_drawn_does_not_matter() -> None:
    pool = '<process id="other" isExecutable="false"><task id="o"/><complexGateway id="oc"/></process>'

    assert Play(program_of(start() + user("u") + chain("st", "u"), pool)).open == ["u"]


def test_evaluation_by_python_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    from SpiffWorkflow.bpmn.script_engine import python_environment  # noqa: PLC0415

    def trap(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("Python's own evaluation was reached")

    monkeypatch.setattr(python_environment.TaskDataEnvironment, "__init__", trap)
    monkeypatch.setattr(python_environment, "eval", trap, raising=False)
    monkeypatch.setattr(python_environment, "exec", trap, raising=False)
    monkeypatch.setattr(builtins, "eval", trap)
    monkeypatch.setattr(builtins, "exec", trap)
    loop = (
        "<multiInstanceLoopCharacteristics><loopCardinality>1 + 1</loopCardinality></multiInstanceLoopCharacteristics>"
    )
    body = (
        start()
        + gateway("exclusive", "x", default="x_a")
        + none("a", "e")
        + script("b", "n = n + 1", loop)
        + user("u", "h")
    )
    body += (
        chain("st", "x", "a")
        + when("x", "b", "n == 1")
        + chain("b", "u")
        + boundary("t", "u", timer("Duration", "wait"))
        + chain("t", "h")
    )
    body += boundary(
        "c", "u", "<conditionalEventDefinition><condition>n == 7</condition></conditionalEventDefinition>"
    ) + chain("c", "e")

    play = Play(body, {"n": 1, "wait": "PT1H"}).fire("t")

    assert play.open == ["h"]
    assert ClosedScriptEngine().environment is None


def test_our_own_code_never_names_pythons_evaluation() -> None:
    for file in Path(program_module.__file__).parent.glob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"eval", "exec", "compile", "__import__", "TaskDataEnvironment"}, file


def test_the_library_is_quiet() -> None:
    assert all(logging.getLogger(name).level >= logging.WARNING for name in ("spiff", "spiff.task", "spiff.workflow"))


def test_threads_share_a_program() -> None:
    body = (
        start()
        + gateway("parallel", "f", "j")
        + user("a", "b")
        + none("n")
        + chain("st", "f", "a", "j", "n")
        + chain("f", "b", "j")
    )
    program, done = program_of(body), []

    def run() -> None:
        for number in range(20):
            play = Play(program, {"k": number}).do("a", x=number).do("b", y=number)
            assert play.variables == {"k": number, "x": number, "y": number}
            done.append(play.step.state)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == [ExecutionState.COMPLETED] * 80


def test_processes_of_several_files_call_each_other() -> None:
    called = process(start("qs") + user("qu") + chain("qs", "qu"), "q")

    assert Play(program_of(start() + '<callActivity id="c" calledElement="q"/>' + chain("st", "c"), called)).open == [
        "qu"
    ]
    assert ANY_ERROR != ""
