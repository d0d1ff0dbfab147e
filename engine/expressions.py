"""The closed expression language: Python syntax over plain data, with a budget, and no way out of it.

An expression is read once and its tree checked against a short list of node types; then simpleeval walks that tree. No name
but the given variables and the pure functions exists; a dot reaches entries of a group and never an attribute of a Python
object. Every step and every value made is charged to a budget, so the longest evaluation ends well within a second.
Nothing is compiled to byte code: the text goes through Python's parser alone.
"""

import ast
import decimal
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import simpleeval

from engine import plain
from engine.errors import CostlyExpression, ExpressionError
from engine.foreign import is_foreign, translate
from engine.functions import FUNCTIONS
from engine.syntax import parse_expression

LONGEST_EXPRESSION = 5_000
"""Characters of an expression."""
MOST_NODES = 1_000
DEEPEST = 40
BUDGET = 200_000
"""Steps of one evaluation; a step takes one to two microseconds."""
CONSTANT_NAMES: Mapping[str, Any] = {"true": True, "false": False, "null": None}
LOOKS_AT_NAMES = "is_set"
"""The one function that sees its argument before it has a value: `is_set(order.price)`."""

_CONSTANTS = (bool, int, float, str, type(None))
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: plain.add,
    ast.Sub: plain.subtract,
    ast.Mult: plain.multiply,
    ast.Div: plain.divide,
    ast.FloorDiv: plain.divide_whole,
    ast.Mod: plain.remainder,
    ast.Pow: plain.power,
    ast.USub: plain.negative,
    ast.UAdd: plain.positive,
    ast.Not: lambda value: not value,
    ast.Eq: plain.equal,
    ast.NotEq: lambda left, right: not plain.equal(left, right),
    ast.Lt: plain.less,
    ast.LtE: plain.less_or_equal,
    ast.Gt: plain.greater,
    ast.GtE: plain.greater_or_equal,
    ast.Is: plain.equal,
    ast.IsNot: lambda left, right: not plain.equal(left, right),
    ast.In: lambda item, whole: FUNCTIONS["contains"](whole, item),
    ast.NotIn: lambda item, whole: not FUNCTIONS["contains"](whole, item),
}
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
_ALLOWED = frozenset({*_STRUCTURE, *_OPERATORS})
_REFUSALS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "Formatted texts are not understood; join texts with + and str().",
    ast.Lambda: "Functions cannot be defined in an expression.",
    ast.NamedExpr: "An expression cannot set a variable; a script task can.",
    ast.Set: "Write a list with [...] in place of {...}.",
    ast.Starred: "A star is not understood here.",
    ast.keyword: "Arguments are given by position, without a name.",
}


class MissingVariable(ExpressionError):
    """The expression names a variable or entry that does not exist; set it before, or ask with is_set()."""

    code = "variable_missing"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read and may be evaluated any number of times, by any thread."""

    text: str
    names: frozenset[str]
    """The variables it uses."""
    _tree: ast.Expression = field(repr=False, compare=False)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Work the expression out over plain data; raise ExpressionError, or CostlyExpression beyond the budget."""
        try:
            with decimal.localcontext(plain.ARITHMETIC):
                return _Evaluation(names).value_of(self._tree)
        except ExpressionError as error:
            error.expression = error.expression or self.text
            raise
        except RecursionError as error:
            raise CostlyExpression("The expression is nested too deeply.", self.text) from error
        except MemoryError as error:
            raise CostlyExpression("The expression needs too much memory.", self.text) from error
        except _FAILURES as error:
            raise ExpressionError(_sentence(error), self.text) from error


_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, simpleeval.InvalidExpression)


@functools.lru_cache(maxsize=4_096)
def compile_expression(text: str) -> Expression:
    """Read an expression; raise ExpressionError with a sentence if it is faulty or uses what is not allowed."""
    if len(text) > LONGEST_EXPRESSION:
        raise CostlyExpression(f"The expression is longer than {LONGEST_EXPRESSION:,} characters.", text[:200])
    try:
        source = _one_line(translate(text) if is_foreign(text) else text)
        tree = parse_expression(source)
        _check(tree, source)
    except ExpressionError as error:
        error.expression = text
        raise
    return Expression(text, frozenset(_variables(tree)), tree)


def _one_line(text: str) -> str:
    """Put brackets around an expression that goes over several lines, since they need them."""
    source = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    if not source:
        raise ExpressionError("The expression is empty.")
    return f"({source}\n)" if "\n" in source else source


