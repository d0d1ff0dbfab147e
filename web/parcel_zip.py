"""A parcel as a zip: what one person may read of its documents, data and history, with the diagrams of its way."""

import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from storage.audit import parcel_chain
from storage.base import to_json
from storage.database import Transaction
from storage.views import DocumentView, ParcelView, event_details
from web.diagrams import Drawing, diagram_bytes
from web.files import safe_name

_IN_MEMORY = 8 << 20
_READ_ME = """parcel.json: data and index fields. history.json: what happened.
documents/: as they came. renditions/: other forms. diagrams/: BPMN.
"""


def parcel_zip(tx: Transaction, view: ParcelView, drawings: Sequence[Drawing]) -> IO[bytes]:
    """Pack the parcel; large ones lie in a temporary file that goes away when it is closed."""
    with ExitStack() as on_failure:
        target = cast("IO[bytes]", on_failure.enter_context(SpooledTemporaryFile(max_size=_IN_MEMORY)))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            _pack(tx, archive, view, drawings)
        target.seek(0)
        on_failure.pop_all()  # the server closes it when it has sent it
        return target


def _pack(tx: Transaction, archive: zipfile.ZipFile, view: ParcelView, drawings: Sequence[Drawing]) -> None:
    archive.writestr("README.txt", _READ_ME)
    archive.writestr("parcel.json", to_json(_data(view)))
    archive.writestr("history.json", to_json(_history(tx, view)))
    for document in view.documents:
        _pack_document(tx, archive, document)
    diagrams = {_diagram_name(drawing, drawings): drawing.definition_id for drawing in drawings}
    for name, definition_id in diagrams.items():
        archive.writestr(f"diagrams/{name}.bpmn", diagram_bytes(tx, definition_id))


def _diagram_name(drawing: Drawing, drawings: Sequence[Drawing]) -> str:
    """Name a diagram by its process; by its version too where a parcel went by several."""
    is_alone = sum(other.key == drawing.key for other in drawings) == 1
    return safe_name(drawing.key if is_alone else f"{drawing.key}-{drawing.version}")


def _pack_document(tx: Transaction, archive: zipfile.ZipFile, document: DocumentView) -> None:
    if document.sha256 is None:
        return
    name = f"{document.position:02d}-{safe_name(document.file_name, document.media_type)}"
    archive.write(tx.documents.path(document.sha256), f"documents/{name}")
    for kind, rendition in tx.parcels.renditions(document.id).items():
        path = tx.documents.path(rendition.sha256)
        archive.write(path, f"renditions/{name.rpartition('.')[0]}-{kind}{_ending(rendition.media_type)}")


def _ending(media_type: str) -> str:
    return "." + safe_name("x", media_type).rpartition(".")[2]


def _data(view: ParcelView) -> dict[str, object]:
    return {
        "number": view.number,
        "order_number": view.order_number,
        "channel": view.channel,
        "received_at": view.received_at,
        "state": str(view.state),
        "status": view.status,
        "sealed_at": view.sealed_at,
        "retention_until": view.retention_until,
        "values": dict(view.values),
        "lines": [dict(line) for line in view.lines],
        "fields": [
            {"name": field.name, "value": field.value, "confidence": field.confidence, "origin": field.origin}
            for field in view.fields
        ],
        "documents": [
            {"position": each.position, "kind": each.kind, "title": each.title, "sha256": each.sha256}
            for each in view.documents
        ],
    }


def _history(tx: Transaction, view: ParcelView) -> list[dict[str, object]]:
    return [
        {
            "number": event.number,
            "at": event.at,
            "actor": event.actor,
            "on_behalf_of": event.on_behalf_of,
            "action": event.action,
            "details": event_details(view.rights, event),
        }
        for event in tx.audit.history(parcel_chain(view.id))
    ]
