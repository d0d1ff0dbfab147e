"""Bar charts as SVG made on the server: no script, no inline style, the table beside them says the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_ROW, _LEFT, _WIDTH, _RIGHT = 28, 150, 640, 110
_PHONE_ROW, _PHONE_WIDTH = 44, 320


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name, its value, the value in words, and a second value behind the first."""

    name: str
    value: float
    words: str
    behind: float = 0


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Draw horizontal bars on a common scale: names beside them, and once more for a phone, names above them."""
    largest = max((max(row.value, row.behind) for row in rows), default=0) or 1
    beside = [_beside(place, row, (_WIDTH - _LEFT - _RIGHT) / largest) for place, row in enumerate(rows)]
    above = [_above(place, row, _PHONE_WIDTH / largest) for place, row in enumerate(rows)]
    height = _ROW * len(rows) + 8
    axis = Markup('<line class="axis" x1="{0}" y1="0" x2="{0}" y2="{1}"/>').format(_LEFT, height)
    wide = _frame("bars", _WIDTH, height, title, [axis, *beside])
    return wide + _frame("bars phone", _PHONE_WIDTH, _PHONE_ROW * len(rows), title, above)


def _frame(kind: str, width: int, height: int, title: str, parts: Sequence[Markup]) -> Markup:
    frame = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return frame.format(kind, width, height, title, Markup("").join(parts))


def _beside(place: int, row: Bar, scale: float) -> Markup:
    top = place * _ROW + 4
    words = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>{}<text x="{:.1f}" y="{}">{}</text>')
    words_at = _LEFT + max(row.behind * scale, _length(row, scale)) + 8
    return words.format(_LEFT - 10, top + 14, row.name, _bar(_LEFT, top, row, scale), words_at, top + 14, row.words)


def _above(place: int, row: Bar, scale: float) -> Markup:
    top = place * _PHONE_ROW
    words = Markup('<text x="0" y="{0}">{1}</text><text x="{2}" y="{0}" text-anchor="end">{3}</text>{4}')
    return words.format(top + 14, row.name, _PHONE_WIDTH, row.words, _bar(0, top + 20, row, scale))


def _bar(left: int, top: int, row: Bar, scale: float) -> Markup:
    shape = Markup(
        '<rect class="bar-soft" x="{0}" y="{1}" width="{2:.1f}" height="18" rx="2"/>'
        '<rect class="bar-fill" x="{0}" y="{1}" width="{3:.1f}" height="18" rx="2"/>'
    )
    return shape.format(left, top, max(row.behind * scale, 0), _length(row, scale))


def _length(row: Bar, scale: float) -> float:
    return max(row.value * scale, 1.5)
