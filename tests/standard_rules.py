"""The rules of BPMN 2.0.2 (ISO/IEC 19510) on what a valid model is: for each a small diagram that breaks it, and a sound twin.

A twin differs in what the rule is about and in nothing else, so a check that is too strict is noticed as much as one that sleeps.
"""

from typing import Final, NamedTuple

from drawing_board import definitions, flow, line, node, process


class Rule(NamedTuple):
    """One rule: the code it is reported by, what it says, and the two diagrams."""

    code: str
    says: str
    broken: bytes
    sound: bytes


AROUND: Final = (
    '<bpmn:message id="m" name="M"/><bpmn:signal id="g" name="G"/><bpmn:error id="x" errorCode="X"/>'
    '<bpmn:escalation id="y" escalationCode="Y"/><bpmn:itemDefinition id="item"/>'
)
DEFINITIONS: Final = {
    "none": "",
    "message": '<bpmn:messageEventDefinition messageRef="m"/>',
    "timer": "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>",
    "error": '<bpmn:errorEventDefinition errorRef="x"/>',
    "escalation": '<bpmn:escalationEventDefinition escalationRef="y"/>',
    "cancel": "<bpmn:cancelEventDefinition/>",
    "compensation": "<bpmn:compensateEventDefinition/>",
    "conditional": (
        "<bpmn:conditionalEventDefinition><bpmn:condition>a</bpmn:condition></bpmn:conditionalEventDefinition>"
    ),
    "link": '<bpmn:linkEventDefinition name="L"/>',
    "signal": '<bpmn:signalEventDefinition signalRef="g"/>',
    "terminate": "<bpmn:terminateEventDefinition/>",
}
PLACES: Final[dict[str, str]] = {
    "start of a process": "none message timer conditional signal",
    "start of a subprocess": "none",
    "start of an event subprocess, interrupting": "message timer error escalation compensation conditional signal",
    "start of an event subprocess, not interrupting": "message timer escalation conditional signal",
    "catching": "message timer conditional link signal",
    "boundary, interrupting": "message timer error escalation cancel compensation conditional signal",
    "boundary, not interrupting": "message timer escalation conditional signal",
    "throwing": "none message escalation compensation link signal",
    "end": "none message error escalation cancel compensation signal terminate",
}
"""Which event may stand where (Table 10.93)."""
TASK: Final = node("task", "t")
START: Final = node("startEvent", "start")
END: Final = node("endEvent", "end")
GOOD: Final = process(line(TASK), AROUND)


def an_event(place: str, definition: str) -> bytes:
    """Draw an event at a place, with all else as it must be."""
    inside = node("startEvent", "z", definition) + node("endEvent", "ze") + flow("z", "ze")
    loose = inside.replace('"z"', '"z" isInterrupting="false"', 1)
    drawn = {
        "start of a process": line(TASK) + node("startEvent", "z", definition) + flow("z", "t"),
        "start of a subprocess": line(node("subProcess", "t", inside)),
        "start of an event subprocess, interrupting": line(TASK)
        + node("subProcess", "h", inside, triggeredByEvent="true"),
        "start of an event subprocess, not interrupting": line(TASK)
        + node("subProcess", "h", loose, triggeredByEvent="1"),
        "catching": line(TASK) + _between("intermediateCatchEvent", definition),
        "boundary, interrupting": _on_border(definition, "true"),
        "boundary, not interrupting": _on_border(definition, "false"),
        "throwing": line(TASK) + _between("intermediateThrowEvent", definition),
        "end": line(_transaction(definition)),
    }
    return process(drawn[place], AROUND)


def _between(kind: str, definition: str) -> str:
    """Put an event between two tasks; a link event has no flow on the side of the link, but a partner there."""
    drawn = node("task", "a") + flow("t", "a") + node(kind, "z", definition) + node("endEvent", "b")
    if "link" not in definition:
        return drawn + flow("a", "z") + flow("z", "b")
    throws = kind == "intermediateThrowEvent"
    other = "intermediateCatchEvent" if throws else "intermediateThrowEvent"
    flows = flow("a", "z") + flow("o", "b") if throws else flow("a", "o") + flow("z", "b")
    return drawn + node(other, "o", definition) + flows


def _on_border(definition: str, cancels: str) -> str:
    edge = node("boundaryEvent", "z", definition, attachedToRef="t", cancelActivity=cancels)
    if "compensate" in definition:
        handler = (
            node("task", "u", isForCompensation="true") + '<bpmn:association id="as" sourceRef="z" targetRef="u"/>'
        )
        return line(TASK) + edge + handler
    kind = "transaction" if "cancel" in definition else "task"
    return line(node(kind, "t")) + edge + flow("z", "end")


def _handling(kind: str) -> str:
    """Draw what lies in an event subprocess that such an event starts."""
    return node("startEvent", "i", DEFINITIONS[kind]) + node("endEvent", "ie") + flow("i", "ie")


def _transaction(definition: str) -> str:
    inside = node("startEvent", "i") + node("endEvent", "z", definition) + flow("i", "z")
    return node("transaction" if "cancel" in definition else "subProcess", "t", inside)


def _link(key: str, name: str, **ends: str) -> str:
    """Draw a link event after the task or before the end, whose definition names others as its source or target."""
    named = "".join(f"<bpmn:{end}>{other}_link</bpmn:{end}>" for end, other in ends.items())
    definition = f'<bpmn:linkEventDefinition id="{key}_link" name="{name}">{named}</bpmn:linkEventDefinition>'
    throws = key.startswith("out")
    drawn = node("intermediateThrowEvent" if throws else "intermediateCatchEvent", key, definition)
    return drawn + (flow("t", key) if throws else node("endEvent", f"{key}_end") + flow(key, f"{key}_end"))


