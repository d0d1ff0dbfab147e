"""Sequence flows as compiled."""

from dataclasses import dataclass
from typing import Any

from engine.expressions.language import Expression


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow to the specification `target`; `drawn` is its id if somebody drew it."""

    id: str
    drawn: str | None
    target: Any
    condition: Expression | None
    is_default: bool
