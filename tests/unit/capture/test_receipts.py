"""Receipts: shop, address, day and total by rules over printed lines."""

from collections.abc import Sequence

import pytest

from capture.extraction import extract
from capture.findings import Page, Source, Word
from capture.profile import load_profile

GROCER = (
    "GREEN VALLEY GROCER SDN BHD",
    "(123456-X)",
    "NO. 12, JALAN HIJAU 3/4,",
    "TAMAN HIJAU, 43300 SERI KEMBANGAN,",
    "SELANGOR",
    "TEL: 03-1234 5678",
    "TAX INVOICE",
    "Date: 05/03/2018 18:24",
    "RICE 5KG 1 20.00",
    "OIL 2 10.00",
    "Sub-total 30.00",
    "Total GST 1.80",
    "Rounding Adj 0.02",
    "Total 31.80",
    "Total After Adj Incl GST 31.82",
    "CASH 50.00",
    "CHANGE 18.18",
    "GST Summary Amount",
    "Total 30.00 1.80",
)


def _fields(lines: Sequence[str]) -> dict[str, str]:
    words = tuple(
        Word(word, (50 + 110 * across, 40 + 40 * down, 150 + 110 * across, 64 + 40 * down), 0.97)
        for down, line in enumerate(lines)
        for across, word in enumerate(line.split())
    )
    page = Page(1, 700, 1600, 150, Source.OCR, words)
    return {one.name: one.value for one in extract([page], load_profile("receipt"))}


def test_a_receipt_gives_company_date_address_and_total() -> None:
    assert _fields(GROCER) == {
        "company": "GREEN VALLEY GROCER SDN BHD",
        "date": "05/03/2018",
        "address": "NO. 12, JALAN HIJAU 3/4, TAMAN HIJAU, 43300 SERI KEMBANGAN, SELANGOR",
        "total": "31.82",
    }


@pytest.mark.parametrize(
    ("lines", "company"),
    [
        (("8812", "BLUE HOUSE ENTERPRISE (12345-A)", "1, JALAN A, 50000 KUALA LUMPUR"), "BLUE HOUSE ENTERPRISE"),
        (("HOME MASTER HARDWARE &", "ELECTRICAL", "NO 1, JALAN B"), "HOME MASTER HARDWARE & ELECTRICAL"),
        (("TAX INVOICE", "Bakery Sunshine Cafe", "Lot 3, Jalan C"), "BAKERY SUNSHINE CAFE"),
        (("YONG ENTERPRISE POSTED", "9, JALAN D"), "YONG ENTERPRISE"),
    ],
)
def test_the_company_is_the_line_that_names_one(lines: Sequence[str], company: str) -> None:
    assert _fields(lines)["company"] == company


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (("Total: 9.00", "Rounded Total (RM): 9.05", "CASH 10.00", "CHANGE 0.95"), "9.05"),
        (("Total Amount: $8.20", "GST @6%: $0.46", "Nett Total: $8.20"), "$8.20"),
        (("Total Excl. GST 15.00", "Total Incl. GST 15.90"), "15.90"),
        (("TOTAL QTY: 4 12.00", "TOTAL", "30.30"), "30.30"),
        (("Total RM 7,838.80", "CASH 7,840.00", "CHANGE 1.20"), "7838.80"),
        (("SUBTOTAL 92.50", "CASH 100.00", "CHANGE 6.00", "AMT 94.00"), "94.00"),
        (("APPLE 3.00", "PEAR 4.00", "VISA 7.00", "7.00"), "7.00"),
    ],
)
def test_the_total_is_what_was_to_be_paid(lines: Sequence[str], total: str) -> None:
    assert _fields(lines)["total"] == total


def test_an_expiry_is_not_the_day_of_the_sale() -> None:
    assert _fields(("POINTS EXPIRY 31/12/2020", "18-01-2018 15:44"))["date"] == "18-01-2018"


def test_a_slip_without_anything_gives_nothing() -> None:
    assert _fields(("* * *",)) == {}
    assert _fields(()) == {}
