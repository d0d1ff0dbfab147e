"""Timers that start a process: the first time at deployment, and how they go on after each firing."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from engine.timing import TIMES_MISSED, Due, TimerDefinition, next_due
from storage.steps import NewTimer


def first_start(event: str, timer: TimerDefinition, now: datetime, zone: tzinfo) -> NewTimer:
    """Give the first time of a start event's timer: of a cycle that has begun before, the first that is still to come.

    A date that is past is given as it is.
    """
    due = timer.first_due(now, {}, zone)
    return _at(event, due if due.at >= now else next_due(due, now, zone).due or due)


def following_start(
    event: str, schedule: Mapping[str, Any], now: datetime, zone: tzinfo
) -> tuple[NewTimer | None, Mapping[str, Any]]:
    """Give the time after the one that fires now, None when that was the last; and what the instance is told of those missed."""
    following = next_due(Due(**schedule), now, zone)
    told = {TIMES_MISSED: following.skipped} if following.skipped else {}
    return None if following.due is None else _at(event, following.due), told


def _at(event: str, due: Due) -> NewTimer:
    return NewTimer(key=event, node=event, due_at=due.at, schedule=asdict(due))
