"""What a word processor file says without being drawn: paragraphs, tables and properties, by python-docx.

Runs in a confined child; the archive's size was checked when the file was probed.
"""

import io
import zipfile
from dataclasses import dataclass, field

import docx
from docx.opc.exceptions import OpcError
from lxml.etree import XMLSyntaxError

from capture.errors import DamagedFile

_MOST_PARAGRAPHS = 20_000


@dataclass(frozen=True, slots=True)
class OfficeText:
    """Paragraphs, tables (rows of cells) and properties (title, author, subject, keywords, created) of a file."""

    paragraphs: tuple[str, ...] = ()
    tables: tuple[tuple[tuple[str, ...], ...], ...] = ()
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The file as plain text: its paragraphs, then its tables, a row a line."""
        rows = [" : ".join(cell for cell in row if cell) for table in self.tables for row in table]
        return "\n".join([*self.paragraphs, "", *rows])


def read_word_file(data: bytes) -> OfficeText:
    """Return what the .docx file `data` says; raise DamagedFile."""
    try:
        document = docx.Document(io.BytesIO(data))
        paragraphs = tuple(paragraph.text for paragraph in document.paragraphs[:_MOST_PARAGRAPHS])
        tables = tuple(tuple(tuple(cell.text for cell in row.cells) for row in table.rows) for table in document.tables)
        core = document.core_properties
    except (OpcError, XMLSyntaxError, KeyError, ValueError, zipfile.BadZipFile, AttributeError, IndexError) as error:
        raise DamagedFile("The word processor file is damaged.") from error
    stated = {
        "title": core.title,
        "author": core.author,
        "subject": core.subject,
        "keywords": core.keywords,
        "created": core.created.isoformat() if core.created else "",
    }
    return OfficeText(paragraphs, tables, {name: value for name, value in stated.items() if value})
