"""Opening a parcel: which parts of its files are parcels of their own, and what lies behind the cover sheet of an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from capture.cutting import Cut, cut_pages
from capture.errors import Unreadable
from capture.findings import FoundDocument
from capture.intake import MAIL
from capture.profile import Profile
from capture.reading import Only, read_file
from capture.separation import parcels_of, separate
from capture.sheet_codes import ATTACHED, ORDER_NUMBER
from storage import parcels as rows
from storage.audit import parcel_chain
from storage.database import Transaction
from storage.errors import NotFound
from storage.parcels import UNREAD

ACTOR = "recognition"
STACK = "stack"
_ON_THE_COVER = "On the cover sheet"


@dataclass(frozen=True, slots=True)
class Part:
    """What lies between two sheets of a file: the pages cut out of it (None: all of them), and the order its cover names."""

    document: rows.Document
    cut: Cut | None = None
    order_number: str | None = None


def parts_of(document: rows.Document, path: Path, profile: Profile) -> list[Part]:
    """Give the parts of a file that sheets mark, at least one; a file that cannot be read is one part that says nothing."""
    try:
        reading = read_file(path, profile, Only.BARCODES)
        groups = parcels_of(separate(reading.pages))
        if len(groups) <= 1:
            return [Part(document, None, _order_number(group)) for group in groups] or [Part(document)]
        media = reading.media.media_type
        return [Part(document, cut_pages(path, media, _page_numbers(group)), _order_number(group)) for group in groups]
    except Unreadable:
        return [Part(document)]  # recognition will meet the same fault and put the file into quarantine


def apart(parts: Sequence[Part]) -> list[Part]:
    """Give the parts that are parcels of their own: those of a stack, and files that belong to different orders."""
    are_several = len(orders_named(parts)) > 1
    return [part for part in parts if part.cut is not None or (are_several and part.order_number is not None)]


def orders_named(parts: Sequence[Part]) -> set[str]:
    """Give the orders that the cover sheets name."""
    return {part.order_number for part in parts if part.order_number is not None}


def add_part(tx: Transaction, parcel: rows.Parcel, number: int, part: Part) -> rows.Parcel:
    """Make a part of a parcel (counted from 1) a child parcel, whose document nobody has read yet."""
    child = tx.parcels.add(_child(parcel, number))
    tx.parcels.add_document(_document_of(tx, child, part))
    file = part.document
    details = {"parent": parcel.number, "part": number, "file": file.file_name, "sha256": file.sha256}
    tx.audit.record(parcel_chain(child.id), ACTOR, "parcel_divided", child.number, details)
    return child


def note_order(tx: Transaction, parcel: rows.Parcel, order_number: str) -> None:
    """Keep the order that the cover sheet of a parcel names as an index field."""
    field = rows.IndexField(
        parcel_id=parcel.id,
        name=ORDER_NUMBER,
        value=order_number,
        confidence=1.0,
        origin="barcode",
        reason=_ON_THE_COVER,
    )
    tx.parcels.put_fields(parcel.id, [field])
    tx.search.index_data(parcel.id)


def order_noted(tx: Transaction, parcel_id: int) -> str | None:
    """Give the order that the cover sheet of a parcel names, if it was noted."""
    fields = tx.parcels.fields(parcel_id)
    return next((one.value for one in fields if one.name == ORDER_NUMBER and one.reason == _ON_THE_COVER), None)


def attach(tx: Transaction, parcel: rows.Parcel, order_number: str) -> bool:
    """Add the documents of a parcel to the parcel of an order, with which its way ends; False when no open order has the number.

    The documents stay with the parcel they came with too, as the record of what arrived.
    """
    try:
        target = tx.parcels.locked(tx.orders.numbered(order_number).parcel_id)
    except NotFound:
        return False
    if not target.is_open or all(instance.ended_at for instance in tx.processes.of_parcel(target.id)):
        return False
    came = [document for document in tx.parcels.documents(parcel.id) if document.kind not in {MAIL, STACK, UNREAD}]
    for document in came:
        _copy(tx, document, target)
    parcel.route()
    tx.parcels.set_status(parcel.id, ATTACHED)
    files = [{"name": document.file_name, "sha256": document.sha256} for document in came]
    for one, action, details in (
        (parcel, "parcel_attached", {"order": order_number, "to": target.number}),
        (target, "documents_attached", {"from": parcel.number, "files": files}),
    ):
        tx.audit.record(parcel_chain(one.id), ACTOR, action, one.number, details)
    return True


def _copy(tx: Transaction, document: rows.Document, target: rows.Parcel) -> None:
    copy = tx.parcels.add_document(
        rows.Document(
            parcel_id=target.id,
            position=0,
            kind=document.kind,
            title=document.title,
            file_name=document.file_name,
            media_type=document.media_type,
            sha256=document.sha256,
            size=document.size,
            origin="cover sheet",
            created_at=tx.now,
        )
    )
    tx.parcels.put_pages(copy.id, [_page_copy(copy.id, page) for page in tx.parcels.pages(document.id)])
    tx.search.index_text(copy.id)


def _page_copy(document_id: int, page: rows.Page) -> rows.Page:
    return rows.Page(
        document_id=document_id,
        number=page.number,
        width=page.width,
        height=page.height,
        dpi=page.dpi,
        source=page.source,
        text=page.text,
        words=page.words,
        barcodes=page.barcodes,
        turned=page.turned,
        skew=page.skew,
        image_sha256=page.image_sha256,
    )


def _order_number(group: Sequence[FoundDocument]) -> str | None:
    return next((document.order_number for document in group if document.order_number), None)


def _page_numbers(group: Sequence[FoundDocument]) -> list[int]:
    return [number for document in group for number in document.pages]


def _child(parcel: rows.Parcel, number: int) -> rows.Parcel:
    return rows.Parcel(
        channel=parcel.channel,
        source_key=f"{parcel.source_key[:480]}#{number}",
        received_at=parcel.received_at,
        process_key=parcel.process_key,
        parent_id=parcel.id,
        owner_id=parcel.owner_id,
        sender=parcel.sender,
        subject=parcel.subject,
        profile=parcel.profile,
    )


def _document_of(tx: Transaction, child: rows.Parcel, part: Part) -> rows.Document:
    whole, cut = part.document, part.cut
    name, media_type, sha256, size = whole.file_name, whole.media_type, whole.sha256, whole.size
    if cut is not None:
        stored = tx.documents.put(cut.content)
        name = f"{PurePath(whole.file_name).stem}-{child.number}{cut.suffix}"
        media_type, sha256, size = cut.media_type, stored.sha256, stored.size
    return rows.Document(
        parcel_id=child.id,
        position=1,
        kind=UNREAD,
        title=name,
        file_name=name,
        media_type=media_type,
        sha256=sha256,
        size=size,
        origin="separation",
        created_at=tx.now,
    )