def _waiting(tag: str, text: str) -> str:
    """Draw an event that waits for a time."""
    definition = f"<bpmn:timerEventDefinition><bpmn:{tag}>{text}</bpmn:{tag}></bpmn:timerEventDefinition>"
    return node("intermediateCatchEvent", "t", definition)


def _telling(cancels: str) -> bytes:
    """Draw two instances that each throw a signal when they end, and an event at their task that catches it."""
    told = MI.format(' behavior="None" noneBehaviorEventRef="told"', COUNT)
    edge = node("boundaryEvent", "z", DEFINITIONS["signal"], attachedToRef="t", cancelActivity=cancels)
    around = AROUND + '<bpmn:signalEventDefinition id="told" signalRef="g"/>'
    return process(line(node("task", "t", told)) + edge + flow("z", "end"), around)


def two_pools(source: str, target: str, more: str = "") -> bytes:
    """Draw a message flow between two pools with processes and one without."""
    first = (
        line(TASK, node("parallelGateway", "gate"), node("intermediateThrowEvent", "throw", DEFINITIONS["message"]))
        + node("endEvent", "told", DEFINITIONS["message"])
        + flow("t", "told")
        + flow("gate", "told")
        + node("textAnnotation", "note")
    )
    second = (
        node("startEvent", "called", DEFINITIONS["message"])
        + node("startEvent", "plain")
        + node("task", "t2")
        + node("intermediateCatchEvent", "catch", DEFINITIONS["message"])
        + node("intermediateCatchEvent", "tick", DEFINITIONS["timer"])
        + node("endEvent", "e2")
        + "".join(map(flow, ("called", "plain", "t2", "catch", "tick"), ("t2", "t2", "catch", "tick", "e2")))
    )
    pools = (
        '<bpmn:collaboration id="c"><bpmn:participant id="first" processRef="p"/><bpmn:participant id="second" processRef="q"/>'
        f'<bpmn:participant id="outside">{more}</bpmn:participant>'
        f'<bpmn:messageFlow id="mf" sourceRef="{source}" targetRef="{target}"/></bpmn:collaboration>'
    )
    return definitions(
        f'{AROUND}{pools}<bpmn:process id="p" isExecutable="true">{first}</bpmn:process>'
        f'<bpmn:process id="q" isExecutable="true">{second}</bpmn:process>'
    )


def gateway(kind: str, into: int, out: int, condition: str = "", **attributes: str) -> bytes:
    """Draw a gateway with so many flows in and out."""
    ways_in = "".join(node("task", f"i{n}") + flow(f"i{n}", "g") for n in range(into))
    ways_out = "".join(node("endEvent", f"o{n}") + flow("g", f"o{n}", condition if n else "") for n in range(out))
    started = "".join(flow("start", f"i{n}") for n in range(into))
    return process(
        START + node(kind, "g", default="g_o0" if condition else "", **attributes) + ways_in + ways_out + started
    )


def awaiting(*targets: str, more: str = "", **attributes: str) -> bytes:
    """Draw an event-based gateway with these behind it."""
    keys = [one.split('id="', 1)[1].split('"', 1)[0] for one in targets]
    flows = "".join(flow("wait", key) + flow(key, "end") for key in keys)
    starts = "instantiate" in attributes
    head = "" if starts else START + flow("start", "wait")
    return process(
        head + node("eventBasedGateway", "wait", **attributes) + "".join(targets) + END + flows + more, AROUND
    )


def catching(key: str, definition: str) -> str:
    """Draw a catching event."""
    return node("intermediateCatchEvent", key, DEFINITIONS[definition])


def task(inside: str = "", kind: str = "task", more: str = "", **attributes: str) -> bytes:
    """Draw a task with something in it."""
    return process(line(node(kind, "t", inside, **attributes)) + more, AROUND)


def io(inputs: str = "", outputs: str = "", sets: str = "<bpmn:inputSet/><bpmn:outputSet/>") -> str:
    """Write a specification of inputs and outputs."""
    return f"<bpmn:ioSpecification>{inputs}{outputs}{sets}</bpmn:ioSpecification>"


def _level(*parts: str) -> str:
    """Draw a subprocess with one task, and whatever of its start, its end and the flows between them is drawn."""
    drawn = {*parts} | ({START_IN} if FIRST in parts else set()) | ({END_IN} if LAST in parts else set())
    return node("subProcess", "s", node("task", "st") + "".join(sorted(drawn)))


def ad_hoc(body: str) -> bytes:
    """Draw an ad-hoc subprocess."""
    return process(line(node("adHocSubProcess", "t", body)))


def thrown(kind: str) -> str:
    """Draw an end event that throws something which is not defined."""
    return node("endEvent", "z", f'<bpmn:{kind}EventDefinition {kind}Ref="nobody"/>') + flow("t", "z")


