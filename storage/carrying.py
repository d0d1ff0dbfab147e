"""Rows of an instance that is carried over to another version: what waits goes on waiting, with claims, drafts and due times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, update

from storage.base import Unit
from storage.incidents import Incident, IncidentState
from storage.jobs import Jobs, NewJob
from storage.processes import MessageSubscription, ProcessInstance
from storage.steps import NewItem, NewSubscription, NewTimer
from storage.timers import Timer
from storage.work import OPEN_WORK, FurtherCandidate, WorkItem


@dataclass(frozen=True, slots=True)
class CarriedRows:
    """What waits, by the key it had before, as the other version has it.

    `troubled` has key and flow node of what incidents may tell of: stuck tokens, stopped jobs, items for nobody. `ended` are the
    keys of timers and subscriptions that do not wait any more.
    """

    items: Sequence[tuple[str, NewItem]] = field(default=())
    jobs: Sequence[tuple[str, NewJob]] = field(default=())
    timers: Sequence[tuple[str, NewTimer]] = field(default=())
    subscriptions: Sequence[tuple[str, NewSubscription]] = field(default=())
    troubled: Sequence[tuple[str, str, str]] = field(default=())
    ended: Sequence[str] = field(default=())


def carry_over(unit: Unit, jobs: Jobs, instance_id: int, definition_id: int, rows: CarriedRows) -> None:
    """Hang an instance over to another definition; its next step must follow in the same transaction."""
    execute = unit.connection.execute
    execute(update(ProcessInstance).where(ProcessInstance.id == instance_id).values(definition_id=definition_id))
    for key, item in rows.items:
        _carry_item(unit, instance_id, key, item)
    for key, job in rows.jobs:
        jobs.carry(instance_id, key, job)
    for statement in _others(instance_id, rows):
        execute(statement)


def _carry_item(unit: Unit, instance_id: int, key: str, item: NewItem) -> None:
    """Give a work item what the other version says of it; who has it, since when and until when stays."""
    execute = unit.connection.execute
    this = WorkItem.instance_id == instance_id, WorkItem.key == key, WorkItem.state.in_(OPEN_WORK)
    item_id = execute(select(WorkItem.id).where(*this)).scalar_one()
    values = {
        "key": item.key,
        "node": item.node,
        "name": item.name,
        "process_key": item.process_key,
        "form": item.form,
        "candidate_group": item.groups[0] if item.groups else None,
        "outcome_field": item.outcome_field,
        "instructions": item.instructions,
    }
    execute(update(WorkItem).where(WorkItem.id == item_id).values(values))
    execute(delete(FurtherCandidate).where(FurtherCandidate.work_item_id == item_id))
    further = [{"work_item_id": item_id, "candidate_group": group} for group in item.groups[1:]]
    if further:
        execute(insert(FurtherCandidate), further)


def _others(instance_id: int, rows: CarriedRows) -> Iterator[Any]:
    if rows.ended:
        for row in (Timer, MessageSubscription):
            yield delete(row).where(row.instance_id == instance_id, row.key.in_(rows.ended))
    for key, timer in rows.timers:
        values = {"key": timer.key, "node": timer.node}
        yield update(Timer).where(Timer.instance_id == instance_id, Timer.key == key).values(values)
    for key, one in rows.subscriptions:
        this = MessageSubscription.instance_id == instance_id, MessageSubscription.key == key
        yield update(MessageSubscription).where(*this).values(key=one.key, name=one.name)
    for key, to, node in rows.troubled:
        told = Incident.instance_id == instance_id, Incident.key == key, Incident.state == IncidentState.OPEN
        yield update(Incident).where(*told).values(key=to, node=node)
