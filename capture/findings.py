"""What reading finds on pages: words, barcodes, documents and index fields, as plain values."""

from dataclasses import dataclass
from enum import StrEnum

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the page turned upright; right and bottom lie outside."""


class Source(StrEnum):
    """Where the words of a page come from."""

    TEXT_LAYER = "text layer"
    OCR = "ocr"


class Symbology(StrEnum):
    """The kinds of barcode that are read."""

    QRCODE = "qrcode"
    MICROQR = "microqr"
    DATAMATRIX = "datamatrix"
    AZTEC = "aztec"
    PDF417 = "pdf417"
    MAXICODE = "maxicode"
    CODE128 = "code128"
    CODE39 = "code39"
    CODE93 = "code93"
    CODABAR = "codabar"
    ITF = "itf"
    EAN13 = "ean13"
    EAN8 = "ean8"
    UPCA = "upca"
    UPCE = "upce"
    DATABAR = "databar"


class Origin(StrEnum):
    """What an index field's value rests on."""

    BARCODE = "barcode"
    TEXT = "text layer"
    OCR = "ocr"
    MAIL = "mail"
    LOOKUP = "lookup"


class DocumentKind(StrEnum):
    """What a document is."""

    PURCHASE_ORDER = "purchase_order"
    ORDER_FORM = "order_form"
    INVOICE = "invoice"
    DELIVERY_NOTE = "delivery_note"
    LETTER = "letter"
    RECEIPT = "receipt"
    SEPARATOR = "separator"
    COVER = "cover"
    OTHER = "other"


_TALLER = 2.6
_BESIDE = 0.5


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page; `confidence` is 0 to 1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Barcode:
    """A barcode on a page: its text, the bytes it stands for, and its four corners for the viewer."""

    symbology: Symbology
    text: str
    box: Box
    corners: tuple[tuple[int, int], ...] = ()
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was read, turned upright: `turned` by quarter turns clockwise, then by `skew` degrees.

    `image` is the upright page as PNG or JPEG where it was asked for.
    """

    number: int
    width: int
    height: int
    dpi: int
    source: Source
    words: tuple[Word, ...] = ()
    barcodes: tuple[Barcode, ...] = ()
    turned: int = 0
    skew: float = 0.0
    image: bytes | None = None
    is_blank: bool = False

    @property
    def text(self) -> str:
        """The words of the page as lines of text, in reading order."""
        return "\n".join(" ".join(word.text for word in line) for line in lines_of(self.words))


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """Pages, by number, that belong together, and what they are; `order_number` is that of the cover sheet before."""

    kind: DocumentKind
    pages: tuple[int, ...]
    confidence: float = 1.0
    starts_parcel: bool = False
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class FoundField:
    """An index field and why it has its value: `value` as printed, `normalised` as data (ISO date, plain number)."""

    name: str
    value: str
    normalised: str
    confidence: float
    origin: Origin
    page: int | None
    box: Box | None
    reason: str


def lines_of(words: tuple[Word, ...]) -> list[list[Word]]:
    """Group `words` into lines, top down, each from left to right; a line may lean a little."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.box[0]):
        best = max(lines, key=lambda line: _shared_height(word, line[-1]), default=None)
        if best is not None and _continues(word, best[-1]):
            best.append(word)
        else:
            lines.append([word])
    return sorted(lines, key=lambda line: (line[0].box[1] + line[0].box[3], line[0].box[0]))


def _shared_height(word: Word, last: Word) -> float:
    """Return the share of its height that `word` has beside `last`, negative where they overlap from left to right."""
    smaller = max(min(word.box[3] - word.box[1], last.box[3] - last.box[1]), 1)
    shared = (min(word.box[3], last.box[3]) - max(word.box[1], last.box[1])) / smaller
    overlap = last.box[2] - word.box[0]
    return shared if overlap <= smaller / 2 else -1.0


def _continues(word: Word, last: Word) -> bool:
    heights = sorted((max(word.box[3] - word.box[1], 1), max(last.box[3] - last.box[1], 1)))
    comparable = heights[1] < _TALLER * heights[0] or len(word.text) <= 2 or len(last.text) <= 2  # noqa: PLR2004 (dashes, dots)
    return comparable and _shared_height(word, last) > _BESIDE


def around(boxes: list[Box]) -> Box:
    """Return the smallest box around `boxes`, of which there is at least one."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
