import io
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from capture.cutting import PDF, TIFF, cut_pages
from capture.errors import Unsupported


def a_stack(path: Path, mode: str) -> Path:
    frames = [Image.new(mode, (100 + number, 140), 1) for number in range(4)]
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:], dpi=(204, 98))
    return path


@pytest.mark.parametrize("mode", ["1", "L"])
def test_the_pages_of_a_stack_stay_a_stack_in_their_order_and_resolution(tmp_path: Path, mode: str) -> None:
    cut = cut_pages(a_stack(tmp_path / "stack.tif", mode), TIFF, (2, 4))

    with Image.open(io.BytesIO(cut.content)) as image:
        widths = []
        for number in range(2):
            image.seek(number)
            widths.append(image.width)
        assert image.n_frames == 2  # type: ignore[attr-defined]  # a TIFF has it
        assert (image.mode, tuple(map(round, image.info["dpi"]))) == (mode, (204, 98))
    assert widths == [101, 103]


def test_the_pages_of_a_pdf_stay_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "stack.pdf"
    with pikepdf.new() as pdf:
        for width in (100, 200, 300):
            pdf.add_blank_page(page_size=(width, 400))
        pdf.save(path)

    cut = cut_pages(path, PDF, (3, 1))

    with pikepdf.open(io.BytesIO(cut.content)) as part:
        assert [int(page.mediabox[2]) for page in part.pages] == [300, 100]


def test_other_files_are_not_divided(tmp_path: Path) -> None:
    with pytest.raises(Unsupported):
        cut_pages(tmp_path / "x.png", "image/png", (1,))
