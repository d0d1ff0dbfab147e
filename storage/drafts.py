"""What a person has typed into a work item's form and not handed in yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, delete
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit


class WorkDraft(Base):
    """Answers as typed, by the names of the form's inputs; each person has their own for an item."""

    __tablename__ = "work_draft"

    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    answers: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class Drafts:
    """The drafts of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def of(self, work_item_id: int, user_id: int) -> WorkDraft | None:
        """Give what the person has typed for the item so far."""
        return self._unit.session.get(WorkDraft, (work_item_id, user_id))

    def keep(self, work_item_id: int, user_id: int, answers: Mapping[str, Any]) -> None:
        """Keep what the person has typed, in place of what was kept before."""
        values = {"answers": dict(answers), "saved_at": self._unit.now}
        statement = self._unit.insert(WorkDraft).values(work_item_id=work_item_id, user_id=user_id, **values)
        self._unit.session.execute(
            statement.on_conflict_do_update(index_elements=["work_item_id", "user_id"], set_=values)
        )

    def drop(self, work_item_id: int) -> None:
        """Forget all drafts of an item that is done."""
        self._unit.session.execute(delete(WorkDraft).where(WorkDraft.work_item_id == work_item_id))
