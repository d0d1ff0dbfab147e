"""Killed four times at every named point, with people, senders and workers at it: nothing is lost and nothing done twice."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from busy_day import Place
from figures import Count
from siege import Siege

pytestmark = pytest.mark.timeout(900)  # a busy machine draws out hundreds of forks
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


@cache
def points() -> frozenset[str]:
    """Give every failpoint that the product's code names, and the one in the middle of the test's own operation."""
    named = (call.args[0] for path in sources() for call in calls(path))
    return frozenset({"effect.done", *(str(name.value) for name in named if isinstance(name, ast.Constant))})


def of_group(group: str) -> list[str]:
    """Give the failpoints of a group, sorted."""
    return sorted(point for point in points() if point.partition(".")[0] == group)


def sources() -> Iterator[Path]:
    """Give the product's files of Python."""
    return (path for package in ("capture", "engine", "storage", "web") for path in (ROOT / package).rglob("*.py"))


def calls(path: Path) -> Iterator[ast.Call]:
    """Give the places of a file where the program may be let die."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_failpoint(node.func))


def _is_failpoint(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("failpoint", "mark")


def test_every_point_belongs_to_a_group_that_kills_it() -> None:
    killed = {point for group in GROUPS for point in of_group(group)}

    assert killed == points() - ELSEWHERE
    assert all(of_group(group) for group in GROUPS)


def test_each_failpoint_is_named_where_it_stands() -> None:
    """A name that is worked out while the program runs would be killed at by nobody."""
    told = {
        call.lineno: path for path in sources() for call in calls(path) if not isinstance(call.args[0], ast.Constant)
    }

    assert set(told.values()) <= {ROOT / "storage" / "statements.py"}, told  # where `mark` hands its name on
    assert len(told) == 1


def test_the_points_killed_elsewhere_are_killed_there() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "migrations").glob("test_*.py"))

    assert [point for point in ELSEWHERE if point not in tests] == []


@pytest.mark.parametrize("group", GROUPS)
def test_killed_at_every_point_nothing_is_lost_and_nothing_done_twice(place: Place, group: str, count: Count) -> None:
    siege, found = Siege(place), []
    for point in of_group(group):
        for time in range(1, KILLS + 1):
            found += siege.kill(f"{point}=die@{time}", GROUPS[group])
    found += siege.end()

    count("kills at named failpoints", siege.kills)
    count("kills at named failpoints: breaches", len(found))
    assert found == []


@pytest.mark.parametrize("group", GROUPS)
def test_hurt_at_every_point_nothing_is_lost_and_nothing_done_twice(place: Place, group: str) -> None:
    siege, found = Siege(place), []
    for point in of_group(group):
        found += siege.hurt(f"{point}=raise@2", GROUPS[group])

    assert found + siege.end() == []
