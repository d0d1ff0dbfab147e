"""The one door to Python's own parser: text becomes a tree to be looked at, never code to be run."""

import ast
import threading
import warnings

from engine.errors import CostlyExpression, ExpressionError

_ONE_AT_A_TIME = threading.Lock()


def parse_expression(source: str) -> ast.Expression:
    """Parse one expression; raise ExpressionError with the place of the fault."""
    tree = _parse(source, "eval", "expression")
    if not isinstance(tree, ast.Expression):
        raise ExpressionError("The expression cannot be read.", source)
    return tree


def parse_script(source: str) -> ast.Module:
    """Parse a script; raise ExpressionError with the place of the fault."""
    tree = _parse(source, "exec", "script")
    if not isinstance(tree, ast.Module):
        raise ExpressionError("The script cannot be read.", source)
    return tree


def _parse(source: str, mode: str, what: str) -> ast.AST:
    try:
        # The parser warns of odd escapes such as "\d"; filters are the whole process's, hence the lock.
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, what, mode)
    except SyntaxError as error:
        place = f"line {error.lineno}, character {error.offset}"
        raise ExpressionError(f"The {what} cannot be read: {error.msg} ({place}).", source) from error
    except ValueError as error:
        raise ExpressionError(f"The {what} cannot be read: {error}.", source) from error
    except (RecursionError, MemoryError) as error:
        raise CostlyExpression(f"The {what} is nested too deeply.", source) from error
