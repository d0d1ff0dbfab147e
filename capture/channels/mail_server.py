"""The mail server: orders sent to our own addresses. One door to aiosmtpd.

The sender's server hears 250 only when the mail is stored and committed; on any doubt it hears 451 and keeps the mail
(RFC 5321 section 6.1). Unknown recipients are refused with 550 before any data is taken.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from capture.delivery import Receipt, Receive
from capture.mail import MailLimits, mail_delivery

log = logging.getLogger(__name__)


@dataclass(slots=True)
class MailServer:
    """An SMTP server on `host`:`port`; `recipients` names the source profile of each address (lower case)."""

    host: str
    port: int
    recipients: Mapping[str, str]
    clock: Callable[[], datetime]
    limits: MailLimits = field(default_factory=MailLimits)
    name: str = "mail_server"

    def run(self, receive: Receive, stop: Event) -> None:
        """Serve until `stop` is set."""
        controller = Controller(
            _Intake(self, receive),
            hostname=self.host,
            port=self.port,
            data_size_limit=self.limits.size,
            decode_data=False,
            enable_SMTPUTF8=True,
            ident="Parcelflow",
        )
        controller.start()
        try:
            stop.wait()
        finally:
            controller.stop()


class _Intake:
    """What aiosmtpd calls back for each recipient and each mail; the names of the methods are its."""

    def __init__(self, server: MailServer, receive: Receive) -> None:
        self._server = server
        self._receive = receive

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept an address of ours, one profile a mail."""
        del server, session, options
        profile = self._server.recipients.get(address.lower())
        if profile is None:
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the mail, then acknowledge it."""
        del server, session
        raw = envelope.content
        if not isinstance(raw, bytes):
            return "451 4.3.0 The mail could not be read; please send it again later"
        profile = self._server.recipients[envelope.rcpt_tos[0].lower()]
        try:
            receipt = await asyncio.to_thread(self._store, raw, profile)
        except Exception:  # the edge of the channel: the sender keeps the mail and tries again
            log.exception("A mail could not be stored; its sender was asked to try again")
            return "451 4.3.0 The mail could not be stored; please send it again later"
        return f"250 2.0.0 Stored as parcel {receipt.parcel_number}"

    def _store(self, raw: bytes, profile: str) -> Receipt:
        delivery = mail_delivery(
            raw,
            channel=self._server.name,
            profile=profile,
            received_at=self._server.clock(),
            limits=self._server.limits,
        )
        return self._receive(delivery)
