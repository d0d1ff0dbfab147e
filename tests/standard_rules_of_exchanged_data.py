"""The rules of BPMN 2.0.2, 10.4, on data: for each a small diagram that breaks it, a sound twin, and where the fault lies."""

from typing import Final

from drawing_board import flow, line, node, process
from standard_rules import AROUND, INPUT, STORED, TASK, Rule, io, task

OUTPUT: Final = '<bpmn:dataOutput id="out"/>'
ITEMS: Final = (
    '<bpmn:itemDefinition id="text" structureRef="xsd:string"/><bpmn:itemDefinition id="words" structureRef="String"/>'
    '<bpmn:itemDefinition id="number" structureRef="xsd:int"/><bpmn:itemDefinition id="open"/>'
    '<bpmn:message id="mt" name="MT" itemRef="text"/><bpmn:signal id="sn" name="SN" structureRef="number"/>'
    '<bpmn:error id="en" errorCode="EN" structureRef="number"/>'
    '<bpmn:escalation id="cn" escalationCode="CN" structureRef="number"/>'
)
MESSAGE: Final = '<bpmn:messageEventDefinition messageRef="mt"/>'
SIGNAL: Final = '<bpmn:signalEventDefinition signalRef="sn"/>'
TIMER: Final = "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>"


def a_set(kind: str, *held: str, key: str = "", **others: str) -> str:
    """Write an input or output set that holds these, and whatever else it names."""
    named = "".join(f"<bpmn:data{kind.capitalize()}Refs>{one}</bpmn:data{kind.capitalize()}Refs>" for one in held)
    named += "".join(f"<bpmn:{name}>{other}</bpmn:{name}>" for name, other in others.items())
    return f'<bpmn:{kind}Set id="{key or kind}_set">{named}</bpmn:{kind}Set>'


def of_process(inside: str) -> bytes:
    """Draw a process with an input and an output of its own, and a task with an association."""
    sets = a_set("input", "in") + a_set("output", "out")
    return process(io(INPUT, OUTPUT, sets) + line(node("task", "t", inside)) + STORED, AROUND)


def leads(source: str, target: str, more: str = "", kind: str = "Input") -> str:
    """Write a data association."""
    return (
        f'<bpmn:data{kind}Association id="da"><bpmn:sourceRef>{source}</bpmn:sourceRef>'
        f"<bpmn:targetRef>{target}</bpmn:targetRef>{more}</bpmn:data{kind}Association>"
    )


def carried(own: str, other: str, more: str = "", *, ours: str = "dataObject") -> bytes:
    """Draw a task into which an association carries data of one item definition to another."""
    outer = f'<bpmn:{ours} id="d" itemSubjectRef="{other}"/><bpmn:dataObjectReference id="r" dataObjectRef="d"/>'
    inner = f'<bpmn:property id="held" itemSubjectRef="{own}"/>{leads("r", "held", more)}'
    return process(outer + line(node("task", "t", inner)), ITEMS)


def bringing(*items: str, definitions: str) -> bytes:
    """Draw a catching event with outputs of these item definitions."""
    data = "".join(f'<bpmn:dataOutput id="o{n}" itemSubjectRef="{item}"/>' for n, item in enumerate(items))
    sets = a_set("output", *(f"o{n}" for n in range(len(items))))
    return process(line(TASK, node("intermediateCatchEvent", "z", data + sets + definitions)), ITEMS)


def ending(item: str, kind: str, thrown: str) -> bytes:
    """Draw an end event with one input that throws something."""
    data = f'<bpmn:dataInput id="i" itemSubjectRef="{item}"/>{a_set("input", "i")}'
    definition = f'<bpmn:{kind}EventDefinition {kind}Ref="{thrown}"/>'
    return process(line(TASK) + node("endEvent", "z", data + definition) + flow("t", "z"), ITEMS)


def in_a_state(name: str, of: str = ' name="Order"', state: str = '<bpmn:dataState name="checked"/>') -> bytes:
    """Draw a data object in a state."""
    reference = f'<bpmn:dataObjectReference id="r" name="{name}" dataObjectRef="d">{state}</bpmn:dataObjectReference>'
    return process(line(TASK) + f'<bpmn:dataObject id="d"{of}/>{reference}')


EMPTY: Final = {"input": "<bpmn:outputSet/>", "output": "<bpmn:inputSet/>"}

