"""The operations of this installation, by name: here what capture can do becomes something that diagrams can call.

What reads papers is loaded when the first one is read: it takes a quarter of a second, and most commands read none.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from confined.office import to_pdf
from engine.operations.archive import Archivist, archive_operations
from engine.operations.call import Call, Operation
from engine.operations.letters import LetterOffice, LetterPage, letter_operations
from engine.operations.mail import MailRoom, OutboxFolder, Outgoing, SmtpServer, mail_operations
from engine.operations.orders import order_operations
from storage.database import Database
from web.settings import Settings

if TYPE_CHECKING:
    from capture.recognition import Begin, Recogniser

OPEN_PARCEL = "open_parcel"


def operations_of(
    settings: Settings, database: Database, begin: "Begin", open_later: "Begin"
) -> Mapping[str, Operation]:
    """Give every operation by the name under which diagrams and jobs call it; recognition is given `begin` and `open_later`."""
    zone, recogniser = settings.zone, _recogniser_of(database, begin, open_later)
    office = LetterOffice(database, to_pdf, read_letter, zone)
    archivist = Archivist(database, searchable_maker(database), zone)
    room = MailRoom(database, _way_out(settings), settings.smtp.sender, zone)
    return {
        **order_operations(database, zone),
        **letter_operations(office),
        **archive_operations(archivist),
        **mail_operations(room),
        "recognise_parcel": lambda call: recogniser().recognise(call.parcel),
        OPEN_PARCEL: lambda call: _open(recogniser(), call),
    }


def read_letter(pdf: bytes) -> Sequence[LetterPage]:
    """Take a finished letter apart into pages, with images, so that it is shown and found like any other document."""
    from capture.reading import read_file  # noqa: PLC0415 - see above

    return [
        LetterPage(
            width=page.width,
            height=page.height,
            dpi=page.dpi,
            text=page.text,
            words=[{"text": w.text, "box": list(w.box), "confidence": w.confidence} for w in page.words],
            image=page.image,
        )
        for page in read_file(pdf, images=True).pages
    ]


def searchable_maker(database: Database) -> Callable[[int], None]:
    """Give the function that makes the searchable renditions of a parcel's documents."""

    def make(parcel_id: int) -> None:
        from capture.renditions import make_parcel_searchable  # noqa: PLC0415 - see above

        make_parcel_searchable(database, parcel_id)

    return make


def _recogniser_of(database: Database, begin: "Begin", open_later: "Begin") -> "Callable[[], Recogniser]":
    @cache
    def recogniser() -> "Recogniser":
        from capture.recognition import Recogniser  # noqa: PLC0415 - see above

        return Recogniser(database, begin, open_later)

    return recogniser


def _open(recogniser: "Recogniser", call: Call) -> Mapping[str, Any]:
    recogniser.open_parcel(call.parcel)
    return {}


def _way_out(settings: Settings) -> Outgoing:
    smtp = settings.smtp
    if smtp.host is None:
        return OutboxFolder(settings.place(smtp.folder))
    password = smtp.password.get_secret_value() if smtp.password else None
    return SmtpServer(smtp.host, smtp.port, smtp.user, password, starttls=smtp.starttls)
