"""Scripts of other products: an expression worked out for a variable, or our script that gets and sets variables like theirs."""

import ast
import keyword
import re
from typing import Final

from lxml import etree

from engine.diagrams.attributes import script_text
from engine.diagrams.vendor_expressions import LONGEST, as_text
from engine.errors import ExpressionError
from engine.expressions.foreign import translate
from engine.expressions.language import compile_expression
from engine.expressions.scripts import LONGEST_SCRIPT
from engine.expressions.syntax import parse_script

_GETTING: Final = "getVariable"
_SETTING: Final = "setVariable"
_HOLDER: Final = "execution"
"""What scripts call to get and set variables."""
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
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


def uses_variables(task: etree._Element) -> bool:
    """Tell whether a script may get or set variables by calls."""
    text = script_text(task) or ""
    return f"{_HOLDER}.{_GETTING}(" in text or f"{_HOLDER}.{_SETTING}(" in text


def with_variables(task: etree._Element) -> str | None:
    """Let a script get and set variables by their names, `execution.setVariable("a", 1)`; None where it does more with them."""
    tree = _read(script_text(task) or "")
    if tree is None or any(
        _asks(node) for scope in ast.walk(tree) if isinstance(scope, _SCOPES) for node in ast.walk(scope)
    ):
        return None
    try:
        plain = ast.fix_missing_locations(_ByName().visit(tree))
        return None if any(map(_asks, ast.walk(plain))) else ast.unparse(plain)
    except RecursionError:
        return None


class _ByName(ast.NodeTransformer):
    """Puts names in the place of calls that get and set variables."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Let a statement that sets a variable be an assignment."""
        match node.value:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=holder), attr=how), args=[ast.Constant(value=name), value]
            ) if (holder, how) == (_HOLDER, _SETTING) and _is_name(name) and not node.value.keywords:
                return ast.Assign([ast.Name(str(name), ast.Store())], self.visit(value))
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Let a call that gets a variable be its name."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=holder), attr=how), args=[ast.Constant(value=name)]) if (
                (holder, how) == (_HOLDER, _GETTING) and _is_name(name) and not node.keywords
            ):
                return ast.Name(str(name), ast.Load())
        self.generic_visit(node)
        return node


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def _asks(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == _HOLDER


def _read(text: str) -> ast.Module | None:
    if len(text) > LONGEST_SCRIPT:
        return None
    try:
        return parse_script(text)
    except ExpressionError:
        return None


def with_result(task: etree._Element, variable: str) -> str | None:
    """Let a script set a variable to the value of the expression that it ends with."""
    text = with_variables(task) if uses_variables(task) else script_text(task)
    tree = _read(text or "")
    if text is None or tree is None:
        return None
    last = tree.body[-1:]
    if not last or not isinstance(last[0], ast.Expr) or last[0].col_offset:
        return None
    lines = text.splitlines()[: last[0].lineno - 1]
    value = ast.get_source_segment(text, last[0].value)
    return "\n".join([*lines, f"{variable} = ({value})"])
