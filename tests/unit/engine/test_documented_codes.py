"""Every finding on a table or form is documented, and nothing else is."""

import re
from pathlib import Path

from engine.expressions.functions import FUNCTIONS

ROOT = Path(__file__).parents[3]
ROOMS = ("decisions", "forms")


def test_every_code_of_tables_and_forms_is_documented() -> None:
    files = [file for room in ROOMS for file in (ROOT / "engine" / room).glob("*.py")]
    source = "".join(file.read_text("utf-8") for file in files)
    used = set(re.findall(r'"((?:decision|form)_[a-z_]+|not_dmn)"', source)) - {"decision_failed"}
    documented = set(
        re.findall(
            r"^\| `((?:decision|form)_[a-z_]+|not_dmn)`",
            (ROOT / "docs/lint_tables_and_forms.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )

    assert len(files) > len(ROOMS)
    assert used <= documented
    assert {code for code in documented if code.startswith("form_")} <= used


def test_every_function_of_the_expression_language_is_documented() -> None:
    text = (ROOT / "docs/expressions.md").read_text("utf-8").partition("Functions: ")[2].partition(". ")[0]

    assert set(text.strip("`").split()) == {*FUNCTIONS, "is_set"}
