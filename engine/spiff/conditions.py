"""Conditional events: looked at before each step, over the newest variables of their scope and of those it shares them with."""

from typing import Any

from engine.errors import ExpressionError
from engine.spiff.nets import Net, Whole
from engine.spiff.tokens import WAITING, Token
from engine.spiff.triggers import Condition


def check(instance: Whole) -> None:
    """Fire the waiting conditional events whose condition has become true."""
    waiting = [token for token in instance.tokens() if _is_watched(token)]
    instance.watching = bool(waiting)
    for token in waiting:
        if _is_watched(token):
            instance.attempt(token, "arrive", lambda token=token: _look(token))  # type: ignore[misc]  # bound default


def _is_watched(token: Token) -> bool:
    return token.state == WAITING and token.fault is None and isinstance(token.task_spec.trigger, Condition)


def _visible(net: Net) -> dict[str, Any]:
    """Give the newest variables of all the scopes that share theirs with this one."""
    while net.owner is not None and net.owner.task_spec.shares_variables and not net.owner.is_inner:
        net = net.owner.workflow
    return net.variables()


def _look(token: Token) -> None:
    try:
        holds = bool(token.task_spec.trigger.expression.evaluate(_visible(token.workflow)))
    except ExpressionError as error:
        if error.code != "variable_missing":
            raise
        holds = False  # a variable that nobody has set yet fulfils nothing
    if not holds:
        token.facts.pop("must_fall", None)
    elif not token.facts.get("must_fall"):
        token.task_spec.fire(token)
