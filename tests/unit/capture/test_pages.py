"""Pages of PDFs and images: size, resolution, text layer, limits."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pypdfium2
import pytest
from paper import (
    BESTELLUNG,
    ORDER,
    fax,
    huge_pdf,
    jpeg,
    locked_pdf,
    pdf,
    picture,
    png,
    png_bomb,
    scanned_pdf,
    tiff,
    tiff_bomb,
)
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from capture.errors import DamagedFile, PasswordNeeded, TooBig
from capture.pages import Sheets, encode, open_sheets, to_colour, to_grey

Opening = Callable[[bytes], Sheets]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Callable[[bytes], Sheets]]:
    with ExitStack() as stack:

        def opened(data: bytes) -> Sheets:
            path = tmp_path / "file"
            path.write_bytes(data)
            return stack.enter_context(closing(open_sheets(path, is_pdf=b"%PDF-" in data[:1024])))

        yield opened


def _turned_text(rotation: int) -> bytes:
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=(595, 842))
    canvas.translate(300, 400)
    canvas.rotate(rotation)
    canvas.drawString(0, 0, "text that runs in one direction")
    canvas.showPage()
    canvas.save()
    return written.getvalue()


def test_a_born_digital_page_brings_its_words_with_boxes_in_pixels(opening: Opening) -> None:
    sheet = opening(pdf([["first", "second word"]])).sheet(1)

    assert (sheet.width, sheet.height, sheet.dpi) == (2480, 3508, 300)
    assert sheet.words is not None
    assert [word.text for word in sheet.words] == ["first", "second", "word"]
    left, top, right, bottom = sheet.words[0].box
    assert abs(left - 60 / 72 * 300) < 6
    assert 280 - 50 < top < bottom < 310
    assert right > left


def test_boxes_lie_on_the_ink(opening: Opening) -> None:
    sheet = opening(pdf([BESTELLUNG])).sheet(1)
    page = sheet.render(False, 300)

    assert sheet.words is not None
    for word in sheet.words:
        darkest, _ = page.crop(word.box).getextrema()
        assert isinstance(darkest, (int, float))
        assert darkest < 128


@pytest.mark.parametrize(("rotation", "turned"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_a_page_whose_text_runs_sideways_is_turned_upright(opening: Opening, rotation: int, turned: int) -> None:
    sheet = opening(_turned_text(rotation)).sheet(1)

    assert sheet.turned == turned
    assert sheet.words is not None
    boxes = [word.box for word in sheet.words]
    assert boxes == sorted(boxes, key=lambda box: box[0])
    assert max(box[1] for box in boxes) - min(box[1] for box in boxes) < 20


def test_a_scanned_page_has_no_words_and_the_resolution_of_its_picture(opening: Opening) -> None:
    sheet = opening(scanned_pdf([picture(ORDER, dpi=150)], dpi=150)).sheet(1)

    assert sheet.words is None
    assert abs(sheet.dpi - 150) <= 1


def test_a_fax_of_standard_resolution_is_put_right(opening: Opening) -> None:
    sheet = opening(tiff([fax(picture(ORDER))], dpi=(204, 98))).sheet(1)

    assert sheet.dpi == 204
    assert abs(sheet.height / sheet.width - 2**0.5) < 0.05


def test_every_frame_of_a_tiff_is_a_page(opening: Opening) -> None:
    sheets = opening(tiff([picture(["one"]), picture(["two"]), picture(["three"])]))

    assert sheets.count == 3
    assert [sheets.sheet(number).number for number in (1, 2, 3)] == [1, 2, 3]


def test_a_photograph_is_turned_as_its_camera_was_held(opening: Opening) -> None:
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (300, 200), 255).save(written, "JPEG", exif=exif)

    sheet = opening(written.getvalue()).sheet(1)

    assert (sheet.width, sheet.height) == (200, 300)


def test_an_a4_picture_without_a_resolution_is_supposed_to_be_a4(opening: Opening) -> None:
    written = io.BytesIO()
    Image.new("L", (2481, 3508), 255).save(written, "PNG")

    assert opening(written.getvalue()).sheet(1).dpi == 300


def test_a_huge_pdf_page_is_drawn_at_a_lower_resolution(opening: Opening) -> None:
    sheet = opening(huge_pdf()).sheet(1)

    assert sheet.dpi < 50
    assert sheet.width * sheet.height <= 50_000_000


def test_a_truncated_pdf_is_mended_and_marked(opening: Opening) -> None:
    whole = pdf([ORDER] * 3)

    sheets = opening(whole[: len(whole) // 2])

    assert sheets.is_repaired
    assert sheets.count >= 1


def test_an_owner_password_alone_does_not_lock_a_pdf(opening: Opening) -> None:
    assert opening(locked_pdf(owner_only=True)).sheet(1).words


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (locked_pdf(), PasswordNeeded),
        (b"%PDF-1.7\n" + bytes(range(256)) * 10, DamagedFile),
        (png_bomb(), TooBig),
        (tiff_bomb(), TooBig),
        (tiff_bomb(15_000), DamagedFile),
        (jpeg(picture(ORDER))[:3000], DamagedFile),
        (b"\xff\xd8\xff" + b"nonsense", DamagedFile),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(opening: Opening, data: bytes, reason: type[Exception]) -> None:
    with pytest.raises(reason):
        opening(data).sheet(1)


def test_a_colour_image_over_the_limit_is_too_big(opening: Opening) -> None:
    data = png(Image.new("RGB", (12_100, 10_000), "white"))

    with pytest.raises(TooBig, match="121 megapixels"):
        opening(data).sheet(1)


def test_a_large_fax_page_is_reduced_strip_by_strip(opening: Opening) -> None:
    sheet = opening(tiff([Image.new("1", (5000, 5000), 1)], dpi=(600, 600))).sheet(1)

    reduced = sheet.render(False, 300)

    assert (sheet.width, sheet.dpi) == (5000, 600)
    assert reduced.size == (2500, 2500)
    assert reduced.getextrema() == (255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_grey_and_colour(mode: str) -> None:
    image = Image.new(mode, (4, 4))

    assert to_grey(image).mode == "L"
    assert to_colour(image).mode == "RGB"


def test_transparent_pixels_are_paper() -> None:
    assert to_grey(Image.new("RGBA", (2, 2), (0, 0, 0, 0))).getpixel((0, 0)) == 255


def test_pictures_for_viewers_are_png_when_black_and_white_else_jpeg() -> None:
    assert encode(Image.new("1", (5, 5))).startswith(b"\x89PNG")
    assert encode(Image.new("RGB", (5, 5))).startswith(b"\xff\xd8\xff")


def test_a_text_layer_of_rubbish_is_not_trusted() -> None:
    from capture.findings import Word  # noqa: PLC0415 (only this test needs it)
    from capture.text_layer import is_usable  # noqa: PLC0415 (only this test needs it)

    rubbish = (Word("\ue001\ue002\ufffd", (0, 0, 9, 9), 1.0),)
    stamp = (Word("Scanned", (0, 0, 9, 9), 1.0),)

    assert not is_usable(rubbish, is_scan=False)
    assert not is_usable(stamp, is_scan=True)
    assert is_usable(stamp, is_scan=False)
    assert not is_usable((), is_scan=False)


def test_the_pdf_library_is_the_one_that_knows_characters() -> None:
    assert hasattr(pypdfium2.raw, "FPDFText_GetCharBox")
