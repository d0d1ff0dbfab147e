"""What a file is, by its content alone: a name is a claim, not a fact."""

import io
import re
import zipfile
from dataclasses import dataclass
from enum import StrEnum

import puremagic

from capture.errors import DamagedFile, Empty, PasswordNeeded, TooBig, Unsupported

_MOST_MEMBERS = 1000
_MOST_UNPACKED = 200 << 20
_HIGHEST_RATIO = 100
_SMALL = 1 << 20
_LARGEST_TEXT = 5 << 20
_MAIL_HEAD = re.compile(rb"\A(?:>?From [^\n]*\n)?(?:[A-Za-z][A-Za-z0-9-]{1,40}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}\r?\n")
_MAIL_FIELD = re.compile(rb"^(?:From|Received|Return-Path|Message-ID|MIME-Version):", re.IGNORECASE | re.MULTILINE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_TEXT_PROBE = 1 << 16


class MediaKind(StrEnum):
    """How a file is turned into pages."""

    PDF = "pdf"
    IMAGE = "image"
    OFFICE = "office"
    MAIL = "mail"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Media:
    """What a file is: how it is read, its media type, and the suffix its kind usually has."""

    kind: MediaKind
    media_type: str
    suffix: str


_PDF = Media(MediaKind.PDF, "application/pdf", ".pdf")
_BY_HEAD = (
    (b"%PDF-", _PDF),
    (b"II*\0", Media(MediaKind.IMAGE, "image/tiff", ".tif")),
    (b"MM\0*", Media(MediaKind.IMAGE, "image/tiff", ".tif")),
    (b"II+\0", Media(MediaKind.IMAGE, "image/tiff", ".tif")),
    (b"MM\0+", Media(MediaKind.IMAGE, "image/tiff", ".tif")),
    (b"\xff\xd8\xff", Media(MediaKind.IMAGE, "image/jpeg", ".jpg")),
    (b"\x89PNG\r\n\x1a\n", Media(MediaKind.IMAGE, "image/png", ".png")),
    (b"GIF87a", Media(MediaKind.IMAGE, "image/gif", ".gif")),
    (b"GIF89a", Media(MediaKind.IMAGE, "image/gif", ".gif")),
    (b"BM", Media(MediaKind.IMAGE, "image/bmp", ".bmp")),
    (b"{\\rtf", Media(MediaKind.OFFICE, "application/rtf", ".rtf")),
)
_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_BY_MEMBER = (
    ("word/", Media(MediaKind.OFFICE, _OPEN_XML + "wordprocessingml.document", ".docx")),
    ("xl/", Media(MediaKind.OFFICE, _OPEN_XML + "spreadsheetml.sheet", ".xlsx")),
    ("ppt/", Media(MediaKind.OFFICE, _OPEN_XML + "presentationml.presentation", ".pptx")),
)
_OPEN_DOCUMENT = {
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
}
_BY_STREAM = (
    ("WordDocument", Media(MediaKind.OFFICE, "application/msword", ".doc")),
    ("Workbook", Media(MediaKind.OFFICE, "application/vnd.ms-excel", ".xls")),
    ("PowerPoint Document", Media(MediaKind.OFFICE, "application/vnd.ms-powerpoint", ".ppt")),
)


def probe(data: bytes) -> Media:
    """Return what `data` is; raise Empty, PasswordNeeded, DamagedFile, TooBig or Unsupported when it cannot be read."""
    if not data:
        raise Empty("The file is empty.")
    for head, media in _BY_HEAD:
        if data.startswith(head) and (head != b"BM" or _is_bitmap(data)):
            return media
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Media(MediaKind.IMAGE, "image/webp", ".webp")
    if data.startswith(b"PK\x03\x04"):
        return _in_archive(data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _in_compound(data)
    if b"%PDF-" in data[:1024]:  # only now: a file of another kind may hold a PDF near its beginning
        return _PDF
    return _as_text(data)


def decode_text(data: bytes) -> str:
    """Return `data` as text: UTF-8 or UTF-16 where marked or valid, else Windows' Western European characters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _is_bitmap(data: bytes) -> bool:
    return len(data) > 18 and int.from_bytes(data[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}  # noqa: PLR2004


def _in_archive(data: bytes) -> Media:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_archive(archive.infolist())
            names = archive.namelist()
            stated = archive.read("mimetype").decode("ascii", "replace").strip() if "mimetype" in names else ""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise DamagedFile(f"The file begins like an office file or archive, but is damaged: {error}.") from error
    if stated in _OPEN_DOCUMENT:
        return Media(MediaKind.OFFICE, stated, _OPEN_DOCUMENT[stated])
    for folder, media in _BY_MEMBER:
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            return media
    raise Unsupported("Archives are not read; send the files one by one.")


def _check_archive(members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if len(members) > _MOST_MEMBERS or unpacked > _MOST_UNPACKED:
        raise TooBig(f"The file holds {len(members)} parts of {unpacked >> 20} MB, which is more than allowed.")
    if unpacked > _SMALL and unpacked / packed > _HIGHEST_RATIO:
        raise TooBig(f"The file would unpack to {unpacked // packed} times its size, which is more than allowed.")


def _in_compound(data: bytes) -> Media:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise PasswordNeeded("The office file is protected by a password.")
    for stream, media in _BY_STREAM:
        if stream.encode("utf-16-le") in data:
            return media
    raise Unsupported("Files of this kind (OLE compound file) are not read.")


def _as_text(data: bytes) -> Media:
    head = data[:_TEXT_PROBE]
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not marked and _CONTROLS.search(head):
        raise Unsupported(f"Files of this kind ({_guess(data)}) are not read.")
    if len(data) > _LARGEST_TEXT:
        raise TooBig(f"The text is longer than {_LARGEST_TEXT >> 20} MB.")
    if _MAIL_HEAD.match(head) and _MAIL_FIELD.search(head):
        return Media(MediaKind.MAIL, "message/rfc822", ".eml")
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return Media(MediaKind.HTML, "text/html", ".html")
    if start.startswith((b"<?xml", b"<svg")):
        raise Unsupported("XML files are not read as pages; send a PDF.")
    return Media(MediaKind.TEXT, "text/plain", ".txt")


def _guess(data: bytes) -> str:
    try:
        return puremagic.from_string(data[:_TEXT_PROBE], mime=True) or "unknown"
    except (puremagic.PureError, ValueError):
        return "unknown"
