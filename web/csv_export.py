"""Tables as CSV that a spreadsheet cannot mistake for formulas."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from flask import Response

_DANGEROUS = tuple("=+-@\t\r\n＝＋－＠|%")
_NUMBER_SIGNS = frozenset("0123456789.,")


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Give a table to be saved as CSV: UTF-8 with a byte order mark, semicolons, no cell that begins a formula."""
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    response = Response("\ufeff" + text.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def safe_cell(value: object) -> str:
    """Write a cell; text that a spreadsheet would run gets an apostrophe before it, numbers stay numbers."""
    text = "" if value is None else str(value)
    if isinstance(value, int | float) or not text.lstrip(" ").startswith(_DANGEROUS):
        return text
    return text if _is_number(text) else f"'{text}"


def _is_number(text: str) -> bool:
    return len(text) > 1 and text[0] in "+-" and set(text[1:]) <= _NUMBER_SIGNS
