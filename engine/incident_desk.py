"""What people do with incidents: let what stopped try again, or end it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from engine.recording import Cause
from engine.runtime import SYSTEM, Engine
from storage.database import Transaction
from storage.incidents import NOT_DELIVERED, Incident, IncidentState
from storage.jobs import JobState
from storage.work import UNKNOWN_ASSIGNEE


class IncidentDesk:
    """Retries and gives up; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def retry(self, incident_id: int, actor: str, corrected: Mapping[str, Any] | None = None) -> None:
        """Let a stuck token or a stopped job try again, with corrected variables of its activity if given.

        Raises `Conflict` when somebody has dealt with it already.
        """

        def retry(tx: Transaction) -> None:
            incident = tx.incidents.one(incident_id)
            tx.incidents.close(incident_id, IncidentState.RESOLVED, actor)
            if incident.job_id is not None:
                self._retry_job(tx, incident, actor, corrected or {})
            elif incident.code == NOT_DELIVERED:
                _record_retry(tx, incident, actor)
            elif incident.code == UNKNOWN_ASSIGNEE:
                _give_to_named(tx, incident, actor)
            elif incident.instance_id is not None and incident.key is not None:
                key, live = incident.key, tx.processes.live(incident.instance_id)
                details = {"node": incident.node, "corrected": sorted(corrected or {})}
                cause = Cause("incident.retried", actor, f"incident:{incident_id}", details=details)
                self._engine.move(tx, live, lambda execution, now: execution.retry(key, now, corrected), cause)
            elif incident.instance_id is None:
                tx.audit.record(SYSTEM, actor, "incident.retried", f"incident:{incident_id}", {"node": incident.node})

        self._engine.transact(retry)

    def give_up(self, incident_id: int, actor: str, reason: str, *, error_code: str | None = None) -> None:
        """End what cannot go on: the activity with a BPMN error when a code is given, else the whole instance.

        Where the job is not wanted any more, or belongs to no instance, the incident alone is closed; a message or signal that
        could not be handed over is discarded, and its receiver goes on.
        """

        def give_up(tx: Transaction) -> None:
            incident = tx.incidents.one(incident_id)
            tx.incidents.close(incident_id, IncidentState.GIVEN_UP, actor, reason)
            if incident.code == NOT_DELIVERED:
                tx.messages.give_up(incident.key or "", actor, reason)
                return
            details = {"node": incident.node, "reason": reason}
            cause = partial(Cause, "incident.given_up", actor, f"incident:{incident_id}", details=details)
            job = None if incident.job_id is None else tx.jobs.one(incident.job_id)
            if job is not None and (job.instance_id is None or job.state is not JobState.STOPPED):
                tx.jobs.discard(job.id)
                return
            if incident.instance_id is None:
                self._engine.skip_start(tx, incident.key)
                tx.audit.record(SYSTEM, actor, "incident.given_up", f"incident:{incident_id}", details)
                return
            key, live = incident.key, tx.processes.live(incident.instance_id)
            if error_code is None or key is None:
                self._engine.move(tx, live, lambda execution, now: execution.terminate(now), cause(end_reason=reason))
            else:
                self._engine.move(
                    tx, live, lambda execution, now: execution.throw_error(key, error_code, reason, now), cause()
                )

        self._engine.transact(give_up)

    def _retry_job(self, tx: Transaction, incident: Incident, actor: str, corrected: Mapping[str, Any]) -> None:
        """Restart a stopped job; the variables that its activity sees are corrected first, and its inputs with them."""
        subject, key = f"incident:{incident.id}", incident.key
        if corrected and incident.instance_id is not None and key is not None:
            live = tx.processes.live(incident.instance_id)
            details = {"node": incident.node, "corrected": sorted(corrected)}
            cause = Cause("incident.retried", actor, subject, details=details)
            self._engine.move(tx, live, lambda execution, now: execution.correct(key, corrected, now), cause)
        else:
            tx.audit.record(_chain(incident.instance_id, incident.parcel_id), actor, "incident.retried", subject)
        job = tx.jobs.one(incident.job_id or 0)
        if job.state is JobState.STOPPED:  # new inputs have begun it anew
            tx.jobs.restart(job.id)


def _give_to_named(tx: Transaction, incident: Incident, actor: str) -> None:
    tx.work.give_to_named(incident.instance_id or 0, incident.key or "", incident.data["assignee"])
    _record_retry(tx, incident, actor)


def _record_retry(tx: Transaction, incident: Incident, actor: str) -> None:
    details = {"node": incident.node}
    chain = _chain(incident.instance_id, incident.parcel_id)
    tx.audit.record(chain, actor, "incident.retried", f"incident:{incident.id}", details)


def _chain(instance_id: int | None, parcel_id: int | None) -> str:
    if parcel_id is not None:
        return f"parcel:{parcel_id}"
    return SYSTEM if instance_id is None else f"instance:{instance_id}"
