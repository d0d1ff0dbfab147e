"""What the only XML parser lets in, and that nothing hostile gets through, costs time, or touches a file."""

import gzip
import os
import socket
from pathlib import Path
from typing import Final

import pytest
from drawing_board import HEAD, line, node, process

from engine.diagrams.reader import (
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_BYTES,
    MAXIMUM_DEPTH,
    MAXIMUM_ELEMENTS,
    MAXIMUM_FLOW_NODES,
    MAXIMUM_SCOPES,
    read_diagram,
    read_xml,
)
from engine.diagrams.vocabulary import FLOW_NODES, bpmn
from engine.errors import DefinitionError

INTERCHANGE: Final = Path(__file__).parents[3] / "data" / "interchange"
GOOD: Final = process(line(node("task", "work", name="Prüfung – čeština")))
BOMB: Final = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + "".join(
    f'<!ENTITY b{n} "{f"&b{n - 1 if n else str()};" * 10}">' for n in range(9)
)
CANARY: Final = "the canary sings"


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


HOSTILE: Final[dict[str, tuple[bytes, str]]] = {
    "entities that multiply": (f"{BOMB}]><a>&b8;</a>".encode(), "xml_document_type"),
    "one long entity used often": (
        f'<!DOCTYPE a [<!ENTITY b "{"b" * 100_000}">]><a>{"&b;" * 10_000}</a>'.encode(),
        "xml_document_type",
    ),
    "parameter entities": (b"<!DOCTYPE a [<!ENTITY % b \"<!ENTITY c 'd'>\">%b;]><a>&c;</a>", "xml_document_type"),
    "a document type outside": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "xml_document_type"),
    "a public document type": (b'<!DOCTYPE a PUBLIC "-//X//Y" "file:///etc/passwd"><a/>', "xml_document_type"),
    "an empty document type": (b"<!DOCTYPE a><a/>", "xml_document_type"),
    "a document type behind comments": (
        b'<?xml version="1.0"?><!-- <a> -->\n<?pi ?>\n<!-- - --><!DOCTYPE a><a/>',
        "xml_document_type",
    ),
    "a document type behind a signature": (b"\xef\xbb\xbf<!DOCTYPE a><a/>", "xml_document_type"),
    "a document type in UTF-16": ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16"), "xml_document_type"),
    "a document type in UTF-16 without signature": (
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16-be"),
        "xml_document_type",
    ),
    "a document type in UTF-7": (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a><a/>', "xml_encoding"),
    "a document type in UTF-32": ("<!DOCTYPE a><a/>".encode("utf-32"), "xml_encoding"),
    "a document type in EBCDIC": ('<?xml version="1.0"?><!DOCTYPE a><a/>'.encode("cp037"), "xml_encoding"),
    "a declared EBCDIC": (b'<?xml version="1.0" encoding="cp037"?><a/>', "xml_encoding"),
    "an encoding nobody knows": (b'<?xml version="1.0" encoding="rot13"?><n/>', "xml_encoding"),
    "an encoding that is a codec of bytes": (b'<?xml version="1.0" encoding="zlib"?><n/>', "xml_encoding"),
    "bytes that are no UTF-8": (b"<a>\xff\xfe\xfd</a>", "xml_encoding"),
    "lonely surrogates": (b"\xff\xfe<\x00a\x00>\x00\x00\xd8<\x00/\x00a\x00>\x00", "xml_encoding"),
    "null bytes": (b"<a>\x00</a>", "xml_encoding"),
    "an entity that is not declared": (b"<a>&nobody;</a>", "xml_broken"),
    "compressed": (gzip.compress(GOOD), "xml_encoding"),
    "nothing": (b"", "xml_broken"),
    "only spaces": (b" \n" * 1000, "xml_broken"),
    "not closed": (b"<a><b></a>", "xml_broken"),
    "two roots": (b"<a/><a/>", "xml_broken"),
    "a comment without end": (b"<!--" + b"-" * 100_000, "xml_broken"),
    "an instruction without end": (b"<?" * 100_000, "xml_broken"),
    "too large": (b"<a>" + b" " * MAXIMUM_BYTES + b"</a>", "xml_too_large"),
    "deep": (nested(MAXIMUM_DEPTH + 1), "xml_too_deep"),
    "very deep": (nested(100_000), "xml_broken"),
    "wide": (b"<a>" + b"<b/>" * (MAXIMUM_ELEMENTS + 1) + b"</a>", "xml_too_many_elements"),
    "very wide": (b"<a>" + b"<b/>" * 1_200_000 + b"</a>", "xml_too_many_elements"),
    "many attributes": (
        b"<a " + b" ".join(b'a%d=""' % n for n in range(MAXIMUM_ATTRIBUTES + 1)) + b"/>",
        "xml_too_many_attributes",
    ),
    "four hundred thousand attributes": (
        b"<a " + b" ".join(b'a%d=""' % n for n in range(400_000)) + b"/>",
        "xml_too_many_attributes",
    ),
    "a name of four million letters": (b"<" + b"a" * 4_000_000 + b"/>", "xml_broken"),
    "the same attribute twice": (b'<a b="" b=""/>', "xml_broken"),
    "an unknown prefix": (b"<x:a/>", "xml_broken"),
}
TOLERATED: Final[dict[str, bytes]] = {
    "the words of a document type in a text": b"<a><![CDATA[<!DOCTYPE html>]]></a>",
    "two hundred thousand namespaces": b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(200_000)) + b"/>",
    "a text of almost 5 MB": b"<a>" + b"a" * (MAXIMUM_BYTES - 100) + b"</a>",
    "a million character references": b"<a>" + b"&#65;" * 900_000 + b"</a>",
    "an include that nobody follows": b'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="/etc/passwd"/></a>',
    "a stylesheet that nobody loads": b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><a/>',
    "a schema that nobody loads": (
        b'<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:schemaLocation="u http://127.0.0.1:9/x.xsd"/>'
    ),
    "as deep as allowed": nested(MAXIMUM_DEPTH),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes_are_refused_with_one_finding(case: str) -> None:
    data, code = HOSTILE[case]

    with pytest.raises(DefinitionError) as refused:
        read_xml(data, "hostile.bpmn")

    (finding,) = refused.value.findings
    assert (finding.code, finding.file) == (code, "hostile.bpmn")
    assert len(finding.message) < 300


