"""Says the words of a JUEL or FEEL expression in our own expression language, bracket by bracket.

A phrase reaches to the end of its bracket, to a comma, or to a word that ends it, such as `then`. It is made of operands and of
the words between them; an operand is a value with everything that is hung on it: `order.lines[1].price`, `name.trim().length()`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engine.foreign_words import FEEL_CALLS, Token, untranslatable

FILTERED = "filtered_item"
"""The name in our language of an entry that FEEL's `list[condition]` looks at."""
BOUND = "bound_"
"""What the names of parameters of business knowledge models, and of entries of groups that are being made, begin with."""
SUBJECT = "tested_value"
"""The name that FEEL's question mark, the value a cell looks at, has in our language."""
_SIGNS = {"&&": "and", "||": "or", "=": "==", "===": "==", "!==": "!="}
_WORDS = {"true": "True", "false": "False", "null": "None"}
_JUEL_SIGNS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "div": "/",
    "mod": "%",
    "empty": "!",
}
_FUNCTIONS = {
    "date and time": "datetime",
    "starts with": "starts_with",
    "ends with": "ends_with",
    "upper case": "upper",
    "lower case": "lower",
    "string length": "len",
    "list contains": "contains",
}
"""What is understood of FEEL's functions where no mark tells that it is FEEL."""
MATCHED = "matched_value"
"""The name that the value before FEEL's `in` has in the tests that follow it."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_LAST_LETTER = 0x10FFFF
_GETTERS = frozenset(
    {"execution.getVariable", "execution.getVariableLocal", "task.getVariable", "execution.variables.get"}
)
_GETTER = re.compile(r"(?:get|is)([A-Z]\w*)")
"""A method of Java that gives what a value holds: `order.getTotal()`, `order.isUrgent()`."""
_ASKING = frozenset({"execution.hasVariable", "execution.hasVariableLocal", "task.hasVariable"})
_OF_DATA = frozenset({"getDataObject", "getDataInput", "getDataOutput", "getProcessProperty"})
"""Functions by which BPMN lets an XPath expression name data (10.4.3)."""
_METHODS = {
    ("size", 0): "len({0})",
    ("length", 0): "len({0})",
    ("isEmpty", 0): "(len({0}) == 0)",
    ("toString", 0): "str({0})",
    ("trim", 0): "strip({0})",
    ("toLowerCase", 0): "lower({0})",
    ("toUpperCase", 0): "upper({0})",
    ("contains", 1): "contains({0}, {1})",
    ("containsKey", 1): "contains({0}, {1})",
    ("equals", 1): "(({0}) == ({1}))",
    ("equalsIgnoreCase", 1): "(lower({0}) == lower({1}))",
    ("startsWith", 1): "starts_with({0}, {1})",
    ("endsWith", 1): "ends_with({0}, {1})",
    ("get", 1): "({0})[{1}]",
}
"""Methods of Java that only look at a value, by name and number of arguments."""
_UNSUPPORTED = frozenset({"return", "satisfies", "instance", "function", "lambda"})
_BETWEEN = frozenset({"and", "or", "in", "is"})
"""Names that stand between operands, as they do in our language."""
_OVER_LISTS = {
    "some": ("satisfies", "feel_any([({}) {}])"),
    "every": ("satisfies", "feel_all([({}) {}])"),
    "for": ("return", "[({}) {}]"),
}
_COMPARING = frozenset({"==", "!=", "<", ">", "<=", ">=", "in", "not", "is"})
_MOST_NESTED = 30
_LONGEST_SAID = 20_000
_NOTHING = Token("end", "")
_NO_WORDS: frozenset[str] = frozenset()
_NO_MODELS: Mapping[str, "Model"] = MappingProxyType({})
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def say_juel(words: Sequence[Token]) -> str:
    """Join the words of a JUEL expression to one of our language."""
    return _Saying(words, is_feel=False).whole()


def say_feel(words: Sequence[Token], models: "Models" = _NO_MODELS) -> str:
    """Join the words of a FEEL expression to one of our language; it may call the business knowledge models."""
    return _Saying(words, is_feel=True, models=models).whole()


def say_model(parameters: Sequence[str], words: Sequence[Token], models: "Models") -> "Model":
    """Say the body of a business knowledge model, with names for its parameters that no variable has."""
    own = {parameter: f"{BOUND}{parameter}" for parameter in parameters}
    return Model(tuple(own.values()), _Saying(words, is_feel=True, models=models, own=own).whole())


@dataclass(frozen=True, slots=True)
class Model:
    """A business knowledge model: the names of its parameters, and what it comes to, as our language says it."""

    parameters: tuple[str, ...]
    said: str

    def of(self, name: str, arguments: Sequence[str]) -> str:
        """Say what it comes to for these values."""
        if len(arguments) != len(self.parameters):
            raise untranslatable(f"{name}() takes {len(self.parameters)} values", None)
        if not arguments:
            return f"({self.said})"
        values = ", ".join(arguments)
        given = f"[{values}]" if len(arguments) == 1 else f"[[{values}]]"
        return _bounded(f"[({self.said}) for {', '.join(self.parameters)} in {given}][0]")


Models = Mapping[str, Model]
"""Business knowledge models by the names under which expressions call them."""


@dataclass(slots=True)
class _Part:
    """A piece of a phrase as it is said here, and whether it is an operand."""

    said: str
    is_operand: bool


class _Saying:
    """Reads the words of one expression from left to right."""

    def __init__(
        self,
        words: Sequence[Token],
        *,
        is_feel: bool,
        models: Mapping[str, Model] = _NO_MODELS,
        own: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        self._words = words
        self._models = models
        self._own = own
        self._at = 0
        self._depth = 0
        self._called = 0
        self._is_feel = is_feel

    def whole(self) -> str:
        """Say all of it."""
        said = self._phrase(_NO_WORDS)
        if self._at < len(self._words):
            raise untranslatable(f"“{self._next().written}” stands alone", "")
        return said

    def _next(self) -> Token:
        return self._words[self._at] if self._at < len(self._words) else _NOTHING

    def _take(self) -> Token:
        word = self._next()
        self._at += 1
        return word

    def _expect(self, word: str, after: str) -> None:
        if self._take().written != word:
            raise untranslatable(f"“{word}” is missing after “{after}”", "")

    def _phrase(self, stops: frozenset[str]) -> str:
        """Say the words up to one of the stop words, a comma, or the end of the bracket."""
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise untranslatable("it is nested too deeply", "")
        parts: list[_Part] = []
        while not self._is_over(stops):
            if self._next().is_sign("?") and not self._is_feel:
                parts = [_Part(self._choice(parts, stops), True)]
            elif self._next().is_name("between") and parts:
                parts = self._between(parts, stops)
            elif self._next().is_name("in") and parts and self._is_range_at(self._at + 1):
                parts = self._in_range(parts)
            elif self._next().is_name("in") and parts and self._is_feel:
                parts = self._in_tests(parts, stops)
            else:
                parts.append(self._part(stops))
            _refuse_neighbours(parts)
        self._depth -= 1
        return _joined(parts)

    def _is_over(self, stops: frozenset[str]) -> bool:
        word = self._next()
        return (
            word is _NOTHING
            or word.is_sign(")", "]", "}", ",", ":", "..")
            or (word.kind == "name" and word.written in stops)
        )

    def _part(self, stops: frozenset[str]) -> _Part:
        word = self._next()
        if word.is_name("if", *_OVER_LISTS):
            return _Part(self._if(stops) if word.written == "if" else self._over_list(stops), True)
        if word.is_name("not"):
            return self._not()
        if word.is_name(*_BETWEEN):
            return _Part(self._take().written, False)
        sign = self._sign(word)
        if sign == "!":
            return _Part(self._negated(), True)
        if sign is None or word.is_sign("(", "[", "{") or (word.is_sign("?") and self._is_feel):
            return _Part(self._operand(), True)
        self._take()
        return _Part(_SIGNS.get(sign, sign), False)

    def _sign(self, word: Token) -> str | None:
        if word.kind == "name" and not self._is_feel:
            return _JUEL_SIGNS.get(word.written)
        return word.written if word.kind == "sign" else None

    def _not(self) -> _Part:
        """Say `not`, which is a function in FEEL, and elsewhere reaches as far as it does in our language."""
        self._take()
        if self._is_feel and self._next().is_sign("("):
            return _Part(f"(not {self._operand()})", True)
        return _Part("not", False)

    def _negated(self) -> str:
        """Let a negation bind tighter than a comparison, as it does in JUEL."""
        count = 0
        while self._sign(self._next()) == "!":
            count += 1
            if count > _MOST_NESTED:
                raise untranslatable("it is nested too deeply", "")
            self._take()
        operand = self._operand()
        for _ in range(count):
            operand = f"(not {operand})"
        return operand

    def _operand(self) -> str:
        """Say a value and what hangs on it: the rest of its path, entries, methods."""
        word = self._take()
        if word.is_sign("(", "["):
            said = self._bracket(word)
        elif word.is_sign("{") and self._is_feel:
            said = self._group()
        elif word.kind == "name" and self._next().is_sign("("):
            said = self._call(word)
        else:
            said = _value(self._as_own(word))
        while True:
            if self._next().is_sign("[") and self._is_feel:
                said = self._chosen(said)
            elif self._next().is_sign("["):
                said = f"{said}[{self._entry()}]"
            elif self._next().kind == "path":
                said = self._step(said, self._take().written[1:])
            else:
                return said

    def _as_own(self, word: Token) -> Token:
        """Give a parameter of a business knowledge model, or an entry of a group, the name that no variable has."""
        name, dot, path = word.written.partition(".")
        return Token("name", f"{self._own[name]}{dot}{path}") if word.kind == "name" and name in self._own else word

    def _bracket(self, opening: Token) -> str:
        inside = ", ".join(self._list("]" if opening.written == "[" else ")"))
        return f"[{inside}]" if opening.written == "[" else f"({inside})"

    def _group(self) -> str:
        """Say FEEL's `{a: 1, b: a + 1}`, where an entry may be reckoned from those before it (DMN 1.3, 10.3.2.6)."""
        outer, entries = self._own, dict[str, str]()
        while not self._next().is_sign("}"):
            key = self._key()
            self._expect(":", key)
            value = self._phrase(_NO_WORDS)
            if not value or key in entries:
                raise untranslatable(f"the entry “{key}” has no value of its own", None)
            entries[key] = value
            self._own = {**self._own, key: f"{BOUND}{key}"}
            if not self._next().is_sign("}"):
                self._expect(",", key)
        self._take()
        self._own = outer
        loops = " ".join(f"for {BOUND}{key} in [{value}]" for key, value in entries.items())
        whole = ", ".join(f"{key!r}: {BOUND}{key}" for key in entries)
        return f"[{{{whole}}} {loops}][0]" if entries else "{}"

    def _key(self) -> str:
        word = self._take()
        key = word.written[1:-1] if word.kind == "text" else word.written
        if word.kind not in ("name", "text") or not key.isidentifier():
            raise untranslatable("the entries of a group have names of one word", None)
        return key

    def _list(self, closing: str) -> list[str]:
        """Say phrases divided by commas, up to the end of the bracket."""
        said: list[str] = []
        while not self._next().is_sign(closing):
            said.append(self._phrase(_NO_WORDS))
            if not said[-1]:
                raise untranslatable("a value is missing in a bracket", "")
            if not self._next().is_sign(closing):
                self._expect(",", said[-1])
        self._take()
        return said

    def _entry(self) -> str:
        """Say which entry of a list is meant; FEEL counts from 1, and may choose by a condition."""
        self._take()
        entry = self._phrase(_NO_WORDS)
        self._expect("]", "[")
        return entry

    def _chosen(self, said: str) -> str:
        """Say which entries of a list FEEL means: one by its number, counted from 1, or those for which a condition holds."""
        begin = self._at + 1
        entry = self._entry()
        number = entry.replace(" ", "")
        if number.lstrip("-").isdecimal() and int(number):
            place = int(number)
            return f"{said}[{place - 1 if place > 0 else place}]"
        if not _is_condition(self._words[begin : self._at - 1]):
            raise untranslatable("entries are chosen by a number, the first is 1, or by a condition in [ ]", "")
        return _bounded(f"[{FILTERED} for {FILTERED} in feel_concatenate({said}) if {entry}]")

    def _call(self, word: Token) -> str:
        self._take()
        owner, _, method = word.written.rpartition(".")
        if self._is_getter(word) and _is_named(self._words[self._at : self._at + 2]):
            name = self._take().written[1:-1]
            self._take()
            return f"is_set({name})" if word.written in _ASKING else name
        arguments = self._list(")")
        if owner and not self._is_feel:
            return _method(owner, method, arguments)
        spoken = " ".join(word.written.split())
        if spoken in self._models:
            said = self._models[spoken].of(spoken, arguments)
            self._called += len(said)
            if self._called > _LONGEST_SAID:
                raise untranslatable("it calls too many business knowledge models", None)
            return said
        names = FEEL_CALLS if self._is_feel else _FUNCTIONS
        return f"{names.get(spoken, spoken)}({', '.join(arguments)})"

    def _is_getter(self, word: Token) -> bool:
        is_of_data = word.written.rpartition(":")[2] in _OF_DATA
        if is_of_data and list(self._words[self._at + 2 : self._at + 3]) == [Token("sign", "/")]:
            raise untranslatable("a path into data is written with dots here", "")
        return not self._is_feel and (is_of_data or word.written in _GETTERS | _ASKING)

    def _step(self, said: str, name: str) -> str:
        if self._is_feel or not self._next().is_sign("("):
            return f"{said}.{name}"
        self._take()
        return _method(said, name, self._list(")"))

    def _choice(self, parts: list[_Part], stops: frozenset[str]) -> str:
        """Say `condition ? one : other`."""
        self._take()
        condition = " ".join(part.said for part in parts)
        one = self._phrase(_NO_WORDS)
        self._expect(":", "?")
        return f"(({one}) if ({condition}) else ({self._phrase(stops)}))"

    def _between(self, parts: list[_Part], stops: frozenset[str]) -> list[_Part]:
        """Say `value between low and high`, which ends at the next `and` or `or`."""
        self._take()
        low = self._phrase(frozenset({"and", "or"}))
        self._expect("and", "between")
        return _within(parts, low, "<=", "<=", self._phrase(stops | {"and", "or"}))

    def _is_range_at(self, place: int) -> bool:
        """Tell whether a range such as `[1..5)` begins there."""
        depth = 0
        for number, word in enumerate(self._words[place:]):
            if number == 0 and not word.is_sign("[", "(", "]"):
                return False
            depth += 1 if number == 0 or word.is_sign("(", "[") else -word.is_sign(")", "]")
            if word.is_sign("..") and depth == 1:
                return True
            if depth == 0:
                return False
        return False

    def _in_range(self, parts: list[_Part]) -> list[_Part]:
        """Say `value in [low..high]`; round and outward brackets leave the end out."""
        self._take()
        return self._range(parts)

    def _in_tests(self, parts: list[_Part], stops: frozenset[str]) -> list[_Part]:
        """Say FEEL's `value in` a test, `(1, < 5)`, a list whose members may be ranges, or a value."""
        self._take()
        begin, value = _since_and(parts, "in")
        if self._next().is_sign("(", "["):
            closing = ")" if self._take().written == "(" else "]"
            tests = [self._test(_NO_WORDS)]
            while self._next().is_sign(","):
                self._take()
                tests.append(self._test(_NO_WORDS))
            self._expect(closing, "in")
        else:
            tests = [self._test(stops | {"and", "or"})]
        said = _bounded(f"[{' or '.join(tests)} for {MATCHED} in [{value}]][0]")
        return [*parts[:begin], _Part(said, True)]

    def _test(self, stops: frozenset[str]) -> str:
        """Say one test of the value before `in`."""
        if self._is_range_at(self._at):
            return self._range([_Part(MATCHED, True)])[0].said
        sign = self._take().written if self._next().is_sign("<", "<=", ">", ">=", "=", "==", "!=") else None
        said = self._phrase(stops)
        if not said:
            raise untranslatable("a value is missing after “in”", "")
        return f"feel_in({MATCHED}, {said})" if sign is None else f"({MATCHED} {_SIGNS.get(sign, sign)} ({said}))"

    def _range(self, parts: list[_Part]) -> list[_Part]:
        opens = self._take().written
        low = self._phrase(_NO_WORDS)
        self._expect("..", low)
        high, closes = self._phrase(_NO_WORDS), self._take().written
        if closes not in (")", "]"):
            raise untranslatable("a range ends with ) or ] here", "")
        return _within(parts, low, "<=" if opens == "[" else "<", "<=" if closes == "]" else "<", high)

    def _if(self, stops: frozenset[str]) -> str:
        self._take()
        condition = self._phrase(frozenset({"then"}))
        self._expect("then", "if")
        chosen = self._phrase(frozenset({"else"}))
        self._expect("else", "if")
        return f"(({chosen}) if ({condition}) else ({self._phrase(stops)}))"

    def _over_list(self, stops: frozenset[str]) -> str:
        """Say `some x in list satisfies …`, `every …` and `for x in list, y in other return …`."""
        kind = self._take().written
        before, written = _OVER_LISTS[kind]
        loops: list[str] = []
        while not loops or self._next().is_sign(","):
            if loops:
                self._take()
            name, between = self._as_own(self._take()), self._take()
            if name.kind != "name" or not name.written.isidentifier() or not between.is_name("in"):
                raise untranslatable(f"“{kind}” is followed by a name and “in”", None)
            loops.append(f"for {name.written} in {self._run(frozenset({before}))}")
        self._expect(before, kind)
        return written.format(self._phrase(stops), " ".join(loops))

    def _run(self, stops: frozenset[str]) -> str:
        """Say what a loop goes through: a list, or FEEL's `1..5`."""
        first = self._phrase(stops)
        if not self._is_feel or not self._next().is_sign(".."):
            return f"({first})"
        self._take()
        return f"feel_range({first}, {self._phrase(stops)})"


