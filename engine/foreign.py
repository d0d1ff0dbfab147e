"""Simple expressions of other languages, `${a == b}` (JUEL) and `= a = b` (FEEL), said in our own expression language."""

from engine.feel_phrases import say_feel
from engine.foreign_words import feel_tokens, tokens, untranslatable
from engine.juel_phrases import say_juel


def is_foreign(text: str) -> bool:
    """Tell whether a text is marked as another tool's expression."""
    return text.lstrip().startswith(("=", "${", "#{"))


def is_feel(text: str) -> bool:
    """Tell whether a text is marked as FEEL."""
    return text.lstrip().startswith("=")


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
