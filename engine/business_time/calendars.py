"""Business calendars: when the business works, as data that process owners write.

`calendar.csv` has the columns calendar, what, value; a row without a calendar's name belongs to the one that counts where none
is named. *what* is `hours` (`Mon-Fri 08:00-12:00 13:00-17:00`), `holidays` (`DE-SN`), `closed` (a day, or the first and
the last: `2026-12-24..2026-12-31`), `open` (`2026-05-02 09:00-13:00`) or `zone`. `open` beats `closed`, and both beat holidays
and hours.
"""

import re
from collections.abc import Mapping, Sequence
from csv import DictReader
from dataclasses import dataclass, field, replace
from datetime import date, timedelta, tzinfo
from functools import cached_property
from io import StringIO
from itertools import pairwise
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.business_time.holiday_dates import check_place, holiday_dates
from engine.errors import ExpressionError

Span = tuple[timedelta, timedelta]
"""Beginning and end of working hours, counted from midnight on the wall clock."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.ASCII)
_WEEKDAYS: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{0,40}", re.ASCII)
_OFFICE_HOURS: Final = ((timedelta(hours=8), timedelta(hours=17)),)
_COLUMNS: Final = {"what", "value"}


@dataclass(frozen=True)
class Calendar:
    """When the business works: spans by weekday (Monday is 0) and by day, places whose holidays count, days closed."""

    hours: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    closed: tuple[tuple[date, date], ...] = ()
    opened: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    zone: tzinfo | None = None

    def spans(self, day: date) -> tuple[Span, ...]:
        """Give the working hours of a day; none when it is no working day."""
        known = self._known.get(day)
        if known is None:
            known = self._known[day] = self._spans(day)
        return known

    def _spans(self, day: date) -> tuple[Span, ...]:
        if day in self.opened:
            return self.opened[day]
        is_closed = any(first <= day <= last for first, last in self.closed)
        if is_closed or any(day in holiday_dates(place, day.year) for place in self.places):
            return ()
        return self.hours.get(day.weekday(), ())

    @cached_property
    def _known(self) -> dict[date, tuple[Span, ...]]:
        return {}


OFFICE: Final = Calendar(dict.fromkeys(range(5), _OFFICE_HOURS))
"""Monday to Friday from 8 to 17, without holidays: what counts where nobody has written a calendar."""


@dataclass(frozen=True)
class Calendars:
    """The calendars that count for a process; the one without a name where none is named."""

    by_name: Mapping[str, Calendar] = field(default_factory=lambda: MappingProxyType({"": OFFICE}))

    def named(self, name: str) -> Calendar:
        """Give a calendar; raises ExpressionError when there is none of this name."""
        found = self.by_name.get(name)
        if found is None:
            known = ", ".join(sorted(filter(None, self.by_name))) or "none with a name"
            raise ExpressionError(f"There is no calendar “{name[:40]}” in calendar.csv; there is {known}.")
        return found

    def over(self, other: "Calendars") -> "Calendars":
        """Give these calendars, and those of the others which these do not hold."""
        return Calendars({**other.by_name, **self.by_name})


STANDARD: Final = Calendars()
NONE: Final = Calendars(MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """A line of calendar.csv that cannot be read."""

    line: int
    message: str


def read_calendars(text: str) -> tuple[Calendars, list[CalendarFault]]:
    """Read calendar.csv; gives the calendars, and what is wrong with each line that cannot be read."""
    reader = DictReader(StringIO(text, newline=""), skipinitialspace=True)
    if not set(reader.fieldnames or ()) >= _COLUMNS:
        message = "The columns of calendar.csv are calendar, what and value; write them in its first line."
        return NONE, [CalendarFault(1, message)]
    calendars: dict[str, Calendar] = {}
    faults: list[CalendarFault] = []
    for row in reader:
        name, what, value = ((row.get(column) or "").strip() for column in ("calendar", "what", "value"))
        if not what and not value:
            continue
        try:
            calendars[name] = _with_row(_checked_name(name, calendars), what.lower(), value)
        except ExpressionError as error:
            faults.append(CalendarFault(reader.line_num, error.message))
    faults += [
        CalendarFault(1, f"The calendar “{name}” has no working hours; add a row such as hours,Mon-Fri 08:00-17:00.")
        for name, calendar in calendars.items()
        if not any(calendar.hours.values())
    ]
    return Calendars(calendars), faults


def _checked_name(name: str, calendars: Mapping[str, Calendar]) -> Calendar:
    if not _NAME.fullmatch(name):
        raise ExpressionError(f"The name “{name[:40]}” is made of other than letters, digits, _ and -; choose another.")
    return calendars.get(name, Calendar())


def _with_row(calendar: Calendar, what: str, value: str) -> Calendar:
    match what:
        case "hours":
            days, spans = _weekly(value)
            hours = {**calendar.hours, **{day: (*calendar.hours.get(day, ()), *spans) for day in days}}
            return replace(calendar, hours={day: _in_order(found) for day, found in hours.items()})
        case "holidays":
            check_place(value.upper())
            return replace(calendar, places=(*calendar.places, value.upper()))
        case "closed":
            first, _, last = (part.strip() for part in value.partition(".."))
            days_closed = _day(first), _day(last or first)
            if days_closed[1] < days_closed[0]:
                raise ExpressionError(f"“{value[:60]}” ends before it begins.")
            return replace(calendar, closed=(*calendar.closed, days_closed))
        case "open":
            day, _, spans_text = value.partition(" ")
            return replace(calendar, opened={**calendar.opened, _day(day): _in_order(_spans(spans_text))})
        case "zone":
            return replace(calendar, zone=_zone(value))
    raise ExpressionError(f"“{what[:40]}” is not known; write hours, holidays, closed, open or zone.")


def _weekly(value: str) -> tuple[list[int], tuple[Span, ...]]:
    days_text, _, spans_text = value.partition(" ")
    days: list[int] = []
    for part in days_text.lower().split(","):
        matched = _WEEKDAYS.fullmatch(part)
        named = [day for day in (matched.groups() if matched else ()) if day]
        if not named or any(day not in _DAYS for day in named):
            raise ExpressionError(f"“{days_text[:40]}” names no weekdays; write for example Mon-Fri or Sat,Sun.")
        first, last = _DAYS.index(named[0]), _DAYS.index(named[-1])
        days += [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]
    return days, _spans(spans_text)


def _spans(text: str) -> tuple[Span, ...]:
    spans = tuple(_span(part) for part in text.split())
    if not spans:
        raise ExpressionError("Hours are missing; write for example 08:00-12:00 13:00-17:00.")
    return spans


def _span(text: str) -> Span:
    matched = _HOURS.fullmatch(text)
    if matched is None:
        raise ExpressionError(f"“{text[:40]}” is no span of hours; write for example 08:00-17:00.")
    hour, minute, end_hour, end_minute = map(int, matched.groups())
    begin, end = timedelta(hours=hour, minutes=minute), timedelta(hours=end_hour, minutes=end_minute)
    if minute > 59 or end_minute > 59 or end > timedelta(hours=24):  # noqa: PLR2004 - minutes of an hour, hours of a day
        raise ExpressionError(f"“{text[:40]}” is no time of day; the last one is 24:00.")
    if begin >= end:
        raise ExpressionError(
            f"“{text[:40]}” ends before it begins; write a night in two rows, to 24:00 and from 00:00."
        )
    return begin, end


def _in_order(spans: Sequence[Span]) -> tuple[Span, ...]:
    ordered = tuple(sorted(set(spans)))
    for (_, end), (begin, _) in pairwise(ordered):
        if begin < end:
            raise ExpressionError("Two spans of hours overlap; write each hour once.")
    return ordered


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ExpressionError(f"“{text[:40]}” is no day; write for example 2026-12-24.") from error


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"There is no time zone “{text[:40]}”; write for example Europe/Berlin.") from error
