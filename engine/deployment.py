"""From a folder of files to a version in force: check everything, tell every finding, keep the bytes, and compile for running.

What cannot run is refused here, with the element's id and a sentence, and never dropped in silence. A deployment is one
transaction: files, definitions, rights, what starts them, and the audit event. Running instances keep their version.
Processes that a diagram calls and that are not among the files are taken along as they are in force at this moment, in the
folder `called/`, so that what was deployed stays what it is.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from csv import DictReader
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import StringIO
from pathlib import Path, PurePosixPath
from threading import Lock
from zoneinfo import ZoneInfo

from engine.business_time.calendars import NONE as NO_CALENDARS
from engine.business_time.calendars import STANDARD, Calendars, read_calendars
from engine.business_time.working_time import in_force
from engine.decisions.advice import advise
from engine.decisions.decision import Decision, read_decisions
from engine.diagrams.attributes import Binding, binding, bound_version, called_element
from engine.diagrams.laws import LintContext
from engine.diagrams.lint import lint_diagram
from engine.diagrams.normalise import NormalisedDiagram, normalise
from engine.diagrams.reader import Diagram, read_diagram
from engine.diagrams.vocabulary import PROCESS, bpmn
from engine.errors import DefinitionError, Finding, Severity
from engine.forms.form import read_form
from engine.spiff.program import ProcessOutline, Program, compile_program
from engine.start_timers import first_start
from storage.access import Grant, read_grants
from storage.audit import SYSTEM_CHAIN
from storage.database import Database, Transaction
from storage.failpoints import failpoint
from storage.processes import SubscriptionKind
from storage.steps import NewSubscription, NewTimer

SUFFIXES = frozenset({".bpmn", ".dmn", ".form", ".docx", ".txt", ".csv"})
ACCESS = "access.csv"
STATUSES = "statuses.csv"
CALENDAR = "calendar.csv"
CALLED = "called/"
_CALLED_TOO = (".bpmn", ".dmn", ".form", CALENDAR)
_PROGRAMS_KEPT = 64
_TRIED_WITHOUT = frozenset(
    {
        "condition_not_allowed",
        "flow_without_condition",
        "no_executable_process",
        "rule_without_decision",
    }
)
LetterCheck = Callable[[str, bytes], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the installation offers to processes; None where it is unknown, and then nothing is said about it."""

    time_zone: ZoneInfo
    operations: Collection[str] | None = None
    groups: Collection[str] | None = None
    check_letter: LetterCheck | None = None
    calendars: Calendars = STANDARD
    """Those of the installation; a process may bring its own."""
    is_trial: bool = False
    """Whether the files are only tried, so that operations, forms, tables and statuses may be missing."""


@dataclass(slots=True)
class Checked:
    """What a set of files holds, and what was found wrong with it."""

    findings: list[Finding] = field(default_factory=list)
    diagrams: list[Diagram] = field(default_factory=list)
    normalised: list[NormalisedDiagram] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    grants: list[Grant] | None = None
    statuses: dict[str, str] = field(default_factory=dict)
    calendars: Calendars = NO_CALENDARS
    program: Program | None = None

    @property
    def errors(self) -> list[Finding]:
        """The findings that forbid to deploy."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment has put in force: versions by process key; `is_new` is false when all of it was in force already."""

    deployment_id: int
    versions: Mapping[str, int]
    findings: Sequence[Finding]
    is_new: bool = True


def read_folder(folder: Path) -> dict[str, bytes]:
    """Give the files of a workflow folder by relative path; samples and unknown kinds of files are left out."""
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES and path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: data for name, data in files.items() if "samples" not in PurePosixPath(name).parts}


def check(files: Mapping[str, bytes], surroundings: Surroundings) -> Checked:
    """Check a set of files by path: diagrams, tables, forms, letters, rights; nothing is raised, all is told."""
    checked = Checked()
    for path in sorted(files):
        _collect(checked, path, files[path], surroundings)
    context = _context(checked, surroundings)
    for diagram in checked.diagrams:
        findings = lint_diagram(diagram, context)
        checked.findings += map(_forgiven, findings) if surroundings.is_trial else findings
    if not checked.errors:
        _compile(checked, surroundings)
    checked.findings.sort(key=lambda finding: list(Severity).index(finding.severity))
    return checked


def deploy(
    database: Database,
    surroundings: Surroundings,
    files: Mapping[str, bytes],
    *,
    login: str,
    note: str = "",
    name: str = "",
) -> Deployed:
    """Put files in force as new versions; raises `DefinitionError` with all findings when one of them forbids it.

    The same files again change nothing.
    """
    with database.reading() as tx:
        whole = with_called(tx, files)
        checked = check(whole, surroundings)
        earlier = _in_force(tx, whole)
    if checked.program is None:
        raise DefinitionError(checked.findings)
    if earlier is not None:
        return earlier
    failpoint("deploy.checked")
    with database.transaction() as tx:
        deployed = put_in_force(tx, surroundings, whole, checked, (login, note, name))
    failpoint("deploy.committed")
    return deployed


