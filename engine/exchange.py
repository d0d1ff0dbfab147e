"""What an instance gives to others and gets from them while it moves: messages and signals, in the transaction of the step."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from engine.recording import Course
from engine.steps import SubscriptionWait, WaitKind
from storage.database import Transaction
from storage.errors import told_to_all
from storage.failpoints import failpoint
from storage.incidents import NOT_DELIVERED, NewIncident
from storage.instances import Handover
from storage.steps import NewMessage

MOST_HANDOVERS: Final = 100
_LONGEST_MESSAGE: Final = 2_000


def exchange(tx: Transaction, course: Course, message_life: timedelta) -> None:
    """Send off what the steps have thrown, and give the instance the messages that were kept for it."""
    asked: set[str] = set()
    for _ in range(MOST_HANDOVERS):
        _send_off(tx, course, message_life)
        opened = [wait for wait in _new_receivers(course) if wait.key not in asked]
        if not opened:
            return
        for wait in opened:
            asked.add(wait.key)
            payload = tx.processes.take_waiting(wait.message, wait.correlation_key, course.live.id)
            if payload is not None:
                failpoint("message.taken")
                course.add(course.execution.deliver(wait.key, dict(payload), tx.now))
                break


def tell_undelivered(tx: Transaction, handover: Handover, reason: Exception) -> None:
    """Tell an operator of a message or signal that could not be handed over, and why; its receiver goes on all the same."""
    if handover.instance_id is None:
        definition = tx.deployments.definition(handover.definition_id or 0)
        receiver, parcel_id = f"version {definition.version} of {definition.key}, which it starts", None
    else:
        receiver = f"instance {handover.instance_id}"
        parcel_id = tx.processes.one(handover.instance_id).parcel_id
    incident = NewIncident(
        NOT_DELIVERED,
        f"{handover.mark.capitalize()} cannot be handed over to {receiver}: {told_to_all(reason)}"[:_LONGEST_MESSAGE],
        key=handover.mark,
        node=handover.key.partition(":")[0],
    )
    tx.incidents.open(incident, parcel_id=parcel_id)


def _send_off(tx: Transaction, course: Course, message_life: timedelta) -> None:
    for thrown in course.new_throws():
        if thrown.kind is WaitKind.SIGNAL:
            tx.processes.broadcast(thrown.name, thrown.payload, except_instance=course.live.id)
        else:
            message = NewMessage(thrown.name, thrown.payload, thrown.correlation_key)
            tx.processes.post(message, thrown.time_to_live or message_life)


def _new_receivers(course: Course) -> Iterator[SubscriptionWait]:
    for wait in course.opened():
        if isinstance(wait, SubscriptionWait) and wait.kind is WaitKind.MESSAGE:
            yield wait
