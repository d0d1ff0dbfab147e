"""Quarantine: files that could not be taken as documents, each with its reason and what can be done."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from capture import quarantine as decisions
from storage.database import Transaction
from storage.errors import Conflict, Invalid, NotFound
from storage.parcels import QuarantineEntry
from web.context import person, system
from web.files import attachment, page_image
from web.navigation import say
from web.rights import Right, needs
from web.sight import parcel_behind

pages = Blueprint("quarantine", __name__, url_prefix="/quarantine")

_SHOWABLE = frozenset({"image/png", "image/jpeg", "image/webp"})
_LARGEST_PREVIEW = 20 << 20
_LONGEST_REASON = 2000


@pages.get("")
@needs(Right.QUARANTINE)
def waiting() -> ResponseReturnValue:
    """List what waits for a decision, and what was refused at the door."""
    with system().database.reading() as tx:
        entries = tx.parcels.quarantined()
        numbers = {entry.id: _number(tx, entry) for entry in entries}
        visible = [entry for entry in entries if entry.parcel_id is None or numbers[entry.id]]
        return render_template("quarantine.html", entries=visible, numbers=numbers, refusals=tx.parcels.refusals(20))


@pages.get("/<int:entry_id>")
@needs(Right.QUARANTINE)
def show(entry_id: int) -> ResponseReturnValue:
    """Show one entry with what can be done."""
    with system().database.reading() as tx:
        entry = _entry(tx, entry_id)
        can_show = entry.media_type in _SHOWABLE and entry.size <= _LARGEST_PREVIEW
        names = tx.people.names([entry.decided_by_id] if entry.decided_by_id else [])
        return render_template(
            "quarantine_entry.html",
            entry=entry,
            number=_number(tx, entry),
            can_show=can_show,
            by=names.get(entry.decided_by_id or 0, ""),
        )


@pages.get("/<int:entry_id>/file")
@needs(Right.QUARANTINE)
def file(entry_id: int) -> ResponseReturnValue:
    """Give the file as it came, to be saved."""
    with system().database.reading() as tx:
        entry = _entry(tx, entry_id)
        return attachment(tx.documents, entry.sha256, "application/octet-stream", entry.file_name)


@pages.get("/<int:entry_id>/preview")
@needs(Right.QUARANTINE)
def preview(entry_id: int) -> ResponseReturnValue:
    """Show an image that waits; other files are only given to be saved."""
    with system().database.reading() as tx:
        entry = _entry(tx, entry_id)
        if entry.media_type not in _SHOWABLE or entry.size > _LARGEST_PREVIEW:
            raise NotFound("There is no preview of this file.")
        return page_image(tx.documents, entry.sha256, "application/octet-stream")


@pages.post("/<int:entry_id>")
@needs(Right.QUARANTINE)
def decide(entry_id: int) -> ResponseReturnValue:
    """Read again, attach as it is, or discard with a reason."""
    with system().database.reading() as tx:
        name = _entry(tx, entry_id).file_name
    try:
        _carry_out(entry_id)
    except (Invalid, Conflict) as error:
        say(error.message, "bad")
        return redirect(url_for("quarantine.show", entry_id=entry_id))
    say(f"Decided about {name}.")
    return redirect(url_for("quarantine.waiting"))


def _carry_out(entry_id: int) -> None:
    home, actor = system(), person()
    match request.form.get("decision"):
        case "retry":
            decisions.retry(home.database, entry_id, actor, home.intake.open_later)
        case "attach":
            decisions.attach(home.database, entry_id, actor)
        case "discard":
            decisions.discard(home.database, entry_id, actor, request.form.get("reason", "")[:_LONGEST_REASON])
        case _:
            raise Invalid("Choose what to do with the file.")


def _entry(tx: Transaction, entry_id: int) -> QuarantineEntry:
    """Give an entry whose parcel the person may see, or that belongs to none."""
    entry = tx.parcels.quarantine_entry(entry_id)
    if entry.parcel_id is not None and _number(tx, entry) is None:
        raise NotFound("There is no such entry in quarantine.")
    return entry


def _number(tx: Transaction, entry: QuarantineEntry) -> str | None:
    view = parcel_behind(tx, person(), entry.parcel_id)
    return view.number if view else None
