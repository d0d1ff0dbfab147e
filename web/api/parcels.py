"""Parcels and orders: found, looked at, downloaded, and brought in."""

import secrets
from typing import Any

from flask import Response, send_file, url_for
from flask_openapi3.blueprint import APIBlueprint
from werkzeug.datastructures import FileStorage

from capture.channels.upload import upload_delivery
from capture.delivery import Enclosure
from storage.audit import parcel_chain
from storage.database import Transaction
from storage.errors import NotFound
from storage.search import Filter
from storage.views import DocumentView, FieldView, ParcelView
from web.api import shapes
from web.api.answering import answer, next_page
from web.api.asking import RequestRefused, reads
from web.context import person, system
from web.diagrams import drawings
from web.files import attachment, lock
from web.lists import SCOPES
from web.parcel_zip import parcel_zip
from web.repeats import once, request_key
from web.rights import Right, needs
from web.security import takes_files
from web.tokens import Scope, scoped

api = APIBlueprint("parcels", __name__)


@api.get("/parcels", summary="List parcels", responses={200: shapes.ParcelPage})
@needs(Right.LOOK_UP)
@scoped(Scope.PARCELS_READ)
@reads
def find(query: shapes.ParcelQuery) -> Response:
    """List the parcels that the person may see, the newest first."""
    return _page(query, _wanted(query))


@api.post("/parcels", summary="Bring in files", responses={201: shapes.Received})
@needs(Right.BRING_IN)
@scoped(Scope.PARCELS_WRITE)
@takes_files
@reads
def bring_in(header: shapes.Repeatable, form: shapes.Upload) -> Response:  # noqa: ARG001 - for the document
    """Make one parcel of the files; it is stored for good when this answers, and is read soon after."""
    most = system().settings.web.most_files
    if len(form.files) > most:
        raise RequestRefused([("form.files", f"these are more than {most}; send them in several goes")])
    return once(lambda: _receive(form))


@api.get("/parcels/<number>", summary="Look at a parcel", responses={200: shapes.Parcel})
@needs(Right.LOOK_UP)
@scoped(Scope.PARCELS_READ)
@reads
def show(path: shapes.ParcelPath) -> Response:
    """Show a parcel with its order, fields, documents and statuses."""
    with system().database.reading() as tx:
        return answer(_whole(tx, tx.search.view(person(), path.number)))


