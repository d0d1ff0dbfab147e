"""Broken and hostile files, made anew by a fixed seed: what a mail, an upload or a careless export could hand to the checks."""

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from drawing_board import HEAD, definitions, flow, line, node, process
from lxml import etree

INTERCHANGE: Final = sorted((Path(__file__).parent / "data" / "interchange").glob("*.bpmn"))
SEED: Final = 19510
BPMN: Final = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
TAIL: Final = "</bpmn:definitions>"
LOOP: Final = (
    "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopCardinality>{}</bpmn:loopCardinality>"
    "</bpmn:multiInstanceLoopCharacteristics>"
)
CYCLE: Final = "<bpmn:timerEventDefinition><bpmn:timeCycle>R/PT1S</bpmn:timeCycle></bpmn:timerEventDefinition>"
DMN: Final = (
    '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="t">{}</definitions>'
)
TABLE: Final = (
    '<decision id="a" name="A"><decisionTable id="t" hitPolicy="{}"><input id="i"><inputExpression id="e"><text>{}</text>'
    '</inputExpression></input><output id="o" name="o"/>{}</decisionTable></decision>'
)
ROW: Final = (
    '<rule id="r{0}"><inputEntry id="x{0}"><text>{1}</text></inputEntry>'
    '<outputEntry id="y{0}"><text>1</text></outputEntry></rule>'
)


