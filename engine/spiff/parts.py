# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Events with several triggers: each trigger waits as a token of its own below the token of the event.

A multiple event goes on with the first that happens, a parallel multiple event when all have happened. One that does not
interrupt stands by for the next time: of a multiple event just the trigger that happened is armed again, the others wait on.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from SpiffWorkflow.bpmn.specs import defaults

from engine.spiff.changes import copied, shared
from engine.spiff.events import OUTWARD, Catching
from engine.spiff.tokens import CANCELLED, WAITING, Token
from engine.spiff.triggers import Condition, Multiple

if TYPE_CHECKING:
    from engine.timing import Due


class Part(Catching, defaults.IntermediateCatchEvent):
    """One of the triggers of an event."""

    whole: Any
    """The specification of the event."""
    number: int

    enters_on_arrival: ClassVar[bool] = False
    is_silent: ClassVar[bool] = True

    @property
    def interrupts(self) -> bool:
        """Whether the event does."""
        return bool(self.whole.interrupts)

    def goes_on(self, token: Token) -> Token:
        """Name the token of the event."""
        event: Token = token.parent
        return event

    def fire(self, token: Token, payload: Mapping[str, Any] | None = None) -> None:
        """Tell the event that this trigger has happened."""
        top, event = token.workflow.top_workflow, token.parent
        if token.is_outward:
            top.journal.close(token.key)
        token._set_state(CANCELLED)
        top.retire(token)
        if not self.whole.trigger.needs_all:
            self._go_on(event, token, payload)
            return
        event.facts["happened"] = [*event.facts.get("happened", ()), self.number]
        event.facts["brought"] = {**event.facts.get("brought", {}), **copied(dict(payload or {}))}
        if len(event.facts["happened"]) == len(self.whole.parts):
            del event.facts["happened"]
            self.whole.fire(event, event.facts.pop("brought"))

    def _go_on(self, event: Token, token: Token, payload: Mapping[str, Any] | None) -> None:
        if self.whole.stands_by_again:
            self.whole.fire(self._once_more(event), payload)
            self._rearm(event, token)
        else:
            for other in event.kin:
                event.workflow.top_workflow.withdraw(other)
            self.whole.fire(event, payload)

    def _once_more(self, event: Token) -> Token:
        """Make the token that goes on while the event itself stands by for the next time."""
        again: Token = event.workflow.create(self.whole, event.parent, shared(event.parent.data))
        again.host = event.host
        return again

    def _rearm(self, event: Token, token: Token) -> None:
        due = self.next_due(token) if self.is_timed else None
        if due is not None or not self.is_timed:
            self.stand_by(event, due, must_fall=True)
        elif not any(other.is_live for other in event.kin):
            event.workflow.top_workflow.withdraw(event)

    def stand_by(self, event: Token, due: "Due | None" = None, *, must_fall: bool = False) -> None:
        """Let this trigger of an event wait."""
        net = event.workflow
        token = net.create(self, event, shared(event.data))
        token.host = event.host
        if must_fall and isinstance(self.trigger, Condition):
            token.facts["must_fall"] = True
        net.top_workflow.attempt(token, "arrive", lambda: self.arm(token, due))


class HandlerPart(Part):
    """One of the triggers of an event subprocess."""

    arms_handler: ClassVar[bool] = True


def divide(event: Any, scope: Any, part_class: type[Part] = Part) -> None:
    """Make the specifications of an event's triggers, if it has several."""
    if not isinstance(event.trigger, Multiple):
        return
    for number, trigger in enumerate(event.trigger.parts, 1):
        part = part_class(scope, f"{event.name} [{number}]", event_definition=None)
        part.whole = part.repeated_by = event
        part.drawn, part.title = event.drawn, event.title
        part.number, part.trigger = number, trigger
        if isinstance(trigger, OUTWARD):
            part.outward_state = WAITING
        event.parts = (*event.parts, part)
