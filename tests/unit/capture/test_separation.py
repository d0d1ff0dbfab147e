"""Separator and cover sheets, printed and read again; documents and parcels between them."""

import io
from collections.abc import Sequence

import pypdfium2
import pytest
from paper import ORDER, noisy

from capture.barcodes import BarcodeRules, read_barcodes
from capture.classification import classify
from capture.findings import Barcode, DocumentKind, Page, Source, Symbology, Word
from capture.separation import parcels_of, separate, sheet_code_of
from capture.sheet_codes import PATTERN, Separates, SheetRole, cover_code, read_sheet_code, separator_code
from capture.sheets import cover_sheet, order_barcode, separator_sheet

SEPARATOR = str(separator_code(Separates.PARCEL))
DOCUMENT = str(separator_code(Separates.DOCUMENT))
RULES = BarcodeRules((Symbology.QRCODE, Symbology.CODE128), pattern=PATTERN, expected=True)


def _page(number: int, lines: Sequence[str] = (), codes: Sequence[str] = (), *, blank: bool = False) -> Page:
    words = tuple(
        Word(word, (100 + 90 * across, 100 + 60 * down, 180 + 90 * across, 130 + 60 * down), 1.0)
        for down, line in enumerate(lines)
        for across, word in enumerate(line.split())
    )
    found = tuple(Barcode(Symbology.QRCODE, code, (0, 0, 9, 9)) for code in codes)
    return Page(number, 1654, 2338, 200, Source.OCR, words, found, is_blank=blank)


def _shape(pages: Sequence[Page]) -> list[tuple[str, tuple[int, ...]]]:
    return [(str(one.kind), one.pages) for one in separate(pages)]


@pytest.mark.parametrize("separates", list(Separates))
def test_a_printed_separator_is_read_even_through_noise(separates: Separates) -> None:
    drawn = pypdfium2.PdfDocument(separator_sheet(separates, copies=2))

    assert len(drawn) == 2
    image = noisy(drawn[0].render(scale=200 / 72, grayscale=True).to_pil().convert("L"), 20)
    read = read_barcodes(image, RULES, dpi=200)
    assert read
    assert {read_sheet_code(code.text) for code in read} == {separator_code(separates)}


def test_a_printed_cover_carries_its_order_and_details() -> None:
    page = pypdfium2.PdfDocument(cover_sheet("PF-2026-000042", {"Customer": "Muster"}))[0]

    codes = read_barcodes(page.render(scale=2, grayscale=True).to_pil().convert("L"), RULES, dpi=144)

    assert {read_sheet_code(code.text) for code in codes} == {cover_code("PF-2026-000042")}
    assert "Customer: Muster" in page.get_textpage().get_text_range()


def test_the_order_barcode_is_a_picture_of_the_covers_code() -> None:
    from PIL import Image  # noqa: PLC0415 (only this test needs it)

    image = Image.open(io.BytesIO(order_barcode("PF-7"))).convert("L")

    assert [code.text for code in read_barcodes(image, RULES)] == [str(cover_code("PF-7"))]


@pytest.mark.parametrize("number", ["", "with blank", "ümlaut", "a" * 41, "semi;colon"])
def test_an_order_number_that_no_code_can_carry_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="order number"):
        cover_code(number)


@pytest.mark.parametrize(
    "text",
    [
        "PK1:SEP:PARCEL",
        "PK1:SEP:PARCEL:0",
        "pk1:sep:parcel:" + SEPARATOR[-1],
        SEPARATOR + " ",
        "X" + SEPARATOR,
        "PK1:SEP:PARCLE:A",
        "PK2" + SEPARATOR[3:],
    ],
)
def test_only_a_code_that_is_right_to_the_letter_counts(text: str) -> None:
    assert read_sheet_code(text) is None


def test_any_single_changed_character_is_noticed() -> None:
    code = str(cover_code("PF-2026-000042"))

    for place in range(8, len(code)):
        for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            changed = code[:place] + other + code[place + 1 :]
            if changed != code and code[place].isalnum():
                assert read_sheet_code(changed) is None


