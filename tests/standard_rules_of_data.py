"""More rules of BPMN 2.0.2: types of data, choreographies and conversations, and how values are written.

As in `standard_rules`, a small diagram breaks each rule, and its twin differs in nothing else.
"""

from typing import Final

from drawing_board import flow, line, node, process
from standard_rules import COUNT, GOOD, MI, OTHER, TASK, Rule, ad_hoc, task

ITEMS: Final = (
    '<bpmn:itemDefinition id="text" structureRef="xsd:string"/><bpmn:itemDefinition id="also" structureRef="xsd:string"/>'
    '<bpmn:itemDefinition id="number" structureRef="xsd:int"/><bpmn:itemDefinition id="bare"/>'
    '<bpmn:itemDefinition id="loose"/><bpmn:itemDefinition id="list" structureRef="xsd:string" isCollection="true"/>'
)
ASKED: Final = (
    '<bpmn:message id="ask" itemRef="text"/><bpmn:message id="answer" itemRef="number"/><bpmn:message id="any" itemRef="bare"/>'
    '<bpmn:interface id="if"><bpmn:operation id="op"><bpmn:inMessageRef>ask</bpmn:inMessageRef>'
    "<bpmn:outMessageRef>answer</bpmn:outMessageRef></bpmn:operation></bpmn:interface>"
)
AROUND: Final = ITEMS + ASKED


def specification(inputs: str = "", outputs: str = "", input_sets: int = 1, output_sets: int = 1) -> str:
    """Write inputs and outputs of these types, `*` for a collection, and sets that hold them all."""
    drawn = "".join(
        f'<bpmn:data{kind} id="{kind}{n}" itemSubjectRef="{item.strip("*")}" isCollection="{str("*" in item).lower()}"/>'
        for kind, items in (("Input", inputs), ("Output", outputs))
        for n, item in enumerate(items.split())
    )
    for kind, items, count in (("Input", inputs, input_sets), ("Output", outputs, output_sets)):
        members = "".join(f"<bpmn:data{kind}Refs>{kind}{n}</bpmn:data{kind}Refs>" for n, _ in enumerate(items.split()))
        drawn += f"<bpmn:{kind.lower()}Set>{members}</bpmn:{kind.lower()}Set>" * count
    return f"<bpmn:ioSpecification>{drawn}</bpmn:ioSpecification>"


def serving(inside: str) -> bytes:
    """Draw a service task that calls an operation."""
    return process(line(node("serviceTask", "t", inside, operationRef="op")), AROUND)


def told(kind: str, inside: str, message: str = "ask") -> bytes:
    """Draw a task that sends or receives a message."""
    return process(line(node(kind, "t", inside, messageRef=message)), AROUND)


def held(kind: str, item: str, collection: str) -> bytes:
    """Draw data of a type."""
    return process(line(TASK) + f'<bpmn:{kind} id="d" itemSubjectRef="{item}" isCollection="{collection}"/>', AROUND)


def repeated(inside: str, inputs: str = "", outputs: str = "") -> bytes:
    """Draw a multi-instance task with data."""
    return process(line(node("task", "t", specification(inputs, outputs) + MI.format("", inside))), AROUND)


