"""The door for pages about one parcel: it is found only as far as the person may see it."""

from storage.database import Transaction
from storage.errors import NotFound
from storage.parcels import Document, Page, QuarantineEntry, QuarantineState
from storage.people import Actor
from storage.views import DocumentView, ParcelView
from web.rights import Right, allows


def parcel_behind(tx: Transaction, actor: Actor, parcel_id: int | None) -> ParcelView | None:
    """Give the parcel that something else belongs to, or None when there is none that the person may see."""
    if parcel_id is None:
        return None
    try:
        return tx.search.view(actor, tx.parcels.one(parcel_id).number)
    except NotFound:
        return None


def page_in_sight(tx: Transaction, actor: Actor, document_id: int, number: int) -> Page:
    """Give a page of a document whose content the person may read; raises `NotFound`."""
    document: Document = tx.search.document(actor, document_id)
    return tx.parcels.page(document.id, number)


def set_aside(tx: Transaction, actor: Actor, parcel_id: int) -> list[QuarantineEntry]:
    """Give the files of a parcel in sight that wait in quarantine, to somebody who may decide about them."""
    if not allows(Right.QUARANTINE, actor.roles):
        return []
    return [entry for entry in tx.parcels.quarantined_of(parcel_id) if entry.state is QuarantineState.WAITING]


def readable(view: ParcelView) -> list[DocumentView]:
    """Give the documents whose content the person may read."""
    return [document for document in view.documents if not document.is_masked]
