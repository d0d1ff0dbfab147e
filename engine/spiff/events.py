# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Specifications of events: what waits for a trigger, what throws one, and the gateway that waits for the first of several."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from SpiffWorkflow.bpmn.specs import control, defaults

from engine.spiff import throwing, undoing
from engine.spiff.changes import copied, shared
from engine.spiff.nodes import Node
from engine.spiff.tokens import CANCELLED, COMPLETED, WAITING, Token
from engine.spiff.triggers import Cancel, Compensation, Condition, Message, Signal, Terminate, Timer, Trigger, key_text
from engine.steps import SubscriptionWait, TimerWait, Wait, WaitKind
from engine.timing import Due

OUTWARD = (Message, Signal, Timer)


class Catching(Node):
    """An event, or a receive task, that waits for its trigger."""

    trigger: Trigger | None = None
    outward_state = 0

    def _update_hook(self, my_task: Token) -> bool:
        if self.trigger is None:
            return True
        self.arm(my_task)
        return False

    def arm(self, token: Token, due: Due | None = None) -> None:
        """Let a token wait for the trigger; `due` is the time of a timer that was wound before."""
        top, trigger = token.workflow.top_workflow, self.trigger
        if isinstance(trigger, Message) and trigger.correlation_key is not None:
            token.facts["correlation"] = key_text(trigger.correlation_key.evaluate(token.data))
        if isinstance(trigger, Timer):
            due = due or trigger.definition.first_due(top.journal.now, token.data, top.time_zone)
            token.facts["due"] = asdict(due)
        if isinstance(trigger, Condition):
            top.watching = True
        token.order = top.next_number()
        token._set_state(WAITING)
        if self.outward_state:
            self.open(token)

    def wait(self, token: Token) -> Wait | None:
        """Describe the subscription or the timer."""
        trigger = self.trigger
        node, process = self.drawn or self.name, token.workflow.process
        if isinstance(trigger, Message):
            key = token.facts.get("correlation")
            return SubscriptionWait(token.key, WaitKind.MESSAGE, node, process, self.title, trigger.name, key)
        if isinstance(trigger, Signal):
            return SubscriptionWait(token.key, WaitKind.SIGNAL, node, process, self.title, trigger.name)
        if isinstance(trigger, Timer):
            return TimerWait(token.key, WaitKind.TIMER, node, process, self.title, token.facts["due"]["at"])
        return None

    def fire(self, token: Token, payload: Mapping[str, Any] | None = None) -> None:
        """Let a waiting token go on, with what the trigger brought."""
        if token.is_outward:
            token.workflow.top_workflow.journal.close(token.key)
        if payload:
            token.facts["payload"] = copied(dict(payload))
        self._settle_race(token)
        token._ready()

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
        my_task.data.update(my_task.facts.get("payload", {}))
        return True


class StartEvent(Catching, defaults.StartEvent):
    """Begins a net; what triggered it has already happened."""

    def _update_hook(self, my_task: Token) -> bool:
        return my_task is not None


class CatchEvent(Catching, defaults.IntermediateCatchEvent):
    """An event on the way that waits."""


class ReceiveTask(Catching, defaults.ReceiveTask):
    """A task that waits for a message."""


class Rearming(Catching):
    """An event that may fire again while what it belongs to goes on."""

    enters_on_arrival: ClassVar[bool] = False
    is_urgent: ClassVar[bool] = True

    def rearm(self, token: Token) -> None:
        """Let another token wait for the next time: not for a date or a duration, nor after the last repetition."""
        due = None
        if isinstance(self.trigger, Timer):
            due = self._next_due(token)
            if due is None:
                return
        net = token.workflow
        again = net.create(self, token.parent, shared(token.parent.data))
        again.host = token.host
        if isinstance(self.trigger, Condition):
            again.facts["must_fall"] = True
        net.top_workflow.attempt(again, "arrive", lambda: self.arm(again, due))

    def _next_due(self, token: Token) -> Due | None:
        top = token.workflow.top_workflow
        fired = Due(**token.facts["due"])
        return self.trigger.definition.next_due(fired, top.journal.now, top.time_zone).due  # type: ignore[union-attr]  # a timer


class BoundaryEvent(Rearming, defaults.BoundaryEvent):
    """An event attached to an activity."""

    def _run_hook(self, my_task: Token) -> bool:
        net = my_task.workflow
        host = net.tasks.get(my_task.host)
        is_going_on = host is not None and host.is_live
        if self.interrupts and not is_going_on:
            net.top_workflow.withdraw(my_task)  # another event of the same moment was faster
        elif self.interrupts:
            my_task.data = shared(net.variables_at(host))
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
    """Waits at all events behind it; the first that fires wins."""

    def leave(self, token: Token) -> None:
        """Let a token wait at each of the events."""
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
        if isinstance(self.trigger, Compensation | Cancel):
            return undoing.begin(my_task, self.trigger) and self._undone(my_task)
        return self.trigger is None or throwing.throw(my_task, self.trigger)

    def net_ended(self, token: Token, net: Any) -> None:
        """Go on with the next thing to undo when one is done."""
        undoing.take_over(token, net)
        if not undoing.undo_next(token) and self._undone(token):
            token.complete()

    def _undone(self, token: Token) -> bool:
        """Leave a cancelled transaction; tell whether the token goes on."""
        if isinstance(self.trigger, Cancel):
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
        if isinstance(self.trigger, Terminate):
            net.withdraw_all(spare=token)
            net.top_workflow.was_terminated = net.owner is None
            net.spec.end.end(net, token.data)
        elif not token.state & CANCELLED and not net.completed:
            net.follow(token, ())
