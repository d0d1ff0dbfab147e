"""Templates of letters (.docx) and mails (.txt): check them, fill them in.

A template is written by a process owner, the values in it come from anybody. So a template is an immutable sandbox that sees
plain values alone; values are escaped and never read as a template; all of it happens in a confined child, with 5 seconds and
5 MB. docxtpl is used nowhere else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeVar
from zipfile import BadZipFile

import zxingcpp
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.shared import Mm
from docxtpl import DocxTemplate, InlineImage
from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape
from PIL import Image

from confined.child import ChildFailed, run_confined
from confined.limits import Limits
from engine.errors import EngineError
from engine.operations.particulars import KNOWN, LINE_FIELDS

T = TypeVar("T")

LARGEST_OUTPUT: Final = 5 << 20
"""Bytes of a finished letter or mail, and of what a template unpacks to."""
_LIMITS: Final = Limits(cpu_seconds=5, wall_seconds=9, memory_bytes=512 << 20, file_bytes=2 * LARGEST_OUTPUT)
_BARCODE: Final = "barcode"
_BARCODE_WIDTH: Final = Mm(58)
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class TemplateFailed(EngineError):
    """A letter or mail cannot be filled in from its template; correct the template and deploy it again."""

    code = "template_failed"


@dataclass(frozen=True, slots=True)
class Filled:
    """A finished letter: the bytes of the .docx file, and its text."""

    content: bytes
    text: str


def fill_letter(template: bytes, values: Mapping[str, Any], barcode: str) -> Filled:
    """Fill in a .docx template; `barcode` is the text of the Code 128 drawn for `{{ barcode }}`.

    Raises `TemplateFailed` when the template is faulty, too large or too slow.
    """
    return _confined(_fill_letter, template, dict(values), barcode)


def fill_text(template: str, values: Mapping[str, Any]) -> str:
    """Fill in a text template; raises `TemplateFailed` as `fill_letter` does."""
    return _confined(_fill_text, template, dict(values))


def faults_of_letter(template: bytes) -> list[str]:
    """Check a .docx template: give a sentence for each fault."""
    return _found(_faults_of_letter, template)


def faults_of_text(template: str) -> list[str]:
    """Check a text template: give a sentence for each fault."""
    return _found(_faults_of_text, template)


def _found(check: Callable[[Any], list[str]], template: bytes | str) -> list[str]:
    try:
        return _confined(check, template)
    except TemplateFailed as error:
        return [str(error)]


def _confined(function: Callable[..., T], *args: object) -> T:
    try:
        return run_confined(function, *args, limits=_LIMITS)
    except ChildFailed as error:
        raise TemplateFailed(f"The template cannot be used: {error}") from error


class _Letter(DocxTemplate):  # type: ignore[misc]  # docxtpl has no types
    """A .docx template whose only image is the barcode, and whose properties are no templates."""

    def __init__(self, template: bytes, barcode: str = "") -> None:
        super().__init__(BytesIO(template))
        self._barcode = barcode

    def render_xml_part(self, src_xml: str, part: Any, context: dict[str, Any], jinja_env: Any = None) -> str:
        """Fill in one part of the file; the barcode belongs to the part it stands in."""
        self.current_rendering_part = part
        if _BARCODE in src_xml:
            context = {**context, _BARCODE: self._draw()}
        filled: str = super().render_xml_part(src_xml, part, context, jinja_env)
        return filled

    def render_properties(self, context: dict[str, Any], jinja_env: Any = None) -> None:
        """Leave the file's properties as they are."""

    def sources(self) -> Iterator[str]:
        """Give the template text of each part."""
        self.init_docx()
        yield self.patch_xml(self.get_xml())
        for uri in (self.HEADER_URI, self.FOOTER_URI):
            for _, part in self.get_headers_footers(uri):
                yield self.patch_xml(self.get_part_xml(part))

    def _draw(self) -> Markup:
        image = InlineImage(self, _barcode_image(self._barcode), width=_BARCODE_WIDTH)
        return Markup(str(image))  # noqa: S704  # made by docxtpl from an image of ours


