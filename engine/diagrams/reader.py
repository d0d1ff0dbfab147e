"""The only XML parser of the product: bytes in, a bounded tree without document types and entities out.

The bytes are decoded here, once, and everything that follows works on that one text: the check for a document type sees
exactly what the parser sees, whatever the encoding. A parser that is told the encoding cannot be talked into another.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.vocabulary import BPMN, FLOW_NODES, SCOPES, SEQUENCE_FLOW, XSI_TYPE, bpmn
from engine.errors import DefinitionError, Finding, Severity

MAXIMUM_BYTES: Final = 5_000_000
MAXIMUM_ELEMENTS: Final = 100_000
MAXIMUM_DEPTH: Final = 100
MAXIMUM_ATTRIBUTES: Final = 500
MAXIMUM_FLOW_NODES: Final = 2_000
MAXIMUM_FLOWS: Final = 10_000
MAXIMUM_SCOPES: Final = 30

_WIDE: Final = {"utf-16", "utf-16-le", "utf-16-be"}
_ENCODINGS: Final = {
    "utf-8",
    *_WIDE,
    "ascii",
    "iso8859-1",
    "iso8859-2",
    "iso8859-9",
    "iso8859-15",
    "cp1250",
    "cp1251",
    "cp1252",
    "mac-roman",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_kr",
}
_SIGNATURES: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_DECLARATION: Final = re.compile(r"<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_GENERAL: Final = frozenset(
    map(
        bpmn,
        (
            "activity",
            "artifact",
            "catchEvent",
            "event",
            "eventDefinition",
            "flowElement",
            "flowNode",
            "gateway",
            "loopCharacteristics",
            "rootElement",
            "task",
            "throwEvent",
        ),
    )
)
"""Elements that may stand for a special one by their type, as XML Schema lets them."""
_SPACE: Final = re.compile(r"[\s\ufeff]*")
_SKIPPED: Final = (("<?", "?>"), ("<!--", "-->"))


@dataclass(frozen=True, slots=True)
class Diagram:
    """A BPMN file as drawn: its tree, which nobody changes, and its original bytes."""

    root: etree._Element
    data: bytes
    file: str


def read_diagram(data: bytes, file: str) -> Diagram:
    """Read a BPMN file; raise DefinitionError with one finding where it is none, or passes the limits."""
    root = read_xml(data, file)
    if root.tag != bpmn("definitions"):
        raise _refused(
            file, "not_bpmn", "This is not a BPMN 2.0 diagram; its outermost element must be BPMN's definitions."
        )
    _name_by_type(root)
    _refuse_large_diagram(root, file)
    return Diagram(root, data, file)


def read_xml(data: bytes, file: str = "") -> etree._Element:
    """Parse XML of at most 5 MB in a usual encoding; raise DefinitionError with one finding for anything else."""
    if len(data) > MAXIMUM_BYTES:
        raise _refused(file, "xml_too_large", f"The file is larger than {MAXIMUM_BYTES // 1_000_000} MB.")
    text = _decode(data, file)
    if _has_document_type(text):
        raise _refused(file, "xml_document_type", "The file has a document type (DOCTYPE); save it without one.")
    if text.count("<") > 3 * MAXIMUM_ELEMENTS:
        raise _too_many_elements(file)
    root = _parse(text, file)
    _refuse_large_tree(root, file)
    return root


def _decode(data: bytes, file: str) -> str:
    signed = next((encoding for signature, encoding in _SIGNATURES if data.startswith(signature)), None)
    try:
        declared = _DECLARATION.match(data[:300].decode(signed or "latin-1", "ignore").lstrip())
        encoding = codecs.lookup(declared[1]).name if declared else "utf-8"
        if encoding in _WIDE and signed is None:
            encoding = "utf-8"  # a declaration in narrow letters, as programs write that only copied its words
        text = data.decode(signed or encoding) if encoding in _ENCODINGS else None
    except (LookupError, UnicodeError):
        text = None
    if text is None or "\x00" in text:
        raise _refused(file, "xml_encoding", "The text cannot be read; save the file in UTF-8.")
    return text


def _has_document_type(text: str) -> bool:
    at = 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        ending = next((end for start, end in _SKIPPED if text.startswith(start, at)), None)
        if ending is None:
            return text.startswith("<!", at)
        at = text.find(ending, at)
        if at < 0:
            return False
        at += len(ending)


def _parse(text: str, file: str) -> etree._Element:
    data, parser = text.encode("utf-8"), _parser()
    try:
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            kinds = {one.type for one in parser.error_log}
            if kinds != {etree.ErrorTypes.WAR_NS_URI}:
                raise
            root = etree.fromstring(data, _parser(recover=True))  # only a name space whose name is no address
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _refused(file, "xml_broken", f"The file is not well-formed XML: {reason}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise _refused(file, "xml_document_type", "The file has a document type (DOCTYPE); save it without one.")
    return root


def _parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=recover,
    )


def _refuse_large_tree(root: etree._Element, file: str) -> None:
    count = depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAXIMUM_DEPTH:
            raise _refused(file, "xml_too_deep", f"Elements are nested more than {MAXIMUM_DEPTH} levels deep.")
        if count > MAXIMUM_ELEMENTS:
            raise _too_many_elements(file)
        if len(element.attrib) > MAXIMUM_ATTRIBUTES:
            raise _refused(
                file, "xml_too_many_attributes", f"An element has more than {MAXIMUM_ATTRIBUTES} attributes."
            )


def _name_by_type(root: etree._Element) -> None:
    """Give elements that are named generally, `flowElement` of the type `tUserTask`, the name that the standard has for them."""
    for element in root.iter(*_GENERAL):
        prefix, _, written = (element.get(XSI_TYPE) or "").strip().rpartition(":")
        name = written[1:2].lower() + written[2:]
        if element.nsmap.get(prefix or None) == BPMN and written.startswith("t") and name.isidentifier():
            element.tag = bpmn(name)


def _refuse_large_diagram(root: etree._Element, file: str) -> None:
    count = sum(1 for _ in root.iter(*FLOW_NODES))
    if count > MAXIMUM_FLOW_NODES:
        message = f"The diagram has {count} flow nodes, more than {MAXIMUM_FLOW_NODES}; divide it by call activities."
        raise _refused(file, "diagram_too_large", message)
    flows = sum(1 for _ in root.iter(SEQUENCE_FLOW))
    if flows > MAXIMUM_FLOWS:
        message = f"The diagram has {flows} sequence flows, more than {MAXIMUM_FLOWS}; divide it by call activities."
        raise _refused(file, "diagram_too_large", message)
    for scope in root.iter(*SCOPES):
        if sum(1 for outer in scope.iterancestors() if outer.tag in SCOPES) >= MAXIMUM_SCOPES:
            message = f"Subprocesses are nested more than {MAXIMUM_SCOPES} levels deep; use call activities."
            raise _refused(file, "diagram_too_deep", message)


def _too_many_elements(file: str) -> DefinitionError:
    return _refused(file, "xml_too_many_elements", f"The file has more than {MAXIMUM_ELEMENTS:,} elements.")


def _refused(file: str, code: str, message: str) -> DefinitionError:
    return DefinitionError([Finding(file=file, element=None, severity=Severity.ERROR, code=code, message=message)])
