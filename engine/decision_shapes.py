"""The answer of a decision in the shapes in which tasks of other products give it to a variable."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.errors import ExpressionError


def shaped(answer: Any, shape: str, name: str) -> Any:
    """Give an answer in a shape; `name` is what the one output is called where only its values were given.

    Raise ExpressionError where there is more than the shape has room for.
    """
    return _SHAPES[shape](answer, name)


def _rows(answer: Any) -> list[Any]:
    """Give the conclusions of the rules that matched."""
    if isinstance(answer, list):
        return answer
    is_nothing = answer is None or (isinstance(answer, dict) and all(value is None for value in answer.values()))
    return [] if is_nothing else [answer]


def _entry(row: Any) -> Any:
    if not isinstance(row, Mapping):
        return row
    if len(row) > 1:
        raise ExpressionError("The decision gives several outputs, but the task takes one; let it take the result.", "")
    return next(iter(row.values()), None)


def _result(row: Any, name: str) -> Any:
    return row if isinstance(row, Mapping) else {name: row}


def _only(rows: list[Any]) -> Any:
    if len(rows) > 1:
        raise ExpressionError("Several rules match, but the task takes the result of one; let it take the list.", "")
    return rows[0] if rows else None


def _single_result(answer: Any, name: str) -> Any:
    row = _only(_rows(answer))
    return None if row is None else _result(row, name)


def _as_the_standard_says(answer: Any, _name: str) -> Any:
    """Give one output as its value, several as a group (DMN 1.3, 8.2.11)."""
    return next(iter(answer.values())) if isinstance(answer, dict) and len(answer) == 1 else answer


_SHAPES: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "singleEntry": lambda answer, _name: _entry(_only(_rows(answer))),
    "singleResult": _single_result,
    "collectEntries": lambda answer, _name: [_entry(row) for row in _rows(answer)],
    "resultList": lambda answer, name: [_result(row, name) for row in _rows(answer)],
    "value": _as_the_standard_says,
}
SHAPES: Final = frozenset(_SHAPES)
