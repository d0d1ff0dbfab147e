"""Pages of a file, one at a time: the door to pdfium, qpdf and Pillow.

What is here looks at foreign bytes and so runs in a confined child. A file is opened once and its pages are taken in
ascending order: a fax of a thousand pages is never held whole. A sheet is lazy: words of the text layer cost milliseconds,
its image is made only when somebody asks for it. pdfium is not safe for threads; the child has one.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from capture.errors import DamagedFile, PasswordNeeded, TooBig
from capture.findings import Word
from capture.text_layer import is_usable, quarter_turns, words_of

MOST_PAGES = 2_000
MOST_PIXELS_COLOUR = 120_000_000
MOST_PIXELS_BILEVEL = 400_000_000
RENDER_DPI = 300
_MOST_PIXELS_RENDERED = 50_000_000
_LEAST_SCAN_DPI = 100
_MOST_SCAN_DPI = 300
_POINTS = 72
_CREDIBLE_DPI = (60, 2400)
_UNEVEN = 1.15
_A4_INCHES = (8.27, 11.69)
_DPI_WITHOUT_WORD = 200
_METRES_PER_INCH = 0.0254

Image.MAX_IMAGE_PIXELS = MOST_PIXELS_BILEVEL


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page before it is read: size in pixels at `dpi`, words of its text layer or None, and its image on demand.

    `render(colour, dpi)` gives the image in grey or colour at about that resolution; the size may differ from `width`
    by the same factor in both directions.
    """

    number: int
    width: int
    height: int
    dpi: int
    words: tuple[Word, ...] | None
    render: Callable[[bool, int], Image.Image]
    turned: int = 0


class Sheets(Protocol):
    """An open file: how many pages, and each of them from 1 on; `is_repaired` when it was damaged and mended."""

    count: int
    is_repaired: bool

    def sheet(self, number: int) -> Sheet:
        """Return page `number`."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class PdfSheets:
    """The pages of a PDF."""

    def __init__(self, path: Path) -> None:
        self.is_repaired = False
        self._document = self._open(path)
        self.count = len(self._document)
        _check_count(self.count)

    def sheet(self, number: int) -> Sheet:
        """Return page `number`, with the words of its text layer if it has one that can be trusted."""
        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise DamagedFile(f"Page {number} of the PDF is damaged.") from error
        scan_dpi = _scan_dpi(page)
        turned = quarter_turns(page) if scan_dpi is None else 0
        page.set_rotation((page.get_rotation() + 90 * turned) % 360)
        dpi = _bounded_dpi(page, scan_dpi or RENDER_DPI)
        width, height = (round(points * dpi / _POINTS) for points in page.get_size())
        words = words_of(page, width, height)
        usable = is_usable(words, is_scan=scan_dpi is not None)
        return Sheet(number, width, height, dpi, words if usable else None, partial(_rendered, page), turned)

    def close(self) -> None:
        """Close the file."""
        self._document.close()

    def _open(self, path: Path) -> pypdfium2.PdfDocument:
        try:
            return pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError:
            self.is_repaired = True
            return _repaired(path)


class ImageSheets:
    """The frames of an image file; of TIFF and GIF there may be many."""

    def __init__(self, path: Path) -> None:
        self.is_repaired = False
        with _pillow_errors():
            self._image = Image.open(path)
        try:
            with _pillow_errors():
                self.count = _frames(self._image)
            _check_count(self.count)
        except BaseException:
            self._image.close()
            raise

    def sheet(self, number: int) -> Sheet:
        """Return frame `number`, decoded; a fax's uneven resolution is put right."""
        with _pillow_errors():
            self._image.seek(number - 1)
            _check_pixels(self._image)
            resolution = _resolution(self._image)
            frame = ImageOps.exif_transpose(self._image.copy()) if self._is_photograph() else self._image.copy()
        straight, dpi = _squared(frame, resolution)
        return Sheet(number, straight.width, straight.height, dpi, None, partial(_as_asked, straight, dpi))

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def _is_photograph(self) -> bool:
        return self._image.format in {"JPEG", "WEBP", "PNG", "MPO"}


def open_sheets(path: Path, *, is_pdf: bool) -> Sheets:
    """Open the PDF or image at `path`; raise DamagedFile, PasswordNeeded or TooBig."""
    return PdfSheets(path) if is_pdf else ImageSheets(path)


def encode(image: Image.Image) -> bytes:
    """Return `image` as a file for viewers: PNG when black and white, else JPEG."""
    written = io.BytesIO()
    if image.mode == "1":
        image.save(written, "PNG", optimize=False)
    else:
        image.save(written, "JPEG", quality=80)
    return written.getvalue()


def to_grey(image: Image.Image) -> Image.Image:
    """Return `image` in grey on white paper, whatever its mode."""
    if image.mode in {"L", "1"}:
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        return _stretched(image)
    return to_colour(image).convert("L")


def to_colour(image: Image.Image) -> Image.Image:
    """Return `image` in red, green and blue on white paper, whatever its mode."""
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(with_alpha)
        return paper.convert("RGB")
    return _stretched(image).convert("RGB") if image.mode.startswith(("I", "F")) else image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    most = 65535.0 if image.mode.startswith("I") and values.max(initial=0) > 255 else 255.0  # noqa: PLR2004
    return Image.fromarray(np.clip(values * (255.0 / most), 0, 255).astype(np.uint8))


