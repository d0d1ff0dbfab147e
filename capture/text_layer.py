"""The words of a PDF page's text layer with their boxes, and whether that layer can be trusted."""

import ctypes
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2
import pypdfium2.raw as pdfium

from capture.findings import Word

_MOST_CHARACTERS = 200_000
_HYPHEN_MARK = 2
_WORD_GAP = 1.0
_SHARE_OF_RUBBISH = 0.15
_FEW_WORDS = 12
_SAMPLED = 200


def words_of(page: pypdfium2.PdfPage, width: int, height: int) -> tuple[Word, ...]:
    """Return the words of the text layer of `page` with boxes in pixels, for a page drawn `width` by `height`."""
    text = page.get_textpage()
    try:
        return tuple(_to_word(group, page, width, height) for group in _groups(text.raw) if group.text.strip())
    finally:
        text.close()


def quarter_turns(page: pypdfium2.PdfPage) -> int:
    """Return how many quarter turns clockwise put most of the text of `page`, as it is shown, upright."""
    text = page.get_textpage()
    try:
        count = min(pdfium.FPDFText_CountChars(text.raw), _MOST_CHARACTERS)
        step = max(count // _SAMPLED, 1)
        angles = Counter(_quarter(pdfium.FPDFText_GetCharAngle(text.raw, index)) for index in range(0, count, step))
    finally:
        text.close()
    if not angles:
        return 0
    shown = angles.most_common(1)[0][0] + int(page.get_rotation()) // 90
    return -shown % 4


def is_usable(words: tuple[Word, ...], *, is_scan: bool) -> bool:
    """Tell whether `words` are the text of the page: not rubbish from a font without a code table, not a stamp on a scan."""
    text = "".join(word.text for word in words)
    if not text:
        return False
    rubbish = sum(unicodedata.category(character) in {"Co", "Cn", "Cc"} or character == "\ufffd" for character in text)
    return rubbish <= _SHARE_OF_RUBBISH * len(text) and not (is_scan and len(words) < _FEW_WORDS)


def _quarter(angle: float) -> int:
    """Return a text direction, in radians clockwise, as quarter turns; -1 (no angle known) counts as upright."""
    return round(angle / (math.pi / 2)) % 4 if angle >= 0 else 0


@dataclass(slots=True)
class _Group:
    """The characters of one word and the box around them, in points of the page."""

    text: str = ""
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0

    def add(self, character: str, left: float, right: float, bottom: float, top: float) -> None:
        """Append a character with its box."""
        if not self.text:
            self.left, self.right, self.bottom, self.top = left, right, bottom, top
        self.text += character
        self.left, self.right = min(self.left, left), max(self.right, right)
        self.bottom, self.top = min(self.bottom, bottom), max(self.top, top)

    def is_left_for(self, left: float, right: float, bottom: float, top: float) -> bool:
        """Tell whether a character with this box stands apart, in another word or line."""
        tall = max(self.top - self.bottom, top - bottom, 0.1)
        wide = max(self.right - self.left, right - left, 0.1)
        beside = left - self.right > _WORD_GAP * tall and left - self.right > 0.02 * wide
        before = right < self.left - tall
        off_line = bottom > self.top or top < self.bottom
        along = self.left - tall < right and left < self.right + tall
        return beside or before or (off_line and not along) or (off_line and abs(left - self.left) > tall)


@dataclass(slots=True)
class _CharacterBox:
    """Room for the four numbers that pdfium writes."""

    left: ctypes.c_double = field(default_factory=ctypes.c_double)
    right: ctypes.c_double = field(default_factory=ctypes.c_double)
    bottom: ctypes.c_double = field(default_factory=ctypes.c_double)
    top: ctypes.c_double = field(default_factory=ctypes.c_double)

    def read(self, text: object, index: int) -> tuple[float, float, float, float]:
        """Return left, right, bottom and top of character `index`."""
        pdfium.FPDFText_GetCharBox(text, index, self.left, self.right, self.bottom, self.top)
        return self.left.value, self.right.value, self.bottom.value, self.top.value


def _groups(text: object) -> Iterator[_Group]:
    room = _CharacterBox()
    group = _Group()
    for index in range(min(pdfium.FPDFText_CountChars(text), _MOST_CHARACTERS)):
        code = pdfium.FPDFText_GetUnicode(text, index)
        character = "-" if code == _HYPHEN_MARK else chr(code) if 0 < code <= 0x10FFFF else ""  # noqa: PLR2004
        if not character or character.isspace():
            if group.text:
                yield group
                group = _Group()
            continue
        box = room.read(text, index)
        if group.text and group.is_left_for(*box):
            yield group
            group = _Group()
        group.add(character, *box)
    if group.text:
        yield group


def _to_word(group: _Group, page: pypdfium2.PdfPage, width: int, height: int) -> Word:
    first = _to_pixels(page, width, height, group.left, group.top)
    second = _to_pixels(page, width, height, group.right, group.bottom)
    left, right = sorted((first[0], second[0]))
    top, bottom = sorted((first[1], second[1]))
    return Word(unicodedata.normalize("NFC", group.text.strip()), (left, top, right, bottom), 1.0)


def _to_pixels(page: pypdfium2.PdfPage, width: int, height: int, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, across, down)
    return across.value, down.value
