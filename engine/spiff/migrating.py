"""Migration of a running instance to another program.

First everything is given its counterpart (`crossing`), which changes nothing. Then events that have no counterpart are withdrawn,
everything else is hung over to the other program as it is (key numbers, variables, due times, counters of repetitions), the
instance is written and read again with the new program, and what that has in addition begins to wait: events attached to live
activities, events behind a gateway where others wait, and event subprocesses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.passages import Passage
from engine.spiff import snapshot
from engine.spiff.changes import shared
from engine.spiff.counterparts import counterpart, kind
from engine.spiff.crossing import Crossing
from engine.spiff.events import BoundarySplit
from engine.spiff.instances import Instance
from engine.spiff.joins import ParallelGateway
from engine.spiff.nets import Net
from engine.spiff.scopes import Scope
from engine.spiff.surgery import part_above
from engine.spiff.tokens import Token


def passage(instance: Instance, found: Crossing) -> Passage:
    """Say what the migration does."""
    tokens = sorted((token for token in instance.tokens() if token.id in found.specs), key=lambda token: token.id)
    carried = [(token.task_spec.drawn, found.specs[token.id].drawn) for token in tokens if token.task_spec.drawn]
    beginning = [spec.drawn or spec.name for _, specs in _new_events(instance, found) for spec in specs]
    beginning += [spec.drawn or spec.name for _, specs in _new_handlers(found) for spec in specs]
    beginning += [flow.target.drawn for _, flows in _new_rivals(instance, found) for flow in flows]
    ending = [token.task_spec.drawn or token.task_spec.name for token in found.ending]
    return Passage(tuple(carried), tuple(ending), tuple(beginning), tuple(found.hurdles))


# -- what begins to wait


def _new_events(instance: Instance, found: Crossing) -> Iterator[tuple[Token, list[Any]]]:
    """Give the live activities with the events attached to their counterparts that have none here."""
    for token in instance.tokens():
        other = found.specs.get(token.id)
        if other is not None and other.attached:
            yield token, _without(other.attached, token.task_spec.attached, token.workflow, found)


def _new_handlers(found: Crossing) -> Iterator[tuple[Net, list[Any]]]:
    """Give the nets with the event subprocesses that stand by there and not here."""
    for net, scope in found.scopes.values():
        if not net.completed:
            yield net, _without(scope.handlers, net.spec.handlers, net, found)


def _new_rivals(instance: Instance, found: Crossing) -> Iterator[tuple[Token, list[Any]]]:
    """Give one token of each that wait behind an event-based gateway, with the flows to events that are new there."""
    seen: set[int] = set()
    for token in instance.tokens():
        if "race" in token.facts and token.parent is not None and token.parent.id not in seen:
            seen.add(token.parent.id)
            gateway, there = token.parent.task_spec, found.specs[token.parent.id]
            targets = [flow.target for flow in getattr(gateway, "flows", ())]
            new = _without([flow.target for flow in there.flows], targets, token.workflow, found)
            yield token, [flow for flow in there.flows if flow.target in new]


def _without(others: Any, specs: Any, net: Net, found: Crossing) -> list[Any]:
    _, scope = found.scopes[id(net)]
    known = [counterpart(spec, net.spec, scope, found.mapping) for spec in specs]
    known = [other for spec, other in zip(specs, known, strict=True) if other is not None and kind(other) == kind(spec)]
    return [other for other in others if other not in known]


# -- carrying over


def carry_over(instance: Instance, found: Crossing, status: str | None = None) -> "tuple[Instance, Beginnings]":
    """Give the instance as it goes on in the other program, and what begins there; the one that was given is of no use then.

    `status` is the one that holds now: where the flow node that has set it sets another one there, that one holds.
    """
    begins = Beginnings(
        {token.id: specs for token, specs in _new_events(instance, found)},
        {net.task_tree.id: specs for net, specs in _new_handlers(found)},
        {token.id: flows for token, flows in _new_rivals(instance, found)},
    )
    for token in found.ending:
        instance.withdraw(token)
    instance.tidy_retired()
    before = {token.id: token.task_spec for token in instance.tokens()}
    _leave(instance, found)
    for net, scope in found.scopes.values():
        _hang_over(net, scope, found)
    instance.program = found.program
    carried = snapshot.unpack(found.program, snapshot.pack(instance))
    carried.journal = instance.journal
    _come(carried, before, status)
    return carried, begins


def _leave(instance: Instance, found: Crossing) -> None:
    """Note which tokens leave the flow node of one name for that of another."""
    for token in instance.tokens():
        if token.task_spec.drawn is not None and found.specs[token.id].drawn != token.task_spec.drawn:
            instance.journal.withdrawn(token)


def _come(instance: Instance, before: Mapping[int, Any], status: str | None) -> None:
    for token in instance.tokens():
        old, new = before[token.id], token.task_spec
        if new.drawn != old.drawn:
            instance.journal.renamed(token)
        if new.status is not None and new.status != old.status and old.status == status:
            instance.journal.statuses.append(new.status)


def _hang_over(net: Net, scope: Scope, found: Crossing) -> None:
    for token in net.tasks.values():
        token.flow = found.flows.get(token.id, token.flow)
        token.task_spec = found.specs[token.id]
    net.log = found.logs[id(net)]
    is_own = net.owner is None or not net.owner.task_spec.shares_variables
    net.spec, net.process = scope, scope.process if is_own or net.owner is None else net.owner.workflow.process


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What is new in the other program: attached events by host, event subprocesses by root, events behind gateways by rival."""

    events: Mapping[int, list[Any]]
    handlers: Mapping[int, list[Any]]
    rivals: Mapping[int, list[Any]]

    def wait(self, instance: Instance) -> None:
        """Let them wait from now on."""
        for token in list(instance.tokens()):
            for spec in self.events.get(token.id, ()):
                event = _sibling(token, _split_of(token), spec)
                event.host = token.id
                instance.arrive(event)
            for flow in self.rivals.get(token.id, ()):
                rival = _sibling(token, token.parent, flow.target)
                rival.facts["race"] = token.facts["race"] | {"flow": flow.drawn}
                instance.arrive(rival)
        for net in instance.nets():
            for spec in self.handlers.get(net.task_tree.id, ()):
                root = net.task_tree if net.task_tree.is_finished else part_above(net.task_tree)
                instance.arrive(_sibling(root, root, spec))


def _sibling(token: Token, place: Any, spec: Any) -> Token:
    return token.workflow.create(spec, place, shared(place.data))  # type: ignore[no-any-return]  # the net of a token is a Net


def _split_of(host: Token) -> Token:
    """Give the place where an activity parts from the events attached to it."""
    above: Token | None = host.parent
    if above is not None and isinstance(above.task_spec, BoundarySplit):
        return above
    place = part_above(host)
    place.task_spec = host.workflow.spec.task_specs[f"{host.task_spec.name}.BoundaryEventSplit"]
    return place


def open_joins(instance: Instance) -> None:
    """Open the parallel joins at which every flow has a token now."""
    for net in instance.nets():
        for spec in {token.task_spec for token in net.live() if isinstance(token.task_spec, ParallelGateway)}:
            waiting = net.waiting_at(spec)
            if waiting:
                spec.arrived(waiting[0])