def _check(tree: ast.Expression, source: str) -> None:
    lines = source.split("\n")
    for number, node in enumerate(_walk(tree)):
        if number >= MOST_NODES:
            raise CostlyExpression(f"The expression has more than {MOST_NODES:,} parts.")
        if type(node) not in _ALLOWED:
            fallback = f"“{type(node).__name__}” is not part of the expression language."
            raise ExpressionError(_REFUSALS.get(type(node), fallback))
        _check_node(node, lines)


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
        if abs(value.adjusted()) > 300:  # noqa: PLR2004  (as for whole numbers)
            raise CostlyExpression("The number has more than 300 digits.")
        node.value = value  # type: ignore[assignment]  # the tree is only walked by us
    else:
        plain.bounded(node.value)


def _check_call(node: ast.Call) -> None:
    if isinstance(node.func, ast.Attribute):
        raise ExpressionError(
            f"Values have no methods here; write {node.func.attr}(value) if there is such a function, "
            f"or one of: {', '.join(sorted(FUNCTIONS))}."
        )
    if not isinstance(node.func, ast.Name):
        raise ExpressionError("Only the named functions can be called.")
    if node.func.id == LOOKS_AT_NAMES:
        if len(node.args) != 1:
            raise ExpressionError("is_set() takes one variable.")
    elif node.func.id not in FUNCTIONS:
        raise ExpressionError(f"There is no function “{node.func.id}”; there are {', '.join(sorted(FUNCTIONS))}.")


def _check_target(node: ast.comprehension) -> None:
    parts = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
    if node.is_async or not all(isinstance(part, ast.Name) for part in parts):
        raise ExpressionError("The names after “for” are plain names.")


def _refuse_hidden(name: str) -> None:
    if name.startswith("_"):
        raise ExpressionError(f"Names that start with an underscore, such as “{name[:80]}”, cannot be used.")


def _variables(tree: ast.Expression) -> Iterator[str]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in own | CONSTANT_NAMES.keys():
            yield node.id


