"""A PostgreSQL of a test's own, which it may restart as roughly as it likes."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postgres import programs

_OPTIONS = "-c listen_addresses= -c max_connections=60 -c shared_buffers=32MB -c fsync=off"


@dataclass
class OwnCluster:
    """A cluster in a folder, reached by a socket there."""

    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://parcelflow@/postgres?host={self.folder}"

    def make(self) -> None:
        account = _account()
        if account:
            os.chown(self.folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
        options = ("-U", "parcelflow", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-sync")
        self._run("initdb", *options)
        self._run("pg_ctl", "start", "-w", "-o", f"-k {self.folder} {_OPTIONS}", "-l", str(self.folder / "log"))

    def restart(self, mode: str) -> None:
        """Stop it (`fast` or `immediate`) and start it again."""
        self._run("pg_ctl", "restart", "-w", "-m", mode, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, user=_account(), cwd=self.folder, stdout=subprocess.DEVNULL, timeout=120)


def _account() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


@contextmanager
def own_cluster() -> Iterator[OwnCluster]:
    """Make a cluster, and take it away in the end."""
    made = OwnCluster(Path(tempfile.mkdtemp(prefix="parcelflow-own-")))
    try:
        made.make()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)
