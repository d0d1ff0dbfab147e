"""Deployed processes and their running instances: definitions, instances, what instances wait to hear, messages on the way."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, UniqueConstraint, exists, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.audit import parcel_chain
from storage.base import GIVEN_ONCE, Base, identity


class InstanceState(StrEnum):
    """The life of a process instance; the last three are final."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    FAILED = "failed"


class Deployment(Base):
    """A set of files put in force together by one person."""

    __tablename__ = "deployment"

    id: Mapped[int] = identity()
    name: Mapped[str]
    note: Mapped[str]
    deployed_by: Mapped[str]
    deployed_at: Mapped[datetime]


class DeploymentFile(Base):
    """One file of a deployment, byte for byte as it was handed in."""

    __tablename__ = "deployment_file"

    deployment_id: Mapped[int] = mapped_column(ForeignKey("deployment.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int]


class ProcessDefinition(Base):
    """A deployed diagram: its key and version. The highest version of a key is in force."""

    __tablename__ = "process_definition"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[int] = identity()
    key: Mapped[str]
    version: Mapped[int]
    deployment_id: Mapped[int] = mapped_column(ForeignKey("deployment.id"), index=True)
    file: Mapped[str]
    name: Mapped[str]
    is_executable: Mapped[bool]


@dataclass(frozen=True, slots=True)
class Startable:
    """A definition as a start takes it up."""

    id: int
    key: str
    version: int
    deployment_id: int


class Draft(Base):
    """A set of files somebody is working on; nothing runs from it until it is deployed."""

    __tablename__ = "draft"

    id: Mapped[int] = identity()
    name: Mapped[str] = mapped_column(unique=True)
    based_on_id: Mapped[int | None] = mapped_column(ForeignKey("deployment.id"))
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    version: Mapped[int]


class DraftFile(Base):
    """One file of a draft."""

    __tablename__ = "draft_file"

    draft_id: Mapped[int] = mapped_column(ForeignKey("draft.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int]


class ProcessInstance(Base):
    """One run of a definition, for one parcel or for none.

    `snapshot` belongs to the engine alone. `version` grows with every step and fences writers that read an older state.
    """

    __tablename__ = "process_instance"
    __table_args__ = (
        Index(
            "ix_process_instance_live",
            "definition_id",
            postgresql_where=text("state = 'active'"),
            sqlite_where=text("state = 'active'"),
        ),
        GIVEN_ONCE,
    )

    id: Mapped[int] = identity()
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    parcel_id: Mapped[int | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    state: Mapped[InstanceState]
    version: Mapped[int]
    snapshot: Mapped[bytes] = mapped_column(LargeBinary)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    failure: Mapped[dict[str, Any] | None]
    end_reason: Mapped[str | None]
    request_key: Mapped[str | None] = mapped_column(unique=True)

    @property
    def chain(self) -> str:
        """The audit chain the instance writes to: its parcel's, else its own."""
        return f"instance:{self.id}" if self.parcel_id is None else parcel_chain(self.parcel_id)


def rests(instance_id: Any) -> ColumnElement[bool]:
    """Tell whether the instance of a job or timer is suspended."""
    return exists().where(ProcessInstance.id == instance_id, ProcessInstance.state == InstanceState.SUSPENDED)


class SubscriptionKind(StrEnum):
    """What is waited for."""

    MESSAGE = "message"
    SIGNAL = "signal"


ANY_KEY: Final = "*"
"""The correlation key of a subscription that takes a message of its name whatever its key, after those who wait for that key."""


class MessageSubscription(Base):
    """A message or signal that an instance waits for, or that starts a definition (then `instance_id` is empty).

    `key` is the wait of the instance, or the start event of the definition.
    """

    __tablename__ = "message_subscription"
    __table_args__ = (
        UniqueConstraint("instance_id", "key"),
        Index("ix_message_subscription_name", "kind", "name", "correlation_key"),
    )

    id: Mapped[int] = identity()
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey("process_definition.id"), index=True)
    key: Mapped[str]
    kind: Mapped[SubscriptionKind]
    name: Mapped[str]
    correlation_key: Mapped[str | None]
    created_at: Mapped[datetime]


class MessageState(StrEnum):
    """Whether a message has found its receiver."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DISCARDED = "discarded"


class BufferedMessage(Base):
    """A message on its way to one receiver, kept until the receiver comes or the message expires.

    A delivered one stays until it expires, so that its `request_key` still tells a repetition.
    """

    __tablename__ = "buffered_message"
    __table_args__ = (
        Index(
            "ix_buffered_message_waiting",
            "name",
            "correlation_key",
            "id",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
        GIVEN_ONCE,
    )

    id: Mapped[int] = identity()
    name: Mapped[str]
    correlation_key: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    request_key: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[MessageState]
    received_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("process_instance.id"))


class SignalCopy(Base):
    """A signal on its way to one subscription; a signal is copied to all who wait for it when it is thrown."""

    __tablename__ = "signal_copy"
    __table_args__ = (GIVEN_ONCE,)

    id: Mapped[int] = identity()
    subscription_id: Mapped[int] = mapped_column(ForeignKey("message_subscription.id", ondelete="CASCADE"), index=True)
    payload: Mapped[dict[str, Any]]
    thrown_at: Mapped[datetime]
