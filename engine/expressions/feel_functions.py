"""The functions of FEEL (DMN 1.3, 10.3.4) that our own language has not, or means otherwise: they count from 1 and know null."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from functools import partial, reduce
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions.functions import FUNCTIONS, compile_pattern, parse_number
from engine.expressions.plain import (
    LARGEST_EXPONENT,
    LONGEST_LIST,
    LONGEST_TEXT,
    add,
    bounded,
    divide,
    equal,
    exact,
    finite,
    is_number,
    kind_of,
    less,
    multiply,
    refuse_unlike,
    remainder,
    subtract,
)
from storage.months import Months

MOST_PLACES = 20
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_FLAGS = frozenset("ims")
_REFERENCE = re.compile(r"\\([\\$])|\$(\d)|([\\$])", re.ASCII)
"""What has a meaning of its own in the replacement of `replace()`."""
_DEEPEST_PATH = 20
"""Keys that lead to an entry."""
_MICROSECOND = timedelta(microseconds=1)


def alike(left: Any, right: Any) -> bool:
    """Tell whether FEEL compares the two for equality: values of one kind, and anything with null."""
    return left is None or right is None or type(left) is type(right) or (is_number(left) and is_number(right))


def refuse_unordered(*values: Any) -> None:
    """Raise ExpressionError for a truth value, which FEEL compares with nothing by size (DMN 1.3, table 53)."""
    if any(isinstance(value, bool) for value in values):
        raise ExpressionError("FEEL compares no truth values by size.")


def shifted(moment: time, length: timedelta) -> time:
    """Move a time of day on, past midnight if need be."""
    return (datetime.combine(date(2000, 1, 2), moment) + timedelta(seconds=length.total_seconds() % 86_400)).timetz()


def property_of(value: Any, name: str) -> Any:
    """Give what FEEL calls a property of a date, time or duration (DMN 1.3, table 53); raise KeyError if there is none."""
    for sort, properties in _PROPERTIES:
        if isinstance(value, sort) and name in properties:
            return properties[name](value)
    raise KeyError(name)


def _part(size: timedelta, whole: timedelta | None = None) -> Callable[[timedelta], int]:
    def part(length: timedelta) -> int:
        rest = abs(length) if whole is None else abs(length) % whole
        return rest // size * (-1 if length < timedelta() else 1)

    return part


_PROPERTIES: Sequence[tuple[type, Mapping[str, Callable[[Any], Any]]]] = (
    (datetime, {name: attrgetter(name) for name in ("hour", "minute", "second")}),
    (time, {name: attrgetter(name) for name in ("hour", "minute", "second")}),
    (
        date,
        {
            **{name: attrgetter(name) for name in ("year", "month", "day")},
            "weekday": lambda moment: moment.isoweekday(),
        },
    ),
    (
        timedelta,
        {
            "days": _part(timedelta(days=1)),
            "hours": _part(timedelta(hours=1), timedelta(days=1)),
            "minutes": _part(timedelta(minutes=1), timedelta(hours=1)),
            "seconds": _part(timedelta(seconds=1), timedelta(minutes=1)),
        },
    ),
    (Months, {"years": attrgetter("years"), "months": attrgetter("rest")}),
)


def _number(value: Any) -> Any:
    if not is_number(value):
        raise ExpressionError(f"A number is needed, not {kind_of(value)}.")
    return exact(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ExpressionError("A whole number is needed.")
    return int(number)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"A text is needed, not {kind_of(value)}.")
    return value


def _list(value: Any) -> list[Any]:
    """Give a list; anything else is a list of itself (DMN 1.3, 10.3.2.9.4)."""
    return value if isinstance(value, list) else [value]


def _items(values: Sequence[Any]) -> list[Any]:
    """Give the entries of the one list, or the arguments themselves."""
    return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


def _over(check: Callable[[Any], Any]) -> Callable[[Callable[[list[Any]], Any]], Callable[..., Any]]:
    """Make functions of a list or of several values, which are null where one of them is, or none is there."""

    def made(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
        def over(*values: Any) -> Any:
            items = _items(values)
            return (
                None if not items or any(item is None for item in items) else function([check(item) for item in items])
            )

        return over

    return made


def _amount(value: Any) -> Any:
    """Give a number or a duration, which alone can be added up."""
    return value if isinstance(value, timedelta | Months) else _number(value)


def _ordered(value: Any) -> Any:
    """Give a value that can be compared by size with others of its kind."""
    refuse_unordered(value)
    refuse_unlike(exact(value), exact(value))
    return exact(value)


_over_amounts, _over_numbers, _over_ordered = _over(_amount), _over(_number), _over(_ordered)


def _least(items: list[Any]) -> Any:
    return reduce(lambda one, other: other if less(other, one) else one, items)


def _greatest(items: list[Any]) -> Any:
    return reduce(lambda one, other: other if less(one, other) else one, items)


def _mean(items: list[Any]) -> Any:
    return divide(reduce(add, items), len(items))


def _median(items: list[Any]) -> Any:
    ordered = sorted(items)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else divide(add(ordered[middle - 1], ordered[middle]), 2)


def _deviation(items: list[Any]) -> Any:
    if len(items) == 1:
        raise ExpressionError("stddev() needs two numbers at least.")
    mean = _mean(items)
    squares = [multiply(subtract(item, mean), subtract(item, mean)) for item in items]
    return Decimal(divide(reduce(add, squares), len(items) - 1)).sqrt()


def _modes(*values: Any) -> list[Any]:
    counts: dict[Any, int] = {}
    for item in _items(values):
        counts[_number(item)] = counts.get(_number(item), 0) + 1
    most = max(counts.values(), default=0)
    return sorted(number for number, count in counts.items() if count == most)


def _decides(deciding: bool) -> Callable[..., bool | None]:  # which truth value decides
    def decided(*values: Any) -> bool | None:
        items = _items(values)
        if any(item is deciding for item in items):
            return deciding
        return (not deciding) if all(isinstance(item, bool) for item in items) else None

    return decided


def _to_places(rounding: str, fallback: str | None = None) -> Callable[..., Any]:
    """Make a function that rounds to decimal places, or as one of ours does where no places are given."""

    def rounded(number: Any, places: Any = None) -> Any:
        if places is None and fallback is not None:
            return FUNCTIONS[fallback](number)
        value, scale = Decimal(_number(number)), _whole(places)
        if not -LARGEST_EXPONENT <= scale <= MOST_PLACES:
            raise ExpressionError(f"Numbers are rounded to {MOST_PLACES} decimal places at most.")
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent >= -scale:
            return value
        return value.quantize(Decimal(1).scaleb(-scale), rounding)

    return rounded


def _root(number: Any) -> Decimal:
    if _number(number) < 0:
        raise ExpressionError("sqrt() needs a number that is not negative.")
    return Decimal(_number(number)).sqrt()


def _exponential(number: Any) -> Decimal:
    if abs(_number(number)) > LARGEST_EXPONENT:
        raise CostlyExpression(f"The exponent is larger than {LARGEST_EXPONENT:,}.")
    return finite(Decimal(_number(number)).exp())


def _logarithm(number: Any) -> Decimal:
    if _number(number) <= 0:
        raise ExpressionError("log() needs a number above zero.")
    return Decimal(_number(number)).ln()


def _modulo(dividend: Any, divisor: Any) -> Any:
    return remainder(_number(dividend), _number(divisor))


def _to_number(text: Any, grouping: Any = None, point: Any = None) -> Decimal | None:
    if text is None or is_number(text):
        return None if text is None else Decimal(exact(text))
    if grouping not in (None, " ", ",", ".") or point not in (None, ",", ".") or (point and point == grouping):
        raise ExpressionError("number() takes a text, a blank, comma or point between groups, and a comma or point.")
    plain = _text(text) if grouping is None else _text(text).replace(grouping, "")
    return parse_number(plain if point is None else plain.replace(point, "."))


def _string(value: Any) -> str:
    """Say a value as FEEL writes it; texts inside a list stand in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return _iso(value)
    if isinstance(value, datetime | time):
        written = value.isoformat()
        return f"{written[:-6]}Z" if written.endswith("+00:00") else written
    if isinstance(value, list):
        return bounded(f"[{', '.join(map(_inside, value))}]")  # type: ignore[no-any-return]  # a text
    if isinstance(value, dict):
        return bounded(f"{{{', '.join(f'{name}: {_inside(one)}' for name, one in value.items())}}}")  # type: ignore[no-any-return]
    return str(FUNCTIONS["str"](value))


