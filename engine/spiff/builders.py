"""One builder for each tag of the diagram: it makes the specification and reads its details; what cannot run is refused."""

from collections.abc import Callable
from typing import Any

from lxml import etree
from SpiffWorkflow.specs.base import TaskSpec

from engine.diagrams import attributes
from engine.diagrams import vocabulary as words
from engine.diagrams.autocompletion import completion_condition
from engine.diagrams.working_copy import stands_alone, targets_of
from engine.spiff import ad_hoc, choices, complex_gateway, events, joins, nesting, nodes, parts
from engine.spiff.flows import Flow
from engine.spiff.parser import Builders, ElementParser, ScopeParser
from engine.spiff.tokens import STARTED, WAITING
from engine.spiff.triggers import Cancel, Compensation, Error, parts_of


def _start(parser: ElementParser) -> Any:
    spec = parser.event(events.StartEvent)
    spec.interrupts = words.is_true(parser.node, "isInterrupting", default=True)
    if parser.node.getparent().tag == words.PROCESS:
        parts.divide(spec, parser.spec)
    return spec


def _boundary(parser: ElementParser) -> Any:
    spec = parser.event(
        events.BoundaryEvent, cancel_activity=words.is_true(parser.node, "cancelActivity", default=True)
    )
    if spec.trigger is None:
        parser.reader.refuse(parser.node, "event_missing", f"{words.title(parser.node)} needs something to wait for.")
    if isinstance(spec.trigger, Error | Cancel):
        spec.cancel_activity = True
    if any(isinstance(trigger, Cancel) for trigger in parts_of(spec.trigger)) and not parser.is_in_transaction(
        parser.node.get("attachedToRef")
    ):
        message = f"{words.title(parser.node)} can only be attached to a transaction."
        parser.reader.refuse(parser.node, "cancel_outside", message)
    parts.divide(spec, parser.spec)
    return spec


def _end(parser: ElementParser) -> Any:
    spec = parser.event(events.EndEvent)
    cancels = any(isinstance(trigger, Cancel) for trigger in parts_of(spec.trigger))
    if cancels and parser.node.getparent().tag != words.TRANSACTION:
        message = f"{words.title(parser.node)} can only end a transaction."
        parser.reader.refuse(parser.node, "cancel_outside", message)
    return spec


def _catch(parser: ElementParser) -> Any:
    spec = parser.event(events.CatchEvent)
    if spec.trigger is None:
        parser.reader.refuse(parser.node, "event_missing", f"{words.title(parser.node)} needs something to wait for.")
    parts.divide(spec, parser.spec)
    return spec


def _work(spec_class: Any) -> Callable[[ElementParser], Any]:
    def build(parser: ElementParser) -> Any:
        spec = parser.make(spec_class)
        spec.details = parser.reader.work(parser.node, parser.lane or parser.reader.lanes.get(parser.bpmn_id))
        return spec

    return build


def _operation(spec_class: Any) -> Callable[[ElementParser], Any]:
    def build(parser: ElementParser) -> Any:
        spec = parser.make(spec_class)
        spec.operation = parser.reader.operation(parser.node)
        spec.outward_state = STARTED
        return spec

    return build


def _send(parser: ElementParser) -> Any:
    if attributes.operation(parser.node) or not parser.node.get("messageRef"):
        return _operation(nodes.SendingTask)(parser)
    spec = parser.make(events.SendTask, event_definition=None)
    spec.trigger = parser.reader.message(parser.node, parser.node)
    return spec


def _receive(parser: ElementParser) -> Any:
    spec = parser.make(events.ReceiveTask, event_definition=None)
    spec.trigger = parser.reader.message(parser.node, parser.node)
    spec.outward_state = WAITING
    return spec


def _decision(parser: ElementParser) -> Any:
    is_known = attributes.decision(parser.node) in parser.reader.decisions
    if not is_known and (
        parser.reader.is_trial or (not attributes.decision(parser.node) and attributes.operation(parser.node))
    ):
        return _operation(nodes.ServiceTask)(parser)
    spec = parser.make(nodes.DecisionTask)
    spec.decision = parser.reader.decision(parser.node)
    spec.result_variable, spec.shape = attributes.result_variable(parser.node), attributes.result_shape(parser.node)
    return spec


def _join(spec_class: Any) -> Callable[[ElementParser], Any]:
    def build(parser: ElementParser) -> Any:
        spec = parser.make(spec_class)
        spec.policy = attributes.conflict_policy(parser.node)
        return spec

    return build


def _event_gateway(parser: ElementParser) -> Any:
    spec = parser.make(events.EventGateway, event_definition=None)
    spec.instantiates = parser.node.get(words.rewritten("instantiates")) is not None
    spec.needs_all = spec.instantiates and parser.node.get("eventGatewayType") == "Parallel"
    return spec


def _complex(parser: ElementParser) -> Any:
    spec = _join(complex_gateway.ComplexGateway)(parser)
    spec.activation = parser.reader.expression(parser.node, words.child_text(parser.node, "activationCondition"))
    return spec


def _quantity(parser: ElementParser) -> Any:
    spec = parser.make(joins.QuantityJoin)
    spec.quantity = int(parser.node.get("quantity", "1"))
    return spec


