"""The pure functions that expressions may call."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import re2

from engine.business_time import durations
from engine.errors import CostlyExpression, ExpressionError
from engine.expressions.plain import (
    LONGEST_LIST,
    LONGEST_TEXT,
    add,
    bounded,
    equal,
    exact,
    finite,
    is_number,
    kind_of,
    less,
    moved_by_months,
    refuse_unlike,
)
from engine.expressions.working_functions import WORKING_FUNCTIONS
from storage.months import Months

LONGEST_PATTERN = 500
_LONGEST_DIGITS = 300


def matches(text: str, pattern: str) -> bool:
    """Tell whether a pattern occurs in a text, in time linear in the text; raise ExpressionError for a faulty pattern."""
    _require(text, str, "matches")
    if len(text) > LONGEST_TEXT:
        raise CostlyExpression(f"A text of more than {LONGEST_TEXT:,} characters is too long for a pattern.")
    return compile_pattern(_require(pattern, str, "matches")).search(text) is not None


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """Compile a pattern for the linear-time engine; raise ExpressionError if it is faulty or too large."""
    if len(pattern) > LONGEST_PATTERN:
        raise CostlyExpression(f"The pattern is longer than {LONGEST_PATTERN} characters.")
    options = re2.Options()
    options.max_mem = 1 << 18
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error
        raise ExpressionError(f"The pattern “{pattern[:80]}” is faulty: {reason}.") from error


def parse_date(text: str) -> date:
    """Read an ISO 8601 date, alone or as part of a date with time."""
    try:
        return date.fromisoformat(text.strip()) if "T" not in text else datetime.fromisoformat(text.strip()).date()
    except ValueError as error:
        raise ExpressionError(f"“{text[:80]}” is not a date; write for example 2026-01-31.") from error


def _in_zone(moment: datetime, name: str) -> datetime:
    """Give a moment the offset that a zone has then; raise ValueError where it has one already, or nobody knows the zone."""
    if moment.tzinfo is not None:
        raise ValueError(name)
    offset = moment.replace(tzinfo=ZoneInfo(name)).utcoffset()
    return moment.replace(tzinfo=timezone(offset or timedelta()))


def parse_datetime(text: str) -> datetime:
    """Read an ISO 8601 date with time; without a zone it stays without one, a zone by name (FEEL) gives its offset then."""
    written, at, name = text.strip().partition("@")
    try:
        moment = datetime.fromisoformat(written)
        return _in_zone(moment, name) if at else moment
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ExpressionError(f"“{text[:80]}” is not a date with time; write for example 2026-01-31T12:00Z.") from error


def parse_number(text: str) -> Decimal:
    """Read a decimal number with a point."""
    if len(text) > _LONGEST_DIGITS:
        raise CostlyExpression(f"A number of more than {_LONGEST_DIGITS} characters is too long.")
    try:
        return finite(Decimal(text.strip()))
    except ArithmeticError as error:
        raise ExpressionError(f"“{text[:80]}” is not a number; write for example 12.50.") from error


def _length(value: Any) -> int:
    return len(_require(value, (str, list, dict), "len"))


def _extreme(pick: Callable[..., Any], name: str) -> Callable[..., Any]:
    def extreme(*values: Any) -> Any:
        items = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
        if not items:
            raise ExpressionError(f"{name}() of nothing has no value.")
        for item in items:
            refuse_unlike(exact(items[0]), exact(item))
        return pick(items, key=exact)

    return extreme


def _total(values: Any) -> Any:
    items = _require(values, list, "sum")
    return functools.reduce(add, items) if items else 0


def _round(number: Any, places: Any = None) -> Any:
    """Round half to even; without places to a whole number, else to that many decimal places."""
    value = Decimal(exact(_number(number, "round")))
    if places is None:
        return bounded(int(value.to_integral_value(ROUND_HALF_EVEN)))
    if type(places) is not int or not -_LONGEST_DIGITS <= places <= 20:  # noqa: PLR2004  (34 digits are all there is)
        raise ExpressionError("round() takes a whole number of decimal places, at most 20.")
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _whole(value: Any) -> int:
    if isinstance(value, str):
        value = parse_number(value)
    if isinstance(value, bool):
        return int(value)
    return int(bounded(int(exact(_number(value, "int")))))


def _decimal(value: Any) -> Decimal:
    return parse_number(value) if isinstance(value, str) else finite(Decimal(exact(_number(value, "decimal"))))


def _text(value: Any) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        raise ExpressionError(f"str() does not take {kind_of(value)}; use join(list, ', ').")
    return (
        format(value, "f")
        if isinstance(value, Decimal) and -_LONGEST_DIGITS < value.adjusted() < _LONGEST_DIGITS
        else str(value)
    )


def _date(value: Any, *rest: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        return parse_date(value)
    return date(*_whole_parts((value, *rest), "date", 3))


def _datetime(value: Any, *rest: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, _require(rest[0] if rest else time(), time, "datetime"))
    if isinstance(value, str):
        return parse_datetime(value)
    return datetime(*_whole_parts((value, *rest), "datetime", 6), tzinfo=UTC)  # type: ignore[misc,arg-type]  # six parts at most


def _time(value: Any, *rest: Any) -> time:
    if isinstance(value, datetime):
        return value.timetz()
    if isinstance(value, str):
        try:
            return time.fromisoformat(value.strip())
        except ValueError as error:
            raise ExpressionError(f"“{value[:80]}” is not a time of day; write for example 17:30.") from error
    return time(*_whole_parts((value, *rest), "time", 3))  # type: ignore[arg-type]  # three parts at most


def _whole_parts(parts: tuple[Any, ...], name: str, most: int) -> list[int]:
    numbers = [int(part) if type(part) is Decimal and part == int(part) else part for part in parts]
    if len(parts) > most or any(type(part) is not int for part in numbers):
        raise ExpressionError(f"{name}() takes a text or up to {most} whole numbers.")
    return numbers


def _duration(text: Any) -> timedelta | Months:
    if isinstance(text, timedelta | Months):
        return text
    return durations.parse_length(_require(text, str, "duration"))


def _add_months(moment: Any, months: Any) -> Any:
    if not isinstance(moment, date) or type(months) is not int:
        raise ExpressionError("add_months() takes a date and a whole number.")
    return moved_by_months(moment, months)


def _part(name: str) -> Callable[[Any], int]:
    def part(moment: Any) -> int:
        value: int = getattr(_require(moment, date, name), name)
        return value

    return part


def _days(length: Any) -> int:
    value: timedelta = _require(length, timedelta, "days")
    return value.days


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, list):
        return any(equal(item, part) for item in whole)
    if isinstance(whole, dict):
        return isinstance(part, str) and part in whole
    return bool(_require(part, str, "contains") in _require(whole, str, "contains"))


def _of_texts(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that takes texts alone."""

    @functools.wraps(function)
    def checked(*texts: Any) -> Any:
        for text in texts:
            _require(text, str, name)
        return function(*texts)

    return checked


