# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Interventions: tokens moved, added and taken away, and variables changed, so that every join stays right.

A moved token keeps its place in the tree: the new one hangs where it hung and has its variables, just as if a flow had led there.
An added token needs a place from which it has parted: one is made above the token it goes beside, and before the events attached
to that, with the variables from there. So what both make is merged against what both began with. A variable is changed at every
place of the tree that has it, so no branch seems to have changed it by itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.interventions import (
    AddToken,
    CancelToken,
    ChangeVariables,
    Intervention,
    InterventionRefused,
    MoveToken,
    Standing,
)
from engine.spiff.changes import copied, shared
from engine.spiff.events import BoundaryEvent, BoundarySplit, StartEvent
from engine.spiff.instances import Instance
from engine.spiff.joins import Join
from engine.spiff.nesting import EventSubprocess
from engine.spiff.nets import Net
from engine.spiff.tokens import COMPLETED, Token


def perform(instance: Instance, asked: Intervention) -> None:
    """Do what is asked to the instance, without letting anything run; raises InterventionRefused, and changes nothing then."""
    match asked:
        case MoveToken():
            _move(token_of(instance, asked.key), asked)
        case AddToken():
            _add(instance, asked)
        case CancelToken():
            _cancel(token_of(instance, asked.key))
        case ChangeVariables():
            _change(instance, copied(dict(asked.values)), asked.removed)


def standings(instance: Instance) -> list[Standing]:
    """Describe the live tokens that stand at drawn flow nodes, oldest first."""
    tokens = sorted(instance.tokens(), key=lambda token: token.id)
    return [_standing(token) for token in tokens if token.task_spec.drawn is not None and not _is_part(token)]


def _is_part(token: Token) -> bool:
    """Tell whether a token is one of several triggers of an event, or counts for a complex gateway."""
    return "seen" in token.facts or (token.task_spec.is_silent and token.task_spec.repeated_by is not None)


def token_of(instance: Instance, key: str) -> Token:
    """Find a live token by its key."""
    found = next((token for token in instance.tokens() if token.key == key), None)
    if found is None:
        raise InterventionRefused(f"There is no token {key} any more; load the page again and look.")
    return found


def _standing(token: Token) -> Standing:
    spec, owner = token.task_spec, token.workflow.owner
    wait = spec.wait(token) if token.is_outward else None
    return Standing(
        key=token.key,
        node=spec.drawn,
        process=token.workflow.process,
        within=None if owner is None else owner.task_spec.drawn,
        waits_for=None if wait is None else wait.kind,
        is_stuck=token.fault is not None,
        hurdle=_hurdle(token),
    )


# -- moving and cancelling


def _move(token: Token, asked: MoveToken) -> None:
    _check_free(token)
    token, spec = _on_the_way_to(token, asked.node)
    net = token.workflow
    entry, line = _entry(net, spec, asked.flow, leaving=token)
    variables = shared(token.task_spec.without_inner_names(token, net.variables_at(token)))
    _take(token)
    net.place(entry, token, variables, line)
    net.top_workflow.touched.append(net)


def _cancel(token: Token) -> None:
    _check_free(token)
    net = token.workflow
    if not any(_is_main(other) and not _is_same(other, token) for other in net.live()):
        if net.owner is None:
            raise InterventionRefused("This is the only token; move it, or terminate the instance.")
        raise InterventionRefused(
            f"Nothing else goes on inside {_title(net.owner)}; cancel or move that, or this token."
        )
    _take(token)
    net.top_workflow.touched.append(net)


def _take(token: Token) -> None:
    """Withdraw a token with its belongings, and those that wait with it behind the same event-based gateway."""
    for other in [other for other in token.workflow.live() if _is_same(other, token)]:
        token.workflow.top_workflow.withdraw(other)


def _is_same(one: Token, other: Token) -> bool:
    """Tell whether two tokens are one in the diagram: the same, or waiting behind the same event-based gateway."""
    race = one.facts.get("race")
    return one is other or (race is not None and race["gateway"] == other.facts.get("race", {}).get("gateway"))


def _is_main(token: Token) -> bool:
    """Tell whether a token counts as a way of its own: nothing attached, standing by, or one of several instances."""
    return token.host is None and not token.is_armed and not token.is_inner


