"""Renditions of a parcel's documents: the searchable PDF that stands beside each original in the archive."""

from capture.errors import Unreadable
from capture.intake import MAIL
from capture.recognition import page_of
from capture.searchable import searchable_pdf
from storage.database import Database
from storage.parcels import Document, Rendition, RenditionKind

PDF = "application/pdf"


def make_parcel_searchable(database: Database, parcel_id: int) -> None:
    """Give every document of the parcel that has pages its searchable PDF; what has one already is left alone.

    A file that cannot be drawn any more keeps its original alone: the archive does not wait for it.
    """
    with database.reading() as tx:
        documents = [d for d in tx.parcels.documents(parcel_id) if d.kind != MAIL]
        missing = [d for d in documents if RenditionKind.SEARCHABLE_PDF not in tx.parcels.renditions(d.id)]
    for document in missing:
        _make_searchable(database, document)


def _make_searchable(database: Database, document: Document) -> None:
    with database.reading() as tx:
        pages = [page_of(row) for row in tx.parcels.pages(document.id)]
        finished = tx.parcels.renditions(document.id).get(RenditionKind.PDF)
    if not pages:
        return
    if finished is not None:
        digest, size = finished.sha256, finished.size
    else:
        try:
            stored = database.documents.put(searchable_pdf(database.documents.path(document.sha256), pages))
        except Unreadable:
            return
        digest, size = stored.sha256, stored.size
    with database.transaction() as tx:
        tx.parcels.put_rendition(
            Rendition(
                document_id=document.id, kind=RenditionKind.SEARCHABLE_PDF, sha256=digest, media_type=PDF, size=size
            )
        )
