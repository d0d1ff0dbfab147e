"""Plain data: what variables are made of, what it weighs, and exact arithmetic and comparison on it."""

import operator
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from types import NoneType
from typing import Any

from engine.business_time.durations import add_months
from engine.errors import CostlyExpression, ExpressionError
from storage.months import Months

LONGEST_TEXT = 100_000
"""Characters of a text that an expression may make."""
LONGEST_LIST = 10_000
"""Entries of a list that an expression may make."""
LARGEST_NUMBER = 10**300
LARGEST_EXPONENT = 1_000

MOST_DIGITS = 300
"""Digits before the point, or noughts behind it, that a number may have."""

_WRITTEN_NUMBER = re.compile(r"[-+]?[0-9]{1,300}(\.[0-9]{1,300})?")

ARITHMETIC = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-MOST_DIGITS,
    Emax=MOST_DIGITS,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""The decimal context of every expression, with FEEL's digits (DMN 1.3, 10.3.2.3.1), whatever the calling thread has set."""

_NUMBERS = (int, float, Decimal)
_KINDS: dict[type, str] = {
    NoneType: "nothing",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    str: "text",
    date: "a date",
    datetime: "a date with time",
    time: "a time of day",
    timedelta: "a duration",
    Months: "a duration of years and months",
    list: "a list",
    dict: "a group of entries",
}
PLAIN_TYPES = frozenset(_KINDS)


def kind_of(value: object) -> str:
    """Say in words what kind of plain data a value is."""
    return _KINDS.get(type(value), "something that is not plain data")


def is_number(value: object) -> bool:
    """Tell whether the value is a number, truth values aside."""
    return type(value) in _NUMBERS


def plain(value: Any) -> Any:
    """Give a value from outside as plain data, its outermost shell checked; tuples become lists, enumerations texts."""
    if type(value) in PLAIN_TYPES:
        return value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise ExpressionError(f"A value of type {type(value).__name__} is not plain data, so expressions cannot use it.")


