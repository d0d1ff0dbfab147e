"""What operators do with running instances, each with a reason that stays in the history.

Like everything that moves an instance it is one transaction with one commit, written together with the audit event that says
who did it, why, and what was before and after.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.interventions import AddToken, CancelToken, ChangeVariables, Intervention, MoveToken, Standing
from engine.recording import Cause
from engine.runtime import Engine, subject_of
from engine.spiff.execution import Execution
from storage.database import Transaction
from storage.erasing import erase_instance
from storage.errors import Conflict, Invalid, Sealed
from storage.processes import InstanceState, ProcessInstance

LONGEST_REASON = 2000

Within = Callable[[Transaction], object]
"""What must be written in the same commit as the deed, after it: what the person is answered, for a repetition."""


def nothing(_tx: Transaction) -> None:
    """Write nothing more."""


class Operator:
    """Intervenes in running instances; safe to share between threads.

    Each deed takes what is to be written `within` its transaction, which sees the instance as it is after the deed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def intervene(
        self, instance_id: int, asked: Intervention, actor: str, reason: str, within: Within = nothing
    ) -> None:
        """Move, add or cancel a token, or change variables; in a suspended instance nothing runs on because of it.

        Raises `InterventionRefused`, which changes nothing.
        """
        details: dict[str, Any] = {"reason": checked_reason(reason)}

        def intervene(tx: Transaction) -> None:
            live = tx.processes.live(instance_id, also_suspended=True)
            rests = live.state is InstanceState.SUSPENDED

            def move(execution: Execution, now: Any) -> Any:
                before = execution.variables(), _places(execution)
                step = execution.intervene(asked, now, rests=rests)
                details.update(_told(asked, before, (execution.variables(), _places(execution))))
                return step

            cause = Cause(_ACTIONS[type(asked)], actor, subject_of(live), details=details, rests=rests)
            self._engine.move(tx, live, move, cause)
            within(tx)

        self._engine.transact(intervene)

    def standings(self, tx: Transaction, instance: ProcessInstance) -> tuple[Standing, ...]:
        """Give the tokens of an instance as an operator sees them."""
        return self._engine.load(tx, instance).standings()

    def terminate(self, instance_id: int, actor: str, reason: str, within: Within = nothing) -> None:
        """End an instance; its open items are withdrawn, its timers and jobs are gone."""
        said = checked_reason(reason)

        def terminate(tx: Transaction) -> None:
            live = tx.processes.live(instance_id, also_suspended=True)
            cause = Cause("process.terminated", actor, subject_of(live), details={"reason": said}, end_reason=said)
            self._engine.move(tx, live, lambda execution, now: execution.terminate(now), cause)
            within(tx)

        self._engine.transact(terminate)

    def suspend(self, instance_id: int, actor: str, reason: str, within: Within = nothing) -> None:
        """Let an instance rest: nothing moves it until it goes on; what comes for it meanwhile waits."""
        details = {"reason": checked_reason(reason)}

        def suspend(tx: Transaction) -> None:
            tx.processes.set_state(instance_id, InstanceState.ACTIVE, InstanceState.SUSPENDED)
            chain = tx.processes.one(instance_id).chain
            tx.audit.record(chain, actor, "process.suspended", f"instance:{instance_id}", details)
            within(tx)

        self._engine.transact(suspend)

    def go_on(self, instance_id: int, actor: str, reason: str, within: Within = nothing) -> None:
        """Let a suspended instance go on, with the jobs that have waited for it."""
        details = {"reason": checked_reason(reason)}

        def go_on(tx: Transaction) -> None:
            live = tx.processes.live(instance_id, also_suspended=True)
            if live.state is not InstanceState.SUSPENDED:
                raise Conflict("The process instance is not suspended any more; load the page again.")
            cause = Cause("process.resumed", actor, subject_of(live), details=details)
            self._engine.move(tx, live, lambda execution, now: execution.wake(now), cause)
            tx.jobs.wake_those_of(instance_id)
            within(tx)

        self._engine.transact(go_on)

    def delete(self, instance_id: int, actor: str, reason: str, within: Within = nothing) -> None:
        """Remove an instance, running or ended, with all its rows; only the history tells of it. Raises `Sealed`."""
        said = checked_reason(reason)

        def delete(tx: Transaction) -> None:
            instance = tx.processes.one(instance_id)
            _check_not_sealed(tx, instance)
            definition = tx.deployments.definition(instance.definition_id)
            details = {
                "reason": said,
                "process": definition.key,
                "version": definition.version,
                "state": instance.state,
            }
            details["before"] = _places(self._engine.load(tx, instance))
            tx.audit.record(instance.chain, actor, "process.deleted", f"instance:{instance_id}", details)
            erase_instance(tx, instance_id, instance.version)
            within(tx)

        self._engine.transact(delete)


_ACTIONS: Mapping[type, str] = {
    MoveToken: "token.moved",
    AddToken: "token.added",
    CancelToken: "token.cancelled",
    ChangeVariables: "variables.changed",
}


def _places(execution: Execution) -> list[str]:
    return sorted(one.node for one in execution.standings())


def _told(
    asked: Intervention, before: tuple[Mapping[str, Any], list[str]], after: tuple[Mapping[str, Any], list[str]]
) -> dict[str, Any]:
    """Give what the history keeps: for variables each with its value before and after, for tokens where they stand."""
    if isinstance(asked, ChangeVariables):
        names = sorted({*asked.values, *asked.removed})
        return {"fields": {name: {"before": before[0].get(name), "after": after[0].get(name)} for name in names}}
    told = {"before": before[1], "after": after[1]}
    match asked:
        case MoveToken(key, node):
            return told | {"node": key.rpartition(":")[0], "to": node}
        case AddToken(node):
            return told | {"node": node}
        case CancelToken(key):
            return told | {"node": key.rpartition(":")[0]}


def _check_not_sealed(tx: Transaction, instance: ProcessInstance) -> None:
    if instance.parcel_id is not None and tx.parcels.one(instance.parcel_id).sealed_at is not None:
        raise Sealed("The parcel lies in the archive, where nothing changes; its process instance stays with it.")


def checked_reason(reason: str) -> str:
    """Give a reason without the space around it; raises `Invalid` when there is none, or too much of it."""
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON:
        raise Invalid(f"Say why, in 1 to {LONGEST_REASON} characters.")
    return said
