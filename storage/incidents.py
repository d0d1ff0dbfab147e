"""What waits for an operator: tokens that cannot go on, and jobs whose tries are used up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import GIVEN_ONCE, Base, Unit, identity
from storage.errors import Conflict, NotFound

NOT_DELIVERED = "not_delivered"
"""The code of incidents that tell of a message or signal which could not be handed over; their key is its mark."""


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
        GIVEN_ONCE,
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


@dataclass(frozen=True, slots=True)
class NewIncident:
    """A token that cannot go on, or a job that was given up."""

    code: str
    message: str
    key: str | None = None
    node: str | None = None
    expression: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    job_id: int | None = None


class Incidents:
    """The incidents of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def open(self, incident: NewIncident, *, instance_id: int | None = None, parcel_id: int | None = None) -> None:
        """Tell an operator; a second incident for the same wait takes the place of the first."""
        values = {
            "instance_id": instance_id,
            "parcel_id": parcel_id,
            "job_id": incident.job_id,
            "key": incident.key,
            "node": incident.node,
            "code": incident.code,
            "message": incident.message,
            "expression": incident.expression,
            "data": dict(incident.data),
            "state": IncidentState.OPEN,
            "raised_at": self._unit.now,
        }
        self._unit.connection.execute(self._unit.insert(Incident).values(values))

    def one(self, incident_id: int) -> Incident:
        """Give the incident by id; raises `NotFound`."""
        incident = self._unit.session.get(Incident, incident_id)
        if incident is None:
            raise NotFound("There is no such incident.")
        return incident

    def still_open(self, limit: int = 200) -> Sequence[Incident]:
        """Give the open incidents, oldest first."""
        statement = select(Incident).where(Incident.state == IncidentState.OPEN).order_by(Incident.id).limit(limit)
        return self._unit.session.scalars(statement).all()

    def undelivered(self) -> set[str]:
        """Give the marks of the messages and signals that open incidents tell of."""
        told = Incident.state == IncidentState.OPEN, Incident.code == NOT_DELIVERED
        return {mark for mark in self._unit.connection.scalars(select(Incident.key).where(*told)) if mark is not None}

    def delivered(self, mark: str) -> None:
        """Close what tells of a message or signal: it was handed over after all."""
        told = Incident.state == IncidentState.OPEN, Incident.code == NOT_DELIVERED, Incident.key == mark
        values = {"state": IncidentState.RESOLVED, "closed_at": self._unit.now}
        self._unit.connection.execute(update(Incident).where(*told).values(values))

    def close(self, incident_id: int, state: IncidentState, actor: str, reason: str | None = None) -> None:
        """Close an open incident; raises `Conflict` when somebody has done so already."""
        values = {"state": state, "closed_at": self._unit.now, "closed_by": actor, "reason": reason}
        closed = self._unit.connection.execute(
            update(Incident).where(Incident.id == incident_id, Incident.state == IncidentState.OPEN).values(values)
        )
        if closed.rowcount != 1:
            raise Conflict("Somebody has dealt with this incident already; load the page again.")
