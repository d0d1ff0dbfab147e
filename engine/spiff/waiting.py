"""What an instance waits for, kept up to date token by token, so that a thousand tokens that rest cost nothing.

Whatever changes about a token stirs it (`Token.stir`). Stirred tokens are looked at when somebody asks; the others wait for what
they waited for before.
"""

from engine.spiff.tokens import Token
from engine.steps import Wait

Change = tuple[Wait | None, Wait | None]
"""What a token waited for before, and what it waits for now."""


class Waiting:
    """The waits of one instance, by the numbers of their tokens."""

    def __init__(self, stirred: dict[int, Token]) -> None:
        self._stirred = stirred
        self._waits: dict[int, Wait] = {}
        self._before: dict[int, Wait | None] = {}

    def all(self) -> tuple[Wait, ...]:
        """Give all waits, oldest first."""
        self._look()
        return tuple(self._waits[number] for number in sorted(self._waits))

    def at(self, number: int) -> Wait | None:
        """Give what the token of this number waits for."""
        self._look()
        return self._waits.get(number)

    def watch(self) -> None:
        """Count changes from now on."""
        self._look()
        self._before.clear()

    def changes(self) -> list[Change]:
        """Give what has changed since it is watched, oldest token first."""
        self._look()
        pairs = ((self._before[number], self._waits.get(number)) for number in sorted(self._before))
        return [(before, now) for before, now in pairs if before != now]

    def _look(self) -> None:
        for number, token in self._stirred.items():
            self._before.setdefault(number, self._waits.pop(number, None))
            wait = token.task_spec.wait(token) if token.is_outward else None
            if wait is not None:
                self._waits[number] = wait
        self._stirred.clear()
