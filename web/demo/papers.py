"""Orders on paper: as a scanner, a fax machine and a word processor make them."""

from collections.abc import Sequence
from io import BytesIO
from random import Random

import docx
import numpy as np
from docx.shared import Pt
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from web.demo.orders import WrittenOrder

DPI = 300
A4 = (2480, 3508)
MARGIN = 236
FAX = (1728, 1143)
FAX_DPI = (204, 98)
FAX_INK = 150
SPECKS = 0.0004
FONTS = ("LiberationSans-Regular.ttf", "LiberationSerif-Regular.ttf", "DejaVuSans.ttf")
BOLD = "LiberationSans-Bold.ttf"


def draw_page(order: WrittenOrder, random: Random) -> Image.Image:
    """Draw an order on a clean A4 page of 300 dpi: letterhead, heading, a line for each field, a greeting."""
    page = Image.new("L", A4, 255)
    pen = ImageDraw.Draw(page)
    text = ImageFont.truetype(random.choice(FONTS), random.choice((44, 46, 50)))
    bold = ImageFont.truetype(BOLD, 50)
    top = _letterhead(pen, order, text, bold)
    pen.text((MARGIN, top), order.title, font=ImageFont.truetype(BOLD, 76), fill=0)
    top += 190
    column = MARGIN + random.choice((720, 800, 900))
    for label, value in order.rows:
        pen.text((MARGIN, top), label + ":", font=text, fill=0)
        pen.text((column, top), value, font=text, fill=0)
        top += random.choice((96, 104))
    closing = "Mit freundlichen Grüßen" if order.language == "de" else "Kind regards"
    pen.text((MARGIN, top + 120), f"{closing}\n{order.customer.name}", font=text, fill=0, spacing=24)
    return page


def _letterhead(
    pen: ImageDraw.ImageDraw, order: WrittenOrder, text: ImageFont.FreeTypeFont, bold: ImageFont.FreeTypeFont
) -> int:
    sender = order.customer
    pen.text((MARGIN, 180), sender.name, font=bold, fill=0)
    lines = f"{sender.street}\n{sender.town}\n{sender.email}"
    pen.text((MARGIN, 256), lines, font=text, fill=0, spacing=20)
    pen.line((MARGIN, 480, A4[0] - MARGIN, 480), fill=0, width=4)
    return 600


def scan(pages: Sequence[Image.Image], random: Random) -> bytes:
    """Give the pages as a scanner makes them: a grey multi-page TIFF of 300 dpi, each page askew and noisy."""
    rough = [_scanned(page, random) for page in pages]
    out = BytesIO()
    rough[0].save(out, "TIFF", save_all=True, append_images=rough[1:], compression="tiff_adobe_deflate", dpi=(DPI, DPI))
    return out.getvalue()


def _scanned(page: Image.Image, random: Random) -> Image.Image:
    skew = random.uniform(-2.0, 2.0)
    turned = page.rotate(skew, Resampling.BICUBIC, fillcolor=255)
    noise = np.random.default_rng(random.getrandbits(32))
    grey = np.asarray(turned, dtype=np.float32) * 0.94 + 8 + noise.normal(0, 9, turned.size[::-1])
    specks = noise.random(turned.size[::-1]) < SPECKS
    grey[specks] = 40
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def fax(page: Image.Image) -> bytes:
    """Give the page as a fax machine sends it: black and white, 204 dots an inch across and 98 down, Group 4."""
    small = page.resize(FAX, Resampling.LANCZOS)
    out = BytesIO()
    small.point(lambda grey: 255 * (grey > FAX_INK)).convert("1", dither=Image.Dither.NONE).save(
        out, "TIFF", compression="group4", dpi=FAX_DPI
    )
    return out.getvalue()


def word_document(order: WrittenOrder) -> bytes:
    """Give the order as a word processor saves it (.docx)."""
    document = docx.Document()
    document.styles["Normal"].font.size = Pt(11)
    sender = order.customer
    document.add_paragraph(f"{sender.name}\n{sender.street}\n{sender.town}\n{sender.email}")
    document.add_heading(order.title, level=1)
    table = document.add_table(rows=0, cols=2)
    for label, value in order.rows:
        cells = table.add_row().cells
        cells[0].text, cells[1].text = label, value
    out = BytesIO()
    document.save(out)
    return out.getvalue()