def with_called(tx: Transaction, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Add the processes which the diagrams call and which are not among the files, as they are in force now."""
    whole = {path: data for path, data in files.items() if not path.startswith(CALLED)}
    while missing := _missing(whole):
        for key, version in missing:
            found = tx.deployments.latest(key) if version is None else tx.deployments.version(key, version)
            folder = f"{CALLED}{key}-{found.version}/"
            taken = tx.deployments.files(found.deployment_id)
            whole |= {folder + path: data for path, data in taken.items() if path.endswith(_CALLED_TOO)}
    return whole


class ProgramCache:
    """Keeps compiled deployments for all threads of a process; a deployment never changes, so neither does its program."""

    def __init__(self, time_zone: ZoneInfo, calendars: Calendars = STANDARD, *, size: int = _PROGRAMS_KEPT) -> None:
        self.time_zone = time_zone
        self.calendars = calendars
        self._size = size
        self._kept: OrderedDict[int, Program] = OrderedDict()
        self._lock = Lock()

    def of(self, tx: Transaction, deployment_id: int) -> Program:
        """Give the program of a deployment, compiled when it is not kept; raises `NotFound`."""
        with self._lock:
            kept = self._kept.get(deployment_id)
            if kept is not None:
                self._kept.move_to_end(deployment_id)
                return kept
        program = compile_files(tx.deployments.files(deployment_id), self.time_zone, self.calendars)
        self.keep(deployment_id, program)
        return program

    def keep(self, deployment_id: int, program: Program) -> None:
        """Keep the program of a deployment, in the place of the one that was used least lately."""
        with self._lock:
            self._kept[deployment_id] = program
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def compile_files(files: Mapping[str, bytes], time_zone: ZoneInfo, calendars: Calendars = STANDARD) -> Program:
    """Compile a set of files that was checked before, by the calendars among them or else these; raises `DefinitionError`."""
    diagrams = [normalise(read_diagram(data, path)) for path, data in sorted(files.items()) if path.endswith(".bpmn")]
    decisions: dict[str, Decision] = {}
    for path, data in sorted(files.items()):
        if path.endswith(".dmn"):
            decisions |= read_decisions(data, path)
    known = _calendars(files)[0].over(calendars)
    return compile_program(diagrams, decisions, time_zone=time_zone, calendars=known)


def _collect(checked: Checked, path: str, data: bytes, surroundings: Surroundings) -> None:
    name = PurePosixPath(path)
    try:
        match name.suffix:
            case ".bpmn":
                checked.diagrams.append(read_diagram(data, path))
            case ".dmn":
                found_decisions = read_decisions(data, path)
                checked.decisions |= found_decisions
                checked.findings += advise(found_decisions)
            case ".form":
                checked.forms.add(name.stem)
                checked.findings += read_form(data, path).lint()
            case ".docx" | ".txt" if surroundings.check_letter is not None:
                checked.findings += surroundings.check_letter(path, data)
            case ".csv" if name.name == ACCESS:
                checked.grants = [*(checked.grants or ()), *_grants(checked, path, data)]
            case ".csv" if name.name == CALENDAR:
                found, faults = _calendars({path: data})
                checked.calendars = _joined(checked.calendars, found, path)
                checked.findings += faults
            case ".csv" if name.name == STATUSES:
                checked.statuses |= _statuses(checked, path, data)
    except DefinitionError as error:
        checked.findings += error.findings


def _grants(checked: Checked, path: str, data: bytes) -> list[Grant]:
    grants, faults = read_grants(data.decode("utf-8-sig", errors="replace"))
    checked.findings += [
        Finding(path, None, Severity.ERROR, "access_rule", f"Line {fault.line}: {fault.message}") for fault in faults
    ]
    return grants


def _calendars(files: Mapping[str, bytes]) -> tuple[Calendars, list[Finding]]:
    """Read all calendar.csv; the files' own come before those of the processes that they call."""
    found, findings = NO_CALENDARS, []
    for path, data in sorted(files.items()):
        if PurePosixPath(path).name == CALENDAR:
            read, faults = read_calendars(data.decode("utf-8-sig", errors="replace"))
            found = _joined(found, read, path)
            findings += [
                Finding(path, None, Severity.ERROR, "calendar", f"Line {fault.line}: {fault.message}")
                for fault in faults
            ]
    return found, findings


def _joined(known: Calendars, read: Calendars, path: str) -> Calendars:
    return known.over(read) if path.startswith(CALLED) else read.over(known)


def _statuses(checked: Checked, path: str, data: bytes) -> dict[str, str]:
    reader = DictReader(StringIO(data.decode("utf-8-sig", errors="replace"), newline=""), skipinitialspace=True)
    if not {"status", "name"} <= set(reader.fieldnames or ()):
        message = "The columns of statuses.csv are status and name; write them in its first line."
        checked.findings.append(Finding(path, None, Severity.ERROR, "statuses", message))
        return {}
    return {row["status"].strip(): row["name"].strip() for row in reader if row["status"]}


def _context(checked: Checked, surroundings: Surroundings) -> LintContext:
    return LintContext(
        is_to_run=True,
        forms=None if surroundings.is_trial else checked.forms,
        decisions=None if surroundings.is_trial else set(checked.decisions),
        operations=surroundings.operations,
        groups=surroundings.groups,
        statuses=None if surroundings.is_trial else set(checked.statuses) or None,
        processes={key for diagram in checked.diagrams for key in _process_keys(diagram)},
        calendars=set(checked.calendars.over(surroundings.calendars).by_name),
    )


def _forgiven(finding: Finding) -> Finding:
    """Make a warning of an error that forbids to deploy, but not to try."""
    is_forgiven = finding.severity is Severity.ERROR and finding.code in _TRIED_WITHOUT
    return replace(finding, severity=Severity.WARNING) if is_forgiven else finding


def _compile(checked: Checked, surroundings: Surroundings) -> None:
    zone, is_trial = surroundings.time_zone, surroundings.is_trial
    calendars = checked.calendars.over(surroundings.calendars)
    try:
        checked.normalised = [normalise(diagram) for diagram in checked.diagrams]
        checked.program = compile_program(
            checked.normalised, checked.decisions, time_zone=zone, calendars=calendars, is_trial=is_trial
        )
    except DefinitionError as error:
        checked.findings += error.findings


def _process_keys(diagram: Diagram) -> Iterator[str]:
    return (str(process.get("id")) for process in diagram.root.iter(PROCESS) if process.get("id"))


def _missing(files: Mapping[str, bytes]) -> list[tuple[str, int | None]]:
    """List the called processes, with the version where one is named, that no diagram holds."""
    diagrams = list(_readable(files))
    present = {key for diagram in diagrams for key in _process_keys(diagram)}
    wanted: dict[str, int | None] = {}
    for diagram in diagrams:
        for activity in diagram.root.iter(bpmn("callActivity")):
            key = called_element(activity)
            if key and key not in present:
                wanted[key] = bound_version(activity) if binding(activity) is Binding.VERSION else None
    return sorted(wanted.items())


def _readable(files: Mapping[str, bytes]) -> Iterator[Diagram]:
    for path, data in sorted(files.items()):
        if path.endswith(".bpmn"):
            try:
                yield read_diagram(data, path)
            except DefinitionError:
                continue  # `check` tells what is wrong with it


def _in_force(tx: Transaction, files: Mapping[str, bytes]) -> Deployed | None:
    """Find the deployment in force that holds exactly these files."""
    digests = {path: sha256(data).hexdigest() for path, data in files.items()}
    for definition in tx.deployments.in_force():
        if tx.deployments.digests(definition.deployment_id) == digests:
            definitions = tx.deployments.definitions_of(definition.deployment_id)
            versions = {one.key: one.version for one in definitions}
            return Deployed(definition.deployment_id, versions, (), is_new=False)
    return None


def put_in_force(
    tx: Transaction,
    surroundings: Surroundings,
    files: Mapping[str, bytes],
    checked: Checked,
    about: tuple[str, str, str],
) -> Deployed:
    """Put files that were checked in force as new versions; `about` is who does it, why, and the name for it."""
    login, note, name = about
    own = [(diagram.file, key) for diagram in checked.diagrams for key in _process_keys(diagram)]
    own = [(file, key) for file, key in own if not file.startswith(CALLED)]
    deployment = tx.deployments.add(name or ", ".join(key for _, key in own), files, login, note)
    failpoint("deploy.files_stored")
    versions: dict[str, int] = {}
    for file, key in own:
        outline = checked.program.processes.get(key) if checked.program else None
        if outline is None:
            continue  # it is only drawn
        definition = tx.deployments.define(
            deployment, key, file=file, name=outline.name or key, is_executable=outline.is_executable
        )
        versions[key] = definition.version
        if outline.is_executable:
            calendars = checked.program.calendars if checked.program else surroundings.calendars
            with in_force(calendars, surroundings.time_zone):
                tx.deployments.start_by(definition, *_starts(tx, outline, surroundings.time_zone))
        failpoint("deploy.defined")
        if checked.grants is not None:
            tx.access.replace(key, checked.grants)
        failpoint("deploy.granted")
    for role in sorted({grant.role for grant in checked.grants or ()}):
        tx.people.put_role(role)
    details = {"note": note, "versions": versions, "files": sorted(files)}
    tx.audit.record(SYSTEM_CHAIN, login, "process.deployed", f"deployment:{deployment.id}", details)
    tx.audit.write()
    failpoint("deploy.before_commit")
    return Deployed(deployment.id, versions, tuple(checked.findings))


def _starts(
    tx: Transaction, outline: ProcessOutline, time_zone: ZoneInfo
) -> tuple[list[NewSubscription], list[NewTimer]]:
    subscriptions, timers = [], []
    for start in outline.starts:
        if start.kind in (SubscriptionKind.MESSAGE, SubscriptionKind.SIGNAL):
            subscriptions.append(NewSubscription(start.id, SubscriptionKind(start.kind), start.name))
        elif start.timer is not None:
            timers.append(first_start(start.id, start.timer, tx.now, time_zone))
    return subscriptions, timers
