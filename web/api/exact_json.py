"""JSON as programs send it, read strictly: exact numbers, no name twice, no endless nesting."""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

DEEPEST: Final = 50
_MOST_DIGITS: Final = 100


def loads(text: str | bytes) -> Any:
    """Read JSON with decimal numbers as `Decimal`; raises `ValueError` with what is wrong with it."""
    try:
        value = json.loads(text, parse_float=_number, parse_constant=_refuse, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    _check_depth(value)
    return value


def _number(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation as error:
        raise ValueError(f"{digits[:40]} is no number.") from error
    if abs(number.adjusted()) > _MOST_DIGITS or len(digits) > _MOST_DIGITS:
        raise ValueError(f"The number {digits[:40]} has too many digits.")
    return number


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("An object has the same name twice.")
    return found


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return
    raise ValueError(_too_deep())


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> str:
    return f"The JSON is nested more than {DEEPEST} levels deep."
