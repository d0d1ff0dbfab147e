"""Loads saved states for checking: what an instance waits for, and whether saving it again gives the same bytes."""

from functools import lru_cache

from engine.deployment import ProgramCache
from engine.spiff.execution import Execution
from engine.spiff.program import Program
from storage.check import Reload, Reloaded
from storage.database import Database

_PROGRAMS_AT_HAND = 16


def reloader(database: Database, programs: ProgramCache) -> Reload:
    """Give the function that loads the saved state of an instance of a definition (by its id)."""

    @lru_cache(_PROGRAMS_AT_HAND)
    def program_of(definition_id: int) -> Program:
        with database.reading() as tx:
            return programs.of(tx, tx.deployments.definition(definition_id).deployment_id)

    def reload(definition_id: int, snapshot: bytes) -> Reloaded:
        program = program_of(definition_id)
        execution = Execution.load(program, snapshot)
        waits = frozenset((str(wait.kind), wait.key) for wait in execution.waits())
        again = execution.save()
        if Execution.is_older(snapshot):
            return Reloaded(waits, is_same=Execution.load(program, again).save() == again)
        return Reloaded(waits, is_same=again == snapshot)

    return reload
