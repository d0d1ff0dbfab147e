"""Says JUEL expressions, and those without a mark that mean the same, in our own expression language."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from engine.expressions.foreign_phrases import MOST_NESTED, NO_WORDS, SIGNS, Part, Saying
from engine.expressions.foreign_words import Token, untranslatable

_SIGNS = {
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
_GETTERS = frozenset(
    {"execution.getVariable", "execution.getVariableLocal", "task.getVariable", "execution.variables.get"}
)
_GETTER = re.compile(r"(?:get|is)([A-Z]\w*)")
"""A method of Java that gives what a value holds: `order.getTotal()`, `order.isUrgent()`."""
_ASKING = frozenset({"execution.hasVariable", "execution.hasVariableLocal", "task.hasVariable"})
_OF_DATA = frozenset({"getDataObject", "getDataInput", "getDataOutput", "getProcessProperty"})
"""Functions by which BPMN lets an XPath expression name data (10.4.3)."""
_EMPTY = "({0} is None or {0} == '' or {0} == [] or {0} == {{}})"
_UNSET = "(not is_set({0}) or {0} == '' or {0} == [])"
_IF_SET = "({0} if is_set({0}) else None)"
_OF_VARIABLES = {
    ("get", 1): _IF_SET,
    ("getOrDefault", 2): "({0} if is_set({0}) else ({1}))",
    ("exists", 1): "is_set({0})",
    ("isEmpty", 1): _UNSET,
    ("empty", 1): _UNSET,
    ("isNotEmpty", 1): f"(not {_UNSET})",
    ("notEmpty", 1): f"(not {_UNSET})",
    ("equals", 2): "(is_set({0}) and ({0}) == ({1}))",
    ("eq", 2): "(is_set({0}) and ({0}) == ({1}))",
    ("notEquals", 2): "(not is_set({0}) or ({0}) != ({1}))",
    ("ne", 2): "(not is_set({0}) or ({0}) != ({1}))",
    ("contains", 2): "(is_set({0}) and contains({0}, ({1})))",
    **{
        (name, 2): f"(is_set({{0}}) and ({{0}}) {sign} ({{1}}))"
        for sign, names in {
            "<": ("lowerThan", "lessThan", "lt"),
            "<=": ("lowerThanOrEquals", "lessThanOrEquals", "lte"),
            ">": ("greaterThan", "gt"),
            ">=": ("greaterThanOrEquals", "gte"),
        }.items()
        for name in names
    },
}
"""Flowable's questions about a variable that need not be there, `vars:equals(status, 'new')`, by name and number of arguments."""
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


def say_juel(words: Sequence[Token]) -> str:
    """Join the words of a JUEL expression to one of our language; raise ExpressionError for what is not understood."""
    return _Juel(words).whole()


class _Juel(Saying):
    """What JUEL has for itself: words for signs, `condition ? one : other`, methods and getters of Java.

    Its `==` takes a text for the number or the truth value that it is compared with, which ours does for `is`.
    """

    spoken_signs: ClassVar[Mapping[str, str]] = {**SIGNS, "==": "is", "!=": "is not"}

    def sign(self, word: Token) -> str | None:
        """Give the sign that a word is or stands for."""
        return _SIGNS.get(word.written) if word.kind == "name" else super().sign(word)

    def go_on(self, parts: list[Part], stops: frozenset[str]) -> None:
        """Say the next part of a phrase; a question mark takes up all before it."""
        if self.next().is_sign("?"):
            parts[:] = [Part(self._choice(parts, stops), True)]
        else:
            super().go_on(parts, stops)

    def negated(self) -> str:
        """Say a negation, or `empty`: of nothing, a text, a list or a group that holds nothing; 0 and false are not empty."""
        signs: list[str] = []
        while self.sign(self.next()) == "!":
            signs.append(self.take().written)
            if len(signs) > MOST_NESTED:
                raise untranslatable("it is nested too deeply", "")
        said = self.operand()
        for sign in reversed(signs):
            said = _EMPTY.format(said) if sign == "empty" else f"(not {said})"
        return said

    def _choice(self, parts: Sequence[Part], stops: frozenset[str]) -> str:
        """Say `condition ? one : other`."""
        self.take()
        condition = " ".join(part.said for part in parts)
        one = self.phrase(NO_WORDS)
        self.expect(":", "?")
        return f"(({one}) if ({condition}) else ({self.phrase(stops)}))"

    def call(self, word: Token) -> str:
        """Say the call of a getter, a method or a function."""
        self.take()
        if self._is_getter(word) and _is_named(self.words[self.at : self.at + 2]):
            name = self.take().written[1:-1]
            self.take()
            return f"is_set({name})" if word.written in _ASKING else _IF_SET.format(name)
        owner, _, method = word.written.rpartition(".")
        arguments = self.phrases(")")
        if word.written.startswith("var") and ":" in word.written:
            return _of_variable(word.written.rpartition(":")[2], arguments)
        if owner:
            return _method(owner, method, arguments)
        spoken = " ".join(method.split())
        return f"{_FUNCTIONS.get(spoken, spoken)}({', '.join(arguments)})"

    def _is_getter(self, word: Token) -> bool:
        is_of_data = word.written.rpartition(":")[2] in _OF_DATA
        if is_of_data and list(self.words[self.at + 2 : self.at + 3]) == [Token("sign", "/")]:
            raise untranslatable("a path into data is written with dots here", "")
        return is_of_data or word.written in _GETTERS | _ASKING

    def step(self, said: str, name: str) -> str:
        """Say the next step of a path, or a method."""
        if not self.next().is_sign("("):
            return super().step(said, name)
        self.take()
        return _method(said, name, self.phrases(")"))


def _of_variable(asked: str, arguments: Sequence[str]) -> str:
    """Say a question about a variable, which is named as it is or as a text."""
    written, name = _OF_VARIABLES.get((asked, len(arguments))), arguments[0].strip("'") if arguments else ""
    if written is None or not name.isidentifier():
        raise untranslatable(f"the question {asked}() about a variable is not understood", "")
    return written.format(name, *arguments[1:])


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
