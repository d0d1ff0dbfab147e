"""Words from pictures of pages: right, placed, upright; with real Tesseract."""

import collections

import pytest
from paper import BESTELLUNG, ORDER, leaning, noisy, picture, scanned_pdf
from PIL import Image

from capture import ocr
from capture.findings import Source, Word
from capture.ocr import OcrSettings, orientation, read_words, read_zone, readability
from capture.page_reading import Work, read_sheet
from capture.pages import Sheet

TEXT_ONLY = Work(barcodes=False)


def _sheet(page: Image.Image, dpi: int = 200) -> Sheet:
    return Sheet(1, page.width, page.height, dpi, None, lambda *_: page)


def _recall(words: tuple[Word, ...], lines: tuple[str, ...]) -> float:
    truth = collections.Counter(word for line in lines for word in line.split())
    return sum((collections.Counter(word.text for word in words) & truth).values()) / truth.total()


@pytest.mark.parametrize("lines", [ORDER, BESTELLUNG])
def test_english_and_german_pages_are_read(lines: tuple[str, ...]) -> None:
    words = read_words(noisy(picture(lines)), 200, OcrSettings())

    assert _recall(words, lines) >= 0.95
    assert readability(words) > 0.85
    assert all(0 <= word.confidence <= 1 for word in words)


@pytest.mark.parametrize(("degrees", "turned"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_a_page_is_read_however_it_lay(degrees: int, turned: int) -> None:
    page = picture(ORDER * 2, points=10).rotate(degrees, expand=True)

    read = read_sheet(_sheet(page), TEXT_ONLY)

    assert (read.turned, read.source) == (turned, Source.OCR)
    assert (read.width, read.height) == (1654, 2338)
    assert _recall(read.words, ORDER * 2) >= 0.95


def test_a_leaning_page_is_levelled_before_it_is_read() -> None:
    read = read_sheet(_sheet(leaning(picture(ORDER), 5)), TEXT_ONLY)

    assert abs(read.skew + 5) <= 0.2
    assert _recall(read.words, ORDER) >= 0.95


def test_boxes_lie_where_the_words_are() -> None:
    page = picture(["alpha", "", "", "omega"])

    alpha, omega = read_words(page, 200, OcrSettings())

    assert abs(alpha.box[0] - 180) < 8
    assert abs((omega.box[1] - alpha.box[1]) - 200) < 15


def test_a_zone_is_read_alone_with_boxes_on_the_page() -> None:
    page = picture(ORDER)
    number = next(word for word in read_words(page, 200, OcrSettings()) if word.text == "MV-2026-0815")
    left, top, right, bottom = number.box

    zone = read_zone(page, (left - 10, top - 10, right + 10, bottom + 10), 200, OcrSettings())

    assert [word.text for word in zone] == ["MV-2026-0815"]
    assert abs(zone[0].box[0] - left) <= 3


def test_the_program_reads_like_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    page = picture(ORDER)
    by_library = read_words(page, 200, OcrSettings("eng", 3))
    upside_down = picture(ORDER * 2, points=10).rotate(180)
    turns = orientation(upside_down, 200)

    monkeypatch.setattr(ocr, "tesserocr", None)

    assert _recall(read_words(page, 200, OcrSettings("eng", 3)), ORDER) == pytest.approx(
        _recall(by_library, ORDER), abs=0.1
    )
    assert orientation(upside_down, 200) == turns == 2


def test_languages_that_are_not_installed_are_named() -> None:
    from capture.errors import ToolMissing  # noqa: PLC0415 (only this test needs it)

    with pytest.raises(ToolMissing, match="xyz"):
        read_words(picture(["a"]), 200, OcrSettings("xyz"))


def test_an_empty_page_is_known_as_blank_and_not_read() -> None:
    read = read_sheet(_sheet(noisy(Image.new("L", (1654, 2338), 250), 5)), Work())

    assert read.is_blank
    assert read.words == ()


def test_a_scanned_pdf_is_read_at_the_resolution_of_its_picture(tmp_path: object) -> None:
    from pathlib import Path  # noqa: PLC0415 (only this test needs it)

    from capture.page_reading import read_pages  # noqa: PLC0415 (only this test needs it)

    path = Path(str(tmp_path)) / "scan.pdf"
    path.write_bytes(scanned_pdf([picture(ORDER)]))

    (read,) = read_pages(path, True, TEXT_ONLY, range(1, 2))

    assert abs(read.dpi - 200) <= 1
    assert _recall(read.words, ORDER) >= 0.95
