"""What an operator may ask of a running instance, and its tokens as an operator sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import EngineError
from engine.steps import WaitKind


class InterventionRefused(EngineError):
    """This cannot be done to the instance as it stands; choose another token or another flow node."""

    code = "intervention_refused"


@dataclass(frozen=True, slots=True)
class MoveToken:
    """Take a token from where it waits and let it enter a flow node as if by a flow; a join needs to know by which."""

    key: str
    node: str
    flow: str | None = None


@dataclass(frozen=True, slots=True)
class AddToken:
    """Let one more token enter a flow node, as if a branch had parted from the token it goes beside."""

    node: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    flow: str | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class CancelToken:
    """Take a token away with all that hangs on it; others must be left to go on."""

    key: str


@dataclass(frozen=True, slots=True)
class ChangeVariables:
    """Set variables of the whole instance to other values, or remove them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


Intervention = MoveToken | AddToken | CancelToken | ChangeVariables


@dataclass(frozen=True, slots=True)
class Standing:
    """A token as an operator sees it: where it stands, within which activity, what it waits for, whether it is stuck.

    `hurdle` says why it cannot be moved or cancelled by itself; it is empty where it can.
    """

    key: str
    node: str
    process: str
    within: str | None
    waits_for: WaitKind | None
    is_stuck: bool
    hurdle: str = ""
