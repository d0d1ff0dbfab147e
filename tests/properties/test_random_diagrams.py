"""Random diagrams run alike in the product and in a second engine that was written from the rules alone.

`PARCELFLOW_RANDOM_DIAGRAMS` and `PARCELFLOW_FIRST_DIAGRAM` choose how many seeds are run, and from which on. A seed that fails is
printed with the smallest diagram that still fails.
"""

import os
from collections import Counter
from collections.abc import Mapping

import pytest
from figures import Count
from oracle.both import Both, Migrated, fault_of, shrunk
from oracle.random_diagrams import BLOCKS, RandomDiagram, drawn, smaller

COUNT = int(os.environ.get("PARCELFLOW_RANDOM_DIAGRAMS", "400"))
FIRST = int(os.environ.get("PARCELFLOW_FIRST_DIAGRAM", "0"))
LONG = int(os.environ.get("PARCELFLOW_LONG_RANDOM_DIAGRAMS", "20000"))
CHUNK = 20
LONG_CHUNK = 200
RUN: Mapping[type[Both], str] = {
    Both: "random diagrams run in both engines",
    Migrated: "random diagrams run in both engines and migrated after every move",
}


def run(seeds: range, count: Count, kind: type[Both] = Both) -> None:
    """Run diagrams in both engines, and describe the first that differs."""
    failing = next((seed for seed in seeds if fault_of(seed, kind=kind) is not None), None)
    count(RUN[kind], len(seeds) if failing is None else seeds.index(failing) + 1)
    count(f"{RUN[kind]}: differences", failing is not None)
    if failing is not None:
        pytest.fail(shrunk(failing, kind), pytrace=False)


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_both_engines_agree_on_random_diagrams(first: int, count: Count) -> None:
    run(range(first, min(first + CHUNK, FIRST + COUNT)), count)


@pytest.mark.parametrize("seed", [10308, 30175, 31636, 35426])
def test_both_engines_agree_where_they_once_did_not(seed: int, count: Count) -> None:
    run(range(seed, seed + 1), count)


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT // 4, CHUNK))
def test_an_instance_that_is_migrated_all_the_time_runs_as_if_it_never_was(first: int, count: Count) -> None:
    run(range(first, min(first + CHUNK, FIRST + COUNT // 4)), count, Migrated)


@pytest.mark.long
@pytest.mark.parametrize("first", range(10_000, 10_000 + LONG, LONG_CHUNK))
def test_both_engines_agree_on_very_many_random_diagrams(first: int, count: Count) -> None:
    run(range(first, min(first + LONG_CHUNK, 10_000 + LONG)), count)


@pytest.mark.long
@pytest.mark.parametrize("first", range(10_000, 10_000 + LONG // 10, LONG_CHUNK))
def test_very_many_that_are_migrated_all_the_time_run_as_if_they_never_were(first: int, count: Count) -> None:
    run(range(first, min(first + LONG_CHUNK, 10_000 + LONG // 10)), count, Migrated)


def test_every_kind_of_block_is_drawn_often() -> None:
    kinds: Counter[str] = Counter()
    for seed in range(400):
        kinds += RandomDiagram(drawn(seed)).kinds

    assert min(kinds[kind] for kind in BLOCKS) >= 20, kinds


def test_a_tree_shrinks_to_smaller_trees_only() -> None:
    tree = drawn(7)

    assert all(less.size < tree.size or str(less) != str(tree) for less in smaller(tree))
    assert next(smaller(tree)).size < tree.size