def _check_free(token: Token) -> None:
    hurdle = _hurdle(token)
    if hurdle:
        raise InterventionRefused(hurdle)


def _hurdle(token: Token) -> str:
    """Tell why a token cannot be moved or cancelled by itself, or nothing."""
    title, net = _title(token), token.workflow
    host = None if token.host is None else net.tasks.get(token.host)
    is_undoing = "undo" in token.facts or (net.owner is not None and "undo" in net.owner.facts)
    hurdles = {
        f"{title} is attached to {'' if host is None else _title(host)}; move or cancel that.": host is not None,
        f"{title} only stands by for as long as what is around it goes on.": token.is_armed,
        f"{title} counts what has happened; move or cancel what waits for it.": _is_part(token),
        f"{title} is done several times; move or cancel the activity as a whole.": token.is_inner,
        "This branch has come to its end, and waits for the others.": token.task_spec is net.spec.end,
        f"{title} takes part in undoing completed activities; wait until that is done.": is_undoing,
    }
    return next((sentence for sentence, is_so in hurdles.items() if is_so), "")


# -- where a token may go


def _on_the_way_to(token: Token, node: str) -> tuple[Token, Any]:
    """Find the token that can go to a flow node: this one, or the activity around it when nothing else goes on inside."""
    while (spec := _drawn(token.workflow, node)) is None:
        net = token.workflow
        if net.owner is None:
            raise InterventionRefused(_unreachable(net.top_workflow, node))
        if any(
            _is_main(other) and not _is_same(other, token) and other.task_spec is not net.spec.end
            for other in net.live()
        ):
            raise InterventionRefused(
                f"Other tokens go on inside {_title(net.owner)}; move that as a whole, or cancel the others first."
            )
        token = net.owner
        _check_free(token)
    return token, spec


def _drawn(net: Net, node: str) -> Any:
    """Find the specification of a drawn flow node in a net."""
    specs = net.spec.task_specs.values()
    return next((s for s in specs if s.drawn == node and s.repeated_by is None and not s.is_silent), None)


def _unreachable(instance: Instance, node: str) -> str:
    for name, scope in instance.program.scopes.items():
        if any(spec.drawn == node for spec in scope.task_specs.values()):
            around = scope.title or name
            return f"{node} lies inside {around}, where this token is not; add a token there if it runs, or choose it as a whole."
    return f"There is no flow node {node} in this version of the process."


def _entry(net: Net, spec: Any, flow: str | None, leaving: Token | None = None) -> tuple[Any, str | None]:
    """Give the specification by which a flow node is entered, and the flow by which a token arrives at a join."""
    title = spec.title or spec.drawn
    if isinstance(spec, BoundaryEvent):
        raise InterventionRefused(
            f"{title} is attached to an activity; choose the activity, or a node behind the event."
        )
    if isinstance(spec, StartEvent | EventSubprocess):
        raise InterventionRefused(f"No flow leads to {title}; choose a node behind it.")
    if spec.name in {other.handler for other in net.spec.task_specs.values()}:
        raise InterventionRefused(f"{title} only undoes another activity; no token can be put there.")
    entry = net.spec.task_specs.get(f"{spec.name}.BoundaryEventSplit", spec)
    if not isinstance(spec, Join) or len(spec.lines) < 2:  # noqa: PLR2004
        return entry, next(iter(spec.lines), None)
    return entry, _line(net, spec, flow, leaving)


def _line(net: Net, join: Any, flow: str | None, leaving: Token | None) -> str:
    title = join.title or join.drawn
    lines = {drawn or line: line for line, drawn in _drawn_lines(net, join)}
    line = lines.get(flow or "")
    if line is None:
        ways = ", ".join(sorted(lines))
        raise InterventionRefused(f"At {title} several flows meet; say by which the token arrives: {ways}.")
    if any(token.flow == line and token is not leaving for token in net.waiting_at(join)):
        raise InterventionRefused(
            f"At {title} a token has arrived by {flow} already; it waits for one by another flow."
        )
    return line


def _drawn_lines(net: Net, join: Any) -> Iterator[tuple[str, str | None]]:
    """Give the flows that lead to a join, each with its id as drawn."""
    for source in net.spec.task_specs.values():
        for flow in source.flows:
            if flow.target is join:
                yield flow.id, flow.drawn


