"""Opens the system for a command, as the environment's settings say."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from web.assembly import System, assemble
from web.settings import Settings


def read_settings() -> Settings:
    """Read the settings; a wrong one ends the command with a sentence that names it, and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "PARCELFLOW_" + "__".join(str(part).upper() for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise click.UsageError(f"The setting {name} cannot be used: {said}.") from error
    except SettingsError as error:
        raise click.UsageError(f"The settings cannot be read: {error}.") from error


@contextmanager
def opened_system(*, is_any_schema: bool = False) -> Iterator[System]:
    """Give the assembled system and close it in the end; raises `Refused` where the database has another version's schema."""
    system = assemble(read_settings())
    try:
        if not is_any_schema:
            system.database.check_schema()
        yield system
    finally:
        system.close()
