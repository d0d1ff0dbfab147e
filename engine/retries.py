"""How often, and after which pauses, a failed operation is tried again, as a diagram or a setting says it."""

import re
from datetime import timedelta

from engine.business_time.durations import parse_duration
from engine.errors import ExpressionError

MOST_RETRIES = 20
LONGEST_PAUSE = timedelta(days=31)
_REPEATED = re.compile(r"R(\d{1,2})/(.+)", re.ASCII)


def parse_pauses(text: str) -> tuple[timedelta, ...]:
    """Read pauses between tries: `PT10S,PT1M,PT10M`, `R5/PT1M` for five times the same, or `none`; raises ExpressionError."""
    words = [word.strip() for word in text.split(",")]
    if words == ["none"]:
        return ()
    pauses = [pause for word in words for pause in _pauses(word)]
    if len(pauses) > MOST_RETRIES:
        raise ExpressionError(f"“{text[:80]}” asks for more than {MOST_RETRIES} retries; let an operator look sooner.")
    return tuple(pauses)


def _pauses(word: str) -> list[timedelta]:
    repeated = _REPEATED.fullmatch(word)
    count, length = (int(repeated[1]), repeated[2]) if repeated else (1, word)
    pause = parse_duration(length).as_timedelta()
    if not timedelta() <= pause <= LONGEST_PAUSE:
        raise ExpressionError(f"“{word[:80]}” is no pause between nothing and {LONGEST_PAUSE.days} days.")
    return [pause] * count


def fixed_duration(text: str) -> timedelta:
    """Read a duration of fixed length that is longer than nothing; raises ExpressionError."""
    length = parse_duration(text).as_timedelta()
    if length <= timedelta():
        raise ExpressionError(f"“{text[:80]}” is not longer than nothing.")
    return length
