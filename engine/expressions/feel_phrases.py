"""Says FEEL expressions (DMN 1.3, clause 10) in our own expression language."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from engine.errors import ExpressionError
from engine.expressions.feel_arguments import in_order
from engine.expressions.feel_functions import FEEL_FUNCTIONS
from engine.expressions.foreign_phrases import AND_OR, NO_WORDS, SIGNS, Part, Saying, joined, since_and
from engine.expressions.foreign_words import FEEL_CALLS, OR_ELSE, Token, untranslatable
from engine.expressions.functions import FUNCTIONS, refuse_miscounted

FILTERED = "filtered_item"
"""The name in our language of an entry that FEEL's `list[condition]` looks at."""
BOUND = "bound_"
"""What the names of parameters of business knowledge models, and of entries of groups that are being made, begin with."""
SUBJECT = "tested_value"
"""The name that FEEL's question mark, the value a cell looks at, has in our language."""
MATCHED = "matched_value"
"""The name that the value before FEEL's `in` has in the tests that follow it."""
LOOKS_AT_NAMES = "is_set"
"""The one function that sees its argument before it has a value: `is_set(order.price)`."""
_SAID: Mapping[str, Callable[..., str]] = {
    "now": lambda: "now",
    "today": lambda: "date(now)",
    OR_ELSE: lambda value, instead: _bounded(f"(({value}) if {LOOKS_AT_NAMES}({value}) else ({instead}))"),
}
"""Functions that are no calls here: the moment is a variable, and what may not be there is asked for."""
_CALLED = sorted({*FEEL_CALLS, *_SAID, "abs", "contains", "date", "duration", "time"})
"""What FEEL calls the functions that there are."""
_LONGEST_SAID = 20_000
_NO_MODELS: Mapping[str, "Model"] = MappingProxyType({})
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def say_feel(words: Sequence[Token], models: "Models" = _NO_MODELS) -> str:
    """Join the words of a FEEL expression, which may call the business knowledge models, to one of our language.

    Raises ExpressionError for what is not understood.
    """
    return _Feel(words, models).whole()


def say_model(parameters: Sequence[str], words: Sequence[Token], models: "Models") -> "Model":
    """Say the body of a business knowledge model, with names for its parameters that no variable has."""
    own = {parameter: f"{BOUND}{parameter}" for parameter in parameters}
    return Model(tuple(own.values()), _Feel(words, models, own).whole())


@dataclass(frozen=True, slots=True)
class Model:
    """A business knowledge model: the names of its parameters, and what it comes to, as our language says it."""

    parameters: tuple[str, ...]
    said: str

    @property
    def spoken(self) -> tuple[str, ...]:
        """The names of its parameters as expressions give them."""
        return tuple(parameter.removeprefix(BOUND) for parameter in self.parameters)

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