def _repaired(path: Path) -> pypdfium2.PdfDocument:
    """Return a mended copy of a PDF that pdfium refuses, by qpdf."""
    try:
        with pikepdf.open(path) as broken:
            mended = io.BytesIO()
            broken.save(mended)
        return pypdfium2.PdfDocument(mended.getvalue())
    except pikepdf.PasswordError as error:
        raise PasswordNeeded("The PDF is protected by a password.") from error
    except (pikepdf.PdfError, pypdfium2.PdfiumError, ValueError, RuntimeError) as error:
        raise DamagedFile("The PDF is damaged and could not be repaired.") from error


def _scan_dpi(page: pypdfium2.PdfPage) -> int | None:
    """Return the resolution of the picture that covers most of the page, or None when there is no such picture."""
    width, height = page.get_size()
    for picture in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = picture.get_bounds()
        across, down = picture.get_px_size()
        covers = (right - left) * (top - bottom) > 0.6 * width * height
        if covers and across and down:
            finer = max(across / max(right - left, 1), down / max(top - bottom, 1))
            return int(min(max(finer * _POINTS, _LEAST_SCAN_DPI), _MOST_SCAN_DPI) + 0.5)
    return None


def _bounded_dpi(page: pypdfium2.PdfPage, dpi: int) -> int:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise DamagedFile("A page of the PDF has no size.")
    most = math.sqrt(_MOST_PIXELS_RENDERED * _POINTS * _POINTS / (width * height))
    return max(min(dpi, int(most)), 1)


def _rendered(page: pypdfium2.PdfPage, colour: bool, dpi: int) -> Image.Image:
    scale = _bounded_dpi(page, dpi) / _POINTS
    try:
        bitmap = page.render(scale=scale, grayscale=not colour, rev_byteorder=colour, prefer_bgrx=False)
        image: Image.Image = bitmap.to_pil()
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise DamagedFile("A page of the PDF cannot be drawn.") from error
    return to_colour(image) if colour else to_grey(image)


def _frames(image: Image.Image) -> int:
    count = int(getattr(image, "n_frames", 1))
    return count if image.format in {"TIFF", "GIF", "MPO"} and image.format != "MPO" else 1


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Return the stated resolution across and down in dpi, or zeros where it is missing or unbelievable."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    lowest, highest = _CREDIBLE_DPI
    credible = lowest <= across <= highest and lowest <= down <= highest
    return (across, down) if credible else (0.0, 0.0)


def _squared(image: Image.Image, resolution: tuple[float, float]) -> tuple[Image.Image, int]:
    """Return `image` with the same resolution in both directions, the finer one."""
    across, down = resolution
    if not across or not down:
        return image, _supposed_dpi(image)
    if max(across, down) / min(across, down) < _UNEVEN:
        return image, round(max(across, down))
    finer = max(across, down)
    size = (round(image.width * finer / across), round(image.height * finer / down))
    grey = to_grey(image) if image.mode == "1" else image
    return grey.resize(size, Image.Resampling.BICUBIC), round(finer)


def _supposed_dpi(image: Image.Image) -> int:
    """Suppose a resolution: of A4 paper where the sides are in its proportion, else 200 dpi."""
    narrow, wide = sorted(image.size)
    is_a4 = abs(wide / max(narrow, 1) - math.sqrt(2)) < 0.03  # noqa: PLR2004 (two per cent of a side)
    supposed = round(narrow / _A4_INCHES[0]) if is_a4 else _DPI_WITHOUT_WORD
    return min(max(supposed, _CREDIBLE_DPI[0]), _CREDIBLE_DPI[1])


def _as_asked(image: Image.Image, own_dpi: int, colour: bool, dpi: int) -> Image.Image:
    """Return `image` in colour or grey, reduced by a whole factor while it stays at least as fine as `dpi`."""
    factor = max(own_dpi // dpi, 1) if dpi else 1
    if image.mode == "1" and factor > 1:
        return _reduced_in_strips(image, factor)
    converted = to_colour(image) if colour else to_grey(image)
    return converted.reduce(factor) if factor > 1 else converted


def _reduced_in_strips(image: Image.Image, factor: int) -> Image.Image:
    """Reduce a large black and white image to grey strip by strip, so that it never lies in memory twice."""
    made = Image.new("L", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, 1000 * factor):
        strip = image.crop((0, top, image.width, min(top + 1000 * factor, image.height)))
        made.paste(strip.convert("L").reduce(factor), (0, top // factor))
    return made


def _check_count(count: int) -> None:
    if count == 0:
        raise DamagedFile("The file has no pages.")
    if count > MOST_PAGES:
        raise TooBig(f"The file has {count} pages; at most {MOST_PAGES} are read.")


def _check_pixels(image: Image.Image) -> None:
    pixels = image.width * image.height
    most = MOST_PIXELS_BILEVEL if image.mode == "1" else MOST_PIXELS_COLOUR
    if pixels > most:
        raise TooBig(f"The image has {pixels // 1_000_000} megapixels; at most {most // 1_000_000} are read.")


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Turn Pillow's many errors, and its warning of a bomb, into ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooBig("The image has more pixels than are read.") from error
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
    ) as error:
        raise DamagedFile("The image is damaged or cut short.") from error


__all__ = [
    "ImageSequence",
    "ImageSheets",
    "PdfSheets",
    "Sheet",
    "Sheets",
    "encode",
    "open_sheets",
    "to_colour",
    "to_grey",
]
