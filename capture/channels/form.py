"""The order form: what somebody fills in by hand becomes a delivery whose document is a PDF of the answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from capture.delivery import Delivery, Enclosure
from storage.parcels import FORM_ORIGIN

NAME = FORM_ORIGIN
TITLE = "Order form"
_MARGIN = 20 * mm
_COLUMNS = (55 * mm, 115 * mm)


def form_delivery(
    answers: Sequence[tuple[str, str]],
    *,
    fields: Mapping[str, str],
    request_key: str,
    submitted_by: int,
    received_at: datetime,
    sender: str,
    customer_id: int | None = None,
    profile: str = "order",
) -> Delivery:
    """Make a delivery of a filled-in form: `answers` are labels with values as printed, `fields` the index fields by name.

    Person and request key together are its identity. `customer_id` is the customer that the person belongs to, who may see
    the parcel from the first moment.
    """
    content = form_pdf(answers, sender, received_at)
    return Delivery(
        NAME,
        f"{submitted_by}/{request_key}",
        received_at,
        (Enclosure("order-form.pdf", "application/pdf", content),),
        profile,
        sender=sender,
        subject=TITLE,
        submitted_by=submitted_by,
        customer_id=customer_id,
        fields=fields,
    )


def form_pdf(answers: Sequence[tuple[str, str]], sender: str, received_at: datetime) -> bytes:
    """Print a filled-in form; the same answers at the same time give the same bytes."""
    target = BytesIO()
    styles = getSampleStyleSheet()
    body = styles["BodyText"]
    rows = [[Paragraph(f"{escape(label)}:", body), Paragraph(_lines(value), body)] for label, value in answers]
    table = Table(rows, colWidths=_COLUMNS, hAlign="LEFT")
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.25, "#999999")]))
    heading = f"Filled in by {escape(sender)} on {received_at:%Y-%m-%d %H:%M} UTC"
    story = [Paragraph(TITLE, styles["Title"]), Paragraph(heading, body), Spacer(1, 8 * mm), table]
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, title=TITLE, author=sender, invariant=1
    )
    document.build(story)
    return target.getvalue()


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br/>")
