"""The words that JUEL and FEEL expressions are made of: texts, numbers, names, paths and signs."""

import re
from dataclasses import dataclass

from engine.errors import ExpressionError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?|\.\d+)
    | (?P<dated>@\s*"[^"\\\n]*")
    | (?P<name>(?:date\s+and\s+time|starts\s+with|ends\s+with|upper\s+case|lower\s+case|string\s+length|list\s+contains)(?=\s*\()
      |(?:[^\W\d]\w*:)?get(?:DataObject|DataInput|DataOutput|ProcessProperty)(?=\s*\()
      |[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<path>\.[^\W\d]\w*)
    | (?P<sign>&&|\|\||===|!==|==|!=|<=|>=|\.\.|\*\*|[-+*/%<>=!(),\[\]?:])
    )""",
    re.VERBOSE,
)
_DATED = (
    (re.compile(r"-?P"), "duration"),
    (re.compile(r"\d\d:"), "time"),
    (re.compile(r".*T"), "datetime"),
    (re.compile(""), "date"),
)
_LONGEST = 20_000
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


def tokens(text: str) -> list[Token]:
    """Take a foreign expression apart."""
    if len(text) > _LONGEST:
        raise untranslatable(f"it has more than {_LONGEST:,} characters", None)
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise untranslatable(f"“{text[position : position + 10].strip()}” is not understood", text)
        found += _dated(match["dated"]) if match["dated"] else [Token(match.lastgroup, match[match.lastgroup])]
        position = match.end()
    if not found:
        raise untranslatable("it is empty", text)
    return found


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
