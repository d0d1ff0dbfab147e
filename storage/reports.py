"""Figures over many parcels: how long they stay in a status, what each group has open and done, as far as a person may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles

from sqlalchemy import select

from storage.access import AccessMatrix
from storage.base import Unit
from storage.parcels import Parcel, StatusChange
from storage.people import Actor
from storage.work import OPEN_WORK, WorkItem, WorkState

_MOST = 200_000


@dataclass(frozen=True, slots=True)
class StatusTime:
    """How long parcels stayed in a status that they have left, and how many are in it now."""

    process_key: str
    status: str
    passed: int
    median: timedelta | None
    nine_in_ten: timedelta | None
    present: int


@dataclass(frozen=True, slots=True)
class GroupWork:
    """What a group has open, how much of it is late, and how much it completed in how long from arrival."""

    group: str | None
    open: int
    late: int
    completed: int
    median: timedelta | None


class Reports:
    """The figures of one transaction."""

    def __init__(self, unit: Unit, access: AccessMatrix) -> None:
        self._unit = unit
        self._access = access

    def status_times(self, actor: Actor, since: datetime) -> Sequence[StatusTime]:
        """Give the times per status of what was entered since then, in the order of first entering."""
        statement = (
            select(Parcel.process_key, StatusChange.status, StatusChange.entered_at, StatusChange.left_at)
            .join(Parcel, Parcel.id == StatusChange.parcel_id)
            .where(StatusChange.entered_at >= since, self._access.visible(actor))
            .order_by(StatusChange.id)
            .limit(_MOST)
        )
        stays: dict[tuple[str, str], list[timedelta | None]] = {}
        for row in self._unit.session.execute(statement):
            stay = None if row.left_at is None else row.left_at - row.entered_at
            stays.setdefault((row.process_key, row.status), []).append(stay)
        return [_status_time(process, status, found) for (process, status), found in stays.items()]

    def group_work(self, actor: Actor, since: datetime) -> Sequence[GroupWork]:
        """Give the work of each group: open now, and completed since then; the fullest first."""
        statement = (
            select(
                WorkItem.candidate_group, WorkItem.state, WorkItem.due_at, WorkItem.created_at, WorkItem.completed_at
            )
            .join(Parcel, Parcel.id == WorkItem.parcel_id)
            .where(
                WorkItem.state.in_(OPEN_WORK)
                | ((WorkItem.state == WorkState.COMPLETED) & (WorkItem.completed_at >= since)),
                self._access.visible(actor),
            )
            .limit(_MOST)
        )
        groups: dict[str | None, list[tuple[datetime | None, datetime, datetime | None]]] = {}
        for row in self._unit.session.execute(statement):
            groups.setdefault(row.candidate_group, []).append((row.due_at, row.created_at, row.completed_at))
        figures = [self._group(group, items) for group, items in groups.items()]
        return sorted(figures, key=lambda figure: (-figure.open, -figure.completed, figure.group or ""))

    def _group(
        self, group: str | None, items: Iterable[tuple[datetime | None, datetime, datetime | None]]
    ) -> GroupWork:
        still = [due for due, _, completed in items if completed is None]
        took = [completed - created for _, created, completed in items if completed is not None]
        late = sum(1 for due in still if due is not None and due < self._unit.now)
        return GroupWork(group, len(still), late, len(took), _middle(took))


def _status_time(process: str, status: str, stays: Sequence[timedelta | None]) -> StatusTime:
    ended = sorted(stay for stay in stays if stay is not None)
    return StatusTime(
        process_key=process,
        status=status,
        passed=len(ended),
        median=_middle(ended),
        nine_in_ten=_nine_in_ten(ended),
        present=len(stays) - len(ended),
    )


def _middle(stays: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(stay.total_seconds() for stay in stays)) if stays else None


def _nine_in_ten(ended: Sequence[timedelta]) -> timedelta | None:
    if len(ended) < 2:  # noqa: PLR2004 - a quantile lies between two values
        return ended[0] if ended else None
    seconds = [stay.total_seconds() for stay in ended]
    return timedelta(seconds=quantiles(seconds, n=10, method="inclusive")[-1])