@pytest.mark.parametrize("case", TOLERATED)
def test_odd_but_harmless_bytes_are_read(case: str) -> None:
    assert read_xml(TOLERATED[case]) is not None


@pytest.mark.parametrize("signature", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
def test_no_encoding_lets_an_entity_read_a_file(tmp_path: Path, encoding: str, signature: str) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_text(CANARY)
    os.utime(canary, (1, 1))
    text = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{canary.as_uri()}">]><a>&b;</a>'

    with pytest.raises(DefinitionError) as refused:
        read_xml((signature + text).encode(encoding, "ignore"))

    assert CANARY not in str(refused.value)
    assert canary.stat().st_atime == 1


def test_nothing_is_fetched_from_the_network() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.1)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        read_xml(f'<?xml-stylesheet href="{address}"?><a xmlns="{address}" schemaLocation="{address}"/>'.encode())
        with pytest.raises(DefinitionError):
            read_xml(f'<!DOCTYPE a SYSTEM "{address}"><a/>'.encode())

        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso-8859-15"]
)
def test_usual_encodings_give_the_same_text(encoding: str) -> None:
    declared = "" if encoding.startswith("utf") else f'<?xml version="1.0" encoding="{encoding}"?>'

    root = read_xml(f"{declared}<a>Prüfung</a>".encode(encoding))

    assert root.text == "Prüfung"


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("MacRoman", "mac-roman", "Prüfung"),
        ("windows-1250", "cp1250", "Příkaz"),
        ("windows-1251", "cp1251", "Заказ"),
        ("ISO-8859-2", "iso8859-2", "Příkaz"),
        ("ISO-8859-9", "iso8859-9", "Sipariş"),
        ("GBK", "gbk", "请假流程"),
        ("GB2312", "gb2312", "请假流程"),
        ("GB18030", "gb18030", "请假流程"),
        ("Big5", "big5", "流程"),
        ("Shift_JIS", "shift_jis", "注文"),
        ("EUC-KR", "euc_kr", "주문"),
    ],
)
def test_encodings_of_the_world_are_read(declared: str, codec: str, text: str) -> None:
    root = read_xml(f'<?xml version="1.0" encoding="{declared}" standalone="yes"?>\n<a>{text}</a>'.encode(codec))

    assert root.text == text


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16LE"])
def test_a_text_that_wrongly_says_it_is_wide_is_read_as_utf_8(declared: str) -> None:
    root = read_xml(f'<?xml version="1.0" encoding="{declared}"?><a>Prüfung</a>'.encode())

    assert root.text == "Prüfung"


