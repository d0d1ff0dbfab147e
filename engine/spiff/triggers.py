"""What events wait for or throw, read from the diagram once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from engine.errors import ExpressionError
from engine.expressions.language import Expression
from engine.spiff.faults import Unfit
from engine.timing import TimerDefinition
from storage.processes import ANY_KEY

ERROR_CODE: Final = "error_code"
ERROR_MESSAGE: Final = "error_message"
ESCALATION_CODE: Final = "escalation_code"
TOLD: Final = frozenset({ERROR_CODE, ERROR_MESSAGE, ESCALATION_CODE})
"""The variables that tell of what was caught; where two branches caught something, the later counts."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message by name; the key finds the one receiver, the payload is what a thrown message carries.

    The expressions of a conversation of the standard find the key in what a message carries, and what a receiver waits for.
    """

    name: str
    named: Expression | None = None
    """Works out the name, where another tool's name holds expressions."""
    correlation_key: Expression | None = None
    payload: Expression | None = None
    time_to_live: timedelta | None = None
    carried: Expression | None = None
    awaited: tuple[Expression, ...] = ()

    def key_to_send(self, variables: Mapping[str, Any], payload: Mapping[str, Any]) -> str | None:
        """Work out the key that a thrown message bears."""
        if self.correlation_key is not None:
            return key_text(self.correlation_key.evaluate(variables))
        return None if self.carried is None else key_if_known(self.carried, payload)

    def key_to_await(self, variables: Mapping[str, Any]) -> str | None:
        """Work out the key that a receiver waits for; a conversation that has not begun takes any."""
        if self.correlation_key is not None:
            return key_text(self.correlation_key.evaluate(variables))
        known = (key_if_known(expression, variables) for expression in self.awaited)
        return next((key for key in known if key is not None), None if self.carried is None else ANY_KEY)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal by name; everybody who waits for it gets it, and what it carries: nothing, unless the diagram says so."""

    name: str
    named: Expression | None = None
    payload: Expression | None = None
    carries_all: bool = False


@dataclass(frozen=True, slots=True)
class Timer:
    """A date, a duration or a cycle."""

    definition: TimerDefinition


@dataclass(frozen=True, slots=True)
class Coded:
    """What goes outwards from the activity that throws, and bears a code.

    Where the diagram gives no code, the name stands for it: who throws bears it, who catches prefers it and takes any other.
    """

    code: str | None
    is_given: bool = True
    code_variable: str | None = None
    message_variable: str | None = None
    message: Expression | None = None
    """What a thrown error says."""

    def named(self, code: str | None, message: str) -> dict[str, Any]:
        """Tell who catches what was thrown, under the names it asks for."""
        told = {self.code_variable: code, self.message_variable: message}
        return {name: value for name, value in told.items() if name is not None}

    def catches(self, code: str | None) -> bool:
        """Tell whether an event with this trigger catches what bears a code."""
        return not self.is_given or self.code in {None, code}


@dataclass(frozen=True, slots=True)
class Error(Coded):
    """A BPMN error by code; without a code it catches every error."""


@dataclass(frozen=True, slots=True)
class Escalation(Coded):
    """An escalation by code; without a code it catches every escalation."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition over the newest variables of the scope."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ends all that goes on in the scope."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Leaves a transaction that is given up."""


@dataclass(frozen=True, slots=True)
class Compensation:
    """Undoes completed activities; all of the scope, or one."""

    activity: str | None = None


@dataclass(frozen=True, slots=True)
class Multiple:
    """Several at once: any of them is enough, or all must happen; a throwing event throws each of them."""

    parts: "tuple[Trigger, ...]"
    needs_all: bool = False


Trigger = Message | Signal | Timer | Error | Escalation | Condition | Terminate | Cancel | Compensation | Multiple


def name_of(trigger: Message | Signal, variables: Mapping[str, Any]) -> str:
    """Give the name by which a message or signal is known, worked out if need be."""
    return trigger.name if trigger.named is None else str(trigger.named.evaluate(variables))


def parts_of(trigger: Trigger | None) -> "tuple[Trigger, ...]":
    """Give the triggers of an event: none, one, or several."""
    if trigger is None:
        return ()
    return trigger.parts if isinstance(trigger, Multiple) else (trigger,)


def key_if_known(expression: Expression, names: Mapping[str, Any]) -> str | None:
    """Work out a correlation key; None where a variable is missing or says nothing."""
    try:
        value = expression.evaluate(names)
    except ExpressionError as error:
        if error.code != "variable_missing":
            raise
        return None
    return None if value is None else key_text(value)


def key_text(value: Any) -> str:
    """Write a correlation key as text; numbers and texts are alike. None of them may be the key that stands for every key."""
    if value is None or isinstance(value, bool | dict | list):
        raise Unfit(f"A correlation key must be a text or a number, but is {value!r:.60}; correct the expression.")
    if value == ANY_KEY:
        raise Unfit(
            f"A correlation key must tell one receiver from another, which “{ANY_KEY}” does not; correct the data."
        )
    return str(value)
