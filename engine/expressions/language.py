"""The closed expression language: Python syntax over plain data, with a budget, and no way out of it.

An expression is read once and its tree checked against a short list of node types; then simpleeval walks that tree. No name
but the given variables and the pure functions exists; a dot reaches entries of a group and never an attribute of a Python
object. Every step and every value made is charged to a budget, so the longest evaluation ends well within a second.
Nothing is compiled to byte code: the text goes through Python's parser alone.
"""

import ast
import decimal
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import simpleeval

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions import plain
from engine.expressions.evaluation import (
    CALLABLE,
    CONSTANT_NAMES,
    OPERATORS,
    Budget,
    Evaluation,
    FeelEvaluation,
)
from engine.expressions.feel_phrases import LOOKS_AT_NAMES
from engine.expressions.foreign import is_feel, is_foreign, translate, translate_unmarked
from engine.expressions.functions import FUNCTIONS, refuse_miscounted
from engine.expressions.syntax import parse_expression
from engine.expressions.working_functions import CALENDAR_ARGUMENT, WORKING_FUNCTIONS

LONGEST_EXPRESSION = 5_000
"""Characters of an expression."""
MOST_NODES = 1_000
DEEPEST = 40

_CONSTANTS = (bool, int, float, str, type(None))
_STRUCTURE = (
    ast.Expression,
    ast.Name,
    ast.Constant,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.ListComp,
    ast.GeneratorExp,
    ast.comprehension,
    ast.And,
    ast.Or,
    ast.Load,
    ast.Store,
)
_ALLOWED = frozenset({*_STRUCTURE, *OPERATORS})
_REFUSALS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "Formatted texts are not understood; join texts with + and str().",
    ast.Lambda: "Functions cannot be defined in an expression.",
    ast.NamedExpr: "An expression cannot set a variable; a script task can.",
    ast.Set: "Write a list with [...] in place of {...}.",
    ast.Starred: "A star is not understood here.",
    ast.keyword: "Arguments are given by position, without a name.",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read and may be evaluated any number of times, by any thread."""

    text: str
    names: frozenset[str]
    """The variables it uses."""
    calendars: frozenset[str]
    """The calendars that it names as texts."""
    _tree: ast.Expression = field(repr=False, compare=False)
    is_translated: bool = False
    """Whether it was written in the language of another tool."""
    is_feel: bool = False
    """Whether nothing is reckoned with as FEEL does: `null > 5` is null, and `null and false` is false."""
    is_timeless: bool = True
    """Whether it comes to the same whatever calendar is in force."""
    known: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    """The value of a constant, which is not worked out anew."""

    def evaluate(self, names: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """Work the expression out over plain data; raise ExpressionError, or CostlyExpression beyond the budget.

        Several expressions that belong together, as the cells of a table do, may share one budget.
        """
        if self.known:
            return self.known[0]
        try:
            with decimal.localcontext(plain.ARITHMETIC):
                walk = FeelEvaluation if self.is_feel else Evaluation
                return walk(names, budget or Budget()).value_of(self._tree)
        except ExpressionError as error:
            error.expression = error.expression or self.text
            raise
        except RecursionError as error:
            raise CostlyExpression("The expression is nested too deeply.", self.text) from error
        except MemoryError as error:
            raise CostlyExpression("The expression needs too much memory.", self.text) from error
        except _FAILURES as error:
            raise ExpressionError(_sentence(error), self.text) from error


_NONE: frozenset[str] = frozenset()
_NO_TREE = ast.Expression(ast.Constant(None))
"""What stands for the tree of a constant, over which nobody walks."""
_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, simpleeval.InvalidExpression)


@functools.lru_cache(maxsize=4_096)
def compile_expression(text: str) -> Expression:
    """Read an expression; raise ExpressionError with a sentence if it is faulty or uses what is not allowed."""
    if len(text) > LONGEST_EXPRESSION:
        raise CostlyExpression(f"The expression is longer than {LONGEST_EXPRESSION:,} characters.", text[:200])
    try:
        nodes, is_translated = _read(text)
    except ExpressionError as error:
        error.expression = text
        raise
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    names, calendars = frozenset(_variables(nodes, calls)), frozenset(_calendars(calls))
    is_timeless = not any(call.func.id in WORKING_FUNCTIONS for call in calls)  # type: ignore[attr-defined]  # a name
    return Expression(text, names, calendars, nodes[0], is_translated, is_feel(text), is_timeless)


def compile_feel(said: str) -> Expression:
    """Read what a FEEL expression says in our language; it reckons with nothing as FEEL does."""
    return replace(compile_expression(said), is_feel=True)


def constant(text: str, value: Any) -> Expression:
    """Make the FEEL expression of a single value; what is written as `text` is not looked at."""
    return Expression(text, _NONE, _NONE, _NO_TREE, is_feel=True, known=(value,))


def variable(name: str) -> Expression:
    """Make the expression that reads one variable, also one whose name cannot stand in a text, as `_7` or `class`."""
    return Expression(name, frozenset({name}), _NONE, ast.Expression(ast.Name(name, ast.Load())))


def _read(text: str) -> tuple[list[Any], bool]:
    """Give the nodes of an expression of ours or, where it is marked or none of ours, of another tool; tell whether it was."""
    if is_foreign(text):
        return _checked(translate(text)), True
    try:
        return _checked(text), False
    except CostlyExpression:
        raise
    except _Unspoken as error:
        try:
            return _checked(translate_unmarked(text)), True
        except ExpressionError:
            raise error from None


class _Unspoken(ExpressionError):
    """The expression is none of ours; write it anew."""


def _checked(text: str) -> list[ast.AST]:
    """Give the nodes of the tree of an expression, the whole of it first."""
    source = _one_line(text)
    try:
        tree = parse_expression(source)
    except CostlyExpression:
        raise
    except ExpressionError as error:
        raise _Unspoken(error.message, error.expression) from error
    return _check(tree, source)


def _one_line(text: str) -> str:
    """Put brackets around an expression that goes over several lines, since they need them."""
    source = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    if not source:
        raise ExpressionError("The expression is empty.")
    return f"({source}\n)" if "\n" in source else source


def _check(tree: ast.Expression, source: str) -> list[ast.AST]:
    lines, nodes = source.split("\n"), []
    for node in _walk(tree):
        nodes.append(node)
        if len(nodes) > MOST_NODES:
            raise CostlyExpression(f"The expression has more than {MOST_NODES:,} parts.")
        if type(node) not in _ALLOWED:
            fallback = f"“{type(node).__name__}” is not part of the expression language."
            raise ExpressionError(_REFUSALS.get(type(node), fallback))
        _check_node(node, lines)
    return nodes


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise CostlyExpression(f"The expression is nested more than {DEEPEST} levels deep.")
        yield node
        waiting.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _check_node(node: ast.AST, lines: list[str]) -> None:
    if isinstance(node, ast.Constant):
        _check_constant(node, lines)
    elif isinstance(node, ast.Name):
        _refuse_hidden(node.id)
    elif isinstance(node, ast.Attribute):
        _refuse_hidden(node.attr)
    elif isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.comprehension):
        _check_target(node)
    elif isinstance(node, ast.Dict) and not all(isinstance(key, ast.Constant) for key in node.keys):
        raise ExpressionError("The keys of {...} are written as texts.")


def _check_constant(node: ast.Constant, lines: list[str]) -> None:
    """Give numbers with a point their exact value as written, and refuse constants that are no plain data."""
    if type(node.value) not in _CONSTANTS:
        raise ExpressionError("Only texts, numbers, True, False and None are constants.")
    if isinstance(node.value, float):
        line = lines[node.lineno - 1].encode()
        written = line[node.col_offset : node.end_col_offset].decode().replace("_", "")
        value = plain.finite(Decimal(written))
        node.value = value  # type: ignore[assignment]  # the tree is only walked by us
    else:
        plain.bounded(node.value)


def _check_call(node: ast.Call) -> None:
    if isinstance(node.func, ast.Attribute):
        raise _Unspoken(
            f"Values have no methods here; write {node.func.attr}(value) if there is such a function, "
            f"or one of: {', '.join(sorted(FUNCTIONS))}."
        )
    if not isinstance(node.func, ast.Name):
        raise ExpressionError("Only the named functions can be called.")
    if node.func.id == LOOKS_AT_NAMES:
        if len(node.args) != 1:
            raise ExpressionError("is_set() takes one variable.")
    elif node.func.id not in CALLABLE:
        raise _Unspoken(f"There is no function “{node.func.id}”; there are {', '.join(sorted(FUNCTIONS))}.")
    elif not node.keywords:
        refuse_miscounted(node.func.id, CALLABLE[node.func.id], len(node.args))


def _check_target(node: ast.comprehension) -> None:
    parts = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
    if node.is_async or not all(isinstance(part, ast.Name) for part in parts):
        raise ExpressionError("The names after “for” are plain names.")


def _refuse_hidden(name: str) -> None:
    if name.startswith("_"):
        raise ExpressionError(f"Names that start with an underscore, such as “{name[:80]}”, cannot be used.")


def _variables(nodes: Sequence[ast.AST], calls: Sequence[ast.Call]) -> Iterator[str]:
    called = {id(node.func) for node in calls}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)} | CONSTANT_NAMES.keys()
    return (node.id for node in names if id(node) not in called and node.id not in own)


def _calendars(calls: Sequence[ast.Call]) -> Iterator[str]:
    for node in calls:
        named = node.args[CALENDAR_ARGUMENT.get(node.func.id, len(node.args)) :]  # type: ignore[attr-defined]  # a name
        yield from (part.value for part in named if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _sentence(error: Exception) -> str:
    """Say in words what went wrong inside a function or an arithmetic operation."""
    if isinstance(error, ZeroDivisionError):
        return "Division by zero."
    if isinstance(error, OverflowError):
        return "A number, date or duration is too large."
    if isinstance(error, decimal.DecimalException):
        return "A number is too large, or has too many digits, for this operation."
    return f"The expression cannot be worked out: {str(error)[:200] or type(error).__name__}."
