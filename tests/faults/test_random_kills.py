"""Killed at any moment, three at once, a thousand times on each database: nothing is lost and nothing done twice."""

import os
from collections.abc import Callable
from random import Random

import pytest
from busy_day import Place
from figures import Count
from siege import Siege

KILLS = int(os.environ.get("PARCELFLOW_RANDOM_KILLS", "1000"))
FEW_KILLS = 12
KILLS_A_PLACE = 60
CHILDREN = 3


def storm(new_place: Callable[[], Place], kills: int) -> tuple[int, list[str]]:
    """Storm place after place; give how many were killed, and every breach."""
    random, done, found = Random(int(os.environ.get("PARCELFLOW_SEED", "1"))), 0, []
    while done < kills and not found:
        siege = Siege(new_place())
        while siege.kills < min(KILLS_A_PLACE, kills - done) and not found:
            found += siege.storm(CHILDREN, random.uniform(0.1, 0.9))
        done += siege.kills
        found += siege.end()
    return done, found


def test_a_few_killed_at_any_moment_lose_nothing(new_place: Callable[[], Place], count: Count) -> None:
    check(*storm(new_place, FEW_KILLS), count)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_thousand_killed_at_any_moment_lose_nothing(new_place: Callable[[], Place], count: Count) -> None:
    check(*storm(new_place, KILLS), count)


def check(done: int, found: list[str], count: Count) -> None:
    """Tell the figures, and that there are no breaches."""
    count("kills at random", done)
    count("kills at random: breaches", len(found))
    assert found == []
