"""Separator and cover sheets as PDF, to be printed and laid between or upon papers before they are scanned.

The code stands on the sheet twice, as QR code with level H and as Code 128, both drawn as lines, not as pictures, so that
they are sharp on any printer.
"""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from capture.barcodes import write_barcode
from capture.findings import Symbology
from capture.sheet_codes import Separates, SheetCode, cover_code, separator_code

_QR_SIDE = 70 * mm
_LINE_CODE = (150 * mm, 22 * mm)
_MARGIN = 20 * mm
_WORDS = {
    Separates.PARCEL: ("SEPARATOR", "The pages after this sheet are a new order."),
    Separates.DOCUMENT: ("DOCUMENT SEPARATOR", "The pages after this sheet are a new document of the same order."),
}


def separator_sheet(separates: Separates = Separates.PARCEL, copies: int = 1) -> bytes:
    """Return a PDF of `copies` separator sheets."""
    title, explanation = _WORDS[separates]
    return _printed(
        [(separator_code(separates), title, [explanation, "Lay it before the first page, print side up."])] * copies
    )


def cover_sheet(order_number: str, details: Mapping[str, str] | None = None) -> bytes:
    """Return a PDF of the cover sheet of the order `order_number`, with `details` (caption to value) in print.

    Raises ValueError when the order number cannot stand in a sheet code.
    """
    lines = [f"{caption}: {value}" for caption, value in (details or {}).items()]
    return _printed([(cover_code(order_number), f"ORDER {order_number}", lines)])


def order_barcode(order_number: str, *, module: int = 3) -> bytes:
    """Return the code of the cover sheet of an order as a PNG picture of Code 128, for letters and labels."""
    written = io.BytesIO()
    write_barcode(str(cover_code(order_number)), Symbology.CODE128, module=module).save(written, "PNG")
    return written.getvalue()


def _printed(sheets: list[tuple[SheetCode, str, list[str]]]) -> bytes:
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4, invariant=1)
    canvas.setTitle(sheets[0][1].capitalize())
    for code, title, lines in sheets:
        _draw_sheet(canvas, str(code), title, lines)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _draw_sheet(canvas: Canvas, code: str, title: str, lines: list[str]) -> None:
    width, height = A4
    canvas.setFont("Helvetica-Bold", 30)
    canvas.drawCentredString(width / 2, height - 40 * mm, title)
    square = write_barcode(code, Symbology.QRCODE, module=1)
    _draw_code(canvas, square, left=(width - _QR_SIDE) / 2, bottom=150 * mm, width=_QR_SIDE, height=_QR_SIDE)
    bars, (across, tall) = write_barcode(code, Symbology.CODE128, module=1), _LINE_CODE
    _draw_code(canvas, bars, left=(width - across) / 2, bottom=112 * mm, width=across, height=tall)
    canvas.setFont("Helvetica", 10)
    canvas.drawCentredString(width / 2, 105 * mm, code)
    canvas.setFont("Helvetica", 13)
    for place, line in enumerate(lines):
        canvas.drawString(_MARGIN, 88 * mm - place * 8 * mm, line)


def _draw_code(canvas: Canvas, code: Image.Image, *, left: float, bottom: float, width: float, height: float) -> None:
    """Draw a code of one pixel a module as filled runs within the given rectangle."""
    dark = np.asarray(code.convert("L")) < 128  # noqa: PLR2004 (half of the grey range)
    if code.height > 1 and (dark == dark[0]).mean() > 0.95:  # noqa: PLR2004 (a line code: its rows are all alike)
        dark = dark[code.height // 2 : code.height // 2 + 1]
    across, down = width / dark.shape[1], height / dark.shape[0]
    for row, modules in enumerate(dark):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], modules.astype(np.int8), [0]))))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            top = bottom + height - (row + 1) * down
            canvas.rect(left + float(start) * across, top, float(end - start) * across, down, stroke=0, fill=1)
