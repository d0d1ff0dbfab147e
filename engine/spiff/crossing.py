"""Finding for everything in an instance its counterpart in another program, or the hurdle why there is none.

Refused is what could not go on rightly: a token at a flow node that is gone, of another kind or in another scope; an arrival at a
join by a flow that does not lead there any more; a join that would wait for a flow by which nothing can come; a completed
activity whose compensation is gone; and an instance that is just undoing something.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.passages import Hurdle
from engine.spiff.counterparts import counterpart, kind, line_to, starving
from engine.spiff.instances import Instance
from engine.spiff.joins import Join, ParallelGateway
from engine.spiff.nesting import Nesting
from engine.spiff.nets import Net
from engine.spiff.program import Program
from engine.spiff.scopes import Scope
from engine.spiff.tokens import WAITING, Token
from engine.spiff.triggers import Message


@dataclass(slots=True)
class Crossing:
    """The counterparts of one instance in another program, as far as there are any."""

    program: Program
    mapping: Mapping[str, str]
    scopes: dict[int, tuple[Net, Scope]] = field(default_factory=dict)
    specs: dict[int, Any] = field(default_factory=dict)
    flows: dict[int, str | None] = field(default_factory=dict)
    logs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    ending: list[Token] = field(default_factory=list)
    hurdles: list[Hurdle] = field(default_factory=list)

    def hurdle(self, node: str, reason: str) -> None:
        """Note why something cannot be carried over, once."""
        found = Hurdle(node, reason)
        if found not in self.hurdles:
            self.hurdles.append(found)


def crossing(instance: Instance, program: Program, mapping: Mapping[str, str]) -> Crossing:
    """Find the counterparts of everything in an instance."""
    found = Crossing(program, mapping)
    scope = program.scopes.get(program.entries.get(instance.process, ""))
    if scope is None:
        found.hurdle(instance.process, "The process cannot be run in that version.")
        return found
    _cross_net(found, instance, scope)
    return found


def _cross_net(found: Crossing, net: Net, scope: Scope) -> None:
    found.scopes[id(net)] = net, scope
    for token in net.tasks.values():
        other = counterpart(token.task_spec, net.spec, scope, found.mapping)
        if token.is_finished:
            found.specs[token.id] = other if other is not None else scope.start
        elif _stands_by(token) and (other is None or kind(other) != kind(token.task_spec)):
            found.ending.append(token)
        else:
            _cross_token(found, token, other, scope)
    found.logs[id(net)] = [crossed for entry in net.log if (crossed := _cross_entry(found, entry, net.spec, scope))]
    _look_for_starving(found, net, scope)


def _cross_token(found: Crossing, token: Token, other: Any, scope: Scope) -> None:
    spec, net = token.task_spec, token.workflow
    node = spec.drawn or spec.name
    if other is None:
        found.hurdle(node, _absence(found, spec))
        return
    if kind(other) != kind(spec):
        found.hurdle(node, f"It is {kind(spec)}, and {other.title or other.drawn} in that version {kind(other)}.")
        return
    if "undo" in token.facts:
        found.hurdle(node, "It is undoing completed activities just now; wait until that is done.")
        return
    for reason in _differences(found, token, other):
        found.hurdle(node, reason)
    found.specs[token.id] = other
    if isinstance(spec, Join) and token.state == WAITING and spec is not net.spec.end:
        _cross_arrival(found, token, other, scope)
    inner = net.top_workflow.subprocesses.get(token.id)
    if inner is not None and isinstance(other, Nesting):
        _cross_inner(found, inner, other)


def _cross_arrival(found: Crossing, token: Token, other: Any, scope: Scope) -> None:
    spec = token.task_spec
    line = line_to(spec, token.flow, other, (token.workflow.spec, scope), found.mapping)
    if line is None:
        found.hurdle(
            spec.drawn or spec.name, f"A token has arrived by {token.flow}, which leads nowhere in that version."
        )
    found.flows[token.id] = line


def _absence(found: Crossing, spec: Any) -> str:
    wanted = found.mapping.get(spec.drawn, spec.drawn)
    for scope in found.program.scopes.values():
        if any(each.drawn == wanted and each.drawn is not None for each in scope.task_specs.values()):
            return f"{wanted} stands in {scope.title or scope.name} in that version, and no token is carried across its border."
    if wanted != spec.drawn:
        return f"It is mapped to {wanted}, which that version does not have."
    return "That version does not have it; map it to another flow node, or move the token first."


def _cross_entry(found: Crossing, entry: Mapping[str, Any], net_spec: Any, scope: Scope) -> dict[str, Any]:
    """Give an entry of the compensation log its counterpart; without one it is a hurdle, since nothing could undo it."""
    activity = found.mapping.get(entry["activity"], entry["activity"])
    spec = next((each for each in scope.task_specs.values() if each.activity == activity), None)
    if spec is None:
        found.hurdle(
            entry["activity"], "It was completed and may have to be undone, and that version does not have it."
        )
        return {}
    if entry["scope"] == net_spec.name:
        handler = next((s.handler for s in scope.task_specs.values() if s.activity == activity and s.handler), None)
        if handler is None:
            found.hurdle(
                entry["activity"], "It was completed and may have to be undone, and nothing does so in that version."
            )
        return {**entry, "activity": activity, "scope": scope.name, "handler": handler}
    nested = next(
        (s.scope for s in scope.task_specs.values() if s.activity == activity and isinstance(s, Nesting)), None
    )
    if nested is None:
        found.hurdle(
            entry["activity"], "What was done inside may have to be undone, and it is no subprocess in that version."
        )
        return {}
    inside = next(iter(_scopes_of(entry, net_spec)), None)
    inner = [
        crossed
        for each in entry["inner"]
        if inside is not None and (crossed := _cross_entry(found, each, inside, nested))
    ]
    return {**entry, "activity": activity, "scope": nested.name, "handler": nested.undoing, "inner": inner}


def _scopes_of(entry: Mapping[str, Any], net_spec: Any) -> Iterator[Any]:
    for spec in net_spec.task_specs.values():
        if isinstance(spec, Nesting) and spec.scope.name == entry["scope"]:
            yield spec.scope


def _look_for_starving(found: Crossing, net: Net, scope: Scope) -> None:
    """Find joins that would wait in vain there, and do not so already here."""
    live = [token for token in net.live() if token.id in found.specs and not token.is_armed]
    here, there = starving(net.spec, *_places(live, {})), starving(scope, *_places(live, found.specs, found.flows))
    before = {counterpart(net.spec.task_specs[name], net.spec, scope, found.mapping) for name in here}
    for name in sorted(there - {spec.name for spec in before if spec is not None}):
        join = scope.task_specs[name]
        found.hurdle(
            join.drawn or name, "In that version this join would wait for a token by a flow by which none can come."
        )


def _places(
    live: list[Token], specs: Mapping[int, Any], flows: Mapping[int, str | None] | None = None
) -> tuple[list[str], dict[str, set[str | None]]]:
    places: list[str] = []
    arrived: dict[str, set[str | None]] = {}
    for token in live:
        spec = specs.get(token.id, token.task_spec)
        if isinstance(spec, ParallelGateway) and token.state == WAITING:
            arrived.setdefault(spec.name, set()).add((flows or {}).get(token.id, token.flow))
        else:
            places.append(spec.name)
    return places, arrived


def _cross_inner(found: Crossing, inner: Net, other: Any) -> None:
    """Cross what goes on inside; of a call that names its process while it runs, the one that was named."""
    scope = other.scope
    if getattr(other, "called", None) is not None:
        scope = found.program.scopes.get(found.program.entries.get(inner.process, ""))
    if scope is None:
        found.hurdle(
            other.drawn or other.name, f"That version does not have the process {inner.process}, which was called."
        )
        return
    _cross_net(found, inner, scope)


def _differences(found: Crossing, token: Token, other: Any) -> Iterator[str]:
    """Name what is different about a flow node of the same kind, so that what a token remembers does not fit it."""
    spec = token.task_spec
    if _has_key(spec) != _has_key(other):
        yield "Only in one of the versions its message has a correlation key; move the token afterwards."
    heads = [found.mapping.get(head.drawn, head.drawn) for head in getattr(spec, "heads", ())]
    if heads != [head.drawn for head in getattr(other, "heads", ())]:
        yield "In that version other activities begin inside; wait until it is done."
    if any(flow not in other.lines for flow in token.facts.get("seen", ())):
        yield "Tokens have come by flows that do not lead there in that version; wait until its round is over."


def _has_key(spec: Any) -> bool:
    trigger = spec.trigger
    return isinstance(trigger, Message) and (trigger.correlation_key is not None or trigger.carried is not None)


def _stands_by(token: Token) -> bool:
    return token.is_armed or (token.host is not None and token.state == WAITING)
