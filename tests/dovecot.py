"""A throw-away Dovecot on loopback, for tests that need a real IMAP server."""

import getpass
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

USER = "orders"
PASSWORD = "throw-away"

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
ssl = no
disable_plaintext_auth = no
default_internal_user = {internal}
default_login_user = {internal}
default_internal_group = {group}
mail_location = maildir:{home}/mail/%u
first_valid_uid = 0
first_valid_gid = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Where the server listens, and where it keeps its mail."""

    port: int
    home: Path

    def connect(self) -> imaplib.IMAP4:
        connection = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        connection.login(USER, PASSWORD)
        return connection

    def append(self, raw: bytes) -> None:
        """Put a mail into the inbox."""
        with self.connect() as connection:
            status, answer = connection.append("INBOX", None, None, raw)
            assert status == "OK", answer

    def flags(self) -> list[bytes]:
        """Give the flags of each message, in order."""
        with self.connect() as connection:
            connection.select("INBOX", readonly=True)
            _, answer = connection.fetch("1:*", "(FLAGS)")
            return [line for line in answer if isinstance(line, bytes)]

    def empty(self) -> None:
        """Remove all mail."""
        with self.connect() as connection:
            _, count = connection.select("INBOX")
            if count == [b"0"]:
                return
            connection.store("1:*", "+FLAGS", "\\Deleted")
            connection.expunge()

    def renumber(self) -> None:
        """Begin a new UIDVALIDITY, as after a restore of the mail store."""
        for index in (self.home / "mail" / USER).glob("dovecot*"):
            index.unlink()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_dovecot(home: Path) -> Iterator[Dovecot]:
    program = shutil.which("dovecot") or "/usr/sbin/dovecot"
    port = free_port()
    internal = "dovecot" if os.getuid() == 0 else getpass.getuser()
    group = "dovecot" if os.getuid() == 0 else str(os.getgid())
    owner, owner_group = _mail_owner()
    for folder in ("run", "state", "mail"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    _let_in(home)
    os.chown(home / "mail", owner, owner_group)
    config = home / "dovecot.conf"
    config.write_text(
        CONFIG.format(
            home=home,
            port=port,
            password=PASSWORD,
            internal=internal,
            group=group,
            owner=owner,
            owner_group=owner_group,
        )
    )
    server = subprocess.Popen([program, "-F", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, home)
        yield Dovecot(port, home)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _mail_owner() -> tuple[int, int]:
    """Give who owns the mail: Dovecot never lets it be root."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    user = pwd.getpwnam("nobody")
    return user.pw_uid, user.pw_gid


def _let_in(home: Path) -> None:
    """Let the server's own users reach the folder, below folders that tests keep to themselves."""
    top = Path(tempfile.gettempdir())
    for folder in (home, *home.parents):
        if top in folder.parents and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o055)


def _wait_for(port: int, home: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    log = home / "dovecot.log"
    raise RuntimeError(f"Dovecot did not come up: {log.read_text() if log.exists() else 'no log'}")
