"""What was measured, beside its goal, as lines of a table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import ge, le

_WIDTHS = (58, 12, 14)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached."""

    words: str
    is_met_by: Callable[[float], bool]


def at_least(value: float) -> Goal:
    """Give the goal to reach this value or more."""
    return Goal(f"at least {value:g}", lambda measured: ge(round(measured, 2), value))


def at_most(value: float) -> Goal:
    """Give the goal to stay at this value or below."""
    return Goal(f"at most {value:g}", lambda measured: le(round(measured, 2), value))


@dataclass
class Table:
    """The lines measured so far; each is printed as soon as it is there."""

    missed: list[str] = field(default_factory=list)

    def add(self, what: str, measured: float, goal: Goal | None = None, unit: str = "") -> None:
        """Add a line; without a goal it only tells."""
        verdict = "" if goal is None else "reached" if goal.is_met_by(measured) else "MISSED"
        if verdict == "MISSED":
            self.missed.append(what)
        shown = f"{measured:,.0f}" if measured >= 100 else f"{measured:.2f}"
        cells = (what, f"{shown} {unit}".strip(), goal.words if goal else "")
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)) + f"  {verdict}",
            flush=True,
        )

    def title(self, text: str) -> None:
        """Begin a group of lines."""
        print(f"\n{text}", flush=True)
