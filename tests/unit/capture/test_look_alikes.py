"""Readings are put right only where the value is unusual and a look-alike is usual."""

import pytest

from capture.look_alikes import as_usual
from capture.profile import load_profile

USUAL = {rule.name: rule.usual or "" for rule in load_profile("order").fields}


@pytest.mark.parametrize(
    ("name", "read", "meant"),
    [
        ("format", "A5", "A5"),
        ("format", "AS", "A5"),
        ("format", "DL", "DL"),
        ("format", "210 x 297 mm", "210 x 297 mm"),
        ("format", "US Letter", "US Letter"),
        ("format", "—", None),
        ("colours", "4/4", "4/4"),
        ("colours", "A/4", "4/4"),
        ("colours", "l/I", "1/1"),
        ("colours", "CMYK", "CMYK"),
        ("colours", "4c", "4c"),
        ("colours", "11", None),
    ],
)
def test_a_reading_is_taken_for_what_the_field_usually_holds(name: str, read: str, meant: str | None) -> None:
    assert as_usual(read, USUAL[name]) == meant


def test_the_reading_with_the_fewest_changes_wins() -> None:
    assert as_usual("SSS", "5SS|S55|[0-9]+") == "5SS"


def test_long_values_and_many_doubts_are_left_alone() -> None:
    assert as_usual("SSSSSSSSSSSSS", "[0-9]+") is None
