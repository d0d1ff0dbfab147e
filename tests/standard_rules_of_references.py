"""References that no run follows: for each a small diagram where it leads to the wrong thing, a sound twin, and the place."""

from typing import Final

from drawing_board import flow, line, node, process
from standard_rules import TASK, Rule
from standard_rules_of_exchanged_data import a_set, leads

THINGS: Final = (
    '<bpmn:interface id="i" name="I"><bpmn:operation id="op"><bpmn:inMessageRef>msg</bpmn:inMessageRef></bpmn:operation>'
    '</bpmn:interface><bpmn:message id="msg" name="Msg"/><bpmn:error id="e" errorCode="E"/><bpmn:resource id="res"/>'
    '<bpmn:itemDefinition id="item" structureRef="msg"/>'
    '<bpmn:category id="cat"><bpmn:categoryValue id="value"/></bpmn:category>'
)
BODY: Final = line(TASK)


def beside(more: str) -> bytes:
    """Draw a process, with something else in its file."""
    return process(BODY, THINGS + more)


def held(source: str, target: str) -> bytes:
    """Draw a task that takes data in, and a data object."""
    outer = '<bpmn:dataObject id="d"/><bpmn:dataObjectReference id="r" dataObjectRef="d"/>'
    inner = (
        f'<bpmn:ioSpecification><bpmn:dataInput id="in"/>{a_set("input", "in")}<bpmn:outputSet/></bpmn:ioSpecification>'
    )
    return process(outer + line(node("task", "t", inner + leads(source, target))))


def pools(inside: str = "", more: str = "", *, around: str = "") -> bytes:
    """Draw two pools, the second a closed one with something inside, and a message flow between them."""
    first = '<bpmn:participant id="one" processRef="p"/>'
    second = f'<bpmn:participant id="two">{inside}</bpmn:participant>'
    between = '<bpmn:messageFlow id="mf" sourceRef="t" targetRef="two"/>'
    return process(
        BODY, f'{THINGS}<bpmn:collaboration id="c">{first}{second}{between}{more}</bpmn:collaboration>{around}'
    )


def text(name: str, reference: str) -> str:
    """Write a reference that stands in an element of its own."""
    return f"<bpmn:{name}>{reference}</bpmn:{name}>"


def operation(reference: str) -> str:
    """Write an interface whose operation tells of an error."""
    inside = text("inMessageRef", "msg") + text("errorRef", reference)
    return f'<bpmn:interface id="i2" name="I2"><bpmn:operation id="op2">{inside}</bpmn:operation></bpmn:interface>'


def conversation(reference: str) -> str:
    """Write a conversation of the two pools about a message flow."""
    inside = text("participantRef", "one") + text("participantRef", "two") + text("messageFlowRef", reference)
    return node("conversation", "talk", inside)


def _rule(says: str, broken: bytes, sound: bytes, element: str) -> tuple[Rule, str]:
    return Rule("reference_astray", says, broken, sound), element


REFERENCE_RULES: Final[list[tuple[Rule, str]]] = [
    *(
        _rule(
            f"the {attribute} of a {tag} is an item definition",
            beside(f'<bpmn:{tag} id="x" name="X" {attribute}="i"/>'),
            beside(f'<bpmn:{tag} id="x" name="X" {attribute}="item"/>'),
            "x",
        )
        for tag, attribute in (
            ("message", "itemRef"),
            ("signal", "structureRef"),
            ("error", "structureRef"),
            ("escalation", "structureRef"),
        )
    ),
    *(
        _rule(
            "data is of an item definition",
            process(BODY + f'<bpmn:property id="held" itemSubjectRef="{wrong}"/>', THINGS),
            process(BODY + '<bpmn:property id="held" itemSubjectRef="item"/>', THINGS),
            "held",
        )
        for wrong in ("msg",)
    ),
    *(
        _rule(
            f"a participant offers an interface, not {wrong}",
            pools(text("interfaceRef", wrong)),
            pools(text("interfaceRef", "i")),
            "two",
        )
        for wrong in ("t", "nothing")
    ),
    *(
        _rule(
            f"a {partner} is played by participants, not by {wrong}",
            pools(around=node(partner, "x", text("participantRef", wrong))),
            pools(around=node(partner, "x", text("participantRef", "two"))),
            "x",
        )
        for partner in ("partnerEntity", "partnerRole")
        for wrong in ("t_end", "nobody")
    ),
    _rule(
        "a conversation is about message flows", pools(more=conversation("t")), pools(more=conversation("mf")), "talk"
    ),
    _rule("an operation tells of errors", beside(operation("msg")), beside(operation("e")), "op2"),
    _rule(
        "an event names an operation",
        process(
            BODY
            + node("endEvent", "z", node("messageEventDefinition", "md", text("operationRef", "e"), messageRef="msg"))
            + flow("t", "z"),
            THINGS,
        ),
        process(
            BODY
            + node("endEvent", "z", node("messageEventDefinition", "md", text("operationRef", "op"), messageRef="msg"))
            + flow("t", "z"),
            THINGS,
        ),
        "md",
    ),
    _rule(
        "a performer names a resource",
        process(line(node("userTask", "t", node("potentialOwner", "x", text("resourceRef", "msg")))), THINGS),
        process(line(node("userTask", "t", node("potentialOwner", "x", text("resourceRef", "res")))), THINGS),
        "x",
    ),
    _rule(
        "a group shows a value of a category",
        process(BODY + node("group", "x", categoryValueRef="cat"), THINGS),
        process(BODY + node("group", "x", categoryValueRef="value"), THINGS),
        "x",
    ),
    _rule(
        "a process belongs to a collaboration",
        pools().replace(b'id="p" ', b'id="p" definitionalCollaborationRef="msg" ', 1),
        pools().replace(b'id="p" ', b'id="p" definitionalCollaborationRef="c" ', 1),
        "p",
    ),
    _rule("an association begins at data", held("start", "in"), held("r", "in"), "da"),
    _rule("an association ends at data", held("r", "start"), held("r", "in"), "da"),
]
"""Each rule with the id of the element where the fault lies."""