def _barcode_image(text: str) -> BytesIO:
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    image = BytesIO()
    Image.fromarray(drawn.to_image(scale=4)).save(image, "PNG")
    image.seek(0)
    return image


def _fill_letter(template: bytes, values: dict[str, Any], barcode: str) -> Filled:
    letter = _Letter(template, barcode)
    try:
        letter.render(values, _environment(_for_word), autoescape=True)
    except TemplateError as error:
        raise TemplateFailed(f"The letter cannot be filled in: {error}") from error
    finished = BytesIO()
    letter.save(finished)
    return Filled(_within_limits(finished.getvalue()), "\n".join(_lines_of(letter.docx)))


def _fill_text(template: str, values: dict[str, Any]) -> str:
    try:
        filled = _environment(_printable).from_string(template).render(values)
    except TemplateError as error:
        raise TemplateFailed(f"The mail cannot be filled in: {error}") from error
    _within_limits(filled.encode())
    return filled


def _within_limits(content: bytes) -> bytes:
    if len(content) > LARGEST_OUTPUT:
        raise TemplateFailed(f"What the template makes is larger than {LARGEST_OUTPUT >> 20} MB; let it repeat less.")
    return content


def _environment(finalize: Any) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=finalize, keep_trailing_newline=True
    )
    for unwanted in ("cycler", "joiner", "namespace", "lipsum"):
        environment.globals.pop(unwanted, None)
    return environment


def _printable(value: Any) -> Any:
    return _UNPRINTABLE.sub("", value) if isinstance(value, str) else value


def _for_word(value: Any) -> Any:
    """Escape a text; also what docxtpl would take for its own way of writing braces."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    escaped = str(escape(_printable(value))).replace("_", "&#95;")
    return Markup(escaped)  # noqa: S704  # escaped in the line above


def _lines_of(document: WordDocument) -> Iterator[str]:
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            yield from ("\t".join(cell.text for cell in row.cells) for row in block.rows)
        else:
            yield block.text


def _faults_of_letter(template: bytes) -> list[str]:
    try:
        sources = list(_Letter(template).sources())
    except (BadZipFile, PackageNotFoundError, KeyError, ValueError, OSError) as error:
        return [f"This is not a .docx file that can be read ({error})."]
    return [fault for source in sources for fault in _faults(source)]


def _faults_of_text(template: str) -> list[str]:
    return list(_faults(template))


def _faults(source: str) -> Iterator[str]:
    environment = _environment(_printable)
    try:
        tree = environment.parse(source)
        environment.compile(tree)
    except TemplateError as error:
        yield f"The template is faulty: {error.message or error}."
        return
    known = {**KNOWN, _BARCODE: None, **_lines_in(tree)}
    for name in sorted(_unknown_names(tree, known)):
        yield f"The template uses “{name}”, which letters do not know; they know {', '.join(sorted(KNOWN))}."
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and (fields := known.get(node.node.name)) and node.attr not in fields:
            yield f"The template uses “{node.node.name}.{node.attr}”; there is {', '.join(sorted(fields))}."
    if any(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))):
        yield "A template cannot bring in another one; put the text into this one."


def _lines_in(tree: nodes.Template) -> dict[str, tuple[str, ...]]:
    """Give the loop variables that stand for a line of the order."""
    return {
        loop.target.name: LINE_FIELDS
        for loop in tree.find_all(nodes.For)
        if isinstance(loop.iter, nodes.Name) and loop.iter.name == "lines" and isinstance(loop.target, nodes.Name)
    }


def _unknown_names(tree: nodes.Template, known: Mapping[str, Any]) -> set[str]:
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    loaded = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    return loaded - stored - set(known) - {"loop", "range", "dict"}
