"""The sieges have teeth: each of six faults, planted into their children, is found."""

from collections.abc import Callable, Iterator

import pytest
from busy_day import Place
from figures import Count
from planted import FAULTS, without_unique_key
from siege import Siege

WORK = ("complete", "complete", "tick", "pay", "nap", "mend")
MOST_ROUNDS = 12


def kills(*points: str) -> Callable[[Siege], Iterator[list[str]]]:
    def attack(siege: Siege) -> Iterator[list[str]]:
        for time in range(1, MOST_ROUNDS + 1):
            for point in points:
                yield siege.kill(f"{point}=die@{time}", ("start", *WORK))

    return attack


def hurts(*points: str) -> Callable[[Siege], Iterator[list[str]]]:
    def attack(siege: Siege) -> Iterator[list[str]]:
        for time in range(5, MOST_ROUNDS + 1):
            for point in points:
                yield siege.hurt(f"{point}=raise@{time}", ("start", *WORK))

    return attack


def overtaken(siege: Siege) -> Iterator[list[str]]:
    """Complete an item of an order while another child fires the timer beside it."""
    for _ in range(MOST_ROUNDS):
        yield siege.hurt("", ("start", *("complete", "tick") * 3))
        yield siege.overtake("step.run=stop@1", ("look",), ("nap",))


ATTACKS = {
    "split transaction": kills("step.state_saved", "step.items_inserted"),
    "mark before send": kills("job.operation_done"),
    "no version check": overtaken,
    "no unique key": kills("step.committed"),
    "timer fired before commit": kills("timer.claimed"),
    "cache not dropped": hurts("step.state_saved", "step.before_commit"),
}
NEVER_INTERLEAVED = "writers of SQLite take turns from the first look on, so no state is stale when it is written"


def found(siege: Siege, attack: Callable[[Siege], Iterator[list[str]]]) -> tuple[int, list[str]]:
    """Give after how many rounds a breach was found, and what was."""
    for number, breaches in enumerate(attack(siege), start=1):
        if breaches:
            return number, breaches
    return 0, []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    place: Place, fault: str, record_testsuite_property: Callable[[str, object], None], count: Count
) -> None:
    if fault == "no version check" and place.url.startswith("sqlite"):
        pytest.skip(NEVER_INTERLEAVED)
    siege = Siege(place, FAULTS[fault])
    if fault == "no unique key":
        without_unique_key(place)

    rounds, breaches = found(siege, ATTACKS[fault])

    record_testsuite_property(f"{fault} found after", rounds)
    count("planted faults found", bool(breaches))
    assert breaches


def test_without_a_fault_the_same_attacks_find_nothing(place: Place) -> None:
    siege = Siege(place)

    for fault, attack in ATTACKS.items():
        if fault != "no version check" or place.url.startswith("postgresql"):
            rounds = attack(siege)
            assert [next(rounds), next(rounds)] == [[], []], fault

    assert siege.end() == []
