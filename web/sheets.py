"""The sheet of paper beside a task: which document and page is shown, how large, and where the fields were read on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage.database import Transaction
from storage.parcels import Page
from storage.views import DocumentView, FieldView, ParcelView
from web.sight import readable

ZOOMS = ("fit", "width", "large", "largest")
SURE = 0.9
_MARGIN = 0.6


@dataclass(frozen=True, slots=True)
class Box:
    """Where a field was read on the page shown, in pixels of the page."""

    field: str
    x: float
    y: float
    width: float
    height: float
    is_unsure: bool


@dataclass(frozen=True, slots=True)
class Crop:
    """The piece of a page where a field was read, with a little around it, for showing beside its input."""

    document_id: int
    page: int
    page_width: int
    page_height: int
    view_box: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the viewer shows."""

    documents: Sequence[DocumentView]
    document: DocumentView
    pages: int
    page: Page
    boxes: Sequence[Box]
    zoom: str
    shows_text: bool
    shows_words: bool


def sheet(tx: Transaction, view: ParcelView, chosen: Mapping[str, str]) -> Sheet | None:
    """Give the page to show, as the address chooses (`document`, `page`, `zoom`, `view`); None when nothing can be shown.

    Letters of which there is a later one come last.
    """
    documents = sorted(readable(view), key=lambda document: document.is_earlier)
    paged = [(document, tx.parcels.pages(document.id)) for document in documents]
    paged = [(document, pages) for document, pages in paged if pages]
    if not paged:
        return None
    first = _first_unsure(view.fields)
    wanted = chosen.get("document", str(first.document_id) if first else "")
    document, pages = next((pair for pair in paged if str(pair[0].id) == wanted), paged[0])
    number = chosen.get("page", str(first.page) if first and first.document_id == document.id else "1")
    page = next((page for page in pages if str(page.number) == number), pages[0])
    return Sheet(
        documents=[document for document, _ in paged],
        document=document,
        pages=len(pages),
        page=page,
        boxes=_boxes(view.fields, page),
        zoom=chosen["zoom"] if chosen.get("zoom") in ZOOMS else "fit",
        shows_text=chosen.get("view") == "text",
        shows_words=chosen.get("view") == "words",
    )


def crops(tx: Transaction, fields: Sequence[FieldView]) -> dict[str, Crop]:
    """Give for each field that was read on a page the piece of the page, by the field's name."""
    found: dict[str, Crop] = {}
    for field in fields:
        if field.document_id is None or field.page is None or not field.box:
            continue
        page = tx.parcels.page(field.document_id, field.page)
        if page.image_sha256 is not None:
            found[field.name] = Crop(field.document_id, page.number, page.width, page.height, _around(field.box, page))
    return found


def _first_unsure(fields: Sequence[FieldView]) -> FieldView | None:
    placed = [field for field in fields if field.document_id is not None and field.page is not None]
    return min(placed, key=lambda field: field.confidence, default=None)


def _boxes(fields: Sequence[FieldView], page: Page) -> list[Box]:
    return [
        Box(field.name, x0, y0, x1 - x0, y1 - y0, is_unsure=field.confidence < SURE and not field.is_confirmed)
        for field in fields
        if field.document_id == page.document_id and field.page == page.number and field.box
        for x0, y0, x1, y1 in [field.box]
    ]


def _around(box: Sequence[float], page: Page) -> str:
    x0, y0, x1, y1 = box
    pad = (y1 - y0) * _MARGIN + 4
    left, top = max(0, x0 - 4 * pad), max(0, y0 - pad)
    right, bottom = min(page.width, x1 + 4 * pad), min(page.height, y1 + pad)
    return f"{left:g} {top:g} {right - left:g} {bottom - top:g}"
