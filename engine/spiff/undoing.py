"""Compensation: what was completed is undone, newest first, one after the other.

Each net keeps a log of its completed activities that have a handler, and of its completed subprocesses that have a log or
a compensation event subprocess of their own. A throwing event takes entries out of the log, so nothing is undone twice,
and owns one small net at a time in which the handler runs. A handler sees the newest variables, and of a repeated activity,
or of one inside a repeated subprocess, which item it was.
"""

from typing import Any

from engine.spiff import throwing
from engine.spiff.changes import shared
from engine.spiff.nets import InnerNet, Net
from engine.spiff.tokens import COMPLETED, STARTED, Token
from engine.spiff.triggers import Cancel, Compensation

Entry = dict[str, Any]


def remember(token: Token) -> None:
    """Write a completed activity into the log of its net, if it can be undone."""
    spec = token.task_spec
    if spec.handler is not None:
        entry: Entry = {"activity": spec.activity, "scope": token.workflow.spec.name, "handler": spec.handler}
        token.workflow.log.append(entry | {"local": _local(token), "inner": []})


def remember_net(token: Token, net: Net) -> None:
    """Write a completed subprocess into the log, with what happened inside."""
    spec = token.task_spec
    if spec.handler is None and (net.log or net.spec.undoing is not None):
        token.workflow.log.append(_entry_of(token, net))


def begin(token: Token, trigger: Compensation | Cancel) -> bool | None:
    """Take what is to be undone out of the log and begin; tell whether it is done already."""
    if isinstance(trigger, Cancel):
        token.data = shared(token.workflow.variables())
        token.workflow.withdraw_all(spare=token)
    wanted = trigger.activity if isinstance(trigger, Compensation) else None
    left: list[Entry] = _of_other_instances(token) if isinstance(trigger, Cancel) else []
    for net in _scopes_of(token):
        left += [entry for entry in net.log if wanted in {None, entry["activity"]}]
        net.log = [entry for entry in net.log if wanted not in {None, entry["activity"]}]
    token.facts["undo"] = left
    token._set_state(STARTED)  # noqa: SLF001 - the library's way to set a state
    return None if undo_next(token) else True


def undo_next(token: Token) -> bool:
    """Run the handler of the newest entry that is left; tell whether there was one."""
    left: list[Entry] = token.facts["undo"]
    while left:
        entry = left.pop()
        if entry["handler"] is None:
            left.extend(inner | {"local": entry["local"] | inner["local"]} for inner in entry["inner"])
            continue
        _run_handler(token, entry)
        return True
    del token.facts["undo"]
    return False


def _run_handler(token: Token, entry: Entry) -> None:
    top = token.workflow.top_workflow
    net = InnerNet(top.program.scopes[entry["scope"]], token, top)
    net.process, net.log = token.workflow.process, entry["inner"]
    top.subprocesses[token.id] = net
    token.facts["local"] = entry["local"]
    root = net.task_tree = net.create(net.spec.start, None, {**token.data, **entry["local"]})
    root._set_state(COMPLETED)  # noqa: SLF001 - the library's way to set a state
    net.place(net.spec.task_specs[entry["handler"]], root, root.data)


def take_over(token: Token, net: Net) -> None:
    """Take the handler's variables over, without those of the item."""
    local = token.facts.pop("local")
    kept = {name: token.data[name] for name in local if name in token.data}
    token.data = {**{name: value for name, value in net.data.items() if name not in local}, **kept}


def _local(token: Token) -> dict[str, Any]:
    """Give the variables that only this instance of a repeated activity has."""
    return {name: token.data[name] for name in token.task_spec.local_names if name in token.data}


def _entry_of(token: Token, net: Net) -> Entry:
    """Describe a subprocess, what was done in it, and which repetition it belongs to."""
    entry: Entry = {"activity": token.task_spec.activity, "scope": net.spec.name, "handler": net.spec.undoing}
    together = {"of": token.parent.id} if token.is_inner else {}
    return entry | {"local": _local(token), "inner": net.log} | together


def _scopes_of(token: Token) -> list[Net]:
    """List the nets whose logs count, outer ones first: the token's own, and if that is an event subprocess the net around."""
    nets: list[Net] = [token.workflow]
    while (owner := nets[0].owner) is not None and owner.task_spec.is_handler:
        nets.insert(0, owner.workflow)
    return nets


def _of_other_instances(token: Token) -> list[Entry]:
    """End the other instances of a transaction whose cancel event will end them all, and list what they have done."""
    owner = token.workflow.owner
    if owner is None or not owner.is_inner or throwing.cancel_event_of(owner) is None:
        return []
    main, around, top = owner.parent, owner.workflow, token.workflow.top_workflow
    done = [entry for entry in around.log if entry.get("of") == main.id]
    around.log = [entry for entry in around.log if entry.get("of") != main.id]
    for other in [instance for instance in main.kin if instance is not owner and instance.is_live]:
        inner = top.subprocesses.get(other.id)
        if inner is not None:
            done.append(_entry_of(other, inner))
        top.withdraw(other)
    return [entry | {"handler": None} for entry in done]
