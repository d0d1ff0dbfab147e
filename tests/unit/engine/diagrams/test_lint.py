"""Each law of the linter: the smallest diagram that breaks it, and one beside it that does not."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from drawing_board import codes, definitions, event, flow, line, lint, node, process, read
from standard_rules import RULES, gateway, two_pools
from standard_rules_of_data import ASKED, DATA_RULES, told
from standard_rules_of_exchanged_data import EXCHANGE_RULES
from standard_rules_of_references import REFERENCE_RULES

from engine.diagrams import vocabulary
from engine.diagrams.laws import LAWS, LintContext
from engine.diagrams.lint import MAXIMUM_FINDINGS, lint_diagram
from engine.diagrams.normalise import normalise
from engine.diagrams.vocabulary import UNSUPPORTED, Construct
from engine.errors import Severity

ALL_RULES: Final = [*RULES, *DATA_RULES, *(rule for rule, _ in [*EXCHANGE_RULES, *REFERENCE_RULES])]
ROOT: Final = Path(__file__).parents[4]
TASK: Final = node("task", "work", name="Work")
GOOD: Final = process(line(TASK))
MESSAGE: Final = '<bpmn:message id="message" name="Message"/>'
KNOWN: Final = LintContext(
    calendars={"", "press"},
    forms={"review"},
    decisions={"route"},
    operations={"write"},
    groups={"qa"},
    statuses={"new"},
    processes={"other"},
)
LANES: Final = (
    '<bpmn:laneSet id="lanes"><bpmn:lane id="l1" name="QA"><bpmn:flowNodeRef>{}</bpmn:flowNodeRef></bpmn:lane>{}'
    "</bpmn:laneSet>"
)
SECOND_LANE: Final = '<bpmn:lane id="l2" name="Two"><bpmn:flowNodeRef>work</bpmn:flowNodeRef></bpmn:lane>'
DANCE: Final = node(
    "choreography",
    "ch",
    '<bpmn:participant id="a"/><bpmn:participant id="b"/>'
    + node("startEvent", "begins")
    + node(
        "choreographyTask",
        "dance",
        "<bpmn:participantRef>a</bpmn:participantRef><bpmn:participantRef>b</bpmn:participantRef>",
        initiatingParticipantRef="a",
    )
    + node("endEvent", "ends")
    + flow("begins", "dance")
    + flow("dance", "ends"),
)
ERROR_X: Final = '<bpmn:error id="x" errorCode="X"/>'
TWO_INPUTS: Final = node(
    "endEvent", "z", '<bpmn:dataInput id="i1"/><bpmn:dataInput id="i2"/><bpmn:errorEventDefinition errorRef="x"/>'
)
SHARING: Final = node("intermediateThrowEvent", "t", "<bpmn:eventDefinitionRef>one</bpmn:eventDefinitionRef>")
START: Final = node("startEvent", "start")
END: Final = node("endEvent", "end")


def choice(kind: str, first: str, second: str, **attributes: str) -> bytes:
    return process(
        START
        + node(kind, "choice", **attributes)
        + node("endEvent", "a")
        + node("endEvent", "b")
        + flow("start", "choice")
        + flow("choice", "a", first)
        + flow("choice", "b", second)
    )


def inside(body: str, kind: str = "subProcess", **attributes: str) -> bytes:
    return process(line(node(kind, "sub", body, **attributes)))


def beside(body: str, around: str = "") -> bytes:
    return process(line(TASK) + body, around)


def boundary(trigger: str, tail: str = "", around: str = "", host: str = "task", **attributes: str) -> bytes:
    attached = {"attachedToRef": "work", **attributes}
    return process(line(node(host, "work")) + event("boundaryEvent", "edge", trigger, **attached) + tail, around)


def awaiting(*targets: str) -> bytes:
    keys = [one.split('id="', 1)[1].split('"', 1)[0] for one in targets]
    flows = flow("start", "wait") + "".join(flow("wait", key) for key in keys)
    return process(START + node("eventBasedGateway", "wait") + "".join(targets) + flows, MESSAGE)


def timer(text: str) -> bytes:
    definition = f"<bpmn:timerEventDefinition><bpmn:timeDuration>{text}</bpmn:timeDuration></bpmn:timerEventDefinition>"
    return process(line(node("intermediateCatchEvent", "wait", definition)))


def escalating(code: str) -> bytes:
    thrown = '<bpmn:escalationEventDefinition escalationRef="late"/>'
    body = START + node("endEvent", "end", thrown) + flow("start", "end")
    return process(body, f'<bpmn:escalation id="late" {code}/>')


def typed(data: bytes, kind: str = "") -> bytes:
    """Say that a file knows about types of expressions and is of no product that asks for none."""
    of_products = re.compile(rb' xmlns:(camunda|parcelflow)="[^"]*"')
    types = b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="definitions"'
    said = f'<bpmn:timeDuration xsi:type="{kind}">' if kind else "<bpmn:timeDuration>"
    plain = of_products.sub(b"", data).replace(b' id="definitions"', types)
    return plain.replace(b"<bpmn:timeDuration>", said.encode())


def operated(message: str, operation: str = "<bpmn:operationRef>op</bpmn:operationRef>") -> bytes:
    """Draw an event with a message or an operation, in a file of no product."""
    service = (
        '<bpmn:itemDefinition id="item"/><bpmn:message id="carrying" name="C" itemRef="item"/>'
        '<bpmn:interface id="if" name="I"><bpmn:operation id="op" name="O"><bpmn:inMessageRef>carrying</bpmn:inMessageRef>'
        "</bpmn:operation></bpmn:interface>"
    )
    definition = f"<bpmn:messageEventDefinition {message}>{operation}</bpmn:messageEventDefinition>"
    return typed(process(line(node("intermediateThrowEvent", "throw", definition)), MESSAGE + service))


def extended(kind: str, extension: str, **attributes: str) -> bytes:
    return process(
        line(node(kind, "work", f"<bpmn:extensionElements>{extension}</bpmn:extensionElements>", **attributes))
    )


def looped(loop: str) -> bytes:
    return process(line(node("task", "work", loop)))


WORKED_OUT: Final = (
    '<bpmn:ioSpecification><bpmn:dataInput id="in" name="sum"/><bpmn:inputSet><bpmn:dataInputRefs>in</bpmn:dataInputRefs>'
    "</bpmn:inputSet><bpmn:outputSet/></bpmn:ioSpecification><bpmn:dataInputAssociation><bpmn:targetRef>in</bpmn:targetRef>"
    "<bpmn:transformation>{}</bpmn:transformation></bpmn:dataInputAssociation>"
)
CATCH: Final = node("intermediateCatchEvent", "catch", '<bpmn:messageEventDefinition messageRef="message"/>')
TICK: Final = node(
    "intermediateCatchEvent",
    "tick",
    "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>",
)
STARTED: Final = b'<bpmn:startEvent id="start"><bpmn:messageEventDefinition messageRef="message"/></bpmn:startEvent>'
LINK: Final = '<bpmn:linkEventDefinition name="{}"/>'
COLLABORATION: Final = (
    '<bpmn:collaboration id="c"><bpmn:participant id="pool" processRef="p"/><bpmn:participant id="outside"/>'
    '<bpmn:messageFlow id="m" sourceRef="{}" targetRef="{}"/></bpmn:collaboration>'
)
HANDLER: Final = '<bpmn:association id="a" sourceRef="edge" targetRef="undo"/>' + node(
    "task", "undo", isForCompensation="true"
)
SECOND: Final = (HANDLER.replace('"a"', '"a2"')).replace('"undo"', '"undo2"')
OTHER_EDGE: Final = event("boundaryEvent", "edge2", "compensate", attachedToRef="work")
UNDOING: Final = (
    '<bpmn:subProcess id="{0}" triggeredByEvent="true">'
    '<bpmn:startEvent id="{1}"><bpmn:compensateEventDefinition/></bpmn:startEvent>'
    '<bpmn:endEvent id="{1}e"/><bpmn:sequenceFlow id="{1}f" sourceRef="{1}" targetRef="{1}e"/></bpmn:subProcess>'
)
RESCUE: Final = UNDOING.replace("compensateE", "errorE")
UNDO: Final = node("intermediateThrowEvent", "{0}", '<bpmn:compensateEventDefinition activityRef="{1}"/>')
ERROR: Final = '<bpmn:error id="error" errorCode="no_paper"/>'
CODED: Final = node("boundaryEvent", "edge2", '<bpmn:errorEventDefinition errorRef="error"/>', attachedToRef="work")
NOTE: Final = '<bpmn:association id="b" sourceRef="edge" targetRef="note"/><bpmn:textAnnotation id="note"/>'
MI: Final = "<bpmn:multiInstanceLoopCharacteristics{}>{}</bpmn:multiInstanceLoopCharacteristics>"
TWO_PROCESSES: Final = (
    f'<bpmn:process id="p" isExecutable="true">{line(TASK)}{{}}</bpmn:process>'
    f'<bpmn:process id="q" isExecutable="{{}}">{node("startEvent", "s2")}{node("endEvent", "e2")}'
    f"{flow('s2', 'e2')}</bpmn:process>"
)

TO_HELD: Final = "<bpmn:sourceRef>d</bpmn:sourceRef><bpmn:targetRef>d</bpmn:targetRef>"

TO_INPUT: Final = (
    '<bpmn:ioSpecification><bpmn:dataInput id="in" name="sum"/><bpmn:inputSet><bpmn:dataInputRefs>in</bpmn:dataInputRefs>'
    "</bpmn:inputSet><bpmn:outputSet/></bpmn:ioSpecification><bpmn:dataInputAssociation><bpmn:sourceRef>d</bpmn:sourceRef>"
    "<bpmn:targetRef>in</bpmn:targetRef>{}</bpmn:dataInputAssociation>"
)
TWO_ASSIGNMENTS: Final = "<bpmn:assignment><bpmn:from>d</bpmn:from><bpmn:to>sum.a</bpmn:to></bpmn:assignment>" * 2

CASES: Final[list[tuple[str, bytes, bytes]]] = [
    ("no_process", definitions(MESSAGE), GOOD),
    ("no_executable_process", process(line(TASK), attributes=""), GOOD),
    (
        "process_not_executable",
        definitions(TWO_PROCESSES.format("", "false")),
        definitions(TWO_PROCESSES.format("", "true")),
    ),
    ("empty_process", process(""), GOOD),
    ("no_picture", GOOD.replace(b"BPMNShape", b"BPMNEdge"), GOOD),
    ("duplicate_id", beside(node("task", "work")), GOOD),
    *(
        (
            "data_not_followed",
            beside(f'<bpmn:dataObject id="d"/>{node(kind, "n", f"<bpmn:{link}>{ends}{more}</bpmn:{link}>")}'),
            beside(f'<bpmn:dataObject id="d"/>{node("task", "n", f"<bpmn:{link}>{ends}</bpmn:{link}>")}'),
        )
        for link, ends, kind, more in (
            (
                "dataInputAssociation",
                TO_HELD,
                "task",
                "<bpmn:assignment><bpmn:from>d</bpmn:from><bpmn:to>held.x</bpmn:to></bpmn:assignment>",
            ),
            ("dataOutputAssociation", TO_HELD, "intermediateCatchEvent", ""),
        )
    ),
    (
        "data_not_followed",
        beside(f'<bpmn:dataObject id="d"/>{node("task", "n", TO_INPUT.format(TWO_ASSIGNMENTS))}'),
        beside(f'<bpmn:dataObject id="d"/>{node("task", "n", TO_INPUT.format(""))}'),
    ),
    ("missing_id", beside("<bpmn:task/>"), GOOD),
    ("flow_without_id", GOOD.replace(b'sequenceFlow id="work_end"', b"sequenceFlow"), GOOD),
    ("unusual_id", process(line(node("task", "my task"))), GOOD),
    ("unknown_element", beside(node("usertask", "odd")), GOOD),
    ("unsupported_element", beside(node("choreographyTask", "dance")), GOOD),
    ("unknown_reference", beside(flow("work", "nowhere")), GOOD),
    ("unknown_reference", beside(node("dataObjectReference", "d", dataObjectRef="x")), beside(node("dataObject", "x"))),
    (
        "unknown_reference",
        beside(node("intermediateThrowEvent", "t", "<bpmn:eventDefinitionRef>none</bpmn:eventDefinitionRef>")),
        beside(
            node("intermediateThrowEvent", "t", "<bpmn:eventDefinitionRef>x:one</bpmn:eventDefinitionRef>"),
            '<bpmn:signalEventDefinition id="one"/>',
        ),
    ),
    *(
        (
            "wrong_reference",
            beside(SHARING + within, around),
            beside(SHARING, '<bpmn:signalEventDefinition id="one"/>'),
        )
        for within, around in (
            (node("intermediateThrowEvent", "u", '<bpmn:signalEventDefinition id="one"/>'), ""),
            ("", '<bpmn:signal id="one" name="One"/>'),
        )
    ),
    (
        "wrong_reference",
        beside(node("receiveTask", "r", messageRef="signal"), '<bpmn:signal id="signal" name="s"/>'),
        beside(node("receiveTask", "r", messageRef="message"), MESSAGE),
    ),
    ("wrong_reference", beside(node("textAnnotation", "note") + flow("work", "note")), GOOD),
    ("unknown_lane_member", beside(LANES.format("nobody", "")), beside(LANES.format("work", ""))),
    ("node_in_two_lanes", beside(LANES.format("work", SECOND_LANE)), beside(LANES.format("work", ""))),
    (
        "definition_without_name",
        process(line(node("receiveTask", "r", messageRef="m")), '<bpmn:message id="m"/>'),
        process(line(node("receiveTask", "r", messageRef="m")), '<bpmn:message id="m" name="M"/>'),
    ),
    (
        "unknown_process",
        process(line(node("callActivity", "call", calledElement="nobody"))),
        process(line(node("callActivity", "call", calledElement="x:other"))),
    ),
    (
        "unknown_form",
        process(line(node("userTask", "u", parcelflow_form="revue"))),
        process(line(node("userTask", "u", parcelflow_form="review"))),
    ),
    (
        "unknown_decision",
        process(line(node("businessRuleTask", "b", parcelflow_decision="no"))),
        process(line(node("businessRuleTask", "b", parcelflow_decision="route"))),
    ),
    (
        "unknown_operation",
        process(line(node("serviceTask", "s", parcelflow_operation="no"))),
        process(line(node("serviceTask", "s", parcelflow_operation="write"))),
    ),
    (
        "unknown_group",
        process(line(node("userTask", "u", parcelflow_candidateGroups="qa, nobody"))),
        process(line(node("userTask", "u", parcelflow_candidateGroups="qa"))),
    ),
    (
        "unknown_group",
        process(LANES.format("u", "").replace('name="QA"', 'name="Nobody"') + line(node("userTask", "u"))),
        process(LANES.format("u", "") + line(node("userTask", "u"))),
    ),
    (
        "unknown_status",
        process(line(node("task", "t", parcelflow_status="odd"))),
        process(line(node("task", "t", parcelflow_status="new"))),
    ),
    (
        "flow_crosses_pool",
        definitions(TWO_PROCESSES.format(flow("work", "e2", key="x"), "true")),
        definitions(TWO_PROCESSES.format("", "true")),
    ),
    (
        "flow_crosses_subprocess",
        process(line(node("subProcess", "sub", TASK)) + flow("start", "work")),
        inside(TASK),
    ),
    (
        "flow_misplaced",
        process(line(node("subProcess", "sub", TASK + node("task", "next"))) + flow("work", "next")),
        inside(TASK + node("task", "next") + flow("work", "next")),
    ),
    (
        "message_flow_inside_pool",
        process(line(TASK), COLLABORATION.format("work", "end")),
        process(line(TASK), COLLABORATION.format("work", "outside")),
    ),
    ("unknown_reference", process(line(TASK), COLLABORATION.format("work", "nobody")), GOOD),
    ("start_with_incoming", beside(flow("work", "start")), GOOD),
    ("end_with_outgoing", beside(flow("end", "work")), GOOD),
    ("boundary_with_incoming", boundary("error", flow("start", "edge")), boundary("error")),
    ("boundary_attached_wrongly", boundary("error", attachedToRef="end"), boundary("error")),
    ("boundary_attached_wrongly", boundary("error", host="exclusiveGateway"), boundary("error", host="userTask")),
    ("unknown_reference", boundary("error", attachedToRef="nobody"), boundary("error")),
    (
        "handler_with_flows",
        boundary("compensate", HANDLER + flow("work", "undo")),
        boundary("compensate", HANDLER),
    ),
    ("handler_with_flows", boundary("compensate", HANDLER + flow("edge", "undo")), boundary("compensate", HANDLER)),
    (
        "no_start",
        process(TASK + node("task", "b") + flow("work", "b") + flow("b", "work")),
        process(TASK + node("task", "b") + flow("work", "b")),
    ),
    (
        "several_starts",
        process(line(TASK) + node("startEvent", "two") + flow("two", "work")),
        process(line(TASK) + event("startEvent", "two", "message") + flow("two", "work")),
    ),
    (
        "subprocess_start",
        inside(event("startEvent", "in", "message")),
        inside(node("startEvent", "in")),
    ),
    (
        "subprocess_start",
        inside(node("startEvent", "in") + node("startEvent", "in2")),
        inside(node("startEvent", "in")),
    ),
    (
        "subprocess_start",
        inside(node("startEvent", "in"), kind="adHocSubProcess"),
        inside(TASK, kind="adHocSubProcess"),
    ),
    ("unreachable", beside(node("task", "island")), GOOD),
    (
        "unreachable",
        beside(node("task", "a") + node("task", "b") + flow("a", "b") + flow("b", "a")),
        boundary("error", node("task", "after") + flow("edge", "after")),
    ),
    (
        "flow_listed_wrongly",
        process(line(node("task", "work", "<bpmn:incoming>work_end</bpmn:incoming>"))),
        process(line(node("task", "work", "<bpmn:incoming>start_work</bpmn:incoming>"))),
    ),
    ("no_end", process(START + TASK + flow("start", "work")), process(TASK)),
    (
        "handler_without_event",
        beside(node("task", "undo", isForCompensation="true")),
        boundary("compensate", HANDLER),
    ),
    ("gateway_without_choice", process(line(node("exclusiveGateway", "g"))), choice("parallelGateway", "", "")),
    (
        "single_condition",
        process(START + TASK + END + flow("start", "work") + flow("work", "end", "a")),
        GOOD,
    ),
    (
        "flow_not_immediate",
        process(line(TASK).replace("<bpmn:sequenceFlow", '<bpmn:sequenceFlow isImmediate="false"', 1)),
        process(line(TASK).replace("<bpmn:sequenceFlow", '<bpmn:sequenceFlow isImmediate="true"', 1)),
    ),
    (
        "flow_not_immediate",
        process(line(TASK).replace("<bpmn:sequenceFlow", '<bpmn:sequenceFlow isImmediate="0"', 1)),
        process(line(TASK).replace("<bpmn:sequenceFlow", '<bpmn:sequenceFlow isImmediate="0"', 1), attributes=""),
    ),
    (
        "public_executable",
        process(line(TASK), attributes='isExecutable="true" processType="Public"'),
        process(line(TASK), attributes='isExecutable="true" processType="Private"'),
    ),
    (
        "public_executable",
        process(line(TASK), attributes='isExecutable="true" processType="Public"'),
        process(line(TASK), attributes='isExecutable="false" processType="Public"'),
    ),
    ("escalation_without_code", escalating(""), escalating('escalationCode="E"')),
    ("escalation_without_code", escalating(""), escalating("").replace(b'"true"', b'"false"')),
    ("operation_without_message", operated(""), operated('messageRef="carrying"')),
    ("operation_without_message", operated(""), operated("").replace(b'isExecutable="true"', b'isExecutable="false"')),
    ("message_without_operation", operated('messageRef="carrying"', ""), operated('messageRef="carrying"')),
    ("message_without_operation", operated('messageRef="carrying"', ""), operated('messageRef="message"', "")),
    (
        "message_without_operation",
        operated('messageRef="carrying"', ""),
        operated('messageRef="carrying"', "").replace(b'isExecutable="true"', b'isExecutable="false"'),
    ),
    ("expression_informal", typed(timer("PT1H")), typed(timer("PT1H"), "bpmn:tFormalExpression")),
    ("expression_informal", typed(timer("PT1H")), typed(timer("PT1H")).replace(b'"true"', b'"false"')),
    ("expression_informal", typed(timer("PT1H")), timer("PT1H")),
    ("implicit_split", beside(node("endEvent", "also") + flow("work", "also")), GOOD),
    (
        "gateway_without_outgoing",
        process(START + node("parallelGateway", "g") + flow("start", "g")),
        process(line(node("parallelGateway", "g"))),
    ),
    (
        "gateway_without_outgoing",
        process(START + node("parallelGateway", "g") + flow("start", "g")),
        process(START + node("parallelGateway", "g") + flow("start", "g") + flow("start", "g", key="second")),
    ),
    (
        "node_not_connected",
        beside(node("parallelGateway", "g") + flow("work", "g") + flow("work", "g", key="second")),
        beside(node("parallelGateway", "g") + flow("work", "g")),
    ),
    (
        "flow_without_condition",
        choice("exclusiveGateway", "x", ""),
        choice("exclusiveGateway", "x", "", default="choice_b"),
    ),
    ("flow_without_condition", choice("inclusiveGateway", "", ""), choice("parallelGateway", "", "")),
    (
        "gateway_without_default",
        choice("exclusiveGateway", "x", "not x"),
        choice("exclusiveGateway", "x", "", default="choice_b"),
    ),
    (
        "wrong_default",
        choice("exclusiveGateway", "x", "y", default="start_choice"),
        choice("exclusiveGateway", "x", "", default="choice_b"),
    ),
    ("wrong_default", choice("parallelGateway", "", "", default="choice_b"), choice("parallelGateway", "", "")),
    (
        "condition_on_default",
        choice("exclusiveGateway", "x", "y", default="choice_b"),
        choice("exclusiveGateway", "x", "", default="choice_b"),
    ),
    ("condition_not_allowed", choice("parallelGateway", "x", ""), choice("parallelGateway", "", "")),
    ("event_gateway_targets", awaiting(CATCH), awaiting(CATCH, TICK)),
    ("event_gateway_targets", awaiting(CATCH, TASK), awaiting(CATCH, TICK)),
    (
        "event_gateway_targets",
        awaiting(CATCH, node("receiveTask", "r", messageRef="message")),
        awaiting(TICK, node("receiveTask", "r", messageRef="message")),
    ),
    (
        "event_gateway_start",
        awaiting(CATCH, TICK).replace(b'id="wait"', b'id="wait" instantiate="true"'),
        awaiting(CATCH, TICK),
    ),
    ("wrong_event", process(line(node("intermediateCatchEvent", "x"))), process(line(CATCH), MESSAGE)),
    ("wrong_event", process(event("startEvent", "x", "error")), GOOD),
    (
        "wrong_event",
        process(line(TASK) + event("endEvent", "x", "timer")),
        process(line(TASK) + event("endEvent", "x", "terminate")),
    ),
    (
        "wrong_event",
        process(line(event("intermediateThrowEvent", "x", "error"))),
        process(line(event("intermediateThrowEvent", "x", "escalation"))),
    ),
    ("message_by_name", process(line(event("intermediateCatchEvent", "x", "message"))), process(line(CATCH), MESSAGE)),
    ("event_incomplete", process(line(event("intermediateCatchEvent", "x", "timer"))), process(line(TICK))),
    ("event_incomplete", process(line(event("intermediateCatchEvent", "x", "conditional"))), process(line(TICK))),
    ("event_incomplete", process(line(TASK) + event("endEvent", "x", "error")), boundary("error")),
    ("event_not_interrupting", boundary("error", cancelActivity="false"), boundary("error", cancelActivity="true")),
    ("event_not_interrupting", boundary("error", cancelActivity="0"), boundary("signal", cancelActivity="0")),
    ("cancel_outside_transaction", boundary("cancel"), boundary("cancel", host="transaction")),
    (
        "cancel_outside_transaction",
        process(line(TASK) + event("endEvent", "x", "cancel")),
        inside(event("endEvent", "x", "cancel"), kind="transaction"),
    ),
    (
        "event_subprocess_start",
        beside(node("subProcess", "sub", node("startEvent", "in"), triggeredByEvent="true")),
        beside(node("subProcess", "sub", event("startEvent", "in", "error"), triggeredByEvent="true")),
    ),
    (
        "event_subprocess_with_flows",
        process(line(node("subProcess", "sub", event("startEvent", "in", "error"), triggeredByEvent="true"))),
        beside(node("subProcess", "sub", event("startEvent", "in", "error"), triggeredByEvent="true")),
    ),
    (
        "link_without_target",
        process(START + node("intermediateThrowEvent", "out", LINK.format("A")) + flow("start", "out")),
        process(
            START
            + node("intermediateThrowEvent", "out", LINK.format("A"))
            + node("intermediateCatchEvent", "in", LINK.format("A"))
            + flow("start", "out")
        ),
    ),
    (
        "link_without_source",
        beside(node("intermediateCatchEvent", "in", LINK.format("A")) + flow("in", "end")),
        beside(
            node("intermediateCatchEvent", "in", LINK.format("A"))
            + node("intermediateThrowEvent", "out", LINK.format("A"))
        ),
    ),
    (
        "link_target_twice",
        beside(
            node("intermediateCatchEvent", "a", LINK.format("A"))
            + node("intermediateCatchEvent", "b", LINK.format("A"))
        ),
        beside(
            node("intermediateCatchEvent", "a", LINK.format("A"))
            + node("intermediateCatchEvent", "b", LINK.format("B"))
        ),
    ),
    (
        "link_with_flow",
        process(line(node("intermediateThrowEvent", "out", LINK.format("A")))),
        process(START + node("intermediateThrowEvent", "out", LINK.format("A")) + flow("start", "out")),
    ),
    ("compensation_without_handler", boundary("compensate"), boundary("compensate", HANDLER)),
    ("compensation_without_handler", boundary("compensate", NOTE), boundary("compensate", HANDLER + NOTE)),
    (
        "compensation_without_handler",
        boundary("compensate", HANDLER.replace("isForCompensation", "ignored")),
        boundary("compensate", HANDLER),
    ),
    ("compensation_twice", boundary("compensate", HANDLER + SECOND), boundary("compensate", HANDLER)),
    (
        "compensation_twice",
        boundary("compensate", HANDLER + OTHER_EDGE),
        boundary("compensate", HANDLER + OTHER_EDGE.replace("compensate", "signal")),
    ),
    (
        "compensation_twice",
        process(line(node("subProcess", "s", line(TASK) + UNDOING.format("h", "a") + UNDOING.format("i", "b")))),
        process(line(node("subProcess", "s", line(TASK) + UNDOING.format("h", "a")))),
    ),
    (
        "compensation_out_of_reach",
        process(line(node("subProcess", "s", line(TASK)), UNDO.format("throw", "work"))),
        process(line(node("subProcess", "s", line(TASK)), UNDO.format("throw", "s"))),
    ),
    (
        "compensation_out_of_reach",
        process(line(TASK, node("subProcess", "s", UNDO.format("throw", "work")))),
        process(
            line(TASK)
            + RESCUE.format("h", "a").replace("<bpmn:endEvent", UNDO.format("throw", "work") + "<bpmn:endEvent")
        ),
    ),
    (
        "never_caught",
        boundary("error", OTHER_EDGE.replace("compensate", "error"), host="subProcess"),
        boundary("error", CODED, ERROR, host="subProcess"),
    ),
    (
        "never_caught",
        boundary("error", CODED + CODED.replace('"edge2"', '"edge3"'), ERROR, host="subProcess"),
        boundary("error", CODED, ERROR, host="subProcess"),
    ),
    (
        "never_caught",
        process(line(TASK) + RESCUE.format("h", "a") + RESCUE.format("i", "b")),
        process(line(TASK) + RESCUE.format("h", "a")),
    ),
    (
        "call_without_process",
        process(line(node("callActivity", "call"))),
        process(line(node("callActivity", "call", calledElement="other"))),
    ),
    (
        "call_of_itself",
        process(line(node("callActivity", "call", calledElement="p"))),
        process(line(node("callActivity", "call", calledElement="other"))),
    ),
    (
        "binding_without_version",
        process(line(node("callActivity", "call", calledElement="other", parcelflow_binding="version"))),
        process(
            line(
                node(
                    "callActivity", "call", calledElement="other", parcelflow_binding="version", parcelflow_version="3"
                )
            )
        ),
    ),
    (
        "script_empty",
        process(line(node("scriptTask", "s", "<bpmn:script> </bpmn:script>"))),
        process(line(node("scriptTask", "s", "<bpmn:script>a = 1</bpmn:script>"))),
    ),
    (
        "script_unreadable",
        process(line(node("scriptTask", "s", "<bpmn:script>a = = 1</bpmn:script>"))),
        process(line(node("scriptTask", "s", "<bpmn:script>a = 1</bpmn:script>"))),
    ),
    (
        "script_language",
        process(line(node("scriptTask", "s", "<bpmn:script>a = 1</bpmn:script>", scriptFormat="groovy"))),
        process(line(node("scriptTask", "s", "<bpmn:script>a = 1</bpmn:script>", scriptFormat="Python"))),
    ),
    ("expression_unreadable", choice("exclusiveGateway", "a ==", "b"), choice("exclusiveGateway", "a == 1", "b")),
    ("expression_unreadable", choice("exclusiveGateway", "open('x')", "b"), choice("exclusiveGateway", "a", "b")),
    ("expression_unreadable", looped(WORKED_OUT.format("total +")), looped(WORKED_OUT.format("total + 1"))),
    (
        "expression_unreadable",
        looped(MI.format("", "<bpmn:loopCardinality>3 +</bpmn:loopCardinality>")),
        looped(MI.format("", "<bpmn:loopCardinality>3</bpmn:loopCardinality>")),
    ),
    (
        "expression_unreadable",
        extended("serviceTask", '<parcelflow:input name="a" expression="b +"/>'),
        extended("serviceTask", '<parcelflow:input name="a" expression="b + 1"/>'),
    ),
    (
        "expression_unreadable",
        process(line(node("userTask", "u", parcelflow_assignee="a b"))),
        process(line(node("userTask", "u", parcelflow_assignee="owner"))),
    ),
    (
        "expression_foreign",
        choice("exclusiveGateway", "${execution.find('x')}", "b"),
        choice("exclusiveGateway", "${a == 1}", "b"),
    ),
    (
        "expression_foreign",
        process(line(CATCH), MESSAGE.replace('name="', 'name="${execution.find(a)}')),
        process(line(CATCH), MESSAGE.replace('name="', 'name="${a}')),
    ),
    (
        "expression_foreign",
        process(line(CATCH), MESSAGE.replace('name="', 'name="${a}')).replace(START.encode(), STARTED),
        process(line(CATCH), MESSAGE).replace(START.encode(), STARTED),
    ),
    (
        "expression_translated",
        process(line(CATCH), MESSAGE.replace('name="', 'name="${a}')),
        process(line(CATCH), MESSAGE),
    ),
    ("expression_translated", choice("exclusiveGateway", "${a == 1}", "b"), choice("exclusiveGateway", "a == 1", "b")),
    ("expression_translated", choice("exclusiveGateway", "a = 1", "b"), choice("exclusiveGateway", "a == 1", "b")),
    ("timer_unreadable", timer("one hour"), timer("PT1H")),
    ("timer_unreadable", timer("PT"), timer("waiting_time")),
    (
        "timer_unreadable",
        process(line(node("userTask", "u", parcelflow_dueDate="next week"))),
        process(line(node("userTask", "u", parcelflow_dueDate="P1W"))),
    ),
    (
        "timer_unreadable",
        process(line(node("serviceTask", "u", parcelflow_operation="write", parcelflow_retry="often"))),
        process(line(node("serviceTask", "u", parcelflow_operation="write", parcelflow_retry="PT1S,PT1M"))),
    ),
    (
        "unknown_calendar",
        timer("add_working_time(now, 'PT1H', 'moon')"),
        timer("add_working_time(now, 'PT1H', 'press')"),
    ),
    (
        "unknown_calendar",
        process(line(node("userTask", "u", parcelflow_dueDate="add_working_days(now, 2, 'moon')"))),
        process(line(node("userTask", "u", parcelflow_dueDate="add_working_days(now, 2)"))),
    ),
    (
        "unknown_calendar",
        choice("exclusiveGateway", "is_working_day(a, 'moon')", "b"),
        choice("exclusiveGateway", "a", "b"),
    ),
    (
        "negative_loop_maximum",
        looped('<bpmn:standardLoopCharacteristics loopMaximum="-1"/>'),
        looped('<bpmn:standardLoopCharacteristics loopMaximum="3"/>'),
    ),
    (
        "loop_without_end",
        looped("<bpmn:standardLoopCharacteristics/>"),
        looped(
            "<bpmn:standardLoopCharacteristics><bpmn:loopCondition>a</bpmn:loopCondition></bpmn:standardLoopCharacteristics>"
        ),
    ),
    ("multi_instance_count", looped(MI.format("", "")), looped(MI.format(' camunda:collection="orders"', ""))),
    (
        "multi_instance_count",
        looped(MI.format("", "<bpmn:loopCardinality>-2</bpmn:loopCardinality>")),
        looped(MI.format("", "<bpmn:loopCardinality>2</bpmn:loopCardinality>")),
    ),
    (
        "token_quantity",
        process(line(node("task", "t", startQuantity="0"))),
        process(line(node("task", "t", startQuantity="2"))),
    ),
    (
        "token_quantity",
        process(line(node("task", "t", completionQuantity="many"))),
        process(line(node("task", "t", completionQuantity="2"))),
    ),
    (
        "service_without_operation",
        process(line(node("serviceTask", "s"))),
        process(line(node("serviceTask", "s", parcelflow_operation="write"))),
    ),
    (
        "service_without_operation",
        process(line(node("sendTask", "s"))),
        process(line(node("sendTask", "s", messageRef="message")), MESSAGE),
    ),
    (
        "rule_without_decision",
        process(line(node("businessRuleTask", "b"))),
        process(line(node("businessRuleTask", "b", parcelflow_decision="route"))),
    ),
    (
        "message_by_name",
        process(line(node("receiveTask", "r"))),
        process(line(node("receiveTask", "r", messageRef="message")), MESSAGE),
    ),
    (
        "user_without_group",
        process(line(node("userTask", "u"))),
        process(line(node("userTask", "u", parcelflow_assignee="owner"))),
    ),
    (
        "user_without_group",
        process(line(node("manualTask", "work"))),
        process(LANES.format("work", "") + line(node("manualTask", "work"))),
    ),
    (
        "performer_ignored",
        process(line(node("userTask", "u", "<bpmn:potentialOwner/>"))),
        process(line(node("serviceTask", "u", "<bpmn:potentialOwner/>"))),
    ),
    ("user_without_name", process(line(node("userTask", "u"))), process(line(node("userTask", "u", name="Look")))),
    (
        "assignment_incomplete",
        extended("serviceTask", '<parcelflow:output expression="b"/>'),
        extended("serviceTask", '<parcelflow:output name="a" expression="b"/>'),
    ),
    (
        "assignment_incomplete",
        extended("callActivity", '<parcelflow:in source="a" target="my name"/>', calledElement="other"),
        extended("callActivity", '<parcelflow:in all="true"/>', calledElement="other"),
    ),
    (
        "vendor_ignored",
        process(line(node("serviceTask", "u", camunda_topic="demo"))),
        looped(MI.format(' camunda:collection="orders" camunda:elementVariable="order"', "")),
    ),
    (
        "vendor_ignored",
        extended("serviceTask", "<camunda:properties/>"),
        extended("serviceTask", '<parcelflow:output name="a" expression="b"/>'),
    ),
    (
        "vendor_translated",
        process(line(node("userTask", "u", camunda_assignee="demo"))),
        process(line(node("userTask", "u", camunda_assignee="demo", parcelflow_assignee="owner"))),
    ),
    (
        "unknown_attribute",
        process(line(node("userTask", "u", parcelflow_candidateGroup="qa"))),
        process(line(node("userTask", "u", parcelflow_candidateGroups="qa"))),
    ),
    (
        "unknown_attribute",
        extended("serviceTask", '<parcelflow:inputs name="a" expression="b"/>'),
        extended("serviceTask", '<parcelflow:input name="a" expression="b"/>'),
    ),
    (
        "unknown_word",
        process(line(node("parallelGateway", "g", parcelflow_onConflict="guess"))),
        process(line(node("parallelGateway", "g", parcelflow_onConflict="last"))),
    ),
]


@pytest.mark.parametrize(("code", "broken", "sound"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_law_speaks_of_the_diagram_that_breaks_it_and_of_no_other(code: str, broken: bytes, sound: bytes) -> None:
    assert code in codes(broken, KNOWN)
    assert code not in codes(sound, KNOWN)


def test_every_law_has_a_diagram_that_breaks_it() -> None:
    assert {case[0] for case in CASES} | {rule.code for rule in ALL_RULES} == set(LAWS) - {"too_many_findings"}


def test_a_good_diagram_has_no_findings() -> None:
    assert lint(GOOD, KNOWN) == []


def test_a_finding_names_the_element_by_name_and_id_and_cites_the_clause() -> None:
    (finding,) = [
        one
        for one in lint(process(line(TASK) + node("endEvent", "more", name="Done") + flow("more", "work")))
        if one.code == "end_with_outgoing"
    ]

    assert (finding.file, finding.element, finding.severity) == ("test.bpmn", "more", Severity.ERROR)
    assert "“Done” (more)" in finding.message
    assert "7.6.1" in finding.message


def test_errors_come_first() -> None:
    severities = [one.severity for one in lint(beside(node("userTask", "island") + flow("island", "nowhere")))]

    assert severities == sorted(severities, key=list(Severity).index)
    assert len(set(severities)) > 1


def test_what_is_only_drawn_beside_the_running_process_is_never_an_error() -> None:
    broken = TWO_PROCESSES.format("", "false").replace("</bpmn:process>", f"{flow('e2', 'nowhere')}</bpmn:process>")
    severities = {one.severity for one in lint(definitions(broken.replace(flow("e2", "nowhere"), "", 1)))}

    assert severities == {Severity.INFO}


def test_an_unknown_world_is_not_complained_about() -> None:
    tasks = [
        node("userTask", "u", name="Look", parcelflow_form="a", parcelflow_candidateGroups="b", parcelflow_status="c"),
        node("serviceTask", "s", parcelflow_operation="d"),
        node("businessRuleTask", "b", parcelflow_decision="e"),
        node("callActivity", "call", calledElement="f"),
    ]

    assert lint(process(line(*tasks))) == []


def test_a_service_task_without_operation_is_an_error_once_the_operations_are_known() -> None:
    def severity(context: LintContext) -> Severity:
        found = lint(process(line(node("serviceTask", "s"))), context)
        return next(one.severity for one in found if one.code == "service_without_operation")

    assert severity(LintContext()) is Severity.WARNING
    assert severity(LintContext(operations=set())) is Severity.ERROR


def test_a_picture_may_leave_open_what_only_a_run_needs() -> None:
    unsaid = choice("exclusiveGateway", "", "").replace(b'isExecutable="true"', b"")

    def severity(context: LintContext) -> Severity:
        return next(one.severity for one in lint(unsaid, context) if one.code == "flow_without_condition")

    assert severity(LintContext()) is Severity.WARNING
    assert severity(LintContext(is_to_run=True)) is Severity.ERROR


def test_what_is_only_a_matter_of_form_keeps_nothing_from_being_deployed() -> None:
    broken = process(line(TASK).replace("<bpmn:sequenceFlow", '<bpmn:sequenceFlow isImmediate="false"', 1))
    product = broken.replace(b"<bpmn:definitions ", b'<bpmn:definitions xmlns:t="http://www.trisotech.com/2015/bpmn" ')

    assert [one.severity for one in lint(broken)] == [Severity.ERROR]
    assert [one.severity for one in lint(broken, LintContext(is_to_run=True))] == [Severity.INFO]
    assert [one.severity for one in lint(product)] == [Severity.INFO]


def test_a_message_without_its_item_is_how_jbpm_writes_its_tasks() -> None:
    told_nothing = told(
        "sendTask",
        "<bpmn:ioSpecification><bpmn:dataInput id='i'/><bpmn:inputSet/><bpmn:outputSet/></bpmn:ioSpecification>",
    )
    jbpm = told_nothing.replace(b"<bpmn:definitions ", b'<bpmn:definitions xmlns:tns="http://www.jboss.org/drools" ')

    def severity(diagram: bytes) -> Severity:
        return next(one.severity for one in lint(diagram) if one.code == "message_data")

    assert severity(told_nothing) is Severity.ERROR
    assert severity(jbpm) is Severity.INFO


def test_nobody_is_asked_for_types_of_expressions_at_deployment() -> None:
    assert "expression_informal" in codes(typed(timer("PT1H")))
    assert "expression_informal" not in codes(typed(timer("PT1H")), LintContext(is_to_run=True))


def test_what_another_language_says_is_called_by_its_name() -> None:
    xpath = choice("exclusiveGateway", "count(/order/line) > 1 and", "b").replace(
        b' id="definitions"', b' id="definitions" expressionLanguage="http://www.w3.org/1999/XPath"'
    )
    groovy = process(line(node("scriptTask", "s", "<bpmn:script>def a = 1</bpmn:script>", scriptFormat="groovy")))

    messages = [one.message for data in (xpath, groovy) for one in lint(data) if one.severity is Severity.ERROR]

    assert ["is in http://www.w3.org/1999/XPath, which the engine cannot run" in one for one in messages] == [
        True,
        False,
    ]
    assert "is in groovy, which the engine cannot run" in messages[1]


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    found = lint(process(line(node("serviceTask", "s", parcelflow_operation="wrte"))), KNOWN)

    assert "did you mean “write”?" in found[0].message


CONSTRUCTS: Final[Mapping[Construct, bytes]] = {
    Construct.EVENT_SUBPROCESS: beside(
        node("subProcess", "x", event("startEvent", "in", "error"), triggeredByEvent="true")
    ),
    Construct.COMPENSATION: boundary("compensate", HANDLER),
    Construct.COMPLEX_GATEWAY: process(line(node("complexGateway", "x"))),
    Construct.AD_HOC_CONDITION: inside(
        f"{TASK}<bpmn:completionCondition>a</bpmn:completionCondition>", kind="adHocSubProcess"
    ),
    Construct.TRANSACTION_CANCEL: inside(
        node("startEvent", "in") + event("endEvent", "x", "cancel") + flow("in", "x"), kind="transaction"
    ),
    Construct.MULTIPLE_EVENT: process(
        line(
            node(
                "intermediateCatchEvent",
                "x",
                f"{CATCH.split('>', 1)[1].rsplit('<', 1)[0]}{TICK.split('>', 1)[1].rsplit('<', 1)[0]}",
            )
        ),
        MESSAGE,
    ),
    Construct.PARALLEL_MULTIPLE_EVENT: process(
        line(
            node(
                "intermediateCatchEvent",
                "x",
                f"{CATCH.split('>', 1)[1].rsplit('<', 1)[0]}{TICK.split('>', 1)[1].rsplit('<', 1)[0]}",
                parallelMultiple="true",
            )
        ),
        MESSAGE,
    ),
    Construct.MULTI_INSTANCE_EVENTS: looped(
        MI.format(' behavior="One"', "<bpmn:loopCardinality>2</bpmn:loopCardinality>")
    ),
    Construct.PARALLEL_EVENT_GATEWAY: process(
        node("eventBasedGateway", "x", instantiate="true", eventGatewayType="Parallel")
        + CATCH
        + TICK
        + flow("x", "catch")
        + flow("x", "tick"),
        MESSAGE,
    ),
    Construct.CHOREOGRAPHY: beside(node("choreographyTask", "x")),
}


@pytest.mark.parametrize("construct", Construct)
def test_what_the_engine_cannot_run_is_refused_and_what_it_can_is_not(construct: Construct) -> None:
    refused = any(
        one.code == "unsupported_element" and f": {construct};" in one.message for one in lint(CONSTRUCTS[construct])
    )

    assert refused == (construct in UNSUPPORTED)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (two_pools("t", "e2"), "leads to “e2”, an end event, where none can."),
        (two_pools("gate", "t2"), "leads from “gate”, a parallel gateway, where none can."),
        (beside(node("serviceTask", "work")), "The id “work” is used twice; an element of the kind serviceTask needs"),
        (beside("<bpmn:task/>"), "Give an element of the kind task an id; it has none."),
        (process(line(node("serviceTask", "s"))), "names no operation, so it does nothing"),
        (
            process(line(node("serviceTask", "s", operationRef="op")), ASKED),
            "names an operationRef, but no operation of ours (parcelflow:operation), so it does nothing",
        ),
        (gateway("parallelGateway", 1, 2, gatewayDirection="Converging"), "but has 1 flow in and 2 out."),
        (gateway("parallelGateway", 2, 1, gatewayDirection="Diverging"), "but has 2 flows in and 1 out."),
        (
            beside(TWO_INPUTS + flow("work", "z"), ERROR_X),
            "has 2 inputs for 1 definition;",
        ),
    ],
)
def test_findings_are_said_in_sound_sentences(data: bytes, says: str) -> None:
    assert [one.message for one in lint(data) if says in one.message]


def test_a_choreography_beside_a_process_is_a_picture() -> None:
    found = [(one.element, one.code, one.severity) for one in lint(process(line(TASK), DANCE))]

    assert found == [("dance", "unsupported_element", Severity.INFO)]


def test_a_choreography_alone_is_nothing_to_run() -> None:
    def severity(context: LintContext) -> list[Severity]:
        return [one.severity for one in lint(definitions(DANCE), context) if one.code == "unsupported_element"]

    assert severity(LintContext()) == [Severity.WARNING]
    assert severity(LintContext(is_to_run=True)) == [Severity.ERROR]


@pytest.mark.parametrize("reference", ["elsewhere", "other:work"])
def test_items_that_are_not_in_the_file_are_no_errors(reference: str) -> None:
    data = beside(f'<bpmn:property xmlns:other="elsewhere" id="held" itemSubjectRef="{reference}"/>')
    found = [one.severity for one in lint(data) if one.code == "reference_astray"]

    assert found == ([Severity.WARNING] if reference == "elsewhere" else [])


def test_data_that_a_lane_lists_is_no_error() -> None:
    lane = node("lane", "lane", "<bpmn:flowNodeRef>data</bpmn:flowNodeRef>", name="Desk")
    data = beside(node("laneSet", "lanes", lane) + node("dataObject", "data"))

    assert [one.severity for one in lint(data) if one.code == "reference_astray"] == [Severity.WARNING]


def test_findings_are_counted_and_errors_are_never_hidden_by_advice() -> None:
    tasks = "".join(node("userTask", f"island_{number}") for number in range(MAXIMUM_FINDINGS))
    found = lint(beside(tasks + flow("work", "nowhere")))

    assert len(found) == MAXIMUM_FINDINGS + 1
    assert found[0].code == "unknown_reference"
    assert found[-1].code == "too_many_findings"


def test_two_thousand_nodes_are_checked() -> None:
    data = process(line(*(node("userTask", f"t{number}", parcelflow_assignee="a") for number in range(1_990))))

    assert not [one for one in lint(data) if one.severity is Severity.ERROR]


def test_a_diagram_without_errors_can_be_rewritten() -> None:
    for _, broken, sound in CASES:
        for data in (broken, sound):
            diagram = read(data)
            if not any(one.severity is Severity.ERROR for one in lint_diagram(diagram)):
                normalise(diagram)


def test_the_shipped_diagrams_have_no_errors() -> None:
    files = sorted((ROOT / "workflows").rglob("*.bpmn"))

    assert files
    for file in files:
        assert [one for one in lint(file.read_bytes()) if one.severity is Severity.ERROR] == []


def test_every_code_is_documented() -> None:
    written = set(
        re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "lint.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "engine" / "diagrams").glob("*.py"))
    used = {"id_in_two_files"} | set(re.findall(r"_refused\(\s*file,\s*\"([a-z_]+)\"", source)) | set(LAWS)

    assert written == used


def test_the_documents_give_the_severity_and_clause_of_each_law() -> None:
    text = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")

    for code, law in LAWS.items():
        (row,) = re.findall(rf"^\| `{code}` \| (\w+)[^|]* \| *([\d.]*) *\|", text, re.MULTILINE)
        assert row == (law.severity, law.clause.split(" ")[0]), code
        assert (f"| `{code}` | error, info at deployment |" in text) == law.is_formal, code


def test_our_attributes_are_all_read() -> None:
    files = (ROOT / "engine" / "diagrams" / name for name in ("vocabulary.py", "attributes.py"))
    source = "".join(file.read_text(encoding="utf-8") for file in files)

    for name in vocabulary.OUR_ATTRIBUTES:
        assert source.count(f'"{name.split("}")[1]}"') >= 2 or name.endswith(("collection", "elementVariable"))
