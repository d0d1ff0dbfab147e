"""Text lines on photographs and thermal print: the one door to PP-OCR (rapidocr on onnxruntime), which may be missing.

Tesseract is better and cheaper on flat pages of small print; this reads till receipts and photographs far better. It runs in
a confined child like all reading; its models come with its package, and nothing is fetched.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from capture.findings import Word

_LONGEST_SIDE = 2_600
_ONE_THREAD = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
    "Global.log_level": "critical",
}
_LATIN = re.compile(r"[^\x20-\x7e€£°ÄÖÜäöüß]")


def is_available() -> bool:
    """Tell whether the second reader is installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def read_photograph(image: Image.Image, letters: str = "") -> tuple[Word, ...]:
    """Return the words on `image` (colour or grey) with boxes in its pixels.

    Accents are dropped but for those of `letters`: on thermal print most of them are specks.
    """
    factor = max(-(-max(image.size) // _LONGEST_SIDE), 1)
    small = image.reduce(factor) if factor > 1 else image
    found = _found(np.asarray(small.convert("RGB"))[:, :, ::-1])
    if found.boxes is None:
        return ()
    lines = zip(found.boxes, found.txts, found.scores, strict=True)
    return tuple(
        word for box, text, score in lines for word in _words(box * factor, _plain(text, letters), float(score))
    )


def _found(pixels: NDArray[np.uint8]) -> Any:
    try:
        return _recogniser()(pixels)
    except Exception as error:
        if "bad_alloc" in str(error):  # the library wraps its memory errors in an exception of its own
            raise MemoryError from error
        raise


def warm_up() -> None:
    """Load the models before the first child is forked, so that every child finds them ready."""
    if is_available():
        _recogniser()


@cache
def _recogniser() -> Any:
    from rapidocr import RapidOCR  # noqa: PLC0415 (large, and may be missing)

    return RapidOCR(params=_ONE_THREAD)


def _words(box: Any, plain: str, score: float) -> Iterator[Word]:
    """Divide a line into words, each with its share of the line's box."""
    left, top = (float(value) for value in box.min(axis=0))
    right, bottom = (float(value) for value in box.max(axis=0))
    width = (right - left) / max(len(plain), 1)
    for match in re.finditer(r"\S+", plain):
        edges = (round(left + width * match.start()), round(top), round(left + width * match.end()), round(bottom))
        yield Word(match[0], edges, round(score, 3))


def _plain(text: str, letters: str) -> str:
    """Return `text` with full-width forms made plain, other accents than `letters` dropped, other scripts left out."""
    kept = "".join(letter if letter in letters else unicodedata.normalize("NFKD", letter) for letter in text)
    return _LATIN.sub("", "".join(letter for letter in kept if not unicodedata.combining(letter)))
