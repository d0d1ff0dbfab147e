"""The process owner's guide names all that a process owner can write."""

import re
from pathlib import Path

import pytest
from house import House

from engine.diagrams.vocabulary import OUR_ATTRIBUTES, OUR_ELEMENTS, UNSUPPORTED
from engine.expressions.evaluation import LOOKS_AT_NAMES
from engine.expressions.functions import FUNCTIONS
from storage.access import Level, Scope
from storage.database import Database

DOCS = Path(__file__).resolve().parents[2] / "docs"
_QUOTED = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def guide() -> str:
    return (DOCS / "process_owner_guide.md").read_text(encoding="utf-8")


def quoted() -> set[str]:
    """Give what stands in the guide as code, each by the name it begins with."""
    found = _QUOTED.findall(_FENCED.sub("", guide()))
    return {re.split(r"[^\w:]", text, maxsplit=1)[0] for text in found} | set(found)


def local(name: str) -> str:
    return name.rpartition("}")[2]


def test_every_attribute_of_ours_is_in_the_guide() -> None:
    assert {local(name) for name in OUR_ATTRIBUTES} - quoted() == set()


def test_every_element_of_ours_is_in_the_guide() -> None:
    assert {name for name in map(local, OUR_ELEMENTS) if f"`<parcelflow:{name} " not in guide()} == set()


def test_every_function_is_in_the_guide() -> None:
    assert {*FUNCTIONS, LOOKS_AT_NAMES} - quoted() == set()


def test_every_operation_is_in_the_guide_and_in_the_description_of_the_process(
    open_database: object, sqlite_url: str, tmp_path: Path
) -> None:
    assert callable(open_database)
    database: Database = open_database(sqlite_url)
    operations = set(House(database, tmp_path / "house").system.operations)
    described = set(_QUOTED.findall((DOCS / "order_process.md").read_text(encoding="utf-8")))

    assert operations - quoted() == set()
    assert operations - described == {"open_parcel", "migrate_instances"}


def test_what_the_engine_refuses_is_in_the_guide() -> None:
    text = " ".join(guide().split())

    assert [one for one in UNSUPPORTED if str(one) not in text] == []


@pytest.mark.parametrize("word", [*Level, *Scope])
def test_every_word_of_the_access_table_is_in_the_guide(word: str) -> None:
    assert word == Level.NONE or word in quoted()


def test_every_page_that_the_documents_lead_to_is_there() -> None:
    missing = [
        f"{page.name}: {target}"
        for page in DOCS.rglob("*.md")
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert missing == []
