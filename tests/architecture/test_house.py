"""The house rules that no linter knows."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel

from web.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("workflows", "engine", "capture", "confined", "web", "storage")
EMPTY_NAMES = {"utils", "common", "helpers", "services", "models", "managers", "misc"}
XML_DOORS = {"engine/diagrams/reader.py"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (p for p in (ROOT / package).rglob("*.py") if "node_modules" not in p.parts)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_other_distribution_claims_one_of_our_package_names() -> None:
    claimed = packages_distributions()

    assert {name: claimed.get(name, ["parcelflow"]) for name in PACKAGES} == {name: ["parcelflow"] for name in PACKAGES}


def test_packages_begin_with_a_docstring_and_nothing_else() -> None:
    full = [
        name_of(path)
        for path in modules()
        if path.name == "__init__.py" and path.parent.parent == ROOT and len(tree_of(path).body) != 1
    ]

    assert full == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [name_of(path) for path in modules() if path.stem in EMPTY_NAMES] == []


def test_every_module_says_what_it_holds() -> None:
    assert [name_of(path) for path in modules() if ast.get_docstring(tree_of(path)) is None] == []


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_nothing_calls_eval_or_exec() -> None:
    callers = [name_of(path) for path in modules() if {"eval", "exec", "__import__"} & set(calls(tree_of(path)))]

    assert callers == []


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def test_only_the_confined_package_unpickles() -> None:
    picklers = [name_of(p) for p in modules() if {"pickle", "shelve", "marshal"} & set(imported(tree_of(p)))]

    assert [name for name in picklers if not name.startswith("confined/")] == []


def parses_xml(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return bool(
        re.search(r"\betree\.(parse|fromstring|XML|iterparse|XMLParser|HTML)\(|\bminidom\b|\bexpat\b|\bsax\b", text)
    )


def test_xml_is_parsed_at_one_door() -> None:
    assert {name_of(path) for path in modules() if parses_xml(path)} <= XML_DOORS


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith(("#", "-r"))]

    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line)] == []


def test_the_pins_of_the_project_and_of_the_lists_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    wanted = {canonicalize_name(r.name): str(r.specifier)[2:] for r in map(Requirement, project)}

    assert {name: pinned.get(name) for name in wanted} == wanted


def test_broad_excepts_stay_rare() -> None:
    broad = [
        name_of(path)
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules())

    assert len(broad) <= max(8, lines // 1000 * 1.5), broad


def setting_names(part: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from setting_names(inner, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert [name for name in setting_names(Settings, "PARCELFLOW_") if f"`{name}`" not in page] == []
