"""`parcelflow import`: master data from files."""

import csv
from io import StringIO
from pathlib import Path

import click

from storage.audit import SYSTEM_CHAIN
from storage.orders import Party
from web.commands.opening import opened_system

COLUMNS = ("number", "name", "street", "postcode", "city", "country", "email", "mail_domain", "vat_id", "phone")


@click.group(name="import")
def import_() -> None:
    """Take in master data."""


@import_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def customers(file: Path) -> None:
    """Take in customers from a CSV file with a heading line; those known by their number are changed."""
    rows = read_customers(file)
    with opened_system() as system, system.database.transaction() as tx:
        for row in rows:
            known = tx.orders.party_numbered(row["number"])
            if known is None:
                tx.orders.add_party(Party(**row))  # type: ignore[arg-type]  # the columns are all text
            else:
                for column, value in row.items():
                    setattr(known, column, value)
        tx.audit.record(SYSTEM_CHAIN, "command line", "customers_imported", file.name, {"customers": len(rows)})
    click.echo(f"Took in {len(rows)} customers.")


def read_customers(file: Path) -> list[dict[str, str]]:
    """Read the rows of a customer file; a faulty file ends the command with the line that is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return _rows(file, text)
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.UsageError(f"{file.name} is no CSV file in UTF-8 ({error}); save it as such.") from error


def _rows(file: Path, text: str) -> list[dict[str, str]]:
    """Read rows separated by commas, or by semicolons as spreadsheets do where the comma is in numbers."""
    heading = text.partition("\n")[0]
    with StringIO(text, newline="") as stream:
        reader = csv.DictReader(stream, delimiter=";" if heading.count(";") > heading.count(",") else ",")
        missing = {"number", "name"} - set(reader.fieldnames or ())
        if missing:
            raise click.UsageError(
                f"{file.name} has no column {min(missing)}; its columns may be {', '.join(COLUMNS)}."
            )
        rows = [{column: (row.get(column) or "").strip() for column in COLUMNS} for row in reader]
    for line, row in enumerate(rows, start=2):
        if not row["number"] or not row["name"]:
            raise click.UsageError(f"Line {line} of {file.name} has no number or no name.")
    return rows
