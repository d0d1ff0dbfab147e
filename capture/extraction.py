"""Index fields from pages, by the ways a profile names; each with value, confidence, origin, place and reason; pure.

Every way brings candidates. A candidate that fails a validator falls; candidates of the same value from independent ways
strengthen each other; the surest wins. No field depends on another: what is not found is just not there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

import re2

from capture.findings import Box, FoundField, Origin, Page, Source, around
from capture.labels import LabelledPage
from capture.look_alikes import as_usual
from capture.lookup import Customer, Match, find_customer
from capture.printed_values import FINDERS
from capture.profile import FieldRule, Profile
from capture.receipts import RECEIPT_RULES, Line, lines_on
from capture.sheet_codes import read_sheet_code

_COVER = 0.99
_BARCODE = 0.95
_MAIL = 0.7
_PUT_RIGHT = 0.9
_UNUSUAL = 0.5
_LATER_WAY = 0.01
_LOOKUP_VALUES: dict[str, Callable[[Customer], str]] = {
    "customer": lambda customer: customer.name,
    "customer_number": lambda customer: customer.number,
    "email": lambda customer: customer.email,
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the pages: mail headers, the order number of a cover sheet, the customers."""

    headers: Mapping[str, str] = field(default_factory=dict)
    order_number: str | None = None
    customers: Sequence[Customer] = ()


def extract(
    pages: Sequence[Page], profile: Profile, surroundings: Surroundings | None = None
) -> tuple[FoundField, ...]:
    """Return the fields of `profile` that `pages` and `surroundings` carry, in the profile's order."""
    reader = _Extraction(pages, profile, surroundings or Surroundings())
    found = (reader.best(rule) for rule in profile.fields)
    return tuple(_in_capitals(one) if profile.capitals else one for one in found if one is not None)


