"""How a process can begin: by a start event, one of its triggers, or an event behind a gateway that starts the process."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.spiff.events import Catching, EventGateway
from engine.spiff.scopes import Scope
from engine.spiff.triggers import Trigger


@dataclass(frozen=True, slots=True)
class Entrance:
    """One way in: the event as drawn, what it waits for, the specification that gets the first token, what that token knows."""

    id: str
    event: str
    title: str
    trigger: Trigger | None
    spec: Any
    facts: dict[str, Any] = field(default_factory=dict)


def entrances(scope: Scope) -> Iterator[Entrance]:
    """Give every way into a process."""
    for spec in scope.bpmn_start_events:
        yield from _of_event(spec)
    for gateway in scope.task_specs.values():
        if isinstance(gateway, EventGateway) and gateway.instantiates:
            for flow in gateway.flows:
                event = flow.target
                drawn = event.drawn or event.name
                yield Entrance(drawn, drawn, event.title, event.trigger, gateway, {"began": event.name})


def _of_event(spec: Catching) -> Iterator[Entrance]:
    drawn = spec.drawn or spec.name
    if not spec.parts:
        yield Entrance(drawn, drawn, spec.title, spec.trigger, spec)
    for part in spec.parts:
        facts = {"happened": [part.number]} if spec.trigger.needs_all else {}  # type: ignore[union-attr]  # it is several
        yield Entrance(part.name, drawn, spec.title, part.trigger, spec, facts)


def way_in(scope: Scope, wanted: str | None) -> Entrance | None:
    """Find the way in by its id, or by its event (as if all that it needs had happened); without a name the plain one."""
    ways = list(entrances(scope))
    if wanted is None:
        plain = [way for way in ways if way.trigger is None]
        return plain[0] if plain else ways[0] if len({way.event for way in ways}) == 1 else None
    exact = next((way for way in ways if way.id == wanted), None)
    by_event = next((way for way in ways if way.event == wanted), None)
    if exact is None and by_event is not None and "happened" in by_event.facts:
        return Entrance(wanted, wanted, by_event.title, None, by_event.spec)
    return exact or by_event
