"""Barcodes: read on clean, leaning, noisy and faxed pages, never invented; rules of a profile; written."""

from functools import cache

import numpy as np
import pytest
from paper import ORDER, leaning, noisy, picture, speckled
from PIL import Image

from capture.barcodes import BarcodeRules, has_mod10, read_barcodes, write_barcode
from capture.findings import Symbology

TEXTS = {
    Symbology.QRCODE: "PK1:SEP:PARCEL:X",
    Symbology.DATAMATRIX: "DM-4711",
    Symbology.AZTEC: "AZTEC 99",
    Symbology.PDF417: "PDF417 order 123",
    Symbology.CODE128: "ORD-2026-000123",
    Symbology.CODE39: "ORDER42",
    Symbology.CODE93: "CODE93",
    Symbology.CODABAR: "31117013206375",
    Symbology.ITF: "00123456789012",
    Symbology.EAN13: "4006381333931",
    Symbology.EAN8: "96385074",
    Symbology.UPCA: "036000291452",
    Symbology.UPCE: "01234565",
}
FEW = BarcodeRules((Symbology.QRCODE, Symbology.CODE128, Symbology.CODE39), expected=True)


@cache
def _page(symbology: Symbology, dpi: int = 300) -> Image.Image:
    text = TEXTS[symbology]
    page: Image.Image = picture(ORDER, dpi=300)
    framed = f"A{text}A" if symbology is Symbology.CODABAR else text
    page.paste(write_barcode(framed, symbology, module=4).convert("L"), (500, 2300))
    size = (round(page.width * dpi / 300), round(page.height * dpi / 300))
    return page if dpi == 300 else page.resize(size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("symbology", TEXTS)
def test_every_symbology_is_read_on_a_clean_page_as_it_is_printed(symbology: Symbology) -> None:
    (found,) = read_barcodes(_page(symbology))

    assert (found.symbology, found.text) == (symbology, TEXTS[symbology])


@pytest.mark.parametrize("symbology", [Symbology.QRCODE, Symbology.CODE128, Symbology.EAN13])
@pytest.mark.parametrize("degrees", [3, 92, 183])
def test_codes_are_read_on_leaning_and_turned_noisy_pages(symbology: Symbology, degrees: float) -> None:
    page = noisy(_page(symbology, 200).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255))

    assert [code.text for code in read_barcodes(page, dpi=200)] == [TEXTS[symbology]]


@pytest.mark.parametrize("symbology", [Symbology.QRCODE, Symbology.CODE128, Symbology.DATAMATRIX])
def test_codes_are_read_through_speckles(symbology: Symbology) -> None:
    assert [code.text for code in read_barcodes(speckled(_page(symbology)))] == [TEXTS[symbology]]


def test_an_expected_code_is_read_through_speckles_with_a_profile_too() -> None:
    assert [code.text for code in read_barcodes(speckled(_page(Symbology.CODE128)), FEW)] == [TEXTS[Symbology.CODE128]]


@pytest.mark.parametrize("rules", [None, FEW])
def test_nothing_is_read_where_there_is_no_code(rules: BarcodeRules | None) -> None:
    static = Image.fromarray(np.random.default_rng(7).integers(0, 255, (900, 900), dtype=np.uint8))

    for page in (picture(ORDER), speckled(picture(ORDER, dpi=300)), leaning(picture(ORDER), 4), static):
        assert read_barcodes(page, rules) == []


def test_the_box_lies_around_the_code() -> None:
    (found,) = read_barcodes(_page(Symbology.QRCODE))

    left, top, right, bottom = found.box
    side = write_barcode(TEXTS[Symbology.QRCODE], Symbology.QRCODE, module=4).width
    assert 500 <= left < right <= 500 + side
    assert 2300 <= top < bottom <= 2300 + side
    assert len(found.corners) == 4
    assert found.raw == TEXTS[Symbology.QRCODE].encode()


@pytest.mark.parametrize(
    "rules",
    [
        BarcodeRules((Symbology.QRCODE,)),
        BarcodeRules((Symbology.CODE128,), longest=5),
        BarcodeRules((Symbology.CODE128,), shortest=50),
        BarcodeRules((Symbology.CODE128,), pattern="[0-9]+"),
        BarcodeRules((Symbology.CODE128,), check="mod10"),
    ],
)
def test_a_code_that_breaks_a_rule_of_the_profile_is_not_taken(rules: BarcodeRules) -> None:
    assert read_barcodes(_page(Symbology.CODE128), rules) == []


def test_control_characters_stay_what_they_are() -> None:
    text = "01\x1d10ABC"
    page = Image.new("L", (600, 600), 255)
    page.paste(write_barcode(text, Symbology.DATAMATRIX, module=6).convert("L"), (50, 50))

    assert [code.text for code in read_barcodes(page)] == [text]


def test_a_small_photograph_is_looked_at_again() -> None:
    code = write_barcode("036000291452", Symbology.UPCA, module=2).convert("L")
    page = Image.new("L", (code.width + 60, code.height + 60), 255)
    page.paste(code, (30, 30))
    faint = page.resize((round(page.width * 0.56), round(page.height * 0.56)), Image.Resampling.BILINEAR)

    found = read_barcodes(faint)

    assert {code.text for code in found} <= {"036000291452"}


@pytest.mark.parametrize(
    ("digits", "right"), [("4006381333931", True), ("4006381333932", False), ("12A", False), ("", False)]
)
def test_the_mod_10_digit_is_checked(digits: str, right: bool) -> None:
    assert has_mod10(digits) is right


def test_text_that_a_symbology_cannot_carry_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        write_barcode("letters", Symbology.EAN13)
