"""Texts and expressions that other products write into their settings, said in our expression language."""

import ast
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from lxml import etree

from engine.diagrams.vocabulary import kind
from engine.errors import ExpressionError
from engine.expressions.foreign import is_feel, is_foreign, translate
from engine.expressions.language import compile_expression

LONGEST: Final = 1_000
MOST: Final = 500
"""Settings of one element that are looked at."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_IN_TEXT: Final = re.compile(r"[$#]\{([^{}]*)\}")


def as_key(text: str) -> str | None:
    """Take a text that names something; nothing where it is worked out."""
    return text if text and not is_foreign(text) and "${" not in text else None


def as_expression(text: str) -> str | None:
    """Say a text as an expression: another product's is translated, anything else is the text itself."""
    if not is_foreign(text):
        return repr(text) if as_key(text) else None
    try:
        return guarded(translate(text))
    except ExpressionError:
        return None


def guarded(python: str) -> str | None:
    """Let an expression be nothing while its variables are not set: elsewhere a setting may be worked out of nothing."""
    try:
        compile_expression(python)
    except ExpressionError:
        return None
    asked = " and ".join(f"is_set({path})" for path in sorted(set(_paths(ast.parse(python, mode="eval").body))))
    return f"({python}) if {asked} else None" if asked else python


def as_value(element: etree._Element) -> str | None:
    """Say the value that stands in an element: a text, also with expressions in it, a list or a map; None where it cannot be."""
    parts = list(element.iterchildren("*"))[: MOST + 1]
    if not parts:
        text = (element.text or "").strip()
        return as_text(text) if len(text) <= LONGEST else None
    if len(parts) == 1 and kind(parts[0]) in {"list", "map"} and len(parts[0]) <= MOST:
        return _checked(_gathered(parts[0]))
    return None


def as_mapped(source: str) -> str | None:
    """Say what Camunda 8 maps to a variable: FEEL, which is nothing where a variable is not set, else a number or a text."""
    text = source.strip()
    if not is_feel(text):
        return (str(Decimal(text)) if _NUMBER.fullmatch(text) else repr(text)) if text else None
    return _checked(f"=get or else({text[1:]}\n, null)")


def _gathered(holder: etree._Element) -> str | None:
    """Say a list of values, or a map of entries."""
    values = [as_value(part) for part in holder.iterchildren("*")]
    if None in values:
        return None
    if kind(holder) == "list":
        return f"[{', '.join(map(str, values))}]"
    keys = [part.get("key", "") for part in holder.iterchildren("*")]
    return f"{{{', '.join(f'{one!r}: {said}' for one, said in zip(keys, values, strict=True))}}}"


def as_text(text: str) -> str | None:
    """Say a text with expressions in it; one that is an expression as a whole keeps its kind of value."""
    if not text:
        return "None"
    if not _IN_TEXT.search(text):
        return repr(text)
    try:
        return _checked(translate(text))
    except ExpressionError:
        return _mixed(text)


def _mixed(text: str) -> str | None:
    """Join texts and what expressions between them come to, as JUEL says it: nothing for null, small letters for yes and no."""
    pieces = _IN_TEXT.split(text)
    try:
        translated = [f"({translate(f'${{{one}}}')})" for one in pieces[1::2]]
    except ExpressionError:
        return None
    spoken = [
        f"('' if {one} is None else 'true' if {one} == True else 'false' if {one} == False else str({one}))"
        for one in translated
    ]
    said_texts = [repr(one) for one in pieces[0::2]]
    return _checked(" + ".join(part for pair in zip(said_texts, [*spoken, "''"], strict=True) for part in pair))


def _checked(python: str | None) -> str | None:
    try:
        compile_expression(python or "")
    except ExpressionError:
        return None
    return python


def _paths(tree: ast.expr) -> Iterator[str]:
    """Give the variables that an expression reads, with the entries it reads of them."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        is_path = isinstance(node, ast.Name | ast.Attribute) and id(node) not in called
        if is_path and all(isinstance(part, ast.Name | ast.Attribute | ast.Load) for part in ast.walk(node)):
            yield ast.unparse(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))