EXCHANGE_RULES: Final[list[tuple[Rule, str]]] = [
    (
        Rule(
            "data_sets",
            "an input of a task is in a set",
            task(io(INPUT)),
            task(io(INPUT, sets=a_set("input", "in") + EMPTY["input"])),
        ),
        "in",
    ),
    (
        Rule(
            "data_sets",
            "an output of a process is in a set",
            process(io("", OUTPUT) + line(TASK)),
            process(io("", OUTPUT, a_set("output", "out") + EMPTY["output"]) + line(TASK)),
        ),
        "out",
    ),
    *(
        (
            Rule(
                "data_set_members",
                f"an {name} is a {kind}",
                task(io(*data, a_set(kind, **{name: key}) + a_set(kind, key, key="k") + EMPTY[kind])),
                task(io(*data, a_set(kind, key, **{name: key}) + EMPTY[kind])),
            ),
            f"{kind}_set",
        )
        for kind, key, data, names in (
            ("input", "in", (INPUT, ""), ("optionalInputRefs", "whileExecutingInputRefs")),
            ("output", "out", ("", OUTPUT), ("optionalOutputRefs", "whileExecutingOutputRefs")),
        )
        for name in names
    ),
    *(
        (
            Rule(
                "data_set_members",
                f"{kind} sets and the others name one another",
                task(io(sets=a_set("input", **ins) + a_set("output", **outs))),
                task(io(sets=a_set("input", outputSetRefs="output_set") + a_set("output", inputSetRefs="input_set"))),
            ),
            f"{kind}_set",
        )
        for kind, ins, outs in (
            ("input", {"outputSetRefs": "output_set"}, {}),
            ("output", {}, {"inputSetRefs": "input_set"}),
        )
    ),
    (
        Rule(
            "process_data",
            "nothing writes what comes into a process",
            of_process('<bpmn:property id="held"/>' + leads("held", "in", kind="Output")),
            of_process('<bpmn:property id="held"/>' + leads("held", "out", kind="Output")),
        ),
        "da",
    ),
    (
        Rule(
            "process_data",
            "nothing reads what goes out of a process",
            of_process('<bpmn:property id="held"/>' + leads("out", "held")),
            of_process('<bpmn:property id="held"/>' + leads("in", "held")),
        ),
        "da",
    ),
    (
        Rule(
            "data_items_differ",
            "an association carries one structure",
            carried("text", "number"),
            carried("text", "words"),
        ),
        "da",
    ),
    (
        Rule(
            "data_items_differ",
            "a transformation changes the structure",
            carried("text", "number"),
            carried("text", "number", "<bpmn:transformation>string(r)</bpmn:transformation>"),
        ),
        "da",
    ),
    (
        Rule(
            "data_items_differ",
            "what has no structure can be anything",
            carried("text", "number"),
            carried("open", "number"),
        ),
        "da",
    ),
    (
        Rule(
            "data_items_differ",
            "an event brings what its message carries",
            bringing("number", definitions=MESSAGE),
            bringing("text", definitions=MESSAGE),
        ),
        "z",
    ),
    *(
        (
            Rule(
                "data_items_differ",
                f"an event throws the data of its {kind}",
                ending("text", kind, thrown),
                ending("number", kind, thrown),
            ),
            "z",
        )
        for kind, thrown in (("signal", "sn"), ("error", "en"), ("escalation", "cn"))
    ),
    (
        Rule(
            "data_items_differ",
            "the data of an event is in the order of its definitions",
            bringing("number", "text", definitions=MESSAGE + SIGNAL),
            bringing("text", "number", definitions=MESSAGE + SIGNAL),
        ),
        "z",
    ),
    (
        Rule(
            "event_data_count",
            "each definition of an event has its data",
            bringing("text", definitions=MESSAGE + SIGNAL),
            bringing("text", "number", definitions=MESSAGE + SIGNAL),
        ),
        "z",
    ),
    (
        Rule(
            "event_data_count",
            "a time brings no data",
            bringing("text", definitions=MESSAGE + SIGNAL + TIMER),
            bringing("text", definitions=MESSAGE + TIMER),
        ),
        "z",
    ),
    (
        Rule(
            "data_reference_name", "data in a state says so", in_a_state("Order [new]"), in_a_state("Order [checked]")
        ),
        "r",
    ),
    (
        Rule(
            "data_reference_name",
            "data in a state says whose",
            in_a_state("Checked order"),
            in_a_state("Order  [checked]"),
        ),
        "r",
    ),
    (
        Rule(
            "data_reference_name", "data without a state has any name", in_a_state("New"), in_a_state("New", state="")
        ),
        "r",
    ),
    (
        Rule(
            "data_reference_name", "data of a nameless object has any name", in_a_state("New"), in_a_state("New", of="")
        ),
        "r",
    ),
    (
        Rule(
            "misplaced_element",
            "a property belongs to a process, an activity or an event",
            process(line(TASK), '<bpmn:property id="held"/>'),
            process('<bpmn:property id="held"/>' + line(TASK)),
        ),
        "held",
    ),
    (
        Rule(
            "misplaced_element",
            "a gateway has no properties",
            process(line(node("exclusiveGateway", "g", '<bpmn:property id="held"/>'))),
            process(line(node("task", "t", '<bpmn:property id="held"/>'))),
        ),
        "held",
    ),
]
