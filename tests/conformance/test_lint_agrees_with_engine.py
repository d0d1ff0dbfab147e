"""What the linter lets pass, the engine compiles; so no finding comes as a surprise at deployment."""

from typing import Final
from zoneinfo import ZoneInfo

import pytest
from drawing_board import definitions, event, flow, line, node, process, read

from engine.decisions.decision import Decision, read_decisions
from engine.diagrams.laws import LintContext
from engine.diagrams.lint import lint_diagram
from engine.diagrams.normalise import normalise
from engine.errors import Severity
from engine.spiff.program import compile_program

TABLE: Final = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="tests">
  <decision id="route" name="Route"><decisionTable id="t" hitPolicy="UNIQUE">
    <input id="i"><inputExpression id="e" typeRef="number"><text>amount</text></inputExpression></input>
    <output id="o" name="way" typeRef="string"/>
    <rule id="r"><inputEntry id="ie"><text>-</text></inputEntry><outputEntry id="oe"><text>"a"</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""
OTHER: Final = (
    f'<bpmn:process id="other" isExecutable="true">{node("startEvent", "s")}{node("endEvent", "e")}'
    f"{flow('s', 'e')}</bpmn:process>"
)
AROUND: Final = (
    OTHER
    + '<bpmn:message id="m" name="M"/><bpmn:signal id="g" name="G"/><bpmn:error id="x" errorCode="X"/>'
    + '<bpmn:escalation id="y" escalationCode="Y"/>'
)
TIMES: Final = {
    "timeDate": ("2030-01-01T00:00:00Z", "tomorrow", "due_date", "P1D"),
    "timeDuration": ("PT1H", "P1M", "PT", "an hour", "waiting", "-PT1H", "2030-01-01"),
    "timeCycle": ("R3/PT1H", "R/PT0S", "0 8 * * 1-5", "PT1H", "always", "R3"),
}
DEFINITIONS: Final = {
    "message": '<bpmn:messageEventDefinition messageRef="m"/>',
    "unnamed message": "<bpmn:messageEventDefinition/>",
    "signal": '<bpmn:signalEventDefinition signalRef="g"/>',
    "error": '<bpmn:errorEventDefinition errorRef="x"/>',
    "unnamed error": "<bpmn:errorEventDefinition/>",
    "escalation": '<bpmn:escalationEventDefinition escalationRef="y"/>',
    "conditional": "<bpmn:conditionalEventDefinition><bpmn:condition>a</bpmn:condition></bpmn:conditionalEventDefinition>",
    "compensate": "<bpmn:compensateEventDefinition/>",
    "cancel": "<bpmn:cancelEventDefinition/>",
    "terminate": "<bpmn:terminateEventDefinition/>",
    "link": '<bpmn:linkEventDefinition name="L"/>',
    "none": "",
    **{
        f"{tag} {text}": f"<bpmn:timerEventDefinition><bpmn:{tag}>{text}</bpmn:{tag}></bpmn:timerEventDefinition>"
        for tag, texts in TIMES.items()
        for text in texts
    },
}


def events() -> dict[str, str]:
    """Draw each event definition at each place where an event can stand."""
    found: dict[str, str] = {}
    for name, definition in DEFINITIONS.items():
        found[f"start: {name}"] = line(node("task", "t")) + node("startEvent", "z", definition) + flow("z", "t")
        found[f"catch: {name}"] = line(node("intermediateCatchEvent", "z", definition))
        found[f"throw: {name}"] = line(node("intermediateThrowEvent", "z", definition))
        found[f"end: {name}"] = line(node("task", "t")) + node("endEvent", "z", definition) + flow("t", "z")
        for cancel in ("true", "false"):
            edge = node("boundaryEvent", "z", definition, attachedToRef="t", cancelActivity=cancel) + flow("z", "end")
            found[f"boundary {cancel}: {name}"] = line(node("userTask", "t", parcelflow_assignee="a")) + edge
            start = node("startEvent", "z", definition, isInterrupting=cancel) + node("endEvent", "y") + flow("z", "y")
            handler = node("subProcess", "h", start, triggeredByEvent="true")
            found[f"handler {cancel}: {name}"] = line(node("task", "t")) + handler
        found[f"inner start: {name}"] = line(node("subProcess", "h", node("startEvent", "z", definition)))
        found[f"awaited: {name}"] = (
            line(node("eventBasedGateway", "w"), node("intermediateCatchEvent", "c", DEFINITIONS["message"]))
            + node("intermediateCatchEvent", "z", definition)
            + flow("w", "z")
        )
    return found


