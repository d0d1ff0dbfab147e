"""What the attributes that this product adds to a diagram say: work, operations, calls, messages, several instances."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent

from lxml import etree

from engine.diagrams.vocabulary import (
    COLLECTION_VENDORS,
    EXTENSIONS,
    bpmn,
    child_text,
    identity,
    is_true,
    local_reference,
    ours,
    rewritten,
    text_or_none,
)


class ConflictPolicy(StrEnum):
    """What a join does when two branches set the same variable to different values."""

    REFUSE = "refuse"
    LAST = "last"
    APPEND = "append"


class Binding(StrEnum):
    """Which version of a called process is run."""

    DEPLOYMENT = "deployment"
    LATEST = "latest"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `parcelflow:input` or `parcelflow:output`: a name and the expression that gives its value."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Passing:
    """One `parcelflow:in` or `parcelflow:out` of a call activity; `all_variables` stands for every variable."""

    source: str
    target: str
    all_variables: bool = False


def script_text(task: etree._Element) -> str | None:
    """Give the script of a script task, without the indentation that all its lines have in the file."""
    found = task.find(bpmn("script"))
    return None if found is None else text_or_none(dedent("".join(str(part) for part in found.itertext())))


def form(task: etree._Element) -> str | None:
    """Give the key of the form of a user task."""
    return _own(task, "form")


def candidate_groups(task: etree._Element) -> tuple[str, ...]:
    """Give the keys of the groups named on a user task; empty where the lane or an expression decides."""
    named = _own(task, "candidateGroups") or ""
    return () if named.startswith("=") else tuple(part for part in map(str.strip, named.split(",")) if part)


def group_expression(task: etree._Element) -> str | None:
    """Give the expression that names the groups of a user task: `candidateGroups` that begins with an equals sign."""
    named = _own(task, "candidateGroups") or ""
    return named.removeprefix("=").strip() if named.startswith("=") else None


def lane_key(lane_name: str) -> str:
    """Give the key of the group that a lane of this name stands for."""
    return "_".join(lane_name.lower().split())


def assignee(task: etree._Element) -> str | None:
    """Give the expression for the assignee of a user task."""
    return _own(task, "assignee")


def due_date(task: etree._Element) -> str | None:
    """Give the expression, ISO duration or date when a user task is due."""
    return _own(task, "dueDate")


def priority(task: etree._Element) -> str | None:
    """Give the expression for the priority of a user task."""
    return _own(task, "priority")


def outcome(task: etree._Element) -> str | None:
    """Give the name of the form field whose values are the decision buttons of a user task."""
    return _own(task, "outcome")


def status(node: etree._Element) -> str | None:
    """Give the status that the parcel gets when a token arrives at a flow node."""
    return _own(node, "status")


def operation(task: etree._Element) -> str | None:
    """Give the name of the operation that a service or send task calls."""
    return _own(task, "operation")


def retry(task: etree._Element) -> str | None:
    """Give the pauses after which a failed operation is tried again."""
    return _own(task, "retry")


def time_to_live(node: etree._Element) -> str | None:
    """Give how long a thrown message is kept for its receiver."""
    return _own(node, "timeToLive")


def inputs(task: etree._Element) -> tuple[Assignment, ...]:
    """Give the named inputs of an operation."""
    return tuple(_assignments(task, "input"))


def outputs(task: etree._Element) -> tuple[Assignment, ...]:
    """Give the named outputs of an operation; empty means that the whole answer is merged into the variables."""
    return tuple(_assignments(task, "output"))


def decision(task: etree._Element) -> str | None:
    """Give the id of the decision that a business rule task asks."""
    return _own(task, "decision")


def result_variable(task: etree._Element) -> str | None:
    """Give the variable that takes a decision's result; None means that the outputs are merged into the variables."""
    return _own(task, "resultVariable")


def result_shape(task: etree._Element) -> str | None:
    """Give the shape in which another product's task takes a decision's result."""
    return text_or_none(task.get(rewritten("shape")))


def conflict_policy(gateway: etree._Element) -> ConflictPolicy:
    """Give the policy of a join for variables set by two branches; an unknown word means refuse."""
    word = _own(gateway, "onConflict")
    return ConflictPolicy(word) if word in set(ConflictPolicy) else ConflictPolicy.REFUSE


def called_element(activity: etree._Element) -> str | None:
    """Give the id of the process that a call activity calls; None where an expression decides while it runs."""
    own = None if called_expression(activity) else local_reference(activity.get("calledElement"))
    return own or next((key for one in _extended_calls(activity) if (key := text_or_none(one.get("processId")))), None)


def called_expression(activity: etree._Element) -> str | None:
    """Give the expression that names the process to call: `calledElement` that begins with `=` or `${`."""
    named = text_or_none(activity.get("calledElement")) or ""
    return named if named.startswith(("=", "${", "#{")) else None


