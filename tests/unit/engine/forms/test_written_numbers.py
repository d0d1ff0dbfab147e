"""Numbers as people write them: read where they mean one thing, refused where they may mean two."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.forms.written_numbers import NotANumber, TwoMeanings, read_written, without_doubt


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5000", "5000"), ("5,000", "5000"), ("5.000", "5000"), ("5 000", "5000"), ("5'000", "5000"), ("5\u202f000", "5000"),
        ("1,000,000", "1000000"), ("1.000.000", "1000000"), ("-5,000", "-5000"), ("\u22125", "-5"), ("+12", "12"),
        ("12.0", "12.0"), ("12,", "12"), ("5,000.00", "5000.00"), ("5.000,00", "5000.00"), ("5 000,5", "5000.5"),
        ("1,5", "1.5"), ("0012", "12"), ("0,125", "0.125"), ("0.500", "0.500"), (" 7 ", "7"), ("5 000,125", "5000.125"),
    ],
)  # fmt: skip
def test_a_whole_number_may_be_written_with_thousands_set_apart(written: str, value: str) -> None:
    assert str(read_written(written, is_whole=True)) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,5", "1.5"), ("1.5", "1.5"), (".5", "0.5"), (",5", "0.5"), ("1234,50", "1234.50"), ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"), ("1,234,567", "1234567"), ("0,125", "0.125"), ("1234.567", "1234.567"), ("1.2500", "1.2500"),
        ("5 000", "5000"), ("12", "12"),
    ],
)  # fmt: skip
def test_decimals_may_stand_behind_a_point_or_a_comma(written: str, value: str) -> None:
    assert str(read_written(written, is_whole=False)) == value


@pytest.mark.parametrize(
    ("written", "large", "small"),
    [
        ("1.250", "1250", "1.25"),
        ("1,250", "1250", "1.25"),
        ("-5,000", "-5000", "-5.0"),
        ("999.999", "999999", "999.999"),
    ],
)
def test_what_may_mean_thousands_or_decimals_is_not_guessed(written: str, large: str, small: str) -> None:
    with pytest.raises(TwoMeanings) as told:
        read_written(written, is_whole=False)

    assert (told.value.large, told.value.small) == (large, small)


@pytest.mark.parametrize(
    "written",
    ["", ".", ",", "-", "1e9", "NaN", "٣", "1,2,3", "12,34,567", "1.000,000.5", "1,000 000", "1..5", "5 00", "1,5,",
     "--5", "5-", "$5", "9" * 31, "1,00,0.5", "0x10", "1_000"],
)  # fmt: skip
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(NotANumber):
        read_written(written, is_whole=False)


@given(some.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**9), max_value=10**9))
def test_what_a_form_writes_is_read_again_as_what_it_is(value: Decimal) -> None:
    if len(value.as_tuple().digits) - min(0, int(value.as_tuple().exponent)) < 28:
        assert read_written(without_doubt(value), is_whole=False) == value


@given(some.integers(min_value=-(10**15), max_value=10**15))
def test_what_the_screen_writes_is_read_again_as_what_it_is(value: int) -> None:
    assert read_written(f"{value:,}", is_whole=True) == value
    assert read_written(f"{value:,}.00", is_whole=False) == value
