"""Names in a decision file that are no identifiers, `Full Name` (DMN 1.3, 10.3.1.2): found in texts, said with underscores."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

_NAMED = frozenset({"inputData", "decision", "variable", "itemComponent", "businessKnowledgeModel", "formalParameter"})
_TEXT = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True, slots=True)
class SpokenNames:
    """The names with blanks or signs in them that a file gives to its data and decisions."""

    known: frozenset[str] = frozenset()
    _found: re.Pattern[str] | None = field(default=None, compare=False)

    def in_text(self, text: str) -> str:
        """Say a text of the file with names that the expression language understands; texts in quotes stay."""
        if self._found is None:
            return text
        return self._found.sub(lambda match: match[0] if match[0].startswith('"') else spoken(match[0]), text)

    def among(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Give what texts say of the variables: each that bears such a name, or holds something that does."""
        if not self.known:
            return {}
        named = {_plain(name): self._inside(value) for name, value in variables.items()}
        said = {spoken(name): value for name, value in named.items() if name in self.known}
        return said | {name: value for name, value in named.items() if isinstance(value, Mapping | list)}

    def _inside(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._inside(one) for one in value]
        return {**value, **self.among(value)} if isinstance(value, Mapping) else value


def spoken_names(root: etree._Element) -> SpokenNames:
    """Find the names in a file; the longest counts where one is a part of another."""
    written = (
        element.get("name", "")
        for element in root.iter("*")
        if isinstance(element.tag, str) and etree.QName(element).localname in _NAMED
    )
    known = frozenset(_plain(name) for name in written if name.strip() and not name.isidentifier())
    return SpokenNames(known, _pattern(known) if known else None)


def spoken(name: str) -> str:
    """Give the identifier for a name."""
    said = re.sub(r"\W+", "_", _plain(name))
    return said if said.isidentifier() else f"_{said}"


def _plain(name: str) -> str:
    return " ".join(name.split())


def _pattern(known: Iterable[str]) -> re.Pattern[str]:
    parts = [r"\s+".join(map(re.escape, name.split())) for name in sorted(known, key=len, reverse=True)]
    return re.compile(rf"{_TEXT}|(?<!\w)(?:{'|'.join(parts)})(?!\w)")
