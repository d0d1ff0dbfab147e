"""DocumentStore: bytes under their SHA-256, in a folder.

Life cycle: `put` writes a temporary file beside the target, fsyncs it, renames it and fsyncs the folder; only then may a row
name the digest. What no row names is swept after a grace time; bytes that are there are never changed.
A lock file keeps a sweep from removing what another process is about to name: `put` renews the time of a file that is
there already, under the shared lock; `sweep` looks at the time again under the exclusive one.
"""

import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, BinaryIO

from storage.errors import Damaged, Invalid, NotFound, Unavailable

_PIECE = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What lies in the store: digest in hexadecimal digits, size in bytes."""

    sha256: str
    size: int


class DocumentStore:
    """Keeps bytes under their digest in a folder; the same bytes are kept once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "incoming").mkdir(exist_ok=True)
        (folder / ".lock").touch()

    def put(self, content: bytes | Path | BinaryIO) -> StoredFile:
        """Store bytes durably and give their digest; returns only when they would survive a power cut.

        Raises `Unavailable` when the disk is full or cannot be written.
        """
        try:
            if isinstance(content, Path):
                with content.open("rb") as stream:
                    return self._store(stream)
            return self._store(BytesIO(content) if isinstance(content, bytes) else content)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise Unavailable(f"The document store cannot be written: {error.strerror}.") from error
            raise

    def path(self, sha256: str) -> Path:
        """Give where the bytes lie; raises `NotFound`. The file must only be read."""
        path = self._place(sha256)
        if not path.is_file():
            raise NotFound(f"No document is stored under {sha256}.")
        return path

    def open(self, sha256: str) -> BufferedReader:
        """Open the bytes for reading; raises `NotFound`."""
        return self.path(sha256).open("rb")

    def read(self, sha256: str) -> bytes:
        """Read all bytes; raises `NotFound`."""
        return self.path(sha256).read_bytes()

    def __contains__(self, sha256: str) -> bool:
        return self._place(sha256).is_file()

    def verify(self, sha256: str) -> None:
        """Compute the digest again; raises `Damaged` when the bytes differ or are gone."""
        try:
            with self.open(sha256) as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except (NotFound, OSError) as error:
            raise Damaged(f"The bytes of {sha256} are missing; restore them from a backup.") from error
        if found != sha256:
            raise Damaged(f"The bytes of {sha256} have changed (now {found}); restore them from a backup.")

    def digests(self) -> Iterator[str]:
        """Go through the digests of all that is stored, in no order."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def stored_at(self, sha256: str) -> datetime:
        """Tell when the bytes were last put."""
        return datetime.fromtimestamp(self.path(sha256).stat().st_mtime, UTC)

    def sweep(self, is_referenced: Callable[[str], bool], now: datetime, grace: timedelta) -> list[str]:
        """Remove what no row names and is older than the grace time; gives the digests removed."""
        removed = [
            digest for digest in self.digests() if not is_referenced(digest) and self._remove(digest, now - grace)
        ]
        for leftover in (self.folder / "incoming").iterdir():
            with suppress(FileNotFoundError):  # its writer has just finished
                if datetime.fromtimestamp(leftover.stat().st_mtime, UTC) < now - grace:
                    leftover.unlink()
        return removed

    def _place(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise Invalid("A digest has 64 hexadecimal digits in lower case.")
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        with (self.folder / ".lock").open("rb") as handle:
            fcntl.flock(handle, kind)
            yield

    def _store(self, stream: BinaryIO) -> StoredFile:
        with tempfile.NamedTemporaryFile(dir=self.folder / "incoming", delete=False) as temporary:
            written = Path(temporary.name)
            try:
                stored = _copy(stream, temporary.file)
                os.fsync(temporary.fileno())
                with self._lock(fcntl.LOCK_SH):
                    self._keep(written, stored)
            finally:
                with suppress(FileNotFoundError):
                    written.unlink()
        return stored

    def _keep(self, written: Path, stored: StoredFile) -> None:
        place = self._place(stored.sha256)
        if place.is_file() and place.stat().st_size == stored.size:
            os.utime(place)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            written.chmod(0o440)
            written.rename(place)
        for folder in (place.parent, place.parent.parent, self.folder):  # whoever made them may not have come so far
            sync_folder(folder)

    def _remove(self, sha256: str, before: datetime) -> bool:
        with self._lock(fcntl.LOCK_EX):
            if not self._place(sha256).is_file() or self.stored_at(sha256) >= before:
                return False
            self._place(sha256).unlink()
            return True


def _copy(stream: BinaryIO, target: IO[bytes]) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
        target.write(piece)
    target.flush()
    return StoredFile(digest.hexdigest(), size)


def sync_folder(folder: Path) -> None:
    """Let the names of a folder's files survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
