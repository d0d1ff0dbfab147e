"""The functions of expressions that reckon by the business's calendar; a calendar is named last, or not at all."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final

from engine.business_time.durations import Duration, parse_duration
from engine.business_time.working_time import WorkingTime, working_time
from engine.errors import ExpressionError

COST: Final = 400
"""Steps that one call takes off the budget of an expression."""


def _add_working_time(moment: Any, length: Any, calendar: Any = "") -> datetime:
    known = _calendar(calendar)
    return known.later(_moment(moment, known), _length(length))


def _add_working_days(day: Any, count: Any, calendar: Any = "") -> date:
    if not isinstance(day, date) or type(count) is not int:
        raise ExpressionError("add_working_days() takes a date and a whole number.")
    known = _calendar(calendar)
    if not isinstance(day, datetime):
        return known.day_after(day, count)
    wall = _moment(day, known).astimezone(known.zone)
    return datetime.combine(known.day_after(wall.date(), count), wall.time(), known.zone)


def _working_time(start: Any, stop: Any, calendar: Any = "") -> timedelta:
    known = _calendar(calendar)
    return known.between(_moment(start, known), _moment(stop, known))


def _working_days(first: Any, last: Any, calendar: Any = "") -> int:
    known = _calendar(calendar)
    return known.days_between(_day(first, known), _day(last, known))


def _is_working_day(day: Any, calendar: Any = "") -> bool:
    known = _calendar(calendar)
    return bool(known.calendar.spans(_day(day, known)))


def _is_working_time(moment: Any, calendar: Any = "") -> bool:
    known = _calendar(calendar)
    return known.is_open(_moment(moment, known))


def _next_working_time(moment: Any, calendar: Any = "") -> datetime:
    known = _calendar(calendar)
    return known.next(_moment(moment, known))


def _calendar(name: Any) -> WorkingTime:
    if not isinstance(name, str):
        raise ExpressionError("The calendar is named by a text.")
    return working_time(name)


def _moment(value: Any, known: WorkingTime) -> datetime:
    """Give an aware moment; a date is its midnight, and what has no zone is wall time of the calendar."""
    if not isinstance(value, date):
        raise ExpressionError("Working time is reckoned from dates, with or without a time of day.")
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return moment if moment.tzinfo else moment.replace(tzinfo=known.zone, fold=0)


def _day(value: Any, known: WorkingTime) -> date:
    moment = _moment(value, known)
    return moment.astimezone(known.zone).date()


def _length(value: Any) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if not isinstance(value, timedelta):
        raise ExpressionError("Working time is added as a duration such as 'PT8H', or 'P2D' for two working days.")
    if abs(value) >= timedelta(days=1):
        raise ExpressionError("Write so long a time as a text: 'PT24H' for hours, 'P1D' for working days.")
    return Duration(clock=value)


WORKING_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "add_working_days": _add_working_days,
        "add_working_time": _add_working_time,
        "is_working_day": _is_working_day,
        "is_working_time": _is_working_time,
        "next_working_time": _next_working_time,
        "working_days": _working_days,
        "working_time": _working_time,
    }
)
"""What an expression may call, by name."""

CALENDAR_ARGUMENT: Final[Mapping[str, int]] = MappingProxyType(
    {name: 1 if name.startswith(("is_", "next_")) else 2 for name in WORKING_FUNCTIONS}
)
"""Which argument of a function names the calendar, counted from 0."""
