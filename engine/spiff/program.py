"""Compiling diagrams to a program that any number of instances run, in any number of threads.

Nothing in a program changes once it is made: specifications are shared, and all that moves is in the `Execution`.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException

from engine.business_time.calendars import STANDARD, Calendars
from engine.diagrams import vocabulary as words
from engine.diagrams.normalise import NormalisedDiagram
from engine.errors import DefinitionError, Finding, Severity
from engine.expressions.language import Expression
from engine.spiff.builders import BUILDERS
from engine.spiff.entrances import Entrance, entrances
from engine.spiff.events import Throwing
from engine.spiff.parser import DiagramParser
from engine.spiff.reading import Reader
from engine.spiff.repetition import MultiInstance
from engine.spiff.scopes import Scope
from engine.spiff.triggers import Condition, Message, Signal, Timer, parts_of
from engine.timing import TimerDefinition

if TYPE_CHECKING:
    from lxml import etree

    from engine.decisions.decision import Decision

for _name in ("spiff", "spiff.task", "spiff.workflow", "spiff.spec"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_PARSING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class NodeOutline:
    """One drawn flow node."""

    id: str
    type: str
    name: str
    lane: str | None


@dataclass(frozen=True, slots=True)
class StartOutline:
    """One way to begin and what it waits for: `kind` is none, message, signal, timer or conditional.

    `id` names the way in, `event` the event as drawn, which has several ways in if it has several triggers.
    """

    id: str
    kind: str
    name: str = ""
    timer: TimerDefinition | None = None
    event: str = ""
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class ProcessOutline:
    """What others may know of a process without running it."""

    id: str
    name: str
    is_executable: bool
    starts: tuple[StartOutline, ...]
    nodes: tuple[NodeOutline, ...]
    throws: frozenset[str] = frozenset()
    """Names of the messages and signals that it sends."""


@dataclass(frozen=True, slots=True)
class Program:
    """Compiled processes by their id as drawn."""

    processes: Mapping[str, ProcessOutline]
    time_zone: ZoneInfo
    scopes: Mapping[str, Scope]
    """Every net's specification: processes and subprocesses by normalised id."""
    entries: Mapping[str, str]
    """The normalised id of each process."""
    calendars: Calendars = STANDARD
    message_keys: Mapping[str, Expression] = field(default_factory=dict)
    """How the correlation key is found in a message, by its name."""

    def endless_timers(self) -> frozenset[str]:
        """Give the events that are drawn with a cycle that never ends."""
        specs = [spec for scope in self.scopes.values() for spec in scope.task_specs.values()]
        timers = [(spec, spec.trigger) for spec in specs if isinstance(getattr(spec, "trigger", None), Timer)]
        return frozenset(spec.drawn or spec.name for spec, timer in timers if timer.definition.is_endless)


def compile_program(
    diagrams: Sequence[NormalisedDiagram],
    decisions: "Mapping[str, Decision]",
    *,
    time_zone: ZoneInfo,
    calendars: Calendars = STANDARD,
    is_trial: bool = False,
) -> Program:
    """Compile diagrams that call each other to one program; raise DefinitionError with every finding.

    For a trial, tasks may lack their operation or table, and what an operation does not return is null.
    """
    parser, readers = DiagramParser(BUILDERS), [Reader(diagram, decisions, is_trial=is_trial) for diagram in diagrams]
    findings: list[Finding] = []
    with _PARSING:
        for reader in readers:
            findings.extend(_parsed(parser, reader))
        _connect_calls(parser)
    message_keys = {name: key for reader in readers for name, key in reader.carried_keys().items()}
    findings.extend(finding for reader in readers for finding in reader.findings)
    if findings:
        raise DefinitionError(dict.fromkeys(findings))
    scopes = {key: inner.spec for key, inner in parser.process_parsers.items() if inner.spec is not None}
    outlines = [
        _outline(reader, process, scopes)
        for reader in readers
        for process in reader.diagram.root.findall(words.PROCESS)
    ]
    entries = {outline.id: key for key, outline in outlines}
    return Program(
        {outline.id: outline for _, outline in outlines}, time_zone, scopes, entries, calendars, message_keys
    )


