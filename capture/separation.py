"""Where one document ends and the next begins, told by separator and cover sheets and by page counts; pure.

A sheet carries its code twice, as QR code and as Code 128. Either is enough, since each has a check character; when both are
read and differ, the page is no sheet. Nothing else about a page can make it a separator.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from capture.classification import classify
from capture.findings import DocumentKind, FoundDocument, Page
from capture.sheet_codes import Separates, SheetCode, SheetRole, read_sheet_code

_FIRST_PAGE = re.compile(r"\b(?:page|seite|blatt)\s*:?\s*1\s*(?:of|von|/)\s*(\d{1,3})\b", re.IGNORECASE)
_SURE_KIND = 0.8


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Pages that lie between two sheets."""

    pages: tuple[Page, ...]
    order_number: str | None
    starts_parcel: bool


def separate(pages: Sequence[Page]) -> tuple[FoundDocument, ...]:
    """Return the documents that `pages` make, sheets included, in the order of their pages."""
    documents: list[FoundDocument] = []
    stretch = _Stretch((), None, False)
    after_sheet = False
    for page in pages:
        code = sheet_code_of(page)
        if code is not None:
            documents.extend(_documents_of(stretch))
            documents.append(_sheet(page, code))
            stretch = _Stretch((), _order_number(code, stretch), _starts_parcel(code) or _is_waiting(stretch))
        elif after_sheet and page.is_blank:
            documents[-1] = replace(documents[-1], pages=(*documents[-1].pages, page.number))
        else:
            stretch = replace(stretch, pages=(*stretch.pages, page))
        after_sheet = code is not None
    documents.extend(_documents_of(stretch))
    return tuple(documents)


def parcels_of(documents: Iterable[FoundDocument]) -> tuple[tuple[FoundDocument, ...], ...]:
    """Return `documents` without separator sheets, divided into the parcels that the sheets mark; none is empty."""
    parcels: list[list[FoundDocument]] = [[]]
    for document in documents:
        is_cover = document.kind is DocumentKind.COVER
        if document.starts_parcel and any(is_cover or known.kind is not DocumentKind.COVER for known in parcels[-1]):
            parcels.append([])
        if document.kind is not DocumentKind.SEPARATOR:
            parcels[-1].append(document)
    return tuple(tuple(parcel) for parcel in parcels if parcel)


def sheet_code_of(page: Page) -> SheetCode | None:
    """Return the code of the separator or cover sheet that `page` is, or None."""
    codes = {code for code in (read_sheet_code(barcode.text) for barcode in page.barcodes) if code is not None}
    return codes.pop() if len(codes) == 1 else None


def _sheet(page: Page, code: SheetCode) -> FoundDocument:
    kind = DocumentKind.COVER if code.role is SheetRole.COVER else DocumentKind.SEPARATOR
    number = code.payload if code.role is SheetRole.COVER else None
    return FoundDocument(kind, (page.number,), 1.0, starts_parcel=kind is DocumentKind.COVER, order_number=number)


def _starts_parcel(code: SheetCode) -> bool:
    return code.role is SheetRole.SEPARATOR and code.payload == Separates.PARCEL


def _is_waiting(stretch: _Stretch) -> bool:
    """Tell whether a sheet has announced a parcel of which no page has come yet."""
    return stretch.starts_parcel and not stretch.pages


def _order_number(code: SheetCode, before: _Stretch) -> str | None:
    """Return the order that a cover names for all pages up to the next cover or parcel separator."""
    if code.role is SheetRole.COVER:
        return code.payload
    return before.order_number if code.payload == Separates.DOCUMENT else None


def _documents_of(stretch: _Stretch) -> list[FoundDocument]:
    documents: list[FoundDocument] = []
    for group in _groups(stretch.pages):
        kind, confidence = classify(group)
        numbers = tuple(page.number for page in group)
        begins = stretch.starts_parcel and not documents
        documents.append(FoundDocument(kind, numbers, confidence, begins, stretch.order_number))
    return documents


def _groups(pages: Sequence[Page]) -> list[list[Page]]:
    """Divide pages where a page says that it is the first, or clearly is of another kind than the one before."""
    groups: list[list[Page]] = []
    for page in pages:
        if groups and not _begins_document(page, groups[-1]):
            groups[-1].append(page)
        else:
            groups.append([page])
    return groups


def _begins_document(page: Page, before: Sequence[Page]) -> bool:
    if _FIRST_PAGE.search(page.text):
        return True
    kind, confidence = classify([page])
    known, known_confidence = classify(before)
    return kind is not known and min(confidence, known_confidence) >= _SURE_KIND
