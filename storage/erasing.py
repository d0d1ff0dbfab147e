"""Erasing a process instance with all its rows; what the audit trail tells of it stays."""

from sqlalchemy import delete, select, update

from storage.base import Unit
from storage.drafts import WorkDraft
from storage.errors import StaleVersion
from storage.incidents import Incident
from storage.jobs import Job
from storage.processes import BufferedMessage, MessageSubscription, ProcessInstance, SignalCopy
from storage.timers import Timer
from storage.work import FurtherCandidate, WorkItem


def erase_instance(unit: Unit, instance_id: int, seen: int) -> None:
    """Remove an instance as read at version `seen`, with its work items, jobs, timers, subscriptions and incidents.

    Raises `StaleVersion` when it has moved meanwhile.
    """
    execute = unit.connection.execute
    this = ProcessInstance.id == instance_id
    fenced = update(ProcessInstance).where(this, ProcessInstance.version == seen).values(version=seen + 1)
    if execute(fenced).rowcount != 1:
        raise StaleVersion("Somebody else has moved this process on; load it again and repeat.")
    items = select(WorkItem.id).where(WorkItem.instance_id == instance_id)
    waits = select(MessageSubscription.id).where(MessageSubscription.instance_id == instance_id)
    execute(delete(WorkDraft).where(WorkDraft.work_item_id.in_(items)))
    execute(delete(FurtherCandidate).where(FurtherCandidate.work_item_id.in_(items)))
    execute(delete(SignalCopy).where(SignalCopy.subscription_id.in_(waits)))
    execute(update(BufferedMessage).where(BufferedMessage.instance_id == instance_id).values(instance_id=None))
    for row in (Incident, WorkItem, Job, Timer, MessageSubscription):
        execute(delete(row).where(row.instance_id == instance_id))
    execute(delete(ProcessInstance).where(this))
