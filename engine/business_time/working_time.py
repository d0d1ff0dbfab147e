"""Reckoning in working time, by the calendars that are in force while an instance moves.

Hours are wall time of the calendar's zone; what lies between two moments is what a clock measures, so a night shift is an hour
shorter in the night in which summer time begins. Which calendars count is not the expression's matter: whoever moves an
instance puts those of its process in force around it, for his thread alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from engine.business_time.calendars import Calendar, Calendars
from engine.business_time.durations import Duration
from engine.errors import ExpressionError

MOST_DAYS: Final = 800
"""How far working time is reckoned."""
_IN_FORCE: ContextVar[tuple[Calendars, tzinfo] | None] = ContextVar("calendars", default=None)


@contextmanager
def in_force(calendars: Calendars, zone: tzinfo) -> Iterator[None]:
    """Let expressions reckon by these calendars, in the business's zone, as long as the block lasts."""
    token = _IN_FORCE.set((calendars, zone))
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def working_time(name: str = "") -> "WorkingTime":
    """Give the calendar in force that has this name; raises ExpressionError where none can be in force, as in a form."""
    known = _IN_FORCE.get()
    if known is None:
        raise ExpressionError(
            "Working time is not known here; reckon with it in the diagram or in a table of a process."
        )
    calendars, zone = known
    calendar = calendars.named(name)
    return WorkingTime(calendar, calendar.zone or zone)


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """Reckons by one calendar; moments are aware, and given back in the calendar's zone."""

    calendar: Calendar
    zone: tzinfo

    def is_open(self, moment: datetime) -> bool:
        """Tell whether somebody works at a moment."""
        return any(begin <= moment < end for begin, end in self._spans(moment.astimezone(self.zone).date()))

    def next(self, moment: datetime) -> datetime:
        """Give the moment itself when somebody works then, else the next one at which somebody begins."""
        return self.after(moment, timedelta())

    def later(self, moment: datetime, duration: Duration) -> datetime:
        """Give the moment so much working time later: days are working days at the same time of day, the rest is worked.

        What arrives outside the working hours counts from their beginning.
        """
        if duration.months:
            raise ExpressionError("Working time is counted in days and hours; months have no fixed number of these.")
        if duration.days:
            wall = (self.next(moment) if duration.days > 0 else moment).astimezone(self.zone)
            day = self.day_after(wall.date(), duration.days)
            moment = datetime.combine(day, wall.time(), self.zone).astimezone(UTC)
        if duration.clock < timedelta():
            return self.before(moment, -duration.clock)
        return self.after(moment, duration.clock)

    def after(self, moment: datetime, length: timedelta) -> datetime:
        """Give the moment at which so much has been worked."""
        for begin, end in self._onwards(moment, 1):
            start = max(begin, moment)
            if start < end and length <= end - start:
                return (start + length).astimezone(self.zone)
            length -= max(end - start, timedelta())
        raise ExpressionError(f"The calendar has not so much working time within {MOST_DAYS} days.")

    def before(self, moment: datetime, length: timedelta) -> datetime:
        """Give the moment from which on so much is worked until this one."""
        for begin, end in self._onwards(moment, -1):
            stop = min(end, moment)
            if begin < stop and length <= stop - begin:
                return (stop - length).astimezone(self.zone)
            length -= max(stop - begin, timedelta())
        raise ExpressionError(f"The calendar has not so much working time within {MOST_DAYS} days.")

    def between(self, start: datetime, stop: datetime) -> timedelta:
        """Give the time worked from one moment to another; negative when the second is the earlier one."""
        if stop < start:
            return -self.between(stop, start)
        worked = timedelta()
        for begin, end in self._onwards(start, 1):
            if begin >= stop:
                return worked
            worked += max(min(end, stop) - max(begin, start), timedelta())
        if (stop - start).days >= MOST_DAYS:
            raise ExpressionError(f"Working time is counted over {MOST_DAYS} days at most.")
        return worked

    def day_after(self, day: date, count: int) -> date:
        """Give the working day so many working days after (or before) a day; for 0 the day itself, or the next one."""
        step = timedelta(days=1 if count >= 0 else -1)
        if count == 0 and self.calendar.spans(day):
            return day
        left = abs(count) or 1
        for _ in range(MOST_DAYS):
            day += step
            left -= bool(self.calendar.spans(day))
            if not left:
                return day
        raise ExpressionError(f"The calendar has not so many working days within {MOST_DAYS} days.")

    def days_between(self, first: date, last: date) -> int:
        """Count the working days from one day to another, without the last; negative when that is the earlier one."""
        if last < first:
            return -self.days_between(last, first)
        if (last - first).days > MOST_DAYS:
            raise ExpressionError(f"Working days are counted over {MOST_DAYS} days at most.")
        return sum(bool(self.calendar.spans(first + timedelta(days=day))) for day in range((last - first).days))

    def _onwards(self, moment: datetime, step: int) -> Iterator[tuple[datetime, datetime]]:
        day = moment.astimezone(self.zone).date()
        for number in range(MOST_DAYS):
            yield from self._spans(day + timedelta(days=step * number))[::step]

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        return [(self._at(day, begin), self._at(day, end)) for begin, end in self.calendar.spans(day)]

    def _at(self, day: date, wall: timedelta) -> datetime:
        """Give the moment of a wall time: of one that comes twice the first, of one left out the one as much later."""
        return (datetime.combine(day, datetime.min.time()) + wall).replace(tzinfo=self.zone).astimezone(UTC)
