"""The composition root: the only place that reads settings, chooses classes and joins them."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from storage.database import Database
from storage.documents import DocumentStore
from web.settings import Settings

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class System:
    """Everything a running Parcelflow is made of."""

    settings: Settings
    clock: Clock
    documents: DocumentStore
    database: Database
    secret_key: str

    @property
    def zone(self) -> ZoneInfo:
        """Give the zone in which the business lives."""
        return self.settings.zone

    def close(self) -> None:
        """Give back what is held open."""
        self.database.close()


def system_clock() -> datetime:
    """Tell the time; the only place that asks the machine."""
    return datetime.now(UTC)


def assemble(settings: Settings, *, clock: Clock = system_clock) -> System:
    """Choose and join the parts as the settings say; opens the database, starts nothing."""
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    documents = DocumentStore(settings.documents)
    database = Database(settings.database_address, clock=clock, documents=documents)
    return System(
        settings=settings, clock=clock, documents=documents, database=database, secret_key=_secret_key(settings)
    )


def _secret_key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return _kept_key(settings.data_folder / "secret_key")


def _kept_key(path: Path) -> str:
    """Read the key made at the first start, or make it; only the owner may read the file."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii").strip()
