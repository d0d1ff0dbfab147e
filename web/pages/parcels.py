"""Parcels: the list, one parcel with everything about it, its diagram, and the whole of it as a zip."""

from collections.abc import Sequence

from flask import Blueprint, Response, render_template, request, send_file
from flask.typing import ResponseReturnValue

from storage.audit import parcel_chain
from storage.database import Transaction
from storage.errors import NotFound
from storage.search import Filter
from storage.views import ParcelView
from web import lists
from web.context import person, system
from web.diagrams import diagram_bytes, drawings
from web.files import attachment
from web.history import Happening, happenings
from web.kinship import is_attached, kin_of, order_behind
from web.parcel_zip import parcel_zip
from web.rights import Right, needs
from web.sheets import ZOOMS, sheet
from web.sight import set_aside
from web.statuses import statuses, way
from web.viewer import here_with

pages = Blueprint("parcels", __name__, url_prefix="/parcels")

_SHOWN = 12


@pages.get("")
@needs(Right.LOOK_UP)
def find() -> ResponseReturnValue:
    """List parcels."""
    with system().database.reading() as tx:
        found = lists.find(tx, person(), with_order=False)
    return render_template(
        "find.html", found=found, title="Parcels", empty="Drop a scan, send a mail, or bring in files."
    )


@pages.get("/<number>")
@needs(Right.LOOK_UP)
def show(number: str) -> ResponseReturnValue:
    """Show a parcel: its pages, fields, documents, parts, and what happened."""
    with system().database.reading() as tx:
        view = tx.search.view(person(), number)
        return render_template(
            "parcel.html",
            view=view,
            sheet=sheet(tx, view, request.args),
            zooms=ZOOMS,
            here_with=here_with,
            **around(tx, view),
        )


@pages.get("/<number>/diagram/<int:definition_id>")
@needs(Right.LOOK_UP)
def diagram(number: str, definition_id: int) -> ResponseReturnValue:
    """Give a diagram that the parcel's process runs through, as deployed."""
    with system().database.reading() as tx:
        view = tx.search.view(person(), number)
        if definition_id not in {drawing.definition_id for drawing in drawings(tx, view)}:
            raise NotFound("There is no such diagram on this parcel's way.")
        return Response(diagram_bytes(tx, definition_id), mimetype="text/xml")


@pages.post("/<number>/download")
@needs(Right.LOOK_UP)
def download(number: str) -> ResponseReturnValue:
    """Give the parcel as a zip: what the person may read of documents, data and history, and the diagrams."""
    with system().database.transaction() as tx:
        view = tx.search.view(person(), number)
        packed = parcel_zip(tx, view, drawings(tx, view))
        tx.audit.record(parcel_chain(view.id), person().login, "downloaded", view.number)
    return send_file(packed, mimetype="application/zip", as_attachment=True, download_name=f"{view.number}.zip")


@pages.get("/<number>/manifest")
@needs(Right.LOOK_UP)
def manifest(number: str) -> ResponseReturnValue:
    """Give the sealed manifest of an archived parcel, to whom its every field and document is open."""
    with system().database.reading() as tx:
        view = tx.search.view(person(), number)
        digest = tx.parcels.one(view.id).manifest_sha256
        if digest is None or not _sees_all(view):
            raise NotFound("There is no manifest; a parcel gets one when it is archived.")
        return attachment(tx.documents, digest, "application/json", f"{view.number}-manifest.json")


def around(tx: Transaction, view: ParcelView) -> dict[str, object]:
    """Give what a page about a parcel or order shows beside its own: way, work, history, drawings, parts."""
    actor = person()
    known = statuses(tx, view.process_key)
    items = [item for item in tx.work.of_parcel(view.id) if item.state in ("ready", "claimed")]
    events = tx.audit.history(parcel_chain(view.id))
    story = happenings(tx, view.rights, events)
    return {
        "known": known,
        "way": way(known, view, tx.parcels.statuses(view.id), tx.now),
        "items": items,
        "names": tx.people.names([item.assignee_id for item in items if item.assignee_id is not None]),
        "may_work": {item.id for item in items if view.rights.may_act and _may_open(tx, actor.groups, item.id)},
        "story": story if request.args.get("story") == "all" else _main_part(story),
        "story_length": len(story),
        "drawings": drawings(tx, view),
        "parts": [lists.row(part, known) for part in tx.search.parcels(actor, Filter(of_parcel_id=view.id)).parcels],
        "sees_all": _sees_all(view),
        "set_aside": set_aside(tx, actor, view.id),
        "renditions": {document.id: tx.parcels.renditions(document.id) for document in view.documents},
        "kin": kin_of(tx, actor, [view])[view.id],
        "order_behind": order_behind(tx, actor, view),
        "is_attached": is_attached(view),
    }


def _main_part(story: Sequence[Happening]) -> list[Happening]:
    """Give the latest of what people did and what came of it, without the machine's own steps."""
    return [one for one in story if not one.is_quiet][:_SHOWN]


def _may_open(tx: Transaction, groups: frozenset[str], item_id: int) -> bool:
    item = tx.work.in_hand(item_id, person())
    return (
        item.candidate_group in groups or item.assignee_id in person().user_ids or tx.work.is_candidate(item, person())
    )


def _sees_all(view: ParcelView) -> bool:
    return view.rights.reads_field("*") and view.rights.reads_document("*")
