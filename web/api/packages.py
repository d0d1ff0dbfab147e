"""The files of a deployment as programs send them: each with its path as its name, or all in one zip."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from werkzeug.datastructures import FileStorage

from engine.deployment import SUFFIXES
from storage.errors import Invalid
from web.draft_files import LARGEST_FILE, MOST_FILES, checked_content, checked_path

_MOST_MEMBERS: Final = 1_000
_MOST_UNPACKED: Final = 200 << 20
_HIGHEST_RATIO: Final = 100
_SMALL: Final = 1 << 20
_SAMPLES: Final = "samples"


def unpack(files: Sequence[FileStorage]) -> dict[str, bytes]:
    """Give the files by path; raises `Invalid` for what cannot be part of a process."""
    first = files[0]
    is_zip = len(files) == 1 and (first.filename or "").lower().endswith(".zip")
    found = _out_of_one_folder(_gathered(_members(first.stream.read()))) if is_zip else _gathered(_single(files))
    if not any(path.endswith(".bpmn") for path in found):
        raise Invalid("There is no diagram among the files; add a .bpmn file.")
    return found


def _single(files: Sequence[FileStorage]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        yield (file.filename or "").replace("\\", "/"), file.stream.read()


def _gathered(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path, data in files:
        if path in found:
            raise Invalid(f"{path[:80]} is there twice; send it once.")
        found[checked_path(path)] = checked_content(path, data)
        if len(found) > MOST_FILES:
            raise Invalid(f"These are more than {MOST_FILES} files, which is more than a process needs.")
    return found


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the files of a zip that belong to a process; samples and other kinds of files are left out, as in a folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive.infolist())
            for member in archive.infolist():
                path = PurePosixPath(member.filename)
                if path.suffix in SUFFIXES and _SAMPLES not in path.parts and not member.is_dir():
                    yield member.filename, _content(archive, member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError, zlib.error) as error:
        raise Invalid(f"The zip cannot be read: {error}.") from error


def _out_of_one_folder(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give the files as they lie within the folder that was packed, where all lie in one."""
    folders = {path.partition("/")[0] for path in files if "/" in path}
    top = f"{folders.pop()}/" if len(folders) == 1 and all("/" in path for path in files) else ""
    return {path.removeprefix(top): data for path, data in files.items()}


def _check(members: Sequence[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if len(members) > _MOST_MEMBERS or unpacked > _MOST_UNPACKED:
        raise Invalid(f"The zip holds {len(members)} files of {unpacked >> 20} MB, which is more than allowed.")
    if unpacked > _SMALL and unpacked / packed > _HIGHEST_RATIO:
        raise Invalid(f"The zip would unpack to {unpacked // packed} times its size, which is more than allowed.")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        return stream.read(LARGEST_FILE + 1)
