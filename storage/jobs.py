"""What the engine owes: jobs, timers, incidents, heartbeats; and the one door to the job engine."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, identity


class JobKind(StrEnum):
    """What a job does."""

    OPERATION = "operation"
    START = "start"
    TASK = "task"


class JobState(StrEnum):
    """The life of a job; the last three are final."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


class Job(Base):
    """One thing owed, remembered until it is done; `key` is the same at every try, so that the deed is done once."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("instance_id", "key"),
        Index(
            "uq_job_key_alone",
            "key",
            unique=True,
            postgresql_where=text("instance_id IS NULL"),
            sqlite_where=text("instance_id IS NULL"),
        ),
        Index(
            "ix_job_open",
            "state",
            "due_at",
            postgresql_where=text("state IN ('waiting', 'running')"),
            sqlite_where=text("state IN ('waiting', 'running')"),
        ),
    )

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    key: Mapped[str]
    kind: Mapped[JobKind]
    operation: Mapped[str]
    node: Mapped[str | None]
    arguments: Mapped[dict[str, Any]]
    state: Mapped[JobState]
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    worker: Mapped[str | None]
    last_error: Mapped[str | None]


class Timer(Base):
    """A time an instance waits for, or that starts a definition; gone when it has fired or is not wanted any more."""

    __tablename__ = "timer"
    __table_args__ = (UniqueConstraint("instance_id", "key"),)

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"), index=True)
    key: Mapped[str]
    node: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(index=True)
    repetitions: Mapped[int | None]


class IncidentState(StrEnum):
    """Whether an operator still has to look."""

    OPEN = "open"
    RESOLVED = "resolved"
    GIVEN_UP = "given_up"


class Incident(Base):
    """A token that cannot go on, or a job whose tries are used up; waits for an operator."""

    __tablename__ = "incident"
    __table_args__ = (
        Index(
            "ix_incident_open",
            "raised_at",
            postgresql_where=text("state = 'open'"),
            sqlite_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"), index=True)
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    key: Mapped[str | None]
    node: Mapped[str | None]
    code: Mapped[str]
    message: Mapped[str]
    expression: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    state: Mapped[IncidentState]
    raised_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    reason: Mapped[str | None]


class NodeHeartbeat(Base):
    """A sign of life of a working process; when it stops, others take over its jobs."""

    __tablename__ = "node_heartbeat"

    node: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
