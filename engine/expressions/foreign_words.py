"""The words that JUEL and FEEL expressions are made of: texts, numbers, names, paths and signs."""

import re
from dataclasses import dataclass

from engine.errors import ExpressionError

FEEL_CALLS = {
    "date and time": "datetime",
    "starts with": "starts_with",
    "ends with": "ends_with",
    "upper case": "upper",
    "lower case": "lower",
    "string length": "len",
    "count": "len",
    "get value": "get",
    "sort": "sorted",
    "is defined": "is_set",
    "trim": "strip",
    "fromAi": "feel_from_ai",
    **{
        name: f"feel_{name.replace(' ', '_')}"
        for name in (
            "list contains",
            "all",
            "any",
            "append",
            "ceiling",
            "concatenate",
            "context",
            "context merge",
            "context put",
            "day of week",
            "day of year",
            "decimal",
            "distinct values",
            "duplicate values",
            "even",
            "exp",
            "extract",
            "flatten",
            "floor",
            "get entries",
            "index of",
            "insert before",
            "is blank",
            "is empty",
            "last day of month",
            "list replace",
            "log",
            "matches",
            "max",
            "mean",
            "median",
            "min",
            "mode",
            "modulo",
            "month of year",
            "number",
            "odd",
            "partition",
            "product",
            "remove",
            "replace",
            "reverse",
            "round down",
            "round half down",
            "round half up",
            "round up",
            "split",
            "sqrt",
            "stddev",
            "string",
            "string join",
            "sublist",
            "substring",
            "substring after",
            "substring before",
            "sum",
            "union",
            "week of year",
            "years and months duration",
        )
    },
}
"""What FEEL calls its functions, and how they are called in our language; one word may be a variable where no bracket follows."""
OR_ELSE = "get or else"
"""FEEL's question for a value that may not be there, and what counts instead."""
_OTHERS = (
    OR_ELSE,
    "finished by",
    "met by",
    "overlaps after",
    "overlaps before",
    "started by",
)
"""Functions of FEEL with names of several words that are said otherwise, or not there, so that they can be refused by name."""
_SPOKEN = "|".join(name.replace(" ", r"\s+") for name in (*FEEL_CALLS, *_OTHERS) if " " in name)
_TOKEN = re.compile(
    rf"""(?:
      (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?|\.\d+)
    | (?P<dated>@\s*"[^"\\\n]*")
    | (?P<name>(?:{_SPOKEN})(?=\s*\()
      |(?:[^\W\d]\w*:)?get(?:DataObject|DataInput|DataOutput|ProcessProperty)(?=\s*\()
      |var(?:iable)?s?:\w+(?=\s*\()
      |[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<path>\.[^\W\d]\w*)
    | (?P<sign>&&|\|\||===|!==|==|!=|<=|>=|\.\.|\*\*|[-+*/%<>=!(),\[\]?:{{}}])
    )""",
    re.VERBOSE,
)
_DATED = (
    (re.compile(r"-?P"), "duration"),
    (re.compile(r"\d\d:"), "time"),
    (re.compile(r".*T"), "datetime"),
    (re.compile(""), "date"),
)
_BLANKS = re.compile(r"\s*")
_BLANKS_AND_COMMENTS = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
LONGEST_FOREIGN = 20_000
"""Characters of a foreign expression; what comes of it may be shorter still."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a foreign expression: `kind` is text, number, name, path (a dot and a name) or sign."""

    kind: str
    written: str

    def is_sign(self, *signs: str) -> bool:
        """Tell whether it is one of the signs."""
        return self.kind == "sign" and self.written in signs

    def is_name(self, *names: str) -> bool:
        """Tell whether it is one of the names."""
        return self.kind == "name" and self.written in names


def feel_tokens(text: str) -> list[Token]:
    """Take a FEEL expression apart, its comments left out."""
    return _taken_apart(text, _BLANKS_AND_COMMENTS)


def tokens(text: str) -> list[Token]:
    """Take a foreign expression apart."""
    return _taken_apart(text, _BLANKS)


def _taken_apart(text: str, between: re.Pattern[str]) -> list[Token]:
    if len(text) > LONGEST_FOREIGN:
        raise untranslatable(f"it has more than {LONGEST_FOREIGN:,} characters", None)
    found: list[Token] = []
    position = _after(between, text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise untranslatable(f"“{text[position : position + 10].strip()}” is not understood", text)
        found += _dated(match["dated"]) if match["dated"] else [Token(match.lastgroup, match[match.lastgroup])]
        position = _after(between, text, match.end())
    if not found:
        raise untranslatable("it is empty", text)
    return found


def _after(between: re.Pattern[str], text: str, position: int) -> int:
    """Pass over what may stand between two words."""
    match = between.match(text, position)
    following = position if match is None else match.end()
    if between is _BLANKS_AND_COMMENTS and text.startswith("/*", following):
        raise untranslatable("a comment does not end with */", text)
    return following


def _dated(written: str) -> list[Token]:
    """Say a literal such as `@"2026-01-31"` as the call of the function that reads it."""
    text = written[1:].strip()
    function = next(name for pattern, name in _DATED if pattern.match(text[1:-1]))
    return [Token("name", function), Token("sign", "("), Token("text", text), Token("sign", ")")]


def untranslatable(reason: str, text: str | None) -> ExpressionError:
    """Make the error for what cannot be translated."""
    return ExpressionError(
        f'The expression cannot be understood: {reason}. Compare values, for example amount > 100 and status = "new".',
        text or None,
    )
