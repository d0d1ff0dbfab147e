"""The files of a dry run as the engine takes them: their kinds told by content too, named processes made executable."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from engine.deployment import SUFFIXES
from engine.diagrams.reader import read_diagram
from engine.diagrams.vocabulary import BPMN, PROCESS, is_true
from engine.errors import DefinitionError, Finding

_DMN: Final = b"www.omg.org/spec/DMN/"
_DIAGRAM: Final = ".bpmn"


class RehearsedFiles:
    """Files by the path the engine knows them by."""

    def __init__(self, given: Mapping[str, bytes], named: frozenset[str]) -> None:
        self._named = named
        self._paths: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self._own: tuple[str, ...] = ()
        self._marked: set[str] = set()
        for number, (path, data) in enumerate(given.items()):
            suffix = _suffix(path, data, is_first=number == 0)
            self._paths[path + suffix] = path
            self.files[path + suffix] = (
                self._diagram(path, data, number) if (path + suffix).endswith(_DIAGRAM) else data
            )

    def executable(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Narrow down what can be run to the first file where it has such processes, and to those that say so."""
        found = tuple(keys)
        own = tuple(key for key in found if key in self._own) or found
        return tuple(key for key in own if key in self._marked) or own

    def as_given(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Give the findings with the paths that the files came by."""
        return (replace(finding, file=self._paths.get(finding.file, finding.file)) for finding in findings)

    def _diagram(self, path: str, data: bytes, number: int) -> bytes:
        try:
            root = read_diagram(data, path).root
        except DefinitionError:
            return data  # the check tells what is wrong with it
        processes = root.findall(PROCESS)
        keys = tuple(process.get("id", "") for process in processes)
        self._own = keys if number == 0 else self._own
        self._marked.update(process.get("id", "") for process in processes if is_true(process, "isExecutable"))
        asleep = [process for process in processes if process.get("id") in self._named and process.get("isExecutable")]
        for process in asleep:
            process.set("isExecutable", "true")
        return etree.tostring(root, encoding="utf-8", xml_declaration=True) if asleep else data


def _suffix(path: str, data: bytes, *, is_first: bool) -> str:
    """Give what must be added to the path of a file so that its suffix tells its kind."""
    if PurePosixPath(path).suffix in SUFFIXES:
        return ""
    if is_first or BPMN.encode() in data:
        return _DIAGRAM
    return ".dmn" if _DMN in data else ""
