"""Branches bring their own changes to a join, and nothing else."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.diagrams.attributes import ConflictPolicy
from engine.spiff.changes import apply_changes, changes, copied, merge, same


@pytest.mark.parametrize(
    ("base", "new"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {}),
        ({"a": 1}, {"a": True}),
        ({"a": Decimal("1.0")}, {"a": Decimal("1.00")}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2, "d": {}}}}),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}),
        ({"a": [1, 2]}, {"a": [2]}),
        ({"a": [1, 2]}, {"a": []}),
        ({"a": {"b": 1}}, {"a": 5}),
        ({"a": 5}, {"a": {"b": {"c": []}}}),
        ({}, {"a": {"b": {"c": [{}]}}}),
        ({"a": None}, {"a": date(2026, 1, 2)}),
        ({"a": date(2026, 1, 2)}, {"a": datetime(2026, 1, 2, tzinfo=UTC)}),
    ],
)
def test_changes_lead_from_the_one_state_to_the_other(base: dict[str, Any], new: dict[str, Any]) -> None:
    state = copied(base)

    apply_changes(state, changes(base, new))

    assert same(state, new)


def test_a_copy_shares_no_mapping_and_no_list() -> None:
    original = {"a": [{"b": [1]}]}

    copy = copied(original)
    copy["a"][0]["b"].append(2)

    assert original == {"a": [{"b": [1]}]}


def test_branches_that_change_different_things_all_count() -> None:
    base = {"n": {"x": 0, "gone": 1}, "log": ["0"], "old": 1}
    one = {"n": {"x": 1, "gone": 1}, "log": ["0", "a"], "old": 1}
    other = {"n": {"x": 0, "y": 2}, "log": ["0", "b", "b"], "new": 3}

    merged = merge(base, [one, other])

    assert merged.variables == {"n": {"x": 1, "y": 2}, "log": ["0", "a", "b", "b"], "new": 3}
    assert merged.conflicts == ()


def test_a_branch_that_changed_nothing_brings_no_old_value_back() -> None:
    base = {"answer": "old"}

    merged = merge(base, [{"answer": "new"}, {"answer": "old"}])

    assert merged.variables == {"answer": "new"}


def test_two_branches_may_make_the_same_mapping_and_the_same_value() -> None:
    merged = merge({}, [{"v": {"a": 1}, "s": "x"}, {"v": {"b": 2}, "s": "x"}])

    assert merged.variables == {"v": {"a": 1, "b": 2}, "s": "x"}
    assert merged.conflicts == ()


@pytest.mark.parametrize(
    ("base", "one", "other", "path"),
    [
        ({"k": 0}, {"k": 1}, {"k": 2}, ("k",)),
        ({"k": 0}, {"k": 1}, {}, ("k",)),
        ({"k": {"x": 0}}, {"k": {"x": 1}}, {"k": 5}, ("k",)),
        ({"k": {"x": 0}}, {"k": 5}, {"k": {"x": 1}}, ("k", "x")),
        ({"k": {"x": 0}}, {}, {"k": {"x": 1}}, ("k", "x")),
        ({"k": [1]}, {"k": [1, 2]}, {"k": [0]}, ("k",)),
        ({"k": 0}, {"k": 1}, {"k": True}, ("k",)),
    ],
)
def test_different_changes_of_one_thing_are_a_conflict(
    base: dict[str, Any], one: dict[str, Any], other: dict[str, Any], path: tuple[str, ...]
) -> None:
    assert merge(base, [one, other]).conflicts == (path,)


def test_the_later_branch_wins_where_the_policy_says_so() -> None:
    merged = merge({"k": 0}, [{"k": 1}, {"k": 2}], ConflictPolicy.LAST)

    assert merged.variables == {"k": 2}


def test_both_values_are_kept_where_the_policy_says_so() -> None:
    merged = merge({"k": 0}, [{"k": 1}, {"k": [2, 3]}, {"k": 4}], ConflictPolicy.APPEND)

    assert merged.variables == {"k": [1, 2, 3, 4]}
