"""Stored bytes on their way out: never sniffed, never run, never inline unless they are page images of ours."""

import mimetypes
import re
from pathlib import PurePath

from flask import Response, send_file

from storage.documents import DocumentStore
from storage.errors import NotFound
from web.security import FILE_POLICY

_INLINE = frozenset({"image/png", "image/jpeg", "image/webp"})
_PLAIN_NAME = re.compile(r"[^\w .,()+@&=\-\u00c0-\uffff]+")
_LONGEST_NAME = 150


def attachment(documents: DocumentStore, sha256: str, media_type: str, name: str) -> Response:
    """Give stored bytes to be saved under a name."""
    response = send_file(
        documents.path(sha256),
        mimetype="application/octet-stream" if media_type in {"text/html", "image/svg+xml"} else media_type,
        as_attachment=True,
        download_name=safe_name(name, media_type),
        etag=sha256,
        conditional=True,
        max_age=0,
    )
    return lock(response)


def printable(pdf: bytes, name: str) -> Response:
    """Give a PDF that we made, to be saved and printed."""
    response = Response(pdf, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{safe_name(name)}"'
    return lock(response)


def page_image(documents: DocumentStore, sha256: str | None, media_type: str = "image/png") -> Response:
    """Give a page image that we made, to be shown within our own pages; raises `NotFound` where there is none."""
    if sha256 is None:
        raise NotFound("This page has no image.")
    with documents.open(sha256) as stream:
        found = _image_type(stream.read(12)) or media_type
    if found not in _INLINE:
        raise NotFound("This page has no image that can be shown.")
    response = send_file(documents.path(sha256), mimetype=found, etag=sha256, conditional=True, max_age=0)
    return lock(response)


def safe_name(name: str, media_type: str = "") -> str:
    """Give a file name without folders, control characters or surprises."""
    plain = _PLAIN_NAME.sub("_", PurePath(name.replace("\\", "/")).name).strip(". ")[-_LONGEST_NAME:]
    if plain and "." in plain:
        return plain
    return (plain or "document") + (mimetypes.guess_extension(media_type.partition(";")[0].strip()) or "")


def lock(response: Response) -> Response:
    """Keep a browser from sniffing, running, framing or keeping what it is given."""
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _image_type(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None
