"""Broken, locked and hostile files: each ends soon, with its reason, and the next file is read as if nothing had been."""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from paper import ORDER, fax, huge_pdf, jpeg, locked_pdf, pdf, picture, png, png_bomb, stream_bomb, tiff, tiff_bomb
from PIL import Image

from capture import reading as module
from capture.errors import Unreadable
from capture.page_reading import Work, read_pages
from capture.reading import Only, opened, read_file
from confined.child import Limits, stream_confined

SOON = 90.0


def _word_bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("word/document.xml", b"0" * (100 << 20))
    return written.getvalue()


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no bytes": (lambda: b"", "empty"),
    "user password": (locked_pdf, "password"),
    "rubbish after the head of a PDF": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 50, "damaged"),
    "half a PDF with nothing left on its pages": (lambda: _half(pdf([ORDER] * 3)), "damaged"),
    "half a JPEG": (lambda: _half(jpeg(picture(ORDER))), "damaged"),
    "half a TIFF": (lambda: _half(tiff([picture(ORDER)] * 2, compression="tiff_lzw")), "damaged"),
    "half a PNG": (lambda: _half(png(picture(ORDER))), "damaged"),
    "corrupt JPEG": (lambda: jpeg(picture(ORDER))[:200] + bytes(range(256)) * 40, "damaged"),
    "PNG of 900 megapixels": (png_bomb, "too_big"),
    "TIFF of 900 megapixels": (tiff_bomb, "too_big"),
    "colour image of 130 megapixels": (lambda: png(Image.new("RGB", (13_000, 10_000))), "too_big"),
    "PDF that unpacks to 256 MB": (stream_bomb, "too_big"),
    "word file that unpacks to 100 MB": (_word_bomb, "too_big"),
    "broken word file": (lambda: b"PK\x03\x04" + b"\0" * 100, "damaged"),
    "program": (lambda: Path("/bin/sh").read_bytes(), "unsupported"),
    "drawing": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_ends_soon_with_its_reason(fault: str) -> None:
    make, code = FAULTS[fault]
    data = make()
    started = time.monotonic()

    with pytest.raises(Unreadable) as caught:
        read_file(data, "order")

    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    assert "/tmp" not in caught.value.message  # noqa: S108 (nothing of the machine is told)
    assert time.monotonic() - started < SOON
    assert read_file(b"the next file\n", "order", Only.TEXT).pages[0].words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"This is called order.pdf and is a text.\n", "called"),
        (lambda: b"junk\r\n" * 20 + pdf([ORDER]), "MV-2026-0815"),
        (lambda: locked_pdf(owner_only=True), "MV-2026-0815"),
    ],
)
def test_an_odd_file_is_read_all_the_same(make: Callable[[], bytes], words: str) -> None:
    assert words in read_file(make(), "order").pages[0].text


def test_a_huge_page_is_read_at_a_lower_resolution() -> None:
    reading = read_file(huge_pdf(), "order", Only.BARCODES)

    assert reading.pages[0].width * reading.pages[0].height <= 50_000_000


def test_a_page_that_takes_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_LIMITS", Limits(wall_seconds=0.01))

    with pytest.raises(Unreadable) as caught:
        read_file(pdf([ORDER]), "order")

    assert caught.value.code == "timeout"


def test_a_page_that_needs_too_much_memory_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_LIMITS", Limits(memory_bytes=30 << 20))

    with pytest.raises(Unreadable) as caught:
        read_file(png(Image.new("RGB", (5_000, 5_000))), "order")

    assert caught.value.code == "too_big"


def test_too_many_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from capture import pages  # noqa: PLC0415 (the limit is lowered)
    from capture.errors import TooBig  # noqa: PLC0415 (only this test needs it)

    monkeypatch.setattr(pages, "MOST_PAGES", 2)
    path = tmp_path / "long.pdf"
    path.write_bytes(pdf([["a"]] * 3))

    with pytest.raises(TooBig, match="3 pages"):
        pages.open_sheets(path, is_pdf=True)


def _long_fax(pages: int) -> bytes:
    return tiff([fax(picture(ORDER))] * pages, dpi=(204, 98))


def test_the_first_page_of_a_long_fax_comes_before_the_last_is_looked_at() -> None:
    with opened(_long_fax(60)) as file:
        stream = stream_confined(read_pages, file.path, file.is_pdf, Work(barcodes=False), range(1, 61))
        first = next(stream)
        stream.close()

    assert file.count == 60
    assert first.words


@pytest.mark.long
def test_a_fax_of_a_thousand_pages_is_read_in_bounded_memory() -> None:
    reading = read_file(_long_fax(1000), None, Only.BARCODES)

    assert len(reading.pages) == 1000