def _within(parts: Sequence[_Part], low: str, above: str, below: str, high: str) -> list[_Part]:
    """Say that what was said since the last `and` or `or` lies between two limits."""
    begin, value = _since_and(parts, "between")
    if not (low and high):
        raise untranslatable("“between” and “in” stand between a value and two limits", "")
    return [*parts[:begin], _Part(f"(({low}) {above} ({value}) {below} ({high}))", True)]


def _since_and(parts: Sequence[_Part], word: str) -> tuple[int, str]:
    """Give what was said since the last `and` or `or`, and where it begins."""
    begin = max((number for number, part in enumerate(parts, 1) if part.said in ("and", "or")), default=0)
    if not parts[begin:] or any(part.said in _COMPARING for part in parts[begin:]):
        raise untranslatable(f"“{word}” follows a value", "")
    return begin, _joined(parts[begin:])


def _joined(parts: Sequence[_Part]) -> str:
    """Join a phrase; powers go from left to right, and a sign before a number belongs to it first (DMN 1.3, 10.3.1.2)."""
    if not any(part.said == "**" for part in parts):
        return " ".join(part.said for part in parts)
    said: list[_Part] = []
    for part in parts:
        said.append(part)
        _bind_signs(said)
        if len(said) > 2 and part.is_operand and said[-2].said == "**":  # noqa: PLR2004  # base, sign and exponent
            said[-3:] = [_Part(f"({said[-3].said} ** {said[-1].said})", True)]
    return " ".join(part.said for part in said)


