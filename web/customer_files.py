"""Files of customers, as spreadsheets save them."""

import csv
from io import StringIO
from pathlib import Path

from storage.errors import Invalid

COLUMNS = ("number", "name", "street", "postcode", "city", "country", "email", "mail_domain", "vat_id", "phone")


def read_customers(file: Path) -> list[dict[str, str]]:
    """Read the rows of a customer file; raises `Invalid` with the line that is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return _rows(file, text)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{file.name} is no CSV file in UTF-8 ({error}); save it as such.") from error


def _rows(file: Path, text: str) -> list[dict[str, str]]:
    """Read rows separated by commas, or by semicolons as spreadsheets do where the comma is in numbers."""
    heading = text.partition("\n")[0]
    with StringIO(text, newline="") as stream:
        reader = csv.DictReader(stream, delimiter=";" if heading.count(";") > heading.count(",") else ",")
        missing = {"number", "name"} - set(reader.fieldnames or ())
        if missing:
            raise Invalid(f"{file.name} has no column {min(missing)}; its columns may be {', '.join(COLUMNS)}.")
        rows = [{column: (row.get(column) or "").strip() for column in COLUMNS} for row in reader]
    for line, row in enumerate(rows, start=2):
        if not row["number"] or not row["name"]:
            raise Invalid(f"Line {line} of {file.name} has no number or no name.")
    return rows