# -- adding


def _add(instance: Instance, asked: AddToken) -> None:
    beside = _neighbour(instance, asked)
    net = beside.workflow
    entry, line = _entry(net, _drawn(net, asked.node), asked.flow)
    fork = part_above(_beginning(beside))
    net.place(entry, fork, {**fork.data, **copied(dict(asked.variables))}, line)
    instance.touched.append(net)


def _neighbour(instance: Instance, asked: AddToken) -> Token:
    """Find the token that the new one goes beside: the one that is named, or the oldest where only one net has the node."""
    if asked.beside is not None:
        beside = token_of(instance, asked.beside)
        if _hurdle(beside) or _drawn(beside.workflow, asked.node) is None:
            raise InterventionRefused(
                f"No token can be put at {asked.node} beside {_title(beside)}; choose another one."
            )
        return beside
    nets = [net for net in instance.nets() if _drawn(net, asked.node) is not None]
    if not nets:
        raise InterventionRefused(_not_running(instance, asked.node))
    if len(nets) > 1:
        raise InterventionRefused(f"What is around {asked.node} goes on several times; say beside which token.")
    free = sorted((token for token in nets[0].live() if not _hurdle(token)), key=lambda token: token.id)
    if not free:
        raise InterventionRefused(f"Around {asked.node} nothing goes on that a token could part from.")
    return free[0]


def _not_running(instance: Instance, node: str) -> str:
    known = any(spec.drawn == node for scope in instance.program.scopes.values() for spec in scope.task_specs.values())
    if known:
        return f"What is around {node} is not going on; put the token at the activity around it."
    return f"There is no flow node {node} in this version of the process."


def _beginning(token: Token) -> Token:
    """Climb to where an activity parted from the events attached to it, or an event from its rivals behind a gateway."""
    while token.parent is not None and (isinstance(token.parent.task_spec, BoundarySplit) or "race" in token.facts):
        token = token.parent
    return token


def part_above(token: Token) -> Token:
    """Make a place above one, from which a branch can part; it has the variables that the one below began with."""
    net, above = token.workflow, token.parent
    fork = Token(net, net.spec.start, above, net.top_workflow.next_number(), COMPLETED)
    fork.data = shared(token.data)
    if above is None:
        net.task_tree = fork
    else:
        above._children.remove(fork.id)
        above._children[above._children.index(token.id)] = fork.id
    token._parent = fork.id
    fork._children.append(token.id)
    return fork


# -- variables


def _change(instance: Instance, values: Mapping[str, Any], removed: Iterable[str]) -> None:
    for net in _sharing(instance):
        hidden = _hidden(net)
        for token in net.tasks.values():
            local = hidden | token.task_spec.local_names | token.facts.get("hidden", {}).keys()
            token.data = _changed(token.data, values, removed, local)
            if "base" in token.facts:
                token.facts["base"] = _changed(token.facts["base"], values, removed, hidden)
            for ended in token.facts.get("ended", ()):
                ended["variables"] = _changed(ended["variables"], values, removed, hidden)


def _changed(
    variables: Mapping[str, Any], values: Mapping[str, Any], removed: Iterable[str], local: Iterable[str]
) -> dict[str, Any]:
    kept = {name: value for name, value in variables.items() if name not in removed or name in local}
    return kept | {name: value for name, value in values.items() if name not in local}


def _sharing(net: Net) -> Iterator[Net]:
    """Go through a net and those inside it that work on the same variables."""
    yield net
    for inner in net.top_workflow.subprocesses.values():
        if inner.owner.workflow is net and (inner.owner.task_spec.shares_variables or "undo" in inner.owner.facts):
            yield from _sharing(inner)


def _hidden(net: Net) -> frozenset[str]:
    """Give the names that only one instance of a repeated activity has, seen from inside it."""
    if net.owner is None:
        return frozenset()
    local: frozenset[str] = net.owner.task_spec.local_names
    return local | _hidden(net.owner.workflow)


def _title(token: Token) -> str:
    spec = token.task_spec
    return str(spec.title or spec.drawn or spec.name)
