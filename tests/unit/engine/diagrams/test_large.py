"""Diagrams at the edge of the limits: reading, checking, describing and rewriting stay quick in every shape."""

import time
from collections.abc import Callable
from typing import Final

import pytest
from drawing_board import definitions, flow, line, node, process
from lxml import etree

from engine.diagrams.lint import lint_diagram
from engine.diagrams.normalise import normalise
from engine.diagrams.outline import as_text, outline
from engine.diagrams.reader import MAXIMUM_FLOWS, read_diagram
from engine.errors import DefinitionError

SECONDS: Final = 8
LOOP: Final = (
    "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopDataInputRef>d</bpmn:loopDataInputRef>"
    "</bpmn:multiInstanceLoopCharacteristics>"
)


def star() -> bytes:
    ways = "".join(flow("t", f"e{number % 1_900}", key=f"f{number}") for number in range(MAXIMUM_FLOWS - 2))
    return process(
        line(node("task", "t", default="f0")) + "".join(node("endEvent", f"e{n}") for n in range(1_900)) + ways
    )


def mesh() -> bytes:
    tasks = "".join(node("task", f"t{n}", startQuantity="9", completionQuantity="9") for n in range(100))
    return process(tasks + "".join(flow(f"t{n % 100}", f"t{n // 100}", key=f"f{n}") for n in range(MAXIMUM_FLOWS)))


def loops() -> bytes:
    return process(
        line(*(node("task", f"t{n}", LOOP) for n in range(1_900)))
        + node("dataObject", "d")
        + '<bpmn:group id="x"/>' * 50_000
    )


def links() -> bytes:
    definition = '<bpmn:linkEventDefinition name="A"/>'
    kinds = ("intermediateThrowEvent", "intermediateCatchEvent")
    return process("".join(node(kinds[n % 2], f"l{n}", definition) for n in range(1_990)))


def pools() -> bytes:
    return definitions("".join(f'<bpmn:process id="p{n}"><bpmn:usertask/></bpmn:process>' for n in range(25_000)))


def edges() -> bytes:
    return process(
        line(node("task", "t")) + "".join(node("boundaryEvent", f"b{n}", attachedToRef="t") for n in range(1_990))
    )


def vendors() -> bytes:
    return process(line(node("task", "t", "".join(f'<bpmn:x camunda:a{n}="b"/>' for n in range(50_000)))))


def ring() -> bytes:
    return process("".join(node("task", f"t{n}") + flow(f"t{n}", f"t{(n + 1) % 2_000}") for n in range(2_000)))


@pytest.mark.parametrize("shape", [star, mesh, loops, links, pools, edges, vendors, ring])
def test_every_shape_is_worked_through_quickly(shape: Callable[[], bytes]) -> None:
    diagram = read_diagram(shape(), "large.bpmn")
    began = time.process_time()

    lint_diagram(diagram)
    as_text(outline(diagram))
    try:
        etree.tostring(normalise(diagram).root)
    except DefinitionError as refused:
        assert refused.findings  # noqa: PT017 - some shapes cannot run, none may take long

    assert time.process_time() - began < SECONDS


def test_a_diagram_has_at_most_ten_thousand_sequence_flows() -> None:
    with pytest.raises(DefinitionError) as refused:
        read_diagram(mesh().replace(b"</bpmn:process>", flow("t0", "t1").encode() + b"</bpmn:process>"), "large.bpmn")

    assert [one.code for one in refused.value.findings] == ["diagram_too_large"]
