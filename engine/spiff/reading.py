"""Reading the details of flow nodes: texts become compiled expressions, timers and triggers; faults become findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from lxml import etree

from engine.diagrams import attributes
from engine.diagrams import vocabulary as words
from engine.diagrams.attributes import Assignment
from engine.diagrams.normalise import NormalisedDiagram
from engine.diagrams.vocabulary import EventKind, bpmn
from engine.errors import EngineError, Finding, Severity
from engine.expressions.foreign import is_worked_out, translate_name
from engine.expressions.language import Expression, compile_expression, variable
from engine.expressions.scripts import Script, compile_script
from engine.retries import fixed_duration, parse_pauses
from engine.spiff.nodes import Handing, OperationDetails, WorkDetails
from engine.spiff.repetition import LoopDetails, RepetitionDetails, Telling
from engine.spiff.triggers import (
    Cancel,
    Compensation,
    Condition,
    Error,
    Escalation,
    Message,
    Multiple,
    Signal,
    Terminate,
    Timer,
    Trigger,
)
from engine.timing import TimerDefinition, compile_timer

if TYPE_CHECKING:
    from engine.decisions.decision import Decision

T = TypeVar("T")
_TELLING: Final = {"None": "noneBehaviorEventRef", "One": "oneBehaviorEventRef"}


class Reader:
    """Reads one diagram and collects what is wrong with it."""

    def __init__(
        self, diagram: NormalisedDiagram, decisions: "Mapping[str, Decision]", *, is_trial: bool = False
    ) -> None:
        self.diagram = diagram
        self.is_trial = is_trial
        self.decisions = decisions
        self.findings: list[Finding] = []
        self._defined = {key: element for element in diagram.root if (key := words.identity(element))}
        self.lanes = _lanes(diagram.root)

    def refuse(self, element: etree._Element, code: str, message: str) -> None:
        """Note that the diagram cannot run as it is."""
        key = words.identity(element)
        drawn = key if key is None else self.diagram.drawn(key) or key
        finding = Finding(self.diagram.file, drawn, Severity.ERROR, code, message)
        if finding not in self.findings:
            self.findings.append(finding)

    def _attempt(self, element: etree._Element, deed: Callable[[], T], instead: T) -> T:
        try:
            return deed()
        except EngineError as error:
            self.refuse(element, error.code, f"{words.title(element)}: {error.message}")
            return instead

    # -- languages

    def expression(self, element: etree._Element, text: str | None) -> Expression | None:
        """Compile an expression, if there is one."""
        return self._attempt(element, lambda: compile_expression(text), None) if text else None

    def required(self, element: etree._Element, text: str | None, what: str) -> Expression:
        """Compile an expression that must be there."""
        if not text:
            self.refuse(element, "missing_expression", f"{words.title(element)} needs {what}.")
        return self.expression(element, text) or compile_expression("None")

    def script(self, task: etree._Element) -> Script:
        """Compile the script of a script task."""
        text = attributes.script_text(task) or ""
        return self._attempt(task, lambda: compile_script(text), compile_script(""))

    def _timer(self, event: etree._Element, definition: etree._Element) -> Timer | None:
        for tag, sort in words.TIMER_TEXTS.items():
            found = definition.find(tag)
            text = None if found is None else "".join(map(str, found.itertext())).strip()
            if text:
                compiled = self._attempt(event, lambda sort=sort, text=text: compile_timer(sort, text), None)  # type: ignore[misc]
                return None if compiled is None else Timer(compiled)
        self.refuse(event, "timer_missing", f"{words.title(event)} needs a date, a duration or a cycle.")
        return None

    # -- events

    def trigger(self, event: etree._Element) -> Trigger | None:
        """Read what an event waits for or throws; None for a plain event."""
        definitions = words.event_definitions(event)
        if len(definitions) < 2:  # noqa: PLR2004 - not several
            return self._trigger(event, definitions[0]) if definitions else None
        found = [trigger for one in definitions if (trigger := self._trigger(event, one)) is not None]
        several = Multiple(tuple(found), words.event_kind(event) is EventKind.PARALLEL_MULTIPLE)
        if message := _misfit(event, several):
            self.refuse(event, "not_executable", f"{words.title(event)}: {message}")
        return several

    def _trigger(self, event: etree._Element, definition: etree._Element) -> Trigger | None:
        kind = words.EVENT_DEFINITIONS[str(definition.tag)]
        readers: dict[EventKind, Callable[[], Trigger | None]] = {
            EventKind.MESSAGE: lambda: self.message(event, definition),
            EventKind.SIGNAL: lambda: self._signal(event, definition),
            EventKind.TIMER: lambda: self._timer(event, definition),
            EventKind.ERROR: lambda: self._coded(Error, event, definition),
            EventKind.ESCALATION: lambda: self._coded(Escalation, event, definition),
            EventKind.CONDITIONAL: lambda: Condition(
                self.required(event, words.child_text(definition, "condition"), "a condition")
            ),
            EventKind.TERMINATE: Terminate,
            EventKind.CANCEL: Cancel,
            EventKind.COMPENSATION: lambda: self._compensation(event, definition),
        }
        if kind not in readers:
            self.refuse(event, "not_executable", f"{words.title(event)}: a {kind} event cannot be run here.")
            return None
        return readers[kind]()

    def message(self, node: etree._Element, carrier: etree._Element) -> Message:
        """Read the message that an event or task sends or receives; the carrier is its definition, or the task itself."""
        reference = carrier.get("messageRef")
        found = self._defined.get(reference or "")
        if reference and found is None:
            self.refuse(
                node, "unknown_reference", f"{words.title(node)} names the message {reference}, which is not defined."
            )
        name = (node if found is None else found).get("name") or reference or words.identity(node) or ""
        key = attributes.correlation_key(node) or (None if found is None else attributes.correlation_key(found))
        text = attributes.time_to_live(node)
        life = None if text is None else self._attempt(node, lambda: fixed_duration(text), None)
        carried = self.expression(node, None if found is None else found.get(words.rewritten("carriedKey")))
        awaited = [self.expression(node, one.get("expression")) for one in carrier.iter(words.rewritten("awaitedKey"))]
        return Message(
            name,
            self._named(node, name),
            self.expression(node, key),
            self.expression(node, attributes.payload(node)),
            life,
            carried=carried,
            awaited=tuple(filter(None, awaited)),
        )

    def carried_keys(self) -> dict[str, Expression]:
        """Read, by their names, how the correlation keys of messages are found in what they carry."""
        marked = ((one, one.get(words.rewritten("carriedKey"))) for one in self.diagram.root.iter(bpmn("message")))
        read = {
            one.get("name") or words.identity(one) or "": self.expression(one, text) for one, text in marked if text
        }
        return {name: expression for name, expression in read.items() if expression is not None}

    def _signal(self, event: etree._Element, definition: etree._Element) -> Signal:
        reference = definition.get("signalRef")
        found = self._defined.get(reference or "")
        if reference and found is None:
            self.refuse(
                event, "unknown_reference", f"{words.title(event)} names the signal {reference}, which is not defined."
            )
        name = (event if found is None else found).get("name") or reference or words.identity(event) or ""
        payload = self.expression(event, attributes.payload(event))
        return Signal(name, self._named(event, name), payload, attributes.carries_all(event))

    def _named(self, node: etree._Element, name: str) -> Expression | None:
        """Compile the name of a message or signal, if another tool's name holds expressions."""
        if not is_worked_out(name):
            return None
        around = node.getparent()
        if node.tag == words.START_EVENT and around is not None and around.tag == words.PROCESS:
            message = f"{words.title(node)} begins the process, so there are no variables for the name “{name[:80]}”; write it."
            self.refuse(node, "not_executable", message)
        return self._attempt(node, lambda: compile_expression(translate_name(name)), None)

    def _compensation(self, event: etree._Element, definition: etree._Element) -> Compensation:
        if not words.is_true(definition, "waitForCompletion", default=True):
            message = f"{words.title(event)} must wait until what it undoes is undone; set waitForCompletion to true."
            self.refuse(event, "not_executable", message)
        return Compensation(definition.get("activityRef"))

    def _coded(
        self, kind: type[Error] | type[Escalation], event: etree._Element, definition: etree._Element
    ) -> Error | Escalation:
        """Read an error or escalation: its code, or what stands for it, what it says, and the variables that take both."""
        what = "error" if kind is Error else "escalation"
        reference = definition.get(f"{what}Ref")
        found = self._defined.get(reference or "")
        if reference and found is None:
            self.refuse(event, "unknown_reference", f"{words.title(event)} names {reference}, which is not defined.")
        names = attributes.code_variable(definition), attributes.message_variable(definition)
        if found is None:
            return kind(None, True, *names)
        code = (found.get(f"{what}Code") or "").strip()
        says = self.expression(event, attributes.error_message(found))
        return kind(code or found.get("name") or reference, bool(code), *names, says)

    # -- tasks

    def work(self, task: etree._Element, lane: str | None) -> WorkDetails:
        """Read what a person has to do."""
        groups = attributes.candidate_groups(task) or ((attributes.lane_key(lane),) if lane else ())
        return WorkDetails(
            form=attributes.form(task),
            candidate_groups=groups,
            group_expression=self.expression(task, attributes.group_expression(task)),
            assignee=self.expression(task, attributes.assignee(task)),
            due=self._due(task),
            priority=self.expression(task, attributes.priority(task)),
            outcome=attributes.outcome(task),
            instructions=words.instructions(task),
        )

    def _due(self, task: etree._Element) -> TimerDefinition | None:
        text = attributes.due_date(task)
        if not text:
            return None
        sort = "duration" if text.lstrip("-+").startswith("P") else "date"
        return self._attempt(task, lambda: compile_timer(sort, text), None)

    def operation(self, task: etree._Element) -> OperationDetails:
        """Read which operation is called, with what, and where its results go."""
        name = attributes.operation(task)
        if not name and not self.is_trial:
            self.refuse(task, "operation_missing", f"{words.title(task)} names no operation; choose one.")
        inputs, outputs = self._assigned(task, attributes.inputs(task)), self._assigned(task, attributes.outputs(task))
        return OperationDetails(name or "", inputs, outputs, self._retry(task), is_trial=self.is_trial)

    def _retry(self, task: etree._Element) -> tuple[timedelta, ...] | None:
        text = attributes.retry(task)
        return None if text is None else self._attempt(task, lambda: parse_pauses(text), None)

    def _assigned(self, task: etree._Element, assignments: Iterable[Assignment]) -> dict[str, Expression]:
        return {
            item.name: self.required(task, item.expression, f"an expression for {item.name}")
            for item in assignments
            if item.name
        }

    def handings(self, activity: etree._Element, mark: str, *, of_each: bool = False) -> tuple[Handing, ...]:
        """Read the inputs (`brings`) or outputs (`gives`) that have another name inside an activity, or inside each instance."""
        found = [one for one in activity.findall(words.rewritten(mark)) if ("each" in one.attrib) is of_each]
        compiled = ((one, self._value(activity, one.get("variable"), one.get("expression"))) for one in found)
        return tuple(Handing(one.get("own", ""), one.get("target", ""), text) for one, text in compiled if text)

    def _value(self, activity: etree._Element, name: str | None, text: str | None) -> Expression | None:
        """Read a variable that the diagram refers to, by its name, or else an expression."""
        return variable(name) if name else self.expression(activity, text)

    def decision(self, task: etree._Element) -> "Decision | None":
        """Find the decision table that a business rule task asks."""
        key = attributes.decision(task)
        found = self.decisions.get(key or "")
        if found is None:
            message = f"{words.title(task)} asks the decision {key or '(none)'}, which is not deployed; add its table."
            self.refuse(task, "unknown_decision", message)
        return found

    def mapping(self, call: etree._Element, direction: str) -> tuple[dict[str, Expression] | None, bool]:
        """Read what goes into or comes out of a called process: the mapping, and whether everything goes."""
        passings = attributes.passed_in(call) if direction == "in" else attributes.passed_out(call)
        if not passings:
            return None, call.get(words.rewritten("closed")) != direction
        named = [item for item in passings if not item.all_variables]
        compiled = {item.target: self.required(call, item.source, f"a source for {item.target}") for item in named}
        return compiled, len(named) < len(passings)

    # -- repetition

    def repetition(self, activity: etree._Element, loop: etree._Element) -> RepetitionDetails:
        """Read over what a multi-instance activity is repeated."""
        cardinality, collection = words.child_text(loop, "loopCardinality"), attributes.collection(loop)
        if bool(cardinality) == bool(collection):
            message = f"{words.title(activity)} needs either a number of instances or a collection."
            self.refuse(activity, "repetition_unclear", message)
        return RepetitionDetails(
            cardinality=self.expression(activity, cardinality),
            collection=None if cardinality else self._value(activity, attributes.collection_variable(loop), collection),
            item=attributes.element_variable(loop),
            index=attributes.index_variable(loop),
            first=attributes.first_number(loop),
            output=attributes.output_collection(loop),
            output_item=attributes.output_item(loop),
            condition=self.expression(activity, words.child_text(loop, "completionCondition")),
            tells=tuple(self._tells(activity, loop)),
        )

    def _tells(self, activity: etree._Element, loop: etree._Element) -> Iterator[Telling]:
        """Read what the instances throw when they end (Table 10.30)."""
        behavior = loop.get("behavior", "All")
        if behavior == "Complex":
            for one in loop.findall(bpmn("complexBehaviorDefinition")):
                condition = self.required(activity, words.child_text(one, "condition"), "a condition for its event")
                for event in one.findall(bpmn("event")):
                    for definition in words.event_definitions(event):
                        yield from self._telling(activity, definition, condition=condition)
        elif behavior in _TELLING:
            reference = loop.get(_TELLING[behavior])
            definitions = [
                one for one in self.diagram.root.iter(*words.EVENT_DEFINITIONS) if one.get("id") == reference
            ]
            if not definitions:
                message = f"{words.title(activity)} throws {reference or 'no event'}, which is not defined; choose one."
                self.refuse(activity, "unknown_reference", message)
            for definition in definitions[:1]:
                yield from self._telling(activity, definition, is_of_first=behavior == "One")

    def _telling(
        self,
        activity: etree._Element,
        definition: etree._Element,
        *,
        is_of_first: bool = False,
        condition: Expression | None = None,
    ) -> Iterator[Telling]:
        trigger = self._trigger(activity, definition)
        if isinstance(trigger, Error | Escalation | Message | Signal):
            yield Telling(trigger, is_of_first, condition)
        elif trigger is not None:
            message = f"The instances of {words.title(activity)} throw messages, signals, escalations and errors only."
            self.refuse(activity, "not_executable", message)

    def loop(self, activity: etree._Element, loop: etree._Element) -> LoopDetails:
        """Read how long an activity is repeated."""
        condition, maximum = words.child_text(loop, "loopCondition"), (loop.get("loopMaximum") or "").strip()
        if not condition and not maximum:
            self.refuse(activity, "repetition_unclear", f"{words.title(activity)} needs a loop condition or a maximum.")
        if maximum and not (maximum.isascii() and maximum.isdigit()):
            self.refuse(
                activity, "repetition_unclear", f"The loop maximum of {words.title(activity)} must be 0 or more."
            )
            maximum = ""
        is_tested_before = words.is_true(loop, "testBefore")
        return LoopDetails(self.expression(activity, condition), int(maximum) if maximum else None, is_tested_before)


def _misfit(event: etree._Element, several: Multiple) -> str | None:
    """Tell why an event cannot have these triggers together."""
    last = [part for part in several.parts if isinstance(part, Error | Cancel | Terminate)]
    if event.tag in words.THROWING_EVENTS:
        return "only one of error, cancel and terminate can end a way; leave one." if len(last) > 1 else None
    if any(isinstance(part, Compensation) for part in several.parts):
        return "compensation cannot be one of several triggers; draw an event of its own for it."
    if several.needs_all and any(isinstance(part, Error | Escalation | Cancel) for part in several.parts):
        return "an error or escalation cannot wait for something else to happen; draw an event of its own for it."
    interrupts = words.is_true(event, "cancelActivity", default=True) and words.is_true(
        event, "isInterrupting", default=True
    )
    if last and not interrupts:
        return "an error always interrupts; draw an event of its own for it."
    return None


def _lanes(root: etree._Element) -> dict[str, str]:
    """Give the lane of each node; the innermost of nested lanes."""
    found: dict[str, str] = {}
    for lane in root.iter(bpmn("lane")):
        for reference in lane.findall(bpmn("flowNodeRef")):
            if reference.text and lane.get("name"):
                found[reference.text.strip()] = str(lane.get("name"))
    return found
