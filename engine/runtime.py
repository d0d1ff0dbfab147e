"""Engine: moves process instances. One public method is one transaction with one commit.

A move takes up the instance, lets it run in memory to its next waits, and writes what changed in one go: state, work items,
timers, jobs, subscriptions, incidents, status and audit. Versions fence moves that began from an older state: such a move
begins again from the newest one, a few times. Nothing here talks to the outside: that is what jobs are for.

Messages find one receiver: an instance that waits for the name and correlation key, else a definition that the message
starts; until one comes they are kept, for a time. Signals reach all who wait when they are thrown. What instances throw at
each other is handed over by `deliver_pending`, one transaction each.
"""

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from engine.exchange import MOST_HANDOVERS, exchange, tell_undelivered
from engine.firing import MOST_TOGETHER, Fired, Firing, fired, firing_of, prepare, write
from engine.kept import KeptExecutions, Saved
from engine.recording import Cause, Course, Move, begin
from engine.spiff.execution import Execution
from engine.spiff.program import Program
from engine.start_timers import following_start
from engine.worklist import Answers, check_may_complete
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound, StaleVersion, Unavailable
from storage.failpoints import failpoint
from storage.instances import Handover, LiveInstance
from storage.jobs import Job
from storage.people import Actor
from storage.processes import InstanceState, ProcessInstance, Startable
from storage.steps import CompletedItem, NewMessage, StepRecord
from storage.timers import Timer
from storage.worklist import ItemInHand

