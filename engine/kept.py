"""Executions kept in memory between steps, so that the next step of an instance need not load it.

An execution is taken out while it is used, and put back once what it did is committed; after any exception it stays out. It is
given only to who has just read the very bytes that it was saved as, at the same version and for the same program. So keeping is
nothing but a faster way to load: whoever has moved the instance meanwhile, another thread, another process, or somebody who
restored a backup, left other bytes behind. Two who hold the same version at once have two executions, and the versioned update
lets one of them through.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from engine.spiff.execution import Execution
from engine.spiff.program import Program


@dataclass(frozen=True, slots=True)
class Saved:
    """Where an execution stands in the database."""

    instance_id: int
    version: int
    snapshot: bytes


class KeptExecutions:
    """The executions that one process keeps, those that were used least lately given up first; safe to share between threads."""

    def __init__(self, size: int = 500) -> None:
        self._size = size
        self._kept: OrderedDict[int, tuple[Saved, Program, Execution]] = OrderedDict()
        self._lock = Lock()

    def take(self, program: Program, saved: Saved) -> Execution:
        """Give the execution for one's own: the one that is kept if it is what was saved, else it is loaded."""
        with self._lock:
            kept = self._kept.pop(saved.instance_id, None)
        if kept is not None and kept[0] == saved and kept[1] is program:
            return kept[2]
        return Execution.load(program, saved.snapshot)

    def keep(self, program: Program, saved: Saved, execution: Execution) -> None:
        """Keep an execution that nobody uses any more, unless a newer one is kept."""
        with self._lock:
            kept = self._kept.get(saved.instance_id)
            if kept is not None and kept[0].version > saved.version:
                return
            self._kept[saved.instance_id] = (saved, program, execution)
            self._kept.move_to_end(saved.instance_id)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