def _extended_calls(activity: etree._Element) -> list[etree._Element]:
    found = activity.findall(f"{EXTENSIONS}/{{http://camunda.org/schema/zeebe/1.0}}calledElement")
    return [one for one in found if not one.get("processId", "").startswith("=")]


def binding(activity: etree._Element) -> Binding:
    """Give the version binding of a call activity; an unknown word means the same deployment."""
    word = _own(activity, "binding")
    return Binding(word) if word in set(Binding) else Binding.DEPLOYMENT


def bound_version(activity: etree._Element) -> int | None:
    """Give the version number that a call activity is bound to."""
    text = _own(activity, "version")
    return int(text) if text and text.isascii() and text.isdigit() else None


def passed_in(activity: etree._Element) -> tuple[Passing, ...]:
    """Give what goes into a called process; empty means every variable."""
    return tuple(_passings(activity, "in"))


def passed_out(activity: etree._Element) -> tuple[Passing, ...]:
    """Give what comes back from a called process; empty means every variable."""
    return tuple(_passings(activity, "out"))


def correlation_key(element: etree._Element) -> str | None:
    """Give the expression of the correlation key, on an event, a task or a message definition."""
    return _own(element, "correlationKey")


def payload(element: etree._Element) -> str | None:
    """Give the expression for what a message or signal carries; None means every variable, or with a signal nothing."""
    return None if carries_all(element) else _own(element, "payload")


def carries_all(element: etree._Element) -> bool:
    """Tell whether what is thrown carries every variable, as written."""
    return _own(element, "payload") == "*"


def code_variable(definition: etree._Element) -> str | None:
    """Give the variable that takes the code of what an event catches."""
    return _own(definition, "codeVariable")


def message_variable(definition: etree._Element) -> str | None:
    """Give the variable that takes what a caught error says."""
    return _own(definition, "messageVariable")


def error_message(error: etree._Element) -> str | None:
    """Give the expression for what a thrown error says."""
    return _own(error, "errorMessage")


def collection(loop: etree._Element) -> str | None:
    """Give the collection of a multi-instance activity, from BPMN's data input or from a vendor's attribute."""
    own = next((value for uri in COLLECTION_VENDORS if (value := text_or_none(loop.get(f"{{{uri}}}collection")))), None)
    return own or text_or_none(loop.get(rewritten("collection"))) or child_text(loop, "loopDataInputRef")


def collection_variable(loop: etree._Element) -> str | None:
    """Give the variable of the collection where that is data in the way of BPMN, and no expression."""
    found = collection(loop) or ""
    return found if found.isidentifier() and found == loop.get(rewritten("collection")) else None


def element_variable(loop: etree._Element) -> str | None:
    """Give the variable that holds one item of a multi-instance activity."""
    own = next(
        (value for uri in COLLECTION_VENDORS if (value := text_or_none(loop.get(f"{{{uri}}}elementVariable")))), None
    )
    return own or _item(loop, "inputDataItem")


def index_variable(loop: etree._Element) -> str | None:
    """Give the variable of a vendor that holds the number of the instance, which is ours under its own name as well."""
    given = (text_or_none(loop.get(f"{{{uri}}}elementIndexVariable")) for uri in COLLECTION_VENDORS)
    return next((name for name in given if name and name.isidentifier()), None)


def first_number(loop: etree._Element) -> int:
    """Give what `loopCounter` begins with: 0, or 1 for instances that Zeebe was to make."""
    return int(loop.get(rewritten("first")) or 0)


def output_collection(loop: etree._Element) -> str | None:
    """Give the collection that a multi-instance activity fills."""
    return text_or_none(loop.get(rewritten("outputCollection"))) or child_text(loop, "loopDataOutputRef")


def output_item(loop: etree._Element) -> str | None:
    """Give the variable that each instance of a multi-instance activity contributes."""
    return text_or_none(loop.get(rewritten("outputItem"))) or _item(loop, "outputDataItem")


def _item(loop: etree._Element, name: str) -> str | None:
    found = loop.find(bpmn(name))
    if found is None:
        return None
    names = [text_or_none(found.get("name")), identity(found)]
    return next((one for one in names if one and one.isidentifier()), names[0] or names[1])


def _assignments(task: etree._Element, name: str) -> Iterator[Assignment]:
    for element in _extensions(task, name):
        yield Assignment(text_or_none(element.get("name")) or "", text_or_none(element.get("expression")) or "")


def _passings(activity: etree._Element, name: str) -> Iterator[Passing]:
    for element in _extensions(activity, name):
        source, target = text_or_none(element.get("source")) or "", text_or_none(element.get("target"))
        yield Passing(source, target or source, all_variables=is_true(element, "all"))


def _extensions(element: etree._Element, name: str) -> list[etree._Element]:
    return element.findall(f"{EXTENSIONS}/{ours(name)}")


def _own(element: etree._Element, name: str) -> str | None:
    return text_or_none(element.get(ours(name)))
