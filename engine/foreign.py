"""Simple conditions of other tools, `${a == b}` and `= a = b`, said in our own expression language."""

import re
from collections.abc import Iterator

from engine.errors import ExpressionError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>=!(),\[\]])
    )""",
    re.VERBOSE,
)
_SIGNS = {"&&": "and", "||": "or", "=": "=="}
_WORDS = {
    "true": "True",
    "false": "False",
    "null": "None",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "div": "/",
    "mod": "%",
}
_UNSUPPORTED = frozenset({"if", "then", "else", "for", "some", "every", "return", "satisfies", "instance", "between"})


def is_foreign(text: str) -> bool:
    """Tell whether a text is marked as another tool's expression."""
    return text.lstrip().startswith(("=", "${", "#{"))


def translate(text: str) -> str:
    """Say a simple foreign condition in Python syntax; raise ExpressionError for what goes beyond comparisons."""
    body, counts_from_one = _unwrap(text.strip())
    words: list[str] = []
    for kind, written in _tokens(body, text):
        if (
            kind == "sign"
            and written == "["
            and counts_from_one
            and words
            and words[-1][-1:] not in ("=", "(", ",", "[", "in", "<", ">")
        ):
            raise _untranslatable(text, "lists are counted from 1 there and from 0 here")
        words.append(_word(kind, written, text))
    return " ".join(_bind_negations(words))


def _unwrap(text: str) -> tuple[str, bool]:
    if text.startswith("="):
        return text[1:], True
    if not text.endswith("}") or "${" in text[2:] or "#{" in text[2:]:
        raise _untranslatable(text, "only one ${...} around the whole is understood")
    return text[2:-1], False


def _tokens(body: str, text: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(body.rstrip())
    while position < end:
        match = _TOKEN.match(body, position)
        if match is None or match.lastgroup is None:
            raise _untranslatable(text, f"“{body[position : position + 10].strip()}” is not understood")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()
    if not end:
        raise _untranslatable(text, "it is empty")


def _word(kind: str, written: str, text: str) -> str:
    if kind == "sign":
        return _SIGNS.get(written, written)
    if kind == "name" and written in _UNSUPPORTED:
        raise _untranslatable(text, f"“{written}” is not understood")
    return _WORDS.get(written, written) if kind == "name" else written


def _bind_negations(words: list[str]) -> Iterator[str]:
    """Let `!x` and `empty x` bind tighter than a comparison, as they do where they come from."""
    rest = iter(words)
    for word in rest:
        if word not in ("!", "empty"):
            yield word
            continue
        operand = next(rest, "")
        yield "not (" if operand == "(" else f"(not {operand})"


def _untranslatable(text: str, reason: str) -> ExpressionError:
    return ExpressionError(
        f"The expression of another tool cannot be translated: {reason}. Write it in Python syntax, for example "
        "amount > 100 and status == 'new'.",
        text,
    )
