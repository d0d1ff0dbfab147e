"""The table of BPMN elements names tests that are there, and says of each element what becomes of it."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from engine.diagrams import vocabulary
from engine.diagrams.vocabulary import EventKind

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "bpmn_support.md"
CONFORMANCE: Final = ROOT / "tests" / "conformance"
_ROW: Final = re.compile(
    r"^\| (?P<element>[^|]+) \| (?P<clause>[^|]+) \| (?P<what>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)
_TEST: Final = re.compile(r"`([a-z_]+): ([^`]+)`")
_KNOWN: Final = ("runs", "refused", "picture only", "passed over")


def rows() -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Give element, clause, what becomes of it, and the tests as file and case."""
    found = _ROW.finditer(PAGE.read_text(encoding="utf-8"))
    drawn = [(row["element"], row["clause"], row["what"], _TEST.findall(row["tests"])) for row in found]
    return [row for row in drawn if row[0] != "element" and not row[0].startswith("---")]


def cases_of(module: str) -> set[str]:
    """Give the names of the cases of a conformance test."""
    spec = importlib.util.spec_from_file_location(f"named_{module}", CONFORMANCE / f"test_dry_run_{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return {case.name for case in loaded.CASES}


@pytest.mark.parametrize("module", sorted({module for *_, tests in rows() for module, _ in tests}))
def test_every_named_case_exists(module: str) -> None:
    named = {case for *_, tests in rows() for name, case in tests if name == module}

    assert named - cases_of(module) == set()


def test_every_row_has_a_clause_a_word_and_a_test() -> None:
    incomplete = [
        element
        for element, clause, what, tests in rows()
        if not re.match(r"\d+\.\d+", clause) or not what.startswith(_KNOWN) or not tests
    ]

    assert incomplete == []


def test_every_flow_node_and_every_kind_of_event_is_in_the_table() -> None:
    text = " ".join(element for element, *_ in rows())
    nodes = {tag.rpartition("}")[2] for tag in vocabulary.FLOW_NODES | set(vocabulary.GLOBAL_TASKS)}

    assert {node for node in nodes if f"`{node}`" not in text} == set()
    assert {kind for kind in EventKind if kind is not EventKind.NONE and str(kind) not in text.lower()} == set()
