"""Barcodes on a page image, and barcodes made: the one door to zxing-cpp and pyzbar.

A first pass reads what it can. Where it finds nothing, more is tried only where a code is likely: by a profile that expects
one, on photographs, on speckled or coarse fax pages. Retries invent codes, so what they find must pass the profile's rules
or, without a profile, be found by two of them alike; the weak EAN and UPC codes are cross-checked at twice the size.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import re2
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pyzbar import pyzbar

from capture.findings import Barcode, Box, Symbology

Grey = NDArray[np.uint8]
Reader = Callable[[Image.Image], list[Barcode]]

_FORMATS = {
    Symbology.QRCODE: zxingcpp.BarcodeFormat.QRCode,
    Symbology.MICROQR: zxingcpp.BarcodeFormat.MicroQRCode,
    Symbology.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
    Symbology.AZTEC: zxingcpp.BarcodeFormat.Aztec,
    Symbology.PDF417: zxingcpp.BarcodeFormat.PDF417,
    Symbology.MAXICODE: zxingcpp.BarcodeFormat.MaxiCode,
    Symbology.CODE128: zxingcpp.BarcodeFormat.Code128,
    Symbology.CODE39: zxingcpp.BarcodeFormat.Code39,
    Symbology.CODE93: zxingcpp.BarcodeFormat.Code93,
    Symbology.CODABAR: zxingcpp.BarcodeFormat.Codabar,
    Symbology.ITF: zxingcpp.BarcodeFormat.ITF,
    Symbology.EAN13: zxingcpp.BarcodeFormat.EAN13,
    Symbology.EAN8: zxingcpp.BarcodeFormat.EAN8,
    Symbology.UPCA: zxingcpp.BarcodeFormat.UPCA,
    Symbology.UPCE: zxingcpp.BarcodeFormat.UPCE,
    Symbology.DATABAR: zxingcpp.BarcodeFormat.DataBar,
}
_SYMBOLOGY_BY_NAME = {
    "EAN-13": Symbology.EAN13,
    "EAN-8": Symbology.EAN8,
    "UPC-A": Symbology.UPCA,
    "UPC-E": Symbology.UPCE,
    "Micro QR Code": Symbology.MICROQR,
    "rMQR Code": Symbology.MICROQR,
    "QR Code": Symbology.QRCODE,
    "Data Matrix": Symbology.DATAMATRIX,
    "Aztec": Symbology.AZTEC,
    "PDF417": Symbology.PDF417,
    "MaxiCode": Symbology.MAXICODE,
    "Code 128": Symbology.CODE128,
    "Code 39": Symbology.CODE39,
    "Code 93": Symbology.CODE93,
    "Codabar": Symbology.CODABAR,
    "ITF": Symbology.ITF,
    "DataBar": Symbology.DATABAR,
}
_RETAIL = frozenset({Symbology.EAN13, Symbology.EAN8, Symbology.UPCA, Symbology.UPCE})
_SECOND_READER = {
    Symbology.CODE128: pyzbar.ZBarSymbol.CODE128,
    Symbology.QRCODE: pyzbar.ZBarSymbol.QRCODE,
    Symbology.EAN13: pyzbar.ZBarSymbol.EAN13,
}
_SECOND_READER_NAMES = {symbol.name: symbology for symbology, symbol in _SECOND_READER.items()}
_SELF_CORRECTING = frozenset(
    {
        Symbology.QRCODE,
        Symbology.MICROQR,
        Symbology.DATAMATRIX,
        Symbology.AZTEC,
        Symbology.PDF417,
        Symbology.MAXICODE,
        Symbology.CODE128,
    }
)
_PHOTOGRAPH_PIXELS = 1_500_000
_COARSE_DPI = 200
_SPECKLED = 0.004
_VOTES = 2


@dataclass(frozen=True, slots=True)
class BarcodeRules:
    """Which barcodes a profile takes: symbologies, lengths, a pattern (RE2, matched whole), a check digit ("mod10").

    `expected` says that a page without a code is worth a second and third look.
    """

    symbologies: tuple[Symbology, ...] = tuple(Symbology)
    shortest: int = 1
    longest: int = 4096
    pattern: str | None = None
    check: str | None = None
    expected: bool = False

    def accept(self, barcode: Barcode) -> bool:
        """Tell whether `barcode` is one that the profile takes."""
        return (
            barcode.symbology in self.symbologies
            and self.shortest <= len(barcode.text) <= self.longest
            and (self.pattern is None or re2.fullmatch(self.pattern, barcode.text) is not None)
            and (self.check != "mod10" or has_mod10(barcode.text))
        )


EVERYTHING = BarcodeRules()


def read_barcodes(image: Image.Image, rules: BarcodeRules | None = None, *, dpi: int = 300) -> list[Barcode]:
    """Return the barcodes on `image` (grey), top down; without `rules` of every symbology and with more patience."""
    taken = rules or EVERYTHING
    found = [code for code in _first_pass(image, taken, thorough=rules is None) if taken.accept(code)]
    if found:
        found = [code for code in found if code.symbology not in _RETAIL or _stands_enlarged(image, code)]
    elif rules is None:
        found = _try_harder(image, dpi)
    elif rules.expected:
        found = _expect(image, rules, dpi)
    return sorted(found, key=lambda code: (code.box[1], code.box[0]))


def has_mod10(digits: str) -> bool:
    """Tell whether the last of `digits` is the check digit with weights 3 and 1 from the right (GS1, section 7.9)."""
    if not digits.isascii() or not digits.isdigit():
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def write_barcode(text: str, symbology: Symbology, *, module: int = 4) -> Image.Image:
    """Return `text` as a black and white barcode image with its quiet zone, `module` pixels a module.

    QR codes carry error correction level H. Raises ValueError when the symbology cannot carry the text.
    """
    options = {"ec_level": "H"} if symbology is Symbology.QRCODE else {}
    made = zxingcpp.create_barcode(text, _FORMATS[symbology], **options)
    return Image.fromarray(np.asarray(made.to_image(scale=module, add_quiet_zones=True)))


def _first_pass(image: Image.Image, rules: BarcodeRules, *, thorough: bool) -> list[Barcode]:
    return _zxing(np.asarray(image), rules.symbologies, invert=thorough, downscale=thorough)


def _zxing(
    grey: Grey,
    symbologies: tuple[Symbology, ...],
    *,
    invert: bool = True,
    downscale: bool = True,
    scale: float = 1.0,
    offset: tuple[int, int] = (0, 0),
) -> list[Barcode]:
    formats = zxingcpp.BarcodeFormats([_FORMATS[symbology] for symbology in symbologies])
    read = zxingcpp.read_barcodes(
        grey,
        formats=formats,
        try_invert=invert,
        try_downscale=downscale,
        text_mode=zxingcpp.TextMode.Plain,
    )
    return [code for code in (_from_zxing(one, scale, offset) for one in read) if code is not None]


def _from_zxing(one: zxingcpp.Barcode, scale: float, offset: tuple[int, int]) -> Barcode | None:
    symbology = _SYMBOLOGY_BY_NAME.get(str(one.format)) or _SYMBOLOGY_BY_NAME.get(str(one.symbology))
    if symbology is None or not one.text:
        return None
    where = one.position
    points = [where.top_left, where.top_right, where.bottom_right, where.bottom_left]
    corners = tuple((round(point.x / scale) + offset[0], round(point.y / scale) + offset[1]) for point in points)
    symbology, text = _as_printed(symbology, one)
    return Barcode(symbology, text, _box(corners), corners, bytes(one.bytes))


def _as_printed(symbology: Symbology, one: zxingcpp.Barcode) -> tuple[Symbology, str]:
    """Return symbology and text as printed below the bars: UPC without the zeros that make it EAN, Codabar without its frame."""
    text = str(one.text)
    if symbology is Symbology.EAN13 and text.startswith("0"):
        return Symbology.UPCA, text[1:]
    if symbology is Symbology.UPCE:
        return symbology, str(one.extra["UPCE"]) if isinstance(one.extra, dict) and "UPCE" in one.extra else text
    if symbology is Symbology.CODABAR and len(text) > 2:  # noqa: PLR2004 (a letter at each end)
        return symbology, text[1:-1]
    return symbology, text


def _box(corners: tuple[tuple[int, int], ...]) -> Box:
    across = [x for x, _ in corners]
    down = [y for _, y in corners]
    return max(min(across), 0), max(min(down), 0), max(across), max(down)


def _stands_enlarged(image: Image.Image, code: Barcode) -> bool:
    """Look at a retail code again at two and three times its size; it falls when only another one is seen there."""
    left, top, right, bottom = code.box
    margin = max(right - left, bottom - top) // 3 + 20
    cut = image.crop((max(left - margin, 0), max(top - margin, 0), right + margin, bottom + margin))
    seen = {
        again.text
        for factor in (2, 3)
        if cut.width * cut.height * factor * factor < _PHOTOGRAPH_PIXELS * 9
        for again in _zxing(np.asarray(_enlarged(cut, factor)), tuple(_RETAIL))
    }
    return not seen or code.text in seen


def _try_harder(image: Image.Image, dpi: int) -> list[Barcode]:
    if image.width * image.height <= _PHOTOGRAPH_PIXELS:
        return _elect(step(image) for step in _photograph_steps())
    if _is_speckled(image):
        return _accepted_first(image, EVERYTHING, [_despeckled, _despeckled_twice])
    if dpi < _COARSE_DPI + 10:
        return _accepted_first(image, EVERYTHING, [_enlarged_by_half])
    return []


def _photograph_steps() -> Iterator[Reader]:
    for factor in (2, 3):
        yield lambda image, factor=factor: _read_enlarged(image, factor)  # type: ignore[misc]  # bound early
    for factor, radius, percent in ((2, 3, 200), (3, 4, 250)):
        yield lambda image, factor=factor, radius=radius, percent=percent: _read_enlarged(  # type: ignore[misc]
            image, factor, ImageFilter.UnsharpMask(radius, percent, 0)
        )
    yield lambda image: _zbar(image, tuple(_SECOND_READER))
    yield lambda image: _zbar(_enlarged(image, 2), tuple(_SECOND_READER), scale=2)


def _read_enlarged(image: Image.Image, factor: float, sharpen: ImageFilter.UnsharpMask | None = None) -> list[Barcode]:
    large = _enlarged(image, factor)
    return _zxing(np.asarray(large.filter(sharpen) if sharpen else large), tuple(Symbology), scale=factor)


def _elect(attempts: Iterator[list[Barcode]]) -> list[Barcode]:
    """Return the code that two attempts agree on, or at once one that corrects its own errors."""
    votes: Counter[tuple[Symbology, str]] = Counter()
    for attempt in attempts:
        for code in attempt:
            votes[code.symbology, code.text] += 1
            sure = code.symbology in _SELF_CORRECTING
            if sure or (votes[code.symbology, code.text] >= _VOTES and _leads(votes, code)):
                return [code]
    return []


def _leads(votes: Counter[tuple[Symbology, str]], code: Barcode) -> bool:
    mine = votes[code.symbology, code.text]
    return all(count < mine for key, count in votes.items() if key != (code.symbology, code.text))


def _expect(image: Image.Image, rules: BarcodeRules, dpi: int) -> list[Barcode]:
    steps = [_as_it_is, _despeckled] + ([_enlarged_by_half] if dpi < _COARSE_DPI + 10 else [])
    found = _accepted_first(image, rules, steps)
    second = tuple(symbology for symbology in rules.symbologies if symbology in _SECOND_READER)
    if found or not second:
        return found
    return [code for code in _zbar(image, second) if rules.accept(code)]


def _accepted_first(
    image: Image.Image, rules: BarcodeRules, steps: Sequence[Callable[[Image.Image], tuple[Image.Image, float]]]
) -> list[Barcode]:
    for step in steps:
        changed, scale = step(image)
        codes = _zxing(np.asarray(changed), rules.symbologies, scale=scale)
        accepted = [code for code in codes if rules.accept(code)]
        if accepted:
            return accepted
    return []


def _as_it_is(image: Image.Image) -> tuple[Image.Image, float]:
    return image, 1.0


def _despeckled(image: Image.Image) -> tuple[Image.Image, float]:
    return image.filter(ImageFilter.MedianFilter(3)), 1.0


def _despeckled_twice(image: Image.Image) -> tuple[Image.Image, float]:
    return _enlarged(_despeckled(image)[0], 1.5), 1.5


def _enlarged_by_half(image: Image.Image) -> tuple[Image.Image, float]:
    return _enlarged(image, 1.5), 1.5


def _enlarged(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def _is_speckled(image: Image.Image) -> bool:
    """Tell whether many pixels of the middle of the page are black with no black neighbour above, below or beside."""
    across, down = image.width // 4, image.height // 4
    black = np.asarray(image.crop((across, down, 3 * across, 3 * down))) < 128  # noqa: PLR2004 (half of the grey range)
    inner = black[1:-1, 1:-1]
    alone = inner & ~(black[:-2, 1:-1] | black[2:, 1:-1] | black[1:-1, :-2] | black[1:-1, 2:])
    return bool(alone.mean() > _SPECKLED)


def _zbar(image: Image.Image, symbologies: tuple[Symbology, ...], scale: float = 1.0) -> list[Barcode]:
    symbols = [_SECOND_READER[symbology] for symbology in symbologies]
    return [_from_zbar(one, scale) for one in pyzbar.decode(image, symbols=symbols) if one.data]


def _from_zbar(one: pyzbar.Decoded, scale: float) -> Barcode:
    symbology = _SECOND_READER_NAMES[one.type]
    text = one.data.decode("utf-8", errors="replace")
    if symbology is Symbology.EAN13 and text.startswith("0"):
        symbology, text = Symbology.UPCA, text[1:]
    corners = tuple((round(point.x / scale), round(point.y / scale)) for point in one.polygon)
    left, top, width, height = (round(value / scale) for value in one.rect)
    return Barcode(symbology, text, (left, top, left + width, top + height), corners, one.data)
