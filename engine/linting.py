"""Check diagrams, decision tables and forms that belong together, without a database and without deploying them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from engine.decisions.advice import advise
from engine.decisions.decision import read_decisions
from engine.diagrams.laws import LintContext
from engine.diagrams.lint import UNKNOWN_SURROUNDINGS, lint_diagram
from engine.diagrams.reader import Diagram, read_diagram
from engine.diagrams.vocabulary import BPMN, SCOPES, identity, title
from engine.errors import DefinitionError, Finding, Severity
from engine.forms.form import read_form

SUFFIXES: Final = frozenset({".bpmn", ".dmn", ".form"})


@dataclass(slots=True)
class _Read:
    """What could be read of the files, and what is wrong with the rest."""

    diagrams: list[Diagram] = field(default_factory=list)
    decisions: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def lint_files(files: Sequence[tuple[str, bytes]], context: LintContext = UNKNOWN_SURROUNDINGS) -> list[Finding]:
    """Check files given as path and content, by their kind; errors first.

    Forms and decisions are looked up among the files when at least one of their kind is there and `context` leaves them
    open; files of no kind are passed over.
    """
    read = _Read()
    for path, data in files:
        _collect(read, path, data)
    known = _completed(read, context)
    for diagram in read.diagrams:
        read.findings += lint_diagram(diagram, known)
    read.findings += _shared_ids(read.diagrams)
    return sorted(read.findings, key=lambda finding: list(Severity).index(finding.severity))


def kind_of(path: str, data: bytes) -> str | None:
    """Tell what a file is, as one of `SUFFIXES`; None if nothing that is checked.

    Other tools name their files `.bpmn2`, `.bpmn20.xml`, `.dmn11.xml` or plainly `.xml`; of the last the content tells.
    """
    name = PurePosixPath(path.lower())
    if name.suffix in SUFFIXES:
        return name.suffix
    if name.suffix == ".bpmn2":
        return ".bpmn"
    if name.suffix != ".xml":
        return None
    inner = PurePosixPath(name.stem).suffix
    for kind, mark in ((".bpmn", BPMN.encode()), (".dmn", b"www.omg.org/spec/DMN/")):
        if inner.startswith(kind) or mark in data:
            return kind
    return None


def _collect(read: _Read, path: str, data: bytes) -> None:
    try:
        match kind_of(path, data):
            case ".bpmn":
                read.diagrams.append(read_diagram(data, path))
            case ".dmn":
                found = read_decisions(data, path)
                read.decisions |= set(found)
                read.findings += advise(found)
            case ".form":
                read.forms.add(PurePosixPath(path).stem)
                read.findings += read_form(data, path).lint()
    except DefinitionError as error:
        read.findings += error.findings


def _completed(read: _Read, context: LintContext) -> LintContext:
    if context.forms is None and read.forms:
        context = replace(context, forms=read.forms)
    if context.decisions is None and read.decisions:
        context = replace(context, decisions=read.decisions)
    return context


def _shared_ids(diagrams: Sequence[Diagram]) -> Iterator[Finding]:
    """Find processes and subprocesses of the same id in two files: deployed together, one would hide the other.

    Whether the files are to be deployed together, nobody has said; so it is a warning.
    """
    seen: dict[str, str] = {}
    for diagram in diagrams:
        for scope in diagram.root.iter(*SCOPES):
            key = identity(scope)
            if key is not None and seen.setdefault(key, diagram.file) != diagram.file:
                message = (
                    f"The id of {title(scope)} is used in {seen[key]} as well; rename one to deploy both together."
                )
                yield Finding(diagram.file, key, Severity.WARNING, "id_in_two_files", message)
