"""Migrations of running instances to another version of their process: what was asked, and how far it has come.

The row of an instance is settled in the same transaction that carries the instance over, so a migration that was interrupted
goes on with those that still wait, and none is carried over twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import BIG, Base, Unit, identity
from storage.errors import Conflict, NotFound
from storage.processes import InstanceState, ProcessDefinition, ProcessInstance

CHUNK = 100


class MigrationState(StrEnum):
    """How far one instance of a migration is; the last three are final."""

    WAITING = "waiting"
    MOVED = "moved"
    REFUSED = "refused"
    GONE = "gone"


class Migration(Base):
    """A migration that somebody asked for; `is_together` carries over all instances or none."""

    __tablename__ = "migration"

    id: Mapped[int] = identity()
    process_key: Mapped[str] = mapped_column(index=True)
    definition_id: Mapped[int] = mapped_column(ForeignKey("process_definition.id"))
    mapping: Mapped[dict[str, Any]]
    is_together: Mapped[bool]
    reason: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]


class MigratingInstance(Base):
    """One instance of a migration; `hurdles` say why it was refused. It outlives the instance itself."""

    __tablename__ = "migrating_instance"

    migration_id: Mapped[int] = mapped_column(ForeignKey("migration.id"), primary_key=True)
    instance_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=False)
    chunk: Mapped[int]
    state: Mapped[MigrationState]
    hurdles: Mapped[list[Any]]
    settled_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Running:
    """A running instance with the version of the process it runs through."""

    instance_id: int
    version: int
    parcel_id: int | None


class Migrations:
    """The migrations of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def running(
        self, process_key: str, but_for: int, limit: int, only: Sequence[int] | None = None
    ) -> Sequence[Running]:
        """Give the instances of a process, running or suspended, that are not of one version; only some of them if named."""
        statement = (
            select(ProcessInstance.id, ProcessDefinition.version, ProcessInstance.parcel_id)
            .join(ProcessDefinition, ProcessDefinition.id == ProcessInstance.definition_id)
            .where(ProcessDefinition.key == process_key, ProcessDefinition.version != but_for)
            .where(ProcessInstance.state.in_((InstanceState.ACTIVE, InstanceState.SUSPENDED)))
            .order_by(ProcessInstance.id)
            .limit(limit)
        )
        if only is not None:
            statement = statement.where(ProcessInstance.id.in_(only))
        return [Running(*row) for row in self._unit.connection.execute(statement)]

    def begin(self, migration: Migration, instances: Sequence[int], chunk: int = CHUNK) -> int:
        """Put a migration of instances down, in chunks, and give how many chunks there are."""
        self._unit.add(migration)
        chunks = [number // chunk for number, _ in enumerate(instances)]
        fresh: dict[str, Any] = {"migration_id": migration.id, "state": MigrationState.WAITING, "hurdles": []}
        rows = [fresh | {"instance_id": one, "chunk": part} for one, part in zip(instances, chunks, strict=True)]
        self._unit.connection.execute(insert(MigratingInstance), rows)
        return chunks[-1] + 1

    def one(self, migration_id: int) -> Migration:
        """Give the migration by id; raises `NotFound`."""
        migration = self._unit.session.get(Migration, migration_id)
        if migration is None:
            raise NotFound("There is no such migration.")
        return migration

    def of_process(self, process_key: str, limit: int = 20) -> Sequence[Migration]:
        """Give the latest migrations of a process, the newest first."""
        statement = select(Migration).where(Migration.process_key == process_key).order_by(Migration.id.desc())
        return self._unit.session.scalars(statement.limit(limit)).all()

    def waiting(self, migration_id: int, chunk: int) -> Sequence[int]:
        """Give the instances of a chunk that have not had their turn."""
        statement = select(MigratingInstance.instance_id).where(
            MigratingInstance.migration_id == migration_id,
            MigratingInstance.chunk == chunk,
            MigratingInstance.state == MigrationState.WAITING,
        )
        return self._unit.session.scalars(statement.order_by(MigratingInstance.instance_id)).all()

    def settle(
        self, migration_id: int, instance_id: int, state: MigrationState, hurdles: Sequence[Sequence[str]] = ()
    ) -> None:
        """Write down what has become of an instance; raises `Conflict` when another has done so."""
        values = {"state": state, "hurdles": [list(one) for one in hurdles], "settled_at": self._unit.now}
        this = MigratingInstance.migration_id == migration_id, MigratingInstance.instance_id == instance_id
        waiting = MigratingInstance.state == MigrationState.WAITING
        if self._unit.connection.execute(update(MigratingInstance).where(*this, waiting).values(values)).rowcount != 1:
            raise Conflict("The instance had its turn in this migration already.")

    def progress(self, migration_id: int) -> Mapping[MigrationState, int]:
        """Count the instances of a migration by state."""
        statement = (
            select(MigratingInstance.state, func.count())
            .where(MigratingInstance.migration_id == migration_id)
            .group_by(MigratingInstance.state)
        )
        counted = {row[0]: row[1] for row in self._unit.connection.execute(statement)}
        return {state: counted.get(state, 0) for state in MigrationState}

    def refused(self, migration_id: int, limit: int = 200) -> Sequence[MigratingInstance]:
        """Give the instances that were refused, with their hurdles."""
        statement = select(MigratingInstance).where(
            MigratingInstance.migration_id == migration_id, MigratingInstance.state == MigrationState.REFUSED
        )
        return self._unit.session.scalars(statement.order_by(MigratingInstance.instance_id).limit(limit)).all()
