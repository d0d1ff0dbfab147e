"""Compensation: what was completed is undone, newest first, one after the other.

Each net keeps a log of its completed activities that have a handler, and of its completed subprocesses that have a log or
a compensation event subprocess of their own. A throwing event takes entries out of the log, so nothing is undone twice,
and owns one small net at a time in which the handler runs. A handler sees the newest variables, and of a repeated activity
which item it was.
"""

from typing import Any

from engine.spiff.changes import shared
from engine.spiff.nets import InnerNet, Net
from engine.spiff.tokens import COMPLETED, STARTED, Token
from engine.spiff.triggers import Cancel, Compensation

Entry = dict[str, Any]


def remember(token: Token) -> None:
    """Write a completed activity into the log of its net, if it can be undone."""
    spec = token.task_spec
    if spec.handler is not None:
        local = {name: token.data[name] for name in spec.local_names if name in token.data}
        entry: Entry = {"activity": spec.activity, "scope": token.workflow.spec.name, "handler": spec.handler}
        token.workflow.log.append(entry | {"local": local, "inner": []})


def remember_net(token: Token, net: Net) -> None:
    """Write a completed subprocess into the log, with what happened inside."""
    spec = token.task_spec
    if spec.handler is None and (net.log or net.spec.undoing is not None):
        entry: Entry = {"activity": spec.activity, "scope": net.spec.name, "handler": net.spec.undoing}
        token.workflow.log.append(entry | {"local": {}, "inner": net.log})


def begin(token: Token, trigger: Compensation | Cancel) -> bool | None:
    """Take what is to be undone out of the log and begin; tell whether it is done already."""
    if isinstance(trigger, Cancel):
        token.data = shared(token.workflow.variables())
        token.workflow.withdraw_all(spare=token)
    net = _scope_of(token)
    wanted = trigger.activity if isinstance(trigger, Compensation) else None
    token.facts["undo"] = [entry for entry in net.log if wanted in {None, entry["activity"]}]
    net.log = [entry for entry in net.log if wanted not in {None, entry["activity"]}]
    token._set_state(STARTED)  # noqa: SLF001 - the library's way to set a state
    return None if undo_next(token) else True


def undo_next(token: Token) -> bool:
    """Run the handler of the newest entry that is left; tell whether there was one."""
    left: list[Entry] = token.facts["undo"]
    while left:
        entry = left.pop()
        if entry["handler"] is None:
            left.extend(entry["inner"])
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


def _scope_of(token: Token) -> Net:
    """Find the net whose log counts: the one around an event subprocess, if thrown in it."""
    net: Net = token.workflow
    while net.owner is not None and net.owner.task_spec.is_handler:
        net = net.owner.workflow
    return net
