"""Laws about item definitions: data that meets is of one type, where messages, calls, interfaces and loops bring it together.

What a file does not say is taken for right: data without a type, and types that lie in other files.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.attributes import called_element
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.vocabulary import (
    FLOW_NODES,
    GLOBAL_TASKS,
    MULTI_INSTANCE,
    PROCESS,
    bpmn,
    child_text,
    identity,
    is_true,
    local_reference,
    title,
)

_SPECIFICATION: Final = bpmn("ioSpecification")
_INPUT: Final = bpmn("dataInput")
_OUTPUT: Final = bpmn("dataOutput")
_STORED: Final = (bpmn("dataObject"), bpmn("dataStore"))
_COLLECTIONS: Final = (_INPUT, _OUTPUT, bpmn("dataObject"), bpmn("inputDataItem"), bpmn("outputDataItem"))
_ITEM_AWARE: Final = frozenset(
    {*_STORED, *_COLLECTIONS, *map(bpmn, ("dataObjectReference", "dataStoreReference", "property"))}
)
_LOOPED: Final = (("loopDataInputRef", "inputDataItem"), ("loopDataOutputRef", "outputDataItem"))
_BOUND: Final = (("inputDataRef", "inMessageRef", "input"), ("outputDataRef", "outMessageRef", "output"))


@dataclass(frozen=True, slots=True)
class _Types:
    """How many inputs or outputs there are, and how many of each type that is known."""

    count: int
    known: Counter[tuple[bool, str]]

    def fit(self, other: "_Types") -> bool:
        """Tell whether the number is the same, and the types too where all are known."""
        is_open = self.count > self.known.total() or other.count > other.known.total()
        return self.count == other.count and (is_open or self.known == other.known)


def collections(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find data that is one thing by itself and a collection by its item definition, or the other way round (10.4)."""
    for element in drawing.root.iter(*_COLLECTIONS):
        item = _definition(drawing, element.get("itemSubjectRef"))
        if item is not None and is_true(item, "isCollection") != is_true(element, "isCollection"):
            said, other = (
                ("a collection", "one thing") if is_true(item, "isCollection") else ("one thing", "a collection")
            )
            message = (
                f"The data {title(element)} is {other}, its item definition {title(item)} {said}; say the same in both."
            )
            yield Fault("collection_mismatch", _place(element), message)


