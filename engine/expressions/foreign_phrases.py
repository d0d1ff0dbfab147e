"""Reads the words of a foreign expression bracket by bracket, and says them in our own expression language.

A phrase reaches to the end of its bracket, to a comma, or to a word that ends it, such as `then`. It is made of operands and of
the words between them; an operand is a value with everything that is hung on it: `order.lines[1].price`, `name.trim().length()`.
Here is what JUEL and FEEL have in common; what each has for itself stands in a room of its own.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from engine.expressions.foreign_words import Token, untranslatable

MOST_NESTED = 30
NO_WORDS: frozenset[str] = frozenset()
AND_OR = frozenset({"and", "or"})
SIGNS = {"&&": "and", "||": "or", "=": "==", "===": "==", "!==": "!="}
"""Signs that our language writes otherwise."""
_WORDS = {"true": "True", "false": "False", "null": "None"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_LAST_LETTER = 0x10FFFF
_UNSUPPORTED = frozenset({"return", "satisfies", "instance", "function", "lambda"})
_BETWEEN = frozenset({"and", "or", "in", "is"})
"""Names that stand between operands, as they do in our language."""
_OVER_LISTS = {
    "some": ("satisfies", "feel_any([({}) {}])"),
    "every": ("satisfies", "feel_all([({}) {}])"),
    "for": ("return", "[({}) {}]"),
}
_COMPARING = frozenset({"==", "!=", "<", ">", "<=", ">=", "in", "not", "is", "is not"})
_NOTHING = Token("end", "")


@dataclass(slots=True)
class Part:
    """A piece of a phrase as our language says it, and whether it is an operand."""

    said: str
    is_operand: bool


class Saying(ABC):
    """Reads the words of one expression from left to right."""

    opening: ClassVar[tuple[str, ...]] = ("(", "[", "{")
    """Signs that an operand may begin with."""
    spoken_signs: ClassVar[Mapping[str, str]] = SIGNS

    def __init__(self, words: Sequence[Token]) -> None:
        self.words = words
        self.at = 0
        self._depth = 0

    def whole(self) -> str:
        """Say all of it; raise ExpressionError for what is not understood."""
        said = self.phrase(NO_WORDS)
        if self.at < len(self.words):
            raise untranslatable(f"“{self.next().written}” stands alone", "")
        return said

    def next(self) -> Token:
        """Look at the word that is to be said next."""
        return self.words[self.at] if self.at < len(self.words) else _NOTHING

    def take(self) -> Token:
        """Go on to the word behind it."""
        word = self.next()
        self.at += 1
        return word

    def expect(self, word: str, after: str) -> None:
        """Pass over a word that must stand here."""
        if self.take().written != word:
            raise untranslatable(f"“{word}” is missing after “{after}”", "")

    def phrase(self, stops: frozenset[str]) -> str:
        """Say the words up to one of the stop words, a comma, or the end of the bracket."""
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise untranslatable("it is nested too deeply", "")
        parts: list[Part] = []
        while not self._is_over(stops):
            self.go_on(parts, stops)
            _refuse_neighbours(parts)
        self._depth -= 1
        return joined(parts)

    def go_on(self, parts: list[Part], stops: frozenset[str]) -> None:
        """Say the next part of a phrase, which may take up those before it, as `between` does."""
        if self.next().is_name("between") and parts:
            self._between(parts, stops)
        elif self.next().is_name("in") and parts and self.is_range_at(self.at + 1):
            self.take()
            self.in_range(parts)
        else:
            parts.append(self._part(stops))

    def _is_over(self, stops: frozenset[str]) -> bool:
        word = self.next()
        return (
            word is _NOTHING
            or word.is_sign(")", "]", "}", ",", ":", "..")
            or (word.kind == "name" and word.written in stops)
        )

    def _part(self, stops: frozenset[str]) -> Part:
        word = self.next()
        if word.is_name("if", *_OVER_LISTS):
            return Part(self._if(stops) if word.written == "if" else self._over_list(stops), True)
        if word.is_name("not"):
            return self.denied()
        if word.is_name(*_BETWEEN):
            return Part(self.take().written, False)
        sign = self.sign(word)
        if sign == "!":
            return Part(self.negated(), True)
        if sign is None or word.is_sign(*self.opening):
            return Part(self.operand(), True)
        self.take()
        return Part(self.spoken_signs.get(sign, sign), False)

    def sign(self, word: Token) -> str | None:
        """Give the sign that a word is."""
        return word.written if word.kind == "sign" else None

    def denied(self) -> Part:
        """Say `not`, which reaches as far as it does in our language."""
        self.take()
        return Part("not", False)

    def negated(self) -> str:
        """Let a negation bind tighter than a comparison, as it does in JUEL."""
        count = 0
        while self.sign(self.next()) == "!":
            count += 1
            if count > MOST_NESTED:
                raise untranslatable("it is nested too deeply", "")
            self.take()
        operand = self.operand()
        for _ in range(count):
            operand = f"(not {operand})"
        return operand

    def operand(self) -> str:
        """Say a value and what hangs on it: the rest of its path, entries, methods."""
        word = self.take()
        said = self.call(word) if word.kind == "name" and self.next().is_sign("(") else self.simple(word)
        while (longer := self._with_next(said)) is not None:
            said = longer
        return said

    @abstractmethod
    def call(self, word: Token) -> str:
        """Say the call of a function, whose bracket comes next."""

    def simple(self, word: Token) -> str:
        """Say a value that is no call, or a bracket."""
        if not word.is_sign("(", "["):
            return _value(word)
        closing = "]" if word.written == "[" else ")"
        return f"{word.written}{', '.join(self.phrases(closing))}{closing}"

    def _with_next(self, said: str) -> str | None:
        """Say a value with the next thing that hangs on it, if there is one."""
        if self.next().is_sign("["):
            return self.at_entry(said)
        if self.next().kind == "path":
            return self.step(said, self.take().written[1:])
        return None

    def at_entry(self, said: str) -> str:
        """Say which entry of a value is meant."""
        return f"{said}[{self.entry()}]"

    def step(self, said: str, name: str) -> str:
        """Say the next step of a path."""
        return f"{said}.{name}"

    def entry(self) -> str:
        """Say what stands in [ ]."""
        self.take()
        entry = self.phrase(NO_WORDS)
        self.expect("]", "[")
        return entry

    def phrases(self, closing: str) -> list[str]:
        """Say phrases divided by commas, up to the end of the bracket."""
        said: list[str] = []
        while not self.next().is_sign(closing):
            said.append(self.phrase(NO_WORDS))
            if not said[-1]:
                raise untranslatable("a value is missing in a bracket", "")
            if not self.next().is_sign(closing):
                self.expect(",", said[-1])
        self.take()
        return said

    def _between(self, parts: list[Part], stops: frozenset[str]) -> None:
        """Say `value between low and high`, which ends at the next `and` or `or`."""
        self.take()
        low = self.phrase(AND_OR)
        self.expect("and", "between")
        _within(parts, low, "<=", "<=", self.phrase(stops | AND_OR))

    def is_range_at(self, place: int) -> bool:
        """Tell whether a range such as `[1..5)` begins there."""
        depth = 0
        for number in range(place, len(self.words)):
            word, is_first = self.words[number], number == place
            if is_first and not word.is_sign("[", "(", "]"):
                return False
            depth += 1 if is_first or word.is_sign("(", "[") else -word.is_sign(")", "]")
            if word.is_sign("..") and depth == 1:
                return True
            if depth == 0:
                return False
        return False

    def in_range(self, parts: list[Part]) -> None:
        """Say that what was said lies in `[low..high]`; round and outward brackets leave the end out."""
        opens = self.take().written
        low = self.phrase(NO_WORDS)
        self.expect("..", low)
        high, closes = self.phrase(NO_WORDS), self.take().written
        if closes not in (")", "]"):
            raise untranslatable("a range ends with ) or ] here", "")
        _within(parts, low, "<=" if opens == "[" else "<", "<=" if closes == "]" else "<", high)

    def _if(self, stops: frozenset[str]) -> str:
        self.take()
        condition = self.phrase(frozenset({"then"}))
        self.expect("then", "if")
        chosen = self.phrase(frozenset({"else"}))
        self.expect("else", "if")
        return f"(({chosen}) if ({condition}) else ({self.phrase(stops)}))"

    def _over_list(self, stops: frozenset[str]) -> str:
        """Say `some x in list satisfies …`, `every …` and `for x in list, y in other return …`."""
        kind = self.take().written
        before, written = _OVER_LISTS[kind]
        loops: list[str] = []
        while not loops or self.next().is_sign(","):
            if loops:
                self.take()
            name, between = self.own(self.take()), self.take()
            if name.kind != "name" or not name.written.isidentifier() or not between.is_name("in"):
                raise untranslatable(f"“{kind}” is followed by a name and “in”", None)
            loops.append(f"for {name.written} in {self.run(frozenset({before}))}")
        self.expect(before, kind)
        return written.format(self.phrase(stops), " ".join(loops))

    def own(self, word: Token) -> Token:
        """Give a name of the expression's own making the name that it has in our language."""
        return word

    def run(self, stops: frozenset[str]) -> str:
        """Say what a loop goes through."""
        return f"({self.phrase(stops)})"


