"""Simple expressions of other languages, `${a == b}` (JUEL) and `= a = b` (FEEL), said in our own expression language."""

import re
from typing import Final

from engine.expressions.feel_phrases import say_feel
from engine.expressions.foreign_words import feel_tokens, tokens, untranslatable
from engine.expressions.juel_phrases import say_juel

_HOLE: Final = re.compile(r"[$#]\{([^{}]*)\}")


def is_foreign(text: str) -> bool:
    """Tell whether a text is marked as another tool's expression."""
    return text.lstrip().startswith(("=", "${", "#{"))


def is_feel(text: str) -> bool:
    """Tell whether a text is marked as FEEL."""
    return text.lstrip().startswith("=")


def is_worked_out(name: str) -> bool:
    """Tell whether another tool's name of a message or signal holds expressions, as `order-${number}` does."""
    return is_feel(name) or _HOLE.search(name) is not None


def translate_name(name: str) -> str:
    """Say a name that holds expressions as one expression; raise ExpressionError for what is not understood."""
    if is_feel(name):
        return f"str({translate(name)})"
    pieces = _HOLE.split(name)
    said = [f"str({translate_unmarked(piece)})" if place % 2 else repr(piece) for place, piece in enumerate(pieces)]
    return " + ".join(piece for piece in said if piece != "''")


def translate(text: str) -> str:
    """Say a marked foreign expression in Python syntax; raise ExpressionError for what is not understood."""
    stripped = text.strip()
    if is_feel(stripped):
        return translate_feel(stripped[1:])
    if not stripped.endswith("}") or "${" in stripped[2:] or "#{" in stripped[2:]:
        raise untranslatable("only one ${...} around the whole is understood", text)
    return translate_unmarked(stripped[2:-1])


def translate_unmarked(text: str) -> str:
    """Say an expression without a mark that is none of ours, `a = "b"` or `!a && b`; raise ExpressionError if it is none."""
    return say_juel(tokens(text))


def translate_feel(text: str) -> str:
    """Say a FEEL expression in Python syntax; raise ExpressionError for what is not understood."""
    return say_feel(feel_tokens(text))
