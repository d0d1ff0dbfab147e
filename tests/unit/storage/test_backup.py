"""Backups made while others write, and brought back into an empty place."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from factories import a_document, a_parcel
from fakes import FakeClock
from postgres import Cluster

from storage.audit import parcel_chain
from storage.backup import backup, read_note, restore
from storage.check import check
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import Damaged, NotFound, Refused


@pytest.fixture
def empty(request: pytest.FixtureRequest, database: Database, tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    """Give an empty database without a schema, of the same kind, with an empty document store."""
    documents = DocumentStore(tmp_path / "restored documents")
    if database.is_sqlite:
        place = Database(f"sqlite:///{tmp_path}/restored/parcelflow.sqlite", clock=clock, documents=documents)
        yield place
        place.close()
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.make_database()
    place = Database(cluster.url(name), clock=clock, documents=documents)
    yield place
    place.close()
    cluster.drop_database(name)


def take_in(database: Database, content: bytes) -> str:
    stored = database.documents.put(content)
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.parcels.add_document(a_document(parcel, sha256=stored.sha256, size=stored.size))
        tx.audit.record(parcel_chain(parcel.id), "system", "received", parcel.number)
        return parcel.number


@pytest.fixture
def filled(empty_schema: Database) -> Database:
    for number in range(3):
        take_in(empty_schema, f"order {number}".encode())
    return empty_schema


@pytest.fixture
def empty_schema(
    request: pytest.FixtureRequest, database: Database, open_database: Callable[[str], Database], tmp_path: Path
) -> Iterator[Database]:
    """Give a database whose schema was made by migrations."""
    if database.is_sqlite:
        migrated = open_database(f"sqlite:///{tmp_path}/live/parcelflow.sqlite")
        migrated.migrate()
        yield migrated
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.make_database()
    migrated = open_database(cluster.url(name))
    migrated.migrate()
    yield migrated
    cluster.drop_database(name)


def test_what_was_there_when_the_backup_began_is_there_after_restoring(
    filled: Database, empty: Database, tmp_path: Path
) -> None:
    made = backup(filled, tmp_path / "backup")
    take_in(filled, b"later")

    held = restore(tmp_path / "backup", empty)

    assert held == made == read_note(tmp_path / "backup")
    assert check(empty) == []
    with empty.reading() as tx:
        assert tx.parcels.numbered("P-2026-000003")
        with pytest.raises(NotFound):
            tx.parcels.numbered("P-2026-000004")
        assert list(tx.audit.verify()) == []


def test_a_restored_database_goes_on_with_the_next_number_and_keeps_its_guards(
    filled: Database, empty: Database, tmp_path: Path
) -> None:
    backup(filled, tmp_path / "backup")
    restore(tmp_path / "backup", empty)

    assert take_in(empty, b"next") == "P-2026-000004"
    with pytest.raises(Refused), empty.transaction() as tx:
        tx.connection.exec_driver_sql("DELETE FROM audit_event")


def test_a_backup_made_while_others_write_is_whole(filled: Database, empty: Database, tmp_path: Path) -> None:
    stop, taken = Event(), []

    def write() -> None:
        while not stop.is_set():
            taken.append(take_in(filled, f"busy {len(taken)}".encode()))

    writer = Thread(target=write)
    writer.start()
    try:
        while len(taken) < 3:
            stop.wait(0.01)
        before = list(taken)
        backup(filled, tmp_path / "backup")
    finally:
        stop.set()
        writer.join()

    restore(tmp_path / "backup", empty)

    assert check(empty) == []
    with empty.reading() as tx:
        assert [tx.parcels.numbered(number).number for number in before] == before


def test_a_backup_is_not_written_over_another(filled: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")

    with pytest.raises(Refused, match="not empty"):
        backup(filled, tmp_path / "backup")


def test_nothing_is_restored_over_something(filled: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")

    with pytest.raises(Refused, match="something in the database"):
        restore(tmp_path / "backup", filled)


def test_half_a_backup_is_none(filled: Database, empty: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").unlink()

    with pytest.raises(NotFound, match="no finished backup"):
        restore(tmp_path / "backup", empty)


def test_a_damaged_database_copy_is_not_restored(filled: Database, empty: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")
    with (tmp_path / "backup" / "database").open("r+b") as copy:
        copy.seek(200)
        copy.write(b"damage")

    with pytest.raises(Damaged):
        restore(tmp_path / "backup", empty)
    assert list(empty.documents.digests()) == []


def test_a_damaged_file_is_not_restored(filled: Database, empty: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")
    files = DocumentStore(tmp_path / "backup" / "documents")
    path = files.path(next(files.digests()))
    path.chmod(0o600)
    path.write_bytes(b"damage")

    with pytest.raises(Damaged):
        restore(tmp_path / "backup", empty)


def test_a_missing_file_is_named_after_restoring(filled: Database, empty: Database, tmp_path: Path) -> None:
    backup(filled, tmp_path / "backup")
    files = DocumentStore(tmp_path / "backup" / "documents")
    files.path(next(files.digests())).unlink()

    with pytest.raises(Damaged, match="1 files that the database names"):
        restore(tmp_path / "backup", empty)


def test_a_backup_of_the_other_kind_of_database_is_refused(
    filled: Database, tmp_path: Path, open_database: Callable[[str], Database], sqlite_url: str, postgresql_url: str
) -> None:
    backup(filled, tmp_path / "backup")
    other = open_database(postgresql_url if filled.is_sqlite else sqlite_url)

    with pytest.raises(Refused, match="the database here is"):
        restore(tmp_path / "backup", other)
