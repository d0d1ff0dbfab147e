"""Messages that found no receiver, as operators see them: waiting, expired; readdressed or discarded, each on record."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import String, cast, delete, exists, or_, select, update

from storage.audit import SYSTEM_CHAIN, AuditTrail
from storage.base import Unit
from storage.errors import Conflict, NotFound
from storage.incidents import NOT_DELIVERED, Incident, IncidentState
from storage.processes import BufferedMessage, MessageState, SignalCopy

KEPT_FOR_OPERATORS: Final = timedelta(days=90)
"""How long an expired or discarded message can still be looked at."""
_MOST_AT_ONCE: Final = 1_000
_UNDELIVERED: Final = (MessageState.WAITING, MessageState.EXPIRED)


class Messages:
    """The undelivered messages of one transaction."""

    def __init__(self, unit: Unit, audit: AuditTrail) -> None:
        self._unit = unit
        self._audit = audit

    def undelivered(self, limit: int = 200) -> Sequence[BufferedMessage]:
        """Give the messages that wait or have expired, the newest first."""
        statement = select(BufferedMessage).where(BufferedMessage.state.in_(_UNDELIVERED))
        return self._unit.session.scalars(statement.order_by(BufferedMessage.id.desc()).limit(limit)).all()

    def one(self, message_id: int) -> BufferedMessage:
        """Give a message by id; raises `NotFound`."""
        message = self._unit.session.get(BufferedMessage, message_id)
        if message is None:
            raise NotFound("There is no such message; it was delivered, or forgotten.")
        return message

    def readdress(self, message_id: int, correlation_key: str | None, life: timedelta, by: str, reason: str) -> None:
        """Let a message wait (again) so long for the receiver with this key; raises `Conflict` when it was delivered."""
        before = self.one(message_id).correlation_key
        values = {
            "state": MessageState.WAITING,
            "correlation_key": correlation_key,
            "expires_at": self._unit.now + life,
        }
        self._change(message_id, values)
        details = {"reason": reason, "before": before, "after": correlation_key}
        self._record(by, "message.readdressed", message_id, details)

    def discard(self, message_id: int, by: str, reason: str) -> None:
        """Deliver a message to nobody; raises `Conflict` when it was delivered."""
        message = self.one(message_id)
        self._change(message_id, {"state": MessageState.DISCARDED, "expires_at": self._unit.now})
        self._record(by, "message.discarded", message_id, {"reason": reason, **_told(message)})

    def give_up(self, mark: str, by: str, reason: str) -> None:
        """Deliver what is set aside to nobody, be it a message or a signal, unless it was delivered meanwhile."""
        kind, _, number = mark.partition(":")
        if kind == "message":
            with suppress(Conflict, NotFound):
                self.discard(int(number), by, reason)
            return
        given_up = self._unit.connection.execute(delete(SignalCopy).where(SignalCopy.id == int(number)))
        if given_up.rowcount:
            self._audit.record(SYSTEM_CHAIN, by, "signal.discarded", mark, {"reason": reason})

    def forget_incidents(self) -> None:
        """Close the incidents that tell of what is not on its way any more: another way was found, or its receiver is gone."""
        waiting = exists().where(
            BufferedMessage.state == MessageState.WAITING,
            Incident.key == "message:" + cast(BufferedMessage.id, String),
        )
        on_its_way = exists().where(Incident.key == "signal:" + cast(SignalCopy.id, String))
        told = Incident.state == IncidentState.OPEN, Incident.code == NOT_DELIVERED, ~waiting, ~on_its_way
        values = {"state": IncidentState.RESOLVED, "closed_at": self._unit.now}
        self._unit.connection.execute(update(Incident).where(*told).values(values))

    def expire(self) -> int:
        """Give up messages whose receiver never came, on record, and forget old ones; gives how many were given up.

        A delivered one is kept until it would have expired, so that its request key still tells a repetition.
        """
        now, execute = self._unit.now, self._unit.connection.execute
        is_over = BufferedMessage.expires_at <= now
        waits = BufferedMessage.state == MessageState.WAITING
        is_delivered = BufferedMessage.state == MessageState.DELIVERED
        is_old = BufferedMessage.expires_at <= now - KEPT_FOR_OPERATORS
        execute(delete(BufferedMessage).where(is_over, ~waits, or_(is_delivered, is_old)))
        statement = select(BufferedMessage).where(is_over, waits).order_by(BufferedMessage.id).limit(_MOST_AT_ONCE)
        overdue = self._unit.session.scalars(statement).all()
        ids = [message.id for message in overdue]
        expired = update(BufferedMessage).where(BufferedMessage.id.in_(ids), waits).values(state=MessageState.EXPIRED)
        given_up = set(execute(expired.returning(BufferedMessage.id)).scalars())
        for message in overdue:
            if message.id in given_up:
                self._record("system", "message.expired", message.id, _told(message))
        self.forget_incidents()
        return len(given_up)

    def _change(self, message_id: int, values: Mapping[str, Any]) -> None:
        this = BufferedMessage.id == message_id, BufferedMessage.state.in_(_UNDELIVERED)
        if self._unit.connection.execute(update(BufferedMessage).where(*this).values(dict(values))).rowcount != 1:
            raise Conflict("The message was delivered or discarded already; load the page again.")

    def _record(self, by: str, action: str, message_id: int, details: Mapping[str, Any]) -> None:
        self._audit.record(SYSTEM_CHAIN, by, action, f"message:{message_id}", details)


def _told(message: BufferedMessage) -> dict[str, Any]:
    return {
        "name": message.name,
        "correlation_key": message.correlation_key,
        "received_at": message.received_at,
    }
