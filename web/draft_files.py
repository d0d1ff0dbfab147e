"""Which files a draft may hold, where an upload lies in it, how it differs from what it began with, and a zip of it all."""

import difflib
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Final, cast

from engine.deployment import CALLED, SUFFIXES
from storage.errors import Invalid

MOST_FILES: Final = 300
LARGEST_FILE: Final = 10 << 20
TEXTS: Final = frozenset({".bpmn", ".dmn", ".form", ".txt", ".csv"})
_FOLDERS: Final = {".form": "forms/", ".docx": "letters/", ".txt": "letters/"}
_PATH: Final = re.compile(r"(?:\w[\w .()+-]*/){0,5}\w[\w .()+-]*")
_LONGEST_PATH: Final = 200
_LINES_SHOWN: Final = 400
_IN_MEMORY: Final = 8 << 20
_MEDIA: Final = {
    ".bpmn": "application/xml",
    ".dmn": "application/xml",
    ".form": "application/json",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_KINDS: Final = {
    ".bpmn": "diagram",
    ".dmn": "decision tables",
    ".form": "form",
    ".docx": "letter",
    ".txt": "letter as text",
    ".csv": "list",
}


class Change(StrEnum):
    """How a file of a draft stands to the file it began as."""

    SAME = "same"
    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file as a list shows it."""

    path: str
    kind: str
    size: int
    change: Change = Change.SAME

    @property
    def suffix(self) -> str:
        """Give the ending of its name."""
        return PurePosixPath(self.path).suffix


def media_type(path: str) -> str:
    """Give the media type of a workflow file by its name."""
    return _MEDIA.get(PurePosixPath(path).suffix, "application/octet-stream")


def own_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give the files that somebody deployed, without the called processes that a deployment takes along by itself."""
    return {path: data for path, data in files.items() if not path.startswith(CALLED)}


def checked_path(path: str) -> str:
    """Give a path within a draft; raises `Invalid` with what to do where it cannot be one."""
    suffix = PurePosixPath(path).suffix
    if suffix not in SUFFIXES:
        raise Invalid(f"{path[:80]} is none of {', '.join(sorted(SUFFIXES))}; only those belong to a process.")
    if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path) or path.startswith(CALLED):
        raise Invalid(
            f"{path[:80]} cannot be a file of a draft; use letters, digits, spaces and - _ . ( ) in its name."
        )
    return path


def place(name: str, present: Mapping[str, bytes]) -> str:
    """Give the path of an uploaded file: that of the one file of its name, else the folder where its kind lies."""
    plain = PurePosixPath(name.replace("\\", "/")).name
    same = [path for path in present if PurePosixPath(path).name == plain]
    if len(same) == 1:
        return same[0]
    suffix = PurePosixPath(plain).suffix
    beside = sorted({path.rpartition("/")[0] for path in present if PurePosixPath(path).suffix == suffix})
    folder = f"{beside[0]}/" if beside and beside[0] else "" if beside else _FOLDERS.get(suffix, "")
    return checked_path(folder + plain)


def checked_content(path: str, data: bytes) -> bytes:
    """Give the content of a file; raises `Invalid` where it is more than a file of a process needs."""
    if len(data) > LARGEST_FILE:
        raise Invalid(f"{path} has more than {LARGEST_FILE >> 20} MB; make it smaller.")
    return data


def lines(files: Mapping[str, bytes], base: Mapping[str, bytes] | None = None) -> list[FileLine]:
    """List files, with what became of them since the base; removed ones too."""
    known = files if base is None else {**base, **files}
    return [_line(path, known[path], _change(path, files, base)) for path in sorted(known, key=_order)]


def difference(path: str, files: Mapping[str, bytes], base: Mapping[str, bytes]) -> list[str]:
    """Give the changed lines of a text file in the manner of `diff -u`, and nothing for others."""
    if PurePosixPath(path).suffix not in TEXTS:
        return []
    old, new = (_text_lines(side.get(path, b"")) for side in (base, files))
    return list(_limited(difflib.unified_diff(old, new, lineterm="", n=1)))


def packed(files: Mapping[str, bytes]) -> IO[bytes]:
    """Pack files as a zip; a large one lies in a temporary file that goes away when it is closed."""
    target = cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - handed on, closed by the server
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(files.items()):
            archive.writestr(path, data)
    target.seek(0)
    return target


def _order(path: str) -> tuple[int, str]:
    suffix = PurePosixPath(path).suffix
    return (list(_KINDS).index(suffix) if suffix in _KINDS else len(_KINDS), path)


def _line(path: str, data: bytes, change: Change) -> FileLine:
    return FileLine(path, _KINDS.get(PurePosixPath(path).suffix, "file"), len(data), change)


def _change(path: str, files: Mapping[str, bytes], base: Mapping[str, bytes] | None) -> Change:
    if base is None or files.get(path) == base.get(path):
        return Change.SAME
    if path not in files:
        return Change.REMOVED
    return Change.CHANGED if path in base else Change.NEW


def _text_lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines()


def _limited(found: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(found):
        if line.startswith(("---", "+++")):
            continue
        if number > _LINES_SHOWN:
            yield "… and more"
            return
        yield line
