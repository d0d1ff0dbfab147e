# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""The library's parser with our specifications: flat instead of recursive, and nothing accepted that would not run.

The library follows the flows from the start events, one call inside the other. Here every node of a scope becomes a
specification first, and the flows connect them afterwards: two thousand nodes in a row need no deep stack, and nodes that no flow
reaches (compensation handlers) are there as well.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser import BpmnParser, TaskParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser
from SpiffWorkflow.specs.base import TaskSpec

from engine.diagrams import attributes
from engine.diagrams import vocabulary as words
from engine.diagrams.vocabulary import BOUNDARY_EVENT, MULTI_INSTANCE
from engine.spiff import choices, events, joins, nesting, repetition
from engine.spiff.flows import Flow
from engine.spiff.reading import Reader
from engine.spiff.scopes import Scope
from engine.spiff.tokens import WAITING


class ElementParser(TaskParser):
    """Makes the specification of one flow node."""

    STANDARD_LOOP_CLASS = repetition.StandardLoop
    PARALLEL_MI_CLASS = repetition.ParallelMultiInstance
    SEQUENTIAL_MI_CLASS = repetition.SequentialMultiInstance
    EVENT_SUBPROCESS_CLASS = nesting.EventSubprocess

    task: Any

    @property
    def reader(self) -> Reader:
        """Reads the texts of this diagram."""
        reader: Reader = self.process_parser.reader
        return reader

    @property
    def bpmn_attributes(self) -> dict[str, Any]:
        """What the library's constructors are given."""
        return {"bpmn_name": self.node.get("name")}

    def parse_node(self) -> Any:
        """Make the specification, its repetition and its attached events; flows are connected later."""
        self.task = self.create_task()
        self._label(self.task)
        self.task.activity, self.task.handler = self.bpmn_id, words.compensated_by(self.node)
        loop = words.loop_of(self.node) if self.node.tag in words.ACTIVITIES else None
        if loop is not None:
            self._repeat(loop)
            self.task.instance.brings = self.reader.handings(self.node, "brings", of_each=True)
        self.task.brings = self.reader.handings(self.node, "brings")
        self.task.gives = self.reader.handings(self.node, "gives")
        self.task.keeps = words.rewritten("keeps") in self.node.attrib
        attached = self.process_parser.get_boundary_events(self.bpmn_id)
        return self._add_boundary_event(attached) if attached else self.task

    def create_task(self) -> Any:
        """Make the specification for the node's tag."""
        return self.process_parser.parser.builders[words.kind(self.node)](self)

    def make(self, spec_class: Any, **kwargs: Any) -> Any:
        """Make a specification of a class."""
        return spec_class(self.spec, self.bpmn_id, **self.bpmn_attributes, **kwargs)

    def event(self, spec_class: Any, **kwargs: Any) -> Any:
        """Make the specification of an event with its trigger."""
        spec = self.make(spec_class, event_definition=None, **kwargs)
        spec.trigger = self.reader.trigger(self.node)
        if isinstance(spec.trigger, events.OUTWARD) and isinstance(spec, events.Catching):
            spec.outward_state = WAITING
        return spec

    def is_in_transaction(self, key: str | None) -> bool:
        """Tell whether a node of the scope is a transaction."""
        return any(node.get("id") == key and node.tag == words.TRANSACTION for node in self.process_parser.node)

    def _label(self, spec: Any) -> None:
        spec.drawn = self.reader.diagram.drawn(self.bpmn_id)
        spec.title = self.node.get("name") or ""
        spec.status = attributes.status(self.node)
        spec.is_activity = self.node.tag in words.ACTIVITIES
        for part in getattr(spec, "parts", ()):
            part.drawn, part.title = spec.drawn, spec.title

    def _repeat(self, loop: etree._Element) -> None:
        once = self.task
        name = once.name
        del self.spec.task_specs[name]
        once.name = f"{name} [child]"
        self.spec.task_specs[once.name] = once
        if loop.tag == MULTI_INSTANCE:
            is_sequential = words.is_true(loop, "isSequential")
            self.task = self.make(
                self.SEQUENTIAL_MI_CLASS if is_sequential else self.PARALLEL_MI_CLASS, task_spec=once.name
            )
            self.task.repetition = self.reader.repetition(self.node, loop)
        else:
            limits = {"maximum": None, "condition": None, "test_before": False}
            self.task = self.make(self.STANDARD_LOOP_CLASS, task_spec=once.name, **limits)
            self.task.loop = self.reader.loop(self.node, loop)
        self._label(self.task)
        once.status, self.task.instance, once.repeated_by = None, once, self.task
        details = getattr(self.task, "repetition", None)
        once.local_names = (
            frozenset({repetition.COUNTER, details.index, details.item} - {None})
            if details
            else frozenset({repetition.COUNTER})
        )

    def _add_boundary_event(self, children: list[etree._Element]) -> Any:
        split = events.BoundarySplit(self.spec, f"{self.bpmn_id}.BoundaryEventSplit")
        split.activity, split.title = self.task, self.task.title
        split.connect(self.task)
        for event in children:
            spec = self.process_parser.parse_node(event)
            split.connect(spec)
            split.events += (spec,)
        self.task.attached = split.events
        return split


