"""The times that instances wait for, and those that start a process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    String,
    UniqueConstraint,
    cast,
    delete,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit, identity
from storage.errors import Conflict
from storage.incidents import Incident, Incidents, IncidentState, NewIncident
from storage.processes import ProcessDefinition, rests


class Timer(Base):
    """A time an instance waits for, or that starts a definition; gone when it has fired or is not wanted any more.

    `schedule` says how a definition's start goes on; an instance keeps this in its own state.
    """

    __tablename__ = "timer"
    __table_args__ = (UniqueConstraint("instance_id", "key"),)

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"), index=True)
    key: Mapped[str]
    node: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(index=True)
    schedule: Mapped[dict[str, Any] | None]


_START_KEY = literal("start:") + cast(Timer.definition_id, String) + literal(":") + Timer.key
"""How incidents name the start of a definition by a timer; unlike a timer's number it is never used again."""


def is_stopped() -> ColumnElement[bool]:
    """Tell whether the start by a timer has failed and waits for an operator."""
    told = Incident.state == IncidentState.OPEN, Incident.instance_id.is_(None), Incident.key == _START_KEY
    return exists().where(*told)


class Timers:
    """The timers of one transaction."""

    def __init__(self, unit: Unit, incidents: Incidents) -> None:
        self._unit = unit
        self._incidents = incidents

    def one(self, timer_id: int) -> Timer | None:
        """Give the timer by id, unless it is gone."""
        return self._unit.session.get(Timer, timer_id)

    def take(self, timer_id: int) -> Timer | None:
        """Give a due timer and keep it from others and from deployments, unless it is gone or was moved meanwhile."""
        timer = self._unit.session.get(Timer, timer_id, populate_existing=True, with_for_update=True)
        return None if timer is None or timer.due_at > self._unit.now else timer

    def move(self, timer_id: int, seen: datetime, due_at: datetime | None, schedule: Mapping[str, Any] | None) -> None:
        """Set the next time of a timer that starts a definition, or remove it; raises `Conflict` when it fired elsewhere."""
        chosen = Timer.id == timer_id, Timer.due_at == seen
        if due_at is None:
            moved = self._unit.connection.execute(delete(Timer).where(*chosen))
        else:
            values = {"due_at": due_at, "schedule": None if schedule is None else dict(schedule)}
            moved = self._unit.connection.execute(update(Timer).where(*chosen).values(values))
        if moved.rowcount != 1:
            raise Conflict("The timer has fired already.")

    def due(self, limit: int = 100) -> Sequence[Timer]:
        """Give the timers that are due, oldest first; those of suspended instances wait until these go on."""
        due = Timer.due_at <= self._unit.now, ~rests(Timer.instance_id)
        statement = select(Timer).where(*due).order_by(Timer.due_at, Timer.id).limit(limit)
        return self._unit.session.scalars(statement).all()

    def has_due(self) -> bool:
        """Tell whether a timer of an instance is due."""
        due = select(Timer.id).where(Timer.due_at <= self._unit.now, Timer.instance_id.is_not(None))
        return self._unit.session.scalar(due.limit(1)) is not None

    def due_starts(self, limit: int = 100) -> Sequence[int]:
        """Give the ids of due timers that start a process, oldest first, but for those that were stopped."""
        due = select(Timer.id).where(Timer.due_at <= self._unit.now, Timer.definition_id.is_not(None), ~is_stopped())
        return self._unit.session.scalars(due.order_by(Timer.due_at, Timer.id).limit(limit)).all()

    def stop(self, timer_id: int, code: str, message: str) -> None:
        """Let a due timer start nothing until an operator has dealt with the incident; once, whoever finds that it fails."""
        due = Timer.id == timer_id, Timer.definition_id.is_not(None), Timer.due_at <= self._unit.now
        connection = self._unit.connection
        if connection.execute(select(Timer.id).where(*due).with_for_update()).first() is None:
            return
        told = (
            select(_START_KEY.label("key"), Timer.node, Timer.due_at, ProcessDefinition.key.label("process"))
            .add_columns(ProcessDefinition.version)
            .join(ProcessDefinition, ProcessDefinition.id == Timer.definition_id)
            .where(Timer.id == timer_id, ~is_stopped())
        )
        for row in connection.execute(told).all():
            data = {"process": row.process, "version": row.version, "due_at": row.due_at}
            self._incidents.open(NewIncident(code, message, row.key, row.node, data=data))

    def stopped_start(self, key: str | None) -> Timer | None:
        """Give the due timer whose start an incident with this key tells of, unless it is gone."""
        return self._unit.session.scalar(select(Timer).where(_START_KEY.in_([key]), Timer.due_at <= self._unit.now))

    def awaited(self) -> Sequence[str]:
        """Give the flow nodes at which instances wait for a time."""
        return self._unit.session.scalars(select(Timer.node).where(Timer.instance_id.is_not(None))).all()

    def next(self) -> Timer | None:
        """Give the timer of an instance that is due first, be it now or later."""
        statement = select(Timer).where(Timer.instance_id.is_not(None)).order_by(Timer.due_at, Timer.id).limit(1)
        return self._unit.session.scalar(statement)
