"""Backup and restore, also while running: first a consistent copy of the database, then the files it names.

Files are never changed, and removed only after a grace time; so whatever the copy of the database names is still there when the
files are copied after it. A backup is a folder; its note `backup.json` is written last, so a folder without it is half a backup.
"""

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, inspect

from storage.base import from_json, to_json
from storage.check import named_digests
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import Damaged, NotFound, Refused, Unavailable

FORMAT = "parcelflow backup 1"
_NOTE = "backup.json"
_DATABASE = "database"
_DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: when its copying began, of which database, how many files."""

    begun_at: datetime
    backend: str
    sha256: str
    files: int


def backup(database: Database, folder: Path) -> Backup:
    """Copy database and files into an empty or new folder; raises `Refused` when something is in it already."""
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"The folder {folder} is not empty; name another one.")
    folder.mkdir(parents=True, exist_ok=True)
    begun_at = database.clock()
    copy = folder / _DATABASE
    if database.is_sqlite:
        _copy_sqlite(database.url, copy)
    else:
        _run("pg_dump", database.url, "--format=custom", "--no-owner", f"--file={copy}")
    _sync(copy)
    files = _copy_files(database.documents, DocumentStore(folder / _DOCUMENTS))
    made = Backup(begun_at, database.url.get_backend_name(), _digest(copy), files)
    _write_note(folder, made)
    return made


def read_note(folder: Path) -> Backup:
    """Tell what a backup holds; raises `NotFound` when the folder holds no finished backup."""
    try:
        note: Mapping[str, Any] = from_json((folder / _NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"The folder {folder} holds no finished backup; name the folder that `backup` has made."
        ) from error
    if note.get("format") != FORMAT:
        raise Refused(f"The backup in {folder} was made by another version of Parcelflow; restore it with that one.")
    return Backup(note["begun_at"], note["backend"], note["sha256"], note["files"])


def restore(folder: Path, database: Database) -> Backup:
    """Bring a backup back into an empty database and document store of the same kind.

    Raises `Damaged` when the backup is not what was written (nothing is restored then), `Refused` when the database is of another
    kind or anything is in it.
    """
    held = read_note(folder)
    if held.backend != database.url.get_backend_name():
        raise Refused(f"The backup is of {held.backend}, the database here is {database.url.get_backend_name()}.")
    copy, files = folder / _DATABASE, DocumentStore(folder / _DOCUMENTS)
    if not copy.is_file() or _digest(copy) != held.sha256:
        raise Damaged(f"The database in {folder} is damaged; use another backup.")
    for digest in files.digests():
        files.verify(digest)
    found = inspect(database.engine)
    if found.get_table_names() or "dbos" in found.get_schema_names():
        raise Refused("There is something in the database already; restore into an empty one.")
    _copy_files(files, database.documents)
    if database.is_sqlite:
        _restore_sqlite(database, copy)
    else:
        _run("pg_restore", database.url, "--no-owner", "--exit-on-error", "--single-transaction", str(copy))
    database.migrate()
    _compare(database)
    return held


def _compare(database: Database) -> None:
    with database.reading() as tx:
        missing = [digest for digest in named_digests(tx) if digest not in tx.documents]
    if missing:
        raise Damaged(f"{len(missing)} files that the database names are not in the backup, the first is {missing[0]}.")


def _copy_sqlite(url: URL, target: Path) -> None:
    if url.database is None or not Path(url.database).exists():
        raise NotFound(f"There is no database at {url.database}.")
    with closing(sqlite3.connect(url.database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy, pages=1000, sleep=0.01)
        copy.execute("PRAGMA journal_mode=DELETE")
        [result] = copy.execute("PRAGMA integrity_check").fetchone()
    if result != "ok":
        raise Damaged(f"The copy of the database is not sound: {result}.")


def _restore_sqlite(database: Database, copy: Path) -> None:
    database.engine.dispose()
    target = Path(str(database.url.database))
    for leftover in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    shutil.copyfile(copy, target)
    _sync(target)


def _run(program: str, url: URL, *arguments: str) -> None:
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    try:
        subprocess.run(
            [program, f"--dbname={plain}", *arguments], check=True, capture_output=True, text=True, env=environment
        )
    except FileNotFoundError as error:
        raise Unavailable(f"The program {program} is not installed (Debian: postgresql-client).") from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{program} failed: {error.stderr.strip().splitlines()[-1:]}.") from error


def _copy_files(source: DocumentStore, target: DocumentStore) -> int:
    number = 0
    for digest in source.digests():
        if digest not in target and target.put(source.path(digest)).sha256 != digest:
            raise Damaged(f"The bytes of {digest} have changed; run `parcelflow check`.")
        number += 1
    return number


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_note(folder: Path, made: Backup) -> None:
    note = {"format": FORMAT, "begun_at": made.begun_at, "backend": made.backend, "sha256": made.sha256}
    path = folder / _NOTE
    path.write_text(to_json(note | {"files": made.files}), encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    for place in (path, path.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
