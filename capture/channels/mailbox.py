r"""The mailbox: one folder of an IMAP account, polled. One door to imap-tools.

Messages are fetched with PEEK, so nothing changes at the server; each is flagged only after it is stored, with a keyword
of ours where the server keeps keywords, else as `\Flagged` (RFC 9051 section 2.3.2). A message is known by its Message-ID
and the digest of its bytes, not by its UID: when the server begins a new UIDVALIDITY and numbers everything anew, what was
taken before is recognised and taken for what it is.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted

from capture.delivery import Receive
from capture.mail import MailLimits, mail_delivery

KEYWORD = "$Parcelflow"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Mailbox:
    """An IMAP account and one folder of it; `password` is never logged."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    clock: Callable[[], datetime]
    folder: str = "INBOX"
    encrypted: bool = True
    profile: str = "order"
    poll_seconds: float = 30.0
    limits: MailLimits = field(default_factory=MailLimits)
    name: str = "mailbox"
    _uidvalidity: int | None = None

    def run(self, receive: Receive, stop: Event) -> None:
        """Poll until `stop` is set."""
        while not stop.is_set():
            try:
                self.poll(receive)
            except Exception:  # the edge of a channel loop: servers go away and come back
                log.exception("The mailbox %s at %s could not be read; trying again", self.folder, self.host)
            stop.wait(self.poll_seconds)

    def poll(self, receive: Receive) -> int:
        """Take in every message that was not taken before; give their number."""
        opened = MailBox if self.encrypted else MailBoxUnencrypted
        with opened(self.host, self.port, timeout=30).login(self.user, self.password, self.folder) as box:
            self._notice_renumbering(box)
            mark, criterion = _mark(box)
            taken = 0
            for uid in box.uids(criterion):
                taken += self._take(box, uid, mark, receive)
            return taken

    def _take(self, box: BaseMailBox, uid: str, mark: str, receive: Receive) -> int:
        """Store one message and flag it; a message that cannot be stored stays unflagged and is tried again."""
        try:
            for raw in _fetch(box, uid):
                delivery = mail_delivery(
                    raw, channel=self.name, profile=self.profile, received_at=self.clock(), limits=self.limits
                )
                receive(delivery)
                box.flag(uid, [mark], value=True)
                return 1
        except Exception:  # one bad message never stops the mailbox
            log.exception("Message %s of %s could not be stored; it stays in the mailbox", uid, self.folder)
        return 0

    def _notice_renumbering(self, box: BaseMailBox) -> None:
        status = box.folder.status(self.folder, ["UIDVALIDITY"])
        now = int(status["UIDVALIDITY"])
        if self._uidvalidity not in {None, now}:
            log.warning("The server has renumbered %s; its messages are compared by content", self.folder)
        self._uidvalidity = now


def _fetch(box: BaseMailBox, uid: str) -> Iterator[bytes]:
    """Give the raw bytes of a message, as the server holds them, without marking it as read."""
    _, parts = box.client.uid("FETCH", uid, "(BODY.PEEK[])")
    for part in parts or []:
        if isinstance(part, tuple):
            yield part[1]


def _mark(box: BaseMailBox) -> tuple[str, str]:
    """Give the flag that says "taken" and the search for messages without it; by what the folder lets us keep."""
    _, kept = box.client.response("PERMANENTFLAGS")
    allowed = b" ".join(part for part in kept or [] if isinstance(part, bytes))
    if b"\\*" in allowed or KEYWORD.encode() in allowed:
        return KEYWORD, f"UNKEYWORD {KEYWORD}"
    return "\\Flagged", "UNFLAGGED"
