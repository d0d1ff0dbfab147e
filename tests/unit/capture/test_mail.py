from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart

from capture.delivery import Delivery
from capture.mail import MailLimits, identity, mail_delivery

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def deliver(raw: bytes, limits: MailLimits | None = None) -> Delivery:
    return mail_delivery(raw, channel="mail_server", profile="order", received_at=NOW, limits=limits)


def an_order_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Anna Kern <Anna@Kern-Verlag.example>"
    mail["To"] = "orders@print.example"
    mail["Subject"] = "Order 4711"
    mail["Message-ID"] = "<one@kern-verlag.example>"
    mail.set_content("Please print 1000 flyers.\n")
    mail.add_attachment(b"%PDF-1.7 ...", maintype="application", subtype="pdf", filename="order.pdf")
    return mail


def test_a_mail_gives_its_body_and_each_attachment_as_an_enclosure() -> None:
    delivery = deliver(an_order_mail().as_bytes())

    assert [(e.file_name, e.media_type) for e in delivery.enclosures] == [
        ("message-1.txt", "text/plain"),
        ("order.pdf", "application/pdf"),
    ]
    assert delivery.sender == "anna@kern-verlag.example"
    assert delivery.subject == "Order 4711"


def test_the_raw_mail_is_kept_byte_for_byte() -> None:
    raw = an_order_mail().as_bytes()

    assert deliver(raw).raw is not None
    assert deliver(raw).raw.content == raw  # type: ignore[union-attr]  # asserted above


def test_the_identity_is_the_message_id_and_the_digest() -> None:
    raw = an_order_mail().as_bytes()

    assert identity(raw) == identity(raw)
    assert identity(raw) != identity(raw + b"\r\n")
    assert identity(raw).startswith("<one@kern-verlag.example> ")


def test_enclosures_of_a_forwarded_mail_are_taken_too() -> None:
    outer = EmailMessage()
    outer["Subject"] = "Fwd"
    outer.set_content("see below")
    outer.add_attachment(an_order_mail())

    names = [e.file_name for e in deliver(outer.as_bytes()).enclosures]

    assert "order.pdf" in names


def test_inline_images_are_taken() -> None:
    mail = EmailMessage()
    mail.set_content("<p>Our order: <img src='cid:x'></p>", subtype="html")
    mail.add_related(
        b"\x89PNG...", maintype="image", subtype="png", cid="<x>", filename="scan.png", disposition="inline"
    )

    delivery = deliver(mail.as_bytes())

    assert [e.file_name for e in delivery.enclosures] == ["message-1.txt", "scan.png"]
    assert b"<p>" not in delivery.enclosures[0].content


def test_an_unknown_charset_is_read_as_well_as_can_be() -> None:
    raw = b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n\r\nGr\xfc\xdfe, 500 Pl\xe4ne\r\n"

    delivery = deliver(raw)

    assert "Grüße, 500 Pläne" in delivery.enclosures[0].content.decode()


def test_an_encoded_line_break_in_the_subject_becomes_a_space() -> None:
    raw = b"Subject: =?utf-8?q?Order=0D=0ABcc:_evil@x?=\r\n\r\nx\r\n"

    assert deliver(raw).subject == "Order Bcc: evil@x"


def test_a_file_name_is_only_ever_one_component() -> None:
    mail = an_order_mail()
    mail.add_attachment(b"x", maintype="text", subtype="x", filename="../../etc/passwd")

    assert deliver(mail.as_bytes()).enclosures[-1].file_name == "passwd"


def nested(levels: int) -> bytes:
    raw = b"Subject: core\r\n\r\ncore\r\n"
    for _ in range(levels):
        raw = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\n" + raw
    return raw


def test_a_mail_nested_too_deeply_is_kept_whole_with_its_fault() -> None:
    for levels in (25, 2000):
        (whole,) = deliver(nested(levels)).enclosures

        assert whole.fault == "too_deep"
        assert whole.content == nested(levels)


def test_a_mail_of_too_many_parts_is_kept_whole() -> None:
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 50_000 + b"--b--\r\n"

    (whole,) = deliver(raw).enclosures

    assert (whole.fault, whole.content) == ("too_many_parts", raw)


def test_a_mail_that_goes_in_a_circle_is_set_aside() -> None:
    raw = b"Received: from a by b\r\n" * 31 + b"Subject: again\r\n\r\nx\r\n"

    assert deliver(raw).enclosures[0].fault == "mail_loop"


def test_a_mail_over_the_size_limit_is_set_aside() -> None:
    assert deliver(b"Subject: x\r\n\r\n" + b"x" * 200, MailLimits(size=100)).enclosures[0].fault == "too_big"


def test_an_empty_mail_has_no_enclosures() -> None:
    assert deliver(b"").enclosures == ()


def test_a_part_without_a_usable_name_is_named_by_its_number() -> None:
    part = MIMEPart()
    part.set_content(b"%PDF", maintype="application", subtype="pdf")
    mail = EmailMessage()
    mail.make_mixed()
    mail.attach(part)

    assert deliver(mail.as_bytes()).enclosures[0].file_name == "part-1.pdf"


def test_a_charset_that_is_no_name_is_passed_over() -> None:
    raw = b'Content-Type: text/plain; charset="a\x00b"\r\n\r\nhello'

    assert [enclosure.content for enclosure in deliver(raw).enclosures] == [b"hello"]


def test_what_is_no_media_type_is_taken_as_unknown() -> None:
    for said in (b"application/" + b"x" * 300, b"application/a\x00b", b"text/\xc3\xbc"):
        raw = b"Content-Type: " + said + b'\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\n%PDF'

        assert [enclosure.media_type for enclosure in deliver(raw).enclosures] == ["application/octet-stream"]
