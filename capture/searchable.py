"""Searchable PDF: the page as it looks with the words that were read laid invisibly over it; no second OCR.

A born-digital PDF stays as it is. Pages that were read by OCR become the upright page picture with invisible text; where a
PDF holds both kinds of pages, only those without text are replaced.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from PIL import Image, ImageChops
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from capture.errors import DamagedFile
from capture.findings import Page, Source, Word
from capture.page_reading import upright_picture
from capture.reading import PAGE_LIMITS, opened, unreadable_if_child_fails
from confined.child import run_confined

_POINTS = 72
_INVISIBLE = 3
_FONT = "Helvetica"
_PICTURE_DPI = 300
_QUALITY = 60
_MIDDLE = 128
_NEAR = 32
_NEARLY_ALL = 0.985


def searchable_pdf(source: Path | bytes, pages: Sequence[Page]) -> bytes:
    """Return `source`, of which `pages` were read, as a PDF in which every word can be found; raise Unreadable."""
    with opened(source) as file, unreadable_if_child_fails():
        if file.is_pdf and all(page.source is Source.TEXT_LAYER for page in pages):
            return file.path.read_bytes()
        limits = PAGE_LIMITS.times(len(pages))
        return run_confined(make_searchable, file.path, file.is_pdf, tuple(pages), limits=limits)


def make_searchable(path: Path, is_pdf: bool, pages: tuple[Page, ...]) -> bytes:
    """Do the work of `searchable_pdf`, in a confined child."""
    if not is_pdf:
        return _drawn(path, is_pdf, pages)
    scanned = tuple(page for page in pages if page.source is Source.OCR)
    written = io.BytesIO()
    try:
        with pikepdf.open(path) as original, pikepdf.open(io.BytesIO(_drawn(path, is_pdf, scanned))) as drawn:
            for place, page in enumerate(scanned):
                original.pages[page.number - 1] = drawn.pages[place]
            original.save(written)
    except pikepdf.PdfError as error:
        raise DamagedFile("The PDF cannot be made searchable.") from error
    return written.getvalue()


def _drawn(path: Path, is_pdf: bool, pages: tuple[Page, ...]) -> bytes:
    written = io.BytesIO()
    canvas = Canvas(written, invariant=1, pageCompression=1)
    for page in pages:
        _draw_page(canvas, page, upright_picture(path, is_pdf, page, _PICTURE_DPI))
    canvas.save()
    return written.getvalue()


def _draw_page(canvas: Canvas, page: Page, picture: Image.Image) -> None:
    scale = _POINTS / page.dpi
    width, height = page.width * scale, page.height * scale
    canvas.setPageSize((width, height))
    canvas.drawImage(ImageReader(_packed(picture)), 0, 0, width, height)
    text = canvas.beginText()
    text.setTextRenderMode(_INVISIBLE)
    for word in page.words:
        _add_word(text, word, scale, height)
    canvas.drawText(text)
    canvas.showPage()


def _packed(picture: Image.Image) -> Image.Image:
    """Return the picture as it goes into the PDF: a fax in black and white, else a JPEG, grey where there is no colour."""
    grey = picture.convert("L")
    if _is_black_and_white(grey):
        return grey.point(lambda level: 255 * (level > _MIDDLE)).convert("1")
    plain = picture if picture.mode == "RGB" and ImageChops.difference(picture, grey.convert("RGB")).getbbox() else grey
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY)
    written.seek(0)
    return Image.open(written)


def _is_black_and_white(grey: Image.Image) -> bool:
    counts = grey.histogram()
    extremes = sum(counts[:_NEAR]) + sum(counts[256 - _NEAR :])
    return extremes > _NEARLY_ALL * grey.width * grey.height and max(counts[:_NEAR], default=0) > 0


def _add_word(text: object, word: Word, scale: float, height: float) -> None:
    left, top, right, bottom = (value * scale for value in word.box)
    printable = word.text.encode("cp1252", "replace").decode("cp1252")
    size = max(bottom - top, 1.0)
    natural = pdfmetrics.stringWidth(printable, _FONT, size) or 1.0
    text.setFont(_FONT, size)  # type: ignore[attr-defined]  # reportlab has no types
    text.setHorizScale(100 * max(right - left, 0.5) / natural)  # type: ignore[attr-defined]  # reportlab has no types
    text.setTextOrigin(left, height - bottom + 0.2 * size)  # type: ignore[attr-defined]  # reportlab has no types
    text.textOut(printable + " ")  # type: ignore[attr-defined]  # reportlab has no types
