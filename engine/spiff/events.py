# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Specifications of events: what waits for a trigger, what throws one, and the gateway that waits for the first of several."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from SpiffWorkflow.bpmn.specs import control, defaults

from engine.spiff import throwing, undoing
from engine.spiff.changes import copied, shared
from engine.spiff.nodes import Node
from engine.spiff.tokens import CANCELLED, COMPLETED, WAITING, Token
from engine.spiff.triggers import (
    Cancel,
    Compensation,
    Condition,
    Message,
    Multiple,
    Signal,
    Terminate,
    Timer,
    Trigger,
    name_of,
    parts_of,
)
from engine.steps import SubscriptionWait, TimerWait, Wait, WaitKind
from engine.timing import TIMES_MISSED, Due, TimerKind, next_due

OUTWARD = (Message, Signal, Timer)


class Catching(Node):
    """An event, or a receive task, that waits for its trigger."""

    trigger: Trigger | None = None
    outward_state = 0
    parts: tuple[Any, ...] = ()
    """The specifications of its triggers, if it has several."""

    @property
    def stands_by_again(self) -> bool:
        """Whether one of several triggers, when it happens, leaves the others waiting."""
        return False

    @property
    def is_timed(self) -> bool:
        """Whether it waits for a time."""
        return isinstance(self.trigger, Timer)

    def _update_hook(self, my_task: Token) -> bool:
        if self.trigger is None or my_task.facts.pop("began", False):
            return True
        self.arm(my_task)
        return False

    def arm(self, token: Token, due: Due | None = None) -> None:
        """Let a token wait for the trigger; `due` is the time of a timer that was wound before."""
        top, trigger = token.workflow.top_workflow, self.trigger
        if isinstance(trigger, Message) and (key := trigger.key_to_await(token.data)) is not None:
            token.facts["correlation"] = key
        if isinstance(trigger, Message | Signal) and trigger.named is not None:
            token.facts["name"] = name_of(trigger, token.data)
        if isinstance(trigger, Timer):
            due = due or trigger.definition.first_due(top.journal.now, token.data, top.time_zone)
            token.facts["due"] = asdict(due)
        if isinstance(trigger, Condition):
            top.watching = True
        token.order = top.next_number()
        token._set_state(WAITING)
        if self.outward_state:
            self.open(token)
        for part in self.parts:
            if part.number not in token.facts.get("happened", ()):
                part.stand_by(token)

    def wait(self, token: Token) -> Wait | None:
        """Describe the subscription or the timer."""
        trigger = self.trigger
        node, process = self.drawn or self.name, token.workflow.process
        if isinstance(trigger, Message):
            name, key = token.facts.get("name", trigger.name), token.facts.get("correlation")
            return SubscriptionWait(token.key, WaitKind.MESSAGE, node, process, self.title, name, key)
        if isinstance(trigger, Signal):
            name = token.facts.get("name", trigger.name)
            return SubscriptionWait(token.key, WaitKind.SIGNAL, node, process, self.title, name)
        if isinstance(trigger, Timer):
            return TimerWait(token.key, WaitKind.TIMER, node, process, self.title, token.facts["due"]["at"])
        return None

    def goes_on(self, token: Token) -> Token:
        """Name the token that goes on when the trigger happens."""
        return token

    def next_due(self, token: Token) -> Due | None:
        """Work out when a timer that went off is due again."""
        top = token.workflow.top_workflow
        fired = Due(**token.facts["due"])
        return self.trigger.definition.next_due(fired, top.journal.now, top.time_zone).due  # type: ignore[union-attr]  # a timer

    def fire(self, token: Token, payload: Mapping[str, Any] | None = None) -> None:
        """Let a waiting token go on, with what the trigger brought."""
        if token.is_outward:
            token.workflow.top_workflow.journal.close(token.key)
        missed = self.missed(token, token.workflow.top_workflow.journal.now)
        if missed or (isinstance(self.trigger, Timer) and TIMES_MISSED in token.data):
            payload = {TIMES_MISSED: missed}
        if payload:
            token.facts["payload"] = copied(dict(payload))
        self._settle_race(token)
        token._ready()

    def missed(self, token: Token, now: datetime) -> int:
        """Tell how many times of a cycle have passed since the one that fires now."""
        if not isinstance(self.trigger, Timer):
            return 0
        due = Due(**token.facts["due"])
        return 0 if due.rule is None else next_due(due, now, token.workflow.top_workflow.time_zone).skipped

    def _settle_race(self, token: Token) -> None:
        """Withdraw the other events behind the same event-based gateway."""
        race, top = token.facts.pop("race", None), token.workflow.top_workflow
        if race is None:
            return
        top.journal.went(race["flow"])
        for other in list(token.workflow.live()):
            if other.facts.get("race", {}).get("gateway") == race["gateway"]:
                top.withdraw(other)

    def _run_hook(self, my_task: Token) -> bool:
        self.take_in(my_task, my_task.facts.get("payload", {}))
        return True


class StartEvent(Catching, defaults.StartEvent):
    """Begins a net; what triggered it has already happened, or the first of what it needs."""

    def _update_hook(self, my_task: Token) -> bool:
        if "happened" not in my_task.facts:
            return True
        self.arm(my_task)
        return False


class CatchEvent(Catching, defaults.IntermediateCatchEvent):
    """An event on the way that waits."""


class ReceiveTask(Catching, defaults.ReceiveTask):
    """A task that waits for a message."""


