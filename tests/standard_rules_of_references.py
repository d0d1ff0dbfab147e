"""References that no run follows: for each a small diagram where it leads to the wrong thing, a sound twin, and the place."""

from typing import Final

from drawing_board import flow, line, node, process
from standard_rules import INPUT, TASK, Rule, io
from standard_rules_of_exchanged_data import OUTPUT, a_set, leads

THINGS: Final = (
    '<bpmn:interface id="i" name="I"><bpmn:operation id="op"><bpmn:inMessageRef>msg</bpmn:inMessageRef></bpmn:operation>'
    '</bpmn:interface><bpmn:message id="msg" name="Msg"/><bpmn:error id="e" errorCode="E"/><bpmn:resource id="res"/>'
    '<bpmn:itemDefinition id="item" structureRef="msg"/>'
    '<bpmn:category id="cat"><bpmn:categoryValue id="value"/></bpmn:category>'
)
BODY: Final = line(TASK)
SIGNAL: Final = '<bpmn:signal id="sig" name="Sig"/>'


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


def shared(bound: str) -> bytes:
    """Draw a process that subscribes to a correlation key."""
    told = node("correlationPropertyBinding", "bind", text("dataPath", "order"), correlationPropertyRef=bound)
    subscription = node("correlationSubscription", "sub", told, correlationKeyRef="key")
    said = node("correlationPropertyRetrievalExpression", "said", text("messagePath", "order"), messageRef="msg")
    keys = node("correlationKey", "key", text("correlationPropertyRef", "cp"))
    around = node("correlationProperty", "cp", said) + node("collaboration", "c", keys)
    return process(subscription + BODY, THINGS + around)


def called(inputs: str = "ins", outputs: str = "outs") -> bytes:
    """Draw a process that offers an interface."""
    sets = (
        f'<bpmn:inputSet id="ins">{text("dataInputRefs", "in")}</bpmn:inputSet>'
        f'<bpmn:outputSet id="outs">{text("dataOutputRefs", "out")}</bpmn:outputSet>'
    )
    bound = node("ioBinding", "io", operationRef="op", inputDataRef=inputs, outputDataRef=outputs)
    offered = text("supportedInterfaceRef", "i") + io(INPUT, OUTPUT, sets) + bound
    return process(offered + BODY, THINGS)


def instances(inside: str = "", **behavior: str) -> bytes:
    """Draw a multi-instance task."""
    count = inside or text("loopCardinality", "2")
    data = io(INPUT, sets=a_set("input", "in") + "<bpmn:outputSet/>")
    loop = node("multiInstanceLoopCharacteristics", "mi", count, **behavior)
    return process(
        line(node("task", "t", data + loop)), THINGS + node("signalEventDefinition", "sd", signalRef="sig") + SIGNAL
    )


def in_lane(*listed: str) -> bytes:
    """Draw a process with a lane that lists these."""
    lane = node("lane", "lane", "".join(text("flowNodeRef", one) for one in listed), name="Desk")
    return process(node("laneSet", "lanes", lane) + BODY, THINGS)


def talking(kind: str = "", **ends: str) -> bytes:
    """Draw two pools, their conversation, and something that connects conversations."""
    return pools(more=conversation("mf") + (node(kind, "x", **ends) if kind else ""))


def beside_parameter(reference: str) -> bytes:
    """Draw a task whose performer is a resource with a parameter."""
    value = text("expression", "1")
    filled = node("resourceParameterBinding", "bound", value, parameterRef=reference)
    performer = node("potentialOwner", "who", text("resourceRef", "r2") + filled)
    resource = node("resource", "r2", node("resourceParameter", "rp"))
    return process(line(node("userTask", "t", performer)), THINGS + resource)


def valued(reference: str) -> str:
    """Write a performer whom an expression of a type names."""
    said = node("formalExpression", "said", "clerk", evaluatesToTypeRef=reference)
    return node("potentialOwner", "who", node("resourceAssignmentExpression", "rae", said))


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
    *(
        _rule(f"a subscription binds correlation properties, not {wrong}", shared(wrong), shared("cp"), "bind")
        for wrong in ("msg", "nothing")
    ),
    _rule(
        "a parameter of a resource is of an item definition",
        beside(node("resource", "r2", node("resourceParameter", "rp", type="msg"))),
        beside(node("resource", "r2", node("resourceParameter", "rp", type="item"))),
        "rp",
    ),
    _rule(
        "a binding fills a parameter of a resource",
        beside_parameter("res"),
        beside_parameter("rp"),
        "bound",
    ),
    _rule(
        "an expression gives an item",
        process(line(node("userTask", "t", valued("msg"))), THINGS),
        process(line(node("userTask", "t", valued("item"))), THINGS),
        "said",
    ),
    _rule(
        "a participant has end points",
        pools(text("endPointRef", "i"), around='<bpmn:endPoint id="ep"/>'),
        pools(text("endPointRef", "ep"), around='<bpmn:endPoint id="ep"/>'),
        "two",
    ),
    _rule("a collaboration refers to choreographies", pools(more=text("choreographyRef", "p")), pools(), "c"),
    _rule(
        "a process supports processes",
        process(text("supports", "msg") + BODY, THINGS),
        process(text("supports", "p") + BODY, THINGS),
        "p",
    ),
    _rule("what is bound to an operation is a set of inputs", called("in_nothing"), called(), "io"),
    _rule("what an operation gives is a set of outputs", called(outputs="t"), called(), "io"),
    *(
        _rule(
            f"the {attribute} is an event definition",
            instances(behavior=behavior, **{attribute: wrong}),
            instances(behavior=behavior, **{attribute: "sd"}),
            "mi",
        )
        for behavior, attribute in (("None", "noneBehaviorEventRef"), ("One", "oneBehaviorEventRef"))
        for wrong in ("sig", "nothing")
    ),
    _rule(
        "a task has instances for its data",
        instances(text("loopDataInputRef", "msg")),
        instances(text("loopDataInputRef", "in")),
        "mi",
    ),
    _rule("a lane holds flow nodes", in_lane("t", "msg"), in_lane("t"), "lane"),
    _rule(
        "message flows are set against one another",
        talking("messageFlowAssociation", innerMessageFlowRef="mf", outerMessageFlowRef="t"),
        talking("messageFlowAssociation", innerMessageFlowRef="mf", outerMessageFlowRef="mf"),
        "x",
    ),
    _rule(
        "conversations are set against one another",
        talking("conversationAssociation", innerConversationNodeRef="talk", outerConversationNodeRef="mf"),
        talking("conversationAssociation", innerConversationNodeRef="talk", outerConversationNodeRef="talk"),
        "x",
    ),
    *(
        _rule(
            f"a conversation link leads from a participant to a conversation, not to {wrong}",
            talking("conversationLink", sourceRef="one", targetRef=wrong),
            talking("conversationLink", sourceRef="one", targetRef="talk"),
            "x",
        )
        for wrong in ("p", "nothing")
    ),
    _rule(
        "what a conversation calls is a collaboration",
        talking("callConversation", calledCollaborationRef="p"),
        talking("callConversation", calledCollaborationRef="c"),
        "x",
    ),
    _rule("an association begins at data", held("start", "in"), held("r", "in"), "da"),
    _rule("an association ends at data", held("r", "start"), held("r", "in"), "da"),
]
"""Each rule with the id of the element where the fault lies."""
