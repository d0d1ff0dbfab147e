"""Diagrams of every shape: reading, checking, describing and rewriting take work in proportion to their size, in any of them."""

from collections.abc import Callable
from typing import Final

import pytest
from counted import calls_of
from drawing_board import definitions, flow, line, node, process
from lxml import etree

from engine.diagrams.lint import lint_diagram
from engine.diagrams.normalise import normalise
from engine.diagrams.outline import as_text, outline
from engine.diagrams.reader import MAXIMUM_FLOWS, read_diagram
from engine.errors import DefinitionError

SIZES: Final = 480, 960
LOOP: Final = (
    "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopDataInputRef>d</bpmn:loopDataInputRef>"
    "</bpmn:multiInstanceLoopCharacteristics>"
)


def star(size: int) -> bytes:
    ways = "".join(flow("t", f"e{number % size}", key=f"f{number}") for number in range(5 * size))
    ends = "".join(node("endEvent", f"e{n}") for n in range(size))
    return process(line(node("task", "t", default="f0")) + ends + ways)


def mesh(size: int) -> bytes:
    side = size // 10
    tasks = "".join(node("task", f"t{n}", startQuantity="9", completionQuantity="9") for n in range(side))
    ways = ((n, (n + step) % side) for step in range(20) for n in range(side))
    return process(tasks + "".join(flow(f"t{a}", f"t{b}", key=f"f{n}") for n, (a, b) in enumerate(ways)))


def loops(size: int) -> bytes:
    return process(
        line(*(node("task", f"t{n}", LOOP) for n in range(size)))
        + node("dataObject", "d")
        + '<bpmn:group id="x"/>' * (20 * size)
    )


def links(size: int) -> bytes:
    definition = '<bpmn:linkEventDefinition name="A"/>'
    kinds = ("intermediateThrowEvent", "intermediateCatchEvent")
    return process("".join(node(kinds[n % 2], f"l{n}", definition) for n in range(size)))


def pools(size: int) -> bytes:
    each = (f'<bpmn:process id="p{n}"><bpmn:usertask/></bpmn:process>' for n in range(10 * size))
    return definitions("".join(each))


def edges(size: int) -> bytes:
    return process(
        line(node("task", "t")) + "".join(node("boundaryEvent", f"b{n}", attachedToRef="t") for n in range(size))
    )


def vendors(size: int) -> bytes:
    return process(line(node("task", "t", "".join(f'<bpmn:x camunda:a{n}="b"/>' for n in range(20 * size)))))


def ring(size: int) -> bytes:
    return process("".join(node("task", f"t{n}") + flow(f"t{n}", f"t{(n + 1) % size}") for n in range(size)))


@pytest.mark.parametrize("shape", [star, mesh, loops, links, pools, edges, vendors, ring])
def test_twice_the_diagram_is_at_most_twice_the_work(shape: Callable[[int], bytes]) -> None:
    _worked_through(shape(SIZES[0]))  # what is made once is made now

    small, large = (calls_of(lambda size=size: _worked_through(shape(size))) for size in SIZES)  # type: ignore[misc]  # bound default

    assert 1.2 * small < large < 2.2 * small


def _worked_through(content: bytes) -> None:
    diagram = read_diagram(content, "large.bpmn")
    lint_diagram(diagram)
    as_text(outline(diagram))
    try:
        etree.tostring(normalise(diagram).root)
    except DefinitionError as refused:
        assert refused.findings  # noqa: PT017 - some shapes cannot run, none may take long


def test_a_diagram_has_at_most_ten_thousand_sequence_flows() -> None:
    flows = [flow("t0", "t1", key=f"f{n}") for n in range(MAXIMUM_FLOWS + 1)]
    tasks = node("task", "t0") + node("task", "t1")
    read_diagram(process(tasks + "".join(flows[1:])), "large.bpmn")

    with pytest.raises(DefinitionError) as refused:
        read_diagram(process(tasks + "".join(flows)), "large.bpmn")

    assert [one.code for one in refused.value.findings] == ["diagram_too_large"]
