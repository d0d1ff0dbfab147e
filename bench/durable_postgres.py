"""A throw-away PostgreSQL with its ordinary, durable settings, unlike that of the tests."""

import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from postgres import programs

_WAIT_SECONDS = 60


@contextmanager
def durable_postgres() -> Iterator[str]:
    """Run a cluster as long as the block lasts and give the URL of an empty database; every commit is synced to disk."""
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
            yield f"postgresql+psycopg://parcelflow@/postgres?host={folder}"
        finally:
            server.terminate()
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
