"""Mail taken apart: from raw bytes to enclosures, within limits, and never with a loss.

Mail is hostile input: thousands of parts, messages within messages, unknown charsets, encoded line breaks in headers.
Whatever cannot be taken apart stays whole: the raw message is always kept, and what fails becomes an enclosure with a
fault, so that a person decides about it. Sources: RFC 5322 (messages), RFC 2045 to 2047 (MIME), RFC 2183 (dispositions).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from hashlib import sha256

import nh3

from capture.delivery import Delivery, Enclosure

KEPT_HEADERS = ("Subject", "From", "To", "Cc", "Date", "Message-ID", "Reply-To")
BOUNDARY = re.compile(rb'boundary\s*=\s*"?([^"\s;\r\n]{1,70})', re.IGNORECASE)
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,98}/[a-z0-9][a-z0-9!#$&^_.+-]{0,98}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class MailLimits:
    """What one mail may be: bytes, parts, nesting levels, bytes of headers, `Received` lines."""

    size: int = 25 * 1024 * 1024
    parts: int = 500
    levels: int = 20
    header_size: int = 64 * 1024
    received: int = 30


class UnreadableMail(ValueError):
    """The mail cannot be taken apart; keep it whole and let a person look at it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def identity(raw: bytes) -> str:
    """Give the identity of a mail at its source: Message-ID and SHA-256 of the raw bytes."""
    found = re.search(rb"^message-id:\s*(<[^>\r\n]{1,200}>)", raw[: 64 * 1024], re.IGNORECASE | re.MULTILINE)
    name = found.group(1).decode("ascii", "replace") if found else "no-message-id"
    return f"{name} {sha256(raw).hexdigest()}"


def mail_delivery(
    raw: bytes, *, channel: str, profile: str, received_at: datetime, limits: MailLimits | None = None
) -> Delivery:
    """Make a delivery of a raw mail.

    Never raises for what the mail contains: a mail that cannot be taken apart is delivered whole, as one enclosure with
    its fault (`too_many_parts`, `too_deep`, `mail_loop`, `headers_too_big`, `damaged`).
    """
    whole = Enclosure("message.eml", "message/rfc822", raw)
    delivery = Delivery(channel, identity(raw), received_at, (), profile, raw=whole)
    try:
        message = _parse(raw, limits or MailLimits())
        enclosures = tuple(_enclosures(message, limits or MailLimits()))
        headers = {name: read_header(message, name) for name in KEPT_HEADERS if name in message}
    except UnreadableMail as fault:
        return replace(delivery, enclosures=(replace(whole, fault=fault.code, fault_message=str(fault)),))
    return replace(
        delivery,
        enclosures=enclosures,
        headers=headers,
        sender=sender_of(headers),
        subject=headers.get("Subject") or None,
    )


def sender_of(headers: Mapping[str, str]) -> str | None:
    """Give the bare address of the From header; it grants no right and proves nothing."""
    addresses = [address for _, address in getaddresses([headers.get("From", "")]) if "@" in address]
    return addresses[0].lower() if addresses else None


def read_header(message: Message, name: str) -> str:
    """Give a header as one line of text: encoded words decoded, line breaks and control characters made spaces."""
    value = str(message.get(name, ""))
    try:
        text = str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        text = value.encode("ascii", "replace").decode("ascii")
    return CONTROL.sub(" ", text).strip()[:1000]


def _parse(raw: bytes, limits: MailLimits) -> Message:
    _check_before_parsing(raw, limits)
    try:
        return message_from_bytes(raw, policy=policy.compat32)
    except RecursionError as error:
        raise UnreadableMail("too_deep", "The mail nests messages too deeply to be taken apart.") from error


