"""Opens the system for a command, as the environment's settings say."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from storage.errors import Unavailable
from web.assembly import System, assemble
from web.settings import Settings

_PREFIX = "PARCELFLOW_"
_LIKENESS = 0.85


def read_settings() -> Settings:
    """Read the settings; a wrong one ends the command with a sentence that names it, and exit code 2."""
    _check_names(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + "__".join(str(part).upper() for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise _unknown(name) from error
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise click.UsageError(f"The setting {name} cannot be used: {said}.") from error
    except SettingsError as error:
        raise click.UsageError(f"The settings cannot be read: {error}.") from error


def _check_names(given: Iterable[str]) -> None:
    """Refuse a name that is nearly one of ours; others that begin like ours may be somebody else's."""
    known = _known()
    for name in given:
        if name.startswith(_PREFIX) and "__" not in name and name.upper() not in known and _alike(name):
            raise _unknown(name)


def _unknown(name: str) -> click.UsageError:
    meant = f"Did you mean {_alike(name)}?" if _alike(name) else "`parcelflow doctor` lists them all."
    return click.UsageError(f"There is no setting {name}; take it away or correct it. {meant}")


def _alike(name: str) -> str:
    """Give the setting that a name is most like, or nothing."""
    known = [one.removeprefix(_PREFIX) for one in _known()]
    found = get_close_matches(name.upper().removeprefix(_PREFIX), known, 1, _LIKENESS)
    return _PREFIX + found[0] if found else ""


def _known() -> set[str]:
    return {name for name, _ in Settings.model_construct().describe()}


def _assembled(settings: Settings) -> System:
    """Put the system together; raises `Unavailable` where a folder cannot be written to."""
    try:
        system = assemble(settings)
    except OSError as error:
        raise _unusable(Path(error.filename or settings.data_folder), error.strerror or str(error)) from error
    if not os.access(settings.data_folder, os.W_OK | os.X_OK):
        system.close()
        raise _unusable(settings.data_folder, "it cannot be written to")
    return system


def _unusable(folder: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"The folder {folder} cannot be used ({reason}); give the user that runs Parcelflow the right to write there, or set "
        f"{_PREFIX}DATA_FOLDER to another folder."
    )


@contextmanager
def opened_system(*, is_any_schema: bool = False) -> Iterator[System]:
    """Give the assembled system and close it in the end; raises `Refused` where the database has another version's schema."""
    system = _assembled(read_settings())
    try:
        if not is_any_schema:
            system.database.check_schema()
        yield system
    finally:
        system.close()
