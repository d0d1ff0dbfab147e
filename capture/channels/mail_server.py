"""The mail server: orders sent to our own addresses. One door to aiosmtpd.

The sender's server hears 250 only when the mail is stored and committed; on any doubt it hears 451 and keeps the mail
(RFC 5321 section 6.1). Unknown recipients are refused with 550 before any data is taken. Who opens too many connections, sends
too many commands or names too many recipients is asked to come later (421, 452): an honest sender tries again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from capture.delivery import Receipt, Receive
from capture.mail import MailLimits, mail_delivery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """What clients may ask for: connections at once, in all and of one address; recipients of a mail; commands of a kind."""

    connections: int = 50
    of_one_address: int = 10
    recipients: int = 100
    commands: int = 500
    idle_seconds: float = 60


@dataclass(slots=True)
class MailServer:
    """An SMTP server on `host`:`port`; `recipients` names the source profile of each address (lower case)."""

    host: str
    port: int
    recipients: Mapping[str, str]
    clock: Callable[[], datetime]
    limits: MailLimits = field(default_factory=MailLimits)
    door: DoorLimits = field(default_factory=DoorLimits)
    name: str = "mail_server"

    def run(self, receive: Receive, stop: Event) -> None:
        """Serve until `stop` is set."""
        controller = _Controller(
            _Intake(self, receive),
            _Visitors(self.door),
            hostname=self.host,
            port=self.port,
            data_size_limit=self.limits.size,
            decode_data=False,
            enable_SMTPUTF8=True,
            ident="Parcelflow",
            command_call_limit=self.door.commands,
            timeout=self.door.idle_seconds,
        )
        controller.start()
        try:
            stop.wait()
        finally:
            controller.stop()


class _Visitors:
    """Who is connected, by address; used by the server's one thread only."""

    def __init__(self, door: DoorLimits) -> None:
        self._door = door
        self._from = Counter[str]()

    def enter(self, address: str) -> bool:
        """Let one more in, unless there are too many."""
        if self._from.total() >= self._door.connections or self._from[address] >= self._door.of_one_address:
            return False
        self._from[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Note that one has gone."""
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]


class _Controller(Controller):
    """Makes the protocol of each connection; `visitors` says who may come in."""

    def __init__(self, handler: "_Intake", visitors: _Visitors, **more: Any) -> None:
        self._visitors = visitors
        super().__init__(handler, **more)

    def factory(self) -> SMTP:
        """Make the protocol of one connection."""
        return _Connection(self._visitors, self.handler, **self.SMTP_kwargs)


class _Connection(SMTP):
    """One connection, which is turned away at once when there are too many."""

    def __init__(self, visitors: _Visitors, handler: "_Intake", **more: Any) -> None:
        super().__init__(handler, **more)
        self._visitors = visitors
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client, or ask it to come later."""
        address = str((transport.get_extra_info("peername") or ("",))[0])
        if self._visitors.enter(address):
            self._address = address
            super().connection_made(transport)
        elif isinstance(transport, asyncio.WriteTransport):
            log.warning("Too many connections to the mail server; one of %s was asked to come later", address)
            transport.write(b"421 4.7.0 Too many connections; please come again later\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the client has gone."""
        if self._address is not None:
            self._visitors.leave(self._address)
            super().connection_lost(error)


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
        if len(envelope.rcpt_tos) >= self._server.door.recipients:
            return "452 4.5.3 Too many recipients; please send the rest in another mail"
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
