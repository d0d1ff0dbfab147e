"""Diagrams of other tools, and mutilated ones: whatever comes in ends in findings, never in a crash."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from drawing_board import HEAD, event, flow, line, node, process
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from engine.diagrams.lint import lint_diagram
from engine.diagrams.normalise import normalise
from engine.diagrams.outline import as_text, outline
from engine.diagrams.reader import Diagram, read_diagram
from engine.errors import DefinitionError, Severity
from storage.database import Database

INTERCHANGE: Final = sorted((Path(__file__).parents[3] / "data" / "interchange").glob("*.bpmn"))
LACKING: Final = {"expression_unreadable", "flow_without_condition", "rule_without_decision"}
TIMER: Final = "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>"
LINK: Final = '<bpmn:linkEventDefinition name="A"/>'
LOOP: Final = (
    "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopCardinality>2</bpmn:loopCardinality>"
    "</bpmn:multiInstanceLoopCharacteristics>"
)
RICH: Final = process(
    line(
        node(
            "userTask", "look", name="Look", parcelflow_form="review", parcelflow_candidateGroups="qa", default="look_g"
        ),
        node("exclusiveGateway", "g", default="g_sub"),
        node(
            "subProcess",
            "sub",
            node("startEvent", "in")
            + node("scriptTask", "s", "<bpmn:script>a = 1</bpmn:script>")
            + flow("in", "s")
            + node("endEvent", "done")
            + flow("s", "done")
            + LOOP,
        ),
        node("callActivity", "call", calledElement="other", parcelflow_binding="latest"),
        node("eventBasedGateway", "wait"),
        node("intermediateCatchEvent", "tick", TIMER),
    )
    + event("boundaryEvent", "edge", "error", attachedToRef="call")
    + node("intermediateThrowEvent", "out", LINK)
    + node("intermediateCatchEvent", "back", LINK)
    + flow("edge", "out")
    + flow("back", "look", "a > 1")
    + flow("g", "end", "b == 'c'")
    + node("intermediateCatchEvent", "m", '<bpmn:messageEventDefinition messageRef="message"/>')
    + flow("wait", "m")
    + flow("m", "end")
    + node("laneSet", "lanes", node("lane", "lane", "<bpmn:flowNodeRef>look</bpmn:flowNodeRef>", name="QA")),
    '<bpmn:message id="message" name="Message"/>',
)


def run_through(data: bytes) -> None:
    """Read, check, describe and rewrite; nothing but a DefinitionError with findings may come of it."""
    with suppress(DefinitionError):
        diagram = read_diagram(data, "any.bpmn")
        as_text(outline(diagram))
        if not any(one.severity is Severity.ERROR for one in lint_diagram(diagram)):
            rewrite_without_complaint(diagram)
        normalise(diagram)


def rewrite_without_complaint(diagram: Diagram) -> None:
    """What the checks let pass can be rewritten; the error is another one, so that nobody takes it for a finding."""
    try:
        normalise(diagram)
    except DefinitionError as refused:
        raise AssertionError(refused.findings) from refused


def test_the_diagram_that_is_mutilated_here_is_sound() -> None:
    assert [one for one in lint_diagram(read_diagram(RICH, "rich.bpmn")) if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize("file", INTERCHANGE, ids=lambda file: str(file.name))
def test_diagrams_of_other_tools_get_findings_and_no_crash(file: Path) -> None:
    run_through(file.read_bytes())


@pytest.mark.parametrize("file", INTERCHANGE, ids=lambda file: str(file.name))
def test_the_checks_change_nothing_in_a_diagram(file: Path) -> None:
    diagram = read_diagram(file.read_bytes(), file.name)
    before = etree.tostring(diagram.root)

    lint_diagram(diagram)
    outline(diagram)
    normalise(diagram)

    assert etree.tostring(diagram.root) == before


def test_a_draft_keeps_every_byte_that_other_tools_wrote(database: Database) -> None:
    files = {file.name: file.read_bytes() for file in INTERCHANGE}

    with database.transaction() as tx:
        draft = tx.deployments.add_draft("Import", files, "olga", None).id

    with database.reading() as tx:
        assert tx.deployments.draft_files(draft) == files


@pytest.mark.parametrize("file", INTERCHANGE, ids=lambda file: str(file.name))
def test_only_what_a_run_lacks_is_wrong_with_the_diagrams_of_other_tools(file: Path) -> None:
    """They are valid models, so what is left are expressions and bindings of other products in those that are to run."""
    found = lint_diagram(read_diagram(file.read_bytes(), file.name))

    assert {one.code for one in found if one.severity is Severity.ERROR} <= LACKING
    assert all(one.element for one in found)


def test_settings_of_other_products_are_named() -> None:
    (file,) = [file for file in INTERCHANGE if file.name == "C.9.1.bpmn"]

    found = lint_diagram(read_diagram(file.read_bytes(), file.name))

    messages = [
        one.message for one in found if one.code == "vendor_ignored" and one.element == "SendTask_RequestDocument"
    ]
    assert "camunda:topic" in messages[0]
    assert "zeebe:taskDefinition" in messages[0]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_a_diagram_with_exchanged_words_ends_in_findings(seed: int, count: int) -> None:
    """Exchange words between quotes and angle brackets for others of the same file: well-formed, and mostly nonsense."""
    dice = random.Random(seed)
    text = RICH.decode().removeprefix(HEAD)
    pieces = text.split('"')
    for _ in range(count):
        pieces[dice.randrange(1, len(pieces), 2)] = dice.choice([*pieces[1::2], "", "0", "-1", "true", "p", "Start"])
    run_through((HEAD + '"'.join(pieces)).encode())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 4))
def test_a_diagram_with_moved_elements_ends_in_findings(seed: int, count: int) -> None:
    """Move, double, delete and rename elements of a good diagram."""
    dice = random.Random(seed)
    root = read_diagram(RICH, "rich.bpmn").root
    for _ in range(count):
        elements = [one for one in root.iter("*") if one is not root]
        one, other = dice.choice(elements), dice.choice(elements)
        parent = one.getparent()
        if parent is None or one in other.iterancestors() or one is other:
            continue
        match dice.randrange(3):
            case 0:
                other.append(one)
            case 1:
                parent.remove(one)
            case _:
                one.tag = other.tag
    run_through(etree.tostring(root))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=200), at=st.integers(0, len(RICH)), length=st.integers(0, 50))
def test_a_diagram_with_other_bytes_in_it_ends_in_findings(data: bytes, at: int, length: int) -> None:
    run_through(RICH[:at] + data + RICH[at + length :])
