"""Words on a page image: the one door to Tesseract, in process by tesserocr, or by pytesseract where that is missing.

Runs in a confined child. Tesseract's threads are switched off by the environment of every child before the library loads;
they cost five times what they bring. The recogniser is loaded once, before the fork, and shared by all children.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from capture.errors import ToolMissing
from capture.findings import Box, Word

try:
    import tesserocr
except ImportError:  # there is no wheel for every processor
    tesserocr = None

_TESSDATA = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata")
_WORD_LEVEL = "5"
_LEVEL, _LEFT, _TOP, _WIDTH, _HEIGHT, _CONFIDENCE, _TEXT = 0, 6, 7, 8, 9, 10, 11
_OSD_SIDE = 2600
_SURE_OF_ORIENTATION = 1.0


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """How to read: `languages` as Tesseract names them ("eng+deu"), `segmentation` its page segmentation mode."""

    languages: str = "eng+deu"
    segmentation: int = 3


def read_words(grey: Image.Image, dpi: int, settings: OcrSettings) -> tuple[Word, ...]:
    """Return the words on `grey`, an upright page, with boxes in its pixels and confidence from 0 to 1."""
    return tuple(_words_in(_table(grey, dpi, settings)))


def read_zone(grey: Image.Image, box: Box, dpi: int, settings: OcrSettings) -> tuple[Word, ...]:
    """Return the words within `box` of `grey`, read as one block, with boxes in pixels of the whole page."""
    left, top, right, bottom = box
    as_block = OcrSettings(settings.languages, 6)
    words = read_words(grey.crop((left, top, right, bottom)), dpi, as_block)
    return tuple(Word(word.text, _moved(word.box, left, top), word.confidence) for word in words)


def orientation(grey: Image.Image, dpi: int) -> int:
    """Return how many clockwise quarter turns put `grey` upright, as Tesseract's orientation detection sees it; 0 if unsure."""
    factor = max(max(grey.size) // _OSD_SIDE, 1)
    small = grey.reduce(factor) if factor > 1 else grey
    if tesserocr is None:
        return _orientation_by_program(small)
    api = _recogniser("osd")
    api.SetPageSegMode(tesserocr.PSM.OSD_ONLY)
    _show(api, small, dpi // factor)
    found = api.DetectOrientationScript()
    api.Clear()
    if not found or found["orient_conf"] < _SURE_OF_ORIENTATION:
        return 0
    return int(-found["orient_deg"] // 90 % 4)


def readability(words: tuple[Word, ...]) -> float:
    """Return the mean confidence of the words of three letters or digits and more, 0 when there is none."""
    marks = [word.confidence for word in words if sum(map(str.isalnum, word.text)) > 2]  # noqa: PLR2004 (shorter ones tell little)
    return sum(marks) / len(marks) if marks else 0.0


def warm_up() -> None:
    """Load the usual recogniser before the first child is forked, so that every child finds it ready."""
    if tesserocr is not None:
        _recogniser(OcrSettings().languages)


def _table(grey: Image.Image, dpi: int, settings: OcrSettings) -> str:
    if tesserocr is None:
        return _table_by_program(grey, dpi, settings)
    api = _recogniser(settings.languages)
    api.SetPageSegMode(settings.segmentation)
    _show(api, grey, dpi)
    table: str = api.GetTSVText(0)
    api.Clear()
    return table


@cache
def _recogniser(languages: str) -> "tesserocr.PyTessBaseAPI":
    folder = next((folder for folder in _TESSDATA if Path(folder).is_dir()), "")
    try:
        return tesserocr.PyTessBaseAPI(path=folder, lang=languages)
    except RuntimeError as error:
        raise ToolMissing(f"Tesseract has no data for {languages}.") from error


def _show(api: "tesserocr.PyTessBaseAPI", grey: Image.Image, dpi: int) -> None:
    api.SetImageBytes(grey.tobytes(), grey.width, grey.height, 1, grey.width)
    api.SetSourceResolution(max(dpi, 70))


def _words_in(table: str) -> Iterator[Word]:
    for row in csv.reader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        if len(row) > _TEXT and row[_LEVEL] == _WORD_LEVEL and row[_TEXT].strip():
            left, top, width, height = (int(row[column]) for column in (_LEFT, _TOP, _WIDTH, _HEIGHT))
            confidence = min(max(float(row[_CONFIDENCE]) / 100, 0.0), 1.0)
            yield Word(row[_TEXT].strip(), (left, top, left + width, top + height), round(confidence, 3))


def _moved(box: Box, across: int, down: int) -> Box:
    return box[0] + across, box[1] + down, box[2] + across, box[3] + down


def _table_by_program(grey: Image.Image, dpi: int, settings: OcrSettings) -> str:
    import pytesseract  # noqa: PLC0415 (loaded only where tesserocr is missing)

    options = f"--psm {settings.segmentation} --dpi {max(dpi, 70)}"
    try:
        table: str = pytesseract.image_to_data(grey, lang=settings.languages, config=options)
    except (pytesseract.TesseractNotFoundError, pytesseract.TesseractError) as error:
        raise ToolMissing(f"Tesseract does not run: {error}") from error
    return table.partition("\n")[2]


def _orientation_by_program(grey: Image.Image) -> int:
    import pytesseract  # noqa: PLC0415 (loaded only where tesserocr is missing)

    try:
        found = pytesseract.image_to_osd(grey, output_type=pytesseract.Output.DICT)
    except pytesseract.TesseractError:  # too few characters on the page
        return 0
    sure = float(found["orientation_conf"]) >= _SURE_OF_ORIENTATION
    return int(found["rotate"]) // 90 % 4 if sure else 0
