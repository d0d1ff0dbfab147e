"""The few fixtures everybody needs: both databases, a clock that stands still, a document store."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import FakeClock
from postgres import Cluster, Missing, shared_cluster

from storage import schema
from storage.database import Database
from storage.documents import DocumentStore

pytest_plugins = ["figures"]
RUN = "PARCELFLOW_TEST_RUN"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = str(os.getpid())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def documents(tmp_path: Path) -> DocumentStore:
    return DocumentStore(tmp_path / "documents")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    try:
        return shared_cluster(folder, int(os.environ[RUN]))
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{missing}; it is not optional here")
        pytest.skip(str(missing))


def _fill(url: str, folder: Path) -> None:
    """Put the schema in from the models; that migrations give the same is tested in `migrations`."""
    database = Database(url, clock=FakeClock(NOON), documents=DocumentStore(folder))
    with database.engine.begin() as connection:
        schema.create(connection)
    database.close()


@pytest.fixture(scope="session")
def postgresql_template(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    return cluster.make_template(lambda url: _fill(url, tmp_path_factory.mktemp("template")))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = folder / "template.sqlite"
    _fill(f"sqlite:///{path}", folder)
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the URL of a fresh SQLite database with the schema in it."""
    path = tmp_path / "parcelflow.sqlite"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(cluster: Cluster, postgresql_template: str) -> Iterator[str]:
    """Give the URL of a fresh PostgreSQL database with the schema in it."""
    name = cluster.make_database(postgresql_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a fresh database with the schema in it, one of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_database(clock: FakeClock, documents: DocumentStore) -> Iterator[Callable[[str], Database]]:
    """Give a function that opens databases, which are closed at the end."""
    opened: list[Database] = []

    def opening(url: str) -> Database:
        opened.append(Database(url, clock=clock, documents=documents))
        return opened[-1]

    yield opening
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[str], Database], database_url: str) -> Database:
    """Give a fresh database with the schema in it, one of each kind."""
    return open_database(database_url)
