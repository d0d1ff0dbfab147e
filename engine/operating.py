"""What operators do with running instances, each with a reason that stays in the history.

Like everything that moves an instance it is one transaction with one commit, written together with the audit event that says
who did it, why, and what was before and after.
"""

from engine.recording import Cause
from engine.runtime import Engine, subject_of
from storage.database import Transaction
from storage.errors import Invalid
from storage.processes import InstanceState

LONGEST_REASON = 2000
_SWITCHES = {
    InstanceState.SUSPENDED: (InstanceState.ACTIVE, "process.suspended"),
    InstanceState.ACTIVE: (InstanceState.SUSPENDED, "process.resumed"),
}


class Operator:
    """Intervenes in running instances; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def terminate(self, instance_id: int, actor: str, reason: str) -> None:
        """End an instance; its open items are withdrawn, its timers and jobs are gone."""
        said = checked_reason(reason)

        def terminate(tx: Transaction) -> None:
            live = tx.processes.live(instance_id)
            cause = Cause("process.terminated", actor, subject_of(live), details={"reason": said}, end_reason=said)
            self._engine.move(tx, live, lambda execution, now: execution.terminate(now), cause)

        self._engine.transact(terminate)

    def suspend(self, instance_id: int, actor: str, reason: str) -> None:
        """Let an instance rest: nothing moves it until it goes on."""
        self._switch(instance_id, InstanceState.SUSPENDED, actor, reason)

    def go_on(self, instance_id: int, actor: str, reason: str) -> None:
        """Let a suspended instance go on."""
        self._switch(instance_id, InstanceState.ACTIVE, actor, reason)

    def _switch(self, instance_id: int, state: InstanceState, actor: str, reason: str) -> None:
        expected, action = _SWITCHES[state]
        details = {"reason": checked_reason(reason)}

        def switch(tx: Transaction) -> None:
            tx.processes.set_state(instance_id, expected, state)
            instance = tx.processes.one(instance_id)
            tx.audit.record(instance.chain, actor, action, f"instance:{instance_id}", details)

        self._engine.transact(switch)


def checked_reason(reason: str) -> str:
    """Give a reason without the space around it; raises `Invalid` when there is none, or too much of it."""
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON:
        raise Invalid(f"Say why, in 1 to {LONGEST_REASON} characters.")
    return said