@api.get(
    "/parcels/<number>/documents/<int:document_id>",
    summary="Download a document",
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
@needs(Right.LOOK_UP)
@scoped(Scope.PARCELS_READ)
@reads
def document(path: shapes.DocumentPath, query: shapes.DocumentQuery) -> Response:
    """Give the bytes as they came, or another form of them."""
    with system().database.reading() as tx:
        view = tx.search.view(person(), path.number)
        found = tx.search.document(person(), path.document_id)
        if found.parcel_id != view.id:
            raise NotFound("There is no such document.")
        if query.rendition is None:
            return attachment(tx.documents, found.sha256, found.media_type, found.file_name)
        other = tx.parcels.renditions(found.id).get(query.rendition)
        if other is None:
            raise NotFound("There is no such form of this document.")
        name = found.file_name.rpartition(".")[0] or found.file_name
        return attachment(tx.documents, other.sha256, other.media_type, name)


@api.get(
    "/parcels/<number>/zip",
    summary="Download a parcel",
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
@needs(Right.LOOK_UP)
@scoped(Scope.PARCELS_READ)
@reads
def whole(path: shapes.ParcelPath) -> Response:
    """Pack what the person may read of documents, data and history, and the diagrams, as one zip."""
    with system().database.transaction() as tx:
        view = tx.search.view(person(), path.number)
        packed = parcel_zip(tx, view, drawings(tx, view))
        tx.audit.record(parcel_chain(view.id), person().login, "downloaded", view.number)
    return lock(send_file(packed, mimetype="application/zip", as_attachment=True, download_name=f"{view.number}.zip"))


@api.get("/orders", summary="List orders", responses={200: shapes.ParcelPage})
@needs(Right.LOOK_UP)
@scoped(Scope.ORDERS_READ)
@reads
def find_orders(query: shapes.OrderQuery) -> Response:
    """List the parcels with an order that the person may see, the newest first."""
    return _page(query, _wanted(query, with_order=True, is_delayed=query.delayed))


@api.get("/orders/<number>", summary="Look at an order", responses={200: shapes.Parcel})
@needs(Right.LOOK_UP)
@scoped(Scope.ORDERS_READ)
@reads
def show_order(path: shapes.OrderPath) -> Response:
    """Show an order with the parcel it arose from."""
    with system().database.reading() as tx:
        return answer(_whole(tx, tx.search.view_of_order(person(), path.number)))


def field_line(field: FieldView) -> shapes.FieldLine:
    """Give an index field as a program sees it."""
    return shapes.FieldLine(
        name=field.name,
        value=field.value,
        is_masked=field.is_masked,
        confidence=field.confidence,
        origin=field.origin,
        is_confirmed=field.is_confirmed,
        document_id=field.document_id,
        page=field.page,
        box=None if field.box is None else list(field.box),
    )


def _wanted(query: shapes.ParcelQuery, *, with_order: bool = False, is_delayed: bool | None = None) -> Filter:
    return Filter(
        words=query.q.strip(),
        states=SCOPES[query.scope],
        statuses=() if query.status is None else (query.status,),
        channel=query.channel,
        received_from=query.received_from,
        received_until=query.received_until,
        is_delayed=is_delayed,
        with_order=with_order,
    )


def _page(query: shapes.ParcelQuery, wanted: Filter) -> Response:
    with system().database.reading() as tx:
        listing = tx.search.parcels(person(), wanted, after=query.after, limit=query.limit)
    items = [shapes.ParcelLine(**_line(view)) for view in listing.parcels]
    return answer(shapes.ParcelPage(items=items, next=next_page(listing.after)))


def _line(view: ParcelView) -> dict[str, Any]:
    return {
        "number": view.number,
        "order_number": view.order_number,
        "channel": view.channel,
        "received_at": view.received_at,
        "state": view.state,
        "status": view.status,
        "values": dict(view.values),
        "href": _address(view.number),
    }


def _whole(tx: Transaction, view: ParcelView) -> shapes.Parcel:
    parts = tx.search.parcels(person(), Filter(of_parcel_id=view.id), limit=200).parcels
    statuses = tx.parcels.statuses(view.id)
    return shapes.Parcel(
        **_line(view),
        process=view.process_key,
        sealed_at=view.sealed_at,
        retention_until=view.retention_until,
        legal_hold=view.legal_hold,
        lines=[dict(line) for line in view.lines],
        fields=[field_line(field) for field in view.fields],
        documents=[_document_line(tx, view.number, one) for one in view.documents],
        statuses=[
            shapes.StatusLine(status=one.status, entered_at=one.entered_at, left_at=one.left_at) for one in statuses
        ],
        parts=[part.number for part in parts],
    )


def _document_line(tx: Transaction, number: str, one: DocumentView) -> shapes.DocumentLine:
    return shapes.DocumentLine(
        id=one.id,
        position=one.position,
        kind=one.kind,
        is_masked=one.is_masked,
        title=one.title,
        file_name=one.file_name,
        media_type=one.media_type,
        size=one.size,
        sha256=one.sha256,
        href=None if one.is_masked else url_for("api.parcels.document", number=number, document_id=one.id),
        renditions=[] if one.is_masked else sorted(tx.parcels.renditions(one.id)),
    )


def _receive(form: shapes.Upload) -> Response:
    receipt = system().intake.receive(
        upload_delivery(
            [_enclosure(file) for file in form.files],
            request_key=request_key() or secrets.token_urlsafe(16),
            submitted_by=person().user_id,
            received_at=system().clock(),
            subject=form.subject,
        )
    )
    href = _address(receipt.parcel_number) if _may_open(receipt.parcel_number) else None
    return answer(shapes.Received(number=receipt.parcel_number, href=href), 201, location=href)


def _may_open(number: str) -> bool:
    """Tell whether who brought something in may look at it."""
    try:
        with system().database.reading() as tx:
            tx.search.view(person(), number)
    except NotFound:
        return False
    return True


def _enclosure(file: FileStorage) -> Enclosure:
    return Enclosure(file.filename or "file", file.mimetype or "application/octet-stream", file.stream.read())


def _address(number: str) -> str:
    return url_for("api.parcels.show", number=number)
