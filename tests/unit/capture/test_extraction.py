"""Index fields by label, barcode, cover, mail and lookup; profiles as data."""

from collections.abc import Sequence

import pytest
from paper import BESTELLUNG, ORDER

from capture.extraction import Surroundings, extract, is_valid
from capture.findings import Barcode, FoundField, Origin, Page, Source, Symbology, Word
from capture.lookup import Customer, find_customer
from capture.profile import FieldRule, load_profile, profile_names, read_profile
from storage.errors import Invalid, NotFound

MUSTER = Customer(
    "K-100",
    "Muster Verlag GmbH",
    postcode="80331",
    city="München",
    email="einkauf@muster.example",
    mail_domain="muster.example",
    vat_id="DE123456789",
)
OTHER = Customer("K-200", "Andere Druck AG", postcode="10115")


def _page(
    rows: Sequence[Sequence[tuple[int, str]]], *, source: Source = Source.TEXT_LAYER, codes: Sequence[str] = ()
) -> Page:
    """Make a page of rows of texts, each beginning at a column in pixels; letters are 14 wide and 24 high."""
    words = []
    for down, row in enumerate(rows):
        for column, text in row:
            left = column
            for word in text.split():
                words.append(Word(word, (left, 100 + 50 * down, left + 14 * len(word), 124 + 50 * down), 0.95))
                left += 14 * (len(word) + 1)
    found = tuple(Barcode(Symbology.CODE128, code, (0, 0, 9, 9)) for code in codes)
    return Page(1, 1654, 2338, 200, source, tuple(words), found)


def _plain(lines: Sequence[str]) -> Page:
    return _page([[(100, line)] for line in lines])


def _fields(page: Page, surroundings: Surroundings | None = None) -> dict[str, FoundField]:
    return {one.name: one for one in extract([page], load_profile("order"), surroundings)}


def test_an_english_order_is_read_by_its_labels() -> None:
    fields = _fields(_plain(ORDER))

    assert {name: one.normalised for name, one in fields.items()} == {
        "order_number": "MV-2026-0815",
        "customer": "Muster Verlag GmbH",
        "product": "Annual report",
        "paper": "135 g gloss coated",
        "format": "210 x 297 mm",
        "run_length": "2500",
        "colours": "4/4 CMYK",
        "finishing": "saddle stitched",
        "wanted_date": "2026-03-24",
        "remarks": "deliver to the back entrance",
    }
    assert all(one.confidence >= load_profile("order").field(one.name).threshold for one in fields.values())
    assert fields["run_length"].value == "2,500"
    assert "Run length" in fields["run_length"].reason


def test_a_german_order_is_read_by_its_labels() -> None:
    fields = _fields(_plain(BESTELLUNG))

    assert {
        name: fields[name].normalised for name in ("order_number", "customer", "run_length", "wanted_date", "paper")
    } == {
        "order_number": "B-77/2026",
        "customer": "Größe & Söhne KG",
        "run_length": "10000",
        "wanted_date": "2026-04-15",
        "paper": "90 g Offset weiß",
    }


def test_values_stand_right_of_their_labels_in_columns_without_colons() -> None:
    page = _page(
        [[(100, "Order number"), (600, "A-77"), (1000, "Paper"), (1300, "90 g")], [(100, "Quantity"), (600, "500")]]
    )

    fields = _fields(page)

    assert [fields[name].value for name in ("order_number", "paper", "run_length")] == ["A-77", "90 g", "500"]


def test_values_stand_below_the_heads_of_a_table() -> None:
    page = _page(
        [
            [(100, "Order number"), (600, "Quantity"), (1000, "Paper")],
            [(100, "A-77"), (600, "500"), (1000, "90 g offset")],
        ]
    )

    fields = _fields(page)

    assert [fields[name].value for name in ("order_number", "run_length", "paper")] == ["A-77", "500", "90 g offset"]
    assert fields["paper"].reason.startswith("below")


def test_a_misread_letter_of_a_long_label_costs_confidence_but_no_field() -> None:
    clean = _fields(_plain(["Run length: 500"]))["run_length"]

    misread = _fields(_plain(["Run lenqth: 500"]))["run_length"]

    assert misread.value == "500"
    assert misread.confidence < clean.confidence


def test_the_longest_label_wins() -> None:
    fields = _fields(_plain(["Order date: 01.02.2026", "Customer number: K-9"]))

    assert fields["order_date"].normalised == "2026-02-01"
    assert fields["customer_number"].value == "K-9"
    assert "order_number" not in fields


def test_a_label_word_in_running_text_is_not_trusted() -> None:
    fields = _fields(_plain(["we like your paper very much and would order 500 more"]))

    assert all(one.confidence < 0.75 for one in fields.values())


def test_remarks_go_on_below() -> None:
    page = _page([[(100, "Remarks:"), (300, "deliver on")], [(300, "two pallets")], [(100, "Paper: 90 g")]])

    assert _fields(page)["remarks"].value == "deliver on two pallets"


