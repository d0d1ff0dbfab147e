"""Skew is measured and turned back; points follow the page."""

import pytest
from paper import ORDER, leaning, picture
from PIL import Image

from capture.upright import skew_of, turn, turned_point


@pytest.mark.parametrize("degrees", [-6.0, -2.3, 0.0, 0.7, 4.5])
def test_the_angle_that_levels_a_page_is_found_to_a_fifth_of_a_degree(degrees: float) -> None:
    angle, clearness = skew_of(leaning(picture(ORDER), degrees))

    assert abs(angle + degrees) <= 0.2
    assert clearness > 2


def test_an_empty_page_has_no_angle() -> None:
    assert skew_of(Image.new("L", (800, 1000), 255)) == (0.0, 1.0)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("angle", [0.0, 5.0])
def test_a_point_follows_its_page(quarters: int, angle: float) -> None:
    page = Image.new("L", (400, 300), 255)
    page.paste(0, (98, 58, 103, 63))

    x, y = turned_point((100, 60), page.size, quarters, angle)

    assert turn(page, quarters, angle).getpixel((x, y)) == 0
