"""A node stands still while another goes on, and then continues: what it has to write is stale, and nothing is done twice."""

import pytest
from busy_day import Place
from siege import Siege

WORK = ("start", *("complete", "tick") * 3)
OUTSIDE = ("complete.begun", "job.claimed", "job.operation_done", "effect.done")


@pytest.mark.parametrize("point", OUTSIDE)
def test_a_node_that_was_stopped_longer_than_its_lease_does_no_harm(place: Place, point: str) -> None:
    siege = Siege(place)

    found = siege.overtake(f"{point}=stop@2", WORK, (*WORK, "nap", "pay"))

    assert found + siege.end() == []


@pytest.mark.parametrize("time", range(1, 4))
def test_a_step_that_another_has_overtaken_is_refused_and_begins_again(place: Place, time: int) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("writers of SQLite take turns from the first look on")
    siege = Siege(place)
    found = siege.hurt("", WORK)

    found += siege.overtake(f"step.run=stop@{time}", ("look",), ("nap",))

    assert found + siege.end() == []
