"""Walks the checked tree of an expression; simpleeval gives the walk, everything it can touch is ours."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import simpleeval

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions import plain
from engine.expressions.feel_functions import (
    FEEL_FUNCTIONS,
    NULL_AWARE,
    SCANNING,
    alike,
    property_of,
    refuse_unordered,
    shifted,
)
from engine.expressions.feel_phrases import BOUND, FILTERED, LOOKS_AT_NAMES
from engine.expressions.functions import FUNCTIONS
from engine.expressions.working_functions import COST, WORKING_FUNCTIONS

BUDGET = 100_000
"""Steps of one evaluation; a step takes one to three microseconds."""
CONSTANT_NAMES: Mapping[str, Any] = {"true": True, "false": False, "null": None}

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
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
    ast.Is: plain.loosely_equal,
    ast.IsNot: lambda left, right: not plain.loosely_equal(left, right),
    ast.In: lambda item, whole: FUNCTIONS["contains"](whole, item),
    ast.NotIn: lambda item, whole: not FUNCTIONS["contains"](whole, item),
}
CALLABLE: Mapping[str, Callable[..., Any]] = {**FUNCTIONS, **FEEL_FUNCTIONS}
"""All functions by name; those of FEEL have names that only their translation uses."""
_BY_SIZE = frozenset({ast.Lt, ast.LtE, ast.Gt, ast.GtE})
_DIVIDING = frozenset({ast.Div, ast.FloorDiv, ast.Mod})
_WALKED: Mapping[type[ast.AST], str] = {
    ast.Expression: "_expression",
    ast.Name: "_name",
    ast.Constant: "_constant",
    ast.UnaryOp: "_eval_unaryop",
    ast.BinOp: "_eval_binop",
    ast.BoolOp: "_eval_boolop",
    ast.Compare: "_eval_compare",
    ast.IfExp: "_eval_ifexp",
    ast.Call: "_call",
    ast.Attribute: "_entry",
    ast.Subscript: "_item",
    ast.List: "_list",
    ast.Tuple: "_list",
    ast.Dict: "_group",
    ast.ListComp: "_comprehension",
    ast.GeneratorExp: "_comprehension",
}
"""Which method walks over which part of a tree."""


@dataclass(slots=True)
class Budget:
    """The steps that an evaluation may still take."""

    left: int = BUDGET

    def charge(self, steps: int) -> None:
        """Take steps off; raise CostlyExpression when none is left."""
        self.left -= steps
        if self.left < 0:
            raise CostlyExpression("The expression takes too many steps; make its lists or texts smaller.")


class MissingVariable(ExpressionError):
    """The expression names a variable or entry that does not exist; set it before, or ask with is_set()."""

    code = "variable_missing"


class Evaluation(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]  # simpleeval has no types
    """One walk over one tree; the library's tables of functions, operators and nodes are replaced by ours."""

    def __init__(self, names: Mapping[str, Any], budget: Budget) -> None:
        # The library's own constructor brings its functions, and changes the warning filters of the whole process.
        self.names = names
        self.functions = CALLABLE
        self.operators = OPERATORS
        self.allowed_attrs: dict[type, set[str]] = {}
        self.budget = budget

    def value_of(self, tree: ast.Expression) -> Any:
        """Work the tree out."""
        return self._eval(tree)

    def _eval(self, node: ast.AST) -> Any:
        self.budget.charge(1)
        return plain.plain(getattr(self, _WALKED[type(node)])(node))

    def _weigh(self, *values: Any) -> None:
        for value in values:
            if isinstance(value, str | list | dict):
                self.budget.charge(plain.weight(value, self.budget.left))

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
        return OPERATORS[type(node.op)](self._eval(node.operand))

    def _eval_binop(self, node: ast.BinOp) -> Any:
        left, right = self._eval(node.left), self._eval(node.right)
        self._weigh(left, right)
        value = OPERATORS[type(node.op)](left, right)
        self._weigh(value)
        return value

    def _eval_ifexp(self, node: ast.IfExp) -> Any:
        return self._eval(node.body if self._holds(node.test) else node.orelse)

    def _holds(self, condition: ast.expr) -> bool:
        return bool(self._eval(condition))

    def _eval_compare(self, node: ast.Compare) -> bool:
        left = self._eval(node.left)
        for operation, following in zip(node.ops, node.comparators, strict=True):
            right = self._eval(following)
            self._weigh(left, right)
            if not OPERATORS[type(operation)](left, right):
                return False
            left = right
        return True

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id  # type: ignore[attr-defined]  # seen to when it was read
        if name == LOOKS_AT_NAMES:
            return self._is_set(node.args[0])
        return self._called(name, [self._eval(argument) for argument in node.args])

    def _called(self, name: str, arguments: list[Any]) -> Any:
        self._weigh(*arguments)
        if name in WORKING_FUNCTIONS:
            self.budget.charge(COST)
        if name in SCANNING:
            self.budget.charge(sum(len(argument) for argument in arguments if isinstance(argument, str)) // 2)
        value = CALLABLE[name](*arguments)
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
        self.budget.charge(len(whole) // 100)
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
                self.budget.charge(1)
                self.names = _Scope(self._bound(loop.target, item), outer)
                if all(map(self._holds, loop.ifs)):
                    self._fill(value, node, depth + 1)
        finally:
            self.names = outer

    def _bound(self, target: ast.expr, item: Any) -> dict[str, Any]:
        return _bound(target, item)


class FeelEvaluation(Evaluation):
    """A walk that knows of nothing what FEEL knows (DMN 1.3, tables 49 to 54): what is reckoned from it is nothing again."""

    def _eval_boolop(self, node: ast.BoolOp) -> bool | None:
        """Combine with three values: one that decides is enough, whatever the others are."""
        deciding = isinstance(node.op, ast.Or)
        is_unknown = False
        for part in node.values:
            value = self._eval(part)
            if isinstance(value, bool) and value == deciding:
                return value
            is_unknown = is_unknown or not isinstance(value, bool)
        return None if is_unknown else not deciding

    def _holds(self, condition: ast.expr) -> bool:
        """Tell whether a condition is true; nothing, and what is no truth value, is not (DMN 1.3, table 55)."""
        return self._eval(condition) is True

    def _eval_unaryop(self, node: ast.UnaryOp) -> Any:
        value = self._eval(node.operand)
        is_unknown = value is None or (isinstance(node.op, ast.Not) and not isinstance(value, bool))
        if is_unknown:
            return None
        if not isinstance(node.op, ast.Not):
            _refuse_unreckoned(value)
        return OPERATORS[type(node.op)](value)

    def _eval_binop(self, node: ast.BinOp) -> Any:
        left, right = self._eval(node.left), self._eval(node.right)
        if left is None or right is None:
            return None
        self._weigh(left, right)
        value = self._reckoned(type(node.op), left, right)
        self._weigh(value)
        return value

    def _reckoned(self, operation: type[ast.AST], left: Any, right: Any) -> Any:
        """Reckon as FEEL does: division by zero is null, and truth values, texts and lists are no numbers."""
        if operation in _DIVIDING and plain.is_number(right) and not right:
            return None
        if isinstance(left, time) and isinstance(right, timedelta) and operation in (ast.Add, ast.Sub):
            return shifted(left, right if operation is ast.Add else -right)
        for value in (left, right):
            _refuse_unreckoned(value, *((str, list) if operation is ast.Mult else ()))
        return OPERATORS[operation](left, right)

    def _called(self, name: str, arguments: list[Any]) -> Any:
        """Give null where an argument is null, unless the function takes it as a value or is one of ours alone."""
        is_within_list = name == "contains" and isinstance(arguments[0] if arguments else None, list | dict)
        is_aware = is_within_list or name in NULL_AWARE or name in WORKING_FUNCTIONS
        if not is_aware and any(value is None for value in arguments):
            return None
        return super()._called(name, arguments)

    def _pick(self, whole: Any, key: Any) -> Any:
        """Give an entry: a list has those of its members, a single value is a list of itself, what is beyond a list is null."""
        if isinstance(key, str) and isinstance(whole, list):
            self.budget.charge(len(whole))
            return [self._pick(item, key) for item in whole]
        if isinstance(key, str) and not isinstance(whole, dict):
            try:
                return None if whole is None else property_of(whole, key)
            except KeyError:
                return super()._pick(whole, key)
        if type(key) is int:
            items = whole if isinstance(whole, list) else [whole]
            return items[key] if -len(items) <= key < len(items) else None
        return super()._pick(whole, key)

    def _bound(self, target: ast.expr, item: Any) -> dict[str, Any]:
        bound = _bound(target, item)
        if FILTERED not in bound:
            return bound
        own = item if isinstance(item, dict) else {}
        self.budget.charge(2 * len(own))
        return {"item": item, **own, **{f"{BOUND}{name}": value for name, value in own.items()}, **bound}

    def _eval_compare(self, node: ast.Compare) -> bool | None:  # type: ignore[override]  # nothing is a third truth value
        left, is_unknown = self._eval(node.left), False
        for operation, following in zip(node.ops, node.comparators, strict=True):
            right = self._eval(following)
            self._weigh(left, right)
            is_by_size = type(operation) in _BY_SIZE
            if (left is None or right is None) if is_by_size else not alike(left, right):
                is_unknown = True
            else:
                if is_by_size:
                    refuse_unordered(left, right)
                if not OPERATORS[type(operation)](left, right):
                    return False
            left = right
        return None if is_unknown else True


def _refuse_unreckoned(value: Any, *others: type) -> None:
    """Raise ExpressionError for a truth value, or a value of the other kinds."""
    if isinstance(value, (bool, *others)):
        raise ExpressionError(f"FEEL does not reckon with {plain.kind_of(value)}.")


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
