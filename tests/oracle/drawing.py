"""Small BPMN texts for tests: flows as chains, tasks by one call."""

import itertools

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:parcelflow="https://parcelflow.example/bpmn/1.0"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' targetNamespace="t" id="d">'
    '<message id="m0" name="m0"/><message id="m1" name="m1"/><message id="m2" name="m2"/>'
    '<message id="keyed" name="keyed" parcelflow:correlationKey="order_number"/>'
    '<signal id="s0" name="s0"/>'
    '<error id="er" errorCode="E1" name="E1"/><error id="er2" errorCode="E2" name="E2"/>'
    '<escalation id="es" escalationCode="X1" name="X1"/>'
)


def document(*processes: str) -> bytes:
    """Put processes into one file."""
    return (HEAD + "".join(processes) + "</definitions>").encode()


def process(body: str, key: str = "p") -> str:
    """Put nodes and flows into an executable process."""
    return f'<process id="{key}" isExecutable="true">{body}</process>'


def chain(*nodes: str) -> str:
    """Connect nodes one after the other; the flow's id is both ids with an underscore between."""
    return "".join(
        f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in itertools.pairwise(nodes)
    )


def when(source: str, target: str, condition: str) -> str:
    """Connect two nodes by a flow with a condition."""
    text = condition.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}">'
        f"<conditionExpression>{text}</conditionExpression></sequenceFlow>"
    )


def start(key: str = "st", inner: str = "") -> str:
    """Draw a start event."""
    return f'<startEvent id="{key}">{inner}</startEvent>'


def end(key: str = "en", inner: str = "") -> str:
    """Draw an end event."""
    return f'<endEvent id="{key}">{inner}</endEvent>'


def user(*keys: str, inner: str = "") -> str:
    """Draw user tasks."""
    return "".join(f'<userTask id="{key}">{inner}</userTask>' for key in keys)


def none(*keys: str) -> str:
    """Draw tasks that pass through."""
    return "".join(f'<task id="{key}"/>' for key in keys)


def script(key: str, code: str = "", inner: str = "") -> str:
    """Draw a script task."""
    return f'<scriptTask id="{key}">{inner}<script><![CDATA[{code}]]></script></scriptTask>'


def gateway(sort: str, *keys: str, **attributes: str) -> str:
    """Draw gateways of one sort, for example `parallel`."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return "".join(f'<{sort}Gateway id="{key}"{more}/>' for key in keys)


def subprocess(key: str, inner: str, attributes: str = "") -> str:
    """Draw an embedded subprocess."""
    return f'<subProcess id="{key}" {attributes}>{inner}</subProcess>'


def boundary(key: str, host: str, definition: str, *, interrupting: bool = True) -> str:
    """Attach an event to an activity."""
    cancels = "true" if interrupting else "false"
    return f'<boundaryEvent id="{key}" attachedToRef="{host}" cancelActivity="{cancels}">{definition}</boundaryEvent>'


def catching(key: str, definition: str, attributes: str = "") -> str:
    """Draw an intermediate event that waits."""
    return f'<intermediateCatchEvent id="{key}" {attributes}>{definition}</intermediateCatchEvent>'


def throwing(key: str, definition: str, attributes: str = "") -> str:
    """Draw an intermediate event that throws."""
    return f'<intermediateThrowEvent id="{key}" {attributes}>{definition}</intermediateThrowEvent>'


def timer(sort: str, text: str) -> str:
    """Draw what a timer event waits for; `sort` is Date, Duration or Cycle."""
    return f"<timerEventDefinition><time{sort}>{text}</time{sort}></timerEventDefinition>"


MESSAGE = '<messageEventDefinition messageRef="m0"/>'
OTHER_MESSAGE = '<messageEventDefinition messageRef="m1"/>'
KEYED = '<messageEventDefinition messageRef="keyed"/>'
SIGNAL = '<signalEventDefinition signalRef="s0"/>'
ERROR = '<errorEventDefinition errorRef="er"/>'
ANY_ERROR = "<errorEventDefinition/>"
ESCALATION = '<escalationEventDefinition escalationRef="es"/>'
TERMINATE = "<terminateEventDefinition/>"
TIMER = timer("Duration", "PT1H")
CONDITION = "<conditionalEventDefinition><condition>x == 1</condition></conditionalEventDefinition>"
