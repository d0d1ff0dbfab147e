"""What every channel promises, against each channel as it really is."""

import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Thread
from typing import Protocol
from uuid import uuid4

import pytest
from dovecot import PASSWORD, USER, Dovecot, free_port, running_dovecot
from sqlalchemy import select

from capture.channels.drop_folder import DropFolder
from capture.channels.mail_server import MailServer
from capture.channels.mailbox import Mailbox
from capture.channels.upload import upload_delivery
from capture.delivery import Delivery, Enclosure, Receipt, Receive
from capture.intake import Intake
from storage.database import Database
from storage.parcels import Document, Parcel, QuarantineEntry

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PDF = b"%PDF-1.7 an order"
File = tuple[str, bytes]


class PlugPulled(ConnectionError):
    """The process dies here."""


class Source(Protocol):
    """A sender on the other side of a channel."""

    takes_several: bool

    def send(self, files: Sequence[File], receive: Receive) -> bool:
        """Send files together; tell whether they were acknowledged."""

    def repeat(self, receive: Receive) -> None:
        """Do what the source does when it has no acknowledgement: offer the same again."""


@dataclass
class FolderSource:
    folder: Path
    takes_several = False

    def send(self, files: Sequence[File], receive: Receive) -> bool:
        for name, content in files:
            (self.folder / name).write_bytes(content)
        channel = DropFolder(self.folder, lambda: NOW)
        with suppress(PlugPulled):
            channel.scan(receive)
            channel.scan(receive)
        return not any(p.is_file() for p in self.folder.rglob("*"))

    def repeat(self, receive: Receive) -> None:
        DropFolder(self.folder, lambda: NOW).scan(receive)


def mail_of(files: Sequence[File]) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@kern.example", "orders@print.example", "Order"
    mail["Message-ID"] = f"<{uuid4()}@kern.example>"
    mail.set_content("Please find our order enclosed.")
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail.as_bytes()


@dataclass
class SmtpSource:
    last: bytes = b""
    takes_several = True

    def send(self, files: Sequence[File], receive: Receive) -> bool:
        self.last = mail_of(files)
        return self._send(receive)

    def repeat(self, receive: Receive) -> None:
        assert self._send(receive)

    def _send(self, receive: Receive) -> bool:
        with serving_mail(receive) as client:
            try:
                client.sendmail("a@kern.example", ["orders@print.example"], self.last)
            except smtplib.SMTPDataError:
                return False
            return True


@contextmanager
def serving_mail(receive: Receive) -> Iterator[smtplib.SMTP]:
    port, stop = free_port(), Event()
    server = MailServer("127.0.0.1", port, {"orders@print.example": "order"}, lambda: NOW)
    thread = Thread(target=server.run, args=(receive, stop))
    thread.start()
    try:
        with connected(port) as client:
            yield client
    finally:
        stop.set()
        thread.join(timeout=10)


def connected(port: int) -> smtplib.SMTP:
    for _ in range(200):
        with suppress(ConnectionRefusedError):
            return smtplib.SMTP("127.0.0.1", port, timeout=10)
        Event().wait(0.02)
    raise RuntimeError("the mail server did not come up")


@dataclass
class ImapSource:
    server: Dovecot
    takes_several = True

    def send(self, files: Sequence[File], receive: Receive) -> bool:
        self.server.append(mail_of(files))
        self._poll(receive)
        return all(b"$Parcelflow" in flags for flags in self.server.flags())

    def repeat(self, receive: Receive) -> None:
        self._poll(receive)

    def _poll(self, receive: Receive) -> None:
        Mailbox("127.0.0.1", self.server.port, USER, PASSWORD, lambda: NOW, encrypted=False).poll(receive)


