import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from threading import Event, Thread

import pytest
from dovecot import free_port

from capture.channels.mail_server import DoorLimits, MailServer
from capture.delivery import Delivery, Receipt, Receive
from capture.mail import MailLimits

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@contextmanager
def serving(receive: Receive, **door: float) -> Iterator[smtplib.SMTP]:
    port, stop = free_port(), Event()
    server = MailServer(
        "127.0.0.1",
        port,
        {"orders@print.example": "order"},
        lambda: NOW,
        limits=MailLimits(size=200_000),
        door=DoorLimits(**door),  # type: ignore[arg-type]  # what a test asks for
    )
    thread = Thread(target=server.run, args=(receive, stop))
    thread.start()
    try:
        yield _connect(port)
    finally:
        stop.set()
        thread.join(timeout=10)


def _connect(port: int) -> smtplib.SMTP:
    """Connect as soon as the server is up and has room: it tries itself first, and has to notice that others have gone."""
    for _ in range(100):
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=10)
        except (ConnectionRefusedError, smtplib.SMTPConnectError):
            Event().wait(0.05)
    raise RuntimeError("the mail server did not come up, or there was never room")


def an_order(text: str = "Order 4711") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@kern.example", "orders@print.example", "Order"
    mail.set_content(text)
    return mail


def test_a_mail_is_acknowledged_with_the_number_of_its_parcel() -> None:
    taken: list[Delivery] = []

    def receive(delivery: Delivery) -> Receipt:
        taken.append(delivery)
        return Receipt(1, "P-7", is_repeat=False, quarantined=0)

    with serving(receive) as client, client:
        client.ehlo()
        client.mail("a@kern.example")
        client.rcpt("orders@print.example")
        code, answer = client.data(an_order().as_bytes())

    assert (code, answer) == (250, b"2.0.0 Stored as parcel P-7")
    assert taken[0].subject == "Order"


def test_an_unknown_recipient_is_refused() -> None:
    def receive(delivery: Delivery) -> Receipt:
        raise AssertionError("nothing may be delivered")

    with serving(receive) as client, client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.send_message(an_order(), to_addrs=["sales@print.example"])

    assert refused.value.recipients["sales@print.example"][0] == 550


def test_a_mail_that_could_not_be_stored_is_not_acknowledged() -> None:
    def receive(delivery: Delivery) -> Receipt:
        raise OSError("disk full")

    with serving(receive) as client, client, pytest.raises(smtplib.SMTPDataError) as failed:
        client.send_message(an_order())

    assert failed.value.smtp_code == 451


def test_a_mail_over_the_limit_is_refused_before_it_is_sent() -> None:
    def receive(delivery: Delivery) -> Receipt:
        raise AssertionError("nothing may be delivered")

    with serving(receive) as client, client, pytest.raises(smtplib.SMTPException) as failed:
        client.send_message(an_order("x" * 300_000))

    assert "552" in str(failed.value)


def _nothing(delivery: Delivery) -> Receipt:
    raise AssertionError("nothing may be delivered")


def test_who_has_too_many_connections_is_asked_to_come_later_and_served_when_one_is_gone() -> None:
    with serving(_nothing, of_one_address=3) as first, first:
        port = first.sock.getpeername()[1]
        others = [_connect(port) for _ in range(2)]

        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP("127.0.0.1", port, timeout=10)
        others[0].quit()
        again = _connect(port)

        assert refused.value.smtp_code == 421
        assert [one.noop()[0] for one in (first, others[1], again)] == [250, 250, 250]
        for one in (others[1], again):
            one.close()


def test_connections_are_counted_in_all_too() -> None:
    with serving(_nothing, connections=1) as first, first, pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP("127.0.0.1", first.sock.getpeername()[1], timeout=10)

    assert refused.value.smtp_code == 421


def test_a_mail_has_only_so_many_recipients() -> None:
    with serving(_nothing, recipients=2) as client, client:
        client.ehlo()
        client.mail("a@kern.example")

        answers = [client.rcpt("orders@print.example")[0] for _ in range(3)]

    assert answers == [250, 250, 452]


def test_a_connection_sends_only_so_many_commands_of_a_kind() -> None:
    with serving(_nothing, commands=10) as client, client:
        answers = [client.noop()[0] for _ in range(11)]

    assert answers == [250] * 10 + [421]


def test_a_connection_that_says_nothing_is_ended() -> None:
    with serving(_nothing, idle_seconds=0.2) as client, client:
        client.ehlo()

        assert client.sock.recv(100) == b""