class Rearming(Catching):
    """An event that may fire again while what it belongs to goes on."""

    enters_on_arrival: ClassVar[bool] = False
    is_urgent: ClassVar[bool] = True
    interrupts: Any
    """Whether it ends what it belongs to."""

    @property
    def stands_by_again(self) -> bool:
        """Whether one of several triggers, when it happens, leaves the others waiting."""
        return isinstance(self.trigger, Multiple) and not self.trigger.needs_all and not self.interrupts

    def rearm(self, token: Token) -> None:
        """Let another token wait for the next time: not for a date or a duration, nor after the last repetition."""
        due = None
        if isinstance(self.trigger, Multiple) and not self._can_happen_again():
            return
        if self.is_timed:
            due = self.next_due(token)
            if due is None:
                return
        net = token.workflow
        again = net.create(self, token.parent, shared(token.parent.data))
        again.host = token.host
        if isinstance(self.trigger, Condition):
            again.facts["must_fall"] = True
        net.top_workflow.attempt(again, "arrive", lambda: self.arm(again, due))

    def _can_happen_again(self) -> bool:
        """Tell whether all of several triggers can happen once more; those that wait on are never armed again."""
        once = [part for part in self.parts if part.is_timed and part.trigger.definition.kind is not TimerKind.CYCLE]
        return not self.stands_by_again and not once


class BoundaryEvent(Rearming, defaults.BoundaryEvent):
    """An event attached to an activity."""

    def _run_hook(self, my_task: Token) -> bool:
        net = my_task.workflow
        host = net.tasks.get(my_task.host)
        is_going_on = host is not None and host.is_live
        if self.interrupts and not is_going_on:
            net.top_workflow.withdraw(my_task)  # another event of the same moment was faster
        elif self.interrupts:
            my_task.data = shared(host.task_spec.without_inner_names(host, net.variables_at(host)))
            net.top_workflow.withdraw(host)
        elif is_going_on:
            self.rearm(my_task)
        my_task.host = None
        return super()._run_hook(my_task)

    @property
    def interrupts(self) -> bool:
        """Whether it ends the activity it is attached to."""
        return bool(self.cancel_activity)


class BoundarySplit(Node, control.BoundaryEventSplit):
    """Where an activity and the events attached to it part; passes at once and is never seen."""

    enters_on_arrival: ClassVar[bool] = False
    events: tuple[Any, ...] = ()
    activity: Any

    def _update_hook(self, my_task: Token) -> bool:
        net = my_task.workflow
        my_task._set_state(COMPLETED)
        host = net.create(self.activity, my_task, shared(my_task.data), my_task.flow)
        events = [net.create(spec, my_task, shared(my_task.data)) for spec in self.events]
        net.top_workflow.retire(my_task)
        net.top_workflow.arrive(host)
        for event in events:
            event.host = host.id
            net.top_workflow.arrive(event)
        return False


class EventGateway(Node, defaults.EventBasedGateway):
    """Waits at all events behind it; the first that fires wins. One that starts a process begins when an event has happened.

    Of a parallel one, which starts a process, each event takes its own way when it happens, and all of them have to.
    Its turn comes before anything else, as soon as a token arrives: a signal of another branch finds the events waiting.
    """

    is_urgent: ClassVar[bool] = True
    instantiates = False
    needs_all = False

    def leave(self, token: Token) -> None:
        """Let a token wait at each of the events."""
        if "began" in token.facts:
            self._begin(token, token.facts.pop("began"))
        else:
            self._race(token)

    def _begin(self, token: Token, happened: str) -> None:
        net = token.workflow
        flows = sorted(self.flows, key=lambda flow: flow.target.name != happened)
        for flow in flows if self.needs_all else flows[:1]:
            net.top_workflow.journal.went(flow.drawn)
            waiting = net.create(flow.target, token, shared(token.data), flow.id)
            if flow.target.name == happened:
                waiting.facts["began"] = True
            net.top_workflow.arrive(waiting)

    def _race(self, token: Token) -> None:
        net = token.workflow
        racers = [net.create(flow.target, token, shared(token.data), flow.id) for flow in self.flows]
        for racer, flow in zip(racers, self.flows, strict=True):
            racer.facts["race"] = {"gateway": token.id, "flow": flow.drawn}
        for racer in racers:
            net.top_workflow.arrive(racer)


class Throwing(Node):
    """An event that throws, or a send task."""

    trigger: Trigger | None = None

    def _run_hook(self, my_task: Token) -> bool | None:
        undoes = None
        for trigger in parts_of(self.trigger):
            if isinstance(trigger, Compensation | Cancel):
                undoes = trigger
            elif my_task.is_live:
                throwing.throw(my_task, trigger)
        if undoes is not None and my_task.is_live:
            return undoing.begin(my_task, undoes) and self._undone(my_task)
        return True

    def net_ended(self, token: Token, net: Any) -> None:
        """Go on with the next thing to undo when one is done."""
        undoing.take_over(token, net)
        if not undoing.undo_next(token) and self._undone(token):
            token.complete()

    def _undone(self, token: Token) -> bool:
        """Leave a cancelled transaction; tell whether the token goes on."""
        if any(isinstance(trigger, Cancel) for trigger in parts_of(self.trigger)):
            throwing.leave_transaction(token)
        return token.is_live


class ThrowEvent(Throwing, defaults.IntermediateThrowEvent):
    """An event on the way that throws."""


class SendTask(Throwing, defaults.SendTask):
    """A task that sends a message."""


class EndEvent(Throwing, defaults.EndEvent):
    """Ends a token, and throws if it says so."""

    def leave(self, token: Token) -> None:
        """Go to the end of the net; a terminating end takes everything else away first."""
        net = token.workflow
        if any(isinstance(trigger, Terminate) for trigger in parts_of(self.trigger)):
            variables = net.variables(token)
            net.top_workflow.was_terminated = net.owner is None
            net.spec.end.end(net, variables)
        elif not token.state & CANCELLED and not net.completed:
            net.follow(token, ())
