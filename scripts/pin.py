"""Writes requirements.txt and requirements-dev.txt from pyproject.toml and what the virtual environment holds."""

import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BUILD = ("hatchling", "editables")
NOT_OURS = {"parcelflow", "pip", "setuptools"}


def installed() -> dict[str, Distribution]:
    """Give every installed distribution by its canonical name."""
    return {canonicalize_name(d.metadata["Name"]): d for d in distributions()}


def needed(found: dict[str, Distribution], direct: list[str]) -> set[str]:
    """Give the canonical names of `direct` and everything they require."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [Requirement(text) for text in direct]
    while todo:
        wish = todo.pop()
        key = (canonicalize_name(wish.name), frozenset(wish.extras))
        if key in seen or key[0] not in found:
            continue
        seen.add(key)
        for text in found[key[0]].requires or []:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in wish.extras or {""}):
                todo.append(inner)
    return {name for name, _ in seen}


def lines(found: dict[str, Distribution], names: set[str]) -> str:
    """Give one `name==version` line for each of `names`."""
    return "".join(f"{name}=={found[name].version}\n" for name in sorted(names))


def main() -> None:
    """Write both files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = installed()
    running = needed(found, [*project["dependencies"], *BUILD])
    head = "# Everything a running Parcelflow needs, pinned. Written by `make pins`.\n"
    (ROOT / "requirements.txt").write_text(head + lines(found, running))
    head = "# What checks and tests need on top, pinned. Written by `make pins`.\n-r requirements.txt\n"
    (ROOT / "requirements-dev.txt").write_text(head + lines(found, set(found) - running - NOT_OURS))


if __name__ == "__main__":
    main()