def test_a_name_space_that_is_no_address_is_read() -> None:
    root = read_xml(b'<a xmlns:p="http://Model/Initial Import/Process"><p:b/></a>')

    assert root[0].tag == "{http://Model/Initial Import/Process}b"


@pytest.mark.parametrize("content", [b"<p:b>", b"<q:b/>"])
def test_a_name_space_that_is_no_address_excuses_nothing_else(content: bytes) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_xml(b'<a xmlns:p="http://Model/Initial Import/Process">' + content + b"</a>")

    assert [one.code for one in refused.value.findings] == ["xml_broken"]


@pytest.mark.parametrize(
    ("general", "type_", "special"),
    [
        ("rootElement", "bpmn:tProcess", "process"),
        ("flowElement", "bpmn:tUserTask", "userTask"),
        ("flowElement", "bpmn:tSequenceFlow", "sequenceFlow"),
        ("eventDefinition", "bpmn:tTimerEventDefinition", "timerEventDefinition"),
        ("loopCharacteristics", "bpmn:tMultiInstanceLoopCharacteristics", "multiInstanceLoopCharacteristics"),
        ("task", "bpmn:tScriptTask", "scriptTask"),
        ("task", "bpmn:tTask", "task"),
        ("task", "tUserTask", "task"),
        ("task", "other:tUserTask", "task"),
        ("task", "bpmn:t a", "task"),
        ("task", "bpmn:t", "task"),
        ("conditionExpression", "bpmn:tFormalExpression", "conditionExpression"),
    ],
)
def test_an_element_named_generally_is_what_its_type_says(general: str, type_: str, special: str) -> None:
    types = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:other="elsewhere"'
    text = f'{HEAD}<bpmn:{general} {types} xsi:type="{type_}"/></bpmn:definitions>'

    assert read_diagram(text.encode(), "general.bpmn").root[0].tag == bpmn(special)


def test_the_original_bytes_are_kept() -> None:
    assert read_diagram(GOOD, "good.bpmn").data is GOOD


@pytest.mark.parametrize(
    "text", ["<a/>", "<definitions/>", '<definitions xmlns="http://www.omg.org/spec/DMN/20180521/MODEL/"/>']
)
def test_other_xml_is_no_diagram(text: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_diagram(text.encode(), "other.bpmn")

    assert [one.code for one in refused.value.findings] == ["not_bpmn"]


def test_a_diagram_has_at_most_two_thousand_flow_nodes() -> None:
    fits = [node("task", f"t{number}") for number in range(MAXIMUM_FLOW_NODES - 2)]
    read_diagram(process(line(*fits)), "large.bpmn")

    with pytest.raises(DefinitionError) as refused:
        read_diagram(process(line(*fits, node("task", "one_more"))), "large.bpmn")

    assert [one.code for one in refused.value.findings] == ["diagram_too_large"]


def test_subprocesses_are_nested_at_most_thirty_levels_deep() -> None:
    def nest(levels: int) -> bytes:
        body = '<bpmn:subProcess id="s">' * levels + "</bpmn:subProcess>" * levels
        return f'{HEAD}<bpmn:process id="p">{body}</bpmn:process></bpmn:definitions>'.encode()

    read_diagram(nest(MAXIMUM_SCOPES - 1), "deep.bpmn")
    with pytest.raises(DefinitionError) as refused:
        read_diagram(nest(MAXIMUM_SCOPES), "deep.bpmn")

    assert [one.code for one in refused.value.findings] == ["diagram_too_deep"]


@pytest.mark.parametrize("file", sorted(INTERCHANGE.glob("*.bpmn")), ids=lambda file: str(file.name))
def test_diagrams_of_other_tools_are_read(file: Path) -> None:
    diagram = read_diagram(file.read_bytes(), file.name)

    assert next(diagram.root.iter(*FLOW_NODES)) is not None
