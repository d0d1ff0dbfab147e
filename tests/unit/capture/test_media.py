"""What a file is, told by its content."""

import io
import zipfile
from pathlib import Path

import docx
import pytest
from paper import ORDER, jpeg, pdf, picture, png, tiff

from capture.errors import DamagedFile, Empty, PasswordNeeded, TooBig, Unreadable, Unsupported
from capture.media import MediaKind, decode_text, probe


def _zipped(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def _zipped_as_they_are(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def _word_file() -> bytes:
    written = io.BytesIO()
    docx.Document().save(written)
    return written.getvalue()


def _compound(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + stream.encode("utf-16-le") + b"\0" * 100


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (pdf([ORDER]), "application/pdf"),
        (b"\r\njunk\n" + pdf([ORDER]), "application/pdf"),
        (tiff([picture(ORDER)]), "image/tiff"),
        (jpeg(picture(ORDER)), "image/jpeg"),
        (png(picture(ORDER)), "image/png"),
        (_word_file(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (_zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}), "application/vnd.oasis.opendocument.text"),
        (_compound("WordDocument"), "application/msword"),
        (b"{\\rtf1 hello}", "application/rtf"),
        (b"From: a@b.example\r\nSubject: order\r\n\r\nHello", "message/rfc822"),
        (b"<!DOCTYPE html><html></html>", "text/html"),
        ("Größe und Maße".encode("cp1252"), "text/plain"),
        ("plain".encode("utf-16"), "text/plain"),
    ],
)
def test_the_content_tells_the_type(data: bytes, media_type: str) -> None:
    assert probe(data).media_type == media_type


def test_a_text_that_is_called_pdf_is_a_text() -> None:
    assert probe(b"This is no PDF at all.\n").kind is MediaKind.TEXT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Empty),
        (Path("/bin/sh").read_bytes(), Unsupported),
        (b"\x1f\x8b\x08" + b"\0" * 50, Unsupported),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Unsupported),
        (b"PK\x03\x04 and no more", DamagedFile),
        (_zipped({"a.txt": b"a"}), Unsupported),
        (_zipped({"[Content_Types].xml": b"", "word/document.xml": b"0" * (20 << 20)}), TooBig),
        (_zipped({f"word/{number}": b"" for number in range(1001)}), TooBig),
        (_compound("EncryptedPackage"), PasswordNeeded),
        (_compound("Something else"), Unsupported),
        (b"a" * ((5 << 20) + 1), TooBig),
    ],
)
def test_what_is_not_read_is_refused_with_its_reason(data: bytes, reason: type[Unreadable]) -> None:
    with pytest.raises(reason):
        probe(data)


def test_text_is_decoded_by_what_it_can_be() -> None:
    assert decode_text("Größe".encode()) == "Größe"
    assert decode_text("Größe".encode("cp1252")) == "Größe"
    assert decode_text("Größe".encode("utf-16")) == "Größe"


def test_an_archive_that_begins_with_a_pdf_is_no_pdf_of_which_the_rest_is_left_out() -> None:
    with pytest.raises(Unsupported, match="one by one"):
        probe(_zipped_as_they_are({"first.pdf": pdf([ORDER]), "second.pdf": pdf([ORDER])}))
