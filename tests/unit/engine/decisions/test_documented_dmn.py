"""The page that says which parts of DMN run: each test it names exists."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[4]
PAGE: Final = ROOT / "docs" / "dmn_support.md"


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    files = (
        "unit/engine/decisions/test_decision.py",
        "unit/engine/expressions/test_feel_functions.py",
        "properties/test_random_tables.py",
    )
    sources = [ROOT / "tests" / file for file in files]
    written = {
        name for path in sources for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }

    assert len(named) > 15
    assert named <= written, named - written


def test_no_line_is_silent() -> None:
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    bodies = [row for row in rows if set("".join(row)) - set("-| ") and row[2].strip() not in {"clause", "---"}]

    assert len(bodies) > 40
    assert all(any(word in row[3] for word in ("runs", "refused", "passed over", "nothing")) for row in bodies)
