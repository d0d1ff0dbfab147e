"""A whole file read in confined children: pages, documents, fields, and the JSON that is printed."""

import io
import json
from pathlib import Path

import docx
import pypdfium2
import pytest
from paper import BESTELLUNG, ORDER, fax, leaning, noisy, pdf, picture, png, scanned_pdf, tiff
from PIL import Image

from capture.barcodes import write_barcode
from capture.errors import ToolMissing, Unreadable
from capture.extraction import Surroundings
from capture.findings import DocumentKind, Source, Symbology
from capture.reading import (
    Only,
    error_as_json,
    picture_of,
    read_file,
    read_zone_of,
    reading_as_json,
)
from capture.searchable import make_searchable, searchable_pdf
from capture.sheet_codes import Separates, cover_code, separator_code
from capture.sheets import separator_sheet
from confined import office
from confined.programs import ProgramMissing


def _sheet_picture(code: str) -> Image.Image:
    page = picture(["SEPARATOR"])
    page.paste(write_barcode(code, Symbology.QRCODE, module=12).convert("L"), (500, 800))
    return page


def _word_file() -> bytes:
    made = docx.Document()
    made.core_properties.title = "Order 7"
    made.add_paragraph("Purchase order")
    table = made.add_table(rows=2, cols=2)
    for row, (label, value) in enumerate((("Order number:", "W-7"), ("Paper:", "90 g"))):
        table.cell(row, 0).text, table.cell(row, 1).text = label, value
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def test_a_scanned_stack_is_separated_classified_and_indexed() -> None:
    stack = [
        _sheet_picture(str(separator_code(Separates.PARCEL))),
        leaning(noisy(picture(ORDER)), 1.5),
        _sheet_picture(str(cover_code("PF-2026-7"))),
        noisy(picture(BESTELLUNG)),
    ]

    reading = read_file(tiff(stack, compression="tiff_lzw"), "order", name="stack.tif")

    assert [(one.kind, one.pages) for one in reading.documents] == [
        (DocumentKind.SEPARATOR, (1,)),
        (DocumentKind.PURCHASE_ORDER, (2,)),
        (DocumentKind.COVER, (3,)),
        (DocumentKind.PURCHASE_ORDER, (4,)),
    ]
    assert [page.source for page in reading.pages] == [Source.OCR] * 4
    assert reading.pages_of(reading.documents[3])[0].number == 4
    numbers = [(one.page, one.normalised) for one in reading.fields if one.name == "order_number"]
    assert numbers == [(2, "MV-2026-0815"), (None, "PF-2026-7")], "each order has fields of its own"
    assert [one.page for one in reading.fields if one.name == "paper"] == [2, 4]


def test_a_born_digital_order_needs_no_ocr() -> None:
    reading = read_file(pdf([ORDER]), "order")

    assert [page.source for page in reading.pages] == [Source.TEXT_LAYER]
    assert {one.name: one.normalised for one in reading.fields}["wanted_date"] == "2026-03-24"


def test_the_json_has_the_promised_keys_and_nothing_else() -> None:
    page = picture(ORDER)
    page.paste(write_barcode("ORD-1", Symbology.CODE128, module=3).convert("L"), (300, 1500))

    printed = json.loads(json.dumps(reading_as_json(read_file(png(page), "order", name="a.png"))))

    assert set(printed) == {"file", "pages", "documents", "fields"}
    assert set(printed["pages"][0]) == {"page", "width", "height", "dpi", "source", "words", "barcodes"}
    assert set(printed["pages"][0]["words"][0]) == {"text", "box", "confidence"}
    assert printed["pages"][0]["barcodes"][0].keys() == {"symbology", "text", "box"}
    assert set(printed["documents"][0]) == {"kind", "pages"}
    assert set(printed["fields"][0]) == {"name", "value", "confidence", "origin", "page", "box"}
    assert (printed["file"], printed["pages"][0]["page"], printed["pages"][0]["source"]) == ("a.png", 1, "ocr")


@pytest.mark.parametrize(
    ("only", "words", "barcodes", "fields"),
    [(Only.BARCODES, False, True, False), (Only.TEXT, True, False, False), (Only.FIELDS, True, True, True)],
)
def test_only_what_is_asked_for_is_done(only: Only, words: bool, barcodes: bool, fields: bool) -> None:
    page = picture(ORDER)
    page.paste(write_barcode("ORD-1", Symbology.CODE128, module=3).convert("L"), (300, 1500))

    reading = read_file(png(page), "order", only)

    assert bool(reading.pages[0].words) is words
    assert bool(reading.pages[0].barcodes) is barcodes
    assert bool(reading.fields) is fields
    assert bool(reading.documents) is fields


def test_without_a_profile_the_kind_of_document_chooses_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "order.pdf"
    path.write_bytes(pdf([ORDER]))

    reading = read_file(path)

    assert reading.file == str(path)
    assert {one.name for one in reading.fields} >= {"order_number", "paper"}
    assert read_file(b"nothing that tells\n").fields == ()


def test_a_fax_is_read_in_its_right_shape() -> None:
    page = fax(picture(ORDER, points=14))

    reading = read_file(tiff([page], dpi=(204, 98)), "order")

    assert reading.pages[0].dpi == 204
    assert {one.name: one.normalised for one in reading.fields}["order_number"] == "MV-2026-0815"


