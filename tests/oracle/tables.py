"""Decision tables worked out a second time, from what a cell means and not from how it is written, without the product."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

SINGLE: Final = ("UNIQUE", "ANY", "FIRST", "PRIORITY")
POLICIES: Final = (*SINGLE, "RULE ORDER", "OUTPUT ORDER", "COLLECT", "C+", "C<", "C>", "C#")
RANKED: Final = ("red", "amber", "green")
"""The values of the first output, the most important first."""
VIOLATED: Final = "violated"
_BRACKETS: Final = {
    (True, True): ("[", "]"),
    (False, True): ("(", "]"),
    (True, False): ("[", ")"),
    (False, False): ("(", ")"),
}
_OUTWARD: Final = {"(": "]", ")": "["}
_COMPARED: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell, and what it is true for."""

    text: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """A rule: one cell for a number, one for a word, and two outputs, a colour and a number."""

    number: Cell
    word: Cell
    colour: str
    amount: int

    def matches(self, number: Any, word: Any) -> bool:
        """Tell whether both cells hold."""
        return self.number.holds(number) and self.word.holds(word)


def random_rows(dice: Random) -> list[Row]:
    """Make up to five rules."""
    return [Row(_number(dice), _word(dice), dice.choice(RANKED), dice.randint(1, 3)) for _ in range(dice.randint(0, 5))]


def concluded(policy: str, rows: Sequence[Row], number: Any, word: Any) -> Any:
    """Say what a table comes to: an answer, `violated`, or None where a single answer is missing."""
    hits = [(row.colour, row.amount) for row in rows if row.matches(number, word)]
    if policy in SINGLE:
        return _single(policy, hits)
    amounts = [amount for _, amount in hits]
    match policy:
        case "OUTPUT ORDER":
            return sorted(hits, key=lambda hit: RANKED.index(hit[0]))
        case "C#":
            return len(amounts)
        case "C+" | "C<" | "C>":
            return {"C+": sum, "C<": min, "C>": max}[policy](amounts) if amounts else None
        case _:
            return hits


def _single(policy: str, hits: Sequence[tuple[str, int]]) -> Any:
    if not hits:
        return None
    if (policy == "UNIQUE" and len(hits) > 1) or (policy == "ANY" and len(set(hits)) > 1):
        return VIOLATED
    return min(hits, key=lambda hit: RANKED.index(hit[0])) if policy == "PRIORITY" else hits[0]


def _number(dice: Random) -> Cell:
    kind = dice.choice(("any", "equal", "compare", "range", "list", "not", "null"))
    low = dice.randint(0, 6)
    high = low + dice.randint(0, 4)
    if kind == "compare":
        sign = dice.choice(list(_COMPARED))
        return Cell(f"{sign} {low}", lambda value: value is not None and _COMPARED[sign](value, low))
    if kind == "range":
        return _range(dice, low, high)
    return {
        "any": Cell("-", lambda _: True),
        "equal": Cell(str(low), lambda value: value == low),
        "list": Cell(f"{low}, > {high + 2}", lambda value: value is not None and (value == low or value > high + 2)),
        "not": Cell(f"not({low}, {high})", lambda value: value not in {low, high}),
        "null": Cell("null", lambda value: value is None),
    }[kind]


def _range(dice: Random, low: int, high: int) -> Cell:
    ends = dice.random() < 0.5, dice.random() < 0.5
    left, right = _BRACKETS[ends]
    if dice.random() < 0.5:
        left, right = _OUTWARD.get(left, left), _OUTWARD.get(right, right)

    def holds(value: Any) -> bool:
        above = value is not None and (value >= low if ends[0] else value > low)
        return above and (value <= high if ends[1] else value < high)

    return Cell(f"{left}{low}..{high}{right}", holds)


def _word(dice: Random) -> Cell:
    first, second = dice.sample(("a", 'b"c', "d,e", "f\\g"), 2)
    one, other = _quoted(first), _quoted(second)
    return dice.choice(
        (
            Cell("-", lambda _: True),
            Cell("", lambda _: True),
            Cell(one, lambda value: value == first),
            Cell(f"{one},{other}", lambda value: value in {first, second}),
            Cell(f"not({one})", lambda value: value != first),
            Cell(f"not({one}, {other})", lambda value: value not in {first, second}),
        )
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
