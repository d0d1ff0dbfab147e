"""What tests of the web share."""

from pathlib import Path

import pytest
from house import House

from storage.database import Database


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    """Give a house on a fresh database, one of each kind."""
    return House(database, tmp_path / "house")


@pytest.fixture
def small_house(open_database: object, sqlite_url: str, tmp_path: Path) -> House:
    """Give a house on SQLite, for what no database can make a difference to."""
    assert callable(open_database)
    return House(open_database(sqlite_url), tmp_path / "house")
