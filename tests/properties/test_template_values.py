"""Any text that is given to a template comes out as it went in."""

from io import BytesIO

from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.operations.templates import _fill_letter, _fill_text

_TEMPLATE = Document()
_TEMPLATE.add_paragraph("[{{ values.note }}]")
_DATA = BytesIO()
_TEMPLATE.save(_DATA)
PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), max_size=60)
BRACES = st.text(st.sampled_from("{}_%#a&<>\"'; -"), max_size=30)


@given(PRINTABLE | BRACES)
def test_a_mail_shows_exactly_the_value(text: str) -> None:
    assert _fill_text("[{{ values.note }}]", {"values": {"note": text}}) == f"[{text}]"


@settings(max_examples=60, deadline=None)
@given(PRINTABLE | BRACES)
def test_a_letter_shows_exactly_the_value(text: str) -> None:
    filled = _fill_letter(_DATA.getvalue(), {"values": {"note": text}}, "1")

    (paragraph,) = Document(BytesIO(filled.content)).paragraphs
    assert paragraph.text == f"[{text}]"