def each(way: str, item: str, **attributes: str) -> str:
    """Write what a multi-instance task runs over, and what it takes or gives."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        f"<bpmn:loopData{way}Ref>{way}0</bpmn:loopData{way}Ref>"
        f'<bpmn:{way.lower()}DataItem id="one" itemSubjectRef="{item}"{more}/>'
    )


def calling(own: str) -> bytes:
    """Draw a call of a process with one input and one output."""
    called = OTHER.replace('isExecutable="true">', f'isExecutable="true">{specification("text", "bare")}').replace(
        '"Input0"', '"theirs"'
    )
    theirs = called.replace(">Input0<", ">theirs<").replace("Output0", "given")
    return process(line(node("callActivity", "t", own, calledElement="q")), AROUND + theirs)


def offering(inputs: str, binding: str = "", interface: str = "if") -> bytes:
    """Draw a process that offers an interface."""
    offered = f"<bpmn:supportedInterfaceRef>{interface}</bpmn:supportedInterfaceRef>" if interface else ""
    return process(offered + specification(inputs, "number") + binding + line(TASK), AROUND)


def written(inside: str) -> bytes:
    """Draw a choice with this condition."""
    body = line(TASK) + node("endEvent", "also") + flow("t", "also")
    return process(body.replace('targetRef="also">', f'targetRef="also">{inside}'))


def staffed(inside: str) -> bytes:
    """Draw a task with a performer."""
    resource = '<bpmn:resource id="r" name="R"><bpmn:resourceParameter id="rp" name="p"/></bpmn:resource>'
    return process(line(node("task", "t", node("performer", "who", inside))), resource)


def choreography(body: str = "", attributes: str = "", key: str = "ch") -> str:
    """Draw a choreography of two participants."""
    return (
        f'<bpmn:choreography id="{key}" {attributes}><bpmn:participant id="{key}a"/><bpmn:participant id="{key}b"/>'
        f'<bpmn:messageFlow id="{key}m" sourceRef="{key}a" targetRef="{key}b" messageRef="ask"/>{body}</bpmn:choreography>'
    )


def together(closed: str, message: str, kept: str = "") -> bytes:
    """Draw a collaboration that keeps to a choreography, and is closed as that one is unless it is said."""
    pools = (
        f'<bpmn:collaboration id="c" isClosed="{kept or closed}"><bpmn:participant id="p1"/><bpmn:participant id="p2"/>'
        f'<bpmn:messageFlow id="mf" sourceRef="p1" targetRef="p2" messageRef="{message}"/>'
        "<bpmn:choreographyRef>ch</bpmn:choreographyRef></bpmn:collaboration>"
    )
    return process(line(TASK), AROUND + pools + choreography(attributes=f'isClosed="{closed}"'))


def conversing(body: str) -> bytes:
    """Draw a global conversation."""
    parts = '<bpmn:participant id="g1"/><bpmn:participant id="g2"/><bpmn:messageFlow id="gm" sourceRef="g1" targetRef="g2"/>'
    return process(
        line(TASK), f'{choreography()}{AROUND}<bpmn:globalConversation id="gc">{parts}{body}</bpmn:globalConversation>'
    )


def activated(inside: str) -> bytes:
    """Draw a complex gateway where two flows come together."""
    beside = node("task", "u") + flow("start", "u") + flow("u", "g")
    return process(line(TASK, node("complexGateway", "g", inside)) + beside)


def elsewhere(data: bytes) -> bytes:
    """Give a file as a tool writes it that knows nothing of our attributes."""
    return data.replace(b' xmlns:parcelflow="https://parcelflow.example/bpmn/1.0"', b"")


SCRIPT: Final = "<bpmn:script>a = 1</bpmn:script>"
FORMAL: Final = (
    '<bpmn:{0} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="bpmn:tFormalExpression">{1}</bpmn:{0}>'
)
IN: Final = specification("text")
OUT: Final = specification("", "text")
BOTH: Final = specification("text", "number")
BINDING: Final = '<bpmn:ioBinding operationRef="op" inputDataRef="{}" outputDataRef="Output0"/>'
CONDITION: Final = '<bpmn:conditionExpression language="{}">a</bpmn:conditionExpression>'
IMPORT: Final = '<bpmn:import importType="http://www.w3.org/2001/XMLSchema" namespace="urn:types"/>'
REF: Final = "<bpmn:resourceRef>r</bpmn:resourceRef>"
PARAMETER: Final = (
    '<bpmn:resourceParameterBinding parameterRef="rp"><bpmn:formalExpression>1</bpmn:formalExpression>'
    "</bpmn:resourceParameterBinding>"
)
ASSIGNED: Final = (
    "<bpmn:resourceAssignmentExpression><bpmn:formalExpression>me</bpmn:formalExpression>"
    "</bpmn:resourceAssignmentExpression>"
)
MOVED: Final = (
    '<bpmn:property id="held"/><bpmn:dataInputAssociation id="da"><bpmn:sourceRef>held</bpmn:sourceRef>'
    "<bpmn:targetRef>held</bpmn:targetRef><bpmn:transformation>{}</bpmn:transformation></bpmn:dataInputAssociation>"
)
PATHS: Final = (
    '<bpmn:correlationProperty id="cp"><bpmn:correlationPropertyRetrievalExpression messageRef="ask">'
    "<bpmn:messagePath>{}</bpmn:messagePath></bpmn:correlationPropertyRetrievalExpression></bpmn:correlationProperty>"
)
DONE: Final = "<bpmn:completionCondition>{}</bpmn:completionCondition>"
COMPLEX: Final = "<bpmn:complexBehaviorDefinition><bpmn:condition>{}</bpmn:condition></bpmn:complexBehaviorDefinition>"
EXCHANGE: Final = '<bpmn:choreographyTask id="x" initiatingParticipantRef="a"/>'

DATA_RULES: Final[list[Rule]] = [
    # 8.3, 8.4: how values are written
    Rule(
        "text_format",
        "the format of a documentation is a MIME type",
        task('<bpmn:documentation textFormat="INVALID">x</bpmn:documentation>'),
        task('<bpmn:documentation textFormat="text/html;charset=utf-8">x</bpmn:documentation>'),
    ),
    Rule(
        "text_format",
        "the format of an annotation is a MIME type",
        process(line(TASK) + node("textAnnotation", "n", textFormat="plain")),
        process(line(TASK) + node("textAnnotation", "n", textFormat="text/plain")),
    ),
    *(
        Rule(
            "script_format",
            f"a {kind} says its language",
            elsewhere(drawn),
            elsewhere(drawn.replace(b"><bpmn:script>", f' {says}="text/x-python"><bpmn:script>'.encode())),
        )
        for kind, says, drawn in (
            ("script task", "scriptFormat", task(SCRIPT, "scriptTask")),
            ("global script task", "scriptLanguage", process(line(TASK), node("globalScriptTask", "gt", SCRIPT))),
        )
    ),
    Rule(
        "not_an_address",
        "the language of an expression is a URI",
        written(CONDITION.format("_wrong%$!")),
        written(CONDITION.format("http://example.org/a%20b#c")),
    ),
    Rule(
        "not_an_address",
        "the method of a transaction is a URI",
        process(line(node("transaction", "t", method="_wrong%$!"))),
        process(line(node("transaction", "t", method="##Compensate"))),
    ),
    Rule(
        "import_incomplete",
        "an import says where from",
        process(line(TASK), IMPORT),
        process(line(TASK), IMPORT.replace("/>", ' location="types.xsd"/>')),
    ),
    Rule(
        "expression_empty",
        "a transformation says something",
        task(MOVED.format("")),
        task(MOVED.format("held")),
    ),
    Rule(
        "expression_empty",
        "a message path says something",
        process(line(TASK), AROUND + PATHS.format(" ")),
        process(line(TASK), AROUND + PATHS.format("number")),
    ),
    Rule(
        "expression_empty",
        "the condition of a complex behaviour says something",
        repeated(COUNT + COMPLEX.format("")),
        repeated(COUNT + COMPLEX.format("a")),
    ),
    *(
        Rule(
            "expression_empty",
            f"the {tag} of {place} says something",
            drawn(FORMAL.format(tag, "")),
            drawn(FORMAL.format(tag, "a > 1")),
        )
        for tag, place, drawn in (
            ("conditionExpression", "a flow out of a task", written),
            ("completionCondition", "several instances", lambda text: repeated(COUNT + text)),
            ("completionCondition", "an ad-hoc subprocess", lambda text: ad_hoc(node("task", "u") + text)),
            ("loopCondition", "a loop", lambda text: task(node("standardLoopCharacteristics", "loop", text))),
            ("activationCondition", "a complex gateway", activated),
            ("from", "an assignment", lambda text: task(MOVED.replace("transformation", "assignment").format(text))),
        )
    ),
    Rule(
        "condition_not_boolean",
        "a completion condition is no number",
        repeated(COUNT + DONE.format("23")),
        repeated(COUNT + DONE.format("a > 23")),
    ),
    Rule(
        "condition_not_boolean",
        "the condition of a complex behaviour is no text",
        repeated(COUNT + COMPLEX.format("'yes'")),
        repeated(COUNT + COMPLEX.format("a == 'yes'")),
    ),
    Rule(
        "single_condition",
        "an activity with a conditional flow has another one",
        process(
            line(TASK).replace(
                'targetRef="end">', 'targetRef="end"><bpmn:conditionExpression>a</bpmn:conditionExpression>'
            )
        ),
        GOOD,
    ),
    # 9, 11: conversations and choreographies
    Rule("choreography_in_process", "a process holds no choreography activity", process(line(TASK) + EXCHANGE), GOOD),
    Rule(
        "choreography_in_process",
        "an ad-hoc subprocess holds no choreography activity",
        ad_hoc(node("task", "a") + EXCHANGE),
        ad_hoc(node("task", "a")),
    ),
    Rule(
        "choreography_reference",
        "a choreography refers to no choreography",
        process(
            line(TASK),
            AROUND + choreography("<bpmn:choreographyRef>two</bpmn:choreographyRef>") + choreography(key="two"),
        ),
        process(line(TASK), AROUND + choreography() + choreography(key="two")),
    ),
    Rule(
        "choreography_reference",
        "a global conversation refers to no choreography",
        conversing("<bpmn:choreographyRef>ch</bpmn:choreographyRef>"),
        conversing(""),
    ),
    *(
        Rule(
            "choreography_openness",
            f"a collaboration is closed as its choreography is: {closed}",
            together(closed, "ask", kept),
            together(closed, "ask"),
        )
        for closed, kept in (("true", "false"), ("false", "true"))
    ),
    Rule(
        "choreography_closed",
        "no other messages pass beside a closed choreography",
        together("true", "answer"),
        together("true", "ask"),
    ),
    Rule(
        "choreography_closed",
        "other messages pass beside an open choreography",
        together("true", "answer"),
        together("false", "answer"),
    ),
    Rule(
        "global_conversation",
        "a global conversation holds no conversation",
        conversing('<bpmn:conversation id="gcc"/>'),
        conversing('<bpmn:correlationKey id="gck"/>'),
    ),
    Rule(
        "global_conversation",
        "a global conversation holds no annotation",
        conversing(node("textAnnotation", "note")),
        conversing(""),
    ),
    # 10.3: activities and their messages
    Rule("message_data", "a service task that calls an operation has an input", serving(""), serving(BOTH)),
    Rule(
        "message_data",
        "a service task has one output set",
        serving(specification("text", "number", output_sets=2)),
        serving(BOTH),
    ),
    Rule(
        "message_data",
        "the input of a service task has the type of the message",
        serving(specification("number", "number")),
        serving(specification("also", "number")),
    ),
    Rule(
        "message_data",
        "the output of a service task has the type of the answer",
        serving(specification("text", "text")),
        serving(BOTH),
    ),
    Rule(
        "message_data",
        "a send task has one input set",
        told("sendTask", specification("text", input_sets=2)),
        told("sendTask", IN),
    ),
    Rule(
        "message_data", "a send task has one input", told("sendTask", specification("text text")), told("sendTask", "")
    ),
    Rule(
        "message_data",
        "the input of a send task has a type",
        told("sendTask", IN.replace('itemSubjectRef="text" ', "")),
        told("sendTask", specification("also")),
    ),
    Rule(
        "message_data",
        "types without a structure are one type only if they are the same",
        told("sendTask", specification("loose"), "any"),
        told("sendTask", specification("bare"), "any"),
    ),
    Rule(
        "message_data",
        "a receive task has one output set",
        told("receiveTask", specification("", "text", output_sets=2)),
        told("receiveTask", OUT),
    ),
    Rule(
        "message_data",
        "a receive task has one output",
        told("receiveTask", specification("", "text text")),
        told("receiveTask", OUT),
    ),
    Rule(
        "message_data",
        "the output of a receive task has the type of the message",
        told("receiveTask", specification("", "number")),
        told("receiveTask", specification("", "also")),
    ),
    Rule(
        "resource_role",
        "a performer is a resource or an expression",
        staffed(REF + ASSIGNED),
        staffed(ASSIGNED),
    ),
    Rule("resource_role", "parameters belong to a resource", staffed(PARAMETER), staffed(REF + PARAMETER)),
    Rule(
        "call_data",
        "a call passes no other inputs",
        calling(specification("text text", "bare")),
        calling(specification("text", "bare")),
    ),
    Rule(
        "call_data",
        "a call passes all inputs",
        calling(specification("", "bare")),
        calling(specification("also", "bare")),
    ),
    Rule("call_data", "a call takes all outputs", calling(specification("text", "")), calling("")),
    Rule(
        "call_data",
        "a call passes what has the same type",
        calling(specification("number", "bare")),
        calling(specification("also", "bare")),
    ),
    Rule(
        "service_binding",
        "a process that offers an interface binds its data",
        offering("text"),
        offering("text", BINDING.format("Input0")),
    ),
    Rule(
        "service_binding",
        "bound data has the type of the message",
        offering("number", BINDING.format("Input0")),
        offering("also", BINDING.format("Input0")),
    ),
    # 10.3, 10.4: data and loops
    Rule(
        "collection_mismatch",
        "a data object is what its type is",
        held("dataObject", "list", "false"),
        held("dataObject", "list", "true"),
    ),
    Rule(
        "collection_mismatch",
        "an input is what its type is",
        process(line(node("task", "t", specification("text*"))), AROUND),
        process(line(node("task", "t", specification("list*"))), AROUND),
    ),
    Rule(
        "collection_mismatch",
        "an output is what its type is",
        process(line(node("task", "t", specification("", "list"))), AROUND),
        process(line(node("task", "t", specification("", "text"))), AROUND),
    ),
    Rule(
        "wrong_reference",
        "a multi-instance activity runs over data",
        repeated("<bpmn:loopDataInputRef>list</bpmn:loopDataInputRef>", "list*"),
        repeated("<bpmn:loopDataInputRef>Input0</bpmn:loopDataInputRef>", "list*"),
    ),
    Rule(
        "multi_instance_item",
        "the item of a collection is no collection",
        repeated(each("Input", "list", isCollection="true"), "list*"),
        repeated(each("Input", "text"), "list*"),
    ),
    Rule(
        "multi_instance_item",
        "an item that is given has the type of the elements",
        repeated(COUNT + each("Output", "number"), "", "list*"),
        repeated(COUNT + each("Output", "also"), "", "list*"),
    ),
]
