"""Timers that start a process: the first time at deployment, and how they go on after each firing."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from engine.timing import Due, TimerDefinition, next_due
from storage.steps import NewTimer


def first_start(event: str, timer: TimerDefinition, now: datetime, zone: tzinfo) -> NewTimer:
    """Give the first time of a start event's timer."""
    return _at(event, timer.first_due(now, {}, zone))


def following_start(event: str, schedule: Mapping[str, Any], now: datetime, zone: tzinfo) -> NewTimer | None:
    """Give the time after the one that fires now; None when that was the last."""
    due = next_due(Due(**schedule), now, zone).due
    return None if due is None else _at(event, due)


def _at(event: str, due: Due) -> NewTimer:
    return NewTimer(key=event, node=event, due_at=due.at, schedule=asdict(due))
