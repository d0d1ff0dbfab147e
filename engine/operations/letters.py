"""Letters: check a template at deploy, write a letter and append it to the parcel with its PDF."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.errors import Finding, Severity
from engine.operations.call import BadCall, Call, Operation
from engine.operations.orders import ACTOR
from engine.operations.particulars import particulars
from engine.operations.templates import Filled, faults_of_letter, faults_of_text, fill_letter
from storage.audit import parcel_chain
from storage.database import Database, Transaction
from storage.documents import StoredFile
from storage.parcels import LETTER_ORIGIN, Document, Page, Rendition, RenditionKind

LETTERS: Final = "letters/"
"""The folder of a deployment that holds the templates."""
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF: Final = "application/pdf"
PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class LetterPage:
    """One page of a finished letter: its size in pixels at `dpi`, its text and words (see `Page`), its image."""

    width: int
    height: int
    dpi: int
    text: str
    words: Sequence[Mapping[str, Any]] = ()
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class LetterOffice:
    """What letters are written with: `to_pdf` makes a PDF of a .docx file, `read_pages` takes a PDF apart."""

    database: Database
    to_pdf: Callable[[bytes, str], bytes]
    read_pages: Callable[[bytes], Sequence[LetterPage]]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Written:
    """A letter in the document store: as Word, as PDF, as text, and its pages with their images' digests."""

    word: StoredFile
    pdf: StoredFile
    text: StoredFile
    pages: Sequence[tuple[LetterPage, str | None]]


def letter_operations(office: LetterOffice) -> dict[str, Operation]:
    """Bind the operation that writes letters."""
    return {"write_letter": partial(write_letter, office)}


def check_letter(file: str, data: bytes) -> list[Finding]:
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
        template = deployed_template(tx, call, f"{template_name(call, 'letter')}.docx")
        values = particulars(tx, call.parcel, call.mapping("values"), office.zone)
    filled = fill_letter(template, values, values["order"]["number"] or values["parcel"]["number"])
    written = _store(office, filled)
    with office.database.transaction() as tx:
        return _answer(_written_before(tx, call) or _append(tx, call, written))


def deployed_template(tx: Transaction, call: Call, file: str) -> bytes:
    """Give a template of the deployment that the calling instance runs by; raises `NotFound`."""
    instance = tx.processes.one(call.instance_id)
    return tx.deployments.file(tx.deployments.definition(instance.definition_id).deployment_id, f"{LETTERS}{file}")


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
    pages = [(page, store.put(page.image).sha256 if page.image else None) for page in office.read_pages(pdf)]
    return _Written(store.put(filled.content), store.put(pdf), store.put(filled.text.encode()), pages)


def _written_before(tx: Transaction, call: Call) -> Document | None:
    origin = _origin(call)
    return next((document for document in tx.parcels.documents(call.parcel) if document.origin == origin), None)


def _origin(call: Call) -> str:
    return f"{LETTER_ORIGIN}{call.mark}"


def _append(tx: Transaction, call: Call, written: _Written) -> Document:
    document = tx.parcels.add_document(_document(tx, call, written.word))
    for form, file, media_type in ((RenditionKind.PDF, written.pdf, PDF), (RenditionKind.TEXT, written.text, PLAIN)):
        tx.parcels.put_rendition(
            Rendition(document_id=document.id, kind=form, sha256=file.sha256, media_type=media_type, size=file.size)
        )
    tx.parcels.put_pages(document.id, list(_pages(document.id, written)))
    tx.search.index_text(document.id)
    details = {"kind": document.kind, "sha256": document.sha256}
    tx.audit.record(parcel_chain(call.parcel), ACTOR, "letter_written", document.title, details)
    return document


def _document(tx: Transaction, call: Call, word: StoredFile) -> Document:
    kind = template_name(call, "letter")
    parcel, order = tx.parcels.locked(call.parcel), tx.orders.of_parcel(call.parcel)
    earlier = sum(document.kind == kind for document in tx.parcels.documents(parcel.id))
    version = f" {earlier + 1}" if earlier else ""
    file_name = f"{kind.replace('_', '-')}-{order.number if order else parcel.number}{version.replace(' ', '-')}.docx"
    return Document(
        parcel_id=parcel.id,
        position=0,
        kind=kind,
        title=f"{call.text('title')}{version}",
        file_name=file_name,
        media_type=WORD,
        sha256=word.sha256,
        size=word.size,
        origin=_origin(call),
        created_at=tx.now,
    )


def _pages(document_id: int, written: _Written) -> Iterator[Page]:
    for number, (page, image_sha256) in enumerate(written.pages, start=1):
        yield Page(
            document_id=document_id,
            number=number,
            width=page.width,
            height=page.height,
            dpi=page.dpi,
            source="text layer",
            text=page.text,
            words=[dict(word) for word in page.words],
            image_sha256=image_sha256,
        )


def _answer(document: Document) -> Mapping[str, Any]:
    return {"document_id": document.id, "title": document.title}