def _bind_signs(said: list[_Part]) -> None:
    """Make one value of the last one and the signs that stand before it, as in `2 * -3`."""
    while (
        len(said) > 1
        and said[-1].is_operand
        and said[-2].said in ("-", "+")
        and not (len(said) > 2 and said[-3].is_operand)  # noqa: PLR2004  # what stands before the sign
    ):
        said[-2:] = [_Part(f"({said[-2].said}{said[-1].said})", True)]


def _is_condition(words: Sequence[Token]) -> bool:
    """Tell whether the words within [ ] compare or combine something, and are no number of an entry."""
    depth = 0
    for word in words:
        depth += word.is_sign("(", "[", "{") - word.is_sign(")", "]", "}")
        is_comparison = word.is_sign("=", "==", "!=", "<", "<=", ">", ">=") or word.is_name(
            "and", "or", "in", "between"
        )
        if depth == 0 and is_comparison:
            return True
    return bool(words) and words[0].is_name("not", "some", "every")


def _bounded(said: str) -> str:
    """Pass on what is said of nested brackets, unless it has grown too long to be read."""
    if len(said) > _LONGEST_SAID:
        raise untranslatable("it is nested too deeply", None)
    return said


def _refuse_neighbours(parts: Sequence[_Part]) -> None:
    if len(parts) > 1 and parts[-1].is_operand and parts[-2].is_operand:
        raise untranslatable(f"a sign or comma is missing before {parts[-1].said}", "")


