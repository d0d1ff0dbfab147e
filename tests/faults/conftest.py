"""A place to work for children that will be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from busy_day import Place, prepare


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(database_url, tmp_path)
    prepare(made)
    yield made