def _within(parts: list[Part], low: str, above: str, below: str, high: str) -> None:
    """Say that what was said since the last `and` or `or` lies between two limits."""
    begin, value = since_and(parts, "between")
    if not (low and high):
        raise untranslatable("“between” and “in” stand between a value and two limits", "")
    parts[begin:] = [Part(f"(({low}) {above} ({value}) {below} ({high}))", True)]


def since_and(parts: Sequence[Part], word: str) -> tuple[int, str]:
    """Give what was said since the last `and` or `or`, and where it begins."""
    begin = next((number for number in range(len(parts), 0, -1) if parts[number - 1].said in ("and", "or")), 0)
    if not parts[begin:] or any(part.said in _COMPARING for part in parts[begin:]):
        raise untranslatable(f"“{word}” follows a value", "")
    return begin, joined(parts[begin:])


def joined(parts: Sequence[Part]) -> str:
    """Join a phrase; powers go from left to right, and a sign before a number belongs to it first (DMN 1.3, 10.3.1.2)."""
    if not any(part.said == "**" for part in parts):
        return " ".join(part.said for part in parts)
    said: list[Part] = []
    for part in parts:
        said.append(part)
        _bind_signs(said)
        if len(said) > 2 and part.is_operand and said[-2].said == "**":  # noqa: PLR2004  # base, sign and exponent
            said[-3:] = [Part(f"({said[-3].said} ** {said[-1].said})", True)]
    return " ".join(part.said for part in said)