@dataclass
class UploadSource:
    last: Delivery | None = None
    takes_several = True

    def send(self, files: Sequence[File], receive: Receive) -> bool:
        enclosures = [Enclosure(name, "application/pdf", content) for name, content in files]
        self.last = upload_delivery(enclosures, request_key=str(uuid4()), submitted_by=1, received_at=NOW)
        with suppress(PlugPulled):
            receive(self._anonymous())
            return True
        return False

    def repeat(self, receive: Receive) -> None:
        receive(self._anonymous())

    def _anonymous(self) -> Delivery:
        """Leave out the person, who would have to be in the database first."""
        assert self.last is not None
        return replace(self.last, submitted_by=None)


@pytest.fixture(scope="session")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with running_dovecot(tmp_path_factory.mktemp("dovecot")) as server:
        yield server


@pytest.fixture(params=["drop_folder", "mail_server", "mailbox", "upload"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param == "drop_folder":
        folder = tmp_path / "drop"
        folder.mkdir()
        return FolderSource(folder)
    if request.param == "mail_server":
        return SmtpSource()
    if request.param == "upload":
        return UploadSource()
    server: Dovecot = request.getfixturevalue("dovecot")
    server.empty()
    return ImapSource(server)


@dataclass
class Office:
    """The receiving side: intake on a real database, and what it owes."""

    database: Database
    opened: list[int]

    @property
    def receive(self) -> Receive:
        return Intake(self.database, {"order": "order"}, lambda _tx, parcel: self.opened.append(parcel.id)).receive

    def dying_before(self, _delivery: Delivery) -> Receipt:
        raise PlugPulled("before the commit")

    def dying_after(self, delivery: Delivery) -> Receipt:
        self.receive(delivery)
        raise PlugPulled("after the commit")

    def parcels(self) -> list[Parcel]:
        with self.database.reading() as tx:
            return list(tx.session.scalars(select(Parcel).order_by(Parcel.id)))

    def documents(self, parcel: Parcel) -> Sequence[Document]:
        with self.database.reading() as tx:
            return tx.parcels.documents(parcel.id)

    def quarantined(self) -> Sequence[QuarantineEntry]:
        with self.database.reading() as tx:
            return tx.parcels.quarantined()


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, [])


def test_what_is_acknowledged_is_one_parcel_with_its_bytes(source: Source, office: Office) -> None:
    assert source.send([("order.pdf", PDF)], office.receive)

    (parcel,) = office.parcels()
    contents = [office.database.documents.read(d.sha256) for d in office.documents(parcel)]
    assert PDF in contents
    assert office.opened == [parcel.id]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_loses_nothing_and_doubles_nothing(source: Source, office: Office, moment: str) -> None:
    dying: Callable[[Delivery], Receipt] = getattr(office, f"dying_{moment}")

    assert not source.send([("order.pdf", PDF)], dying)
    source.repeat(office.receive)
    source.repeat(office.receive)

    assert len(office.parcels()) == 1
    assert office.opened == [office.parcels()[0].id]


def test_the_same_bytes_in_a_new_arrival_are_a_new_parcel_shown_as_a_possible_duplicate(
    source: Source, office: Office
) -> None:
    source.send([("order.pdf", PDF)], office.receive)
    source.send([("again.pdf", PDF)], office.receive)

    first, second = office.parcels()
    assert first.duplicate_of_id is None
    assert second.duplicate_of_id == first.id


def test_a_bad_enclosure_goes_to_quarantine_while_the_rest_goes_on(source: Source, office: Office) -> None:
    files = [("empty.pdf", b""), ("order.pdf", PDF)] if source.takes_several else [("empty.pdf", b"")]

    assert source.send(files, office.receive)

    (entry,) = office.quarantined()
    (parcel,) = office.parcels()
    assert (entry.file_name, entry.code, entry.parcel_id) == ("empty.pdf", "empty", parcel.id)
    if source.takes_several:
        assert PDF in [office.database.documents.read(d.sha256) for d in office.documents(parcel)]


def test_a_mailbox_that_is_numbered_anew_gives_no_parcel_twice(office: Office, dovecot: Dovecot) -> None:
    dovecot.empty()
    source = ImapSource(dovecot)
    source.send([("order.pdf", PDF)], office.dying_after)
    dovecot.renumber()

    source.repeat(office.receive)

    assert len(office.parcels()) == 1