class ScopeParser(ProcessParser):
    """Makes the specification of a process or subprocess."""

    @property
    def reader(self) -> Reader:
        """Reads the texts of this diagram."""
        reader: Reader = self.parser.readers[id(self.document_root)]
        return reader

    @property
    def process(self) -> str:
        """The id of the process around, as drawn."""
        around = self
        while around.parent is not None:
            around = around.parent
        return self.reader.diagram.drawn(around.bpmn_id) or str(around.bpmn_id)

    def create_spec(self) -> Scope:
        """Make an empty specification."""
        has_policy = self.node.get(words.ours("onConflict")) is not None
        is_process = self.node.tag == words.PROCESS
        policy = (
            attributes.ConflictPolicy.LAST if is_process and not has_policy else attributes.conflict_policy(self.node)
        )
        scope = Scope(self.bpmn_id, self.process, policy)
        scope.title = self.node.get("name") or ""
        scope.drawn = self.reader.diagram.drawn(self.bpmn_id)
        return scope

    def _index_process_nodes(self) -> None:
        for node in self.node:
            if node.tag == BOUNDARY_EVENT:
                self.boundary_events_by_attached.setdefault(node.get("attachedToRef"), []).append(node)

    def add_tasks(self) -> None:
        """Make all specifications, then connect the flows."""
        drawn = [node for node in self.node if self.parser.knows(node.tag)]
        for node in drawn:
            self.parse_node(node)
        self._connect()
        for node in drawn:
            self._check_end(node)
        self.spec.start._outputs = [spec.name for spec in self.spec.bpmn_start_events]

    def _connect(self) -> None:
        specs = self.spec.task_specs
        leaving: dict[str, list[Flow]] = {}
        arriving: dict[str, dict[str, str]] = {}
        defaults = {node.get("default") for node in self.node if node.get("default")}
        for element in self.node.findall(words.SEQUENCE_FLOW):
            key, source, target = (element.get(name, "") for name in ("id", "sourceRef", "targetRef"))
            if source not in specs or target not in specs:
                self.reader.refuse(
                    element, "unknown_reference", f"The flow {key} does not connect two nodes of one scope."
                )
                continue
            entry = specs.get(f"{target}.BoundaryEventSplit", specs[target])
            condition = self.reader.expression(element, words.condition(element))
            flow = Flow(key, self.reader.diagram.drawn(key), entry, condition, key in defaults)
            leaving.setdefault(source, []).append(flow)
            arriving.setdefault(entry.name, {})[key] = source
            TaskSpec.connect(specs[source], entry)
        for name, flows in leaving.items():
            specs[name].flows = tuple(flows)
        for name, sources in arriving.items():
            specs[name].lines, specs[name].sources = tuple(sources), sources

    def _check_end(self, node: etree._Element) -> None:
        spec = self.spec.task_specs[node.get("id")]
        if isinstance(spec, events.EventGateway) and not all(
            isinstance(flow.target, events.Catching) for flow in spec.flows
        ):
            message = f"Behind {words.title(node)} only catching events and receive tasks can wait."
            self.reader.refuse(node, "event_gateway_target", message)
        if len(spec.flows) > 1 and not isinstance(spec, joins.Join | choices.ExclusiveGateway | events.EventGateway):
            self.reader.refuse(
                node, "several_flows", f"Several flows leave {words.title(node)}; put a gateway behind it."
            )


Builders = Mapping[str, Callable[[ElementParser], Any]]
"""What makes the specification of a flow node, by the local name of its tag."""


class DiagramParser(BpmnParser):
    """Takes normalised diagrams; one parser for one program."""

    PROCESS_PARSER_CLASS = ScopeParser

    def __init__(self, builders: Builders) -> None:
        super().__init__()
        self.builders = builders
        self.readers: dict[int, Reader] = {}
        self.calls: list[tuple[Any, str, etree._Element, Reader]] = []

    def add(self, reader: Reader) -> None:
        """Take one diagram in."""
        root = reader.diagram.root
        self.readers[id(root)] = reader
        for process in root.findall(words.PROCESS):
            self.create_parser(process, reader.diagram.file)

    def knows(self, tag: Any) -> bool:
        """Tell whether a tag is a flow node."""
        return isinstance(tag, str) and etree.QName(tag).localname in self.builders

    def _get_parser_class(self, tag: str) -> tuple[Any, Any]:
        return ElementParser, Scope if tag == words.PROCESS else TaskSpec
