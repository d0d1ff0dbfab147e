"""One call of an operation, as a service or send task of a diagram makes it.

An operation is a function from a `Call` to the values it gives back. It does its deed at most once for each `Call.key`: the
caller repeats a call whose outcome it does not know. It raises `BusinessError` for an expected bad outcome, which the diagram's
error arrow takes; anything else it raises is tried again later and then becomes an incident.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from engine.errors import EngineError


class BadCall(EngineError):
    """The diagram calls an operation without what it needs; correct the inputs of the task."""

    code = "bad_call"


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation is given; `key` is unique for ever and the same for each repetition of the call."""

    key: str
    parcel_id: int | None
    instance_id: int
    inputs: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None

    @property
    def parcel(self) -> int:
        """Give the parcel's id; raises `BadCall` where the instance has none."""
        if self.parcel_id is None:
            raise BadCall(
                "This operation works on a parcel, and the instance has none; start the process with a parcel."
            )
        return self.parcel_id

    @property
    def mark(self) -> str:
        """Give 32 characters that stand for the key, to recognise what this call has done already."""
        return sha256(self.key.encode()).hexdigest()[:32]

    def text(self, name: str) -> str:
        """Give an input that must be a text with something in it; raises `BadCall`."""
        value = self.inputs.get(name)
        if not isinstance(value, str) or not value.strip():
            raise BadCall(f"The input “{name}” must be a text; correct the inputs of the task.")
        return value.strip()

    def optional_text(self, name: str) -> str | None:
        """Give an input that may be missing or empty."""
        return self.text(name) if self.inputs.get(name) not in (None, "") else None

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Give an input that is a group of entries, empty where it is missing; raises `BadCall`."""
        value = self.inputs.get(name) or {}
        if not isinstance(value, Mapping):
            raise BadCall(f"The input “{name}” must be a group of entries such as {{'note': note}}.")
        return value


Operation = Callable[[Call], Mapping[str, Any]]
