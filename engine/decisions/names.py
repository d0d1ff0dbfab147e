"""Names in a decision file that are no identifiers, `Full Name` (DMN 1.3, 10.3.1.2): found in texts, said with underscores."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from engine.errors import ExpressionError
from engine.expressions.foreign_words import LONGEST_FOREIGN

_NAMED = frozenset({"inputData", "decision", "variable", "itemComponent", "businessKnowledgeModel", "formalParameter"})
_TEXT = r'"(?:[^"\\]|\\(?s:.))*+(?:"|\\?\Z)'
"""A text in quotes; one that is never closed goes to the end, so that its quotes are not looked at one by one."""
_BEGIN = re.compile(rf"{_TEXT}|\w+|[^\w\s]")
"""What a text is passed over by: texts in quotes, words, signs."""
_LETTER = re.compile(r"\w")
_MOST_LOOKED_AT = 5
"""Pieces that are looked at for each letter of a text."""
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class SpokenNames:
    """The names with blanks or signs in them that a file gives to its data and decisions."""

    known: frozenset[str] = frozenset()
    _tree: "_Tree | None" = field(default=None, compare=False)

    def in_text(self, text: str) -> str:
        """Say a text of the file with names that the expression language understands; texts in quotes stay.

        The longest name counts where one begins another. A text that is too long to be read stays as it is.
        """
        if self._tree is None or len(text) > LONGEST_FOREIGN or self._tree.keys().isdisjoint(_BEGIN.findall(text)):
            return text
        said: list[str] = []
        written = at = looked_at = 0
        while (begin := _BEGIN.search(text, at)) is not None:
            ends = list(self._tree.ends(text, begin.start())) if begin[0] in self._tree else []
            at = end = next((end for end in reversed(ends) if end is not None), begin.end())
            if any(ends):
                said += text[written : begin.start()], spoken(text[begin.start() : end])
                written = end
            looked_at += len(ends)
            if looked_at > _MOST_LOOKED_AT * len(text):
                raise ExpressionError("Its names are too many that begin alike and end otherwise.")
        return "".join((*said, text[written:]))

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
    return SpokenNames(known, _tree(known) if known else None)


def spoken(name: str) -> str:
    """Give the identifier for a name."""
    said = re.sub(r"\W+", "_", _plain(name))
    return said if said.isidentifier() else f"_{said}"


def _plain(name: str) -> str:
    return " ".join(name.split())


class _Tree(dict[str, "_Tree"]):
    """Names piece by piece: which pieces may follow, and whether a name may end here."""

    is_end = False

    def ends(self, text: str, begin: int) -> Iterator[int | None]:
        """Give after each piece where a name ends that begins there, None where none does; a name stands alone."""
        at, node = begin, self
        if begin and _LETTER.match(text, begin - 1):
            return
        while (piece := _PIECE.match(text, at)) is not None:
            following = node.get(" " if piece[0].isspace() else piece[0])
            if following is None:
                return
            node, at = following, piece.end()
            yield at if node.is_end and not _LETTER.match(text, at) else None


def _tree(known: Iterable[str]) -> _Tree:
    root = _Tree()
    for name in known:
        node = root
        for piece in _PIECE.findall(name):
            node = node.setdefault(piece, _Tree())
        node.is_end = True
    return root
