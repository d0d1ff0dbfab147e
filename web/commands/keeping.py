"""`parcelflow migrate`, `check`, `backup` and `restore`: keep what is stored in order."""

import sys
from pathlib import Path

import click

from web.commands.opening import opened_system


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema, or make it."""
    with opened_system(is_any_schema=True) as system:
        system.database.migrate()
    click.echo("The database has this version's schema.")


@click.command()
@click.option("--quick", is_flag=True, help="Do not read every stored file again; look only whether it is there.")
def check(quick: bool) -> None:
    """Check what Parcelflow promises about its database and documents; exit 1 on a breach."""
    from storage.check import check as find_breaches  # noqa: PLC0415 - only this command needs it

    with opened_system() as system:
        breaches = find_breaches(system.database, reload=system.reload(), with_bytes=not quick)
    for breach in breaches:
        click.echo(str(breach))
    click.echo(f"{len(breaches)} breaches." if breaches else "Every promise holds.")
    sys.exit(bool(breaches))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(folder: Path) -> None:
    """Write database and documents into FOLDER, which must be empty or new; the system may go on running."""
    from storage.backup import backup as copy_all  # noqa: PLC0415

    with opened_system() as system:
        made = copy_all(system.database, folder)
    click.echo(f"Wrote {folder}: the database as of {made.begun_at:%Y-%m-%d %H:%M:%S} UTC and {made.files} files.")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(folder: Path) -> None:
    """Put the backup in FOLDER into this installation, which must be empty."""
    from storage.backup import restore as put_back  # noqa: PLC0415

    with opened_system(is_any_schema=True) as system:
        held = put_back(folder, system.database)
    click.echo(f"Restored the database as of {held.begun_at:%Y-%m-%d %H:%M:%S} UTC and {held.files} files.")
    click.echo("Now run `parcelflow check`.")
