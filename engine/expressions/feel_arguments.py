"""The names of the arguments of FEEL's functions (DMN 1.3, 10.3.4), for calls such as `modulo(dividend: 7, divisor: 2)`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from engine.expressions.foreign_words import OR_ELSE, untranslatable

Names = tuple[str, ...]
"""What the arguments are called, in the order in which they stand without names."""
_LIST: Final = (("list",),)
_DATE: Final = (("date",),)
_SCALED: Final = (("n", "scale"),)
_NUMBER: Final = (("number",), ("n",))
_SEARCH: Final = (("string", "match"),)
_ARGUMENTS: Final[Mapping[str, tuple[Names, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                "all",
                "any",
                "count",
                "distinct values",
                "duplicate values",
                "flatten",
                "is empty",
                "max",
                "mean",
                "median",
                "min",
                "mode",
                "product",
                "reverse",
                "sort",
                "stddev",
                "sum",
            ],
            _LIST,
        ),
        **dict.fromkeys(["day of week", "day of year", "last day of month", "month of year", "week of year"], _DATE),
        **dict.fromkeys(
            ["ceiling", "decimal", "floor", "round up", "round down", "round half up", "round half down"], _SCALED
        ),
        **dict.fromkeys(["abs", "even", "exp", "log", "odd", "sqrt"], _NUMBER),
        **dict.fromkeys(["contains", "ends with", "starts with", "substring after", "substring before"], _SEARCH),
        **dict.fromkeys(["is blank", "lower case", "string length", "trim", "upper case"], (("string",),)),
        **dict.fromkeys(["duration", "string"], (("from",),)),
        "append": (("list", "item"),),
        "context": (("entries",),),
        "context merge": (("contexts",),),
        "context put": (("context", "key", "value"), ("context", "keys", "value")),
        "date": (("from",), ("year", "month", "day")),
        "date and time": (("from",), ("date", "time")),
        "extract": (("string", "pattern"),),
        "fromAi": (("value", "description", "type", "schema", "options"),),
        "get entries": (("m",), ("context",)),
        OR_ELSE: (("value", "default"),),
        "get value": (("m", "key"), ("context", "key")),
        "index of": (("list", "match"),),
        "insert before": (("list", "position", "newItem"),),
        "list contains": (("list", "element"),),
        "list replace": (("list", "position", "newItem"),),
        "matches": (("input", "pattern", "flags"),),
        "modulo": (("dividend", "divisor"),),
        "number": (("from", "grouping separator", "decimal separator"),),
        "partition": (("list", "size"),),
        "remove": (("list", "position"),),
        "replace": (("input", "pattern", "replacement", "flags"),),
        "split": (("string", "delimiter"),),
        "string join": (("list", "delimiter"),),
        "sublist": (("list", "start position", "length"),),
        "substring": (("string", "start position", "length"),),
        "years and months duration": (("from", "to"),),
        "time": (("from",), ("hour", "minute", "second")),
    }
)


def in_order(spoken: str, given: Mapping[str, str], own: Names | None) -> Sequence[str]:
    """Put what is given by name into the order of a function; `own` are the parameters of a business knowledge model.

    Raises ExpressionError with the names that there are, where one is unknown, or one before the last is missing.
    """
    known = (own,) if own is not None else _ARGUMENTS.get(spoken, ())
    for names in known:
        if given.keys() == set(names[: len(given)]):
            return [given[name] for name in names[: len(given)]]
    if not known:
        raise untranslatable(f"{spoken}() has no names for its values", None)
    shown = " or ".join(f"{spoken}({', '.join(names)})" for names in known)
    raise untranslatable(f"the values are named in another way than {shown}", None)