SUB: Final = node(
    "subProcess",
    "s",
    node("startEvent", "si") + node("task", "st") + node("endEvent", "se") + flow("si", "st") + flow("st", "se"),
)
LISTED: Final = process(
    node("startEvent", "start", "<bpmn:outgoing>start_t</bpmn:outgoing>")
    + node("task", "t", "<bpmn:incoming>start_t</bpmn:incoming><bpmn:outgoing>t_end</bpmn:outgoing>")
    + node("endEvent", "end", "<bpmn:incoming>t_end</bpmn:incoming>")
    + flow("start", "t")
    + flow("t", "end")
)
START_IN: Final = node("startEvent", "si")
END_IN: Final = node("endEvent", "se")
FIRST: Final = flow("si", "st")
LAST: Final = flow("st", "se")
INPUT: Final = '<bpmn:dataInput id="in"/>'
INPUT_SET: Final = "<bpmn:inputSet><bpmn:dataInputRefs>in</bpmn:dataInputRefs></bpmn:inputSet><bpmn:outputSet/>"
STORED: Final = '<bpmn:dataObject id="d"/><bpmn:dataObject id="d2"/>'
ASSOCIATION: Final = (
    '<bpmn:property id="held"/><bpmn:dataInputAssociation id="da"><bpmn:sourceRef>{}</bpmn:sourceRef>{}'
    "<bpmn:targetRef>held</bpmn:targetRef></bpmn:dataInputAssociation>"
)
SECOND: Final = "<bpmn:sourceRef>d2</bpmn:sourceRef>"
MI: Final = "<bpmn:multiInstanceLoopCharacteristics{}>{}</bpmn:multiInstanceLoopCharacteristics>"
COUNT: Final = "<bpmn:loopCardinality>2</bpmn:loopCardinality>"
HANDLER: Final = node("task", "u", isForCompensation="true")
CAUGHT: Final = line(TASK) + node("boundaryEvent", "z", DEFINITIONS["compensation"], attachedToRef="t")
LED: Final = '<bpmn:association id="as" sourceRef="z" targetRef="u"/>'
TIMES: Final = "<bpmn:timerEventDefinition><bpmn:timeDate>2030-01-01</bpmn:timeDate>{}</bpmn:timerEventDefinition>"
RECEIVER: Final = node("receiveTask", "r", messageRef="m")
OTHER: Final = (
    f'<bpmn:process id="q" isExecutable="true">{node("startEvent", "s2")}{node("endEvent", "e2")}'
    f"{flow('s2', 'e2')}</bpmn:process>"
)
LINKS: Final = node("intermediateThrowEvent", "out", DEFINITIONS["link"]) + flow("t", "out")
MULTIPLICITY: Final = "<bpmn:participantMultiplicity {}/>"