class _Feel(Saying):
    """What FEEL has for itself: groups, filters, tests after `in`, ranges to go through, business knowledge models."""

    opening: ClassVar = (*Saying.opening, "?")

    def __init__(self, words: Sequence[Token], models: Models, own: Mapping[str, str] = _NO_NAMES) -> None:
        super().__init__(words)
        self._models = models
        self._own = own
        self._called = 0

    def go_on(self, parts: list[Part], stops: frozenset[str]) -> None:
        """Say the next part of a phrase; `in` may be followed by tests."""
        if self.next().is_name("in") and parts and not self.is_range_at(self.at + 1):
            self._in_tests(parts, stops)
        else:
            super().go_on(parts, stops)

    def denied(self) -> Part:
        """Say `not`, which is a function here where a bracket follows."""
        denied = super().denied()
        return Part(f"(not {self.operand()})", True) if self.next().is_sign("(") else denied

    def simple(self, word: Token) -> str:
        """Say a value, a bracket, a group, or the value that a cell looks at."""
        if word.is_sign("{"):
            return self._group()
        if word.is_sign("?"):
            return SUBJECT
        if word.kind == "number":
            return _number(word.written)
        return super().simple(self.own(word))

    def own(self, word: Token) -> Token:
        """Give a parameter of a business knowledge model, or an entry of a group, the name that no variable has."""
        name, dot, path = word.written.partition(".")
        return Token("name", f"{self._own[name]}{dot}{path}") if word.kind == "name" and name in self._own else word

    def _group(self) -> str:
        """Say FEEL's `{a: 1, b: a + 1}`, where an entry may be reckoned from those before it (DMN 1.3, 10.3.2.6)."""
        outer, entries = self._own, dict[str, str]()
        while not self.next().is_sign("}"):
            key = self._key()
            self.expect(":", key)
            value = self.phrase(NO_WORDS)
            if not value or key in entries:
                raise untranslatable(f"the entry “{key}” has no value of its own", None)
            entries[key] = value
            self._own = {**self._own, key: f"{BOUND}{key}"}
            if not self.next().is_sign("}"):
                self.expect(",", key)
        self.take()
        self._own = outer
        loops = " ".join(f"for {BOUND}{key} in [{value}]" for key, value in entries.items())
        whole = ", ".join(f"{key!r}: {BOUND}{key}" for key in entries)
        return f"[{{{whole}}} {loops}][0]" if entries else "{}"

    def _key(self) -> str:
        word = self.take()
        key = word.written[1:-1] if word.kind == "text" else word.written
        if word.kind not in ("name", "text") or not key.isidentifier():
            raise untranslatable("the entries of a group have names of one word", None)
        return key

    def at_entry(self, said: str) -> str:
        """Say which entries of a list FEEL means: one by its number, counted from 1, or those for which a condition holds."""
        begin = self.at + 1
        entry = self.entry()
        number = entry.replace(" ", "")
        if number.lstrip("-").isdecimal() and int(number):
            place = int(number)
            return f"{said}[{place - 1 if place > 0 else place}]"
        if not _is_condition(self.words[begin : self.at - 1]):
            raise untranslatable("entries are chosen by a number, the first is 1, or by a condition in [ ]", "")
        return _bounded(f"[{FILTERED} for {FILTERED} in feel_concatenate({said}) if {entry}]")

    def call(self, word: Token) -> str:
        """Say the call of a business knowledge model or a function."""
        self.take()
        spoken = " ".join(word.written.split())
        arguments = self._named_arguments(spoken) if self._name_at() else self.phrases(")")
        if spoken in self._models:
            said = self._models[spoken].of(spoken, arguments)
            self._called += len(said)
            if self._called > _LONGEST_SAID:
                raise untranslatable("it calls too many business knowledge models", None)
            return said
        if spoken in _SAID:
            refuse_miscounted(spoken, _SAID[spoken], len(arguments))
            return _SAID[spoken](*arguments)
        said = FEEL_CALLS.get(spoken, spoken)
        if said != LOOKS_AT_NAMES:
            refuse_miscounted(spoken, _function(spoken, said), len(arguments))
        return f"{said}({', '.join(arguments)})"

    def _name_at(self) -> str:
        """Give the name of the argument that comes next, if it has one, as in `start position: 2`."""
        end = self.at
        while end < len(self.words) and self.words[end].kind == "name":
            end += 1
        is_named = end > self.at and end < len(self.words) and self.words[end].is_sign(":")
        return " ".join(word.written for word in self.words[self.at : end]) if is_named else ""

    def _named_arguments(self, spoken: str) -> Sequence[str]:
        """Say the arguments of a call that are given by name (DMN 1.3, 10.3.1.2, rule 42), up to the end of its bracket."""
        given: dict[str, str] = {}
        while not self.next().is_sign(")"):
            name = self._name_at()
            if not name or name in given:
                raise untranslatable(f"{spoken}() takes each of its values by name, once, or all by their places", None)
            self.at += len(name.split()) + 1
            given[name] = self.phrase(NO_WORDS)
            if not given[name]:
                raise untranslatable(f"“{name}” is given no value", None)
            if not self.next().is_sign(")"):
                self.expect(",", name)
        self.take()
        model = self._models.get(spoken)
        return in_order(spoken, given, None if model is None else model.spoken)

    def _in_tests(self, parts: list[Part], stops: frozenset[str]) -> None:
        """Say FEEL's `value in` a test, `(1, < 5)`, a list whose members may be ranges, or a value."""
        self.take()
        begin, value = since_and(parts, "in")
        if self.next().is_sign("(", "["):
            closing = ")" if self.take().written == "(" else "]"
            tests = [self._test(NO_WORDS)]
            while self.next().is_sign(","):
                self.take()
                tests.append(self._test(NO_WORDS))
            self.expect(closing, "in")
        else:
            tests = [self._test(stops | AND_OR)]
        said = _bounded(f"[{' or '.join(tests)} for {MATCHED} in [{value}]][0]")
        parts[begin:] = [Part(said, True)]

    def _test(self, stops: frozenset[str]) -> str:
        """Say one test of the value before `in`."""
        if self.is_range_at(self.at):
            matched = [Part(MATCHED, True)]
            self.in_range(matched)
            return joined(matched)
        sign = self.take().written if self.next().is_sign("<", "<=", ">", ">=", "=", "==", "!=") else None
        said = self.phrase(stops)
        if not said:
            raise untranslatable("a value is missing after “in”", "")
        return f"feel_in({MATCHED}, {said})" if sign is None else f"({MATCHED} {SIGNS.get(sign, sign)} ({said}))"

    def run(self, stops: frozenset[str]) -> str:
        """Say what a loop goes through: a list, or `1..5`."""
        first = self.phrase(stops)
        if not self.next().is_sign(".."):
            return f"({first})"
        self.take()
        return f"feel_range({first}, {self.phrase(stops)})"


def _function(spoken: str, said: str) -> Callable[..., Any]:
    """Give a function; raise ExpressionError with those that there are if there is none of that name."""
    if spoken == "function":
        raise untranslatable("functions of one's own are not understood", None)
    function = FUNCTIONS.get(said) or FEEL_FUNCTIONS.get(said)
    if function is None:
        raise ExpressionError(f"There is no function “{spoken}” of FEEL here; there are {', '.join(_CALLED)}.")
    return function


def _number(written: str) -> str:
    """Say a number, which may begin with noughts (DMN 1.3, 10.3.1.2, rule 37)."""
    whole, point, decimals = written.partition(".")
    return f"{whole.lstrip('0') or '0'}{point}{decimals}"


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
