"""Letters: check a template at deploy, write a letter and append it to the parcel with its PDF."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from engine.errors import Finding, Severity
from engine.operations.call import BadCall, Call, Operation
from engine.operations.orders import ACTOR
from engine.operations.particulars import particulars
from engine.operations.templates import Filled, faults_of_letter, faults_of_text, fill_letter
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.documents import StoredFile
from storage.parcels import Document, Rendition, RenditionKind

LETTERS: Final = "letters/"
"""The folder of a deployment that holds the templates."""
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF: Final = "application/pdf"
PLAIN: Final = "text/plain; charset=utf-8"


class DeployedFiles(Protocol):
    """Reads a file of the deployment that an instance belongs to; raises `NotFound`."""

    def __call__(self, tx: Transaction, instance_id: int, path: str) -> bytes:
        """Give the bytes of the file at `path`."""
        ...


@dataclass(frozen=True, slots=True)
class LetterOffice:
    """What letters are written with: where templates come from, and how a .docx file becomes a PDF."""

    database: Database
    files: DeployedFiles
    to_pdf: Callable[[bytes, str], bytes]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Written:
    """The stored files of a letter: as Word, as PDF, as text."""

    word: StoredFile
    pdf: StoredFile
    text: StoredFile


def letter_operations(office: LetterOffice) -> dict[str, Operation]:
    """Bind the operation that writes letters."""
    return {"write_letter": partial(write_letter, office)}


def check_letter(data: bytes, file: str) -> list[Finding]:
    """Check a template at deploy, `.docx` or `.txt`: its syntax, and that letters know every name in it."""
    faults = faults_of_letter(data) if file.endswith(".docx") else _faults_of_mail(data)
    return [Finding(file, None, Severity.ERROR, "letter_fault", fault) for fault in faults]


def write_letter(office: LetterOffice, call: Call) -> Mapping[str, Any]:
    """Write a letter from the template `letters/<letter>.docx` and append it to the parcel, with a PDF.

    Inputs: `letter`, `title`, and `values` for the template. Gives `document_id` and `title`. The same call finds the letter it
    wrote before. Raises `TemplateFailed` for a faulty template and `ChildFailed` where no PDF comes out.
    """
    with office.database.reading() as tx:
        if (present := _written_before(tx, call)) is not None:
            return _answer(present)
        template = office.files(tx, call.instance_id, f"{LETTERS}{template_name(call, 'letter')}.docx")
        values = particulars(tx, call.parcel, call.mapping("values"), office.zone)
    filled = fill_letter(template, values, values["order"]["number"] or values["parcel"]["number"])
    written = _store(office, filled)
    with office.database.transaction() as tx:
        return _answer(_written_before(tx, call) or _append(tx, call, written))


def template_name(call: Call, name: str) -> str:
    """Give the input that names a template; raises `BadCall` unless it is made of letters, digits and underscores."""
    text = call.text(name)
    if not text.replace("_", "").isalnum() or not text.isascii():
        raise BadCall(f"“{text:.60}” names no template; write for example 'work_sheet'.")
    return text


def _faults_of_mail(data: bytes) -> list[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ["The mail template is not UTF-8 text; save it as UTF-8."]
    if not text.startswith("Subject: "):
        return ["A mail template begins with a line “Subject: ...”.", *faults_of_text(text)]
    return faults_of_text(text)


def _store(office: LetterOffice, filled: Filled) -> _Written:
    store = office.database.documents
    pdf = office.to_pdf(filled.content, ".docx")
    return _Written(store.put(filled.content), store.put(pdf), store.put(filled.text.encode()))


def _written_before(tx: Transaction, call: Call) -> Document | None:
    origin = _origin(call)
    return next((document for document in tx.parcels.documents(call.parcel) if document.origin == origin), None)


def _origin(call: Call) -> str:
    return f"letter {call.mark}"


def _append(tx: Transaction, call: Call, written: _Written) -> Document:
    kind = template_name(call, "letter")
    parcel = tx.parcels.locked(call.parcel)
    earlier = sum(document.kind == kind for document in tx.parcels.documents(parcel.id))
    order = tx.orders.of_parcel(parcel.id)
    number = order.number if order else parcel.number
    version = f" {earlier + 1}" if earlier else ""
    document = tx.parcels.add_document(
        Document(
            parcel_id=parcel.id,
            position=0,
            kind=kind,
            title=f"{call.text('title')}{version}",
            file_name=f"{kind.replace('_', '-')}-{number}{version.replace(' ', '-')}.docx",
            media_type=WORD,
            sha256=written.word.sha256,
            size=written.word.size,
            origin=_origin(call),
            created_at=tx.now,
        )
    )
    for form, file, media_type in ((RenditionKind.PDF, written.pdf, PDF), (RenditionKind.TEXT, written.text, PLAIN)):
        tx.parcels.put_rendition(
            Rendition(document_id=document.id, kind=form, sha256=file.sha256, media_type=media_type, size=file.size)
        )
    tx.audit.record(
        parcel_chain(parcel.id), ACTOR, "letter_written", document.title, {"kind": kind, "sha256": document.sha256}
    )
    return document


def _answer(document: Document) -> Mapping[str, Any]:
    return {"document_id": document.id, "title": document.title}
