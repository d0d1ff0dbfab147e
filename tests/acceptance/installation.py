"""A whole installation as a program of its own, for tests that start it, kill it and start it again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """One data folder and database, and the process that serves it while it lives."""

    folder: Path
    database_url: str | None = None
    web_port: int = field(default_factory=free_port)
    mail_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    @property
    def environment(self) -> Mapping[str, str]:
        chosen = {
            "PARCELFLOW_DATA_FOLDER": str(self.folder),
            "PARCELFLOW_WEB__PORT": str(self.web_port),
            "PARCELFLOW_WEB__PUBLIC_URL": self.url,
            "PARCELFLOW_MAIL_SERVER__PORT": str(self.mail_port),
            "PARCELFLOW_DROP_FOLDER__QUIET_SECONDS": "0.2",
            "PYTHONPATH": str(ROOT),
        }
        if self.database_url is not None:
            chosen["PARCELFLOW_DATABASE_URL"] = self.database_url
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, **chosen}

    def command(self, *arguments: str) -> str:
        """Run a command of the command line to its good end and give what it printed."""
        return self.ended(self.begin(*arguments))

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Begin to run a command of the command line."""
        return subprocess.Popen(
            [sys.executable, "-m", "web.cli", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, command: "subprocess.Popen[str]") -> str:
        """Wait for the good end of a command and give what it printed."""
        with command:
            printed, complained = command.communicate(timeout=300)
        assert command.returncode == 0, printed + complained
        return printed

    def start(self, *options: str) -> None:
        """Start the whole system and wait until it answers."""
        self.launch(*options)
        self._wait()

    def launch(self, *options: str) -> None:
        """Begin to start the whole system."""
        log = (self.folder / "parcelflow.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "web.cli", "run", *options],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as a power cut does: the process and all its kin, at once."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        return (self.folder / "parcelflow.log").read_text(errors="replace")

    def _wait(self) -> None:
        assert self.process is not None
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log()
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(self.log())


@contextmanager
def running(installation: Installation, *options: str) -> Iterator[Installation]:
    """Start an installation, and stop it in the end."""
    installation.start(*options)
    try:
        yield installation
    finally:
        installation.stop()