class _Extraction:
    """The extraction of one document."""

    def __init__(self, pages: Sequence[Page], profile: Profile, surroundings: Surroundings) -> None:
        self._pages = pages
        self._known = surroundings
        self._labelled = [LabelledPage(page, profile.fields) for page in pages]
        self._lines = lines_on(pages)
        self._customer = find_customer(pages, surroundings.headers.get("From"), surroundings.customers)
        self._origin = {page.number: _origin_of(page) for page in pages}

    def best(self, rule: FieldRule) -> FoundField | None:
        """Return the surest valid candidate for `rule`, strengthened by others of the same value."""
        candidates = [one for one in self._candidates(rule) if is_valid(rule, one.normalised)]
        if not candidates:
            return None
        best = max(candidates, key=lambda one: one.confidence)
        agreeing = {one.origin: one for one in candidates if _same(one, best) and one.origin is not best.origin}
        for one in agreeing.values():
            best = replace(
                best,
                confidence=1 - (1 - best.confidence) * (1 - one.confidence / 2),
                reason=f"{best.reason}; also {one.reason}",
            )
        return replace(best, confidence=round(min(best.confidence, 0.99), 3))

    def _candidates(self, rule: FieldRule) -> Iterator[FoundField]:
        ways: dict[str, Callable[[FieldRule], Iterator[FoundField]]] = {
            "cover": self._by_cover,
            "barcode": self._by_barcode,
            "label": self._by_label,
            "mail": self._by_mail,
            "lookup": self._by_lookup,
        }
        for place, way in enumerate(rule.find):
            found = ways[way](rule) if way in ways else self._by_receipt_rule(rule, way)
            for one in found:
                yield replace(one, confidence=one.confidence - _LATER_WAY * place)

    def _by_cover(self, rule: FieldRule) -> Iterator[FoundField]:
        number = self._known.order_number
        if number:
            yield FoundField(rule.name, number, number, _COVER, Origin.BARCODE, None, None, "on the cover sheet")

    def _by_barcode(self, rule: FieldRule) -> Iterator[FoundField]:
        if rule.barcode is None:
            return
        for page in self._pages:
            for code in page.barcodes:
                match = re2.fullmatch(rule.barcode, code.text)
                if match is not None and read_sheet_code(code.text) is None:
                    value = str(match.group(1) if match.re.groups else match.group(0))
                    reason = f"in a {code.symbology} barcode"
                    yield FoundField(rule.name, value, value, _BARCODE, Origin.BARCODE, page.number, code.box, reason)

    def _by_label(self, rule: FieldRule) -> Iterator[FoundField]:
        for labelled in self._labelled:
            for found in labelled.find(rule):
                value = found.printed
                read = FoundField(
                    rule.name,
                    value.printed,
                    value.normalised,
                    found.confidence,
                    self._origin[found.page],
                    found.page,
                    found.box,
                    found.reason,
                )
                yield _as_usual(rule, read) if read.origin is Origin.OCR else read

    def _by_mail(self, rule: FieldRule) -> Iterator[FoundField]:
        header = self._known.headers.get(rule.mail or "")
        printed = FINDERS[rule.type](header) if header else None
        if printed is not None:
            reason = f"in the mail's {rule.mail}"
            yield FoundField(rule.name, printed.printed, printed.normalised, _MAIL, Origin.MAIL, None, None, reason)

    def _by_lookup(self, rule: FieldRule) -> Iterator[FoundField]:
        value = (
            _LOOKUP_VALUES[rule.name](self._customer.customer) if self._customer and rule.name in _LOOKUP_VALUES else ""
        )
        if value and self._customer is not None:
            sure, reason = self._customer.confidence, self._customer.reason
            yield FoundField(rule.name, value, value, sure, Origin.LOOKUP, None, None, reason)

    def _by_receipt_rule(self, rule: FieldRule, way: str) -> Iterator[FoundField]:
        clue = RECEIPT_RULES[way](self._lines)
        if clue is not None:
            page = clue.lines[0].page
            read = sum(line.confidence for line in clue.lines) / len(clue.lines)
            yield FoundField(
                rule.name,
                clue.printed.printed,
                clue.printed.normalised,
                clue.sureness * read,
                self._origin[page],
                page,
                _box_of(clue.lines),
                clue.reason,
            )


def is_valid(rule: FieldRule, normalised: str) -> bool:
    """Tell whether a value passes the rule's pattern and bounds."""
    if rule.pattern is not None and re2.fullmatch(rule.pattern, normalised) is None:
        return False
    if rule.smallest is None and rule.largest is None:
        return True
    try:
        number = Decimal(normalised)
    except InvalidOperation:
        return False
    above = rule.smallest is None or number >= Decimal(str(rule.smallest))
    return above and (rule.largest is None or number <= Decimal(str(rule.largest)))


def _as_usual(rule: FieldRule, read: FoundField) -> FoundField:
    """Put a reading right by what the value usually looks like, or let it be doubtful."""
    meant = read.normalised if rule.usual is None else as_usual(read.normalised, rule.usual)
    if meant == read.normalised:
        return read
    if meant is None:
        return replace(read, confidence=min(read.confidence, _UNUSUAL), reason=f"{read.reason}; unusual for this field")
    reason = f"{read.reason}; read as “{read.normalised}”"
    return replace(read, value=meant, normalised=meant, confidence=read.confidence * _PUT_RIGHT, reason=reason)


def _same(one: FoundField, other: FoundField) -> bool:
    return one.normalised.casefold().replace(" ", "") == other.normalised.casefold().replace(" ", "")


def _origin_of(page: Page) -> Origin:
    return Origin.TEXT if page.source is Source.TEXT_LAYER else Origin.OCR


def _box_of(lines: Sequence[Line]) -> Box:
    return around([line.box for line in lines])


def _in_capitals(found: FoundField) -> FoundField:
    return replace(found, value=found.value.upper())


__all__ = ["Customer", "Match", "Surroundings", "extract", "is_valid"]
