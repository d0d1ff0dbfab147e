"""Besieges one database: child after child works on it and is killed, hurt or overtaken, and after each the reckoning is made."""

import os
import signal
import time
from collections.abc import Sequence

from busy_day import MORNING, SHIFT, Day, Kit, Place
from fakes import FakeClock
from kills import KILLED, begin, ended, run_armed
from reckoning import breaches, settle

MOST_DECKS = 60


class Siege:
    """Works on a place with children of one kit, and looks at it with another that has no fault."""

    def __init__(self, place: Place, attackers: Kit | None = None) -> None:
        self.place = place
        self.calm = Kit()
        self.attackers = attackers or self.calm
        self.attackers.programs = self.calm.programs
        self.shift = self.kills = 0
        Day(place, "n0.0", 0, self.calm).work(1)

    def kill(self, action: str, chosen: Sequence[str]) -> list[str]:
        """Let a child work until it dies at a failpoint; give the breaches it leaves behind."""
        code = run_armed(action, self._work, self._next(), MOST_DECKS, chosen)
        assert code == KILLED, f"{action} was not reached"
        self.kills += 1
        return self._breaches(action)

    def hurt(self, action: str, chosen: Sequence[str]) -> list[str]:
        """Let a child fail at a failpoint and work on; give the breaches it leaves behind."""
        assert run_armed(action, self._work, self._next(), 2, chosen) == 0
        return self._breaches(action)

    def overtake(self, action: str, chosen: Sequence[str], others: Sequence[str]) -> list[str]:
        """Stop a child at a failpoint, let another one work, and let the first continue; give the breaches."""
        slow = begin(action, self._work, self._next(), 3, chosen)
        _, status = os.waitpid(slow, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return self._breaches("nothing was overtaken")
        try:
            assert run_armed("", self._work, self._next("n2"), 2, others) == 0
        finally:
            os.kill(slow, signal.SIGCONT)
        assert ended(slow) == 0
        return self._breaches(action)

    def storm(self, children: int, seconds: float) -> list[str]:
        """Let several children work side by side, kill all of them after a while, and give the breaches."""
        names = [self._next(f"n{number}") for number in range(1, children + 1)]
        storming = [begin("", self._work, name, MOST_DECKS, ()) for name in names]
        time.sleep(seconds)
        for child in storming:
            os.kill(child, signal.SIGKILL)
        self.kills += sum(ended(child) == KILLED for child in storming)
        return self._breaches(f"{children} were killed")

    def end(self) -> list[str]:
        """Let everything come to its end and give the breaches."""
        return settle(self.place, self.shift + 1, self.calm)

    def _next(self, slot: str = "n1") -> str:
        self.shift += 1
        return f"{slot}.{self.shift}"

    def _work(self, name: str, decks: int, chosen: Sequence[str]) -> None:
        Day(self.place, name, self.shift, self.attackers, node=name.partition(".")[0]).work(decks, *chosen)

    def _breaches(self, action: str) -> list[str]:
        database = self.place.open(FakeClock(MORNING + (self.shift + 0.95) * SHIFT))
        try:
            return [f"after {action}: {breach}" for breach in breaches(self.place, database, self.calm)]
        finally:
            database.close()
