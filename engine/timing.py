"""Timers: dates, durations, cycles (ISO 8601), cron lines and expressions, worked out in the business's zone, given in UTC.

A timer's text is read once (`compile_timer`), so a faulty one is found at deployment. `first_due` works it out for an instance;
the `Due` it gives carries everything that `next_due` needs, as plain data, and is kept with the instance. A cycle that was missed
any number of times fires once, and the count of the times left out is told.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from croniter import CroniterError, croniter  # type: ignore[import-untyped]  # the package has no types

from engine.business_time.durations import Duration, parse_duration
from engine.errors import ExpressionError
from engine.expressions.language import Expression, compile_expression
from storage.months import Months

SHORTEST_PERIOD = timedelta(seconds=1)
LONGEST_TEXT = 200
NOW = "now"
"""The variable that holds the moment at which an expression is worked out."""
MOST_SKIPPED = 10_000
"""Missed times of one cron line that are counted one by one; more are told as so many."""
TIMES_MISSED = "times_missed"
"""The variable that tells what a cycle has left out, if anything."""

_LOOKS_LIKE = {
    "date": re.compile(r"\d{4}-?\d\d-?\d\d", re.ASCII),
    "duration": re.compile(r"[+-]?P[\dTP-]", re.ASCII),
    "cycle": re.compile(r"-?R-?\d*/|[+-]?P[\dT]|([\d*?/,-]+\s+){2}\S+(\s+\S+){2,4}$|@[a-z]+$", re.ASCII),
}
_CRON_FIELD = re.compile(r"(?![RHrh]\b)(?![RHrh]\()[0-9A-Za-z*,/?#-]+", re.ASCII)
_CYCLE_SHAPES = ("D", "TD", "DT", "TT")


class TimerKind(StrEnum):
    """The three ways BPMN 2.0.2 (10.5.5, Timer) says when."""

    DATE = "date"
    DURATION = "duration"
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True)
class Due:
    """When a timer fires next; plain data throughout, so that it can be stored field by field."""

    at: datetime
    """UTC."""
    repetitions: int | None = 1
    """Firings left, this one included; None is without end."""
    rule: str | None = None
    """The cycle as worked out when the timer was set, None for a single firing."""
    anchor: datetime | None = None
    """The moment that the periods of the cycle are counted from, UTC."""
    number: int = 0
    """Periods between the anchor and this firing."""


@dataclass(frozen=True, slots=True)
class Following:
    """What follows a firing: the next one, if any, and how many were left out since the one that fired."""

    due: Due | None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TimerDefinition:
    """A timer as drawn: ISO 8601 or cron text, or an expression that gives such a text, a date or a duration."""

    kind: TimerKind
    text: str
    expression: Expression | None = None

    def first_due(self, now: datetime, names: Mapping[str, Any], zone: tzinfo) -> Due:
        """Work out the first firing for an instance; `now` is aware, and a variable of that name is only added if missing.

        Raises ExpressionError if the text, or what the expression gives, is no moment, duration or cycle.
        """
        value = self.text if self.expression is None else self._worked_out(now, names, zone)
        match self.kind:
            case TimerKind.DATE:
                return Due(_moment(value, zone))
            case TimerKind.DURATION:
                return Due(_end_of(value, now, zone))
            case TimerKind.CYCLE:
                return _first_of_cycle(value, now, zone)

    def next_due(self, previous: Due, now: datetime, zone: tzinfo) -> Following:
        """Work out what follows the firing `previous` that takes place at `now`."""
        return next_due(previous, now, zone)

    @property
    def is_endless(self) -> bool:
        """Whether it is drawn as a cycle that never ends."""
        if self.kind is not TimerKind.CYCLE or self.expression is not None:
            return False
        cycle = _read_cycle(self.text)
        return cycle.repetitions is None and cycle.end is None

    def _worked_out(self, now: datetime, names: Mapping[str, Any], zone: tzinfo) -> Any:
        if self.expression is None:
            return self.text
        return self.expression.evaluate(with_now(self.expression, names, now, zone))


def with_now(expression: Expression, names: Mapping[str, Any], now: datetime, zone: tzinfo) -> Mapping[str, Any]:
    """Give the variables with the moment as `now`, if the expression asks for it and no variable has that name."""
    if NOW not in expression.names or NOW in names:
        return names
    return {**names, NOW: now.astimezone(zone)}


def compile_timer(kind: str, text: str) -> TimerDefinition:
    """Read a timer's text; raise ExpressionError if it is neither well-formed nor an expression."""
    timer_kind, text = TimerKind(kind), text.strip()
    if not _LOOKS_LIKE[timer_kind].match(text):
        return TimerDefinition(timer_kind, text, compile_expression(text))
    match timer_kind:
        case TimerKind.DATE:
            _moment(text, UTC)
        case TimerKind.DURATION:
            _not_negative(parse_duration(text), text)
        case TimerKind.CYCLE:
            _read_cycle(text)
    return TimerDefinition(timer_kind, text)


