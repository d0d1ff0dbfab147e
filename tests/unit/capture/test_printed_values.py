"""Dates, amounts and numbers as they are printed in English and German."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.printed_values import (
    find_amount,
    find_date,
    find_email,
    find_identifier,
    find_number,
    find_text,
    plain_number,
)


@pytest.mark.parametrize(
    ("text", "printed", "iso"),
    [
        ("Date: 25/12/2018 8:13 PM", "25/12/2018", "2018-12-25"),
        ("05 Mar 2018 18:24", "05 Mar 2018", "2018-03-05"),
        ("[Sales]2018-01-0522:55:25", "2018-01-05", "2018-01-05"),
        ("29-01-18 20:38", "29-01-18", "2018-01-29"),
        ("bis 15.04.2026", "15.04.2026", "2026-04-15"),
        ("am 3. März 2026", "3. März 2026", "2026-03-03"),
        ("24 March 2026", "24 March 2026", "2026-03-24"),
        ("March 24, 2026", "March 24, 2026", "2026-03-24"),
        ("1st of May: 1 May 26", "1 May 26", "2026-05-01"),
        ("12/25/2018", "12/25/2018", "2018-12-25"),
        ("2026/3/9", "2026/3/9", "2026-03-09"),
    ],
)
def test_dates_are_found_as_printed_and_as_data(text: str, printed: str, iso: str) -> None:
    found = find_date(text)

    assert found is not None
    assert (found.printed, found.normalised) == (printed, iso)
    assert text[found.start : found.end].strip() == printed


@pytest.mark.parametrize(
    "text", ["Tel.:05.22.95.66.66", "MG12/3-32", "31.02.2026", "1/2/1805", "no date", "45/45/2020"]
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert find_date(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2,500", 2500),
        ("10.000 Stück", 10000),
        ("5 000", 5000),
        ("1'200", 1200),
        ("500 copies", 500),
        ("12", 12),
        ("1.234.567", 1234567),
    ],
)
def test_whole_numbers_are_read_with_any_thousands_mark(text: str, number: int) -> None:
    found = find_number(text)

    assert found is not None
    assert found.normalised == str(number)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("Total RM 7,838.80", "7838.80"),
        ("Summe 1.234,50 EUR", "1234.50"),
        ("$8.20", "8.20"),
        ("1 x 5.50 11.00", "11.00"),
        ("-3.82", "-3.82"),
    ],
)
def test_the_last_amount_of_a_line_is_found(text: str, amount: str) -> None:
    found = find_amount(text)

    assert found is not None
    assert found.normalised == amount


def test_what_is_missing_is_none() -> None:
    assert find_amount("nothing 12") is None
    assert find_number("none") is None
    assert find_number("3.75") is None
    assert find_text(" :; ") is None
    assert find_identifier("only words") is None
    assert find_email("nobody") is None


def test_texts_identifiers_and_addresses_are_cleaned() -> None:
    text, identifier, address = (
        find_text(" : 135 g  gloss "),
        find_identifier("Nr. MV-2026/0815."),
        find_email("<A.B@Example.org>"),
    )

    assert text is not None
    assert text.printed == "135 g gloss"
    assert identifier is not None
    assert identifier.printed == "MV-2026/0815"
    assert address is not None
    assert address.normalised == "a.b@example.org"


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_a_number_is_the_same_in_english_and_german(number: Decimal) -> None:
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))

    assert plain_number(english) == plain_number(german) == number


@given(st.text(max_size=60))
def test_no_text_breaks_a_finder(text: str) -> None:
    for finder in (find_date, find_number, find_amount, find_text, find_identifier, find_email):
        finder(text)
