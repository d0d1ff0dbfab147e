"""Checking files together: what one names, another must have."""

from typing import Final

import pytest
from drawing_board import flow, line, node, process

from engine.diagrams.laws import LintContext
from engine.errors import Severity
from engine.linting import kind_of, lint_files

FORM: Final = b'{"type": "default", "components": [{"type": "textfield", "key": "note", "label": "Note"}]}'
TASK: Final = node("userTask", "u", name="Look", parcelflow_form="review", parcelflow_candidateGroups="qa")


def codes(*files: tuple[str, bytes], context: LintContext | None = None) -> list[tuple[str, str]]:
    return [(one.file, one.code) for one in lint_files(files, context or LintContext())]


def test_a_form_beside_the_diagram_is_found() -> None:
    diagram = ("order/order.bpmn", process(line(TASK)))

    assert codes(diagram, ("order/forms/review.form", FORM)) == []
    assert codes(diagram, ("order/forms/other.form", FORM)) == [("order/order.bpmn", "unknown_form")]


def test_without_any_form_nothing_is_said_about_forms() -> None:
    assert codes(("order.bpmn", process(line(TASK)))) == []


def test_each_kind_of_file_that_cannot_be_read_is_a_finding_of_its_own() -> None:
    found = lint_files([("a.bpmn", b"<a>"), ("b.dmn", b"<b>"), ("c.form", b"{"), ("d.txt", b"\xff")])

    assert [one.file for one in found] == ["a.bpmn", "b.dmn", "c.form"]
    assert {one.severity for one in found} == {Severity.ERROR}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.bpmn", ".bpmn"),
        ("a.BPMN", ".bpmn"),
        ("a.bpmn2", ".bpmn"),
        ("a.bpmn20.xml", ".bpmn"),
        ("a.dmn11.xml", ".dmn"),
        ("a.form", ".form"),
        ("a.xml", None),
        ("a.docx", None),
        ("bpmn", None),
    ],
)
def test_the_name_tells_what_a_file_is(name: str, kind: str | None) -> None:
    assert kind_of(name, b"<a/>") == kind


def test_of_other_xml_the_content_tells() -> None:
    assert kind_of("a.xml", process(line(TASK))) == ".bpmn"
    assert kind_of("a.xml", b'<definitions xmlns="http://www.omg.org/spec/DMN/20180521/MODEL/"/>') == ".dmn"


def test_a_diagram_under_the_name_of_another_tool_is_checked() -> None:
    assert codes(("a.bpmn2", process(line(TASK) + flow("u", "nowhere", "late")))) == [("a.bpmn2", "unknown_reference")]


def test_a_broken_file_does_not_hide_the_findings_of_the_others() -> None:
    broken = ("b.bpmn", process(line(TASK) + flow("u", "nowhere", "late")))

    assert codes(("a.bpmn", b"<a>"), broken) == [("a.bpmn", "xml_broken"), ("b.bpmn", "unknown_reference")]


def test_two_files_with_the_same_process_should_not_be_deployed_together() -> None:
    [found] = lint_files([("a.bpmn", process(line(TASK))), ("b.bpmn", process(line(TASK)))], LintContext())

    assert (found.file, found.code, found.severity) == ("b.bpmn", "id_in_two_files", Severity.WARNING)


def test_what_the_caller_knows_counts_more_than_the_files() -> None:
    files = (("a.bpmn", process(line(TASK))), ("review.form", FORM))

    assert codes(*files, context=LintContext(forms=set())) == [("a.bpmn", "unknown_form")]
