"""Documents, their renditions and page images, for whoever may read them."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from storage.errors import NotFound
from storage.parcels import RenditionKind
from web.context import person, system
from web.files import attachment
from web.files import page_image as image_answer
from web.rights import Right, needs
from web.sight import page_in_sight

pages = Blueprint("documents", __name__, url_prefix="/documents")


@pages.get("/<int:document_id>/original")
@needs(Right.SIGNED_IN)
def original(document_id: int) -> ResponseReturnValue:
    """Give the bytes as they came."""
    with system().database.reading() as tx:
        document = tx.search.document(person(), document_id)
        return attachment(tx.documents, document.sha256, document.media_type, document.file_name)


@pages.get("/<int:document_id>/renditions/<kind>")
@needs(Right.SIGNED_IN)
def rendition(document_id: int, kind: str) -> ResponseReturnValue:
    """Give another form of a document."""
    with system().database.reading() as tx:
        document = tx.search.document(person(), document_id)
        found = tx.parcels.renditions(document.id).get(_kind(kind))
        if found is None:
            raise NotFound("There is no such form of this document.")
        name = document.file_name.rpartition(".")[0] or document.file_name
        return attachment(tx.documents, found.sha256, found.media_type, name)


@pages.get("/<int:document_id>/pages/<int:number>/image")
@needs(Right.SIGNED_IN)
def page_image(document_id: int, number: int) -> ResponseReturnValue:
    """Give the image of a page."""
    with system().database.reading() as tx:
        page = page_in_sight(tx, person(), document_id, number)
        return image_answer(tx.documents, page.image_sha256)


def _kind(text: str) -> RenditionKind:
    try:
        return RenditionKind(text)
    except ValueError as error:
        raise NotFound("There is no such form of this document.") from error