def _parsed(parser: DiagramParser, reader: Reader) -> Iterator[Finding]:
    file, processes = reader.diagram.file, reader.diagram.root.findall(words.PROCESS)
    twice = [process for process in processes if process.get("id") in parser.process_parsers]
    for process in twice:
        message = (
            f"The process {words.title(process)} is in another of these files too; leave one of them, or rename it."
        )
        yield Finding(file, words.identity(process), Severity.ERROR, "id_not_unique", message)
    if twice:
        return
    try:
        parser.add(reader)
        for process in processes:
            if words.is_true(process, "isExecutable", default=True):
                parser.get_spec(process.get("id"))
    except ValidationException as refused:
        key = getattr(refused, "id", None) or None
        yield Finding(file, key, Severity.ERROR, "not_executable", f"The diagram cannot be run: {refused}")
    except KeyError as repeated:
        message = f"An id is used twice: {repeated}; give each element its own."
        yield Finding(file, None, Severity.ERROR, "id_not_unique", message)


def _connect_calls(parser: DiagramParser) -> None:
    by_drawn_id = {
        reader.diagram.drawn(key) or key: inner
        for key, inner in parser.process_parsers.items()
        if inner.node.tag == words.PROCESS and (reader := inner.reader)
    }
    for spec, called, node, reader in parser.calls:
        inner = by_drawn_id.get(reader.diagram.drawn(called) or called)
        if inner is None or inner.spec is None:
            message = (
                f"{words.title(node)} calls the process {called or '(none)'}, which cannot be run here; deploy it too."
            )
            reader.refuse(node, "unknown_process", message)
            continue
        spec.scope = inner.spec
        if not spec.scope.plain_starts:
            message = f"{words.title(node)} calls {called}, which has no start event without a trigger; add one."
            reader.refuse(node, "no_start", message)


def _outline(reader: Reader, process: "etree._Element", scopes: Mapping[str, Scope]) -> tuple[str, ProcessOutline]:
    key, drawn = process.get("id", ""), reader.diagram.drawn
    scope = scopes.get(key)
    outline = ProcessOutline(
        id=drawn(key) or key,
        name=process.get("name") or "",
        is_executable=scope is not None,
        starts=tuple(map(_start, entrances(scope))) if scope is not None else (),
        nodes=tuple(_nodes(reader, process)),
        throws=frozenset(_thrown(scope for scope in scopes.values() if scope.process == (drawn(key) or key))),
    )
    return key, outline


def _thrown(scopes: "Iterable[Scope]") -> Iterator[str]:
    for spec in (spec for scope in scopes for spec in scope.task_specs.values()):
        told = [one.trigger for one in spec.repetition.tells] if isinstance(spec, MultiInstance) else []
        for trigger in parts_of(spec.trigger) if isinstance(spec, Throwing) else told:
            if isinstance(trigger, Message | Signal) and trigger.named is None:
                yield trigger.name


def _nodes(reader: Reader, process: "etree._Element") -> Iterator[NodeOutline]:
    for node in process.iter(*words.FLOW_NODES):
        drawn = reader.diagram.drawn(node.get("id", ""))
        if drawn is not None:
            yield NodeOutline(drawn, words.kind(node), node.get("name") or "", _lane(reader, node))


def _lane(reader: Reader, node: "etree._Element") -> str | None:
    for around in (node, *node.iterancestors()):
        lane = reader.lanes.get(around.get("id", ""))
        if lane is not None:
            return lane
    return None


def _start(way: Entrance) -> StartOutline:
    match way.trigger:
        case Message(name=name):
            return StartOutline(way.id, "message", name, event=way.event)
        case Signal(name=name):
            return StartOutline(way.id, "signal", name, event=way.event)
        case Timer(definition=definition):
            return StartOutline(way.id, "timer", way.title, definition, event=way.event)
        case Condition(expression=expression):
            return StartOutline(way.id, "conditional", way.title, event=way.event, condition=expression)
    return StartOutline(way.id, "none", way.title, event=way.event)