class _Evaluation(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]  # simpleeval has no types
    """One walk over one tree; the library's tables of functions, operators and nodes are replaced by ours."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        # The library's own constructor brings its functions, and changes the warning filters of the whole process.
        self.names = names
        self.functions = FUNCTIONS
        self.operators = _OPERATORS
        self.allowed_attrs: dict[type, set[str]] = {}
        self.left = BUDGET
        self.nodes = {
            ast.Expression: self._expression,
            ast.Name: self._name,
            ast.Constant: self._constant,
            ast.UnaryOp: self._eval_unaryop,
            ast.BinOp: self._eval_binop,
            ast.BoolOp: self._eval_boolop,
            ast.Compare: self._eval_compare,
            ast.IfExp: self._eval_ifexp,
            ast.Call: self._call,
            ast.Attribute: self._entry,
            ast.Subscript: self._item,
            ast.List: self._list,
            ast.Tuple: self._list,
            ast.Dict: self._group,
            ast.ListComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
        }

    def value_of(self, tree: ast.Expression) -> Any:
        """Work the tree out."""
        return self._eval(tree)

    def _eval(self, node: ast.AST) -> Any:
        self._charge(1)
        return plain.plain(self.nodes[type(node)](node))

    def _charge(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise CostlyExpression("The expression takes too many steps; make its lists or texts smaller.")

    def _weigh(self, *values: Any) -> None:
        for value in values:
            if isinstance(value, str | list | dict):
                self._charge(plain.weight(value, self.left))

    def _expression(self, node: ast.Expression) -> Any:
        return self._eval(node.body)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in CONSTANT_NAMES:
            return CONSTANT_NAMES[node.id]
        raise MissingVariable(f"The variable “{node.id}” is not set.")

    def _eval_unaryop(self, node: ast.UnaryOp) -> Any:
        return _OPERATORS[type(node.op)](self._eval(node.operand))

    def _eval_binop(self, node: ast.BinOp) -> Any:
        left, right = self._eval(node.left), self._eval(node.right)
        self._weigh(left, right)
        value = _OPERATORS[type(node.op)](left, right)
        self._weigh(value)
        return value

    def _eval_compare(self, node: ast.Compare) -> bool:
        left = self._eval(node.left)
        for operation, following in zip(node.ops, node.comparators, strict=True):
            right = self._eval(following)
            self._weigh(left, right)
            if not _OPERATORS[type(operation)](left, right):
                return False
            left = right
        return True

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id  # type: ignore[attr-defined]  # seen to by _check_call
        if name == LOOKS_AT_NAMES:
            return self._is_set(node.args[0])
        arguments = [self._eval(argument) for argument in node.args]
        self._weigh(*arguments)
        value = FUNCTIONS[name](*arguments)
        self._weigh(value)
        return value

    def _is_set(self, node: ast.expr) -> bool:
        try:
            return self._eval(node) is not None
        except MissingVariable:
            return False

    def _entry(self, node: ast.Attribute) -> Any:
        return self._pick(self._eval(node.value), node.attr)

    def _item(self, node: ast.Subscript) -> Any:
        whole = self._eval(node.value)
        if not isinstance(node.slice, ast.Slice):
            return self._pick(whole, self._eval(node.slice))
        parts = (node.slice.lower, node.slice.upper, node.slice.step)
        bounds = [None if part is None else self._eval(part) for part in parts]
        if not isinstance(whole, str | list) or not all(bound is None or type(bound) is int for bound in bounds):
            raise ExpressionError("Only texts and lists have parts [from:to], by whole numbers.")
        self._charge(len(whole) // 100)
        return whole[slice(*bounds)]

    def _pick(self, whole: Any, key: Any) -> Any:
        if isinstance(whole, dict):
            if isinstance(key, str) and key in whole:
                return whole[key]
            raise MissingVariable(f"There is no entry “{str(key)[:80]}”.")
        if not isinstance(whole, str | list) or type(key) is not int:
            raise ExpressionError(f"{plain.kind_of(whole).capitalize()} has no entry “{str(key)[:80]}”.")
        if not -len(whole) <= key < len(whole):
            raise MissingVariable(f"There is no entry {key} among {len(whole)}.")
        return whole[key]

    def _list(self, node: ast.List | ast.Tuple) -> list[Any]:
        value = [self._eval(item) for item in node.elts]
        self._weigh(value)
        return value

    def _group(self, node: ast.Dict) -> dict[str, Any]:
        keys = [self._eval(key) for key in node.keys if key is not None]
        if not all(isinstance(key, str) for key in keys):
            raise ExpressionError("The keys of {...} are texts.")
        value = dict(zip(keys, map(self._eval, node.values), strict=True))
        self._weigh(value)
        return value

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> list[Any]:
        value: list[Any] = []
        self._fill(value, node, 0)
        self._weigh(value)
        return value

    def _fill(self, value: list[Any], node: ast.ListComp | ast.GeneratorExp, depth: int) -> None:
        if depth == len(node.generators):
            value.append(self._eval(node.elt))
            plain.bounded(value)
            return
        loop, outer = node.generators[depth], self.names
        items = self._eval(loop.iter)
        if not isinstance(items, list | dict):
            raise ExpressionError(f"{plain.kind_of(items).capitalize()} has no entries to go through.")
        try:
            for item in items:
                self._charge(1)
                self.names = _Scope(_bound(loop.target, item), outer)
                if all(self._eval(condition) for condition in loop.ifs):
                    self._fill(value, node, depth + 1)
        finally:
            self.names = outer


class _Scope(dict[str, Any]):
    """The names of a loop over those around it."""

    def __init__(self, own: Mapping[str, Any], outer: Mapping[str, Any]) -> None:
        super().__init__(own)
        self.outer = outer

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.outer

    def __missing__(self, name: str) -> Any:
        return self.outer[name]


def _bound(target: ast.expr, item: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: item}
    names = [part.id for part in target.elts if isinstance(part, ast.Name)]  # type: ignore[attr-defined]  # _check_target
    if not isinstance(item, list | tuple) or len(item) != len(names):
        raise ExpressionError(f"The entry has not the {len(names)} parts that are named.")
    return dict(zip(names, item, strict=True))


def _sentence(error: Exception) -> str:
    """Say in words what went wrong inside a function or an arithmetic operation."""
    if isinstance(error, ZeroDivisionError | decimal.DivisionUndefined):
        return "Division by zero."
    if isinstance(error, OverflowError):
        return "A number, date or duration is too large."
    if isinstance(error, decimal.DecimalException):
        return "A number is too large, or has too many digits, for this operation."
    return f"The expression cannot be worked out: {str(error)[:200] or type(error).__name__}."
