"""What a diagram of a draft may name: forms, decisions, operations, groups, statuses, processes; for the modeler's choices."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from engine.decisions.editing import tables
from engine.deployment import STATUSES
from engine.errors import DefinitionError
from storage.database import Transaction
from web.context import system
from web.processes import outlined


def catalogue(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Give the names by what they name, sorted; statuses in their own order."""
    with system().database.reading() as tx:
        deployed = {one.key for one in tx.deployments.in_force()}
        groups = _groups(tx)
    return {
        "forms": sorted(PurePosixPath(path).stem for path in files if path.endswith(".form")),
        "decisions": sorted(set(_decisions(files))),
        "operations": sorted(system().operations),
        "groups": groups,
        "statuses": list(_statuses(files)),
        "processes": sorted(deployed | set(_processes(files))),
    }


def _groups(tx: Transaction) -> list[str]:
    return sorted(group.key for group in tx.people.groups())


def _decisions(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, data in files.items():
        if path.endswith(".dmn"):
            try:
                yield from (table.decision for table in tables(data, path))
            except DefinitionError:
                continue  # what is wrong with the file stands among the findings


def _statuses(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, data in files.items():
        if PurePosixPath(path).name == STATUSES:
            reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig", errors="replace")), skipinitialspace=True)
            yield from (row["status"].strip() for row in reader if row.get("status"))


def _processes(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, data in files.items():
        if path.endswith(".bpmn"):
            yield from (process.id for process in outlined(data, path) if process.id)
