"""How thrown things find their catcher.

Errors and escalations go outwards from the activity that throws: the events attached to it, the event subprocesses of its
net, then the activity that owns the net, and again. One catcher only; an exact code before a catch-all. A message goes to one
receiver, inside the instance first; a signal to all, inside and outside.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.spiff.changes import copied, shared
from engine.spiff.nets import Net, Whole
from engine.spiff.tokens import WAITING, Token
from engine.spiff.triggers import (
    ERROR_CODE,
    ERROR_MESSAGE,
    ESCALATION_CODE,
    Cancel,
    Error,
    Escalation,
    Message,
    Signal,
    Trigger,
    name_of,
)
from engine.steps import Thrown, WaitKind
from storage.processes import ANY_KEY


def throw(token: Token, trigger: Trigger, *, is_over: bool = True) -> None:
    """Throw for a token; `is_over` tells whether its event has done what it is for, and is not left by what it throws."""
    top: Whole = token.workflow.top_workflow
    match trigger:
        case Error(code):
            text = token.task_spec.title if trigger.message is None else trigger.message.evaluate(token.data)
            text = "" if text is None else str(text)
            if is_over:
                _told(token)
            if not raise_error(token, code or "", text):
                top.fail(token, code or "", text or "An error that nobody caught ended the process.")
        case Escalation(code):
            raise_escalation(token, code, is_over=is_over)
        case Message():
            send_message(token, trigger)
        case Signal():
            send_signal(token, trigger)


def raise_error(source: Token, code: str, message: str) -> bool:
    """Find the catcher of a BPMN error and let it run at once; tell whether there is one."""
    catcher = _catcher(source, Error, code)
    if catcher is None:
        return False
    top: Whole = source.workflow.top_workflow
    if not source.is_quiet:
        top.journal.failed(source)
        source.is_quiet = True
    named = catcher.task_spec.trigger.named(code, message)
    _interrupt(catcher, {ERROR_CODE: code, ERROR_MESSAGE: message, **named})
    return True


def raise_escalation(source: Token, code: str | None, *, is_over: bool = True) -> None:
    """Find the catcher of an escalation, which need not be there, and let it run."""
    catcher = _catcher(source, Escalation, code)
    if catcher is None:
        return
    payload = {ESCALATION_CODE: code, **catcher.task_spec.trigger.named(code, "")}
    if not catcher.task_spec.interrupts:
        catcher.task_spec.fire(catcher, payload)
        return
    if is_over:
        _told(source)
    _interrupt(catcher, payload)


def _told(token: Token) -> None:
    """Note that an event has thrown, before what it throws takes its token away."""
    token.workflow.top_workflow.journal.completed(token)
    token.is_quiet = True


def leave_transaction(token: Token) -> None:
    """Let the cancel event of the transaction take its way, if it has one."""
    owner = token.workflow.owner
    catcher = None if owner is None else cancel_event_of(owner)
    if catcher is not None and owner is not None:
        _told(token)
        if owner.is_inner:
            owner.task_spec.repeated_by.keep(owner.parent, owner.facts["instance"], owner.workflow.variables_at(owner))
        _interrupt(catcher, {})


def cancel_event_of(transaction: Token) -> Token | None:
    """Find the cancel event that is attached to a transaction; to all its instances, if it is done several times."""
    main = transaction.parent if transaction.is_inner else transaction
    around = transaction.workflow.live()
    return next((t for t in around if t.host == main.id and isinstance(t.task_spec.trigger, Cancel)), None)


def _interrupt(catcher: Token, payload: dict[str, Any]) -> None:
    """Run an interrupting event now: the thrower's own way must not go on first."""
    going = catcher.task_spec.goes_on(catcher)
    catcher.task_spec.fire(catcher, payload)
    going.workflow.top_workflow.attempt(going, "run", going.run)


def _catcher(source: Token, kind: type[Error] | type[Escalation], code: str | None) -> Token | None:
    main, net = source, source.workflow
    while True:
        main = main.parent if main.is_inner else main
        found = _best((token for token in net.live() if token.host == main.id), kind, code)
        if found is None:
            found = _best(_event_subprocesses_beside(main, net), kind, code)
        if found is not None or net.owner is None:
            return found
        main = net.owner
        net = main.workflow


def _event_subprocesses_beside(main: Token, net: Net) -> Iterable[Token]:
    """List what stands by in a net for an activity of it; what an event subprocess throws is for the others, not for itself."""
    armed = (token for token in net.live() if token.is_armed)
    return (token for token in armed if all(flow.target is not main.task_spec for flow in token.task_spec.flows))


def _best(tokens: Iterable[Token], kind: type[Error] | type[Escalation], code: str | None) -> Token | None:
    matching = [
        token
        for token in tokens
        if token.state == WAITING
        and isinstance(token.task_spec.trigger, kind)
        and token.task_spec.trigger.catches(code)
    ]
    return min(matching, key=lambda token: token.task_spec.trigger.code != code, default=None)


def _payload(token: Token, trigger: Message | Signal) -> dict[str, Any]:
    if trigger.payload is None:
        return shared(token.data) if isinstance(trigger, Message) or trigger.carries_all else {}
    payload = trigger.payload.evaluate(token.data)
    return dict(copied(payload)) if isinstance(payload, Mapping) else {"payload": payload}


def send_message(token: Token, message: Message) -> None:
    """Give a message to the first receiver inside the instance that fits, else to the world outside."""
    top: Whole = token.workflow.top_workflow
    payload = _payload(token, message)
    key, name = message.key_to_send(token.data, payload), name_of(message, token.data)
    for receiver in _waiting(top, Message, name):
        if receiver.facts.get("correlation") in {None, ANY_KEY, key}:
            receiver.task_spec.fire(receiver, payload)
            return
    top.journal.thrown.append(Thrown(WaitKind.MESSAGE, name, payload, key, token.key, message.time_to_live))


def send_signal(token: Token, signal: Signal) -> None:
    """Give a signal to everybody inside who waits for it, and to the world outside."""
    top: Whole = token.workflow.top_workflow
    payload = _payload(token, signal)
    name = name_of(signal, token.data)
    for receiver in _waiting(top, Signal, name):
        if receiver.state == WAITING:
            receiver.task_spec.fire(receiver, {} if signal.carries_all else payload)  # inside they are the same
    top.journal.thrown.append(Thrown(WaitKind.SIGNAL, name, payload, None, token.key))


def _waiting(top: Whole, kind: type[Message] | type[Signal], name: str) -> list[Token]:
    found = (
        token
        for token in top.tokens()
        if token.is_outward and isinstance(token.task_spec.trigger, kind)
        if token.facts.get("name", token.task_spec.trigger.name) == name
    )
    return sorted(found, key=lambda token: token.order)
