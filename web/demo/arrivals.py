"""How the orders of the demonstration arrive: through the drop folder, by fax, by mail and by hand, each on its real way."""

import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from random import Random

import pypdfium2
from PIL import Image

from capture.channels.form import form_delivery
from capture.sheets import separator_sheet
from confined.office import to_pdf
from web.assembly import System
from web.demo.orders import ELABORATE, LABELS, Customer, WrittenOrder, write_order
from web.demo.papers import DPI, draw_page, fax, scan, word_document

POINTS_PER_INCH = 72
READ_BY_MACHINE = 4


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The orders of one round, in the order in which they are sent; the last is typed by hand, the others are read."""

    orders: Sequence[WrittenOrder]

    @property
    def read(self) -> Sequence[WrittenOrder]:
        """Give the orders that the machine has to read."""
        return self.orders[:READ_BY_MACHINE]


def send_all(system: System, random: Random, customers: Sequence[Customer]) -> Arrivals:
    """Send five orders on four ways: two in one scanned stack, a fax, a mailed PDF, and one typed into the form.

    The typed one is elaborate, so that in every round at least one order has to be validated.
    """
    today = system.clock().astimezone(system.zone).date()
    orders = [write_order(random, customers, today) for _ in range(READ_BY_MACHINE)]
    orders.append(write_order(random, customers, today, ELABORATE))
    _drop(system, f"stack-{random.getrandbits(32):08x}.tif", scanned_stack(orders[:2], random))
    _drop(system, f"fax-{random.getrandbits(32):08x}.tif", fax(draw_page(orders[2], random)))
    mail_order(system, orders[3], random)
    type_order(system, orders[4], random)
    return Arrivals(orders)


def scanned_stack(orders: Sequence[WrittenOrder], random: Random) -> bytes:
    """Scan orders in one stack, a separator sheet before each."""
    pages: list[Image.Image] = []
    for order in orders:
        pages += [_drawn_separator(), draw_page(order, random)]
    return scan(pages, random)


def mail_order(system: System, order: WrittenOrder, random: Random) -> None:
    """Send an order as PDF to our own mail server."""
    mail = EmailMessage()
    mail["From"], mail["To"] = order.customer.email, system.settings.mail_server.recipients[0]
    mail["Subject"] = f"{order.title} {order.fields['customer_reference']}"
    mail["Message-ID"] = f"<{random.getrandbits(64):x}@{order.customer.email.partition('@')[2]}>"
    mail.set_content("Please find our order enclosed.\n")
    pdf = to_pdf(word_document(order), ".docx")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="order.pdf")
    server = system.settings.mail_server
    with smtplib.SMTP(server.host, server.port, timeout=30) as client:
        client.send_message(mail)


def type_order(system: System, order: WrittenOrder, random: Random) -> None:
    """Fill in the order form, as a manager does."""
    with system.database.reading() as tx:
        manager = tx.people.members("manager")[0]
    delivery = form_delivery(
        [(LABELS["en"][name], value) for name, value in order.printed.items()],
        fields=order.fields,
        request_key=f"{random.getrandbits(64):x}",
        submitted_by=manager.id,
        received_at=system.clock(),
        sender=manager.display_name,
    )
    system.intake.receive(delivery)


def best_match(orders: Sequence[WrittenOrder], values: Mapping[str, str]) -> WrittenOrder:
    """Give the order that a parcel's index fields fit best."""
    return max(orders, key=lambda order: sum(values.get(name) == value for name, value in order.fields.items()))


def _drop(system: System, name: str, content: bytes) -> None:
    """Put a file into the drop folder as a careful program does: under another name first."""
    folder = system.settings.place(system.settings.drop_folder.folder)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{name}.part"
    unfinished.write_bytes(content)
    unfinished.rename(folder / Path(name).name)


def _drawn_separator() -> Image.Image:
    """Print a separator sheet on paper."""
    pdf = pypdfium2.PdfDocument(BytesIO(separator_sheet()))
    try:
        image: Image.Image = pdf[0].render(scale=DPI / POINTS_PER_INCH, grayscale=True).to_pil()
    finally:
        pdf.close()
    return image.convert("L")
