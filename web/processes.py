"""What process owners see of deployed processes and drafts: versions with who runs on them, findings with where they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from flask import url_for

from engine.deployment import Checked, Surroundings, check, with_called
from engine.diagrams.outline import OutlinedProcess, outline
from engine.diagrams.reader import read_diagram
from engine.errors import DefinitionError, Finding, Severity
from storage.database import Transaction
from storage.errors import NotFound
from storage.processes import Draft, ProcessDefinition
from web.draft_files import own_files
from web.words import label


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version of a process as a list shows it."""

    key: str
    name: str
    version: int
    definition_id: int
    deployment_id: int
    deployed_at: datetime
    deployed_by: str
    note: str
    running: int
    running_before: int = 0
    """Running instances of earlier versions."""
    is_executable: bool = True


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding with the page where it can be corrected."""

    finding: Finding
    href: str

    @property
    def tone(self) -> str:
        """Give the colour of its severity."""
        return {Severity.ERROR: "bad", Severity.WARNING: "warn"}.get(self.finding.severity, "")


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft with its files, the files it is compared with, and whether these were overtaken since."""

    draft: Draft
    files: Mapping[str, bytes]
    base: Mapping[str, bytes] | None
    base_name: str
    overtaken: Sequence[str] = field(default=())
    """Names of the processes which have newer versions than those the draft began with."""


def in_force(tx: Transaction) -> list[VersionLine]:
    """List the processes by their version in force."""
    active = tx.processes.count_active()
    return [_line(tx, one, active, with_earlier=True) for one in tx.deployments.in_force()]


def versions(tx: Transaction, key: str) -> list[VersionLine]:
    """List the versions of a process, the newest first; raises `NotFound`."""
    found = tx.deployments.versions(key)
    if not found:
        raise NotFound(f"There is no process {key}.")
    active = tx.processes.count_active()
    return [_line(tx, one, active) for one in found]


def outlined(data: bytes, file: str, key: str | None = None) -> list[OutlinedProcess]:
    """Give the processes of a diagram in words, or the one by key; nothing where it cannot be read."""
    try:
        found = outline(read_diagram(data, file))
    except DefinitionError:
        return []
    return [process for process in found if key in (None, process.id)]


def draft_view(tx: Transaction, draft_id: int) -> DraftView:
    """Give a draft; raises `NotFound`."""
    draft = tx.deployments.draft(draft_id)
    files = tx.deployments.draft_files(draft_id)
    if draft.based_on_id is None:
        return DraftView(draft, files, None, "")
    newest = _successor(tx, draft.based_on_id)
    base = own_files(tx.deployments.files(newest))
    return DraftView(draft, files, base, _deployment_name(tx, newest), _overtaken(tx, draft.based_on_id))


def checked_draft(tx: Transaction, files: Mapping[str, bytes], surroundings: Surroundings) -> Checked:
    """Check a draft as deploying it would, with the processes it calls."""
    try:
        whole = with_called(tx, files)
    except NotFound:
        whole = dict(files)  # a called process that is nowhere is a finding of the check
    return check(whole, surroundings)


def finding_lines(draft_id: int, checked: Checked) -> list[FindingLine]:
    """Give the findings with the page where each is corrected."""
    return [FindingLine(finding, _place(draft_id, finding)) for finding in checked.findings]


def editor_of(draft_id: int, path: str, element: str | None = None) -> str:
    """Give the address where a file of a draft is edited; the draft's own page where there is no editor for its kind."""
    match PurePosixPath(path).suffix:
        case ".dmn":
            return url_for("processes.editors.table", draft_id=draft_id, path=path, element=element)
        case ".bpmn" | ".form" | ".txt" | ".csv":
            return url_for("processes.editors.edit", draft_id=draft_id, path=path, element=element)
        case _:
            return url_for("processes.drafts.show", draft_id=draft_id) + "#files"


def _place(draft_id: int, finding: Finding) -> str:
    if finding.file.startswith("called/") or not finding.file:
        return url_for("processes.drafts.show", draft_id=draft_id) + "#files"
    address = editor_of(draft_id, finding.file, finding.element)
    return f"{address}#cell-{finding.element}" if finding.element and finding.file.endswith(".dmn") else address


def _line(
    tx: Transaction, one: ProcessDefinition, active: Mapping[int, int], *, with_earlier: bool = False
) -> VersionLine:
    deployment = tx.deployments.one(one.deployment_id)
    earlier = (
        sum(active.get(old.id, 0) for old in tx.deployments.versions(one.key) if old.id != one.id)
        if with_earlier
        else 0
    )
    return VersionLine(
        key=one.key,
        name=one.name or label(one.key),
        version=one.version,
        definition_id=one.id,
        deployment_id=one.deployment_id,
        deployed_at=deployment.deployed_at,
        deployed_by=deployment.deployed_by,
        note=deployment.note,
        running=active.get(one.id, 0),
        running_before=earlier,
        is_executable=one.is_executable,
    )


def _successor(tx: Transaction, deployment_id: int) -> int:
    """Give the deployment in force for the first process of a deployment: that is what a new version replaces."""
    for one in tx.deployments.definitions_of(deployment_id):
        return tx.deployments.latest(one.key).deployment_id
    return deployment_id


def _overtaken(tx: Transaction, deployment_id: int) -> list[str]:
    return [
        one.name or label(one.key)
        for one in tx.deployments.definitions_of(deployment_id)
        if tx.deployments.latest(one.key).deployment_id != deployment_id
    ]


def _deployment_name(tx: Transaction, deployment_id: int) -> str:
    names = [f"{one.name or label(one.key)} {one.version}" for one in tx.deployments.definitions_of(deployment_id)]
    return ", ".join(names)
