"""How far a page image leans, measured by the profile of its dark rows (W. Postl, US patent 4,723,297), and turning it back."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGEST_SIDE = 900
_MOST_POINTS = 40_000
_WIDEST = 10.0
_COARSE = 0.5
_FINE = 0.1
_FEWEST_POINTS = 200


def skew_of(grey: Image.Image) -> tuple[float, float]:
    """Return the angle in degrees, counter-clockwise positive, that puts the lines of `grey` level, and how clear that is.

    The clearness is the peak of the profile's sharpness over its median; about 1 where there are no lines.
    """
    rows, columns = _dark_points(grey)
    if rows.size < _FEWEST_POINTS:
        return 0.0, 1.0
    coarse = np.arange(-_WIDEST, _WIDEST + _COARSE, _COARSE)
    sharpness = _sharpness(rows, columns, coarse)
    around = coarse[int(sharpness.argmax())]
    fine = np.arange(around - _COARSE, around + _COARSE + _FINE / 2, _FINE)
    best = _sharpness(rows, columns, fine)
    angle = float(fine[int(best.argmax())])
    return round(angle, 2), float(best.max() / max(float(np.median(sharpness)), 1.0))


def turn(image: Image.Image, quarters: int, angle: float) -> Image.Image:
    """Return `image` turned by `quarters` clockwise quarter turns, then by `angle` degrees counter-clockwise on its canvas."""
    turned = image
    if quarters % 4:
        steps = (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
        turned = image.transpose(steps[quarters % 4 - 1])
    if angle:
        paper = 255 if turned.mode == "L" else (255, 255, 255)
        turned = turned.rotate(angle, Image.Resampling.BICUBIC, fillcolor=paper)
    return turned


def turned_point(point: tuple[int, int], size: tuple[int, int], quarters: int, angle: float) -> tuple[int, int]:
    """Return where a point of an image of `size` lies after `turn`."""
    x, y, (width, height) = float(point[0]), float(point[1]), size
    for _ in range(quarters % 4):
        x, y = height - y, x
        width, height = height, width
    radians = np.deg2rad(angle)
    across, down = x - width / 2, y - height / 2
    x = width / 2 + across * np.cos(radians) + down * np.sin(radians)
    y = height / 2 - across * np.sin(radians) + down * np.cos(radians)
    return round(float(x)), round(float(y))


def _dark_points(grey: Image.Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    factor = max(max(grey.size) // _LONGEST_SIDE, 1)
    small = np.asarray(grey.reduce(factor) if factor > 1 else grey)
    paper, ink = np.percentile(small, (90, 0.2))
    dark = small < (paper + ink) / 2 if paper - ink > 30 else np.zeros(small.shape, bool)  # noqa: PLR2004 (blank)
    rows, columns = np.nonzero(dark)
    step = max(rows.size // _MOST_POINTS, 1)
    return rows[::step].astype(np.float32), columns[::step].astype(np.float32)


def _sharpness(
    rows: NDArray[np.float32], columns: NDArray[np.float32], angles: NDArray[np.float64]
) -> NDArray[np.float64]:
    found = []
    for angle in np.deg2rad(angles):
        level = rows * np.float32(np.cos(angle)) - columns * np.float32(np.sin(angle))
        profile = np.bincount((level - level.min()).astype(np.int32)).astype(np.float64)
        found.append(float(np.square(np.diff(profile)).sum()))
    return np.asarray(found)
