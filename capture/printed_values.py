"""Values as they stand on paper: dates, amounts and numbers in English and German, found in a text and put into data.

Each finder returns what is printed and what it means (ISO date, plain number), or None. German and English numbers are told
apart by their separators: the last one with other than three digits behind it is the decimal one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "januar", "january", "jän", "jänner"),
            ("feb", "februar", "february"),
            ("mar", "march", "mär", "märz", "mrz", "maerz"),
            ("apr", "april"),
            ("may", "mai"),
            ("jun", "june", "juni"),
            ("jul", "july", "juli"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october", "okt", "oktober"),
            ("nov", "november"),
            ("dec", "december", "dez", "dezember"),
        ),
        start=1,
    )
    for name in names
}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_DATES = (
    re.compile(r"(?<!\d)(?P<y>20\d\d)\s?[-/.]\s?(?P<m>\d{1,2})\s?[-/.]\s?(?P<d>\d\d?)"),
    re.compile(
        r"(?<![\d./-])(?P<d>\d{1,2})\s?(?P<mark>[-/.])\s?(?P<m>\d{1,2})\s?(?P=mark)\s?(?P<y>(?:19|20)\d\d|\d\d(?![\d.-]))"
    ),
    re.compile(
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?[\s,-]*{_MONTH}[\s,'-]*(?P<y>20\d\d|\d\d(?!\d))", re.IGNORECASE
    ),
    re.compile(rf"\b{_MONTH}\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s*(?P<y>20\d\d)", re.IGNORECASE),
)
_CENTURY = 100
_NUMBER = re.compile(
    r"(?<![\d.,])-?\d{1,3}(?:[.,'\s\u00a0\u202f]\d{3})+(?![\d])(?:[.,]\d{1,2})?(?!\d)|(?<![\d.,])-?\d+(?:[.,]\d+)?(?!\d)"
)
_AMOUNT = re.compile(
    r"(?P<currency>\$|€|£|EUR|USD|GBP|RM|CHF)?\s?(?P<number>-?\d{1,3}(?:[.,'\s]\d{3})*[.,]\s?\d\d|-?\d+[.,]\s?\d\d)(?![\d%])"
    r"\s?(?P<after>€|EUR|USD|GBP|CHF)?"
)
_EARLIEST, _LATEST = 1990, 2100
_GROUP = 3


@dataclass(frozen=True, slots=True)
class Printed:
    """A value in a text: as printed, as data, and where it begins and ends in the text."""

    printed: str
    normalised: str
    start: int
    end: int


Finder = Callable[[str], Printed | None]


def find_date(text: str) -> Printed | None:
    """Return the first date in `text`; day before month, as everywhere but in the United States."""
    found = [printed for pattern in _DATES for match in pattern.finditer(text) if (printed := _as_date(match))]
    return min(found, key=lambda printed: printed.start, default=None)


def find_number(text: str) -> Printed | None:
    """Return the first whole number in `text`, thousands separated or not."""
    for match in _NUMBER.finditer(text):
        number = plain_number(match[0])
        if number is not None and number == number.to_integral_value():
            return Printed(match[0].strip(), str(int(number)), match.start(), match.end())
    return None


def find_amount(text: str) -> Printed | None:
    """Return the last amount with two decimals in `text`, as a plain number; a sign of currency may stand around it."""
    found = None
    for match in _AMOUNT.finditer(text):
        number = plain_number(re.sub(r"([.,])\s", r"\1", match["number"]))
        if number is not None:
            found = Printed(match["number"], f"{number:.2f}", match.start("number"), match.end("number"))
    return found


def find_text(text: str) -> Printed | None:
    """Return `text` itself, single-spaced and without the punctuation that leads or trails."""
    cleaned = " ".join(text.split()).strip(" :;|_=-–—")
    return Printed(cleaned, cleaned, 0, len(text)) if re.search(r"\w", cleaned) else None


def find_identifier(text: str) -> Printed | None:
    """Return the first run of letters, digits and joining marks in `text` that holds a digit."""
    for match in re.finditer(r"[A-Za-zÄÖÜäöü0-9][A-Za-zÄÖÜäöü0-9./_-]*", text):
        if any(map(str.isdigit, match[0])):
            printed = match[0].rstrip("./-_")
            return Printed(printed, printed, match.start(), match.start() + len(printed))
    return None


def find_email(text: str) -> Printed | None:
    """Return the first mail address in `text`, in lower case."""
    match = re.search(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", text)
    return Printed(match[0], match[0].lower(), match.start(), match.end()) if match else None


def plain_number(text: str) -> Decimal | None:
    """Return a number in English or German spelling, or None when it is neither."""
    bare = re.sub(r"[\s'\u00a0\u202f]", "", text)
    if not re.fullmatch(r"-?\d[\d.,]*", bare):
        return None
    last = max(bare.rfind("."), bare.rfind(","))
    if last < 0:
        return Decimal(bare)
    whole, fraction = bare[:last], bare[last + 1 :]
    separators = set(re.findall(r"[.,]", bare))
    is_grouping = len(fraction) == _GROUP and len(separators) == 1 and not whole.lstrip("-").startswith("0")
    digits = re.sub(r"[.,]", "", whole)
    if not fraction or not digits.lstrip("-"):
        return None
    return Decimal(digits + fraction) if is_grouping else Decimal(f"{digits}.{fraction}")


FINDERS: dict[str, Finder] = {
    "date": find_date,
    "number": find_number,
    "amount": find_amount,
    "text": find_text,
    "identifier": find_identifier,
    "email": find_email,
}


def _as_date(match: re.Match[str]) -> Printed | None:
    parts = match.groupdict()
    month = _MONTHS[parts["month"].lower().rstrip(".")] if parts.get("month") else int(parts["m"])
    day, year = int(parts["d"]), int(parts["y"])
    year += 2000 if year < _CENTURY else 0
    if month > 12 and day <= 12 and parts.get("mark") == "/":  # noqa: PLR2004 (written in the United States)
        day, month = month, day
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    if not _EARLIEST <= found.year <= _LATEST:
        return None
    return Printed(match[0].strip(), found.isoformat(), match.start(), match.end())
