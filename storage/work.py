"""What waits for people: work items, and the two questions a worklist asks."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import GIVEN_ONCE, Base, identity


class WorkState(StrEnum):
    """The life of a work item; the last two are final."""

    READY = "ready"
    CLAIMED = "claimed"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


UNKNOWN_ASSIGNEE = "unknown_assignee"
OPEN_WORK = (WorkState.READY, WorkState.CLAIMED)
_POOL = text("state IN ('ready', 'claimed') AND assignee_id IS NULL")
_MINE = text("state IN ('ready', 'claimed') AND assignee_id IS NOT NULL")


class WorkItem(Base):
    """A user task that waits, or waited, for a person.

    `key` is the wait of the instance that the item stands for. `due_order` is the due date, or a day beyond all days, so that
    a worklist can be paged through by one index.
    """

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("instance_id", "key"),
        Index("ix_work_item_pool", "candidate_group", "due_order", "id", postgresql_where=_POOL, sqlite_where=_POOL),
        Index("ix_work_item_mine", "assignee_id", "due_order", "id", postgresql_where=_MINE, sqlite_where=_MINE),
        GIVEN_ONCE,
    )

    id: Mapped[int] = identity()
    instance_id: Mapped[int] = mapped_column(ForeignKey("process_instance.id"))
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    process_key: Mapped[str]
    key: Mapped[str]
    node: Mapped[str]
    name: Mapped[str]
    form: Mapped[str | None]
    candidate_group: Mapped[str | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    state: Mapped[WorkState]
    due_at: Mapped[datetime | None]
    due_order: Mapped[datetime]
    priority: Mapped[int]
    outcome_field: Mapped[str | None]
    instructions: Mapped[str | None]
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    outcome: Mapped[str | None]


class FurtherCandidate(Base):
    """A second or third group that may take a work item; the first stands on the item itself."""

    __tablename__ = "further_candidate"

    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    candidate_group: Mapped[str] = mapped_column(primary_key=True, index=True)
