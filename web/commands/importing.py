"""`parcelflow import`: master data from files."""

from pathlib import Path

import click

from storage.audit import SYSTEM_CHAIN
from storage.errors import Invalid
from storage.orders import Party
from web.commands.opening import opened_system
from web.customer_files import read_customers


@click.group(name="import")
def import_() -> None:
    """Take in master data."""


@import_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def customers(file: Path) -> None:
    """Take in customers from a CSV file with a heading line; those known by their number are changed."""
    try:
        rows = read_customers(file)
    except Invalid as error:
        raise click.UsageError(error.message) from error
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