SYSTEM = "system"
_TRIES = 8
_PAUSE_SECONDS = 0.02
_ASIDE = timedelta(seconds=30)
"""How long what could not be handed over lets the others go before it."""
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Programs(Protocol):
    """Gives what a deployment was compiled to."""

    def of(self, tx: Transaction, deployment_id: int) -> Program:
        """Give the program of a deployment."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """What became of a message: the instance that received it, or None when it waits; or it came before."""

    instance_id: int | None
    is_repetition: bool = False


class Engine:
    """Moves process instances; safe to share between threads."""

    def __init__(self, database: Database, programs: Programs, *, message_life: timedelta = timedelta(days=30)) -> None:
        self._database = database
        self._programs = programs
        self.message_life = message_life
        self._kept = KeptExecutions()
        self._aside: dict[str, datetime] = {}

    def start(
        self,
        process_key: str,
        parcel_id: int | None = None,
        variables: Mapping[str, Any] | None = None,
        *,
        message: str | None = None,
        start_event: str | None = None,
        actor: str = SYSTEM,
        request_key: str | None = None,
    ) -> int:
        """Start an instance of the version in force and give its id; the same request key again gives the same instance.

        It begins at `start_event`, or the one that waits for `message` if there is one, else at the plain one, or the only one.
        """

        def start(tx: Transaction) -> int:
            earlier = None if request_key is None else tx.processes.started_by(request_key)
            if earlier is not None:
                return earlier
            definition = tx.deployments.latest_to_start(process_key)
            cause = partial(Cause, "process.started", actor)
            given = dict(variables or {})
            begun_by = start_event if message is None else self._waiting_for(tx, definition, message)
            return self._begin(tx, definition, parcel_id, given, cause, start_event=begun_by, request_key=request_key)

        return self.transact(start)

    def complete(
        self,
        item_id: int,
        actor: Actor,
        answers: Answers,
        *,
        also: Callable[[Transaction], None] | None = None,
    ) -> int:
        """Complete a work item with a person's checked answers, and give the instance's id.

        An item that nobody has claimed is claimed by it. Where `answers` is a function, it is given the transaction and the
        item, checks the answers by what these tell, and gives them or raises. `also` does what must be written in the same
        commit or not at all. Raises `NotFound` for an item the person may not see, `Refused`, and `AlreadyTaken`.
        """
        failpoint("complete.begun")

        def complete(tx: Transaction) -> int:
            item = tx.work.in_hand(item_id, actor)
            given = answers(tx, item) if callable(answers) else answers
            check_may_complete(tx, item, actor)
            outcome = None if item.outcome_field is None else given.get(item.outcome_field)
            cause = Cause(
                "work.completed",
                actor.login,
                f"work_item:{item.id}",
                key=item.key,
                details={"node": item.node, "outcome": outcome, "fields": sorted(given), **_reasons(given)},
                on_behalf_of=_absent(tx, item.assignee_id, actor),
                completed=CompletedItem(
                    item.id, actor.user_id, item.assignee_id, None if outcome is None else str(outcome)
                ),
            )
            live = tx.processes.usable(item.instance)
            self.move(tx, live, lambda execution, now: execution.complete(item.key, dict(given), now), cause)
            if also is not None:
                also(tx)
            return live.id

        return self.transact(complete)

    def resume(self, job_id: int, result: Mapping[str, Any], *, claim: int | None = None) -> bool:
        """Bring an operation's result back as a step; False when the instance does not want it any more.

        So it is when the job does not run under the `claim` any more: it is tried anew, or with other inputs.
        """
        return self._settle(
            job_id, claim, "job.done", lambda key: lambda execution, now: execution.complete(key, dict(result), now)
        )

    def throw_error(self, job_id: int, code: str, message: str, *, claim: int | None = None) -> bool:
        """Bring an operation's business error back to its activity; False when the instance does not want it any more."""
        return self._settle(
            job_id,
            claim,
            "job.refused",
            lambda key: lambda execution, now: execution.throw_error(key, code, message, now),
        )

    def variables_of(self, job: Job) -> Mapping[str, Any]:
        """Give the variables that the activity of a job sees."""
        if job.instance_id is None:
            return {}
        with self._database.reading() as tx:
            live = tx.processes.live(job.instance_id)
            return self._look(tx, live, job.key)

    def variables_at(self, item_id: int, within: Transaction | None = None) -> Mapping[str, Any]:
        """Give the variables that the activity of an open work item sees, to fill its form; `within` what else is read."""
        if within is None:
            with self._database.reading() as tx:
                return self.variables_at(item_id, tx)
        item = within.work.one(item_id)
        live = within.processes.live(item.instance_id)
        return self._look(within, live, item.key)

    def variables_of_item(self, tx: Transaction, item: ItemInHand) -> Mapping[str, Any]:
        """Give the variables that the activity of an open work item in hand sees."""
        return self._look(tx, tx.processes.usable(item.instance), item.key)

    def _look(self, tx: Transaction, live: LiveInstance, key: str) -> Mapping[str, Any]:
        program, saved = self._programs.of(tx, live.deployment_id), _saved(live)
        execution = self._kept.take(program, saved)
        seen = execution.variables_at(key)
        self._kept.keep(program, saved, execution)
        return seen

    def variables(self, instance_id: int) -> Mapping[str, Any]:
        """Give the variables of an instance, running or ended."""
        with self._database.reading() as tx:
            return self.load(tx, tx.processes.one(instance_id)).variables()

    def load(self, tx: Transaction, instance: ProcessInstance) -> Execution:
        """Bring an instance, running or ended, into memory to look at it."""
        deployment_id = tx.deployments.definition(instance.definition_id).deployment_id
        return Execution.load(self._programs.of(tx, deployment_id), instance.snapshot)

    def fire_timer(self, timer_id: int) -> bool:
        """Fire a due timer, once; False when it is gone, or not due any more."""
        failpoint("timer.claimed")

        def fire(tx: Transaction) -> bool:
            timer = tx.timers.one(timer_id)
            if timer is None or timer.due_at > tx.now:
                return False
            cause = partial(Cause, "timer.fired", SYSTEM)
            if timer.instance_id is None:
                return self._start_by_timer(tx, timer_id, cause)
            live = tx.processes.live(timer.instance_id)
            execution = Execution.load(self._programs.of(tx, live.deployment_id), live.snapshot)
            self._run(
                tx, live, execution, firing_of(timer.key), fired(execution, timer.node, timer.key, live.id, tx.now)
            )
            return True

        return self.transact(fire)

    def fire_due(self, but_for: Collection[int] = ()) -> Fired:
        """Fire due timers of different instances in one transaction, at most `MOST_TOGETHER`, but for some.

        When one of them fails, nothing of that is kept and each is fired by itself; the failed ones are named. So is each
        that concerns others, by a message or a signal. Between nodes on PostgreSQL each instance is taken by one.
        """
        with self._database.reading() as tx:
            if not tx.timers.has_due():
                return Fired()
            firings = self._due(tx, but_for) if self._database.is_sqlite else []
        if self._database.is_sqlite and not firings:
            return Fired()
        failpoint("timer.claimed")

        def fire(tx: Transaction) -> None:
            firings[:] = firings or self._due(tx, but_for)
            write(tx, [firing for firing in firings if firing.record is not None])

        try:
            self.transact(fire, tries=1)
        except Unavailable:
            raise
        except Exception as reason:  # noqa: BLE001 - each is fired by itself, and then tells what is the matter with it
            _log.info("%s timers are fired one by one: %s", len(firings), reason)
            return self._fire_one_by_one(firings)
        alone = self._fire_one_by_one([firing for firing in firings if firing.record is None])
        return Fired(len(firings) - len(alone.failed), alone.failed)

    def correlate(
        self,
        message: str,
        payload: Mapping[str, Any] | None = None,
        *,
        correlation_key: str | None = None,
        request_key: str | None = None,
        any_key: bool = False,
        time_to_live: timedelta | None = None,
        also: Callable[[Transaction], None] | None = None,
    ) -> Correlation:
        """Give a message to its receiver, or keep it until the receiver comes; a request key makes repetitions harmless.

        `also` comes before it in the same commit, and may refuse it by raising; a repetition does nothing again.
        """

        def correlate(tx: Transaction) -> Correlation:
            new = NewMessage(message, dict(payload or {}), correlation_key)
            message_id = tx.processes.post(new, time_to_live or self.message_life, request_key)
            if message_id is None:
                return Correlation(None, is_repetition=True)
            failpoint("message.posted")
            if also is not None:
                also(tx)
            handover = tx.processes.receiver(message_id, any_key=any_key)
            return Correlation(None if handover is None else self._hand_over_at_once(tx, handover))

        return self.transact(correlate)

    def signal(self, name: str, payload: Mapping[str, Any] | None = None) -> int:
        """Send a signal to everybody who waits for it now, and give how many; `deliver_pending` hands it over."""

        def broadcast(tx: Transaction) -> int:
            copies = tx.processes.broadcast(name, dict(payload or {}))
            failpoint("signal.copied")
            return copies

        return self.transact(broadcast)

    def deliver_pending(self) -> int:
        """Hand over the signals and messages whose receivers wait, one transaction each; gives how many.

        One that cannot be handed over is told to an operator and set aside for a while, so that it never holds up the others.
        """
        with self._database.reading() as tx:
            self._aside = {mark: until for mark, until in self._aside.items() if until > tx.now}
            handovers = tx.processes.handovers(MOST_HANDOVERS, but_for=self._aside)
            told = tx.incidents.undelivered() if handovers else set()
        return sum(self._try_to_hand_over(handover, is_told=handover.mark in told) for handover in handovers)

    def transact(self, work: Callable[[Transaction], _T], tries: int = _TRIES) -> _T:
        """Do something in one transaction; begin again where somebody else was faster with the same instance or signal.

        The instance is kept from others then from before it is read, so that it is not overtaken for ever.
        """
        for attempt in range(1, tries + 1):
            try:
                with self._database.transaction() as tx:
                    tx.waits_its_turn = attempt > 1
                    result = work(tx)
                    tx.audit.write()
                    failpoint("step.before_commit")
            except StaleVersion:
                if attempt == tries:
                    raise
                time.sleep(random.uniform(0, _PAUSE_SECONDS * attempt))  # noqa: S311 - spreads the tries, no secret
            else:
                failpoint("step.committed")
                return result
        raise AssertionError

    def move(self, tx: Transaction, live: LiveInstance, move: Move, cause: Cause) -> None:
        """Move an instance within a transaction; raises `Conflict` when it does not wait for the cause's key any more."""
        execution = self._kept.take(self._programs.of(tx, live.deployment_id), _saved(live))
        self._run(tx, live, execution, move, cause)

    def _waiting_for(self, tx: Transaction, definition: Startable, message: str) -> str | None:
        outline = self._programs.of(tx, definition.deployment_id).processes.get(definition.key)
        starts = () if outline is None else outline.starts
        return next((start.id for start in starts if start.kind == "message" and start.name == message), None)

    def _begin(
        self,
        tx: Transaction,
        definition: Startable,
        parcel_id: int | None,
        variables: dict[str, Any],
        cause: Callable[..., Cause],
        *,
        start_event: str | None = None,
        request_key: str | None = None,
    ) -> int:
        live = tx.processes.usable(tx.processes.open(definition, parcel_id, request_key))
        program = self._programs.of(tx, live.deployment_id)
        payload = variables if start_event is not None else None
        execution = Execution.start(
            program,
            definition.key,
            {} if payload is not None else variables,
            now=tx.now,
            start_event=start_event,
            payload=payload,
        )
        details = {"process": definition.key, "version": definition.version}
        self._run(
            tx, live, execution, lambda started, now: started.advance(now), cause(subject_of(live), details=details)
        )
        return live.id

    def _run(self, tx: Transaction, live: LiveInstance, execution: Execution, move: Move, cause: Cause) -> None:
        record = self.conclude(tx, begin(live, execution, move, cause, tx.now), cause)
        if record is not None:
            saved = Saved(record.instance_id, record.version + 1, record.snapshot)
            program = self._programs.of(tx, live.deployment_id)
            tx.after_commit.append(partial(self._kept.keep, program, saved, execution))

    def conclude(self, tx: Transaction, course: Course, cause: Cause) -> StepRecord | None:
        """Write what a course has come to; gives the rows where the execution may be kept for the next step."""
        live = course.live
        if not cause.rests:
            exchange(tx, course, self.message_life)
        details = course.details(cause)
        tx.audit.record(live.chain, cause.actor, cause.action, cause.subject, details, on_behalf_of=cause.on_behalf_of)
        record = course.record(cause)
        tx.processes.apply(record)
        return record if record.state is InstanceState.ACTIVE and not course.has_stuck else None

    def _due(self, tx: Transaction, but_for: Collection[int]) -> list[Firing]:
        """Work out the next firings; SQLite lets others write meanwhile, PostgreSQL lets them take other instances."""
        due = tx.processes.due(MOST_TOGETHER, but_for=but_for)
        return prepare(tx, lambda deployment: self._programs.of(tx, deployment), due)

    def _fire_one_by_one(self, firings: Sequence[Firing]) -> Fired:
        failed: list[int] = []
        for timer_id in (firing.due.id for firing in firings):
            try:
                self.fire_timer(timer_id)
            except Unavailable:
                raise
            except Exception as reason:  # noqa: BLE001 - one faulty instance must not keep the others from their timers
                is_known = isinstance(reason, Conflict | NotFound)
                _log.log(logging.INFO if is_known else logging.ERROR, "timer %s: %s", timer_id, reason, exc_info=reason)
                failed.append(timer_id)
        return Fired(len(firings) - len(failed), tuple(failed))

    def _settle(self, job_id: int, claim: int | None, action: str, move: Callable[[str], Move]) -> bool:
        def settle(tx: Transaction) -> bool:
            job = tx.jobs.one(job_id)
            if job.instance_id is None or not job.takes_result_of(claim):
                return False
            details = {"node": job.node, "operation": job.operation}
            cause = Cause(action, SYSTEM, f"job:{job_id}", key=job.key, details=details, done_job_id=job_id)
            self.move(tx, tx.processes.live(job.instance_id), move(job.key), cause)
            return True

        return self.transact(settle)

    def _start_by_timer(self, tx: Transaction, timer_id: int, cause: Callable[..., Cause]) -> bool:
        timer = tx.timers.take(timer_id)
        if timer is None or timer.definition_id is None:
            return False
        definition = tx.deployments.to_start(timer.definition_id)
        program = self._programs.of(tx, definition.deployment_id)
        told = _to_next_start(tx, timer, program)
        failpoint("timer.moved")
        self._begin(tx, definition, None, dict(told), cause, start_event=timer.key)
        return True

    def skip_start(self, tx: Transaction, key: str | None) -> None:
        """Leave out the start that an incident with this key tells of: its timer waits for the next time, if there is one."""
        timer = tx.timers.stopped_start(key)
        if timer is not None:
            definition = tx.deployments.to_start(timer.definition_id or 0)
            _to_next_start(tx, timer, self._programs.of(tx, definition.deployment_id))

    def _try_to_hand_over(self, handover: Handover, *, is_told: bool) -> bool:
        def hand_over(tx: Transaction) -> None:
            self.hand_over(tx, handover)
            if is_told:
                tx.incidents.delivered(handover.mark)

        try:
            self.transact(hand_over)
        except Conflict as reason:
            _log.info("not delivered yet: %s", reason)
            return False
        except Unavailable:
            raise
        except Exception as reason:  # noqa: BLE001 - one that cannot be handed over must not keep the others from their receivers
            self._set_aside(handover, reason, is_told=is_told)
            return False
        return True

    def _set_aside(self, handover: Handover, reason: Exception, *, is_told: bool) -> None:
        self._aside[handover.mark] = self._database.clock() + _ASIDE
        if not is_told:
            _log.error("%s is set aside: %s", handover.mark, reason, exc_info=reason)
            with suppress(NotFound):  # the receiver was deleted meanwhile
                self.transact(lambda tx: tell_undelivered(tx, handover, reason))

    def _hand_over_at_once(self, tx: Transaction, handover: Handover) -> int:
        """Hand over; when the receiver got another message meanwhile, the receiver has to be looked for anew."""
        try:
            return self.hand_over(tx, handover)
        except (Conflict, NotFound) as reason:
            raise StaleVersion("Who waited for the message does not any more; send it again.") from reason

    def hand_over(self, tx: Transaction, handover: Handover) -> int:
        """Give a message or signal to who waits for it, within a transaction, and give the instance."""
        action = "signal.received" if handover.message_id is None else "message.received"
        cause, payload = partial(Cause, action, SYSTEM), dict(handover.payload)
        if handover.instance_id is None:
            definition = tx.deployments.to_start(handover.definition_id or 0)
            tx.processes.take(handover)  # before the steps, which may come to wait for the same name
            instance_id = self._begin(tx, definition, None, payload, cause, start_event=handover.key)
            tx.processes.note_receiver(handover, instance_id)
            return instance_id
        key, live = handover.key, tx.processes.live(handover.instance_id)
        tx.processes.take(handover, live.id)  # before the step, with which the subscription goes
        failpoint("message.taken")
        move = cause(subject_of(live), key=key)
        self.move(tx, live, lambda execution, now: execution.deliver(key, payload, now), move)
        return live.id


def _to_next_start(tx: Transaction, timer: Timer, program: Program) -> Mapping[str, Any]:
    """Let a timer that starts a process wait for its next time; gives what the instance is told of those missed."""
    following, told = following_start(timer.key, timer.schedule or {}, tx.now, program.time_zone)
    next_at, schedule = (None, None) if following is None else (following.due_at, following.schedule)
    tx.timers.move(timer.id, timer.due_at, next_at, schedule)
    return told


def _saved(live: LiveInstance) -> Saved:
    return Saved(live.id, live.version, live.snapshot)


def _absent(tx: Transaction, assignee_id: int | None, actor: Actor) -> str | None:
    return tx.people.one(assignee_id).login if assignee_id in actor.stands_for and assignee_id is not None else None


def _reasons(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Give the reasons among answers, which the history tells: the next round empties their variables."""
    return {name: value for name, value in answers.items() if (name == "reason" or name.endswith("_reason")) and value}


def subject_of(live: LiveInstance) -> str:
    """Name an instance as the audit does."""
    return f"instance:{live.id}"
