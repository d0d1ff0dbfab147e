"""Which specification of another program stands for one of this: same flow node (or the one it is mapped to), same kind."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from engine.spiff.events import BoundarySplit, Catching
from engine.spiff.joins import ParallelGateway
from engine.spiff.nodes import Operating, Work
from engine.spiff.scopes import Scope
from engine.spiff.triggers import Cancel, Compensation, Condition, Error, Escalation, Message, Signal, Timer, parts_of

_AWAITED: Final[Mapping[type, str]] = {
    Message: "a message",
    Signal: "a signal",
    Timer: "a time",
    Error: "an error",
    Escalation: "an escalation",
    Condition: "a condition",
    Cancel: "the end of a transaction that is given up",
    Compensation: "compensation",
}
_KINDS: Final[Mapping[str, str]] = {
    "SubProcess": "a subprocess",
    "CallActivity": "a call of a process",
    "EventSubprocess": "an event subprocess",
    "AdHocSubProcess": "an ad-hoc subprocess",
    "ParallelMultiInstance": "an activity for several at once",
    "SequentialMultiInstance": "an activity for one after the other",
    "StandardLoop": "a loop",
    "ExclusiveGateway": "an exclusive gateway",
    "ParallelGateway": "a parallel gateway",
    "InclusiveGateway": "an inclusive gateway",
    "ComplexGateway": "a complex gateway",
    "EventGateway": "an event-based gateway",
    "QuantityJoin": "a join that counts tokens",
    "ScriptTask": "a script task",
    "DecisionTask": "a business rule task",
}


def counterpart(spec: Any, scope: Scope, other: Scope, mapping: Mapping[str, str]) -> Any:
    """Find what stands in the other scope for a specification of this one, whatever its kind; None where nothing does."""
    if spec is scope.start or spec is scope.end:
        return other.start if spec is scope.start else other.end
    if isinstance(spec, BoundarySplit):
        activity = counterpart(spec.activity, scope, other, mapping)
        return None if activity is None else other.task_specs.get(f"{activity.name}.BoundaryEventSplit")
    if spec.drawn is None:
        return other.task_specs.get(spec.name)
    wanted, is_one = mapping.get(spec.drawn, spec.drawn), spec.repeated_by is not None
    alike = (each for each in other.task_specs.values() if each.drawn == wanted and each.is_silent == spec.is_silent)
    number = getattr(spec, "number", None)  # one of several triggers of an event
    alike = (each for each in alike if getattr(each, "number", None) == number)
    return next((each for each in alike if (each.repeated_by is not None) == is_one), None)


def kind(spec: Any) -> str:
    """Say what a specification is to a token that waits there; of one kind are those that wait for the same in the same way."""
    if isinstance(spec, Work):
        return "a task for a person"
    if isinstance(spec, Operating):
        return "a task for an operation"
    if isinstance(spec, Catching) and spec.trigger is not None:
        where = "an event that is attached" if hasattr(spec, "cancel_activity") else "an event"
        waits = "all of " if getattr(spec.trigger, "needs_all", False) else ""
        waits += " or ".join(_AWAITED[type(trigger)] for trigger in parts_of(spec.trigger))
        return f"{'what stands by' if spec.arms_handler else where} and waits for {waits}"
    return _KINDS.get(type(spec).__name__, type(spec).__name__)


def line_to(
    join: Any, flow: str | None, other: Any, sources: tuple[Scope, Scope], mapping: Mapping[str, str]
) -> str | None:
    """Find the flow by which a token that has arrived at a join would have arrived at its counterpart."""
    wanted = mapping.get(flow or "", flow)
    if wanted in other.lines or len(other.lines) < 2:  # noqa: PLR2004
        return wanted
    scope, there = sources
    source = counterpart(scope.task_specs[join.sources[flow]], scope, there, mapping)
    lines = [line for line, name in other.sources.items() if source is not None and name == source.name]
    return lines[0] if len(lines) == 1 else None


def starving(scope: Scope, places: Iterable[str], arrived: Mapping[str, Collection[str | None]]) -> set[str]:
    """Name the parallel joins that tokens at these places can come to, or wait at, while some flow to it cannot bring one."""
    at = set(places)
    found = set()
    for spec in scope.task_specs.values():
        if isinstance(spec, ParallelGateway) and len(spec.lines) > 1:
            open_lines = [line for line in spec.lines if line not in arrived.get(spec.name, ())]
            coming = [bool(at & _behind(scope, spec, line)) for line in open_lines]
            if (any(coming) or arrived.get(spec.name)) and not all(coming):
                found.add(spec.name)
    return found


def _behind(scope: Scope, join: Any, line: str) -> set[str]:
    """Give the specifications from which a token can come to a join by a flow without passing the join before."""
    source = join.sources[line]
    seen, todo = {source}, [source]
    while todo:
        for name in scope.task_specs[todo.pop()]._inputs:  # noqa: SLF001 - the library's way to say what leads to it
            if name != join.name and name not in seen:
                seen.add(name)
                todo.append(name)
    return seen - {join.name}
