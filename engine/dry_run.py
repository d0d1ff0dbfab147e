"""Tries a diagram: the real engine on a scratch database with a virtual clock; no operation runs, nothing leaves the machine.

`dry_run` streams what happens as plain mappings: `{"event": "completed", "node", "process", "at"}` for each flow node that
completes, also `withdrawn` and `failed`, and last and once `{"event": "end", "outcome", "code", "element", "variables",
"findings"}`. It works in a confined child process, so it ends in time whatever the diagram does.

A script is taken first, line by line; each line must find something that waits. Service tasks that no later line names return
nothing at once. Then, unless it is to hold, what waits for people completes empty, oldest first, and when nothing else can move,
the clock jumps to the next timer.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

from confined.child import ChildFailed, ChildTimedOut, Limits, stream_confined
from engine.deployment import Checked, ProgramCache, Surroundings, check, deploy
from engine.durations import parse_duration
from engine.errors import Finding
from engine.runtime import Engine
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import ParcelflowError
from storage.people import Actor, User
from storage.processes import InstanceState

START = datetime(2026, 1, 1, tzinfo=UTC)
UNCAUGHT_ERROR = "uncaught_error"
_MEMORY = 1 << 30
_GRACE_SECONDS = 3.0
_LOGIN = "dry-run"


class Outcome(StrEnum):
    """How a dry run ends; of several the worst, which stands first, is told."""

    REFUSED = "refused"
    INCIDENT = "incident"
    FAILED = "failed"
    WAITING = "waiting"
    TERMINATED = "terminated"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Options:
    """What to try: which processes, with which variables, along which script, from when on, for how long."""

    processes: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    script: Sequence[Mapping[str, Any]] = ()
    hold: bool = False
    limit: timedelta = timedelta(seconds=10)
    now: datetime = START
    time_zone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class _End:
    """One reason to end, with what is told about it."""

    outcome: Outcome
    code: str | None = None
    element: str | None = None
    findings: tuple[Finding, ...] = ()


class _Stop(Exception):
    """The run ends here."""

    def __init__(self, end: _End) -> None:
        super().__init__(end.outcome)
        self.end = end


def dry_run(files: Mapping[str, bytes], options: Options) -> Iterator[dict[str, Any]]:
    """Try the diagrams, tables and forms of `files` (bytes by path) and give what happens, event by event."""
    seconds = options.limit.total_seconds()
    limits = Limits(cpu_seconds=seconds + _GRACE_SECONDS, wall_seconds=seconds + _GRACE_SECONDS, memory_bytes=_MEMORY)
    with TemporaryDirectory(prefix="parcelflow-dry-run-") as folder:
        events = stream_confined(run_within, dict(files), options, folder, limits=limits)
        with closing(events):
            try:
                yield from events
            except ChildTimedOut:
                yield _end_event(_End(Outcome.INCIDENT, "time_limit"), {})
            except ChildFailed as failure:
                yield _end_event(_End(Outcome.INCIDENT, failure.code), {})


def warm_up() -> None:
    """Load what every run needs, before the first one."""
    import_module("storage.schema")


def run_within(files: Mapping[str, bytes], options: Options, folder: str) -> Iterator[dict[str, Any]]:
    """Try the files in this process, with the scratch database in the folder; call it in a process of its own."""
    surroundings = Surroundings(time_zone=ZoneInfo(options.time_zone), has_forms=False)
    checked = check(files, surroundings)
    try:
        keys = _chosen(checked, options)
    except _Stop as stop:
        yield _end_event(stop.end, {})
        return
    rehearsal = _Rehearsal(Path(folder), files, surroundings, options)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, options.limit.total_seconds())
    try:
        yield from rehearsal.play(keys, _own_starts(checked, options))
        end = rehearsal.outcome()
    except _Stop as stop:
        yield from rehearsal.news()
        end = stop.end
    except ParcelflowError as error:
        yield from rehearsal.news()
        end = _End(Outcome.INCIDENT, error.code)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    yield _end_event(end, rehearsal.variables())


def _out_of_time(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop(_End(Outcome.INCIDENT, "time_limit"))


def _chosen(checked: Checked, options: Options) -> tuple[str, ...]:
    """Give the processes to start; stops the run as refused where that is not clear, or the files cannot be deployed."""
    if checked.program is None:
        first = checked.errors[0]
        raise _Stop(_End(Outcome.REFUSED, first.code, first.element, tuple(checked.findings)))
    executable = [key for key, outline in checked.program.processes.items() if outline.is_executable]
    unknown = [key for key in options.processes if key not in executable]
    if unknown:
        raise _Stop(_End(Outcome.REFUSED, "unknown_process", unknown[0], tuple(checked.findings)))
    if not options.processes and len(executable) != 1:
        raise _Stop(_End(Outcome.REFUSED, "choose_process", None, tuple(checked.findings)))
    return options.processes or tuple(executable)


def _own_starts(checked: Checked, options: Options) -> frozenset[str]:
    """Give the processes that only begin when the script sends what they wait for."""
    told = {line.get("message", line.get("signal")) for line in options.script}
    processes = checked.program.processes.values() if checked.program else ()
    return frozenset(
        outline.id
        for outline in processes
        if outline.starts
        and all(start.kind != "none" for start in outline.starts)
        and any(start.name in told for start in outline.starts)
    )


class _Rehearsal:
    """One dry run: the scratch database, the virtual clock, the engine, and what was told so far."""

    def __init__(self, folder: Path, files: Mapping[str, bytes], surroundings: Surroundings, options: Options) -> None:
        self._now = options.now
        self._options = options
        self._zone = surroundings.time_zone
        self._script = list(options.script)
        self._told = 0
        documents = DocumentStore(folder / "documents")
        self._database = Database(
            f"sqlite:///{folder / 'scratch.sqlite'}", clock=lambda: self._now, documents=documents
        )
        self._database.migrate()
        deploy(self._database, surroundings, files, login=_LOGIN)
        self._engine = Engine(self._database, ProgramCache(surroundings.time_zone))
        with self._database.transaction() as tx:
            person = tx.people.add(User(login=_LOGIN, display_name="Dry run", created_at=tx.now))
            self._actor = tx.people.actor(person.id)

    def play(self, keys: Sequence[str], own_starts: frozenset[str]) -> Iterator[dict[str, Any]]:
        """Start the processes, follow the script, then let everything run out."""
        for key in keys:
            if key not in own_starts:
                self._engine.start(key, None, dict(self._options.variables))
        yield from self._settle()
        while self._script:
            line = self._script.pop(0)
            yield from self._follow(line)
            yield from self._settle()
        if not self._options.hold:
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

    def outcome(self) -> _End:
        """Give the worst outcome of all instances."""
        with self._database.reading() as tx:
            incidents = tx.jobs.incidents()
            faults = [incident for incident in incidents if incident.code != UNCAUGHT_ERROR]
            if faults:
                return _End(Outcome.INCIDENT, faults[0].code, faults[0].node)
            if incidents:
                return _End(Outcome.FAILED, incidents[0].expression, incidents[0].node)
            instances = tx.processes.all()
            waiting = [item.node for item in tx.work.open()]
        for instance in instances:
            if instance.state is InstanceState.FAILED:
                failure = instance.failure or {}
                return _End(Outcome.FAILED, failure.get("code"), failure.get("node"))
        states = {instance.state for instance in instances}
        if InstanceState.ACTIVE in states or not states:
            return _End(Outcome.WAITING, None, waiting[0] if waiting else None)
        return _End(Outcome.TERMINATED if InstanceState.TERMINATED in states else Outcome.COMPLETED)

    def variables(self) -> dict[str, Any]:
        """Give the variables of each process, of its latest instance where there are several."""
        with self._database.reading() as tx:
            found = [(tx.deployments.definition(one.definition_id).key, one.id) for one in tx.processes.all()]
        return {key: _plain(dict(self._engine.variables(instance_id))) for key, instance_id in found}

    def _settle(self) -> Iterator[dict[str, Any]]:
        """Hand over messages and signals, and let the service tasks return that no later line speaks of."""
        yield from self.news()
        while self._engine.deliver_pending() or self._return_nothing():
            yield from self.news()

    def _return_nothing(self) -> bool:
        named = {line.get("result", line.get("error")) for line in self._script}
        with self._database.reading() as tx:
            free = [job.id for job in tx.jobs.unfinished() if job.node not in named]
        for job_id in free[:1]:
            self._engine.resume(job_id, {})
        return bool(free)

    def _follow(self, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        variables = dict(line.get("variables") or {})
        match line:
            case {"complete": str(node)}:
                self._complete(self._item(node), variables)
            case {"message": str(name)}:
                found = self._engine.correlate(name, dict(line.get("payload") or {}), any_key=True)
                _expect(found.instance_id is not None, name)
            case {"signal": str(name)}:
                _expect(self._engine.signal(name, dict(line.get("payload") or {})) > 0, name)
            case {"result": str(node)}:
                self._engine.resume(self._job(node), variables)
            case {"error": str(node), "code": str(code)}:
                self._engine.throw_error(self._job(node), code, str(line.get("message", "")))
            case {"advance": str(span)}:
                yield from self._advance(span)
            case _:
                _expect(False, None)

    def _advance(self, span: str) -> Iterator[dict[str, Any]]:
        until = parse_duration(span).after(self._now, self._zone)
        while (timer := self._next_timer()) is not None and timer[1] <= until:
            self._fire(*timer)
            yield from self._settle()
        self._now = until

    def _run_out(self) -> Iterator[dict[str, Any]]:
        while True:
            with self._database.reading() as tx:
                items = tx.work.open()
            timer = self._next_timer()
            if items:
                self._complete(items[0].id, {})
            elif timer is not None:
                self._fire(*timer)
            else:
                return
            yield from self._settle()

    def _next_timer(self) -> tuple[int, datetime] | None:
        with self._database.reading() as tx:
            timer = tx.jobs.next_timer()
        return None if timer is None else (timer.id, timer.due_at)

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
        _expect(bool(found), node)
        return found[0]

    def _job(self, node: str) -> int:
        with self._database.reading() as tx:
            found = [job.id for job in tx.jobs.unfinished() if job.node == node]
        _expect(bool(found), node)
        return found[0]


def _expect(is_there: bool, name: str | None) -> None:
    if not is_there:
        raise _Stop(_End(Outcome.INCIDENT, "script_step", name))


def _end_event(end: _End, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": "end",
        "outcome": end.outcome.value,
        "code": end.code,
        "element": end.element,
        "variables": dict(variables),
        "findings": [_finding(finding) for finding in end.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "element": finding.element,
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
    }


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
    return value