def _check_before_parsing(raw: bytes, limits: MailLimits) -> None:
    """Refuse what would make the parser slow or overflow, by counting bytes and lines only."""
    if len(raw) > limits.size:
        raise UnreadableMail("too_big", f"The mail is larger than {limits.size // 1024**2} MB.")
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    if len(head) > limits.header_size:
        raise UnreadableMail("headers_too_big", "The headers of the mail are larger than a mail may have.")
    if len(re.findall(rb"^received:", head, re.IGNORECASE | re.MULTILINE)) > limits.received:
        raise UnreadableMail("mail_loop", "The mail has passed so many servers that it seems to go in a circle.")
    boundaries = set(BOUNDARY.findall(raw))
    if len(boundaries) > limits.parts:
        raise UnreadableMail("too_many_parts", f"The mail has more than {limits.parts} parts.")
    lines = sum(1 for line in re.finditer(rb"^--([^\r\n]{1,72})", raw, re.MULTILINE) if _delimits(line[1], boundaries))
    if lines > 2 * limits.parts:
        raise UnreadableMail("too_many_parts", f"The mail has more than {limits.parts} parts.")


def _delimits(line: bytes, boundaries: set[bytes]) -> bool:
    return line.rstrip() in boundaries or line.rstrip().removesuffix(b"--") in boundaries


def _enclosures(message: Message, limits: MailLimits) -> Iterator[Enclosure]:
    for number, part in enumerate(_leaves(message, limits, 1), start=1):
        if number > limits.parts:
            raise UnreadableMail("too_many_parts", f"The mail has more than {limits.parts} parts.")
        enclosure = _enclosure(part, number)
        if enclosure is not None:
            yield enclosure


def _leaves(message: Message, limits: MailLimits, level: int) -> Iterator[Message]:
    """Walk the parts that hold content, messages within messages included; of alternatives, the plainest."""
    if level > limits.levels:
        raise UnreadableMail("too_deep", f"The mail nests messages more than {limits.levels} levels deep.")
    payload = message.get_payload()
    if not isinstance(payload, list):
        yield message
        return
    children = [child for child in payload if isinstance(child, Message)]
    if message.get_content_type() == "multipart/alternative":
        children = _plainest(children)
    for child in children:
        yield from _leaves(child, limits, level + 1)


def _plainest(children: list[Message]) -> list[Message]:
    """Keep one of the alternative bodies (plain text if there is one) and everything that is no body."""
    plain = [c for c in children if c.get_content_type() == "text/plain"]
    if not plain or not any(_bytes(c).strip() for c in plain):
        return children
    return [c for c in children if c.get_content_type() != "text/html"]


def _enclosure(part: Message, number: int) -> Enclosure | None:
    media_type = _media_type(part)
    name = _file_name(part)
    content = _bytes(part)
    if part.get_content_disposition() != "attachment" and name is None and media_type in {"text/plain", "text/html"}:
        text = _body_text(part, content)
        return Enclosure(f"message-{number}.txt", "text/plain", text.encode()) if text.strip() else None
    if media_type == "text/plain" and name is not None and part.get_content_charset() not in {None, "utf-8"}:
        content = _body_text(part, content).encode()
    return Enclosure(name or f"part-{number}{_suffix(media_type)}", media_type, content)


def _media_type(part: Message) -> str:
    """Give what the part says that it is, or that nothing is known where this is no media type (RFC 6838 section 4.2)."""
    said = part.get_content_type()
    return said if MEDIA_TYPE.fullmatch(said) else "application/octet-stream"


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body_text(part: Message, content: bytes) -> str:
    """Decode a body in its charset; an unknown or wrong charset falls back to UTF-8, then to Windows-1252."""
    for charset in (part.get_content_charset(), "utf-8", "cp1252"):
        try:
            text = content.decode(charset or "utf-8")
            break
        except (LookupError, ValueError):
            continue
    else:
        text = content.decode("latin-1")
    return nh3.clean(text, tags=set()) if part.get_content_type() == "text/html" else text


def _file_name(part: Message) -> str | None:
    """Give the attached file's name as one clean component, or None if it names nothing usable."""
    raw = part.get_filename()
    if raw is None:
        return None
    try:
        text = str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        text = raw
    last = CONTROL.sub("", text).replace("\\", "/").rsplit("/", 1)[-1].strip(" .")
    return last[:200] or None


def _suffix(media_type: str) -> str:
    known = {"application/pdf": ".pdf", "image/tiff": ".tif", "image/jpeg": ".jpg", "image/png": ".png"}
    return known.get(media_type, ".bin")
