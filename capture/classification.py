"""Which kind of document it is, told by the words in its head and by how it looks; pure.

Each kind has telling words with a weight; words in the upper third of the first page count double, and a line that holds
little else (a title) counts double again. The confidence is the winner's share, so a page that could be two things is
never sure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from capture.findings import DocumentKind, Page, Word, lines_of

_TELLING: dict[DocumentKind, tuple[tuple[str, float], ...]] = {
    DocumentKind.PURCHASE_ORDER: (
        (r"purchase order|print order|order confirmation requested", 3),
        (r"bestellung|druckauftrag|auftragserteilung", 3),
        (r"\border\b|\bauftrag\b", 1.5),
        (r"order (?:no|number|nr)|bestell-?(?:nr|nummer)|auftrags-?(?:nr|nummer)|p\.?o\.? (?:no|number)", 1.5),
        (r"we (?:hereby )?order|please (?:supply|print|deliver)|(?:hiermit )?bestellen wir|bitte liefern", 2),
        (r"run length|print run|auflage|paper|papier|finishing|weiterverarbeitung", 0.5),
    ),
    DocumentKind.ORDER_FORM: ((r"order form|bestellformular|bestellschein|auftragsformular", 5),),
    DocumentKind.INVOICE: (
        (r"invoice|rechnung|faktura", 4),
        (r"invoice (?:no|number|date)|rechnungs-?(?:nr|nummer|datum)", 2),
        (r"payment due|zahlbar|bank details|iban|net amount|nettobetrag", 1),
    ),
    DocumentKind.DELIVERY_NOTE: ((r"delivery note|packing (?:slip|list)|lieferschein|packzettel", 5),),
    DocumentKind.LETTER: (
        (r"^dear\b|sehr geehrte", 2),
        (r"yours (?:sincerely|faithfully)|kind regards|mit freundlichen gr", 2),
    ),
    DocumentKind.RECEIPT: (
        (r"receipt|cash bill|kassenbon|quittung|tax invoice|simplified tax", 2),
        (r"\bcashier\b|\bchange\b|\bcash\b|\brounding|\bgst\b|r[üu]ckgeld|\bbar\b|thank you", 1.5),
        (r"\bqty\b|total sales|grand total|\brm\b", 0.7),
    ),
}
_PATTERNS = {
    kind: tuple((re.compile(pattern, re.IGNORECASE | re.MULTILINE), weight) for pattern, weight in telling)
    for kind, telling in _TELLING.items()
}
_TITLE_WORDS = 4
_HEAD = 1 / 3
_NARROW = 1.7
_ENOUGH = 2.0
_MOST_REPEATS = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of words with what its place makes it worth."""

    text: str
    weight: float


def classify(pages: Sequence[Page]) -> tuple[DocumentKind, float]:
    """Return the kind of the document that `pages` make and how sure that is, 0 to 1; OTHER when nothing tells."""
    if not pages:
        return DocumentKind.OTHER, 0.0
    first = pages[0]
    lines = _weighed(first)
    scores = {kind: _score(kind, lines) for kind in _PATTERNS}
    if _is_slip(first):
        scores[DocumentKind.RECEIPT] *= 2
        scores[DocumentKind.INVOICE] /= 2
    else:
        scores[DocumentKind.RECEIPT] /= 2
    kind = max(scores, key=lambda one: scores[one])
    total = sum(scores.values())
    if scores[kind] < _ENOUGH:
        return DocumentKind.OTHER, 0.5
    return kind, round(scores[kind] / total, 3)


def _weighed(page: Page) -> list[_Line]:
    return [_Line(" ".join(word.text for word in line), _place_weight(page, line)) for line in lines_of(page.words)]


def _place_weight(page: Page, line: list[Word]) -> float:
    in_head = line[0].box[1] < page.height * _HEAD
    is_title = in_head and len(line) <= _TITLE_WORDS
    return (2.0 if in_head else 1.0) * (2.0 if is_title else 1.0)


def _score(kind: DocumentKind, lines: list[_Line]) -> float:
    total = 0.0
    for pattern, weight in _PATTERNS[kind]:
        hits = sorted((line.weight for line in lines if pattern.search(line.text)), reverse=True)
        total += weight * sum(hits[:_MOST_REPEATS])
    return total


def _is_slip(page: Page) -> bool:
    """Tell whether the printed part of the page is long and narrow, as a till prints it."""
    if not page.words:
        return False
    left = min(word.box[0] for word in page.words)
    right = max(word.box[2] for word in page.words)
    top = min(word.box[1] for word in page.words)
    bottom = max(word.box[3] for word in page.words)
    return (bottom - top) / max(right - left, 1) > _NARROW or page.height / page.width > _NARROW
