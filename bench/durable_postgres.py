"""A throw-away PostgreSQL with its ordinary, durable settings, unlike that of the tests."""

import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from postgres import programs

_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running cluster: the URL of its empty database, and the number of its process."""

    url: str
    pid: int


@contextmanager
def durable_postgres() -> Iterator[Server]:
    """Run a cluster as long as the block lasts; every commit is synced to disk."""
    account = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="parcelflow-bench-") as name:
        folder = Path(name)
        if account:
            os.chown(folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
        data = folder / "data"
        options = ["-U", "parcelflow", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-D", str(data)]
        subprocess.run(
            [programs() / "initdb", *options], check=True, user=account, cwd=folder, stdout=subprocess.DEVNULL
        )
        command = [programs() / "postgres", "-D", str(data), "-k", str(folder), "-c", "listen_addresses="]
        server = subprocess.Popen(command, user=account, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            _await(folder)
            yield Server(f"postgresql+psycopg://parcelflow@/postgres?host={folder}", server.pid)
        finally:
            server.send_signal(signal.SIGINT)  # at once, whoever is still connected
            server.wait(_WAIT_SECONDS)


def _await(folder: Path) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            psycopg.connect(f"host={folder} user=parcelflow dbname=postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
