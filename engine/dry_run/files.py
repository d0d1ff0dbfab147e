"""The files of a dry run as the engine takes them: their kinds told by content too, named processes made executable."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from engine.deployment import SUFFIXES
from engine.diagrams.attributes import called_element, called_expression
from engine.diagrams.reader import read_diagram
from engine.diagrams.vocabulary import BPMN, PROCESS, bpmn, is_true
from engine.errors import DefinitionError, Finding

_DMN: Final = b"www.omg.org/spec/DMN/"
_DIAGRAM: Final = ".bpmn"


class RehearsedFiles:
    """Files by the path the engine knows them by.

    A process that does not say whether it is executable is; one that says no is nevertheless when it is named or called.
    """

    def __init__(self, given: Mapping[str, bytes], named: frozenset[str]) -> None:
        self._paths = {
            path + _suffix(path, data, is_first=not number): path for number, (path, data) in enumerate(given.items())
        }
        self.files = {path: given[original] for path, original in self._paths.items()}
        self._roots = dict(_readable(self.files))
        first = next(iter(self.files), "")
        self._own = {key for path, process in self._processes() if path == first and (key := process.get("id"))}
        self._marked = {process.get("id") for _, process in self._processes() if is_true(process, "isExecutable")}
        self._pictures = {process.get("id") for _, process in self._processes() if _is_picture(process)}
        calls = [call for root in self._roots.values() for call in root.iter(bpmn("callActivity"))]
        called = {key for call in calls if (key := called_element(call))}
        if any(map(called_expression, calls)):
            called |= {str(process.get("id")) for _, process in self._processes()}
        self._awake(named | called)

    def executable(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Narrow down what can be run to the first file where it has such processes, and to those that say so.

        A picture that is run because another process calls it does not begin by itself, nor does a global task.
        """
        processes = {process.get("id") for _, process in self._processes()}
        found = tuple(key for key in keys if key in processes - self._pictures)
        own = tuple(key for key in found if key in self._own) or found
        return tuple(key for key in own if key in self._marked) or own

    def as_given(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Give the findings with the paths that the files came by."""
        return (replace(finding, file=self._paths.get(finding.file, finding.file)) for finding in findings)

    def _processes(self) -> Iterator[tuple[str, etree._Element]]:
        return ((path, process) for path, root in self._roots.items() for process in root.findall(PROCESS))

    def _awake(self, needed: frozenset[str]) -> None:
        """Mark as executable what says nothing about it, and what is needed."""
        changed: set[str] = set()
        for path, process in self._processes():
            said = process.get("isExecutable")
            if said is None or (process.get("id") in needed and not is_true(process, "isExecutable")):
                process.set("isExecutable", "true")
                changed.add(path)
        for path in changed:
            self.files[path] = etree.tostring(self._roots[path], encoding="utf-8", xml_declaration=True)


def _is_picture(process: etree._Element) -> bool:
    """Tell whether a process says that it is not executable."""
    return process.get("isExecutable") is not None and not is_true(process, "isExecutable")


def _readable(files: Mapping[str, bytes]) -> Iterator[tuple[str, etree._Element]]:
    for path, data in files.items():
        if path.endswith(_DIAGRAM):
            try:
                yield path, read_diagram(data, path).root
            except DefinitionError:
                continue  # the check tells what is wrong with it


def _suffix(path: str, data: bytes, *, is_first: bool) -> str:
    """Give what must be added to the path of a file so that its suffix tells its kind."""
    if PurePosixPath(path).suffix in SUFFIXES:
        return ""
    if is_first or BPMN.encode() in data:
        return _DIAGRAM
    return ".dmn" if _DMN in data else ""
