"""Mails to the customer: filled in from a text template, with attachments, sent by SMTP or laid into a folder."""

import os
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from engine.operations.call import BadCall, Call, Operation
from engine.operations.letters import PDF, deployed_template, template_name
from engine.operations.orders import ACTOR
from engine.operations.particulars import particulars
from engine.operations.templates import TemplateFailed, fill_text
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.documents import sync_folder
from storage.parcels import RenditionKind

_SECONDS: Final = 30
_LONGEST_SUBJECT: Final = 200


class Outgoing(Protocol):
    """Takes a finished mail; raises when it is not taken. The same mail may come twice, with the same Message-ID."""

    def send(self, message: EmailMessage) -> None:
        """Hand the mail over."""
        ...


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Sends mails through a mail server."""

    host: str
    port: int = 587
    login: str | None = None
    password: str | None = None
    starttls: bool = True

    def send(self, message: EmailMessage) -> None:
        """Hand the mail to the server; raises `smtplib.SMTPException` or `OSError`."""
        with smtplib.SMTP(self.host, self.port, timeout=_SECONDS) as server:
            if self.starttls:
                server.starttls(context=ssl.create_default_context())
            if self.login and self.password:
                server.login(self.login, self.password)
            server.send_message(message)


@dataclass(frozen=True, slots=True)
class OutboxFolder:
    """Lays mails into a folder as `.eml` files, one for each Message-ID."""

    folder: Path

    def send(self, message: EmailMessage) -> None:
        """Write the mail durably; the same one again replaces itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        unfinished = self.folder / f"{name}.part"
        with unfinished.open("wb") as file:
            file.write(message.as_bytes(policy=SMTP))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / f"{name}.eml")
        sync_folder(self.folder)


@dataclass(frozen=True, slots=True)
class MailRoom:
    """What mails are made with: the way out, and the sender's address."""

    database: Database
    outgoing: Outgoing
    sender: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything a mail needs, read from the database."""

    recipient: str | None
    recipient_name: str
    template: str
    values: Mapping[str, Any]
    attachments: Sequence[tuple[str, bytes]]


def mail_operations(room: MailRoom) -> dict[str, Operation]:
    """Bind the operation that sends mails."""
    return {"send_mail": partial(send_mail, room)}


def send_mail(room: MailRoom, call: Call) -> Mapping[str, Any]:
    """Send the order's customer a mail made from `letters/<mail>.txt`; a customer without an address gets none, on record.

    Inputs: `mail`, `values` for the template, `attachments` (ids of documents, sent as PDF). Gives `is_sent` and `message_id`.
    The Message-ID comes from the call's key; a mail that is on record as sent is not sent again.
    """
    message_id = f"<{call.mark}@{room.sender.rpartition('@')[2]}>"
    with room.database.reading() as tx:
        if _is_on_record(tx, call, message_id):
            return {"is_sent": True, "message_id": message_id}
        draft = _draft(room, tx, call)
    if draft.recipient is None:
        _record(room, call, "mail_not_sent", {"reason": "The customer has no mail address on record."})
        return {"is_sent": False, "message_id": None}
    room.outgoing.send(_message(room, draft, message_id, call.now))
    _record(room, call, "mail_sent", {"message_id": message_id, "to": draft.recipient})
    return {"is_sent": True, "message_id": message_id}


def one_line(text: str) -> str:
    """Give a text that is safe in a mail header: one line, no control characters, not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:_LONGEST_SUBJECT]


def _is_on_record(tx: Transaction, call: Call, message_id: str) -> bool:
    history = tx.audit.history(parcel_chain(call.parcel))
    return any(event.action == "mail_sent" and event.details.get("message_id") == message_id for event in history)


def _record(room: MailRoom, call: Call, action: str, details: Mapping[str, Any]) -> None:
    with room.database.transaction() as tx:
        tx.audit.record(parcel_chain(call.parcel), ACTOR, action, call.text("mail"), details)


def _draft(room: MailRoom, tx: Transaction, call: Call) -> _Draft:
    order = tx.orders.of_parcel(call.parcel)
    customer = tx.orders.party(order.customer_id) if order and order.customer_id else None
    return _Draft(
        recipient=customer.email if customer else None,
        recipient_name=customer.name if customer else "",
        template=deployed_template(tx, call, f"{template_name(call, 'mail')}.txt").decode(),
        values=particulars(tx, call.parcel, call.mapping("values"), room.zone),
        attachments=[_attachment(tx, call, document_id) for document_id in call.inputs.get("attachments") or []],
    )


def _attachment(tx: Transaction, call: Call, document_id: Any) -> tuple[str, bytes]:
    document = tx.parcels.document(int(document_id))
    if document.parcel_id != call.parcel:
        raise BadCall("A mail can only carry documents of its own parcel.")
    pdf = tx.parcels.renditions(document.id).get(RenditionKind.PDF)
    if pdf is None:
        raise BadCall(f"The document “{document.title}” has no PDF that a mail could carry.")
    return f"{Path(document.file_name).stem}.pdf", tx.documents.read(pdf.sha256)


def _message(room: MailRoom, draft: _Draft, message_id: str, now: datetime | None) -> EmailMessage:
    subject, body = _subject_and_body(fill_text(draft.template, draft.values))
    message = EmailMessage(policy=SMTP)
    message["Subject"] = one_line(subject)
    message["From"] = room.sender
    message["To"] = Address(one_line(draft.recipient_name), addr_spec=one_line(draft.recipient or ""))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    if now is not None:
        message["Date"] = format_datetime(now)
    message.set_content(body, cte="quoted-printable")
    for name, content in draft.attachments:
        maintype, _, subtype = PDF.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


def _subject_and_body(text: str) -> tuple[str, str]:
    head, _, body = text.partition("\n")
    if not head.startswith("Subject: "):
        raise TemplateFailed("A mail template begins with a line “Subject: ...”; correct it and deploy it again.")
    return head.removeprefix("Subject: "), body.lstrip("\n")
