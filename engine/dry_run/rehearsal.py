"""The inside of a dry run: a scratch database, a virtual clock, and the steps of a script taken one after the other.

A script is taken first, line by line; each line must find something that waits. Service tasks that no later line names return
nothing at once. Then, unless it is to hold, what waits for people completes empty, oldest first, and when nothing else can move,
the clock jumps to the next timer; cycles without an end, if nothing else is left, go off ten times. A process that begins with
a message or signal which the script, or another process of the files, sends is left to wait for it; if it never comes, the
process is started as if it had. Of several processes those that send begin last.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from engine.business_time.durations import parse_duration
from engine.deployment import Checked, ProgramCache, Surroundings, check, put_in_force
from engine.dry_run.files import RehearsedFiles
from engine.dry_run.trial import TIME_IS_OVER, End, Options, Outcome, told
from engine.errors import ExpressionError, Finding, Severity
from engine.expressions.language import Expression
from engine.runtime import Engine
from engine.spiff.program import ProcessOutline, Program
from engine.spiff.triggers import key_if_known
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import ParcelflowError
from storage.incidents import Incident
from storage.months import Months
from storage.people import Actor, User
from storage.processes import InstanceState
from storage.work import UNKNOWN_ASSIGNEE

UNCAUGHT_ERROR = "uncaught_error"
_LOGIN = "dry-run"
_MOST_NAMES = 20
_ROUNDS = 10
"""How often a cycle without an end goes off when nothing else is left."""


class _Stop(Exception):
    """The run ends here."""

    def __init__(self, end: End) -> None:
        super().__init__(end.outcome)
        self.end = end


def rehearse(
    files: Mapping[str, bytes], options: Options, folder: str, stop_at: float = inf
) -> Iterator[dict[str, Any]]:
    """Try the files in this process, with the scratch database in the folder, until the `time.monotonic()` of `stop_at`."""
    rehearsal = None
    try:
        taken = RehearsedFiles(files, frozenset(options.processes))
        rehearsal = _prepared(taken, options, Path(folder), stop_at)
        yield from rehearsal.play()
        end = rehearsal.outcome()
    except _Stop as stop:
        end = stop.end
    except ParcelflowError as error:
        end = End(Outcome.INCIDENT, error.code, findings=told(error.code, None, error.message))
    first = next(iter(files), "")
    end = replace(end, findings=tuple(replace(one, file=one.file or first) for one in end.findings))
    if rehearsal is None:
        yield end.event({})
    else:
        yield from rehearsal.news()
        yield rehearsal.closed(end)


def _prepared(taken: RehearsedFiles, options: Options, folder: Path, stop_at: float) -> "_Rehearsal":
    surroundings = Surroundings(time_zone=ZoneInfo(options.time_zone), is_trial=True)
    checked = check(taken.files, surroundings)
    chosen = _chosen(checked, taken, options)
    rehearsal = _Rehearsal(folder, surroundings, options, chosen, stop_at)
    rehearsal.put_in_force(taken.files, checked)
    return rehearsal


def _chosen(checked: Checked, taken: RehearsedFiles, options: Options) -> "_Chosen":
    """Give the processes to start; stops the run as refused where that is not clear, or the files cannot be deployed."""
    findings = tuple(taken.as_given(checked.findings))
    if checked.program is None:
        first = checked.errors[0]
        raise _Stop(End(Outcome.REFUSED, first.code, first.element, findings))
    processes = checked.program.processes
    unknown = [key for key in options.processes if key not in processes or not processes[key].is_executable]
    if unknown:
        message = f"There is no process “{unknown[0]}” that can be run in these files; name another one."
        raise _Stop(
            End(Outcome.REFUSED, "unknown_process", unknown[0], findings + told("unknown_process", None, message))
        )
    keys = options.processes or taken.executable(key for key, one in processes.items() if one.is_executable)
    if not options.processes and len(keys) != 1:
        code, message = "no_executable_process", "No process is marked as executable; name the one to start."
        if keys:
            names = ", ".join(keys[:_MOST_NAMES]) + (", …" if len(keys) > _MOST_NAMES else "")
            code, message = "choose_process", f"Several processes can be run: {names}; name the one to start."
        is_told = any(one.code == code and one.severity is Severity.ERROR for one in findings)
        raise _Stop(End(Outcome.REFUSED, code, None, findings + (() if is_told else told(code, None, message))))
    return _Chosen(keys, checked.program, options.script, findings)


class _Chosen:
    """The processes to start: now, or when what begins them has come."""

    def __init__(
        self,
        keys: Sequence[str],
        program: Program,
        script: Sequence[Mapping[str, Any]],
        findings: tuple[Finding, ...],
    ) -> None:
        self.findings = findings
        self._processes = program.processes
        self._endless = program.endless_timers()
        self._message_keys = program.message_keys
        self._told = {line.get("message", line.get("signal")) for line in script}
        self.later = [key for key in keys if self._is_sent_for(self._processes[key])]
        self.now = [key for key in keys if key not in self.later]
        self.now.sort(key=lambda key: bool(self._processes[key].throws))  # a signal finds only who waits already

    def only_repeat(self, awaited: Sequence[str], rounds: Mapping[str, int]) -> bool:
        """Tell whether all timers that are left go off again and again, and have shown often enough what they do."""
        return all(node in self._endless and rounds.get(node, 0) >= _ROUNDS for node in awaited)

    def start_event(self, key: str, variables: Mapping[str, Any]) -> str | None:
        """Give the start event to begin with where the process has no plain one: one whose condition holds, or the first."""
        starts = self._processes[key].starts
        if not starts or any(start.kind == "none" for start in starts):
            return None
        return next((start for start in starts if _holds(start.condition, variables)), starts[0]).event

    def key_of(self, message: str, payload: Mapping[str, Any]) -> str | None:
        """Find the correlation key in what a message carries, where the files say how."""
        expression = self._message_keys.get(message)
        return None if expression is None else key_if_known(expression, payload)

    def _is_sent_for(self, process: ProcessOutline) -> bool:
        others = (one.throws for one in self._processes.values() if one.id != process.id)
        sent = self._told.union(*others)
        has_plain_start = any(start.kind == "none" for start in process.starts)
        return not has_plain_start and any(start.name in sent for start in process.starts)


class _Rehearsal:
    """One dry run: the scratch database, the virtual clock, the engine, and what was told so far."""

    def __init__(
        self, folder: Path, surroundings: Surroundings, options: Options, chosen: _Chosen, stop_at: float
    ) -> None:
        self._stop_at = stop_at
        self._now = options.now
        self._options = options
        self._chosen = chosen
        self._surroundings = surroundings
        self._script = list(options.script)
        self._told = 0
        documents = DocumentStore(folder / "documents")
        self._database = Database(
            f"sqlite:///{folder / 'scratch.sqlite'}", clock=lambda: self._now, documents=documents
        )
        self._database.migrate()
        self._programs = ProgramCache(surroundings.time_zone)
        self._engine = Engine(self._database, self._programs)
        with self._database.transaction() as tx:
            person = tx.people.add(User(login=_LOGIN, display_name="Dry run", created_at=tx.now))
            self._actor = tx.people.actor(person.id)

    def put_in_force(self, files: Mapping[str, bytes], checked: Checked) -> None:
        """Deploy what was checked, and run what was compiled then."""
        with self._database.transaction() as tx:
            deployed = put_in_force(tx, self._surroundings, files, checked, (_LOGIN, "", _LOGIN))
        if checked.program is not None:
            self._programs.keep(deployed.deployment_id, checked.program)

    def play(self) -> Iterator[dict[str, Any]]:
        """Start the processes, follow the script, then let everything run out."""
        for key in self._chosen.now:
            self._start(key)
        yield from self._settle()
        while self._script:
            line = self._script.pop(0)
            yield from self._follow(line)
            yield from self._settle()
        if self._options.hold:
            return
        yield from self._run_out()
        for key in self._chosen.later:
            if not self._has_begun(key):
                self._start(key)
                yield from self._settle()
                yield from self._run_out()

    def news(self) -> Iterator[dict[str, Any]]:
        """Give the events that were not told yet."""
        with self._database.transaction() as tx:
            events = tx.audit.after(self._told)
        for event in events:
            self._told = event.id
            for process, node, what in event.details.get("visits", ()):
                if what != "entered":
                    yield {"event": what, "node": node, "process": process, "at": event.at.isoformat()}

    def outcome(self) -> End:
        """Give the worst outcome of all instances."""
        with self._database.reading() as tx:
            incidents = tx.incidents.still_open()
            instances = tx.processes.all()
            waiting = [item.node for item in tx.work.open()]
        incidents = [one for one in incidents if one.code != UNKNOWN_ASSIGNEE]  # a dry run knows nobody
        faults = [incident for incident in incidents if incident.code != UNCAUGHT_ERROR]
        if faults:
            return _stopped(Outcome.INCIDENT, faults[0].code, faults[0])
        if incidents:
            return _stopped(Outcome.FAILED, incidents[0].expression, incidents[0])
        failures = [instance.failure or {} for instance in instances if instance.state is InstanceState.FAILED]
        if failures:
            return End(Outcome.FAILED, failures[0].get("code"), failures[0].get("node"))
        states = {instance.state for instance in instances}
        if InstanceState.ACTIVE in states or not states:
            return End(Outcome.WAITING, None, waiting[0] if waiting else None)
        return End(Outcome.TERMINATED if InstanceState.TERMINATED in states else Outcome.COMPLETED)

    def variables(self) -> dict[str, Any]:
        """Give the variables of each process, of its latest instance where there are several."""
        with self._database.reading() as tx:
            found = [(tx.deployments.definition(one.definition_id).key, one.id) for one in tx.processes.all()]
        return {key: _plain(dict(self._engine.variables(instance_id))) for key, instance_id in found}

    def closed(self, end: End) -> dict[str, Any]:
        """Close the database and give the last event."""
        variables = self.variables()
        self._database.close()
        return replace(end, findings=end.findings + self._chosen.findings).event(variables)

    def _start(self, key: str) -> None:
        self._engine.start(
            key, None, dict(self._options.variables), start_event=self._chosen.start_event(key, self._options.variables)
        )

    def _has_begun(self, key: str) -> bool:
        with self._database.reading() as tx:
            return any(tx.deployments.definition(one.definition_id).key == key for one in tx.processes.all())

    def _settle(self) -> Iterator[dict[str, Any]]:
        """Hand over messages and signals, and let the service tasks return that no later line speaks of."""
        yield from self._told_in_time()
        while self._engine.deliver_pending() or self._return_nothing() or self._fire_due():
            yield from self._told_in_time()

    def _told_in_time(self) -> Iterator[dict[str, Any]]:
        node = None
        for event in self.news():
            node = event["node"]
            yield event
        if monotonic() > self._stop_at:
            raise _Stop(End(Outcome.INCIDENT, "time_limit", node, told("time_limit", node, TIME_IS_OVER)))

    def _return_nothing(self) -> bool:
        named = {line.get("result", line.get("error")) for line in self._script}
        with self._database.reading() as tx:
            free = [job.id for job in tx.jobs.unfinished() if job.node not in named]
        for job_id in free[:1]:
            self._engine.resume(job_id, {})
        return bool(free)

    def _follow(self, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        match line:
            case {"complete": str(node)}:
                self._complete(self._item(node), _given(line, "variables"))
            case {"message": str(name)}:
                payload = _given(line, "payload")
                key = self._chosen.key_of(name, payload)
                found = self._engine.correlate(name, payload, correlation_key=key, any_key=key is None)
                _expect(found.instance_id is not None, name)
            case {"signal": str(name)}:
                _expect(self._engine.signal(name, _given(line, "payload")) > 0, name)
            case {"result": str(node)}:
                self._engine.resume(self._job(node), _given(line, "variables"))
            case {"error": str(node), "code": str(code)}:
                self._engine.throw_error(self._job(node), code, str(line.get("message", "")))
            case {"advance": str(span)}:
                yield from self._advance(span)
            case _:
                _expect(False, None)

    def _advance(self, span: str) -> Iterator[dict[str, Any]]:
        until = parse_duration(span).after(self._now, self._surroundings.time_zone)
        while (timer := self._next_timer()) is not None and timer[1] <= until:
            self._fire(*timer)
            yield from self._settle()
        self._now = until

    def _run_out(self) -> Iterator[dict[str, Any]]:
        rounds: Counter[str] = Counter()
        while True:
            with self._database.reading() as tx:
                items, timer, awaited = tx.work.open(), tx.timers.next(), tx.timers.awaited()
            if items:
                self._complete(items[0].id, {})
            elif timer is not None and not self._chosen.only_repeat(awaited, rounds):
                rounds[timer.node] += 1
                self._fire(timer.id, timer.due_at)
            else:
                return
            yield from self._settle()

    def _next_timer(self) -> tuple[int, datetime] | None:
        with self._database.reading() as tx:
            timer = tx.timers.next()
        return None if timer is None else (timer.id, timer.due_at)

    def _fire_due(self) -> bool:
        """Let a timer go off whose time has come already."""
        timer = self._next_timer()
        if timer is None or timer[1] > self._now:
            return False
        self._fire(*timer)
        return True

    def _fire(self, timer_id: int, due_at: datetime) -> None:
        self._now = max(self._now, due_at)
        self._engine.fire_timer(timer_id)

    def _complete(self, item_id: int, variables: Mapping[str, Any]) -> None:
        with self._database.reading() as tx:
            item = tx.work.one(item_id)
        groups = frozenset({item.candidate_group} if item.candidate_group else ())
        one = self._actor
        for_item = frozenset({item.assignee_id} if item.assignee_id else ())
        actor = Actor(one.user_id, one.login, one.name, frozenset(), groups, stands_for=for_item)
        self._engine.complete(item_id, actor, variables)

    def _item(self, node: str) -> int:
        with self._database.reading() as tx:
            found = [item.id for item in tx.work.open() if item.node == node]
        return self._first(found, node)

    def _job(self, node: str) -> int:
        with self._database.reading() as tx:
            found = [job.id for job in tx.jobs.unfinished() if job.node == node]
        return self._first(found, node)

    def _first(self, found: Sequence[int], node: str) -> int:
        """Give the first that waits; where nothing does because something went wrong before, end with that."""
        if not found and (end := self.outcome()).outcome in {Outcome.INCIDENT, Outcome.FAILED}:
            raise _Stop(end)
        _expect(bool(found), node)
        return found[0]


def _stopped(outcome: Outcome, code: str | None, incident: Incident) -> End:
    """End where an incident stands, with its sentence."""
    return End(outcome, code, incident.node, told(incident.code, incident.node, incident.message))


def _expect(is_there: bool, name: str | None) -> None:
    if not is_there:
        message = f"Nothing waits for what a line of the script says of “{name}”; look at the lines before it."
        raise _Stop(End(Outcome.INCIDENT, "script_step", name, told("script_step", None, message)))


def _holds(condition: Expression | None, variables: Mapping[str, Any]) -> bool:
    """Tell whether there is a condition, and it is true of the variables."""
    try:
        return condition is not None and bool(condition.evaluate(dict(variables)))
    except ExpressionError:
        return False


def _given(line: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = line.get(name) or {}
    _expect(isinstance(given, Mapping), next(iter(line)))
    return dict(given)


def _plain(value: Any) -> Any:
    """Give a value as plain JSON knows it: decimals as numbers, times as ISO 8601 text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, Months) else value