def _split(text: str, separator: str = ",") -> list[str]:
    if not separator:
        raise ExpressionError("split() needs a separator.")
    if text.count(separator) >= LONGEST_LIST:
        raise CostlyExpression(f"split() makes at most {LONGEST_LIST:,} entries.")
    return [part.strip() for part in text.split(separator)]


def _join(parts: Any, separator: Any = ", ") -> str:
    texts = [_text(part) for part in _require(parts, list, "join")]
    length = sum(map(len, texts)) + len(_require(separator, str, "join")) * len(texts)
    if length > LONGEST_TEXT:
        raise CostlyExpression(f"join() makes at most {LONGEST_TEXT:,} characters.")
    return str(separator.join(texts))


def _sorted(values: Any) -> list[Any]:
    items = _require(values, list, "sorted")
    for item in items:
        refuse_unlike(exact(items[0]), exact(item))
    return sorted(items, key=exact)


def _truth_of_all(values: Any) -> bool:
    return all(_require(values, list, "all"))


def _truth_of_any(values: Any) -> bool:
    return any(_require(values, list, "any"))


def _get(mapping: Any, key: Any, default: Any = None) -> Any:
    """Give an entry of a group, or the default if it is missing."""
    return _require(mapping, dict, "get").get(_require(key, str, "get"), default)


def _between(value: Any, low: Any, high: Any) -> bool:
    return not less(value, low) and not less(high, value)


def _number(value: Any, name: str) -> Any:
    if not is_number(value):
        raise ExpressionError(f"{name}() needs a number, not {kind_of(value)}.")
    return value


def _absolute(value: Any) -> Any:
    return abs(value) if isinstance(value, timedelta | Months) else abs(exact(_number(value, "abs")))


def _require(value: Any, kinds: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(value, kinds):
        raise ExpressionError(f"{name}() cannot take {kind_of(value)}.")
    return value


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "abs": _absolute,
        "add_months": _add_months,
        "all": _truth_of_all,
        "any": _truth_of_any,
        "between": _between,
        "ceil": lambda number: bounded(math.ceil(exact(_number(number, "ceil")))),
        "contains": _contains,
        "date": _date,
        "datetime": _datetime,
        "day": _part("day"),
        "days": _days,
        "decimal": _decimal,
        "duration": _duration,
        "ends_with": _of_texts("ends_with", lambda text, part: text.endswith(part)),
        "floor": lambda number: bounded(math.floor(exact(_number(number, "floor")))),
        "get": _get,
        "int": _whole,
        "join": _join,
        "len": _length,
        "lower": _of_texts("lower", lambda text: text.lower()),
        "matches": matches,
        "max": _extreme(max, "max"),
        "min": _extreme(min, "min"),
        "month": _part("month"),
        "round": _round,
        "sorted": _sorted,
        "split": _of_texts("split", _split),
        "starts_with": _of_texts("starts_with", lambda text, part: text.startswith(part)),
        "str": _text,
        "strip": _of_texts("strip", lambda text: text.strip()),
        "sum": _total,
        "time": _time,
        "upper": _of_texts("upper", lambda text: text.upper()),
        "weekday": lambda moment: _require(moment, date, "weekday").isoweekday(),
        "year": _part("year"),
        **WORKING_FUNCTIONS,
    }
)
"""What an expression may call, by name; none has an effect, none knows the time."""


def refuse_miscounted(name: str, function: Callable[..., Any], count: int) -> None:
    """Raise ExpressionError unless the function, which is called by that name, takes so many values."""
    least, most = _counted(function)
    if not least <= count <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}" if most < LONGEST_LIST else f"{least} or more"
        raise ExpressionError(f"{name}() takes {wanted} {'value' if wanted == '1' else 'values'}, not {count}.")


@functools.lru_cache(maxsize=256)
def _counted(function: Callable[..., Any]) -> tuple[int, int]:
    parts = inspect.signature(function).parameters.values()
    positional = [part for part in parts if part.kind in (part.POSITIONAL_ONLY, part.POSITIONAL_OR_KEYWORD)]
    least = sum(part.default is part.empty for part in positional)
    return least, LONGEST_LIST if len(positional) < len(parts) else len(positional)
