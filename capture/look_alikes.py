"""Characters that a reader takes for one another, and a reading put right by what a value usually looks like; pure."""

from collections.abc import Iterator
from itertools import product

import re2

_MEANT = {
    **dict.fromkeys("Ss", "5"),
    **dict.fromkeys("Il|i", "1"),
    **dict.fromkeys("OoQ", "0"),
    **dict.fromkeys("Zz", "2"),
    **dict.fromkeys("gq", "9"),
    "B": "8",
    "G": "6",
    "b": "6",
    "A": "4",
}
_LONGEST = 12
_MOST_DOUBTS = 6


def as_usual(value: str, usual: str) -> str | None:
    """Return `value` if it is as `usual` (a pattern of RE2) says, else the nearest reading that is; None if there is none.

    A nearer reading has fewer letters taken for the digits that they resemble; the later ones in the value are doubted first.
    """
    return next((one for one in _readings(value) if re2.fullmatch(usual, one) is not None), None)


def _readings(value: str) -> Iterator[str]:
    yield value
    doubts = [place for place, letter in enumerate(value) if letter in _MEANT]
    if len(value) > _LONGEST or len(doubts) > _MOST_DOUBTS:
        return
    for choice in sorted(product((False, True), repeat=len(doubts)), key=sum):
        meant = {place for place, is_digit in zip(doubts, choice, strict=True) if is_digit}
        yield "".join(_MEANT[letter] if place in meant else letter for place, letter in enumerate(value))