def hostile_files() -> dict[str, bytes]:
    """Give more than a hundred files by name; the same ones at each call."""
    dice = random.Random(SEED)
    files: dict[str, bytes] = {}
    for make in (
        _cut,
        _encoded,
        _declared,
        _deep,
        _large,
        _circular,
        _endless,
        _foreign,
        _doubled,
        _tables,
        _large_tables,
        _forms,
    ):
        for name, data in make(dice):
            files[f"{make.__name__[1:]}_{name}"] = data
    for number in range(30):
        source = dice.choice(INTERCHANGE)
        files[f"mutated_{number}_{source.stem}.bpmn"] = mutated(source.read_bytes(), dice)
    return files


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Move, double, delete, rename elements and exchange attributes of a diagram, up to eight times."""
    root = etree.fromstring(data)
    for _ in range(dice.randint(1, 8)):
        elements = [one for one in root.iter("*") if one is not root]
        if len(elements) > 1:
            dice.choice(_MUTATIONS)(*dice.sample(elements, 2))
    return etree.tostring(root)


def _move(one: etree._Element, other: etree._Element) -> None:
    if one not in other.iterancestors():
        other.append(one)


def _double(one: etree._Element, other: etree._Element) -> None:
    other.append(copy.deepcopy(one))


def _delete(one: etree._Element, _other: etree._Element) -> None:
    parent = one.getparent()
    if parent is not None:
        parent.remove(one)


def _rename(one: etree._Element, other: etree._Element) -> None:
    one.tag = other.tag


def _exchange(one: etree._Element, other: etree._Element) -> None:
    for name, value in other.attrib.items():
        one.set(str(name), str(value))


_MUTATIONS: Final[tuple[Callable[[etree._Element, etree._Element], None], ...]] = (
    _move,
    _double,
    _delete,
    _rename,
    _exchange,
)


def _cut(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for number in range(10):
        data = dice.choice(INTERCHANGE).read_bytes()
        yield f"{number}.bpmn", data[: dice.randrange(1, len(data))]
    yield "first.bpmn", INTERCHANGE[0].read_bytes()[500:]


def _encoded(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    text = process(line(node("task", "t", name="Prüfen – ✓"))).decode()
    declared = '<?xml version="1.0" encoding="{}"?>'
    yield "utf_16.bpmn", text.encode("utf-16")
    yield "utf_16_le.bpmn", text.encode("utf-16-le")
    yield "utf_32.bpmn", text.encode("utf-32")
    yield "latin.bpmn", (declared.format("ISO-8859-1") + text).encode("latin-1", "replace")
    yield "lying.bpmn", (declared.format("UTF-16") + text).encode()
    yield "utf_7.bpmn", (declared.format("UTF-7") + text).encode("utf-7")
    yield "ebcdic.bpmn", (declared.format("cp037") + text).encode("cp037", "replace")
    yield "unknown.bpmn", (declared.format("klingon") + text).encode()
    yield "torn.bpmn", text.encode()[:-20] + b"\xff\xfe\x80" + text.encode()[-20:]
    yield "nulls.bpmn", text.encode().replace(b"task", b"ta\x00sk")
    yield "mark_only.bpmn", b"\xef\xbb\xbf"
    yield "empty.bpmn", b""
    yield "blank.bpmn", b" \n" * 1_000


def _declared(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    body = f"{HEAD}<bpmn:documentation>&{{}};</bpmn:documentation>{TAIL}"
    yield "laughs.bpmn", f'<!DOCTYPE d [<!ENTITY l0 "ha">{lines}]>{body.format("l9")}'.encode()
    yield "quadratic.bpmn", f'<!DOCTYPE d [<!ENTITY a "{"a" * 50_000}">]>{HEAD}{"&a;" * 50_000}{TAIL}'.encode()
    yield "file.bpmn", f'<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>{body.format("f")}'.encode()
    yield "remote.bpmn", f'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">{body.format("amp")}'.encode()
    yield "parameter.bpmn", f'<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///dev/zero"> %p;]>{body.format("amp")}'.encode()
    yield "hidden.bpmn", f'<!-- x --><?y z?>\n<!DOCTYPE d [<!ENTITY a "b">]>{body.format("a")}'.encode("utf-16")
    yield "undeclared.bpmn", body.format("nothing").encode()
    yield "included.bpmn", definitions('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>')
    yield "styled.bpmn", b'<?xml-stylesheet href="file:///etc/passwd"?>' + process(line(node("task", "t")))


def _deep(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    def nested(depth: int, kind: str) -> str:
        return "".join(f'<bpmn:{kind} id="n{n}">' for n in range(depth)) + f"</bpmn:{kind}>" * depth

    yield "elements.bpmn", f"{HEAD}{nested(50_000, 'extensionElements')}{TAIL}".encode()
    yield "subprocesses.bpmn", process(nested(90, "subProcess"))
    yield "allowed.bpmn", process(nested(29, "subProcess"))
    yield "lanes.bpmn", process(line(node("task", "t")) + nested(80, "childLaneSet"))
    for name, text in (
        ("brackets", "(" * 2_000 + "1" + ")" * 2_000),
        ("nots", "not " * 2_000 + "a"),
        ("dots", "a" + ".a" * 2_000),
    ):
        yield f"{name}.bpmn", process(line(node("task", "t")) + flow("t", "end", text, key="f"))
    yield (
        "indents.bpmn",
        process(
            line(
                node(
                    "scriptTask",
                    "t",
                    "<bpmn:script>" + "\n".join(" " * n + "if a:" for n in range(300)) + "</bpmn:script>",
                )
            )
        ),
    )


def _large(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    much = "x" * 4_000_000
    yield "attribute.bpmn", process(line(node("task", "t", name=much)))
    yield "id.bpmn", process(node("task", much))
    yield "reference.bpmn", process(line(node("receiveTask", "t", messageRef=much)))
    yield "condition.bpmn", process(line(node("task", "t")) + flow("t", "end", f"a == '{much}'", key="f"))
    yield "number.bpmn", process(line(node("task", "t")) + flow("t", "end", "9" * 1_000_000, key="f"))
    yield "comment.bpmn", process(line(node("task", "t")) + f"<!--{much}-->")
    yield "file.bpmn", process(line(node("task", "t", name=much)) + f"<!--{much}-->")
    yield "attributes.bpmn", process(line(node("task", "t", **{f"a{n}": "1" for n in range(2_000)})))
    yield "elements.bpmn", process("<bpmn:task/>" * 110_000)
    yield "nodes.bpmn", process(line(*(node("task", f"t{n}") for n in range(3_000))))
    yield "row.bpmn", process(line(*(node("task", f"t{n}") for n in range(1_900))))
    yield "flows.bpmn", process(line(node("task", "t")) + "".join(flow("t", "end", key=f"f{n}") for n in range(12_000)))
    yield "fan.bpmn", process(line(node("task", "t")) + "".join(flow("t", "end", key=f"f{n}") for n in range(9_000)))
    yield (
        "boundary.bpmn",
        process(
            line(node("task", "t"))
            + "".join(node("boundaryEvent", f"b{n}", CYCLE, attachedToRef="t") for n in range(1_900))
        ),
    )
    yield (
        "extensions.bpmn",
        process(
            line(
                node(
                    "task",
                    "t",
                    "<bpmn:extensionElements>" + '<camunda:in a="1"/>' * 60_000 + "</bpmn:extensionElements>",
                )
            )
        ),
    )
    yield (
        "spaces.bpmn",
        process(line(node("task", "t")), attributes=" ".join(f'xmlns:n{n}="urn:{n}"' for n in range(400))),
    )
    yield (
        "same_name.bpmn",
        process(
            "".join(
                node("intermediateThrowEvent", f"e{n}", '<bpmn:linkEventDefinition name="L"/>') for n in range(1_900)
            )
        ),
    )


def _calling(key: str, called: str) -> str:
    body = node("startEvent", f"s{key}") + node("callActivity", f"c{key}", calledElement=called)
    body += node("endEvent", f"e{key}") + flow(f"s{key}", f"c{key}") + flow(f"c{key}", f"e{key}")
    return node("process", key, body, isExecutable="true")


def _circular(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    def calling(*pairs: tuple[str, str]) -> bytes:
        return definitions("".join(map(_calling, *zip(*pairs, strict=True))))

    edge = '<bpmn:timerEventDefinition id="d"/>'
    yield "flow.bpmn", process(line(node("task", "t")) + flow("t", "t"))
    yield "gateway.bpmn", process(line(node("exclusiveGateway", "t")) + flow("t", "t", "a"))
    yield "boundary_self.bpmn", process(line(node("task", "t")) + node("boundaryEvent", "b", edge, attachedToRef="b"))
    yield (
        "boundaries.bpmn",
        process(
            line(node("task", "t"))
            + node("boundaryEvent", "b", edge, attachedToRef="c")
            + node("boundaryEvent", "c", edge, attachedToRef="b")
        ),
    )
    yield (
        "attached_inside.bpmn",
        process(line(node("subProcess", "t", node("boundaryEvent", "b", edge, attachedToRef="t")))),
    )
    yield "call_self.bpmn", calling(("p", "p"))
    yield "call_two.bpmn", calling(("p", "q"), ("q", "p"))
    yield "call_ring.bpmn", calling(*((f"p{n}", f"p{(n + 1) % 20}") for n in range(20)))
    yield (
        "definition.bpmn",
        process(line(node("intermediateCatchEvent", "t", "<bpmn:eventDefinitionRef>t</bpmn:eventDefinitionRef>"))),
    )
    yield (
        "links.bpmn",
        process(
            line(node("task", "t"))
            + node("intermediateThrowEvent", "o", '<bpmn:linkEventDefinition name="L"/>')
            + node("intermediateCatchEvent", "i", '<bpmn:linkEventDefinition name="L"/>')
            + flow("t", "o")
            + flow("i", "t")
        ),
    )
    yield (
        "objects.bpmn",
        process(
            line(node("task", "t"))
            + node("dataObjectReference", "a", dataObjectRef="b")
            + node("dataObjectReference", "b", dataObjectRef="a")
        ),
    )
    yield (
        "loop_data.bpmn",
        process(
            line(
                node(
                    "task",
                    "t",
                    "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopDataInputRef>t</bpmn:loopDataInputRef></bpmn:multiInstanceLoopCharacteristics>",
                )
            )
        ),
    )
    yield (
        "compensation.bpmn",
        process(
            line(node("task", "t"))
            + node("boundaryEvent", "b", "<bpmn:compensateEventDefinition/>", attachedToRef="t")
            + '<bpmn:association id="a" sourceRef="b" targetRef="b"/>'
        ),
    )
    yield (
        "participants.bpmn",
        definitions(
            '<bpmn:collaboration id="c"><bpmn:participant id="p" processRef="p"/>'
            '<bpmn:messageFlow id="m" sourceRef="m" targetRef="c"/></bpmn:collaboration>'
        ),
    )


def _endless(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    yield (
        "loop.bpmn",
        process(
            node("startEvent", "start")
            + node("task", "a")
            + node("task", "b")
            + flow("start", "a")
            + flow("a", "b")
            + flow("b", "a")
        ),
    )
    yield (
        "split.bpmn",
        process(
            node("startEvent", "start")
            + node("parallelGateway", "g")
            + node("task", "a")
            + node("task", "b")
            + flow("start", "g")
            + flow("g", "a")
            + flow("g", "b")
            + flow("a", "g")
            + flow("b", "g")
        ),
    )
    yield (
        "waiting.bpmn",
        process(node("startEvent", "start") + node("userTask", "a") + flow("start", "a") + flow("a", "a")),
    )
    yield (
        "cycle.bpmn",
        process(
            line(node("userTask", "t"))
            + node("boundaryEvent", "b", CYCLE, attachedToRef="t", cancelActivity="false")
            + node("endEvent", "e")
            + flow("b", "e")
        ),
    )
    for count in ("1000000", "-5", "10**9", "nothing"):
        yield f"instances_{count.replace('*', '_')}.bpmn", process(line(node("task", "t", LOOP.format(count))))
    inner = (
        node("startEvent", "s")
        + node("task", "i", LOOP.format(900))
        + node("endEvent", "z")
        + flow("s", "i")
        + flow("i", "z")
    )
    yield "squared.bpmn", process(line(node("subProcess", "t", inner + LOOP.format(900))))
    yield (
        "standard_loop.bpmn",
        process(
            line(
                node(
                    "task",
                    "t",
                    "<bpmn:standardLoopCharacteristics><bpmn:loopCondition>True</bpmn:loopCondition></bpmn:standardLoopCharacteristics>",
                )
            )
        ),
    )
    for name, script in (
        ("while", "while True: pass"),
        ("memory", "a = [0] * 10**9"),
        ("grow", "a = []\nwhile True: a.append('x' * 100000)"),
        ("power", "a = 9**9**9"),
        ("recursion", "def f(): f()\nf()"),
    ):
        yield f"{name}.bpmn", process(line(node("scriptTask", "t", f"<bpmn:script>{script}</bpmn:script>")))
    for name, text in (
        ("powers", "9**9**9**9 > 1"),
        ("product", "'x' * 10**9 == 'y'"),
        ("nested", "sum(a for a in [sum(b for b in [1]*9999)]*9999) > 0"),
    ):
        yield (
            f"{name}.bpmn",
            process(line(node("exclusiveGateway", "t", default="t_end")) + flow("t", "end", text, key="f")),
        )


def _foreign(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    good = process(line(node("task", "t"))).decode()
    yield "one.bpmn", good.replace("BPMN/20100524/MODEL", "BPMN/1.1/MODEL").encode()
    yield "none.bpmn", good.replace("bpmn:", "").encode()
    yield "swapped.bpmn", good.replace("20100524/MODEL", "20100524/DI").encode()
    yield "mixed.bpmn", good.replace("<bpmn:task", '<task xmlns="urn:x"').replace("</bpmn:task", "</task").encode()
    yield "xpdl.bpmn", b'<Package xmlns="http://www.wfmc.org/2009/XPDL2.2" Id="p"><WorkflowProcesses/></Package>'
    yield "page.bpmn", b"<html><body><p>Hello<br></body></html>"
    yield "picture.bpmn", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "feed.bpmn", b'<rss version="2.0"><channel/></rss>'
    yield "archive.bpmn", b"PK\x03\x04" + bytes(range(256)) * 40
    yield "image.bpmn", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
    yield "json.bpmn", b'{"type": "default", "components": []}'
    yield "decision.bpmn", DMN.format("").encode()
    yield "diagram.dmn", good.encode()
    yield "diagram.form", good.encode()


def _doubled(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for number, source in enumerate(dice.sample(INTERCHANGE, 3)):
        root = etree.fromstring(source.read_bytes())
        for element in list(root.iterchildren(f"{BPMN}process")):
            root.append(copy.deepcopy(element))
        yield f"process_{number}.bpmn", etree.tostring(root)
        for element in root.iter(f"{BPMN}*"):
            element.set("id", "same")
        yield f"ids_{number}.bpmn", etree.tostring(root)
        for element in root.iter(f"{BPMN}*"):
            element.attrib.pop("id", None)
        yield f"nameless_{number}.bpmn", etree.tostring(root)


def _tables(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    def table(cells: list[str], policy: str = "UNIQUE", asked: str = "a") -> bytes:
        rows = "".join(ROW.format(n, cell) for n, cell in enumerate(cells))
        return DMN.format(TABLE.format(policy, asked, rows)).encode()

    chain = "".join(
        f'<decision id="d{n}"><informationRequirement><requiredDecision href="#d{(n + 1) % 190}"/>'
        "</informationRequirement><literalExpression><text>1</text></literalExpression></decision>"
        for n in range(190)
    )
    yield "brackets.dmn", table(["(" * 3_000 + "1" + ")" * 3_000])
    yield "nots.dmn", table(["not(" * 500 + "1" + ")" * 500])
    yield "list.dmn", table([",".join("1" for _ in range(50_000))])
    yield "cells.dmn", table(["-"] * 30_000)
    yield "faults.dmn", table(["1 +"] * 5_000)
    yield "policy.dmn", table(["-"], "BEST")
    yield "asked.dmn", table(["-"], asked="9**9**9")
    yield "text.dmn", table(['"' + "x" * 3_000_000 + '"'])
    yield "ring.dmn", DMN.format(chain).encode()
    yield "cut.dmn", table(["-"])[:-50]
    yield "laughs.dmn", b'<!DOCTYPE d [<!ENTITY a "b">]>' + table(["&a;"])
    yield "other.dmn", table(["-"]).replace(b"20191111", b"19991111")


def _large_tables(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    def table(cells: Iterable[str], *others: str, policy: str = "FIRST") -> bytes:
        rows = (ROW.format(n, escape(cell)) for n, cell in enumerate(cells))
        return DMN.format("".join((*others, TABLE.format(policy, "a", "".join(_within(4_500_000, rows)))))).encode()

    def listed(item: str, count: int, rows: int) -> Iterator[str]:
        return (",".join(item.format(n, row) for n in range(count)) for row in range(rows))

    yield "texts.dmn", table(listed('"a{}_{}"', 500, 28))
    yield "many_texts.dmn", table(listed('"a{}_{}"', 500, 600))
    yield "escaped.dmn", table(listed('"a\\"{}_{}"', 500, 400))
    yield "one_cell.dmn", table(listed('"a{}"', 100_000, 1))
    yield "numbers.dmn", table(listed("1{}{}.5", 500, 900))
    yield "ranges.dmn", table(listed("[1{0}..1{0}{1}]", 500, 600))
    yield "dates.dmn", table(listed('date("2026-01-01"), >= @"2{1:03}-01-01"', 200, 600))
    yield "denied.dmn", table(f"not({one})" for one in listed('"a{}_{}"', 490, 600))
    yield "variables.dmn", table(listed("> b{} + {}", 400, 900))
    yield "conditions.dmn", table(listed("? in [{}..{}] and a", 1, 9_999))
    yield "lists.dmn", table(f"[{one}]" for one in listed('"a{}_{}"', 900, 900))
    yield "nested.dmn", table("(" * 28 + f"a + {n}" + ")" * 28 + " > ?" for n in range(9_999))
    yield "open.dmn", table("(" * 9_000 for _ in range(500))
    yield "steps.dmn", table(f"count(for x in 1..9999 return x + {n})" for n in range(9_999))
    yield "faulty.dmn", table(f"2**9{n}" for n in range(9_999))
    yield "blanks.dmn", table(f"1,{' ' * 9_000}x{n}" for n in range(400))
    yield "blank_ranges.dmn", table(f"[{' ' * 4_000}1 ..{' ' * 4_000}x{n}" for n in range(400))
    yield "open_comments.dmn", table("/*" * 4_500 + str(n) for n in range(400))
    yield "comments.dmn", table("// a\n" * 900 + str(n) for n in range(900))
    yield "meeting.dmn", table((f"[{n}..{n + 900}]" for n in range(990)), policy="UNIQUE")
    names = "".join(f'<inputData id="n{n}" name="Name {n} of"/>' for n in range(5_000))
    yield (
        "open_texts.dmn",
        table((f"n{n} " + '\\"' * 4_500 + " Full Name" for n in range(400)), '<inputData id="n" name="Full Name"/>'),
    )
    yield "names.dmn", table(listed("Name {} on{}", 500, 900), names)
    model = (
        '<businessKnowledgeModel id="m{0}" name="m{0}"><encapsulatedLogic><literalExpression><text>{0}</text>'
        "</literalExpression></encapsulatedLogic>{1}</businessKnowledgeModel>"
    )
    needing = '<knowledgeRequirement><requiredKnowledge href="#m{}"/></knowledgeRequirement>'
    yield "models.dmn", table(["m1()"], *(model.format(n, needing.format(n + 1)) for n in range(5_000)))
    columns = "".join(
        f'<input id="i{n}"><inputExpression><text>a{n}</text></inputExpression></input>' for n in range(100)
    )
    cells = "".join(
        f"<rule id='r{row}'>{''.join(f'<inputEntry><text>{row}</text></inputEntry>' for _ in range(100))}"
        "<outputEntry><text>1</text></outputEntry></rule>"
        for row in range(190)
    )
    wide = f'<decision id="w"><decisionTable id="t">{columns}<output id="o"/>{cells}</decisionTable></decision>'
    yield "wide.dmn", DMN.format(wide).encode()
    outputs = "".join(f'<output id="o{n}"/>' for n in range(19_000))
    yield (
        "outputs.dmn",
        DMN.format(f'<decision id="w"><decisionTable id="t">{outputs}</decisionTable></decision>').encode(),
    )
    many = "".join(
        f'<decision id="d{n}"><decisionTable id="t{n}"><input id="i{n}"><inputExpression><text>a</text></inputExpression>'
        f'</input><output id="o{n}"/>{"".join(ROW.format(f"{n}_{row}", f"[{row}..{row + 40}]") for row in range(50))}'
        "</decisionTable></decision>"
        for n in range(190)
    )
    yield "many.dmn", DMN.format(many).encode()
    said = " + ".join(f"a * {n}" for n in range(600))
    literals = (
        f'<decision id="d{n}"><literalExpression><text>{said} + {n}</text></literalExpression></decision>'
        for n in range(190)
    )
    yield "literals.dmn", DMN.format("".join(literals)).encode()
    data = "".join(f'<inputData id="i{n}" name="i{n}"/>' for n in range(50_000))
    needs = "".join(
        f'<informationRequirement><requiredInput href="#i{n}"/></informationRequirement>' for n in range(80)
    )
    required = (
        f'<decision id="d{n}">{needs}<literalExpression><text>1</text></literalExpression></decision>'
        for n in range(190)
    )
    yield "required.dmn", DMN.format(data + "".join(required)).encode()
    yield (
        "heading.dmn",
        table(f"{n} +" for n in range(5_000)).replace(
            b'<input id="i">', b'<input id="i" label="%s">' % (b"x" * 3_000_000)
        ),
    )


def _within(size: int, parts: Iterable[str]) -> Iterator[str]:
    """Give the parts of a file up to a size."""
    for part in parts:
        size -= len(part)
        if size < 0:
            return
        yield part


def _forms(_dice: random.Random) -> Iterator[tuple[str, bytes]]:
    field = '{{"type":"textfield","key":"{}","label":"L"{}}}'
    form = '{{"type":"default","components":[{}]}}'
    yield "deep.form", form.format('{"type":"group","label":"g","components":[' * 2_000 + "]}" * 2_000).encode()
    yield "arrays.form", b"[" * 100_000
    yield "long.form", form.format(field.format("a", f',"description":"{"x" * 2_000_000}"')).encode()
    yield "many.form", form.format(",".join(field.format(f"k{n}", "") for n in range(5_000))).encode()
    yield "same.form", form.format(",".join(field.format("k", "") for _ in range(400))).encode()
    yield (
        "numbers.form",
        form.format('{"type":"number","key":"n","label":"N","validate":{"min":1e999,"max":NaN}}').encode(),
    )
    yield "pattern.form", form.format(field.format("a", ',"validate":{"pattern":"(a+)+$((((x{1000}){1000}"}')).encode()
    yield "bytes.form", b'{"type": "\xff\xfe"}'
    yield "nothing.form", b"null"
