"""ISO 8601 durations: reading them, and adding them to a moment by the calendar of a time zone."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from engine.errors import ExpressionError
from storage.months import Months

_NUMBER = r"(\d{{1,9}}(?:[.,]\d{{1,6}})?){}"
_DESIGNATORS = re.compile(
    r"([+-])?P(?=[\dT])"
    + "".join(f"(?:{_NUMBER.format(unit)})?" for unit in "YMWD")
    + r"(?:T(?=\d)"
    + "".join(f"(?:{_NUMBER.format(unit)})?" for unit in "HMS")
    + ")?",
    re.ASCII,
)
_YEARS_AND_MONTHS = re.compile(r"[+-]?P(?=\d)(?:\d+Y)?(?:\d+M)?", re.ASCII)
_LONGEST_IN_MONTHS = 12 * 1000
_LONGEST = timedelta(days=366 * 1000)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: whole months and days by the calendar, the rest by the clock."""

    months: int = 0
    days: int = 0
    clock: timedelta = timedelta()

    @property
    def is_positive(self) -> bool:
        """Tell whether adding it moves forward."""
        parts = (self.months, self.days, self.clock.total_seconds())
        return min(parts) >= 0 and max(parts) > 0

    @property
    def is_fixed(self) -> bool:
        """Tell whether the calendar has no say in its length, seeing a day as 24 hours."""
        return self.months == 0

    def as_timedelta(self) -> timedelta:
        """Give the length with days of 24 hours; raise ExpressionError where months are involved."""
        if self.months:
            raise ExpressionError("A duration with months or years has no fixed length; use add_months(date, number).")
        return timedelta(days=self.days) + self.clock

    def after(self, moment: datetime, zone: tzinfo, times: int = 1) -> datetime:
        """Give the moment `times` durations later, UTC.

        Months and days move the wall clock of `zone`, hours and less the real clock (ISO 8601-1 4.1.1 nominal duration).
        A day that the month lacks becomes its last day; a wall time left out in spring is as much later, one that
        comes twice in autumn is the first.
        """
        if not self.months and not self.days:
            return moment.astimezone(UTC) + self.clock * times
        wall = moment.astimezone(zone).replace(tzinfo=None)
        wall = add_months(wall, self.months * times) + timedelta(days=self.days * times)
        return wall.replace(tzinfo=zone, fold=0).astimezone(UTC) + self.clock * times


def add_months(moment: datetime, months: int) -> datetime:
    """Move a date by months; a day that the month lacks becomes its last day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004  (the years that datetime knows)
        raise ExpressionError("The date lies outside the years 1 to 9999.")
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def parse_length(text: str) -> timedelta | Months:
    """Read an ISO 8601 duration as a value: of years and months, or of days and less; raise ExpressionError for a mixture."""
    duration = parse_duration(text)
    if _YEARS_AND_MONTHS.fullmatch(text.strip()):
        return Months(duration.months)
    if duration.months:
        raise ExpressionError(
            f"“{text[:80]}” mixes months with days; a duration has years and months, or days and less."
        )
    return duration.as_timedelta()


def parse_duration(text: str) -> Duration:
    """Read an ISO 8601 duration such as `P1M`, `P2W` or `P1DT2H30M`; raise ExpressionError otherwise."""
    match = _DESIGNATORS.fullmatch(text.strip())
    if match is None:
        raise ExpressionError(f"“{text[:80]}” is not a duration; write for example PT30M, P3D or P1M.")
    sign = -1 if match[1] else 1
    if match[1] == "+":
        sign = 1
    years, months, weeks, days, hours, minutes, seconds = (
        Decimal((part or "0").replace(",", ".")) for part in match.groups()[1:]
    )
    calendar_months = 12 * years + months
    if calendar_months % 1:
        raise ExpressionError(f"“{text[:80]}” has a part of a month; write it in days.")
    if calendar_months > _LONGEST_IN_MONTHS:
        raise ExpressionError(f"“{text[:80]}” is longer than a thousand years.")
    whole_days, part_of_day = divmod(7 * weeks + days, 1)
    if whole_days > _LONGEST.days:
        raise ExpressionError(f"“{text[:80]}” is longer than a thousand years.")
    clock = timedelta(seconds=float(part_of_day * 86_400 + hours * 3_600 + minutes * 60 + seconds))
    if clock > _LONGEST:
        raise ExpressionError(f"“{text[:80]}” is longer than a thousand years.")
    return Duration(sign * int(calendar_months), sign * int(whole_days), sign * clock)
