"""The processes that work jobs off, and their signs of life."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit


class NodeHeartbeat(Base):
    """A sign of life of a working process; when it stops, others take over its jobs."""

    __tablename__ = "node_heartbeat"

    node: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)


class Nodes:
    """The nodes of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def beat(self, node: str) -> None:
        """Give a sign of life."""
        now = self._unit.now
        statement = self._unit.insert(NodeHeartbeat).values(node=node, started_at=now, seen_at=now)
        self._unit.connection.execute(statement.on_conflict_do_update(index_elements=["node"], set_={"seen_at": now}))

    def signs_of_life(self) -> Mapping[str, datetime]:
        """Give the last sign of life of each node, by that node's clock."""
        rows = self._unit.connection.execute(select(NodeHeartbeat.node, NodeHeartbeat.seen_at))
        return {row.node: row.seen_at for row in rows}

    def forget(self, node: str) -> None:
        """Strike out a node that has stopped, or whose jobs were taken over."""
        self._unit.connection.execute(delete(NodeHeartbeat).where(NodeHeartbeat.node == node))
