"""Numbers as people write them in forms: `5000`, `5,000`, `5.000`, `5 000`, `1,234.50`, `1.234,50`; never misread; pure.

Point and comma are both in use for decimals and between thousands. Where a number can mean one thing only, it is read; where it
can mean two (`1.250` in a field that takes decimals), it is refused, with both ways to write what was meant.
"""

import re
from decimal import Decimal

_MOST_DIGITS = 30
_SHAPE = re.compile(r"([+-]?)([\d.,' \u00a0\u2009\u202f\u2019]{1,60})", re.ASCII)
_ONLY_GROUPS = re.compile(r"[' \u00a0\u2009\u202f\u2019]")
_GROUPED = re.compile(r"\d{1,3}(?:[^\d]\d{3})+", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


class NotANumber(ValueError):
    """What was written is no number."""


class TwoMeanings(ValueError):
    """What was written can be read in two ways, which are given as they are written without doubt."""

    def __init__(self, large: str, small: str) -> None:
        super().__init__(f"{large} or {small}")
        self.large = large
        self.small = small


def read_written(text: str, *, is_whole: bool) -> Decimal:
    """Read a number; `is_whole` tells that no decimals are wanted, so that `5.000` is five thousand.

    Raises `NotANumber`, and `TwoMeanings` where one separator with three digits behind it may stand for thousands or decimals.
    """
    shaped = _SHAPE.fullmatch(text.strip().replace("\N{MINUS SIGN}", "-"))
    if shaped is None or not _DIGITS.search(text):
        raise NotANumber(text)
    sign, body = shaped.groups()
    whole, decimals = _parted(body, is_whole=is_whole, sign=sign)
    if len(whole) + len(decimals) > _MOST_DIGITS:
        raise NotANumber(text)
    return Decimal(f"{sign}{whole or '0'}.{decimals}" if decimals else f"{sign}{whole or '0'}")


def without_doubt(value: Decimal) -> str:
    """Write a number so that it is read again as what it is: three decimals get a fourth."""
    return f"{value:f}0" if value.as_tuple().exponent == -3 else f"{value:f}"  # noqa: PLR2004 - as many as in a group


def _parted(body: str, *, is_whole: bool, sign: str) -> tuple[str, str]:
    """Part the digits before the decimal separator from those behind it."""
    marks = [letter for letter in body if letter in ".,"]
    if len(set(marks)) > 1 or (len(marks) == 1 and _ONLY_GROUPS.search(body)):
        head, _, tail = body.rpartition(marks[-1])
        return _whole(head), _fraction(tail)
    if len(marks) != 1:
        return _whole(body), ""
    head, _, tail = body.partition(marks[0])
    if not (_GROUPED.fullmatch(body) and head.lstrip("0")):
        return _whole(head), _fraction(tail)
    if is_whole:
        return head + tail, ""
    raise TwoMeanings(f"{sign}{head}{tail}", f"{sign}{head}.{tail.rstrip('0') or '0'}")


def _whole(text: str) -> str:
    """Give the digits of a whole number, whose groups of three may be set apart by one kind of separator."""
    if not text or _DIGITS.fullmatch(text):
        return text
    separators = {letter for letter in text if not letter.isdigit()}
    if len(separators) > 1 or not _GROUPED.fullmatch(text):
        raise NotANumber(text)
    return text.replace(separators.pop(), "")


def _fraction(text: str) -> str:
    if text and not _DIGITS.fullmatch(text):
        raise NotANumber(text)
    return text
