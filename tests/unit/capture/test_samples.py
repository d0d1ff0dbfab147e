"""Photographed barcodes and scanned receipts made by others, where they lie beside the checkout; measured against the goals."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from capture.barcodes import read_barcodes
from capture.pages import to_grey
from capture.photo_ocr import is_available
from capture.printed_values import find_amount, find_date
from capture.reading import read_file

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data"
FIELDS = ("company", "date", "address", "total")


@cache
def _photographs() -> tuple[tuple[Path, str | None], ...]:
    pictures = sorted((SAMPLES / "barcodes").glob("*/*.png"))
    return tuple((path, _expected(path)) for path in pictures)


def _expected(path: Path) -> str | None:
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8", errors="replace") if text.exists() else None


def _hits(quarters: int) -> Iterator[tuple[Path, str | None, set[str]]]:
    for path, expected in _photographs():
        with Image.open(path) as opened:
            grey = to_grey(opened).rotate(90 * quarters, expand=True)
        yield path, expected, {code.text.replace("\r\n", "\n") for code in read_barcodes(grey)}


@pytest.mark.parametrize(
    "quarters", [0, pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long)]
)
def test_photographed_barcodes_are_read_or_left_but_not_invented(quarters: int) -> None:
    if not _photographs():
        pytest.skip("the photographed barcodes are not here")
    results = list(_hits(quarters))
    positive = [(expected, found) for _, expected, found in results if expected is not None]

    right = sum(expected in found for expected, found in positive)
    wrong = [
        (path.name, found)
        for path, expected, found in results
        if found and expected is not None and expected not in found
    ]
    invented = [path.name for path, _, found in results if found and path.parent.name.startswith("falsepositives")]

    assert right / len(positive) >= 0.88
    assert wrong == []
    assert invented == []


def _same(name: str, found: str, truth: str) -> bool:
    if name == "date":
        one, other = find_date(found), find_date(truth)
        return one is not None and other is not None and one.normalised == other.normalised
    if name == "total":
        first, second = find_amount(found), find_amount(truth)
        return first is not None and second is not None and first.normalised == second.normalised
    return re.sub(r"[^a-z0-9]", "", found.lower()) == re.sub(r"[^a-z0-9]", "", truth.lower())


def _read(path: Path) -> dict[str, str]:
    return {one.name: one.value for one in read_file(path, "receipt").fields}


@pytest.mark.long
def test_the_fields_of_receipts_are_found() -> None:
    scans = sorted((SAMPLES / "receipts").glob("*.jpg"))
    if not scans:
        pytest.skip("the scanned receipts are not here")
    if not is_available():
        pytest.skip("the reader for photographs is not installed")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(_read, scans))
    truth = [json.loads((path.parent / f"{path.stem}.fields.json").read_text(encoding="utf-8")) for path in scans]

    right = sum(
        _same(name, one.get(name, ""), other[name]) for one, other in zip(found, truth, strict=True) for name in FIELDS
    )

    made = sum(len(one) for one in found)
    assert 2 * right / (made + len(FIELDS) * len(scans)) >= 0.85
