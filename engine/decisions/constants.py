"""Cells that hold constants alone, which most do: read at once, without an expression being made of each of them.

What is recognised here is a part of what `cells` understands, and means the same there; the rest is left to it, faults among it.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from engine.decisions.cell_tests import Comparison, Range, Test, Value, among
from engine.expressions import plain
from engine.expressions.foreign_words import LONGEST_FOREIGN
from engine.expressions.language import Expression, constant

WORDS: Final = frozenset({"true", "false", "null", "date", "not"})
"""What a constant may be made of; where it is also the name of something else, constants are not recognised."""
MOST_TESTS: Final = 500
_SIZE_OF_TEST: Final = 4
_VALUE: Final = (
    r'"[^"\\\n]{0,400}"|-?\s*+(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?|true|false|null'
    r'|(?:date\s*+\(\s*+"[0-9]{4}-[0-9]{2}-[0-9]{2}"\s*+\)|@\s*+"[0-9]{4}-[0-9]{2}-[0-9]{2}")'
)
_ALONE: Final = re.compile(_VALUE)
_ITEM: Final = re.compile(
    rf"\s*+(?:(?:(<=|>=|<|>|==|!=|=)\s*+)?({_VALUE})"
    rf"|([\[(\]])\s*+({_VALUE})\s*+\.\.\s*+({_VALUE})\s*+([\])\[]))\s*+(,|\Z)"
)
"""Blanks are never given back (`*+`), so that many of them take no longer to be looked through than to be read."""
_NEGATION: Final = re.compile(r"not\s*+\((.*)\)", re.DOTALL)
_NAMED: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


class _Unknown(Exception):
    """This is no constant that is recognised here."""


class Constants(NamedTuple):
    """The tests of a cell, how large they are, and whether none of them may match."""

    tests: tuple[Test, ...]
    size: int
    """Its values, a comparison or range counted as several, as it takes so much room."""
    is_negated: bool


def constant_cell(text: str) -> Constants | None:
    """Read an input cell of constants; None where it holds something else, or is faulty."""
    text = text.strip()
    negation = _NEGATION.fullmatch(text)
    try:
        found = list(_tests(text if negation is None else negation[1], is_within=negation is not None))
    except _Unknown:
        return None
    size = sum(1 if isinstance(one, _Equal) else _SIZE_OF_TEST for one in found)
    return Constants(tuple(_joined(found)), size, negation is not None)


def constant_value(text: str) -> Expression | None:
    """Read a constant that stands alone, else give None."""
    try:
        return constant(text, _read(text.strip())) if _ALONE.fullmatch(text.strip()) else None
    except _Unknown:
        return None


def constant_list(text: str) -> tuple[Any, ...] | None:
    """Read constants between commas, else give None."""
    try:
        found = list(_tests(text.strip(), is_within=False))
    except _Unknown:
        return None
    plainly = tuple(one.value for one in found if isinstance(one, _Equal))
    return plainly if len(plainly) == len(found) else None


class _Equal(NamedTuple):
    """A value that stands alone."""

    value: Any


def _tests(text: str, *, is_within: bool) -> Iterator[Test | _Equal]:
    """Go through what stands between the commas; within `not()` round brackets might end it, so they are left alone."""
    at, count, size, more = 0, 0, len(text), ","
    if size > LONGEST_FOREIGN:
        raise _Unknown
    while at < size:
        found = _ITEM.match(text, at)
        if found is None or count == MOST_TESTS:
            raise _Unknown
        count += 1
        sign, value, opens, low, high, closes, more = found.groups()
        if opens:
            if is_within and (opens == "(" or closes == ")"):
                raise _Unknown
            yield _range(opens, low, high, closes)
        elif sign in (None, "=", "=="):
            yield _Equal(_read(value))
        else:
            yield Comparison(sign, _ready(value, _read(value)))
        at = found.end()
    if more:
        raise _Unknown


def _joined(found: list[Test | _Equal]) -> Iterator[Test]:
    """Look for values that stand one after the other at once."""
    values: list[Any] = []
    for one in found:
        if isinstance(one, _Equal):
            values.append(one.value)
            continue
        if values:
            yield among(values)
            values = []
        yield one
    if values:
        yield among(values)


def _range(opens: str, below: str, above: str, closes: str) -> Range:
    low, high = _read(below), _read(above)
    numbers, days = plain.is_number(low) and plain.is_number(high), type(low) is date and type(high) is date
    if not (numbers or days) or high < low:
        raise _Unknown
    return Range(_ready(below, low), _ready(above, high), opens == "[", closes == "]")


def _ready(written: str, value: Any) -> Value:
    return Value(constant(written, value))


def _read(written: str) -> Any:
    match written[0]:
        case '"':
            return written[1:-1]
        case "-":
            return plain.negative(_number(written[1:].lstrip()))
        case "d" | "@":
            return _day(written.split('"')[1])
    return _NAMED[written] if written in _NAMED else _number(written)


def _number(written: str) -> int | Decimal:
    return Decimal(written) if "." in written else int(written)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise _Unknown from error
