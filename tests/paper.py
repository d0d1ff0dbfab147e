"""Makes papers in code: printed pages as pictures, scans of them, PDFs, faxes, and files that are broken on purpose."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import pikepdf
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

A4_INCHES = (8.27, 11.69)
_FONT_FILES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
)
ORDER = (
    "Muster Verlag GmbH",
    "Hauptstraße 12, 80331 München",
    "",
    "Purchase order",
    "",
    "Order number: MV-2026-0815",
    "Customer: Muster Verlag GmbH",
    "Product: Annual report",
    "Paper: 135 g gloss coated",
    "Format: 210 x 297 mm",
    "Run length: 2,500",
    "Colours: 4/4 CMYK",
    "Finishing: saddle stitched",
    "Wanted date: 24 March 2026",
    "Remarks: deliver to the back entrance",
)
BESTELLUNG = (
    "Druckerei Beispiel",
    "",
    "Bestellung",
    "",
    "Bestellnummer: B-77/2026",
    "Kunde: Größe & Söhne KG",
    "Produkt: Faltblatt",
    "Papier: 90 g Offset weiß",
    "Format: DIN A4",
    "Auflage: 10.000",
    "Farben: 4/4",
    "Weiterverarbeitung: Wickelfalz",
    "Liefertermin: 15.04.2026",
    "Bemerkungen: bitte auf Palette",
)


def picture(
    lines: Sequence[str], *, dpi: int = 200, points: float = 12, size: tuple[float, float] = A4_INCHES
) -> Image.Image:
    """Print `lines` on a grey picture of a page of `size` inches."""
    page = Image.new("L", (round(size[0] * dpi), round(size[1] * dpi)), 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(next(name for name in _FONT_FILES if _exists(name)), round(points * dpi / 72))
    for place, line in enumerate(lines):
        pen.text((0.9 * dpi, (0.8 + place * points * 2 / 72) * dpi), line, font=font, fill=0)
    return page


def leaning(page: Image.Image, degrees: float) -> Image.Image:
    """Turn a page a little, as a scanner's feeder does."""
    return page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)


def noisy(page: Image.Image, strength: float = 12, seed: int = 1) -> Image.Image:
    """Add a scanner's noise."""
    noise = np.random.default_rng(seed).normal(0, strength, (page.height, page.width))
    return Image.fromarray(np.clip(np.asarray(page, dtype=np.float32) + noise, 0, 255).astype(np.uint8))


def speckled(page: Image.Image, share: float = 0.03, seed: int = 1) -> Image.Image:
    """Make a page black and white and turn `share` of its pixels over."""
    black = np.asarray(page) < 140
    flip = np.random.default_rng(seed).random(black.shape) < share
    return Image.fromarray(np.where(black ^ flip, 0, 255).astype(np.uint8))


def tiff(pages: Sequence[Image.Image], *, dpi: tuple[float, float] = (200, 200), compression: str = "group4") -> bytes:
    """Return a TIFF of several pages, in black and white when the compression is a fax's."""
    written = io.BytesIO()
    frames = [page.convert("1") if compression == "group4" else page for page in pages]
    frames[0].save(written, "TIFF", save_all=True, append_images=frames[1:], dpi=dpi, compression=compression)
    return written.getvalue()


def fax(page: Image.Image) -> Image.Image:
    """Squeeze a page to a fax of standard resolution: 204 by 98 dots an inch."""
    return page.resize((1728, 1145), Image.Resampling.LANCZOS)


def jpeg(page: Image.Image, *, dpi: int = 200) -> bytes:
    """Return a page as JPEG."""
    written = io.BytesIO()
    page.save(written, "JPEG", dpi=(dpi, dpi), quality=85)
    return written.getvalue()


def png(page: Image.Image, *, dpi: int = 200) -> bytes:
    """Return a page as PNG."""
    written = io.BytesIO()
    page.save(written, "PNG", dpi=(dpi, dpi))
    return written.getvalue()


def pdf(pages: Iterable[Sequence[str]], *, points: float = 11) -> bytes:
    """Return a born-digital PDF with a page for each sequence of lines."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4, invariant=1)
    for lines in pages:
        canvas.setFont("Helvetica", points)
        for place, line in enumerate(lines):
            canvas.drawString(60, A4[1] - 70 - place * points * 1.8, line)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def scanned_pdf(pages: Sequence[Image.Image], *, dpi: int = 200) -> bytes:
    """Return a PDF of nothing but page pictures."""
    written = io.BytesIO()
    pages[0].save(written, "PDF", save_all=True, append_images=list(pages[1:]), resolution=dpi)
    return written.getvalue()


def locked_pdf(*, owner_only: bool = False) -> bytes:
    """Return a PDF under a user password, or under an owner password alone."""
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf([ORDER]))) as opened:
        opened.save(written, encryption=pikepdf.Encryption(owner="owner", user="" if owner_only else "user"))
    return written.getvalue()


def huge_pdf(points: int = 14_400) -> bytes:
    """Return a PDF with one page of `points` by `points`."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=(points, points), invariant=1)
    canvas.rect(100, 100, 500, 500, fill=1)
    canvas.showPage()
    canvas.save()
    return written.getvalue()


def png_bomb(side: int = 30_000) -> bytes:
    """Return a small PNG of `side` by `side` grey pixels."""
    row = b"\0" * (side + 1)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def tiff_bomb(side: int = 30_000) -> bytes:
    """Return a tiny TIFF that claims `side` by `side` pixels of 1 bit."""
    tags = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 1),
        (259, 3, 1),
        (262, 3, 0),
        (273, 4, 8),
        (278, 4, side),
        (279, 4, 8),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags
    )
    return b"II*\0" + struct.pack("<I", 16) + b"\0" * 8 + directory + b"\0\0\0\0"


def stream_bomb(megabytes: int = 256) -> bytes:
    """Return a small PDF whose page content unpacks to `megabytes`."""
    made = pikepdf.new()
    made.add_blank_page(page_size=(595, 842))
    made.pages[0].Contents = made.make_stream(b"0 0 m 100 100 l S\n" * (megabytes << 20 >> 4))
    written = io.BytesIO()
    made.save(written, compress_streams=True)
    return written.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _exists(name: str) -> bool:
    try:
        ImageFont.truetype(name, 10)
    except OSError:
        return False
    return True
