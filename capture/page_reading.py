"""Read the pages of one file inside a confined child: type, text layer or OCR, barcodes, turned upright.

`inspect` tells what a file is and how many pages it has; `read_pages` streams the pages. Both look at foreign bytes and
are called through `confined.child` only.
"""

import email
import email.policy
import html
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path

from PIL import Image

from capture import ocr, photo_ocr
from capture.barcodes import BarcodeRules, read_barcodes
from capture.errors import DamagedFile
from capture.findings import Barcode, Page, Source, Word, around
from capture.media import Media, MediaKind, decode_text, probe
from capture.ocr import OcrSettings, orientation, read_words, read_zone, readability
from capture.pages import Sheet, encode, open_sheets, to_grey
from capture.text_sheets import typeset
from capture.upright import skew_of, turn, turned_point

_OCR_DPI = 300
_BARCODE_DPI = 200
_IMAGE_DPI = 150
_LEANING = 0.4
_CLEARLY = 1.6
_READS_BADLY = 0.62
_SIDEWAYS = 1.5
_SURELY_LEVEL = 15.0
_SMALLEST_JUDGED = 10_000
_INK_CONTRAST = 60
_DUST = 0.0002
_BRIGHT = 180
_SPARSE = 60
_GERMAN = "ÄÖÜäöüß"


class Reader(StrEnum):
    """Which recogniser suits the paper: flat pages of small print, or photographs and thermal print."""

    PAGE = "page"
    PHOTOGRAPH = "photograph"


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with each page: read `words`, by `ocr` where there is no text layer, and barcodes by `barcode_rules`.

    `barcode_rules` None means every symbology, with patience. `images` asks for the upright page as a picture.
    """

    words: bool = True
    barcodes: bool = True
    barcode_rules: BarcodeRules | None = None
    ocr: OcrSettings = field(default_factory=OcrSettings)
    reader: Reader = Reader.PAGE
    images: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is: media, number of pages (0 for office files, which must become PDF first), whether it was mended."""

    media: Media
    pages: int
    is_repaired: bool = False
    pdf: bytes | None = None


def inspect(path: Path) -> Inspection:
    """Tell what the file at `path` is; a text, mail or HTML file is typeset and comes back as PDF."""
    data = path.read_bytes()
    media = probe(data)
    if media.kind is MediaKind.OFFICE:
        return Inspection(media, 0)
    if media.kind in {MediaKind.TEXT, MediaKind.HTML, MediaKind.MAIL}:
        return Inspection(media, 0, pdf=typeset(_text_of(data, media.kind)))
    del data
    with closing(open_sheets(path, is_pdf=media.kind is MediaKind.PDF)) as sheets:
        return Inspection(media, sheets.count, sheets.is_repaired)


def read_pages(path: Path, is_pdf: bool, work: Work, numbers: range) -> Iterator[Page]:
    """Yield the pages `numbers` of the file at `path`, read as `work` says."""
    with closing(open_sheets(path, is_pdf=is_pdf)) as sheets:
        for number in numbers:
            yield read_sheet(sheets.sheet(number), work)


def draw_page(path: Path, is_pdf: bool, page: Page, dpi: int) -> bytes:
    """Return a page that was read before as a picture file at about `dpi`, turned as it was when it was read."""
    return encode(upright_picture(path, is_pdf, page, dpi))


def upright_picture(path: Path, is_pdf: bool, page: Page, dpi: int) -> Image.Image:
    """Return a page that was read before as an image in colour (a fax in black and white), turned as it was then."""
    with closing(open_sheets(path, is_pdf=is_pdf)) as sheets:
        sheet = sheets.sheet(page.number)
        return turn(sheet.render(True, dpi), 0 if sheet.turned else page.turned, page.skew)


def reread_zone(
    path: Path, is_pdf: bool, page: Page, box: tuple[int, int, int, int], settings: OcrSettings
) -> tuple[Word, ...]:
    """Return the words within `box` of a page that was read before, by OCR of that rectangle alone."""
    with closing(open_sheets(path, is_pdf=is_pdf)) as sheets:
        sheet = sheets.sheet(page.number)
        upright = turn(sheet.render(False, sheet.dpi), 0 if sheet.turned else page.turned, page.skew)
    return read_zone(upright, box, page.dpi, settings)


def warm_up() -> None:
    """Get ready what every child needs."""
    ocr.warm_up()


def read_sheet(sheet: Sheet, work: Work) -> Page:
    """Read one sheet as `work` says."""
    page = Page(sheet.number, sheet.width, sheet.height, sheet.dpi, Source.OCR, turned=sheet.turned)
    if sheet.words is not None:
        page = replace(page, source=Source.TEXT_LAYER, words=sheet.words if work.words else ())
        return _finished(
            page, sheet, work, sheet.render(False, min(_BARCODE_DPI, sheet.dpi)) if work.barcodes else None
        )
    if not work.words and not work.barcodes and not work.images:
        return page
    grey = sheet.render(False, _OCR_DPI)
    if _has_no_ink(grey):
        return _finished(replace(page, is_blank=True), sheet, replace(work, barcodes=False), None)
    if work.words:
        page = _by_ocr(page, grey, work)
    return _finished(page, sheet, work, grey)


def _finished(page: Page, sheet: Sheet, work: Work, grey: Image.Image | None) -> Page:
    if work.barcodes and grey is not None:
        page = replace(page, barcodes=tuple(_barcodes(page, sheet, work, grey)))
    if work.images:
        quarters = 0 if page.source is Source.TEXT_LAYER else page.turned
        page = replace(page, image=encode(turn(sheet.render(True, _IMAGE_DPI), quarters, page.skew)))
    return page


