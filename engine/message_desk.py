"""What operators do with messages that nobody received, each with a reason that stays on record."""

from engine.operating import checked_reason
from engine.runtime import Engine
from storage.database import Transaction


class MessageDesk:
    """Delivers and discards what waits or has expired; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deliver(self, message_id: int, correlation_key: str | None, actor: str, reason: str) -> int | None:
        """Let a message look for the receiver with this key; gives the instance, or None when it waits on.

        Raises `Conflict` when it was delivered or discarded already.
        """
        said, key = checked_reason(reason), (correlation_key or "").strip() or None

        def deliver(tx: Transaction) -> int | None:
            tx.messages.readdress(message_id, key, self._engine.message_life, actor, said)
            handover = tx.processes.receiver(message_id)
            return None if handover is None else self._engine.hand_over(tx, handover)

        return self._engine.transact(deliver)

    def discard(self, message_id: int, actor: str, reason: str) -> None:
        """Deliver a message to nobody."""
        said = checked_reason(reason)
        self._engine.transact(lambda tx: tx.messages.discard(message_id, actor, said))
