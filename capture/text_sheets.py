"""Typeset plain text as PDF pages, so that texts and mail bodies are pages like any other."""

import io
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

_COLUMNS = 92
_SIZE = 9
_LEADING = 11.5
_MARGIN = 20 * mm
_MOST_LINES = 120_000
_FONT_FILES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
)


def typeset(text: str) -> bytes:
    """Return `text` as an A4 PDF with a text layer, lines broken at 92 characters."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4, invariant=1)
    lines = list(_lines(text))[:_MOST_LINES] or [""]
    a_page = int((A4[1] - 2 * _MARGIN) / _LEADING)
    for start in range(0, len(lines), a_page):
        _typeset_page(canvas, lines[start : start + a_page])
    canvas.save()
    return written.getvalue()


def _typeset_page(canvas: Canvas, lines: list[str]) -> None:
    canvas.setFont(_font(), _SIZE)
    for place, line in enumerate(lines):
        canvas.drawString(_MARGIN, A4[1] - _MARGIN - place * _LEADING, line)
    canvas.showPage()


def _lines(text: str) -> Iterator[str]:
    for line in text.expandtabs(4).splitlines():
        printable = "".join(character for character in line if character.isprintable())
        yield from textwrap.wrap(printable, _COLUMNS, drop_whitespace=False, replace_whitespace=False) or [""]


@cache
def _font() -> str:
    """Return the name of a fixed-width font, one that knows more than Western letters where the machine has it."""
    for path in _FONT_FILES:
        if Path(path).exists():
            try:
                pdfmetrics.registerFont(TTFont("Fixed", path))
            except TTFError:
                continue
            return "Fixed"
    return "Courier"
