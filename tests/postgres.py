"""A throw-away PostgreSQL cluster for one test run, shared by its workers, reached by a socket in its own folder.

The first worker that needs it starts this file as a program, which makes the cluster, serves until the test run has ended,
and removes it. `databases` copies a template that holds the schema.
"""

import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg

_WAIT_SECONDS = 90
_started: list[subprocess.Popen[bytes]] = []  # kept, since nobody waits for it: it waits for us
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_wal_size": "2GB",
}


class Missing(Exception):
    """PostgreSQL's programs are not installed."""


def programs() -> Path:
    """Give the folder of the newest PostgreSQL programs; raises `Missing`."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if not found:
        raise Missing("PostgreSQL is not installed (Debian: postgresql)")
    return found[-1]


class Cluster:
    """A running cluster: makes and drops databases."""

    def __init__(self, socket_folder: str) -> None:
        self.socket_folder = socket_folder

    def url(self, database: str) -> str:
        """Give the URL of a database for SQLAlchemy."""
        return f"postgresql+psycopg://parcelflow@/{database}?host={self.socket_folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        conninfo = f"host={self.socket_folder} user=parcelflow dbname=postgres"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    def make_template(self, fill: Callable[[str], None]) -> str:
        """Make a database, let `fill` put the schema into it, and give its name."""
        name = f"template_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}"')
        fill(self.url(name))
        return name

    def make_database(self, template: str = "template1") -> str:
        """Make a database from a template and give its name."""
        name = f"test_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def shared_cluster(folder: Path, run: int) -> Cluster:
    """Give the cluster of the test run (process id `run`), started when this is the first to ask; raises `Missing`."""
    programs()
    note = folder / "postgres.json"
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            with (folder / "postgres.log").open("w") as log:
                _started.append(
                    subprocess.Popen([sys.executable, __file__, str(run), str(note)], stdout=log, stderr=log)
                )
            _wait_for(note)
    return Cluster(json.loads(note.read_text())["socket_folder"])


def _wait_for(note: Path) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not note.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"PostgreSQL did not start: {(note.parent / 'postgres.log').read_text()}")
        time.sleep(0.05)


def _account() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def _serve(run: int, note: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="parcelflow-postgres-"))
    account = _account()
    if account:
        os.chown(folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
    try:
        data = folder / "data"
        options = ["-U", "parcelflow", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-sync", "-D", str(data)]
        subprocess.run([programs() / "initdb", *options], check=True, user=account, cwd=folder)
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        command = [programs() / "postgres", "-D", str(data), "-k", str(folder), *settings]
        server = subprocess.Popen(command, user=account, cwd=folder)
        try:
            _announce(folder, note)
            while _is_alive(run) and server.poll() is None:
                time.sleep(0.5)
        finally:
            server.terminate()
            subprocess.run(
                [programs() / "pg_ctl", "stop", "-m", "immediate", "-D", str(data)],
                check=False,
                user=account,
                cwd=folder,
                capture_output=True,
            )
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _announce(folder: Path, note: Path) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        try:
            psycopg.connect(f"host={folder} user=parcelflow dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            unfinished = note.with_suffix(".part")
            unfinished.write_text(json.dumps({"socket_folder": str(folder)}))
            unfinished.rename(note)
            return


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
