"""Stand-ins, named after what they stand for."""

from datetime import datetime, timedelta


class FakeClock:
    """A clock that stands still until it is moved; calling it gives the time."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> datetime:
        self.now += span
        return self.now
