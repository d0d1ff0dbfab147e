"""The schema by migrations is the schema of the models, on both databases."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from factories import a_parcel
from postgres import programs
from sqlalchemy import text

from storage import schema
from storage.database import Database
from storage.errors import Refused
from storage.job_engine import JobEngine

Opener = Callable[[str], Database]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a database without any schema."""
    return str(request.getfixturevalue(f"empty_{request.param}_url"))


def structure(database: Database) -> list[str]:
    """Give the whole schema as sorted lines of SQL, without Alembic's own table."""
    if database.is_sqlite:
        with database.engine.connect() as connection:
            rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
            return sorted(canonical(row) for row in rows if "alembic_version" not in row)
    url = database.url.set(drivername="postgresql").render_as_string()
    command = [programs() / "pg_dump", "--schema-only", "--no-owner", "--exclude-table=alembic_version", url]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = (line.strip().rstrip(",") for line in dump.splitlines() if line and not line.startswith(("--", "\\")))
    return sorted(lines)


def canonical(statement: str) -> str:
    """Give an SQLite statement without the order and spacing of its parts, which mean nothing."""
    parts = " ".join(statement.replace("(", "( ").replace(")", " )").split()).replace(" ,", ",").split(", ")
    return ", ".join(sorted(part.strip("( )") for part in parts))


@pytest.fixture
def migrated(empty_url: str, open_database: Opener) -> Database:
    database = open_database(empty_url)
    database.migrate()
    return database


def test_the_schema_by_migrations_is_the_schema_of_the_models(
    migrated: Database, request: pytest.FixtureRequest
) -> None:
    kind = migrated.url.get_backend_name()
    by_models = request.getfixturevalue("open_database")(request.getfixturevalue(f"{kind}_url"))

    assert structure(migrated) == structure(by_models)
    assert len(structure(by_models)) > 50


def test_alembic_finds_nothing_to_do(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        assert schema.differences(connection) == []
        assert schema.is_current(connection)


def test_tables_of_the_job_engine_are_no_difference(migrated: Database) -> None:
    engine = JobEngine(migrated.url.render_as_string(hide_password=False), node="one")
    engine.prepare()
    engine.close()

    with migrated.engine.begin() as connection:
        assert schema.differences(connection) == []


def test_a_table_nobody_knows_is_a_difference(migrated: Database) -> None:
    with migrated.engine.begin() as connection:
        connection.execute(text("CREATE TABLE stray (id integer)"))

        assert [difference[0] for difference in schema.differences(connection)] == ["remove_table"]


def test_migrating_again_changes_nothing(migrated: Database) -> None:
    with migrated.transaction() as tx:
        number = tx.parcels.add(a_parcel()).number
    before = structure(migrated)

    migrated.migrate()

    assert structure(migrated) == before
    with migrated.reading() as tx:
        assert tx.parcels.numbered(number)


def test_several_processes_may_migrate_at_once(empty_url: str, open_database: Opener) -> None:
    databases = [open_database(empty_url) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Database.migrate, databases))

    with databases[0].engine.connect() as connection:
        assert schema.is_current(connection)


def test_a_migration_that_is_interrupted_leaves_nothing_and_runs_again(
    empty_url: str, open_database: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(empty_url)

    def interrupted(*_: object) -> bool:
        raise RuntimeError("interrupted")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError), database.engine.begin() as connection:  # noqa: PT012
        patched.setattr(schema, "is_current", lambda _: False)
        schema.upgrade(connection)
        interrupted()
    with database.engine.connect() as connection:
        assert not schema.is_current(connection)

    database.migrate()

    with database.engine.connect() as connection:
        assert schema.is_current(connection)


def test_a_database_of_a_newer_version_is_refused_in_words(migrated: Database) -> None:
    with migrated.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Refused, match="newer version"):
        migrated.migrate()


def test_migrations_are_part_of_the_package() -> None:
    folder = Path(schema.__file__).parent / "migrations"

    assert (folder / "env.py").is_file()
    assert {path.suffix for path in (folder / "versions").iterdir() if path.is_file()} >= {".py", ".sql"}