def _inside(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else "null" if value is None else _string(value)


def _iso(length: timedelta) -> str:
    """Write a duration as ISO 8601 does: P1DT2H."""
    seconds, rest = divmod(abs(length), timedelta(seconds=1))
    minutes, hours = seconds // 60, seconds // 3600
    exactly = (Decimal(seconds % 60) + Decimal(rest // _MICROSECOND) / 1_000_000).normalize()
    parts = [(hours % 24, "H"), (minutes % 60, "M"), (exactly, "S")]
    clock = "".join(f"{number:f}{unit}" if unit == "S" else f"{number}{unit}" for number, unit in parts if number)
    days = f"{hours // 24}D" if hours >= 24 else ""  # noqa: PLR2004  # hours of a day
    sign = "-" if length < timedelta() else ""
    return f"{sign}P{days}{'T' if clock else ''}{clock}" if days or clock else "PT0S"


def _substring(text: Any, start: Any, length: Any = None) -> str | None:
    whole, first = _text(text), _whole(start)
    if first == 0 or abs(first) > len(whole) or (length is not None and _whole(length) < 1):
        return None
    begin = first - 1 if first > 0 else len(whole) + first
    return whole[begin:] if length is None else whole[begin : begin + _whole(length)]


def _before(text: Any, part: Any) -> str:
    found = _text(text).partition(_text(part)) if part else ("", "", "")
    return found[0] if found[1] else ""


def _after(text: Any, part: Any) -> str:
    return _text(text).partition(_text(part))[2] if part else _text(text)


def _pattern(pattern: Any, flags: Any) -> Any:
    if not set(_text(flags)) <= _FLAGS:
        raise ExpressionError("The flags of a pattern are i, m and s.")
    return compile_pattern(f"(?{''.join(sorted(set(flags)))})" + _text(pattern) if flags else _text(pattern))


def _matches(text: Any, pattern: Any, flags: Any = "") -> bool:
    return _pattern(pattern, flags).search(_text(text)) is not None


def _replace(text: Any, pattern: Any, replacement: Any, flags: Any = "") -> str:
    """Put a text in each place where the pattern is; $1 is what its first group found."""
    made, length, end = [], 0, 0
    template = _text(replacement)
    for match in _pattern(pattern, flags).finditer(_text(text)):
        said = _REFERENCE.sub(partial(_referred, match), template)
        made += [text[end : match.start()], said]
        length, end = length + len(made[-2]) + len(said), match.end()
        if length > LONGEST_TEXT or len(made) > LONGEST_LIST:
            raise CostlyExpression(
                f"replace() makes {LONGEST_LIST // 2:,} replacements at most, and {LONGEST_TEXT:,} characters."
            )
    return "".join([*made, text[end:]])


def _referred(match: Any, sign: re.Match[str]) -> str:
    if sign[1]:
        return sign[1]
    if sign[2] is None:
        raise ExpressionError("Write \\\\$ for a dollar sign in a replacement, and $1 for what the first group found.")
    number = int(sign[2])
    return (match.group(number) or "") if number <= match.re.groups else ""


def _split(text: Any, pattern: Any) -> list[str]:
    parts, end = [], 0
    for match in _pattern(pattern, "").finditer(_text(text)):
        if match.end() > match.start():
            parts.append(text[end : match.start()])
            end = match.end()
        if len(parts) >= LONGEST_LIST:
            raise CostlyExpression(f"split() makes at most {LONGEST_LIST:,} entries.")
    return [*parts, text[end:]]


def _join(texts: Any, delimiter: Any = "") -> str:
    return str(FUNCTIONS["join"]([text for text in _list(texts) if text is not None], _text(delimiter)))


def _place(items: list[Any], position: Any) -> int:
    """Give the index of an entry that FEEL counts from 1, or from -1 backwards."""
    number = _whole(position)
    if number == 0 or abs(number) > len(items):
        raise ExpressionError(f"There is no entry {number} among {len(items)}.")
    return number - 1 if number > 0 else len(items) + number


def _sublist(values: Any, start: Any, length: Any = None) -> list[Any]:
    items = _list(values)
    begin = _place(items, start)
    return items[begin:] if length is None else items[begin : begin + max(_whole(length), 0)]


def _insert(values: Any, position: Any, item: Any) -> list[Any]:
    begin = _place(_list(values), position)
    return [*_list(values)[:begin], item, *_list(values)[begin:]]


def _remove(values: Any, position: Any) -> list[Any]:
    place = _place(_list(values), position)
    return [*_list(values)[:place], *_list(values)[place + 1 :]]


def _exchange(values: Any, position: Any, item: Any) -> list[Any]:
    place = _place(_list(values), position)
    return [*_list(values)[:place], item, *_list(values)[place + 1 :]]


def _partition(values: Any, size: Any) -> list[list[Any]]:
    """Cut a list into lists of that many entries; the last one may be shorter."""
    items, width = _list(values), _whole(size)
    if width < 1:
        raise ExpressionError("partition() needs a size of 1 at least.")
    return [items[start : start + width] for start in range(0, len(items), width)]


def _duplicates(values: Any) -> list[Any]:
    counts: dict[Any, int] = {}
    for item in _list(values):
        counts[_key(item)] = counts.get(_key(item), 0) + 1
    return [item for item in _distinct(values) if counts[_key(item)] > 1]


def _distinct(values: Any) -> list[Any]:
    first: dict[Any, Any] = {}
    for item in _list(values):
        first.setdefault(_key(item), item)
    return list(first.values())


def _key(value: Any) -> Any:
    """Give what is the same for equal values, so that many can be compared in one go."""
    if isinstance(value, list):
        return (list, tuple(map(_key, value)))
    if isinstance(value, dict):
        return (dict, frozenset((name, _key(one)) for name, one in value.items()))
    return (Decimal if is_number(value) else type(value), exact(value))


def _flat(values: Any) -> list[Any]:
    flat, waiting = [], list(reversed(_list(values)))
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        else:
            flat.append(item)
    return flat


def _joined(*lists: Any) -> list[Any]:
    return [item for values in lists for item in _list(values)]


def _is_in(value: Any, whole: Any) -> bool:
    return (isinstance(whole, list) and any(equal(value, item) for item in whole)) or equal(value, whole)


def _range(first: Any, last: Any) -> list[int]:
    begin, end = _whole(first), _whole(last)
    if abs(end - begin) >= LONGEST_LIST:
        raise CostlyExpression(f"A list has at most {LONGEST_LIST:,} entries.")
    return list(range(begin, end + 1) if begin <= end else range(begin, end - 1, -1))


def _group(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"A group of entries is needed, not {kind_of(value)}.")
    return value


def _entries(group: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in _group(group).items()]


def _from_entries(entries: Any) -> dict[str, Any]:
    """Make a group of entries that each have a key and a value (DMN 1.4, 10.3.4.9)."""
    made: dict[str, Any] = {}
    for entry in map(_group, _list(entries)):
        if not {"key", "value"} <= entry.keys() or _text(entry["key"]) in made:
            raise ExpressionError("context() takes entries with a key of their own and a value.")
        made[entry["key"]] = entry["value"]
    return made


def _put(group: Any, keys: Any, value: Any) -> dict[str, Any]:
    """Give a group with one entry set; a list of keys leads into groups within it (DMN 1.4, 10.3.4.9)."""
    path = [_text(key) for key in _list(keys)]
    if not 0 < len(path) <= _DEEPEST_PATH:
        raise ExpressionError(f"context put() takes 1 to {_DEEPEST_PATH} keys.")
    made = dict(_group(group))
    inner = made
    for key in path[:-1]:
        inner[key] = dict(_group(inner.get(key, {})))
        inner = inner[key]
    inner[path[-1]] = value
    return made


def _merged(groups: Any) -> dict[str, Any]:
    return {key: value for group in _list(groups) for key, value in _group(group).items()}


def _extracted(text: Any, pattern: Any) -> list[str]:
    found: list[str] = []
    for match in _pattern(pattern, "").finditer(_text(text)):
        found.append(match.group())
        if len(found) >= LONGEST_LIST:
            raise CostlyExpression(f"extract() finds at most {LONGEST_LIST:,} places.")
    return found


def _months_between(start: Any, stop: Any) -> Months:
    if not isinstance(start, date) or not isinstance(stop, date):
        raise ExpressionError("years and months duration() takes two dates.")
    return Months.between(start, stop)


def _last_of_month(moment: date) -> int:
    return monthrange(moment.year, moment.month)[1]


def _of_date(function: Callable[[date], Any]) -> Callable[[Any], Any]:
    def of_date(moment: Any) -> Any:
        if not isinstance(moment, date):
            raise ExpressionError(f"A date is needed, not {kind_of(moment)}.")
        return function(moment)

    return of_date


FEEL_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "feel_all": _decides(False),
        "feel_any": _decides(True),
        "feel_append": lambda values, *items: [*_list(values), *items],
        "feel_ceiling": _to_places(ROUND_CEILING, "ceil"),
        "feel_concatenate": _joined,
        "feel_context": _from_entries,
        "feel_context_merge": _merged,
        "feel_context_put": _put,
        "feel_day_of_week": _of_date(lambda moment: _DAYS[moment.weekday()]),
        "feel_day_of_year": _of_date(lambda moment: moment.timetuple().tm_yday),
        "feel_decimal": _to_places(ROUND_HALF_EVEN, "decimal"),
        "feel_distinct_values": _distinct,
        "feel_duplicate_values": _duplicates,
        "feel_even": lambda number: _number(number) % 2 == 0,
        "feel_exp": _exponential,
        "feel_extract": _extracted,
        "feel_flatten": _flat,
        "feel_floor": _to_places(ROUND_FLOOR, "floor"),
        "feel_from_ai": lambda value, *_told: value,
        "feel_get_entries": _entries,
        "feel_in": _is_in,
        "feel_index_of": lambda values, item: [n for n, one in enumerate(_list(values), 1) if equal(one, item)],
        "feel_insert_before": _insert,
        "feel_is_blank": lambda text: not _text(text).strip(),
        "feel_is_empty": lambda values: not _list(values),
        "feel_last_day_of_month": _of_date(_last_of_month),
        "feel_list_contains": lambda values, item: any(equal(one, item) for one in _list(values)),
        "feel_list_replace": _exchange,
        "feel_log": _logarithm,
        "feel_matches": _matches,
        "feel_max": _over_ordered(_greatest),
        "feel_mean": _over_amounts(_mean),
        "feel_median": _over_numbers(_median),
        "feel_min": _over_ordered(_least),
        "feel_mode": _modes,
        "feel_modulo": _modulo,
        "feel_month_of_year": _of_date(lambda moment: _MONTHS[moment.month - 1]),
        "feel_number": _to_number,
        "feel_odd": lambda number: _number(number) % 2 == 1,
        "feel_partition": _partition,
        "feel_product": _over_numbers(lambda items: reduce(multiply, items)),
        "feel_range": _range,
        "feel_remove": _remove,
        "feel_replace": _replace,
        "feel_reverse": lambda values: _list(values)[::-1],
        "feel_round_down": _to_places(ROUND_DOWN),
        "feel_round_half_down": _to_places(ROUND_HALF_DOWN),
        "feel_round_half_up": _to_places(ROUND_HALF_UP),
        "feel_round_up": _to_places(ROUND_UP),
        "feel_split": _split,
        "feel_sqrt": _root,
        "feel_stddev": _over_numbers(_deviation),
        "feel_string": _string,
        "feel_string_join": _join,
        "feel_sublist": _sublist,
        "feel_substring": _substring,
        "feel_substring_after": _after,
        "feel_substring_before": _before,
        "feel_sum": _over_amounts(lambda items: reduce(add, items)),
        "feel_union": lambda *lists: _distinct(_joined(*lists)),
        "feel_week_of_year": _of_date(lambda moment: moment.isocalendar().week),
        "feel_years_and_months_duration": _months_between,
    }
)
"""What FEEL may call beside our own functions, by the names under which it is said in our language."""

SCANNING = frozenset({"feel_extract", "feel_matches", "feel_replace", "feel_split"})
"""Functions that go through a text letter by letter, which costs half a step each."""
NULL_AWARE = frozenset(
    {
        "get",
        *(
            f"feel_{name}"
            for name in (
                "all",
                "any",
                "append",
                "context_put",
                "from_ai",
                "in",
                "index_of",
                "insert_before",
                "list_contains",
                "list_replace",
                "number",
            )
        ),
    }
)
"""Functions for which null is a value like any other; all others are null where an argument is."""