RULES: Final[list[Rule]] = [
    # 7.6.1, 10.2: sequence flows
    Rule(
        "flow_crosses_pool",
        "a sequence flow stays in its pool",
        process(line(TASK) + flow("t", "e2"), OTHER),
        process(line(TASK), OTHER),
    ),
    Rule(
        "flow_crosses_subprocess",
        "a flow does not enter a subprocess",
        process(line(SUB) + flow("start", "st")),
        process(line(SUB)),
    ),
    Rule(
        "flow_crosses_subprocess",
        "a flow does not leave a subprocess",
        process(line(SUB) + flow("st", "end")),
        process(line(SUB)),
    ),
    Rule(
        "wrong_reference",
        "a flow does not leave an annotation",
        process(line(TASK) + node("textAnnotation", "n") + flow("n", "t")),
        process(line(TASK) + node("textAnnotation", "n")),
    ),
    Rule(
        "wrong_reference",
        "a flow does not lead to a data object",
        process(line(TASK) + node("dataObject", "n") + flow("t", "n")),
        process(line(TASK) + node("dataObject", "n")),
    ),
    Rule("unknown_reference", "a flow has a source", process(line(TASK) + flow("nobody", "t")), GOOD),
    Rule(
        "unknown_reference",
        "a flow has a target",
        process(line(TASK) + '<bpmn:sequenceFlow id="f" sourceRef="t"/>'),
        GOOD,
    ),
    Rule("start_with_incoming", "no flow leads to a start event", process(line(TASK) + flow("t", "start")), GOOD),
    Rule("end_with_outgoing", "no flow leaves an end event", process(line(TASK) + flow("end", "t")), GOOD),
    Rule(
        "event_not_connected",
        "a flow leaves a start event",
        process(line(TASK) + node("startEvent", "z", DEFINITIONS["message"]), AROUND),
        GOOD,
    ),
    Rule("event_not_connected", "a flow leads to an end event", process(line(TASK) + node("endEvent", "z")), GOOD),
    Rule(
        "event_not_connected",
        "a flow leaves a catching event",
        process(line(TASK) + catching("z", "timer") + flow("t", "z")),
        process(line(TASK, catching("z", "timer"))),
    ),
    Rule(
        "event_not_connected",
        "a flow leads to a catching event",
        process(line(TASK) + catching("z", "timer") + flow("z", "t")),
        process(line(TASK, catching("z", "timer"))),
    ),
    Rule(
        "event_not_connected",
        "a flow leaves a throwing event",
        process(line(TASK) + node("intermediateThrowEvent", "z") + flow("t", "z")),
        process(line(node("intermediateThrowEvent", "z"))),
    ),
    Rule(
        "event_not_connected",
        "a flow leaves a boundary event",
        process(line(TASK) + node("boundaryEvent", "z", DEFINITIONS["timer"], attachedToRef="t")),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "boundary_with_incoming",
        "no flow leads to a boundary event",
        process(_on_border(DEFINITIONS["timer"], "true") + flow("start", "z")),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "event_subprocess_with_flows",
        "no flow leads to an event subprocess",
        process(line(TASK) + node("subProcess", "h", _handling("timer"), triggeredByEvent="true") + flow("t", "h")),
        process(line(TASK) + node("subProcess", "h", _handling("timer"), triggeredByEvent="true")),
    ),
    Rule(
        "no_start",
        "something starts a process",
        process(TASK + node("task", "a") + flow("t", "a") + flow("a", "t")),
        process(TASK + node("task", "a") + flow("t", "a")),
    ),
    # 10.5: starts and ends of a level
    *(
        Rule(code, says, process(bad), process(good))
        for code, says, bad, good in (
            ("no_end", "what has a start has an end", START + TASK + flow("start", "t"), line(TASK)),
            ("no_start_event", "what has an end has a start", TASK + END + flow("t", "end"), line(TASK)),
            (
                "no_end",
                "a subprocess with a start has an end",
                line(_level(START_IN, FIRST)),
                line(_level(START_IN, FIRST, LAST)),
            ),
            (
                "no_start_event",
                "a subprocess with an end has a start",
                line(_level(END_IN, LAST)),
                line(_level(END_IN, LAST, FIRST)),
            ),
            (
                "node_not_connected",
                "where a start event starts, no task does",
                line(TASK) + node("task", "a") + flow("a", "end"),
                line(TASK, node("task", "a")),
            ),
            (
                "node_not_connected",
                "where an end event ends, no task does",
                line(TASK) + node("task", "a") + flow("t", "a"),
                line(TASK, node("task", "a")),
            ),
            (
                "node_not_connected",
                "where a start event starts, no gateway does",
                line(TASK) + node("exclusiveGateway", "a") + flow("a", "t"),
                TASK + node("exclusiveGateway", "a") + flow("a", "t"),
            ),
            (
                "node_not_connected",
                "in a subprocess each task is led to",
                line(_level(START_IN, FIRST, LAST, END_IN, node("task", "a"), flow("a", "se"))),
                line(_level(START_IN, FIRST, LAST, END_IN)),
            ),
            (
                "node_not_connected",
                "a flow leads to a throwing event where nothing starts",
                TASK + node("intermediateThrowEvent", "z") + flow("z", "t"),
                TASK + node("intermediateThrowEvent", "z") + flow("t", "z") + node("task", "a") + flow("z", "a"),
            ),
            (
                "node_not_connected",
                "a flow leaves a catching event where nothing ends",
                TASK + catching("z", "timer") + flow("t", "z"),
                TASK + catching("z", "timer") + flow("t", "z") + node("task", "a") + flow("z", "a"),
            ),
        )
    ),
    # 7.6.2, 9.3: collaborations
    *(
        Rule("message_flow_end", says, two_pools(*ends), two_pools(*sound))
        for says, ends, sound in (
            ("a message does not leave a gateway", ("gate", "t2"), ("t", "t2")),
            ("a message does not reach a gateway", ("outside", "gate"), ("outside", "t")),
            ("a message does not leave a start event", ("called", "t"), ("t2", "t")),
            ("a message does not reach an end event", ("outside", "told"), ("told", "outside")),
            ("a message does not leave a catching event", ("catch", "t"), ("t2", "t")),
            ("a message does not reach a throwing event", ("outside", "throw"), ("throw", "outside")),
            ("a message reaches no event that waits for the time", ("outside", "tick"), ("outside", "catch")),
            ("a message reaches no plain start event", ("outside", "plain"), ("outside", "called")),
            ("a message leaves no plain end event", ("end", "outside"), ("told", "outside")),
            ("a message does not leave an annotation", ("note", "t2"), ("first", "t2")),
        )
    ),
    *(
        Rule("message_flow_inside_pool", says, two_pools(*ends), two_pools(*sound))
        for says, ends, sound in (
            ("a message leads to another pool", ("t", "throw"), ("throw", "second")),
            ("a message does not lead from a pool into it", ("second", "t2"), ("first", "t2")),
            ("a message does not lead out of a pool to it", ("t", "first"), ("t", "second")),
            ("a message does not lead from a pool to itself", ("outside", "outside"), ("outside", "second")),
        )
    ),
    Rule("unknown_reference", "a message flow has two ends", two_pools("t", "nobody"), two_pools("t", "t2")),
    Rule(
        "participant_count",
        "participants are not fewer than none",
        two_pools("t", "t2", MULTIPLICITY.format('minimum="-1"')),
        two_pools("t", "t2", MULTIPLICITY.format('minimum="0"')),
    ),
    Rule(
        "participant_count",
        "at most one participant or more",
        two_pools("t", "t2", MULTIPLICITY.format('maximum="0"')),
        two_pools("t", "t2", MULTIPLICITY.format('maximum="1"')),
    ),
    Rule(
        "participant_count",
        "the maximum is not below the minimum",
        two_pools("t", "t2", MULTIPLICITY.format('minimum="3" maximum="2"')),
        two_pools("t", "t2", MULTIPLICITY.format('minimum="2" maximum="2"')),
    ),
    # 8.3: ids and references
    Rule(
        "duplicate_id",
        "an id is used once",
        process(line(TASK) + node("dataObject", "t")),
        process(line(TASK) + node("dataObject", "d")),
    ),
    Rule("missing_id", "a flow node has an id", process(line(TASK) + "<bpmn:task/>"), GOOD),
    Rule(
        "not_a_boolean",
        "yes or no is said as true or false",
        process(line(TASK), attributes='isExecutable="yes"'),
        GOOD,
    ),
    Rule(
        "not_a_boolean",
        "interrupting is true or false",
        process(_on_border(DEFINITIONS["timer"], "maybe")),
        process(_on_border(DEFINITIONS["timer"], "0")),
    ),
    Rule(
        "unknown_element", "a process holds what the standard knows", process(line(TASK) + "<bpmn:taks id='k'/>"), GOOD
    ),
    Rule(
        "unsupported_element",
        "a process holds no choreography",
        process(line(TASK) + node("choreographyTask", "k")),
        GOOD,
    ),
    Rule(
        "unsupported_element",
        "a subprocess holds no choreography",
        process(line(node("subProcess", "t", node("callChoreography", "k")))),
        process(line(node("subProcess", "t"))),
    ),
    *(
        Rule(
            "unknown_reference",
            f"a {attribute} leads somewhere",
            task(kind=kind, **{attribute: "nobody"}),
            task(kind=kind, **good),
        )
        for kind, attribute, good in (
            ("receiveTask", "messageRef", {"messageRef": "m"}),
            ("sendTask", "operationRef", {"messageRef": "m"}),
            ("serviceTask", "operationRef", {"parcelflow_operation": "write"}),
        )
    ),
    *(
        Rule(
            "unknown_reference",
            f"an event names a {kind} that exists",
            task(more=bad),
            task(more=bad.replace("nobody", good)),
        )
        for kind, good in (("message", "m"), ("signal", "g"), ("error", "x"), ("escalation", "y"))
        for bad in (thrown(kind),)
    ),
    Rule(
        "wrong_reference",
        "a message is a message",
        task(kind="receiveTask", messageRef="g"),
        task(kind="receiveTask", messageRef="m"),
    ),
    Rule(
        "wrong_reference",
        "an error is an error",
        process(_on_border('<bpmn:errorEventDefinition errorRef="m"/>', "true"), AROUND),
        process(_on_border(DEFINITIONS["error"], "true"), AROUND),
    ),
    Rule(
        "wrong_reference",
        "a process is called, or a global task",
        task(kind="callActivity", calledElement="m"),
        process(line(node("callActivity", "t", calledElement="q")), OTHER),
    ),
    Rule(
        "wrong_reference",
        "what is compensated is an activity",
        task(more=node("endEvent", "z", '<bpmn:compensateEventDefinition activityRef="start"/>') + flow("t", "z")),
        task(more=node("endEvent", "z", '<bpmn:compensateEventDefinition activityRef="t"/>') + flow("t", "z")),
    ),
    Rule(
        "unknown_reference",
        "a node lists flows that exist",
        task("<bpmn:incoming>nothing</bpmn:incoming>"),
        LISTED,
    ),
    Rule(
        "wrong_reference",
        "a node lists only flows",
        task("<bpmn:outgoing>end</bpmn:outgoing>"),
        LISTED,
    ),
    Rule(
        "compensation_not_interrupting",
        "compensation leaves nothing going on",
        process(_on_border(DEFINITIONS["compensation"], "false")),
        process(_on_border(DEFINITIONS["compensation"], "true")),
    ),
    Rule(
        "flow_listed_once",
        "a flow that its source lists is listed by its target",
        task("<bpmn:outgoing>t_end</bpmn:outgoing>"),
        LISTED,
    ),
    Rule(
        "flow_listed_once",
        "a flow that its target lists is listed by its source",
        task("<bpmn:incoming>start_t</bpmn:incoming>"),
        task(),
    ),
    Rule(
        "called_without_start",
        "a process that is called has a plain start",
        process(
            line(node("callActivity", "t", calledElement="q")),
            AROUND + OTHER.replace('"s2">', f'"s2">{DEFINITIONS["message"]}', 1),
        ),
        process(line(node("callActivity", "t", calledElement="q")), AROUND + OTHER),
    ),
    Rule(
        "called_without_start",
        "a process that is called may have other starts too",
        process(
            line(node("callActivity", "t", calledElement="q")),
            AROUND + OTHER.replace('"s2">', f'"s2">{DEFINITIONS["signal"]}', 1),
        ),
        process(
            line(node("callActivity", "t", calledElement="q")),
            AROUND
            + OTHER.replace(
                "</bpmn:process>", f"{node('startEvent', 's3', DEFINITIONS['signal'])}{flow('s3', 'e2')}</bpmn:process>"
            ),
        ),
    ),
    *(
        Rule(
            "timer_word",
            f"a word is no {tag}",
            process(line(_waiting(tag, "INVALID"))),
            process(line(_waiting(tag, good))),
        )
        for tag, good in (("timeDate", "due"), ("timeDuration", "wait"), ("timeCycle", "R3/PT1H"))
    ),
    Rule(
        "unknown_reference",
        "an association has two ends",
        task(more='<bpmn:association id="a" sourceRef="t" targetRef="nobody"/>'),
        task(more='<bpmn:association id="a" sourceRef="t" targetRef="n"/>' + node("textAnnotation", "n")),
    ),
    Rule(
        "unknown_reference",
        "a data object reference has its object",
        task(more=node("dataObjectReference", "r", dataObjectRef="nobody")),
        task(more=node("dataObjectReference", "r", dataObjectRef="d") + STORED),
    ),
    Rule(
        "wrong_reference",
        "a data store reference has its store",
        task(more=node("dataStoreReference", "r", dataStoreRef="m")),
        task(more=node("dataStoreReference", "r", dataStoreRef="store")).replace(
            b"<bpmn:message", b'<bpmn:dataStore id="store"/><bpmn:message', 1
        ),
    ),
    # 8.4: conditions and defaults
    Rule(
        "condition_not_allowed",
        "a start event makes no choice",
        process(START + END + flow("start", "end", "a")),
        process(START + END + flow("start", "end")),
    ),
    Rule(
        "condition_not_allowed",
        "a parallel gateway makes no choice",
        gateway("parallelGateway", 1, 2, "a"),
        gateway("parallelGateway", 1, 2),
    ),
    Rule(
        "condition_not_allowed",
        "an event-based gateway has no conditions",
        awaiting(catching("a", "timer"), catching("b", "signal"), more=flow("wait", "a", "c", key="k")),
        awaiting(catching("a", "timer"), catching("b", "signal")),
    ),
    Rule(
        "gateway_without_choice",
        "a gateway has several flows in or several out",
        gateway("exclusiveGateway", 1, 1),
        gateway("exclusiveGateway", 2, 1),
    ),
    Rule(
        "wrong_default",
        "a default leaves its own gateway",
        gateway("exclusiveGateway", 1, 2, "a").replace(b'default="g_o0"', b'default="start_i0"'),
        gateway("exclusiveGateway", 1, 2, "a"),
    ),
    Rule(
        "wrong_default",
        "a default leaves its own activity",
        process(line(node("task", "t", default="start_t"))),
        process(line(node("task", "t", default="t_end"))),
    ),
    Rule(
        "wrong_default",
        "there is one default",
        gateway("inclusiveGateway", 1, 3, "a")
        .replace(b'"g_o0" g', b'"g_o0 g_o1" g')
        .replace(b'default="g_o0"', b'default="g_o0 g_o1"'),
        gateway("inclusiveGateway", 1, 3, "a"),
    ),
    Rule(
        "wrong_default",
        "a parallel gateway has no default",
        gateway("parallelGateway", 1, 2, default_="")
        .replace(b'default:=""', b'default="g_o1"')
        .replace(b'default=""', b"", 1),
        gateway("parallelGateway", 1, 2),
    ),
    Rule(
        "condition_on_default",
        "a default has no condition",
        gateway("exclusiveGateway", 1, 2, "a").replace(b'default="g_o0"', b'default="g_o1"'),
        gateway("exclusiveGateway", 1, 2, "a"),
    ),
    # 10.3: activities
    Rule(
        "boundary_attached_wrongly",
        "a boundary event is on no gateway",
        process(
            _on_border(DEFINITIONS["timer"], "true")
            .replace('<bpmn:task id="t"', '<bpmn:parallelGateway id="t"')
            .replace("</bpmn:task>", "</bpmn:parallelGateway>")
        ),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "boundary_attached_wrongly",
        "a boundary event is on no event",
        process(_on_border(DEFINITIONS["timer"], "true").replace('attachedToRef="t"', 'attachedToRef="end"')),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "boundary_attached_wrongly",
        "a boundary event is not on itself",
        process(_on_border(DEFINITIONS["timer"], "true").replace('attachedToRef="t"', 'attachedToRef="z"')),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "boundary_attached_wrongly",
        "a boundary event is on what lies beside it",
        process(line(SUB) + node("boundaryEvent", "z", DEFINITIONS["timer"], attachedToRef="st") + flow("z", "end")),
        process(line(SUB) + node("boundaryEvent", "z", DEFINITIONS["timer"], attachedToRef="s") + flow("z", "end")),
    ),
    Rule(
        "unknown_reference",
        "a boundary event is on something",
        process(_on_border(DEFINITIONS["timer"], "true").replace('attachedToRef="t"', 'attachedToRef="k"')),
        process(_on_border(DEFINITIONS["timer"], "true")),
    ),
    Rule(
        "subprocess_start",
        "a subprocess has one start event",
        process(
            line(SUB).replace('<bpmn:startEvent id="si">', '<bpmn:startEvent id="sj"/><bpmn:startEvent id="si">') + ""
        ),
        process(line(SUB)),
    ),
    Rule("ad_hoc_contents", "an ad-hoc subprocess has an activity", ad_hoc(""), ad_hoc(node("task", "a"))),
    Rule(
        "ad_hoc_contents",
        "an ad-hoc subprocess has no end event",
        ad_hoc(node("task", "a") + node("endEvent", "b") + flow("a", "b")),
        ad_hoc(node("task", "a") + node("task", "b") + flow("a", "b")),
    ),
    Rule(
        "subprocess_start",
        "an ad-hoc subprocess has no start event",
        ad_hoc(node("task", "a") + node("startEvent", "b") + flow("b", "a")),
        ad_hoc(node("task", "a") + node("task", "b") + flow("b", "a")),
    ),
    Rule(
        "receive_start",
        "no flow leads to a receive task that starts",
        task(kind="receiveTask", messageRef="m", instantiate="true"),
        process(node("receiveTask", "t", messageRef="m", instantiate="true") + END + flow("t", "end"), AROUND),
    ),
    Rule(
        "receive_start",
        "in a subprocess no receive task starts",
        process(line(node("subProcess", "s", node("receiveTask", "r", messageRef="m", instantiate="true"))), AROUND),
        process(line(node("subProcess", "s", RECEIVER)), AROUND),
    ),
    Rule("token_quantity", "an activity starts with a token", task(startQuantity="0"), task(startQuantity="1")),
    Rule(
        "token_quantity", "an activity ends with a token", task(completionQuantity="-1"), task(completionQuantity="1")
    ),
    Rule(
        "loop_twice",
        "an activity is repeated in one way",
        task(MI.format("", COUNT) + '<bpmn:standardLoopCharacteristics loopMaximum="2"/>'),
        task(MI.format("", COUNT)),
    ),
    Rule(
        "multi_instance_count", "instances are counted or listed", task(MI.format("", "")), task(MI.format("", COUNT))
    ),
    Rule(
        "multi_instance_count",
        "instances are not both counted and listed",
        task(MI.format(' parcelflow:collection="all"', COUNT)),
        task(MI.format(' parcelflow:collection="all"', "")),
    ),
    Rule(
        "multi_instance_behavior",
        "one event for all is named",
        task(MI.format(' behavior="One"', COUNT)),
        task(MI.format(' behavior="All"', COUNT)),
    ),
    Rule(
        "multi_instance_behavior",
        "an event for each is named",
        task(MI.format(' behavior="None"', COUNT)),
        task(MI.format(' behavior="All"', COUNT)),
    ),
    Rule(
        "multi_instance_behavior",
        "a complex behaviour is defined",
        task(MI.format(' behavior="Complex"', COUNT)),
        task(MI.format(' behavior="All"', COUNT)),
    ),
    Rule(
        "multi_instance_interrupted",
        "what an instance tells does not end the others",
        _telling("true"),
        _telling("false"),
    ),
    Rule(
        "negative_loop_maximum",
        "a loop has a maximum from 0",
        task('<bpmn:standardLoopCharacteristics loopMaximum="-1"/>'),
        task('<bpmn:standardLoopCharacteristics loopMaximum="1"/>'),
    ),
    Rule(
        "event_subprocess_start",
        "an event subprocess has a start event",
        task(more=node("subProcess", "h", node("task", "a"), triggeredByEvent="true")),
        task(more=node("subProcess", "h", _handling("error"), triggeredByEvent="true")),
    ),
    Rule(
        "event_subprocess_start",
        "an event subprocess has one start event",
        task(
            more=node(
                "subProcess",
                "h",
                _handling("error") + node("startEvent", "b", DEFINITIONS["signal"]) + flow("b", "ie"),
                triggeredByEvent="true",
            )
        ),
        task(more=node("subProcess", "h", _handling("error"), triggeredByEvent="true")),
    ),
    # 10.4: data
    Rule("data_on_subprocess", "a subprocess has no inputs of its own", task(io(), kind="subProcess"), task(io())),
    Rule(
        "data_on_subprocess",
        "a transaction has no inputs of its own",
        task(io(), kind="transaction"),
        task(io() + MI.format("", COUNT), kind="transaction"),
    ),
    Rule("data_sets", "inputs and outputs have sets", task(io(sets="")), task(io())),
    Rule("data_sets", "an input is in a set", task(io(INPUT)), task(io(INPUT, sets=INPUT_SET))),
    Rule(
        "unknown_reference", "a set lists inputs that exist", task(io(sets=INPUT_SET)), task(io(INPUT, sets=INPUT_SET))
    ),
    Rule(
        "data_association_ends",
        "an association has one source",
        task(ASSOCIATION.format("d", SECOND), more=STORED),
        task(ASSOCIATION.format("d", ""), more=STORED),
    ),
    Rule(
        "data_association_ends",
        "an association without transformation has one source",
        task(ASSOCIATION.format("d", SECOND), more=STORED),
        task(ASSOCIATION.format("d", f"{SECOND}<bpmn:transformation>d</bpmn:transformation>"), more=STORED),
    ),
    Rule(
        "unknown_reference",
        "an association has a source that exists",
        task(ASSOCIATION.format("nothing", "")),
        task(ASSOCIATION.format("d", ""), more=STORED),
    ),
    # 10.5: events
    Rule(
        "event_incomplete",
        "a timer has one time",
        process(line(node("intermediateCatchEvent", "z", TIMES.format("<bpmn:timeCycle>R/P1D</bpmn:timeCycle>")))),
        process(line(node("intermediateCatchEvent", "z", TIMES.format("")))),
    ),
    Rule(
        "event_incomplete",
        "a timer has a time",
        process(line(node("intermediateCatchEvent", "z", "<bpmn:timerEventDefinition/>"))),
        process(line(catching("z", "timer"))),
    ),
    Rule(
        "event_incomplete",
        "a conditional event has a condition",
        process(line(node("intermediateCatchEvent", "z", "<bpmn:conditionalEventDefinition/>"))),
        process(line(catching("z", "conditional"))),
    ),
    Rule(
        "cancel_outside_transaction",
        "a cancel event is on a transaction",
        process(
            line(node("subProcess", "t"))
            + node("boundaryEvent", "z", DEFINITIONS["cancel"], attachedToRef="t")
            + flow("z", "end")
        ),
        process(_on_border(DEFINITIONS["cancel"], "true")),
    ),
    Rule(
        "cancel_outside_transaction",
        "a cancel event ends a transaction",
        process(line(TASK) + node("endEvent", "z", DEFINITIONS["cancel"]) + flow("t", "z")),
        an_event("end", DEFINITIONS["cancel"]),
    ),
    Rule(
        "wrong_event",
        "several triggers are each allowed",
        process(line(node("intermediateCatchEvent", "z", DEFINITIONS["message"] + DEFINITIONS["error"])), AROUND),
        process(line(catching("z", "message")), AROUND),
    ),
    Rule(
        "wrong_event",
        "a definition referred to is allowed",
        process(
            line(node("intermediateCatchEvent", "z", "<bpmn:eventDefinitionRef>e</bpmn:eventDefinitionRef>")),
            '<bpmn:terminateEventDefinition id="e"/>',
        ),
        process(
            line(node("intermediateCatchEvent", "z", "<bpmn:eventDefinitionRef>e</bpmn:eventDefinitionRef>")),
            AROUND + '<bpmn:signalEventDefinition id="e" signalRef="g"/>',
        ),
    ),
    Rule(
        "link_without_target",
        "a link leads somewhere",
        process(line(TASK) + LINKS),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    Rule(
        "link_without_target",
        "a link stays in its subprocess",
        process(
            line(TASK)
            + LINKS
            + node("subProcess", "s2", catching("in", "link") + END.replace("end", "e3") + flow("in", "e3"))
            + flow("t", "s2")
        ),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    Rule(
        "link_without_source",
        "something leads to a catching link",
        process(line(TASK) + catching("in", "link") + flow("in", "end")),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    *(
        Rule(code, says, process(line(TASK) + "".join(bad)), process(line(TASK) + "".join(good)))
        for code, says, bad, good in (
            (
                "link_without_target",
                "a target names its source too",
                (_link("out", "a", target="in"), _link("in", "c", source="other"), _link("in2", "d", source="out")),
                (_link("out", "a", target="in"), _link("in", "c", source="out")),
            ),
            (
                "link_without_target",
                "a target lies beside its source",
                (
                    _link("out", "a", target="in"),
                    node("subProcess", "k", _link("in", "c", source="out")) + flow("t", "k"),
                ),
                (_link("out", "a", target="in"), _link("in", "c", source="out")),
            ),
            (
                "link_without_source",
                "a source names its target too",
                (_link("out", "a", target="in"), _link("in", "c"), _link("in2", "d", source="out")),
                (
                    _link("out", "a", target="in"),
                    _link("in", "c"),
                    _link("out2", "d"),
                    _link("in2", "e", source="out2"),
                ),
            ),
        )
    ),
    Rule(
        "link_target_twice",
        "a link leads to one place",
        process(
            line(TASK)
            + LINKS
            + catching("in", "link")
            + flow("in", "end")
            + catching("in2", "link")
            + flow("in2", "end")
        ),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    Rule(
        "link_with_flow",
        "no flow leaves a throwing link",
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end") + flow("out", "end")),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    Rule(
        "link_with_flow",
        "no flow leads to a catching link",
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end") + flow("t", "in")),
        process(line(TASK) + LINKS + catching("in", "link") + flow("in", "end")),
    ),
    # 10.6: gateways
    Rule(
        "gateway_without_outgoing",
        "a gateway leads on",
        gateway("exclusiveGateway", 1, 0),
        gateway("exclusiveGateway", 2, 1),
    ),
    *(
        Rule(
            "gateway_direction",
            f"what is {direction.lower()} has not {into} flows in and {out} out",
            gateway(kind, into, out, gatewayDirection=direction),
            gateway(kind, *sound, gatewayDirection=direction),
        )
        for kind in ("parallelGateway",)
        for direction, into, out, sound in (
            ("Converging", 2, 2, (2, 1)),
            ("Converging", 1, 1, (3, 1)),
            ("Diverging", 2, 2, (1, 2)),
            ("Diverging", 1, 1, (1, 3)),
            ("Mixed", 1, 2, (2, 2)),
            ("Mixed", 2, 1, (3, 3)),
        )
    ),
    Rule(
        "event_gateway_targets",
        "two events or more are awaited",
        awaiting(catching("a", "timer")),
        awaiting(catching("a", "timer"), catching("b", "signal")),
    ),
    Rule(
        "event_gateway_targets",
        "only events are awaited",
        awaiting(catching("a", "timer"), TASK),
        awaiting(catching("a", "timer"), RECEIVER),
    ),
    Rule(
        "event_gateway_targets",
        "no throwing event is awaited",
        awaiting(catching("a", "timer"), node("intermediateThrowEvent", "b")),
        awaiting(catching("a", "timer"), catching("b", "conditional")),
    ),
    Rule(
        "event_gateway_targets",
        "receive tasks and message events are not mixed",
        awaiting(catching("a", "message"), RECEIVER),
        awaiting(catching("a", "signal"), RECEIVER),
    ),
    Rule(
        "event_gateway_targets",
        "a receive task that is awaited has no boundary event",
        awaiting(
            catching("a", "timer"),
            RECEIVER,
            more=node("boundaryEvent", "z", DEFINITIONS["signal"], attachedToRef="r") + flow("z", "end"),
        ),
        awaiting(catching("a", "timer"), RECEIVER),
    ),
    Rule(
        "event_gateway_targets",
        "only the gateway leads to what it awaits",
        awaiting(catching("a", "timer"), catching("b", "signal"), more=flow("start", "a")),
        awaiting(catching("a", "timer"), catching("b", "signal")),
    ),
    Rule(
        "event_gateway_start",
        "no flow leads to a gateway that starts",
        awaiting(
            catching("a", "message"), catching("b", "signal"), instantiate="true", more=START + flow("start", "wait")
        ),
        awaiting(catching("a", "message"), catching("b", "signal"), instantiate="true"),
    ),
    Rule(
        "event_gateway_start",
        "only a gateway that starts waits for all",
        awaiting(catching("a", "timer"), catching("b", "signal"), eventGatewayType="Parallel"),
        awaiting(catching("a", "timer"), catching("b", "signal"), eventGatewayType="Exclusive"),
    ),
    # 10.7: compensation
    Rule(
        "compensation_without_handler",
        "a compensation event has a handler",
        process(CAUGHT),
        process(CAUGHT + HANDLER + LED),
    ),
    Rule(
        "compensation_without_handler",
        "a handler is marked for compensation",
        process(CAUGHT + HANDLER.replace("true", "false") + LED),
        process(CAUGHT + HANDLER + LED),
    ),
    Rule(
        "handler_with_flows",
        "no flow leaves a compensation event",
        process(CAUGHT + HANDLER + LED + flow("z", "u")),
        process(CAUGHT + HANDLER + LED),
    ),
    Rule(
        "handler_with_flows",
        "no flow leads to a handler",
        process(CAUGHT + HANDLER + LED + flow("t", "u")),
        process(CAUGHT + HANDLER + LED),
    ),
    Rule(
        "handler_with_flows",
        "no flow leaves a handler",
        process(CAUGHT + HANDLER + LED + flow("u", "end")),
        process(CAUGHT + HANDLER + LED),
    ),
]