def test_separators_divide_a_stack_into_parcels() -> None:
    pages = [
        _page(1, codes=[SEPARATOR]),
        _page(2, ORDER),
        _page(3, ["more"]),
        _page(4, codes=[SEPARATOR]),
        _page(5, ORDER),
    ]

    documents = separate(pages)

    assert _shape(pages) == [
        ("separator", (1,)),
        ("purchase_order", (2, 3)),
        ("separator", (4,)),
        ("purchase_order", (5,)),
    ]
    assert [[one.pages for one in parcel] for parcel in parcels_of(documents)] == [[(2, 3)], [(5,)]]


def test_pages_before_the_first_separator_are_a_parcel_of_their_own() -> None:
    documents = separate([_page(1, ORDER), _page(2, codes=[SEPARATOR]), _page(3, ORDER)])

    assert [[one.pages for one in parcel] for parcel in parcels_of(documents)] == [[(1,)], [(3,)]]


def test_the_empty_back_of_a_separator_belongs_to_it() -> None:
    documents = separate([_page(1, codes=[SEPARATOR]), _page(2, blank=True), _page(3, ORDER), _page(4, blank=True)])

    assert [one.pages for one in documents] == [(1, 2), (3, 4)]


def test_a_document_separator_divides_documents_but_no_parcels() -> None:
    documents = separate([_page(1, ORDER), _page(2, codes=[DOCUMENT]), _page(3, ["letter"])])

    assert [[one.pages for one in parcel] for parcel in parcels_of(documents)] == [[(1,), (3,)]]


def test_a_cover_gives_its_order_number_to_what_follows_up_to_the_next() -> None:
    first, second = str(cover_code("A-1")), str(cover_code("B-2"))
    documents = separate(
        [
            _page(1, codes=[first]),
            _page(2, ORDER),
            _page(3, codes=[DOCUMENT]),
            _page(4, ["x"]),
            _page(5, codes=[second]),
            _page(6, ORDER),
        ]
    )

    parcels = parcels_of(documents)

    assert [[one.pages for one in parcel] for parcel in parcels] == [[(1,), (2,), (4,)], [(5,), (6,)]]
    assert [{one.order_number for one in parcel} for parcel in parcels] == [{"A-1"}, {"B-2"}]


def test_a_cover_after_a_separator_begins_one_parcel_only() -> None:
    documents = separate([_page(1, codes=[SEPARATOR]), _page(2, codes=[str(cover_code("A-1"))]), _page(3, ORDER)])

    assert [[one.pages for one in parcel] for parcel in parcels_of(documents)] == [[(2,), (3,)]]


def test_codes_that_contradict_each_other_make_no_sheet() -> None:
    assert sheet_code_of(_page(1, codes=[SEPARATOR, DOCUMENT])) is None
    assert sheet_code_of(_page(1, codes=[SEPARATOR, "something else"])) == separator_code(Separates.PARCEL)
    assert sheet_code_of(_page(1)) is None


def test_a_page_that_says_it_is_the_first_begins_a_document() -> None:
    assert _shape([_page(1, ORDER), _page(2, [*ORDER, "Page 1 of 2"]), _page(3, ["Page 2 of 2"])]) == [
        ("purchase_order", (1,)),
        ("purchase_order", (2, 3)),
    ]


def test_without_pages_there_are_no_documents() -> None:
    assert separate([]) == ()
    assert parcels_of([]) == ()


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (ORDER, DocumentKind.PURCHASE_ORDER),
        (("Bestellung Nr. 5", "Auflage: 500", "Papier: weiß"), DocumentKind.PURCHASE_ORDER),
        (("Order form", "Paper:", "Run length:"), DocumentKind.ORDER_FORM),
        (("Rechnung", "Rechnungsnummer: 7", "zahlbar bis"), DocumentKind.INVOICE),
        (("Invoice", "Invoice number 77", "Payment due", "IBAN DE00"), DocumentKind.INVOICE),
        (("Lieferschein", "Menge"), DocumentKind.DELIVERY_NOTE),
        (("Dear Sir,", "thank you for the talk.", "Kind regards"), DocumentKind.LETTER),
        (("nothing that tells",), DocumentKind.OTHER),
    ],
)
def test_the_words_of_a_page_tell_its_kind(lines: Sequence[str], kind: DocumentKind) -> None:
    assert classify([_page(1, lines)])[0] is kind


def test_no_pages_are_of_no_kind() -> None:
    assert classify([]) == (DocumentKind.OTHER, 0.0)


def test_the_roles_are_the_letters_in_the_code() -> None:
    assert SEPARATOR.split(":")[1] == SheetRole.SEPARATOR