ACTIVITIES: Final = {
    kind: line(node(kind, "t", **attributes))
    for kind, attributes in {
        "task": {},
        "manualTask": {"parcelflow_assignee": "a"},
        "userTask": {"parcelflow_dueDate": "P1D", "parcelflow_candidateGroups": "=groups", "parcelflow_priority": "1"},
        "serviceTask": {"parcelflow_operation": "write"},
        "sendTask": {"messageRef": "m"},
        "receiveTask": {"messageRef": "m"},
        "businessRuleTask": {"parcelflow_decision": "route"},
        "callActivity": {"calledElement": "other"},
        "subProcess": {},
        "transaction": {},
        "adHocSubProcess": {},
        "exclusiveGateway": {},
        "inclusiveGateway": {},
        "parallelGateway": {},
        "complexGateway": {},
    }.items()
}
BARE: Final = {f"bare {kind}": line(node(kind, "t")) for kind in ACTIVITIES}
OTHERS: Final = {
    "operation that decides": line(node("businessRuleTask", "t", parcelflow_operation="write")),
    "send by operation": line(node("sendTask", "t", parcelflow_operation="write")),
    "script": line(node("scriptTask", "t", "<bpmn:script>a = 1</bpmn:script>")),
    "empty script": line(node("scriptTask", "t")),
    "several and conditional flows": line(node("task", "t", default="d"))
    + node("endEvent", "a")
    + node("endEvent", "b")
    + flow("t", "a", "x")
    + flow("t", "b", key="d"),
    "two plain starts": line(node("task", "t")) + node("startEvent", "z") + flow("z", "t"),
    "an island": line(node("task", "t")) + node("userTask", "z", parcelflow_assignee="a"),
    "no start and no end": node("task", "a") + node("task", "b") + flow("a", "b"),
    "only a gateway": node("exclusiveGateway", "g"),
    "quantities": line(node("task", "t", startQuantity="2", completionQuantity="3")),
    "reserved ids": node("startEvent", "Start") + node("task", "End") + flow("Start", "End"),
    "collection": line(node("task", "t", '<bpmn:multiInstanceLoopCharacteristics parcelflow:collection="a"/>')),
    "foreign collection": line(node("task", "t", '<bpmn:multiInstanceLoopCharacteristics camunda:collection="${a}"/>')),
    "negative loop": line(node("task", "t", '<bpmn:standardLoopCharacteristics loopMaximum="-1"/>')),
    "endless loop": line(node("task", "t", "<bpmn:standardLoopCharacteristics/>")),
    "counted loop": line(node("task", "t", '<bpmn:standardLoopCharacteristics loopMaximum="0"/>')),
    "policy": line(node("parallelGateway", "t", parcelflow_onConflict="append")),
    "message that starts": node("receiveTask", "t", instantiate="true", messageRef="m"),
    "compensation": line(node("task", "t"))
    + event("boundaryEvent", "z", "compensate", attachedToRef="t")
    + node("task", "u", isForCompensation="true")
    + '<bpmn:association id="as" sourceRef="z" targetRef="u"/>',
}
CASES: Final = {**events(), **ACTIVITIES, **BARE, **OTHERS}


@pytest.fixture(scope="module")
def decisions() -> dict[str, Decision]:
    return read_decisions(TABLE, "route.dmn")


def known(decisions: dict[str, Decision]) -> LintContext:
    return LintContext(decisions=set(decisions), operations={"write"}, processes={"other"})


@pytest.mark.parametrize("case", CASES)
def test_what_has_no_error_is_compiled(case: str, decisions: dict[str, Decision]) -> None:
    diagram = read(process(CASES[case], AROUND))
    errors = [one for one in lint_diagram(diagram, known(decisions)) if one.severity is Severity.ERROR]

    if not errors:
        program = compile_program([normalise(diagram)], decisions, time_zone=ZoneInfo("Europe/Prague"))
        assert set(program.processes) == {"p", "other"}


def test_most_of_these_diagrams_run(decisions: dict[str, Decision]) -> None:
    sound = [
        case
        for case, body in CASES.items()
        if not any(
            one.severity is Severity.ERROR for one in lint_diagram(read(process(body, AROUND)), known(decisions))
        )
    ]

    assert len(sound) > 100
    assert {"script", "quantities", "callActivity", "start: message", "boundary false: timeDuration PT1H"} <= set(sound)


def test_a_pool_that_cannot_run_does_not_keep_the_other_from_running(decisions: dict[str, Decision]) -> None:
    picture = f'<bpmn:process id="q" isExecutable="false">{node("complexGateway", "g")}</bpmn:process>'
    diagram = read(
        definitions(f'{picture}<bpmn:process id="p" isExecutable="true">{line(node("task", "t"))}</bpmn:process>')
    )

    program = compile_program([normalise(diagram)], decisions, time_zone=ZoneInfo("Europe/Prague"))

    assert set(program.processes) == {"p"}
    assert not [one for one in lint_diagram(diagram) if one.severity is Severity.ERROR]