def _by_ocr(page: Page, grey: Image.Image, work: Work) -> Page:
    """Read `grey` and put it upright as far as needed; boxes are those of the upright page in the sheet's size."""
    dpi = round(page.dpi * grey.width / page.width)
    best = _read_turned(grey, 0, dpi, work)
    if readability(best.words) < _READS_BADLY or _stand_on_end(best.words):
        quarters = orientation(grey, dpi)
        if quarters:
            best = max(best, _read_turned(grey, quarters, dpi, work), key=_worth)
    factor = page.width / grey.width
    words = tuple(Word(word.text, _scaled(word.box, factor), word.confidence) for word in best.words)
    width, height = (page.height, page.width) if best.quarters % 2 else (page.width, page.height)
    return replace(page, width=width, height=height, words=words, turned=best.quarters, skew=best.angle)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One reading of a page in one orientation."""

    quarters: int
    angle: float
    words: tuple[Word, ...]


def _worth(attempt: _Attempt) -> float:
    return 0.0 if _stand_on_end(attempt.words) else readability(attempt.words)


def _read_turned(grey: Image.Image, quarters: int, dpi: int, work: Work) -> _Attempt:
    turned = turn(grey, quarters, 0)
    angle, clearness = skew_of(turned)
    if quarters == 0 and _lies_sideways(turned, clearness, dpi):
        return _Attempt(0, 0.0, ())
    if abs(angle) < _LEANING or clearness < _CLEARLY:
        angle = 0.0
    return _Attempt(quarters, angle, _recognised(turn(turned, 0, angle), dpi, work))


def _recognised(upright: Image.Image, dpi: int, work: Work) -> tuple[Word, ...]:
    if work.reader is Reader.PHOTOGRAPH and photo_ocr.is_available():
        return photo_ocr.read_photograph(upright, _GERMAN if "deu" in work.ocr.languages else "")
    return read_words(upright, dpi, work.ocr)


def _lies_sideways(grey: Image.Image, clearness: float, dpi: int) -> bool:
    """Tell whether the lines of a page clearly run up or down, so that reading it as it lies would be a waste."""
    if clearness > _SURELY_LEVEL:
        return False
    _, across = skew_of(grey.transpose(Image.Transpose.ROTATE_90))
    return across > _SIDEWAYS * max(clearness, _CLEARLY) and orientation(grey, dpi) % 2 == 1


def _stand_on_end(words: tuple[Word, ...]) -> bool:
    """Tell whether most longer words are higher than wide: Tesseract reads some sideways pages without turning them."""
    longer = [word.box for word in words if len(word.text) > 3]  # noqa: PLR2004 (short words may well be high)
    high = sum(bottom - top > right - left for left, top, right, bottom in longer)
    return bool(longer) and high > len(longer) / 2


def _has_no_ink(grey: Image.Image) -> bool:
    """Tell whether a page is empty paper, but for its margin and a speck of dust."""
    small = grey.reduce(4)
    across, down = small.width // 20, small.height // 20
    inner = small.crop((across, down, small.width - across, small.height - down))
    if inner.width * inner.height < _SMALLEST_JUDGED:
        return False
    counts = inner.histogram()
    paper = max(range(256), key=lambda level: counts[level])
    return sum(counts[: max(paper - _INK_CONTRAST, 0)]) < _DUST * inner.width * inner.height and paper > _BRIGHT


def _barcodes(page: Page, sheet: Sheet, work: Work, grey: Image.Image) -> Iterator[Barcode]:
    quarters = 0 if page.source is Source.TEXT_LAYER else page.turned
    factor = sheet.width / grey.width
    rules = work.barcode_rules
    if rules is not None and rules.expected:
        likely = page.source is Source.OCR and (page.number == 1 or len(page.words) < _SPARSE)
        rules = replace(rules, expected=likely)
    for code in read_barcodes(grey, rules, dpi=round(sheet.dpi / factor)):
        corners = tuple(
            turned_point((round(x * factor), round(y * factor)), (sheet.width, sheet.height), quarters, page.skew)
            for x, y in code.corners
        )
        yield replace(code, corners=corners, box=around([(x, y, x, y) for x, y in corners]))


def _scaled(box: tuple[int, int, int, int], factor: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(value * factor) for value in box)
    return left, top, right, bottom


def _text_of(data: bytes, kind: MediaKind) -> str:
    if kind is MediaKind.MAIL:
        return _mail_text(data)
    text = decode_text(data)
    return _without_tags(text) if kind is MediaKind.HTML else text


def _mail_text(data: bytes) -> str:
    try:
        mail = email.message_from_bytes(data, policy=email.policy.default)
        head = [f"{name}: {mail[name]}" for name in ("From", "To", "Date", "Subject") if mail[name]]
        return "\n".join([*head, "", _mail_body(mail)])
    except (LookupError, ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DamagedFile("The mail cannot be taken apart.") from error


def _mail_body(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    if body is None:
        return ""
    payload = body.get_payload(decode=True)
    has_charset = body.get_content_charset() is not None
    content = decode_text(payload) if isinstance(payload, bytes) and not has_charset else body.get_content()
    return _without_tags(content) if body.get_content_subtype() == "html" else str(content)


def _without_tags(text: str) -> str:
    without = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", text)
    broken = re.sub(r"(?i)<(?:br|/p|/div|/tr|/h[1-6]|/li)\b[^>]*>", "\n", without)
    return html.unescape(re.sub(r"<[^>]*>", " ", broken))


__all__ = [
    "Inspection",
    "Work",
    "draw_page",
    "inspect",
    "read_pages",
    "read_sheet",
    "reread_zone",
    "to_grey",
    "warm_up",
]