def test_a_cover_is_surer_than_a_barcode_and_a_barcode_than_a_label() -> None:
    page = _page([[(100, "Order number: LABEL-1")]], codes=["ORD-CODE-2"])

    by_code = _fields(page)["order_number"]
    by_cover = _fields(page, Surroundings(order_number="COVER-3"))["order_number"]

    assert (by_code.value, by_code.origin) == ("CODE-2", Origin.BARCODE)
    assert (by_cover.value, by_cover.origin) == ("COVER-3", Origin.BARCODE)


def test_two_ways_to_the_same_value_strengthen_it() -> None:
    alone = _fields(_page([[(100, "Order number: A-1")]]))["order_number"]

    both = _fields(_page([[(100, "Order number: A-1")]], codes=["ORD-A-1"]))["order_number"]

    assert both.value == "A-1"
    assert both.confidence > alone.confidence
    assert "also" in both.reason


def test_mail_headers_give_what_the_paper_lacks() -> None:
    known = Surroundings(headers={"From": "Einkauf <einkauf@muster.example>", "Date": "Mon, 2 Mar 2026 10:00:00 +0100"})

    fields = _fields(_plain(["nothing"]), known)

    assert (fields["email"].normalised, fields["email"].origin) == ("einkauf@muster.example", Origin.MAIL)
    assert fields["order_date"].normalised == "2026-03-02"


@pytest.mark.parametrize(
    ("lines", "sender"),
    [
        (["USt-IdNr. DE 123 456 789"], None),
        (["Kundennummer: K-100"], None),
        (["Muster Verlag GmbH, 80331 München"], None),
        (["Muster Veriag GmbH"], None),
        (["hello"], "Einkauf <einkauf@muster.example>"),
        (["hello"], "somebody@muster.example"),
    ],
)
def test_a_customer_is_found_by_any_of_their_marks(lines: Sequence[str], sender: str | None) -> None:
    match = find_customer([_plain(lines)], sender, [OTHER, MUSTER])

    assert match is not None
    assert match.customer is MUSTER
    assert "K-100" in match.reason


def test_nobody_is_found_where_nothing_or_everything_points() -> None:
    both = _plain(["Muster Verlag GmbH", "Andere Druck AG"])

    assert (
        find_customer([_plain(["hello"])], "x@gmail.com", [Customer("1", "", mail_domain="gmail.com"), MUSTER]) is None
    )
    assert find_customer([both], None, [MUSTER, OTHER]) is None
    assert find_customer([both], None, []) is None


def test_the_customer_of_the_master_data_becomes_a_field() -> None:
    fields = _fields(_plain(["Muster Verlag GmbH", "80331 München"]), Surroundings(customers=[MUSTER, OTHER]))

    assert (fields["customer_number"].value, fields["customer_number"].origin) == ("K-100", Origin.LOOKUP)


def test_a_value_that_fails_its_validators_falls() -> None:
    assert "run_length" not in _fields(_plain(["Run length: 0"]))
    assert is_valid(FieldRule("a", "A", pattern="[0-9]+"), "12")
    assert not is_valid(FieldRule("a", "A", pattern="[0-9]+"), "12a")
    assert not is_valid(FieldRule("a", "A", smallest=1), "no number")


def test_the_shipped_profiles_can_be_loaded() -> None:
    assert profile_names() == ("order", "receipt")
    assert [load_profile(name).name for name in profile_names()] == ["order", "receipt"]
    with pytest.raises(NotFound, match="order, receipt"):
        load_profile("../order")
    with pytest.raises(NotFound):
        load_profile("order").field("nothing")


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        'name = "a"\ntitle = "A"\nunknown = 1',
        'name = "a"\ntitle = "A"\n[[fields]]\nname = "b"\ntitle = "B"\nfind = ["magic"]',
        'name = "a"\ntitle = "A"\n[[fields]]\nname = "b"\ntitle = "B"\ntype = "magic"',
        'name = "a"\ntitle = "A"\n[[fields]]\nname = "b"\ntitle = "B"\npattern = "(a"',
        'name = "a"\ntitle = "A"\n[barcodes]\nsymbologies = ["magic"]',
        'name = "a"\ntitle = "A"\n[barcodes]\npattern = "(?=ahead)"',
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_profile(text)


def test_a_recognised_value_is_put_right_or_doubted_by_what_is_usual() -> None:
    rows = [[(100, "Format: AS")], [(100, "Colours: 11")]]

    scanned = _fields(_page(rows, source=Source.OCR))
    printed = _fields(_page(rows))

    assert (scanned["format"].normalised, printed["format"].normalised) == ("A5", "AS")
    assert "read as “AS”" in scanned["format"].reason
    assert scanned["colours"].confidence < load_profile("order").field("colours").threshold
    assert printed["colours"].confidence > scanned["colours"].confidence
