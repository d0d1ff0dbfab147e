"""Bar charts as SVG made on the server: no script, no inline style, the table beside them says the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_ROW, _LEFT, _WIDTH, _RIGHT = 28, 150, 640, 110


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name, its value, the value in words, and a second value behind the first."""

    name: str
    value: float
    words: str
    behind: float = 0


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Draw horizontal bars on a common scale."""
    largest = max((max(row.value, row.behind) for row in rows), default=0) or 1
    room = _WIDTH - _LEFT - _RIGHT
    height = _ROW * len(rows) + 8
    lines = [_bar(place, row, room / largest) for place, row in enumerate(rows)]
    frame = Markup('<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    axis = Markup('<line class="axis" x1="{0}" y1="0" x2="{0}" y2="{1}"/>').format(_LEFT, height)
    return frame.format(_WIDTH, height, title, axis + Markup("").join(lines))


def _bar(place: int, row: Bar, scale: float) -> Markup:
    top = place * _ROW + 4
    behind, front = max(row.behind * scale, 0), max(row.value * scale, 1.5)
    shape = Markup(
        '<text x="{}" y="{}" text-anchor="end">{}</text><rect class="bar-soft" x="{}" y="{}" width="{:.1f}" height="18" rx="2"/>'
        '<rect class="bar-fill" x="{}" y="{}" width="{:.1f}" height="18" rx="2"/><text x="{:.1f}" y="{}">{}</text>'
    )
    words_at = _LEFT + max(behind, front) + 8
    return shape.format(
        _LEFT - 10, top + 14, row.name, _LEFT, top, behind, _LEFT, top, front, words_at, top + 14, row.words
    )