def messages(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find tasks whose inputs and outputs do not fit the message they send or receive (10.3)."""
    for task in drawing.root.iter(*map(bpmn, ("serviceTask", "sendTask", "receiveTask"))):
        operation = _of_kind(drawing, task.get("operationRef"), "operation")
        sent = _of_kind(drawing, task.get("messageRef") or child_text_of(operation, "inMessageRef"), "message")
        if task.tag == bpmn("serviceTask"):
            answered = _of_kind(drawing, child_text_of(operation, "outMessageRef"), "message")
            if operation is not None:
                yield from _exchange(drawing, task, "input", sent, is_needed=True)
                yield from _exchange(drawing, task, "output", answered)
        elif sent is not None:
            yield from _exchange(drawing, task, "input" if task.tag == bpmn("sendTask") else "output", sent)


def repeated(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find multi-instance activities that run over what is no data, or whose items are of another type than their collection."""
    for loop in drawing.root.iter(MULTI_INSTANCE):
        for reference, part in _LOOPED:
            whole, single = drawing.named(child_text(loop, reference)), loop.find(bpmn(part))
            activity = _place(loop)
            if whole is not None and whole.tag not in _ITEM_AWARE:
                message = (
                    f"{title(activity)} is repeated over {title(whole)}, which is no data; choose an input or output."
                )
                yield Fault("wrong_reference", activity, message)
            elif whole is not None and single is not None and not _is_part(drawing, single, whole):
                message = (
                    f"{title(activity)} takes items of another type from {title(whole)}; let the types of both fit."
                )
                yield Fault("multi_instance_item", activity, message)


def calls(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find call activities with other inputs and outputs than what they call (10.3)."""
    seen: dict[str, tuple[_Types, _Types] | None] = {}
    for call in drawing.root.iter(bpmn("callActivity")):
        called, own = drawing.named(called_element(call)), _types(drawing, call)
        if called is None or own is None or call.find(MULTI_INSTANCE) is not None:
            continue
        key = identity(called) or ""
        theirs = seen[key] if key in seen else seen.setdefault(key, _types(drawing, called))
        for what, mine, needed in zip(("inputs", "outputs"), own, theirs or own, strict=True):
            if not mine.fit(needed):
                message = f"The call activity {title(call)} has other {what} than {title(called)}; give both the same."
                yield Fault("call_data", call, message)


def services(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find processes and global tasks that offer an interface and do not say which data its operations take and give (10.2)."""
    for offered in drawing.root.iter(PROCESS, *GLOBAL_TASKS):
        bindings = offered.findall(bpmn("ioBinding"))
        if offered.find(bpmn("supportedInterfaceRef")) is not None and not bindings:
            message = (
                f"{title(offered)} offers an interface, but binds no input and output to its operations; add a binding."
            )
            yield Fault("service_binding", offered, message)
        for binding in bindings:
            yield from _binding(drawing, offered, binding)


def _binding(drawing: Drawing, offered: etree._Element, binding: etree._Element) -> Iterator[Fault]:
    operation = _of_kind(drawing, binding.get("operationRef"), "operation")
    for data, named, what in _BOUND:
        bound = drawing.named(binding.get(data))
        message = _of_kind(drawing, child_text_of(operation, named), "message")
        if (
            bound is not None
            and bound.tag in {_INPUT, _OUTPUT}
            and message is not None
            and _differ(drawing, bound, message)
        ):
            text = f"The {what} {title(bound)} of {title(offered)} does not fit the message {title(message)}; give both one item."
            yield Fault("service_binding", offered, text)


def _exchange(
    drawing: Drawing, task: etree._Element, what: str, message: etree._Element | None, *, is_needed: bool = False
) -> Iterator[Fault]:
    """Look at the data of a task that brings a message on its way, or takes it in."""
    specification = task.find(_SPECIFICATION)
    if specification is None:
        if is_needed:
            yield Fault(
                "message_data", task, f"The task {title(task)} calls an operation and has no {what} set; give it one."
            )
        return
    sets, data = specification.findall(bpmn(f"{what}Set")), specification.findall(bpmn(f"data{what.title()}"))
    if len(sets) > 1 or len(data) > 1:
        yield Fault(
            "message_data",
            task,
            f"The task {title(task)} exchanges one message, so leave one {what} and one {what} set.",
        )
    for one in data if message is not None else ():
        if message is not None and _differ(drawing, one, message):
            text = f"The {what} {title(one)} of {title(task)} does not fit the message {title(message)}; give both one item."
            yield Fault("message_data", task, text)


def _differ(drawing: Drawing, data: etree._Element, message: etree._Element) -> bool:
    """Tell whether data is of another type than the message it becomes; a message without a type fits all."""
    wanted = _definition(drawing, message.get("itemRef"))
    if wanted is None:
        return False
    given = _definition(drawing, data.get("itemSubjectRef"))
    if given is None:
        return not local_reference(data.get("itemSubjectRef"))
    return _type(given) != _type(wanted)


def _types(drawing: Drawing, owner: etree._Element) -> tuple[_Types, _Types] | None:
    """Give the types of all inputs, and of all outputs, where they are specified."""
    specification = owner.find(_SPECIFICATION)
    if specification is None:
        return None
    items = [
        [_definition(drawing, one.get("itemSubjectRef")) for one in specification.iterchildren(tag)]
        for tag in (_INPUT, _OUTPUT)
    ]
    inputs, outputs = (_Types(len(some), Counter(_type(item) for item in some if item is not None)) for some in items)
    return inputs, outputs


def _is_part(drawing: Drawing, single: etree._Element, whole: etree._Element) -> bool:
    """Tell whether data can be an element of a collection; only a type that is marked as a collection says of what."""
    kept = whole if (shown := drawing.named(whole.get("dataObjectRef"))) is None else shown
    item, collection = (_definition(drawing, one.get("itemSubjectRef")) for one in (single, kept))
    if item is None or collection is None or not is_true(collection, "isCollection"):
        return True
    return not is_true(item, "isCollection") and item.get("structureRef") == collection.get("structureRef")


def _type(item: etree._Element) -> tuple[bool, str]:
    """Give what makes item definitions equivalent: the structure, where it is said, or being the same one."""
    structure = (item.get("structureRef") or "").strip()
    return (True, structure) if structure else (False, identity(item) or "")


def _definition(drawing: Drawing, reference: str | None) -> etree._Element | None:
    return _of_kind(drawing, reference, "itemDefinition")


def _of_kind(drawing: Drawing, reference: str | None, name: str) -> etree._Element | None:
    found = drawing.named(reference)
    return found if found is not None and found.tag == bpmn(name) else None


def child_text_of(element: etree._Element | None, name: str) -> str | None:
    """Give the text of a child, None where the element itself is missing."""
    return None if element is None else child_text(element, name)


def _place(element: etree._Element) -> etree._Element:
    """Give the flow node, process or global task that has the data, or the data object itself."""
    around = (*FLOW_NODES, *GLOBAL_TASKS) if element.tag in _STORED else (*FLOW_NODES, *GLOBAL_TASKS, PROCESS)
    return element if element.tag in _STORED else next(element.iterancestors(*around), element)


RULES: Final[tuple[Rule, ...]] = (collections, messages, repeated, calls, services)
