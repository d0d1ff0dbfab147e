"""Killed four times at every named point, with people, senders and workers at it: nothing is lost and nothing done twice."""

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from busy_day import Place
from siege import Siege

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PARCELFLOW_KILLS_A_POINT", "4"))
WORK = ("complete", "complete", "tick", "pay", "nap", "mend")
GROUPS: dict[str, tuple[str, ...]] = {
    "intake": ("deliver", "tick"),
    "claim": ("start", "claim", "claim", "complete"),
    "complete": ("start", *WORK),
    "step": ("start", "suspend", "go_on", *WORK),
    "timer": ("start", "nap", *WORK, "deploy"),
    "message": ("start", "pay", *WORK),
    "signal": ("start", "bell", *WORK),
    "job": ("start", "deliver", *WORK),
    "effect": ("start", *WORK),
    "migrate": ("start", "start", "complete", "deploy", "migrate", "tick", "tick", "mend"),
    "deploy": ("deploy", "start", "tick"),
}
ELSEWHERE = {"schema.step", "schema.before_commit"}  # tests/migrations


def points() -> set[str]:
    """Give every failpoint that the product's code names, and the one in the middle of the test's own operation."""
    named = {"effect.done"}
    for package in ("capture", "engine", "storage", "web"):
        for path in (ROOT / package).rglob("*.py"):
            named |= set(_named_in(ast.parse(path.read_text(encoding="utf-8"))))
    return named


def _named_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_failpoint(node.func) and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


def _is_failpoint(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("failpoint", "mark")


def test_every_point_belongs_to_a_group_that_kills_it() -> None:
    assert {point.partition(".")[0] for point in points() - ELSEWHERE} == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_killed_at_every_point_nothing_is_lost_and_nothing_done_twice(
    place: Place, group: str, record_property: Callable[[str, object], None]
) -> None:
    siege, found = Siege(place), []
    for point in sorted(point for point in points() if point.partition(".")[0] == group):
        for time in range(1, KILLS + 1):
            found += siege.kill(f"{point}=die@{time}", GROUPS[group])
    record_property("kills", siege.kills)

    assert found + siege.end() == []


@pytest.mark.parametrize("group", GROUPS)
def test_hurt_at_every_point_nothing_is_lost_and_nothing_done_twice(place: Place, group: str) -> None:
    siege, found = Siege(place), []
    for point in sorted(point for point in points() if point.partition(".")[0] == group):
        found += siege.hurt(f"{point}=raise@2", GROUPS[group])

    assert found + siege.end() == []