def weight(value: object, most: int) -> int:
    """Count the values inside a value, its texts by the hundred characters; stop counting beyond `most`."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        item = waiting.pop()
        total += 1
        if isinstance(item, str):
            total += len(item) // 100
        elif isinstance(item, list | tuple):
            total += len(item) // 100
            waiting.extend(item[: most + 1])
        elif isinstance(item, dict):
            waiting.extend(item.values())
    return total


def exact(value: Any) -> Any:
    """Give a float as the decimal number it is printed as, anything else unchanged; refuse numbers that are too large."""
    if type(value) is float:
        return finite(Decimal(repr(value)))
    return finite(value) if type(value) is Decimal else value


def finite(value: Decimal) -> Decimal:
    """Pass a decimal number on, unless it is infinite, not a number, or far too large or small."""
    if not value.is_finite():
        raise ExpressionError("The number is infinite or undefined.")
    if not -MOST_DIGITS <= value.adjusted() <= MOST_DIGITS:
        raise CostlyExpression(f"The number has more than {MOST_DIGITS} digits.")
    return value


def bounded(value: Any) -> Any:
    """Pass a number, text or list on, unless it is larger than an expression may make."""
    if isinstance(value, int) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise CostlyExpression("The number has more than 300 digits.")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise CostlyExpression(f"The text is longer than {LONGEST_TEXT:,} characters.")
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        raise CostlyExpression(f"The list is longer than {LONGEST_LIST:,} entries.")
    return value


def add(left: Any, right: Any) -> Any:
    """Add numbers, durations, a duration to a date, or join two texts or two lists."""
    if _are_numbers(left, right):
        return bounded(exact(left) + exact(right))
    for sort in (str, list):
        if isinstance(left, sort) and isinstance(right, sort):
            _refuse_long(len(left) + len(right), sort)
            return left + right  # type: ignore[operator]  # both are of the same sort
    if isinstance(left, timedelta | Months) and isinstance(right, date):
        left, right = right, left
    if isinstance(left, date) and isinstance(right, Months):
        return moved_by_months(left, right.number)
    if isinstance(left, date | timedelta) and isinstance(right, timedelta):
        return left + right
    if isinstance(left, Months) and isinstance(right, Months):
        return left + right
    raise _unfit("added to", right, left)


def moved_by_months(moment: date, number: int) -> date:
    """Move a date, with or without a time of day, by months; a day that the month lacks becomes its last day."""
    if isinstance(moment, datetime):
        return add_months(moment, number)
    return add_months(datetime.combine(moment, time()), number).date()


def subtract(left: Any, right: Any) -> Any:
    """Subtract numbers, durations, two dates, or a duration from a date."""
    if _are_numbers(left, right):
        return bounded(exact(left) - exact(right))
    if isinstance(right, timedelta) and isinstance(left, date | timedelta):
        return left - right
    if isinstance(left, date) and type(left) is type(right):
        _refuse_mixed_zones(left, right)
        return left - right
    if isinstance(right, Months) and isinstance(left, date | Months):
        return add(left, -right)
    raise _unfit("subtracted from", right, left)


def multiply(left: Any, right: Any) -> Any:
    """Multiply numbers, a duration by a number, or repeat a text or a list."""
    if _are_numbers(left, right):
        return bounded(exact(left) * exact(right))
    if not is_number(right):
        left, right = right, left
    if isinstance(left, timedelta) and is_number(right):
        return left * (right if isinstance(right, int) else float(right))
    if isinstance(left, Months) and is_number(right):
        return left.times(exact(right))
    if isinstance(left, str | list) and type(right) is int:
        _refuse_long(len(left) * max(right, 0), type(left))
        return left * right
    raise _unfit("multiplied by", left, right)


def divide(left: Any, right: Any) -> Any:
    """Divide numbers exactly (7 / 2 is 3.5), a duration by a number, or a duration by a duration."""
    if _are_numbers(left, right):
        _refuse_zero(right)
        return Decimal(exact(left)) / Decimal(exact(right))
    if isinstance(left, timedelta) and is_number(right):
        return left / (right if isinstance(right, int) else float(right))
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return Decimal(left // timedelta(microseconds=1)) / Decimal(right // timedelta(microseconds=1))
    if isinstance(left, Months) and is_number(right):
        _refuse_zero(right)
        return Months(int(Decimal(left.number) / Decimal(exact(right))))
    if isinstance(left, Months) and isinstance(right, Months):
        _refuse_zero(right.number)
        return Decimal(left.number) / Decimal(right.number)
    raise _unfit("divided by", left, right)


def divide_whole(left: Any, right: Any) -> Any:
    """Divide numbers and round down, as `//` does for whole numbers."""
    if not _are_numbers(left, right):
        raise _unfit("divided by", left, right)
    _refuse_zero(right)
    left, right = exact(left), exact(right)
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return (Decimal(left) - remainder(left, right)) / Decimal(right)


def remainder(left: Any, right: Any) -> Any:
    """Give what is left of numbers after dividing and rounding down; it has the sign of the divisor."""
    if not _are_numbers(left, right):
        raise _unfit("divided by", left, right)
    _refuse_zero(right)
    left, right = exact(left), exact(right)
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    rest = Decimal(left) % Decimal(right)
    return rest + right if rest and (rest < 0) != (right < 0) else rest


def power(base: Any, exponent: Any) -> Any:
    """Raise a number to a power of at most 1,000."""
    if not _are_numbers(base, exponent):
        raise _unfit("raised to", base, exponent)
    base, exponent = exact(base), exact(exponent)
    if abs(exponent) > LARGEST_EXPONENT:
        raise CostlyExpression(f"The exponent is larger than {LARGEST_EXPONENT:,}.")
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent > LARGEST_NUMBER.bit_length() + 1:
            raise CostlyExpression("The number has more than 300 digits.")
        return bounded(base**exponent)
    if base < 0 and exponent != int(exponent):
        raise ExpressionError("A negative number can only be raised to a whole number.")
    return Decimal(base) ** Decimal(exponent)


def negative(value: Any) -> Any:
    """Turn the sign of a number or duration."""
    if _are_numbers(value, value) or isinstance(value, timedelta | Months):
        return -exact(value)
    raise ExpressionError(f"{kind_of(value).capitalize()} has no sign to turn.")


def positive(value: Any) -> Any:
    """Give a number or duration itself."""
    return -negative(value)


def equal(left: Any, right: Any) -> bool:
    """Tell whether two values are the same; values of unlike kinds are not."""
    left, right = exact(left), exact(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def loosely_equal(left: Any, right: Any) -> bool:
    """Tell whether two values are the same, or one is a text for the number or truth value that the other is."""
    if isinstance(right, str) and not isinstance(left, str):
        left, right = right, left
    if not isinstance(left, str):
        return equal(left, right)
    if isinstance(right, bool):
        return right is (left.lower() == "true")
    if is_number(right) and _WRITTEN_NUMBER.fullmatch(left.strip()):
        return equal(Decimal(left.strip()), right)
    return equal(left, right)


def ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Make a comparison by size that refuses unlike kinds with a sentence."""

    def compared(left: Any, right: Any) -> bool:
        left, right = exact(left), exact(right)
        refuse_unlike(left, right)
        return bool(compare(left, right))

    return compared


less = ordering(operator.lt)
less_or_equal = ordering(operator.le)
greater = ordering(operator.gt)
greater_or_equal = ordering(operator.ge)


def refuse_unlike(left: Any, right: Any) -> None:
    """Raise ExpressionError unless the values have an order between them."""
    if is_number(left) and is_number(right):
        return
    if type(left) is type(right) and isinstance(left, str | date | time | timedelta | Months | bool):
        _refuse_mixed_zones(left, right)
        return
    raise _unfit("compared by size with", left, right)


def _refuse_mixed_zones(left: Any, right: Any) -> None:
    if isinstance(left, datetime | time) and (left.tzinfo is None) != (right.tzinfo is None):
        raise ExpressionError("One of the two times has a time zone and the other has none; give both a zone.")


def _refuse_zero(divisor: Any) -> None:
    if divisor == 0:
        raise ExpressionError("Division by zero.")


def _refuse_long(length: int, sort: type) -> None:
    most = LONGEST_TEXT if sort is str else LONGEST_LIST
    if length > most:
        raise CostlyExpression(f"The {'text' if sort is str else 'list'} would be longer than {most:,}.")


def _are_numbers(left: object, right: object) -> bool:
    return isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)


def _unfit(relation: str, left: object, right: object) -> ExpressionError:
    return ExpressionError(f"{kind_of(left).capitalize()} cannot be {relation} {kind_of(right)}.")
