"""Scripts of other products whose last value goes to a variable: an expression worked out, or our script that sets it."""

import ast
import re
from typing import Final

from lxml import etree

from engine.diagrams.vendor_expressions import LONGEST, as_text
from engine.diagrams.vocabulary import script_text
from engine.errors import ExpressionError
from engine.expressions import compile_expression
from engine.foreign import translate
from engine.scripts import LONGEST_SCRIPT
from engine.syntax import parse_script

_NUMBER: Final = re.compile(r"-?\d{1,30}(\.\d{1,30})?")


def worked_out(task: etree._Element) -> str | None:
    """Say a script that is one JUEL expression, or a text with some in it; a number is one, as JUEL reckons with it."""
    text = script_text(task) or ""
    if (task.get("scriptFormat") or "").strip().lower() != "juel" or not 0 < len(text) <= LONGEST:
        return None
    return text if _NUMBER.fullmatch(text) else as_text(text)


def feel(text: str) -> str | None:
    """Say a script that is a FEEL expression."""
    try:
        said = translate(text if text.lstrip().startswith("=") else f"={text}")
        compile_expression(said)
    except ExpressionError:
        return None
    return said


def with_result(task: etree._Element, variable: str) -> str | None:
    """Let a script set a variable to the value of the expression that it ends with."""
    text = script_text(task) or ""
    if len(text) > LONGEST_SCRIPT:
        return None
    try:
        last = parse_script(text).body[-1:]
    except ExpressionError:
        return None
    if not last or not isinstance(last[0], ast.Expr) or last[0].col_offset:
        return None
    lines = text.splitlines()[: last[0].lineno - 1]
    value = ast.get_source_segment(text, last[0].value)
    return "\n".join([*lines, f"{variable} = ({value})"])
