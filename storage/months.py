"""Durations of years and months, which no number of days can stand for (DMN 1.3, 10.3.2.3.7; XPath's yearMonthDuration)."""

from datetime import date, datetime, time
from decimal import Decimal
from functools import total_ordering
from typing import Final, Self

_YEAR: Final = 12
_MOST: Final = _YEAR * 999_999_999
"""More than the calendar has; what is longer is refused before it grows without end."""


@total_ordering
class Months:
    """A number of whole months, negative backwards; raises OverflowError for more than any calendar has.

    It is no dataclass, since pydantic would write one as a group of its fields.
    """

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        if not -_MOST <= number <= _MOST:
            raise OverflowError("The duration is longer than 999,999,999 years.")
        self._number = number

    @property
    def number(self) -> int:
        """How many months."""
        return self._number

    def __eq__(self, other: object) -> bool:
        """Tell whether another value is a duration of as many months."""
        return self._number == other._number if isinstance(other, Months) else NotImplemented

    def __lt__(self, other: "Months") -> bool:
        """Tell whether it is the shorter one."""
        return self._number < other._number if isinstance(other, Months) else NotImplemented

    def __hash__(self) -> int:
        """Give equal ones the same hash."""
        return hash((Months, self._number))

    def __repr__(self) -> str:
        """Write it as code does."""
        return f"Months({self._number})"

    @classmethod
    def between(cls, first: date, last: date) -> Self:
        """Count the whole months from one date to another; the day of the month decides about the last of them."""
        number = (last.year - first.year) * _YEAR + last.month - first.month
        begin, end = (first.day, _clock(first)), (last.day, _clock(last))
        if number > 0 and end < begin:
            number -= 1
        elif number < 0 and end > begin:
            number += 1
        return cls(number)

    @property
    def years(self) -> int:
        """The whole years, towards zero."""
        return self._signed(abs(self.number) // _YEAR)

    @property
    def rest(self) -> int:
        """The months beside the whole years, towards zero."""
        return self._signed(abs(self.number) % _YEAR)

    def times(self, factor: int | Decimal) -> "Months":
        """Give so many times the duration; a part of a month is left out."""
        return Months(int(self.number * factor))

    def __add__(self, other: "Months") -> "Months":
        """Add another one."""
        return Months(self.number + other.number)

    def __neg__(self) -> "Months":
        """Turn the sign."""
        return Months(-self.number)

    def __abs__(self) -> "Months":
        """Give it without a sign."""
        return Months(abs(self.number))

    def __str__(self) -> str:
        """Write it as ISO 8601 does: P1Y2M."""
        years, months = divmod(abs(self.number), _YEAR)
        said = (f"{years}Y" if years else "") + (f"{months}M" if months or not years else "")
        return f"{'-' if self.number < 0 else ''}P{said}"

    def _signed(self, part: int) -> int:
        return -part if self.number < 0 else part


def _clock(moment: date) -> time:
    return moment.time() if isinstance(moment, datetime) else time()
