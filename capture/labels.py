"""Find a value by the label beside it: on the same row to the right, else on the row below; pure.

Labels are compared folded (small letters, no punctuation) and may have a misread letter when they are long. A value ends at
the next label, at a wide gap, or at the end of its row. The longest label wins over a shorter one within it, so that
"order date" is never taken for "order".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from rapidfuzz.distance import Levenshtein

from capture.findings import Box, Page, Word, around, lines_of
from capture.printed_values import FINDERS, Printed
from capture.profile import FieldRule

_LONGEST_LABEL = 5
_WIDE_GAP = 2.6
_FUZZY_FROM = 6
_BELOW = 2.4
_RIGHT_SCORE = 0.97
_COLON_BONUS = 0.02
_BELOW_SCORE = 0.86
_RUNNING_TEXT = 0.55
_SEVERAL_WORDS = 0.85
_APART = 1.0
_LETTER_LOSS = 0.06


@dataclass(frozen=True, slots=True)
class Found:
    """A value that stands by a label: as printed and as data, its box and page, how sure, and why."""

    printed: Printed
    box: Box
    page: int
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Label:
    """A label on a page: for which fields, at which words of its line, and how well it matches."""

    fields: frozenset[str]
    text: str
    line: int
    start: int
    end: int
    errors: int
    has_colon: bool


class LabelledPage:
    """A page with the labels of all fields marked, so that no value runs into the next label."""

    def __init__(self, page: Page, rules: Sequence[FieldRule]) -> None:
        self._page = page
        self._lines = lines_of(page.words)
        self._labels = list(_labels_on(self._lines, _vocabulary(rules)))

    def find(self, rule: FieldRule) -> Iterator[Found]:
        """Yield the values that stand by a label of `rule`."""
        for label in self._labels:
            if rule.name in label.fields:
                yield from self._by(label, rule)

    def _by(self, label: _Label, rule: FieldRule) -> Iterator[Found]:
        right = self._to_the_right(label)
        if right:
            found = self._value(label, rule, right, _RIGHT_SCORE + _COLON_BONUS * label.has_colon, "right of")
            if found is not None:
                yield found
                return
        below = self._below(label)
        if below:
            found = self._value(label, rule, below, _BELOW_SCORE, "below")
            if found is not None:
                yield found

    def _value(self, label: _Label, rule: FieldRule, words: list[Word], score: float, where: str) -> Found | None:
        if rule.lines > 1 and where == "right of":
            words = words + self._following(label, words, rule.lines - 1)
        text = " ".join(word.text for word in words)
        printed = FINDERS[rule.type](text)
        if printed is None:
            return None
        taken = _covered(words, printed)
        read = sum(word.confidence for word in taken) / len(taken)
        sure = (score - _LETTER_LOSS * label.errors) * read * self._standing(label)
        return Found(printed, around([word.box for word in taken]), self._page.number, sure, f"{where} {label.text!r}")

    def _standing(self, label: _Label) -> float:
        """Return less than 1 for a label that may be part of running text: no colon, and words close beside it."""
        if label.has_colon:
            return 1.0
        line, height = self._lines[label.line], _height(self._lines[label.line][label.start])
        before = label.start == 0 or line[label.start].box[0] - line[label.start - 1].box[2] > _APART * height
        after = label.end == len(line) or line[label.end].box[0] - line[label.end - 1].box[2] > _APART * height
        if before and after:
            return 1.0
        return _SEVERAL_WORDS if before and label.end - label.start > 1 else _RUNNING_TEXT

    def _stands_apart(self, label: _Label) -> bool:
        """Tell whether a label cannot be a word of the value before it: it has a colon, or begins its row or column."""
        line = self._lines[label.line]
        if label.has_colon or label.start == 0:
            return True
        follows = any(
            other.line == label.line and other.end == label.start and other.has_colon for other in self._labels
        )
        if label.errors or follows:
            return False
        return line[label.start].box[0] - line[label.start - 1].box[2] > _APART * _height(line[label.start])

    def _has_label(self, place: int) -> bool:
        return any(other.line == place and self._stands_apart(other) for other in self._labels)

    def _to_the_right(self, label: _Label) -> list[Word]:
        line = self._lines[label.line]
        ends = [
            other.start
            for other in self._labels
            if other.line == label.line and other.start >= label.end and self._stands_apart(other)
        ]
        candidates = line[label.end : min(ends, default=len(line))]
        taken: list[Word] = []
        for word in dropwhile(lambda word: not re.search(r"\w", word.text), candidates):
            if taken and word.box[0] - taken[-1].box[2] > _WIDE_GAP * _height(taken[-1]):
                break
            taken.append(word)
        return taken

    def _below(self, label: _Label) -> list[Word]:
        line = self._lines[label.line]
        head = around([word.box for word in line[label.start : label.end]])
        height = max(head[3] - head[1], 1)
        limit = self._next_column(label, head)
        for place in range(label.line + 1, min(label.line + 4, len(self._lines))):
            under = [
                word
                for word in self._lines[place]
                if word.box[0] < limit and word.box[2] > head[0] - height and word.box[1] - head[3] < _BELOW * height
            ]
            under = [word for word in under if word.box[0] >= head[0] - 1.5 * height]
            if under:
                is_label = any(
                    other.line == place and self._lines[place][other.start] in under for other in self._labels
                )
                return [] if is_label else _up_to_gap(under)
        return []

    def _next_column(self, label: _Label, head: Box) -> float:
        """Return where the column of `label` ends: at the next label or far word of its row."""
        line = self._lines[label.line]
        after = [word.box[0] for word in line[label.end :] if word.box[0] - head[2] > head[3] - head[1]]
        return float(min(after, default=self._page.width))

    def _following(self, label: _Label, words: list[Word], count: int) -> list[Word]:
        """Return what goes on below a text: rows that begin where it begins and hold no label."""
        taken: list[Word] = []
        left, height = words[0].box[0], _height(words[0])
        last = words[-1]
        for place in range(label.line + 1, min(label.line + 1 + count, len(self._lines))):
            row = [word for word in self._lines[place] if word.box[0] >= left - height]
            is_near = (
                bool(row) and row[0].box[1] - last.box[3] < 1.2 * height and abs(row[0].box[0] - left) < 1.5 * height
            )
            if not is_near or len(row) < len(self._lines[place]) or self._has_label(place):
                break
            taken.extend(row)
            last = row[0]
        return taken


def _vocabulary(rules: Sequence[FieldRule]) -> dict[tuple[str, ...], frozenset[str]]:
    vocabulary: dict[tuple[str, ...], set[str]] = {}
    for rule in rules:
        for label in rule.labels:
            vocabulary.setdefault(tuple(_folded(label).split()), set()).add(rule.name)
    return {words: frozenset(fields) for words, fields in vocabulary.items()}


def _labels_on(lines: list[list[Word]], vocabulary: dict[tuple[str, ...], frozenset[str]]) -> Iterator[_Label]:
    by_length = sorted(vocabulary, key=lambda words: (-len(words), -sum(map(len, words))))
    for number, line in enumerate(lines):
        start = 0
        while start < len(line):
            label = _label_at(line, start, number, by_length, vocabulary)
            if label is not None:
                yield label
                start = label.end
            else:
                start += 1


def _label_at(
    line: list[Word],
    start: int,
    number: int,
    by_length: list[tuple[str, ...]],
    vocabulary: dict[tuple[str, ...], frozenset[str]],
) -> _Label | None:
    best: tuple[int, int, _Label] | None = None
    for end in range(start + 1, min(start + _LONGEST_LABEL, len(line)) + 1):
        if end - start > 1 and _apart(line[end - 2], line[end - 1]):
            break
        printed = " ".join(word.text for word in line[start:end])
        folded = tuple(_folded(printed).split())
        for words in by_length:
            errors = _errors(folded, words)
            if errors is None:
                continue
            has_colon = printed.rstrip().endswith((":", "：")) or (end < len(line) and line[end].text.startswith(":"))
            label = _Label(vocabulary[words], printed.strip(" :"), number, start, end, errors, has_colon)
            rank = (len(folded), -errors)
            if best is None or rank > best[:2]:
                best = (*rank, label)
            break
    return best[2] if best else None


def _errors(found: tuple[str, ...], label: tuple[str, ...]) -> int | None:
    """Return how many letters of a label are misread; None when it is another word. Short labels must be right."""
    if found == label:
        return 0
    one, other = "".join(found), "".join(label)
    if one == other:
        return 0
    if len(other) < _FUZZY_FROM or abs(len(one) - len(other)) > 1 or one[:1] != other[:1]:
        return None
    allowed = 1 if len(other) < 2 * _FUZZY_FROM else 2
    distance = Levenshtein.distance(one, other, score_cutoff=allowed)
    return distance if distance <= allowed else None


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w]+|_", " ", text.casefold()).split())


def _apart(before: Word, after: Word) -> bool:
    return after.box[0] - before.box[2] > _WIDE_GAP * max(_height(before), _height(after)) or before.text.endswith(":")


def _height(word: Word) -> int:
    return max(word.box[3] - word.box[1], 1)


def _up_to_gap(words: list[Word]) -> list[Word]:
    taken = [words[0]]
    for word in words[1:]:
        if word.box[0] - taken[-1].box[2] > _WIDE_GAP * _height(taken[-1]):
            break
        taken.append(word)
    return taken


def _covered(words: list[Word], printed: Printed) -> list[Word]:
    """Return the words that hold the characters of a value found in their text."""
    covered, place = [], 0
    for word in words:
        if place < printed.end and place + len(word.text) > printed.start:
            covered.append(word)
        place += len(word.text) + 1
    return covered or words