def _method(owner: str, method: str, arguments: Sequence[str]) -> str:
    """Say the call of a method that only looks at a value."""
    written = _METHODS.get((method, len(arguments)))
    if written is None and not arguments and (entry := _GETTER.fullmatch(method)):
        return f"{owner}.{entry[1][0].lower()}{entry[1][1:]}"
    if written is None:
        raise untranslatable(f"the method {method}() is not understood", "")
    return written.format(owner, *arguments)


def _is_named(arguments: Sequence[Token]) -> bool:
    match arguments:
        case [name, closing]:
            return name.kind == "text" and name.written[1:-1].isidentifier() and closing.is_sign(")")
    return False


def _value(word: Token) -> str:
    match word.kind:
        case "number":
            return f"0{word.written}" if word.written.startswith(".") else word.written
        case "text":
            return repr(_ESCAPE.sub(_unescaped, word.written[1:-1]))
        case "name" if word.written not in _UNSUPPORTED:
            return _WORDS.get(word.written, word.written)
        case "sign" if word.written == "?":
            return SUBJECT
    raise untranslatable(f"“{word.written}” is not understood" if word.written else "it ends too early", "")


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is None:
        return _ESCAPED.get(match[3], match[0])
    if int(code, 16) > _LAST_LETTER:
        raise untranslatable(f"“{match[0]}” is no letter", None)
    return chr(int(code, 16))
