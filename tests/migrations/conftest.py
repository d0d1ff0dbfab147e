"""What migration tests share: databases with nothing in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Cluster


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.sqlite"


@pytest.fixture
def empty_postgresql_url(cluster: Cluster) -> Iterator[str]:
    name = cluster.make_database()
    yield cluster.url(name)
    cluster.drop_database(name)
