"""Bringing in files by the browser: several at once, with progress where script runs, the same without."""

import secrets

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from capture.channels.upload import upload_delivery
from capture.delivery import Enclosure, Receipt
from capture.sheet_codes import Separates
from storage.errors import Invalid
from web.context import person, system
from web.files import printable
from web.navigation import say
from web.problems import wants_json
from web.rights import Right, needs
from web.security import takes_files
from web.sight import parcel_behind

pages = Blueprint("upload", __name__, url_prefix="/bring-in")

MOST_SHEETS = 100
_LONGEST_KEY = 100


@pages.get("")
@needs(Right.BRING_IN)
def form() -> ResponseReturnValue:
    """Ask for files."""
    return _page()


@pages.post("")
@needs(Right.BRING_IN)
@takes_files
def take_in() -> ResponseReturnValue:
    """Take files in as one parcel, or as one parcel each; the same request again changes nothing."""
    files = [file for file in request.files.getlist("files") if file.filename]
    try:
        _check(files)
    except Invalid as error:
        if wants_json():
            raise
        return _page(error.message), 422
    receipts = _receive(files, separately=bool(request.form.get("separately")))
    is_in_sight = _is_in_sight(receipts[0])
    _tell(receipts, "this page shows how far it is" if is_in_sight else "its next step is for other people")
    target = _place(receipts) if is_in_sight else url_for("upload.form")
    if wants_json():
        answer = make_response({"parcels": [receipt.parcel_number for receipt in receipts]}, 201)
        answer.headers["X-Location"] = target
        return answer
    return redirect(target)


@pages.get("/separator-sheets")
@needs(Right.BRING_IN)
def separator_sheets() -> ResponseReturnValue:
    """Give separator sheets to be printed: between parcels, or between the documents of one."""
    from capture.sheets import separator_sheet  # noqa: PLC0415 - drawing sheets takes a while to load, and is rarely asked for

    wanted = request.args.get("separates", Separates.PARCEL)
    copies = request.args.get("copies", 1, type=int)
    if wanted not in set(Separates) or not 1 <= copies <= MOST_SHEETS:
        raise Invalid(f"Choose what is separated, and 1 to {MOST_SHEETS} sheets.")
    name = f"separator-sheets-{wanted.lower()}.pdf"
    return printable(separator_sheet(Separates(wanted), copies), name)


def _page(error: str = "") -> str:
    return render_template(
        "upload.html",
        request_key=secrets.token_urlsafe(16),
        limits=system().settings.web,
        error=error,
        most_sheets=MOST_SHEETS,
    )


def _check(files: list[FileStorage]) -> None:
    most = system().settings.web.most_files
    if not files:
        raise Invalid("Choose at least one file.")
    if len(files) > most:
        raise Invalid(f"These are more than {most} files; send them in several goes.")


def _receive(files: list[FileStorage], *, separately: bool) -> list[Receipt]:
    key = request.form.get("request_key", "")[:_LONGEST_KEY] or secrets.token_urlsafe(16)
    enclosures = [
        Enclosure(file.filename or "file", file.mimetype or "application/octet-stream", file.stream.read())
        for file in files
    ]
    parts = [[enclosure] for enclosure in enclosures] if separately else [enclosures]
    return [
        system().intake.receive(
            upload_delivery(
                part,
                request_key=key if len(parts) == 1 else f"{key}/{place}",
                submitted_by=person().user_id,
                received_at=system().clock(),
            )
        )
        for place, part in enumerate(parts, start=1)
    ]


def _is_in_sight(receipt: Receipt) -> bool:
    """Tell whether the person may see what was just taken in: not everybody who brings in works on what has only arrived."""
    with system().database.reading() as tx:
        return parcel_behind(tx, person(), receipt.parcel_id) is not None


def _place(receipts: list[Receipt]) -> str:
    if len(receipts) > 1:
        return url_for("parcels.find")
    return url_for("parcels.show", number=receipts[0].parcel_number)


def _tell(receipts: list[Receipt], more: str) -> None:
    numbers = ", ".join(receipt.parcel_number for receipt in receipts[:5]) + (" …" if len(receipts) > 5 else "")  # noqa: PLR2004
    say(f"Taken in as {numbers}. It is being read; {more}.")
    bad = sum(receipt.quarantined for receipt in receipts)
    if bad:
        say(f"{bad} of the files could not be taken as they are and wait in quarantine.", "warn")
