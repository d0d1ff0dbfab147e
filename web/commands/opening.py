"""Opens the system for a command, as the environment's settings say."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError

from web.assembly import System, assemble
from web.settings import Settings


def read_settings() -> Settings:
    """Read the settings; a wrong one ends the command with a sentence that names it, and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "PARCELFLOW_" + "__".join(str(part).upper() for part in first["loc"])
        raise click.UsageError(f"The setting {name} cannot be used: {first['msg']}.") from error


@contextmanager
def opened_system() -> Iterator[System]:
    """Give the assembled system and close it in the end."""
    system = assemble(read_settings())
    try:
        yield system
    finally:
        system.close()
