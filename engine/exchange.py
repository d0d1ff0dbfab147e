"""What an instance gives to others and gets from them while it moves: messages and signals, in the transaction of the step."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from engine.recording import Course
from engine.steps import SubscriptionWait, WaitKind
from storage.database import Transaction
from storage.failpoints import failpoint
from storage.steps import NewMessage

MOST_HANDOVERS: Final = 100


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
