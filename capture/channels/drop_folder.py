"""The drop folder: a scanner, a fax server or a person puts files in; each file becomes a parcel.

Life of a file: it lies in the folder, or at any depth in a subfolder named after its source, until size and time of change have
stood still; it is **claimed** by renaming it into `.claimed` beside it, which no second watcher can do again; it is delivered;
and only when it is stored it is removed. The claimed name holds the identity, so a crash after the claim delivers the same
identity again at the next scan, which is the same parcel. A file that may not be taken in is moved to `.refused` with a text
beside it that says why. Links are not followed.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from uuid import uuid4

from capture.delivery import Delivery, Enclosure, Receive

CLAIMED = ".claimed"
REFUSED = ".refused"
_LONGEST_NAME = 200  # bytes; a file system takes 255, and the identity stands before it
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class DropFolder:
    """A watched folder; `profiles` names the source profile by subfolder, `profile` the one of everything else."""

    folder: Path
    clock: Callable[[], datetime]
    profile: str = "order"
    profiles: dict[str, str] = field(default_factory=dict)
    settle_seconds: float = 1.0
    size_limit: int = 100 * 1024 * 1024
    name: str = "drop_folder"
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def run(self, receive: Receive, stop: Event) -> None:
        """Scan until `stop` is set, every `settle_seconds`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        while not stop.is_set():
            try:
                self.scan(receive)
            except Exception:  # the edge of a channel loop: the fault is logged and the next scan tries again
                log.exception("The drop folder %s could not be read; trying again", self.folder)
            stop.wait(self.settle_seconds)

    def scan(self, receive: Receive) -> None:
        """Look through the folder once: deliver what was claimed before, claim and deliver what stands still."""
        for source, place in self._places():
            for claimed in sorted((place / CLAIMED).glob("*")):
                self._try_to_deliver(source, claimed, receive)
            for path in self._settled(place):
                mine = self._claim(path)
                if mine is not None:
                    self._try_to_deliver(source, mine, receive)

    def _places(self) -> Iterator[tuple[str, Path]]:
        """Give the folder itself (source empty) and all folders below; the name of the first below it is the source."""
        for place, below, _ in os.walk(self.folder, onerror=_tell):
            below[:] = sorted(name for name in below if not name.startswith("."))
            path = Path(place)
            yield next(iter(path.relative_to(self.folder).parts), ""), path

    def _settled(self, place: Path) -> list[Path]:
        """Give the files that have not changed since the last scan; remember the others."""
        now: dict[Path, tuple[int, int]] = {}
        for entry in sorted(place.iterdir()):
            about = entry.lstat()
            if stat.S_ISREG(about.st_mode) and not entry.name.startswith(".") and entry.suffix not in UNFINISHED:
                now[entry] = (about.st_size, about.st_mtime_ns)
        settled = [path for path, state in now.items() if self._seen.get(path) == state]
        for path in [p for p in self._seen if p.parent == place]:
            del self._seen[path]
        self._seen.update(now)
        return settled

    def _claim(self, path: Path) -> Path | None:
        """Move a file aside under a name that is its identity; None if somebody else was faster."""
        home = path.parent / CLAIMED
        home.mkdir(exist_ok=True)
        target = home / f"{uuid4().hex}__{_plain(path.name)}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return None
        _sync(home)
        return target

    def _try_to_deliver(self, source: str, claimed: Path, receive: Receive) -> None:
        """Deliver a file; one that cannot be stored now stays claimed, is tried again, and holds up no other."""
        try:
            self._deliver(source, claimed, receive)
        except Exception:  # the edge of the channel: the file stays where it is
            log.exception("The file %s could not be stored; trying again", claimed)

    def _deliver(self, source: str, claimed: Path, receive: Receive) -> None:
        if claimed.stat().st_size > self.size_limit:
            self._refuse(claimed, f"The file is larger than {self.size_limit // 1024**2} MB.")
            return
        name = claimed.name.partition("__")[2] or claimed.name
        delivery = Delivery(
            channel=self.name,
            source_key=f"{source}/{claimed.name}",
            received_at=self.clock(),
            enclosures=(Enclosure(name, "application/octet-stream", claimed.read_bytes()),),
            profile=self.profiles.get(source, self.profile),
            sender=source or None,
            subject=name,
        )
        receive(delivery)
        claimed.unlink()
        _sync(claimed.parent)

    def _refuse(self, claimed: Path, reason: str) -> None:
        home = claimed.parent.parent / REFUSED
        home.mkdir(exist_ok=True)
        target = home / claimed.name
        claimed.rename(target)
        target.with_name(target.name + ".txt").write_text(reason + "\n", encoding="utf-8")
        log.warning("Refused %s: %s", claimed.name, reason)


def _tell(error: OSError) -> None:
    log.error("A folder could not be read and is left out; let the service read it: %s", error)


def _plain(name: str) -> str:
    """Give a name as text of any database, and short enough for a longer one: its last part, with the ending."""
    readable = os.fsencode(name).decode("utf-8", errors="replace")
    return readable.encode()[-_LONGEST_NAME:].decode(errors="ignore")


def _sync(folder: Path) -> None:
    """Make renames within a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