def next_due(previous: Due, now: datetime, zone: tzinfo) -> Following:
    """Work out what follows a firing of a cycle: the first time after `now`, those before it counted as left out."""
    if previous.rule is None or previous.repetitions == 1:
        return Following(None)
    if _is_cron(previous.rule):
        return _next_of_cron(previous, now, zone)
    cycle = _read_cycle(previous.rule)
    anchor = previous.anchor or previous.at
    end = cycle.end_in(zone)
    missed_until = max(now, previous.at) if end is None else min(max(now, previous.at), end)
    number = _first_after(cycle.period, anchor, previous.number, missed_until, zone)
    if number is None:
        return Following(None)
    return _following(previous, cycle.period.after(anchor, zone, number), number - previous.number - 1, end, number)


def _following(previous: Due, at: datetime, skipped: int, end: datetime | None, number: int = 0) -> Following:
    """Close the count: firings left out use up repetitions, and none lies beyond the end."""
    left = None if previous.repetitions is None else previous.repetitions - 1 - skipped
    if left is not None and left <= 0:
        return Following(None, skipped + min(left, 0))
    if end is not None and at > end:
        return Following(None, skipped)
    return Following(Due(at, left, previous.rule, previous.anchor, number), skipped)


@dataclass(frozen=True, slots=True)
class _Cycle:
    """A repeating interval (ISO 8601-1 4.5): how often, from when, by which period, until when."""

    repetitions: int | None
    start: str | None
    period: Duration
    end: str | None

    def end_in(self, zone: tzinfo) -> datetime | None:
        return None if self.end is None else _moment(self.end, zone)


def _read_cycle(text: str) -> _Cycle:
    """Read `R[n]/[start/]period[/end]` or `R[n]/start/end`; a cron line has no periods and is only checked."""
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(f"The cycle is longer than {LONGEST_TEXT} characters.")
    if _is_cron(text):
        _check_cron(text)
        return _Cycle(None, None, Duration(), None)
    head, *parts = (part.strip() for part in text.split("/"))
    repetitions = re.fullmatch(r"R(\d{0,9})", head, re.ASCII)
    shape = "".join("D" if part[:1] in "+-P" else "T" for part in parts)
    if repetitions is None or shape not in _CYCLE_SHAPES:
        raise ExpressionError(f"“{text[:80]}” is not a cycle; write for example R3/PT1H, R/P1D or a cron line.")
    if repetitions[1] and int(repetitions[1]) == 0:
        raise ExpressionError(f"“{text[:80]}” repeats zero times; write R without a number for an endless cycle.")
    count = int(repetitions[1]) if repetitions[1] else None
    if shape == "TT":
        length = _moment(parts[1], UTC) - _moment(parts[0], UTC)
        return _Cycle(count, parts[0], _period(Duration(clock=length), text), None)
    start = parts[0] if shape == "TD" else None
    end = parts[1] if shape == "DT" else None
    for moment in filter(None, (start, end)):
        _moment(moment, UTC)
    return _Cycle(count, start, _period(parse_duration(parts[shape.index("D")]), text), end)


def _first_of_cycle(value: Any, now: datetime, zone: tzinfo) -> Due:
    if isinstance(value, timedelta):
        value = f"R/PT{value.total_seconds():.6f}S" if value > timedelta() else "R/PT0S"
    if not isinstance(value, str):
        raise ExpressionError("The cycle's expression gives no text such as R3/PT1H.")
    text = value.strip()
    cycle = _read_cycle(text)
    if _is_cron(text):
        first = next(_cron_times(text, now, zone), None)
        if first is None:
            raise ExpressionError(f"The cron line “{text}” never comes due.")
        return Due(first, None, text)
    anchor = now.astimezone(UTC) if cycle.start is None else _moment(cycle.start, zone)
    number = 1 if cycle.start is None else 0
    due = Due(cycle.period.after(anchor, zone, number), cycle.repetitions, text, anchor, number)
    end = cycle.end_in(zone)
    if end is not None and due.at > end:
        raise ExpressionError(f"The cycle “{text}” ends before it comes due for the first time.")
    return due


