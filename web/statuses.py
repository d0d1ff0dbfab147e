"""The statuses a process may set, in order, with their names for the house and their words for the customer."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from io import StringIO

from storage.database import Transaction
from storage.errors import NotFound
from storage.parcels import ParcelState, StatusChange
from storage.views import ParcelView
from web.words import label


@dataclass(frozen=True, slots=True)
class Status:
    """One status of a process."""

    key: str
    name: str
    customer_words: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the way: done, now, ahead, or where it ended early; with the time it took, and in which round."""

    key: str
    name: str
    words: str
    tense: str
    took: timedelta | None
    since: datetime | None
    rounds: int


_OFF_THE_WAY = frozenset({"rejected", "cancelled", "adjusting", "verifying", "divided", "attached"})


def statuses(tx: Transaction, process_key: str) -> Mapping[str, Status]:
    """Give the statuses of a process in force, in order; empty when it has no list of them."""
    try:
        definition = tx.deployments.latest(process_key)
        files = tx.deployments.files(definition.deployment_id)
    except NotFound:
        return {}
    found = next((content for path, content in files.items() if path.endswith("statuses.csv")), b"")
    return {status.key: status for status in _read(found)}


def status_name(known: Mapping[str, Status], key: str) -> str:
    """Give a status' name, or its key as words."""
    return known[key].name if key in known else label(key)


def way(known: Mapping[str, Status], view: ParcelView, changes: Sequence[StatusChange], now: datetime) -> list[Stage]:
    """Give the way of a parcel as stages: what lies behind with its times, what is now, what is usually ahead."""
    passed: dict[str, list[StatusChange]] = {}
    for change in changes:
        passed.setdefault(change.status, []).append(change)
    has_ended = view.state in (ParcelState.ARCHIVED, ParcelState.REJECTED)
    is_broken_off = view.status in {"rejected", "cancelled"} or view.state is ParcelState.REJECTED
    order = list(known)
    reached = max((order.index(key) for key in passed if key in known), default=-1)
    ahead = [] if has_ended or is_broken_off else [key for key in order[reached + 1 :] if key not in _OFF_THE_WAY]
    keys = [key for key in order[: reached + 1] if key in passed] + [key for key in passed if key not in known] + ahead
    return [_stage(known, key, passed.get(key, []), view, now, has_ended=has_ended) for key in keys]


def _stage(
    known: Mapping[str, Status],
    key: str,
    visits: Sequence[StatusChange],
    view: ParcelView,
    now: datetime,
    *,
    has_ended: bool,
) -> Stage:
    took = sum(((visit.left_at or now) - visit.entered_at for visit in visits), timedelta())
    is_now = key == view.status
    tense = "ahead"
    if is_now and key in {"rejected", "cancelled"}:
        tense = "stop"
    elif is_now and not has_ended:
        tense = "now"
    elif visits:
        tense = "done"
    words = known[key].customer_words if key in known else label(key)
    has_time = bool(visits) and not (is_now and has_ended)
    return Stage(
        key,
        status_name(known, key),
        words,
        tense,
        took if has_time else None,
        visits[-1].entered_at if visits else None,
        len(visits),
    )


@lru_cache(maxsize=64)
def _read(content: bytes) -> tuple[Status, ...]:
    rows = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""))
    return tuple(
        Status(row["status"], row.get("name") or label(row["status"]), row.get("customer_words") or "") for row in rows
    )
