"""Office files become PDF without macros, network or a lasting profile."""

import io

import docx
import pypdfium2
import pytest

from confined.office import OfficeFailed, to_pdf


def _a_letter(text: str) -> bytes:
    made = docx.Document()
    made.add_paragraph(text)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def test_a_word_file_becomes_a_pdf_with_its_text() -> None:
    made = to_pdf(_a_letter("Purchase order 4711"), ".docx")

    page = pypdfium2.PdfDocument(made)[0]
    assert "Purchase order 4711" in page.get_textpage().get_text_range()


def test_what_office_cannot_open_is_an_error_with_a_code() -> None:
    with pytest.raises(OfficeFailed) as caught:
        to_pdf(b"PK\x03\x04 no office file", ".docx")

    assert caught.value.code == "office_failed"


@pytest.mark.parametrize("suffix", [".exe", "/../../x", ""])
def test_only_known_suffixes_are_handed_over(suffix: str) -> None:
    with pytest.raises(OfficeFailed):
        to_pdf(b"anything", suffix)