def _first_after(period: Duration, anchor: datetime, number: int, moment: datetime, zone: tzinfo) -> int | None:
    """Find the first period beyond `number` that ends after the moment, or None beyond the end of the calendar."""
    low, step = number, 1
    while True:
        at = _after(period, anchor, low + step, zone)
        if at is None or at > moment:
            break
        low, step = low + step, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        at = _after(period, anchor, middle, zone)
        low, high = (low, middle) if at is None or at > moment else (middle, high)
    return high if _after(period, anchor, high, zone) is not None else None


def _after(period: Duration, anchor: datetime, number: int, zone: tzinfo) -> datetime | None:
    try:
        return period.after(anchor, zone, number)
    except (OverflowError, ValueError, ExpressionError):
        return None


def _is_cron(text: str) -> bool:
    return not text.startswith(("R", "+", "-", "P")) or " " in text


def _check_cron(text: str) -> None:
    fields = text.split()
    if not text.startswith("@") and not all(_CRON_FIELD.fullmatch(field) for field in fields):
        raise ExpressionError(f"“{text[:80]}” is not a cycle; write for example R3/PT1H, R/P1D or a cron line.")
    try:
        next(_cron(text, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except (CroniterError, ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        raise ExpressionError(f"The cron line “{text[:80]}” cannot be read: {str(error)[:200]}.") from error


def _cron(text: str, start: datetime) -> Iterator[datetime]:
    fields = len(text.split())
    moments: Iterator[datetime] = croniter(text, start, ret_type=datetime, second_at_beginning=fields > 5)  # noqa: PLR2004
    return moments


def _cron_times(text: str, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Give the times of a cron line after a moment, UTC.

    A line with a fixed hour comes once in the hour that autumn repeats, at its first pass; one for every hour or every few
    comes in both. A time that spring leaves out comes as soon as the clock has been put forward.
    """
    fields = text.split()
    hours = fields[2 if len(fields) > 5 else 1] if len(fields) > 1 else ("*" if text == "@hourly" else "0")  # noqa: PLR2004
    latest = after.astimezone(UTC)
    try:
        for moment in _cron(text, after.astimezone(zone)):
            at = moment.astimezone(UTC)
            repeated = moment.astimezone(zone).fold == 1 and "*" not in hours
            if at > latest and not repeated:
                latest = at
                yield at
    except (CroniterError, OverflowError, ValueError):
        return


def _next_of_cron(previous: Due, now: datetime, zone: tzinfo) -> Following:
    skipped = 0
    for at in _cron_times(previous.rule or "", previous.at, zone):
        if at > now:
            return _following(previous, at, skipped, None)
        if skipped == MOST_SKIPPED:
            break
        skipped += 1
    later = next(_cron_times(previous.rule or "", now, zone), None)
    return Following(None, skipped) if later is None else _following(previous, later, skipped, None)


def _moment(value: Any, zone: tzinfo) -> datetime:
    """Give a date (its midnight), a date with time, or either as ISO 8601 text, as a UTC moment; `zone` serves those without."""
    if isinstance(value, str):
        value = _read_moment(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  (the zone follows)
    if not isinstance(value, datetime):
        raise ExpressionError("The timer's expression gives no date.")
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone, fold=0)).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise ExpressionError(f"The date {value.isoformat()} is too far away.") from error


def _read_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ExpressionError(
            f"“{text[:80]}” is not a date; write for example 2026-01-31 or 2026-01-31T12:00Z."
        ) from error


def _end_of(value: Any, now: datetime, zone: tzinfo) -> datetime:
    duration = Duration(clock=value) if isinstance(value, timedelta) else value
    if isinstance(value, date):
        return _moment(value, zone)
    if isinstance(value, Months):
        duration = Duration(months=value.number)
    if isinstance(value, str):
        duration = parse_duration(value)
    if not isinstance(duration, Duration):
        raise ExpressionError("The timer's expression gives no duration.")
    at = _after(_not_negative(duration, str(value)), now, 1, zone)
    if at is None:
        raise ExpressionError("The timer lies beyond the end of the calendar.")
    return at


def _not_negative(duration: Duration, text: str) -> Duration:
    """Let a duration of nothing at all be: it is over at once."""
    if not duration.is_positive and duration != Duration():
        raise ExpressionError(f"The duration “{text[:80]}” is shorter than nothing.")
    return duration


def _period(duration: Duration, text: str) -> Duration:
    _not_negative(duration, text)
    if not duration.months and not duration.days and duration.clock < SHORTEST_PERIOD:
        raise ExpressionError(f"The cycle “{text[:80]}” repeats more often than once a second.")
    return duration
