"""One process instance in memory: started, stepped from wait to wait, saved and loaded.

Life: `start` or `load`, then any number of verbs, each of which gives a `Step` that says what changed, then `save`. Nothing here
knows a database or a clock: the caller gives the time and stores snapshot, waits and visits in one transaction. When a verb
raises, the execution is as it was only for NoSuchWait; after any other exception drop it and load it again.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from engine.business_time.working_time import in_force
from engine.errors import BusinessError, EngineError
from engine.interventions import Intervention, Standing
from engine.passages import MigrationRefused, Passage
from engine.spiff import migrating, snapshot, surgery
from engine.spiff.changes import copied
from engine.spiff.crossing import crossing
from engine.spiff.entrances import way_in
from engine.spiff.events import Catching
from engine.spiff.faults import NoSuchWait
from engine.spiff.instances import Instance
from engine.spiff.journal import Journal, stuck_at
from engine.spiff.program import Program
from engine.spiff.tokens import Token
from engine.spiff.waiting import Change
from engine.steps import ExecutionState, Step, Stuck, Wait, WaitKind

_P = ParamSpec("_P")
_T = TypeVar("_T")


class UnknownStart(EngineError):
    """The process or its start event does not exist, or cannot be run; look at the deployed diagram."""

    code = "unknown_start"


def _by_calendar(verb: Callable[Concatenate["Execution", _P], _T]) -> Callable[Concatenate["Execution", _P], _T]:
    """Let expressions reckon by the calendars of the process meanwhile."""

    @wraps(verb)
    def reckoning(self: "Execution", /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        with in_force(self.program.calendars, self.program.time_zone):
            return verb(self, *arguments, **named)

    return reckoning


class Execution:
    """One process instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.program = instance.program
        self._beginnings: migrating.Beginnings | None = None

    # -- beginning and keeping

    @classmethod
    def start(
        cls,
        program: Program,
        process_id: str,
        variables: Mapping[str, Any],
        *,
        now: datetime,
        start_event: str | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> "Execution":
        """Put a token on a start event; `advance` lets it move.

        Without `start_event` the first plain start event is taken, or the only one there is. The payload of a message or signal
        is laid over the variables. Raise UnknownStart where there is no such process or start event.
        """
        scope = program.scopes.get(program.entries.get(process_id, ""))
        if scope is None:
            raise UnknownStart(f"There is no process {process_id} that can be run; look at the deployed diagrams.")
        way = way_in(scope, start_event)
        if way is None:
            which = start_event or "without a trigger"
            raise UnknownStart(f"The process {scope.process} has no start event {which}; name one of its start events.")
        instance = Instance(program, scope)
        instance.journal = Journal(now)
        with in_force(program.calendars, program.time_zone):
            instance.begin(copied({**variables, **(payload or {})}), [way.spec], way.facts)
        return cls(instance)

    @classmethod
    def load(cls, program: Program, saved: bytes) -> "Execution":
        """Bring a saved instance back; raise BadSnapshot if it is damaged or does not fit the program."""
        return cls(snapshot.unpack(program, saved))

    @staticmethod
    def is_older(saved: bytes) -> bool:
        """Tell whether bytes are in an earlier format, in which nothing is saved any more."""
        return snapshot.is_older(saved)

    def save(self) -> bytes:
        """Write the instance down, about 1 KB; loading and saving again gives the same bytes."""
        return snapshot.pack(self._instance)

    # -- reading

    @property
    def state(self) -> ExecutionState:
        """The state as a whole."""
        return self._instance.state

    @_by_calendar
    def waits(self) -> tuple[Wait, ...]:
        """Describe everything that has to come from outside, oldest first."""
        return self._instance.waiting.all()

    @_by_calendar
    def awaits(self, key: str) -> bool:
        """Tell whether something waits under this key."""
        number = key.rpartition(":")[2]
        wait = self._instance.waiting.at(int(number)) if number.isdecimal() else None
        return wait is not None and wait.key == key

    @_by_calendar
    def watch(self) -> None:
        """Count from now on how waits change; of one that was just started, all are new anyway."""
        self._instance.waiting.watch()

    @_by_calendar
    def changes(self) -> Sequence[Change]:
        """Give each wait that was opened, changed or closed since it is watched: what it was, and what it is now."""
        return self._instance.waiting.changes()

    def stuck(self) -> tuple[Stuck, ...]:
        """Describe the tokens that cannot go on."""
        return tuple(stuck_at(token, token.fault) for token in self._instance.tokens() if token.fault is not None)

    def standings(self) -> tuple[Standing, ...]:
        """Describe the tokens as an operator sees them, oldest first."""
        return tuple(surgery.standings(self._instance))

    def variables(self) -> dict[str, Any]:
        """Give the newest variables of the whole instance; the final ones when it has ended."""
        instance = self._instance
        return dict(copied(instance.data if instance.completed else instance.variables()))

    def variables_at(self, key: str) -> dict[str, Any]:
        """Give the variables that a waiting or stuck token sees."""
        return dict(copied(self._token(key).data))

    def times_missed(self, key: str, now: datetime) -> int:
        """Tell how many times of its cycle a timer that waits has let pass, besides the one that fires now."""
        try:
            token = self._token(key)
        except NoSuchWait:
            return 0
        return token.task_spec.missed(token, now) if isinstance(token.task_spec, Catching) else 0

    # -- moving

    @_by_calendar
    def advance(self, now: datetime) -> Step:
        """Let every token move until all wait; beyond 1,000 steps one is stuck."""
        self._instance.journal = self._resumed(now)
        return self._finished()

    @_by_calendar
    def complete(self, key: str, variables: Mapping[str, Any], now: datetime) -> Step:
        """Take over the result of a work item or an operation."""
        token = self._begin(key, now, WaitKind.WORK, WaitKind.OPERATION)
        token.facts["result"] = copied(dict(variables))
        self._instance.attempt(token, "finish", lambda: token.task_spec.finish(token))
        return self._settled(token)

    @_by_calendar
    def throw_error(self, key: str, code: str, message: str, now: datetime) -> Step:
        """Leave an activity, waiting or stuck, by a BPMN error; the token is stuck (again) if nobody catches it."""

        def thrown() -> None:
            raise BusinessError(code, message)

        token = self._token(key)
        if token.fault is None:
            token = self._begin(key, now, WaitKind.WORK, WaitKind.OPERATION)
        else:
            self._instance.journal, token.fault = self._resumed(now), None
        self._instance.attempt(token, "run", thrown)
        return self._settled(token)

    @_by_calendar
    def deliver(self, key: str, payload: Mapping[str, Any], now: datetime) -> Step:
        """Hand over the message or signal that a token waits for."""
        token = self._begin(key, now, WaitKind.MESSAGE, WaitKind.SIGNAL, closes=False)
        token.task_spec.fire(token, payload)
        return self._finished()

    @_by_calendar
    def fire(self, key: str, now: datetime) -> Step:
        """Let a timer go off."""
        token = self._begin(key, now, WaitKind.TIMER, closes=False)
        token.task_spec.fire(token)
        return self._finished()

    @_by_calendar
    def retry(self, key: str, now: datetime, changes: Mapping[str, Any] | None = None) -> Step:
        """Let a stuck token try again, with changed variables if given."""
        token = self._token(key)
        if token.fault is None:
            raise NoSuchWait(f"{key} is not stuck; load the instance again and look.")
        self._instance.journal = self._resumed(now)
        self._instance.retry(token, dict(changes or {}))
        return self._settled(token)

    @_by_calendar
    def correct(self, key: str, changes: Mapping[str, Any], now: datetime) -> Step:
        """Change the variables that a waiting token sees, and let it go on waiting."""
        token = self._token(key)
        self._instance.journal = self._resumed(now)
        token.stir()
        token.data = {**token.data, **copied(dict(changes))}
        return self._settled(token)

    @_by_calendar
    def intervene(self, asked: Intervention, now: datetime, *, rests: bool = False) -> Step:
        """Do what an operator asks; what `rests` does not run on until `wake`. Raise InterventionRefused, changing nothing."""
        self._instance.journal = self._resumed(now)
        surgery.perform(self._instance, asked)
        for token in self._instance.tokens():  # it may have changed any of them
            token.stir()
        return self._at_rest() if rests else self._finished()

    @_by_calendar
    def wake(self, now: datetime) -> Step:
        """Let what has rested go on: whatever an intervention has made ready runs, and every net is looked at again."""
        self._instance.journal = self._resumed(now)
        self._instance.touched.extend(self._instance.nets())
        return self._finished()

    @_by_calendar
    def passage(self, program: Program, mapping: Mapping[str, str]) -> Passage:
        """Say what a migration to another program would do; nothing is changed."""
        return migrating.passage(self._instance, crossing(self._instance, program, mapping))

    @_by_calendar
    def migrate(
        self, program: Program, mapping: Mapping[str, str], now: datetime, *, status: str | None = None
    ) -> "Execution":
        """Give the instance in another program, where `settle_in` must follow; this execution is of no use afterwards.

        Raise MigrationRefused, which changes nothing. `status` is the one that holds now.
        """
        found = crossing(self._instance, program, mapping)
        if found.hurdles:
            first = found.hurdles[0]
            raise MigrationRefused(f"{first.node}: {first.reason}")
        self._instance.journal = self._resumed(now)
        instance, beginnings = migrating.carry_over(self._instance, found, status)
        carried = Execution(instance)
        carried._beginnings = beginnings
        return carried

    @_by_calendar
    def settle_in(self, now: datetime, *, rests: bool = False) -> Step:
        """Let what the other program has in addition begin to wait, and everything go on that can."""
        self._instance.journal = self._resumed(now)
        if self._beginnings is not None:
            self._beginnings.wait(self._instance)
        if rests:
            return self._at_rest()
        migrating.open_joins(self._instance)
        self._instance.touched.extend(self._instance.nets())
        return self._finished()

    @_by_calendar
    def terminate(self, now: datetime) -> Step:
        """Take every token away."""
        self._instance.journal = self._resumed(now)
        if self.state is ExecutionState.ACTIVE:
            self._instance.was_terminated = True
            self._instance.stop()
        return self._instance.journal.step(self.state, self._instance.failure)

    # -- inside

    def _begin(self, key: str, now: datetime, *kinds: WaitKind, closes: bool = True) -> Token:
        token = self._token(key)
        wait = token.task_spec.wait(token) if token.is_outward else None
        if wait is None or wait.kind not in kinds:
            raise NoSuchWait(f"Nothing of that kind waits under {key} any more; load the instance again and look.")
        self._instance.journal = self._resumed(now)
        if closes:
            self._instance.journal.close(key)
            token.stir()
            token.is_answered = True
        return token

    def _resumed(self, now: datetime) -> Journal:
        """Give an empty journal, or the one that the start began."""
        journal: Journal | None = getattr(self._instance, "journal", None)
        if journal is not None and not journal.is_given:
            journal.now = now
            return journal
        return Journal(now)

    def _token(self, key: str) -> Token:
        number = key.rpartition(":")[2]
        for net in self._instance.nets():
            token = net.tasks.get(int(number)) if number.isdecimal() else None
            if token is not None and token.is_live and token.key == key:
                return token
        raise NoSuchWait(f"Nothing waits under {key} any more; load the instance again and look.")

    def _settled(self, token: Token) -> Step:
        self._instance.touched.append(token.workflow)
        return self._finished()

    def _at_rest(self) -> Step:
        self._instance.tidy_retired()
        self._instance.touched.clear()
        return self._instance.journal.step(self.state, self._instance.failure)

    def _finished(self) -> Step:
        self._instance.run()
        return self._instance.journal.step(self.state, self._instance.failure)
