"""Filling in templates: what gets in comes out as it is, and nothing gets out of the sandbox."""

from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from docx import Document
from docx.opc.part import Part
from PIL import Image

from engine.errors import Severity
from engine.operations.letters import check_letter
from engine.operations.templates import TemplateFailed, fill_letter, fill_text

VALUES: dict[str, Any] = {
    "order": {"number": "O-2026-000001", "product": "Flyer"},
    "lines": [{"position": "1", "description": "a"}, {"position": "2", "description": "b"}],
    "values": {"note": "hello"},
}
AWKWARD = [
    "Müller & Söhne <b>bold</b>",
    "{{ 7 * 7 }} {% raw %} {# gone? #}",
    "{_{ braces }_} {_% percent %_}",
    "a_b__c &amp; &#95;",
    "quotes \" and ' and ]]>",
    "emoji 📦 and ＝1+1",
    "${7*7} #{7*7} <%= 7 %>",
]
ATTACKS = [
    "{{ ''.__class__.__mro__ }}",
    "{{ order.__class__ }}",
    "{{ values.note.format.__globals__ }}",
    "{{ '{0.__class__}'.format(order) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ order.update({'number': 'x'}) }}",
    "{{ lines.append(1) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ missing }}",
    "{{ order.missing }}",
    "{{ 'a' * 10 ** 8 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% for a in range(10 ** 9) %}x{% endfor %}",
    "{{ 2 ** 99999999 }}",
    "{% if %}",
]


def a_letter(*paragraphs: str) -> bytes:
    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    data = BytesIO()
    document.save(data)
    return data.getvalue()


def paragraphs_of(content: bytes) -> list[str]:
    return [paragraph.text for paragraph in Document(BytesIO(content)).paragraphs]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_letter_shows_exactly_the_text_it_is_given(text: str) -> None:
    filled = fill_letter(a_letter("[{{ values.note }}]"), VALUES | {"values": {"note": text}}, "1")

    assert paragraphs_of(filled.content) == [f"[{text}]"]
    assert filled.text == f"[{text}]"


@pytest.mark.parametrize("text", AWKWARD)
def test_a_mail_shows_exactly_the_text_it_is_given(text: str) -> None:
    assert fill_text("[{{ values.note }}]\n", VALUES | {"values": {"note": text}}) == f"[{text}]\n"


def test_control_characters_are_left_out() -> None:
    values = VALUES | {"values": {"note": "a\x00b\x0cc\x07d\ufffee"}}

    assert fill_letter(a_letter("{{ values.note }}"), values, "1").text == "abcde"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_template_gets_nowhere(attack: str) -> None:
    with pytest.raises(TemplateFailed):
        fill_text(attack, VALUES)


@pytest.mark.parametrize(
    "attack", ["{{ barcode.tpl.docx }}", "{{ barcode.__class__ }}", *ATTACKS[:4], "{{ 'a' * 10 ** 8 }}"]
)
def test_a_letter_template_gets_nowhere(attack: str) -> None:
    with pytest.raises(TemplateFailed):
        fill_letter(a_letter(attack), VALUES, "1")


def test_lines_are_repeated() -> None:
    assert (
        fill_text("{% for line in lines %}{{ line.position }}{{ line.description }} {% endfor %}", VALUES) == "1a 2b "
    )


def test_the_barcode_in_a_letter_can_be_read() -> None:
    content = fill_letter(a_letter("{{ barcode }}"), VALUES, "O-2026-000001").content

    parts = Document(BytesIO(content)).part.package.iter_parts()
    (image,) = [part for part in parts if isinstance(part, Part) and part.content_type == "image/png"]
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(image.blob)))
    assert (code.text, code.format) == ("O-2026-000001", zxingcpp.BarcodeFormat.Code128)


def test_the_barcode_may_stand_in_the_header() -> None:
    document = Document()
    document.sections[0].header.paragraphs[0].add_run("{{ barcode }}{{ order.number }}")
    data = BytesIO()
    document.save(data)

    content = fill_letter(data.getvalue(), VALUES, "O-2026-000001").content

    header = Document(BytesIO(content)).sections[0].header
    assert header.paragraphs[0].text == "O-2026-000001"
    assert any(rel.reltype.endswith("/image") for rel in header.part.rels.values())


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ order.nummer }}", "order.nummer"),
        ("{{ custmer.name }}", "custmer"),
        ("{% for line in lines %}{{ line.prise }}{% endfor %}", "line.prise"),
        ("{% if order.number %}", "faulty"),
        ("{{ order.number", "faulty"),
        ("{% include 'other' %}", "bring in"),
        ("{{ order | unheard_of }}", "faulty"),
    ],
)
def test_a_faulty_letter_is_found_at_deploy(template: str, words: str) -> None:
    findings = check_letter("letters/bad.docx", a_letter(template))

    assert [finding.severity for finding in findings] == [Severity.ERROR] * len(findings)
    assert any(words in finding.message for finding in findings)


def test_a_fault_in_the_footer_is_found_too() -> None:
    document = Document()
    document.sections[0].footer.paragraphs[0].add_run("{{ ordr.number }}")
    data = BytesIO()
    document.save(data)

    assert "ordr" in check_letter("a.docx", data.getvalue())[0].message


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not a zip", b"%PDF-1.7"])
def test_what_is_no_letter_is_found_at_deploy(data: bytes) -> None:
    assert "not a .docx" in check_letter("letters/bad.docx", data)[0].message


def test_a_mail_needs_its_subject_line() -> None:
    assert "Subject" in check_letter("letters/a.txt", b"Dear all")[0].message
    assert "UTF-8" in check_letter("letters/a.txt", b"Subject: \xff")[0].message
    assert check_letter("letters/a.txt", b"Subject: {{ order.number }}\n\nDear all") == []
