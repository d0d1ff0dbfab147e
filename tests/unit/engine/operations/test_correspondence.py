"""Letters, mails and the archive: each deed is done once for a call, on both databases."""

import email
import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from docx import Document as WordFile
from factories import a_document, a_parcel, a_party, an_order

from engine.operations.archive import Archivist, archive_operations
from engine.operations.call import BadCall, Call, Operation
from engine.operations.letters import LetterOffice, LetterPage, letter_operations
from engine.operations.mail import MailRoom, OutboxFolder, SmtpServer, mail_operations, one_line
from engine.operations.templates import TemplateFailed
from storage.audit import parcel_chain
from storage.database import Database
from storage.errors import NotFound
from storage.parcels import Document, ParcelState, RenditionKind

BERLIN = ZoneInfo("Europe/Berlin")
MAIL = b"""Subject: Order {{ order.number }}: {{ values.news }}

Dear {{ customer.name }},
{{ order.wanted_on }}, {{ order.run_length }} pieces, {{ order.price }} {{ order.currency }}
"""


def a_letter(text: str) -> bytes:
    document, data = WordFile(), BytesIO()
    document.add_paragraph(text)
    document.save(data)
    return data.getvalue()


class Desk:
    """A parcel with an order and an instance, and the operations on it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.outbox, self.made_searchable = database, folder / "outbox", list[int]()
        with database.transaction() as tx:
            customer = tx.orders.add_party(a_party(name="Galerie\nOst", email="k.ost@galerie-ost.example"))
            self.customer_id = customer.id
            parcel = tx.parcels.add(a_parcel())
            self.parcel_id = parcel.id
            tx.parcels.add_document(a_document(parcel, sha256=database.documents.put(b"the order").sha256))
            order = an_order(parcel, customer_id=customer.id, run_length=5000, wanted_on=date(2026, 3, 12))
            self.order_number = tx.orders.add(order).number
            self.instance_id = self._deploy(tx)
        self.operations: dict[str, Operation] = {
            **letter_operations(LetterOffice(database, self._to_pdf, self._read_pages, BERLIN)),
            **mail_operations(MailRoom(database, OutboxFolder(self.outbox), "orders@linden-press.example", BERLIN)),
            **archive_operations(Archivist(database, self.made_searchable.append, BERLIN)),
        }

    def _deploy(self, tx: Any) -> int:
        files = {
            "letters/work_sheet.docx": a_letter("Work sheet {{ order.number }} for {{ customer.name }}"),
            "letters/faulty.docx": a_letter("{{ nonsense }}"),
            "letters/news.txt": MAIL,
        }
        deployment = tx.deployments.add("order", files, "anna", "first")
        definition = tx.deployments.define(deployment, "order", file="order.bpmn", name="Order", is_executable=True)
        tx.session.flush()
        return int(tx.processes.open(tx.deployments.to_start(definition.id), self.parcel_id).id)

    @staticmethod
    def _to_pdf(content: bytes, suffix: str) -> bytes:
        return b"%PDF-1.7 " + suffix.encode() + str(len(content)).encode()

    @staticmethod
    def _read_pages(pdf: bytes) -> Sequence[LetterPage]:
        assert pdf.startswith(b"%PDF")
        return [LetterPage(1240, 1754, 150, "Work sheet for the winter exhibition", image=b"an image")]

    def call(self, operation: str, inputs: Mapping[str, Any], key: str = "call 1") -> Mapping[str, Any]:
        now = datetime(2026, 3, 2, 12, tzinfo=UTC)
        return self.operations[operation](Call(key, self.parcel_id, self.instance_id, inputs, {}, now))

    def letters(self) -> Sequence[Document]:
        with self.database.reading() as tx:
            return [letter for letter in tx.parcels.documents(self.parcel_id) if letter.kind == "work_sheet"]

    def mails(self) -> list[EmailMessage]:
        files = sorted(self.outbox.glob("*.eml"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def history(self) -> list[str]:
        with self.database.reading() as tx:
            return [event.action for event in tx.audit.history(parcel_chain(self.parcel_id))]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path)


def test_a_mail_lies_in_the_folder_for_good_before_it_is_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.call("send_mail", {"mail": "news", "values": {"news": "x"}}, "an earlier call")
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().suffix, desk.history().count("mail_sent")))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    desk.call("send_mail", NEWS)

    assert synced == [(".part", 1), ("", 1)]


WORK_SHEET = {"letter": "work_sheet", "title": "Work sheet", "values": {"priority": 50}}
NEWS = {"mail": "news", "values": {"news": "accepted\r\nBcc: everybody@example.org"}}


def test_a_letter_is_appended_to_the_parcel_with_its_pdf_and_text(desk: Desk) -> None:
    answer = desk.call("write_letter", WORK_SHEET)

    (letter,) = desk.letters()
    assert answer == {"document_id": letter.id, "title": "Work sheet"}
    assert (letter.position, letter.file_name) == (2, f"work-sheet-{desk.order_number}.docx")
    text = "\n".join(
        paragraph.text for paragraph in WordFile(BytesIO(desk.database.documents.read(letter.sha256))).paragraphs
    )
    assert text == f"Work sheet {desk.order_number} for Galerie\nOst"
    with desk.database.reading() as tx:
        renditions = tx.parcels.renditions(letter.id)
        (page,) = tx.parcels.pages(letter.id)
    assert set(renditions) == {RenditionKind.PDF, RenditionKind.TEXT}
    assert desk.database.documents.read(renditions[RenditionKind.PDF].sha256).startswith(b"%PDF")
    assert (page.width, page.text) == (1240, "Work sheet for the winter exhibition")
    assert page.image_sha256 is not None
    assert desk.database.documents.read(page.image_sha256) == b"an image"
    assert desk.history() == ["letter_written"]


def test_the_same_call_writes_one_letter(desk: Desk) -> None:
    first, again = desk.call("write_letter", WORK_SHEET), desk.call("write_letter", WORK_SHEET)

    assert first == again
    assert len(desk.letters()) == 1


def test_another_round_writes_another_letter(desk: Desk) -> None:
    desk.call("write_letter", WORK_SHEET)
    desk.call("write_letter", WORK_SHEET, "call 2")

    assert [letter.title for letter in desk.letters()] == ["Work sheet", "Work sheet 2"]
    assert desk.letters()[1].file_name == f"work-sheet-{desk.order_number}-2.docx"


def test_a_faulty_template_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(TemplateFailed, match="nonsense"):
        desk.call("write_letter", {"letter": "faulty", "title": "Faulty"})

    assert desk.history() == []


def test_a_letter_without_a_template_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(NotFound, match="deploy again"):
        desk.call("write_letter", {"letter": "unheard_of", "title": "Nothing"})


@pytest.mark.parametrize("name", ["../secret", "a/b", "", "work sheet", "wörk", None])
def test_a_template_is_named_by_plain_letters(desk: Desk, name: object) -> None:
    with pytest.raises(BadCall):
        desk.call("write_letter", {"letter": name, "title": "Work sheet"})


def test_a_mail_goes_to_the_customer_in_plain_words(desk: Desk) -> None:
    answer = desk.call("send_mail", NEWS)

    (mail,) = desk.mails()
    assert answer == {"is_sent": True, "message_id": mail["Message-ID"]}
    assert mail["To"].addresses[0].addr_spec == "k.ost@galerie-ost.example"
    assert mail["To"].addresses[0].display_name == "Galerie Ost"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "12 March 2026, 5,000 pieces" in mail.get_content()
    assert desk.history() == ["mail_sent"]


def test_a_value_cannot_add_a_header(desk: Desk) -> None:
    desk.call("send_mail", NEWS)

    (mail,) = desk.mails()
    assert mail["Bcc"] is None
    assert mail["Subject"] == f"Order {desk.order_number}: accepted"


def test_the_same_call_sends_one_mail(desk: Desk) -> None:
    assert desk.call("send_mail", NEWS) == desk.call("send_mail", NEWS)

    assert len(desk.mails()) == 1
    assert desk.history() == ["mail_sent"]


def test_a_mail_sent_but_not_on_record_goes_again_with_the_same_message_id(desk: Desk) -> None:
    class Broken(Exception):
        """Stands for a crash after the mail left."""

    sent: list[EmailMessage] = []

    class Server:
        def send(self, message: EmailMessage) -> None:
            sent.append(message)
            if len(sent) == 1:
                raise Broken

    room = MailRoom(desk.database, Server(), "orders@linden-press.example", BERLIN)
    desk.operations |= mail_operations(room)
    with pytest.raises(Broken):
        desk.call("send_mail", NEWS)
    desk.call("send_mail", NEWS)

    assert len(sent) == 2
    assert sent[0]["Message-ID"] == sent[1]["Message-ID"]


def test_a_mail_carries_documents_as_pdf(desk: Desk) -> None:
    document_id = desk.call("write_letter", WORK_SHEET)["document_id"]

    desk.call("send_mail", NEWS | {"attachments": [document_id]}, "call 2")

    (mail,) = desk.mails()
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_filename() == f"work-sheet-{desk.order_number}.pdf"


def test_a_mail_carries_no_document_of_another_parcel(desk: Desk) -> None:
    with desk.database.transaction() as tx:
        foreign = tx.parcels.add_document(a_document(tx.parcels.add(a_parcel()))).id

    with pytest.raises(BadCall, match="own parcel"):
        desk.call("send_mail", NEWS | {"attachments": [foreign]})
    assert desk.mails() == []


def test_a_customer_without_an_address_gets_no_mail_and_that_is_on_record(desk: Desk) -> None:
    with desk.database.transaction() as tx:
        tx.orders.party(desk.customer_id).email = None

    assert desk.call("send_mail", NEWS) == {"is_sent": False, "message_id": None}
    assert desk.mails() == []
    assert desk.history() == ["mail_not_sent"]


def test_a_header_line_is_one_line() -> None:
    assert one_line("a\r\nb\tc\x00d") == "a b c d"
    assert len(one_line("x" * 1000)) == 200


def test_archiving_makes_searchable_and_seals_once(desk: Desk) -> None:
    first, again = desk.call("archive_parcel", {}), desk.call("archive_parcel", {})

    with desk.database.reading() as tx:
        parcel = tx.parcels.one(desk.parcel_id)
    assert parcel.state is ParcelState.ARCHIVED
    assert first == again == {"manifest": parcel.manifest_sha256, "retention_until": date(2036, 12, 31)}
    assert desk.made_searchable == [desk.parcel_id]
    assert desk.history() == ["sealed"]


def test_a_parcel_that_cannot_be_made_searchable_is_not_sealed(desk: Desk) -> None:
    def broken(_parcel_id: int) -> None:
        raise OSError("disk full")

    desk.operations |= archive_operations(Archivist(desk.database, broken, BERLIN))
    with pytest.raises(OSError, match="disk full"):
        desk.call("archive_parcel", {})

    with desk.database.reading() as tx:
        assert tx.parcels.one(desk.parcel_id).sealed_at is None


def test_a_mail_server_takes_the_mail_whole() -> None:
    taken: list[bytes] = []

    class Inbox:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            taken.append(envelope.content)
            return "250 OK"

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "orders@linden-press.example", "a@b.example", "Äpfel"
    message.set_content("one line\n.\na dot before this line")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(Inbox(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        SmtpServer("127.0.0.1", port, starttls=False).send(message)
    finally:
        server.stop()

    received = email.message_from_bytes(taken[0], policy=email.policy.default)
    assert (received["Subject"], received.get_content().splitlines()[1]) == ("Äpfel", ".")


def test_a_mail_server_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(OSError, match="refused"):
        SmtpServer("127.0.0.1", 9, starttls=False).send(EmailMessage())