def _inner(parser: ElementParser) -> ScopeParser:
    parent, node = parser.process_parser, parser.node
    parent.parser.create_parser(node, parent.filename, lane=parser.lane or parser.reader.lanes.get(parser.bpmn_id))
    inner: ScopeParser = parent.parser.process_parsers[parser.bpmn_id]
    inner.parent = parent
    return inner


def _subprocess(parser: ElementParser) -> Any:
    if words.is_event_subprocess(parser.node):
        return _handler(parser)
    spec = parser.make(nesting.SubProcess, subworkflow_spec=parser.bpmn_id)
    spec.scope = _inner(parser).get_spec()
    if not spec.scope.plain_starts:
        parser.reader.refuse(
            parser.node, "no_start", f"{words.title(parser.node)} needs a start event without a trigger."
        )
    return spec


def _ad_hoc(parser: ElementParser) -> Any:
    spec = parser.make(ad_hoc.AdHocSubProcess, subworkflow_spec=parser.bpmn_id)
    spec.scope = _inner(parser).get_spec()
    spec.scope.is_ad_hoc = True
    spec.condition = parser.reader.expression(parser.node, completion_condition(parser.node))
    spec.cancels_rest = words.is_true(parser.node, "cancelRemainingInstances", default=True)
    spec.is_sequential = parser.node.get("ordering") == "Sequential"
    specs = spec.scope.task_specs
    spec.heads = tuple(specs.get(f"{key}.BoundaryEventSplit", specs[key]) for key in _heads(parser.node))
    return spec


def _heads(scope: etree._Element) -> list[str]:
    """Name the nodes of an ad-hoc subprocess that no flow leads to."""
    incoming = targets_of(scope)
    nodes = [node for node in scope if node.tag in words.FLOW_NODES and not stands_alone(node)]
    return [key for node in nodes if not incoming[key := node.get("id", "")]]


def _handler(parser: ElementParser) -> Any:
    spec = parser.make(nesting.EventSubprocess, subworkflow_spec=parser.bpmn_id)
    spec.scope = _inner(parser).get_spec()
    starts = spec.scope.bpmn_start_events
    if len(starts) == 1 and isinstance(starts[0].trigger, Compensation):
        starts[0].trigger, parser.spec.undoing = None, spec.name
        return spec
    if len(starts) != 1 or starts[0].trigger is None:
        message = f"{words.title(parser.node)} needs exactly one start event, and that needs something to wait for."
        parser.reader.refuse(parser.node, "handler_start", message)
        return spec
    _stand_by(parser, spec, starts[0])
    return spec


def _stand_by(parser: ElementParser, handler: Any, start: Any) -> None:
    """Move the trigger from the start event inside to the net around, where it waits."""
    waiting = nesting.HandlerTrigger(parser.spec, f"{parser.bpmn_id}.trigger", event_definition=None)
    waiting.drawn, waiting.title = start.drawn, start.title
    waiting.trigger, start.trigger = start.trigger, None
    parts.divide(waiting, parser.spec, parts.HandlerPart)
    waiting.interrupts = start.interrupts or isinstance(waiting.trigger, Error)
    if isinstance(waiting.trigger, events.OUTWARD):
        waiting.outward_state = WAITING
    waiting.flows = (Flow(waiting.name, None, handler, None, is_default=False),)
    TaskSpec.connect(waiting, handler)
    parser.spec.handlers.append(waiting)


def _call(parser: ElementParser) -> Any:
    called = attributes.called_element(parser.node) or ""
    spec = parser.make(nesting.CallActivity, subworkflow_spec=called)
    spec.into, spec.takes_all = parser.reader.mapping(parser.node, "in")
    spec.back, spec.gives_all = parser.reader.mapping(parser.node, "out")
    spec.called = parser.reader.expression(parser.node, attributes.called_expression(parser.node))
    if spec.called is None:
        parser.process_parser.parser.calls.append((spec, called, parser.node, parser.reader))
    return spec


def _script(parser: ElementParser) -> Any:
    if computes := parser.reader.handings(parser.node, "computes"):
        spec = parser.make(nodes.ComputingTask)
        spec.computes = computes
        return spec
    return parser.make(nodes.ScriptTask, script=parser.reader.script(parser.node))


BUILDERS: Builders = {
    "startEvent": _start,
    "endEvent": _end,
    "intermediateThrowEvent": lambda parser: parser.event(events.ThrowEvent),
    "intermediateCatchEvent": _catch,
    "boundaryEvent": _boundary,
    "task": lambda parser: parser.make(nodes.NoneTask),
    "userTask": _work(nodes.UserTask),
    "manualTask": _work(nodes.ManualTask),
    "scriptTask": _script,
    "serviceTask": _operation(nodes.ServiceTask),
    "sendTask": _send,
    "receiveTask": _receive,
    "businessRuleTask": _decision,
    "callActivity": _call,
    "subProcess": _subprocess,
    "transaction": _subprocess,
    "adHocSubProcess": _ad_hoc,
    "exclusiveGateway": lambda parser: parser.make(choices.ExclusiveGateway),
    "parallelGateway": _join(joins.ParallelGateway),
    "inclusiveGateway": _join(joins.InclusiveGateway),
    "eventBasedGateway": _event_gateway,
    "quantityJoin": _quantity,
    "complexGateway": _complex,
}