def _bind_signs(said: list[Part]) -> None:
    """Make one value of the last one and the signs that stand before it, as in `2 * -3`."""
    while (
        len(said) > 1
        and said[-1].is_operand
        and said[-2].said in ("-", "+")
        and not (len(said) > 2 and said[-3].is_operand)  # noqa: PLR2004  # what stands before the sign
    ):
        said[-2:] = [Part(f"({said[-2].said}{said[-1].said})", True)]


def _refuse_neighbours(parts: Sequence[Part]) -> None:
    if len(parts) > 1 and parts[-1].is_operand and parts[-2].is_operand:
        raise untranslatable(f"a sign or comma is missing before {parts[-1].said}", "")


def _value(word: Token) -> str:
    match word.kind:
        case "number":
            return f"0{word.written}" if word.written.startswith(".") else word.written
        case "text":
            return repr(_ESCAPE.sub(_unescaped, word.written[1:-1]))
        case "name" if word.written not in _UNSUPPORTED:
            return _WORDS.get(word.written, word.written)
    raise untranslatable(f"“{word.written}” is not understood" if word.written else "it ends too early", "")


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is None:
        return _ESCAPED.get(match[3], match[0])
    if int(code, 16) > _LAST_LETTER:
        raise untranslatable(f"“{match[0]}” is no letter", None)
    return chr(int(code, 16))