def test_a_word_file_is_drawn_by_office_and_read_by_itself() -> None:
    reading = read_file(_word_file(), "order")

    assert {one.name: one.value for one in reading.fields}["order_number"] == "W-7"
    assert reading.office.properties["title"] == "Order 7"
    assert reading.office.tables == ((("Order number:", "W-7"), ("Paper:", "90 g")),)


def test_without_office_a_word_file_is_read_by_its_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from capture import reading as module  # noqa: PLC0415 (the test takes LibreOffice away)

    def missing(*_: object) -> bytes:
        raise ProgramMissing("The program soffice is not installed.")

    monkeypatch.setattr(module, "to_pdf", missing)

    assert {one.name for one in read_file(_word_file(), "order").fields} >= {"order_number", "paper"}
    with pytest.raises(ToolMissing, match="soffice"):
        read_file(b"{\\rtf1 text}")
    assert office.to_pdf is not missing


def test_a_mail_is_a_page_with_its_head_and_body() -> None:
    mail = (
        b"From: Einkauf <einkauf@muster.example>\r\nTo: orders@print.example\r\nSubject: New order\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Order number: M-5</p><p>Paper:&nbsp;90 g</p><script>x</script>"
    )

    reading = read_file(mail, "order", surroundings=Surroundings(headers={"From": "einkauf@muster.example"}))

    assert "New order" in reading.pages[0].text
    assert "script" not in reading.pages[0].text
    assert {one.name: one.value for one in reading.fields}["order_number"] == "M-5"


def test_a_page_is_shown_upright_and_a_zone_of_it_read_again() -> None:
    scan = png(picture(ORDER * 2, points=10).rotate(180))
    reading = read_file(scan, "order", Only.TEXT, images=True)
    page = reading.pages[0]
    word = next(word for word in page.words if word.text == "MV-2026-0815")
    left, top, right, bottom = word.box

    shown = Image.open(io.BytesIO(picture_of(scan, page)))
    zone = read_zone_of(scan, page, (left - 15, top - 15, right + 15, bottom + 15))

    assert page.turned == 2
    assert page.image is not None
    assert shown.convert("L").crop((0, 0, shown.width, shown.height // 2)).getextrema()[0] < 100
    assert [again.text for again in zone] == ["MV-2026-0815"]


def test_a_scan_becomes_a_pdf_in_which_every_word_is_found_in_its_place() -> None:
    scan = tiff([picture(ORDER), picture(BESTELLUNG)], compression="tiff_lzw")
    reading = read_file(scan, "order", Only.TEXT)

    made = pypdfium2.PdfDocument(searchable_pdf(scan, reading.pages))

    assert len(made) == 2
    assert "MV-2026-0815" in made[0].get_textpage().get_text_range()
    assert "Größe" in made[1].get_textpage().get_text_range()
    page = reading.pages[0]
    word = next(word for word in page.words if word.text == "MV-2026-0815")
    found = (
        made[0]
        .get_textpage()
        .get_text_bounded(
            left=word.box[0] * 72 / page.dpi - 2,
            top=(page.height - word.box[1]) * 72 / page.dpi + 4,
            right=word.box[2] * 72 / page.dpi + 2,
            bottom=(page.height - word.box[3]) * 72 / page.dpi - 4,
        )
    )
    assert "MV-2026-0815" in found
    shown = made[0].render(scale=1, grayscale=True).to_pil().convert("L")
    assert shown.getextrema()[0] < 100


def test_a_born_digital_pdf_stays_as_it_is_and_a_mixed_one_keeps_its_digital_pages(tmp_path: Path) -> None:
    import pikepdf  # noqa: PLC0415 (only this test mixes PDFs)

    digital = pdf([ORDER])
    mixed = tmp_path / "mixed.pdf"
    with (
        pikepdf.open(io.BytesIO(digital)) as first,
        pikepdf.open(io.BytesIO(scanned_pdf([picture(BESTELLUNG)]))) as second,
    ):
        first.pages.extend(second.pages)
        first.save(mixed)

    reading = read_file(mixed, "order", Only.TEXT)
    made = pypdfium2.PdfDocument(make_searchable(mixed, True, reading.pages))

    assert searchable_pdf(digital, read_file(digital, "order", Only.TEXT).pages) == digital
    assert [page.source for page in reading.pages] == [Source.TEXT_LAYER, Source.OCR]
    assert "MV-2026-0815" in made[0].get_textpage().get_text_range()
    assert "Faltblatt" in made[1].get_textpage().get_text_range()


def test_pages_come_in_order_however_many_children_read_them() -> None:
    reading = read_file(pdf([[f"page {number}"] for number in range(1, 8)]), "order", Only.TEXT, children=3)

    assert [page.number for page in reading.pages] == [1, 2, 3, 4, 5, 6, 7]
    assert [page.words[-1].text for page in reading.pages] == ["1", "2", "3", "4", "5", "6", "7"]


def test_our_own_printed_separator_is_known_when_it_comes_back_digitally() -> None:
    reading = read_file(separator_sheet(), "order")

    assert [one.kind for one in reading.documents] == [DocumentKind.SEPARATOR]
    assert reading.fields == ()


def test_what_cannot_be_read_is_told_with_its_code() -> None:
    with pytest.raises(Unreadable) as caught:
        read_file(b"")

    assert error_as_json("a.pdf", caught.value) == {
        "file": "a.pdf",
        "error": {"code": "empty", "message": "The file is empty."},
    }
