"""Loads saved states for checking: what an instance waits for, and whether saving it again gives the same bytes."""

from engine.deployment import ProgramCache
from engine.spiff.execution import Execution
from storage.check import Reload, Reloaded
from storage.database import Database


def reloader(database: Database, programs: ProgramCache) -> Reload:
    """Give the function that loads the saved state of an instance of a definition (by its id)."""

    def reload(definition_id: int, snapshot: bytes) -> Reloaded:
        with database.reading() as tx:
            program = programs.of(tx, tx.deployments.definition(definition_id).deployment_id)
        execution = Execution.load(program, snapshot)
        waits = frozenset((str(wait.kind), wait.key) for wait in execution.waits())
        again = execution.save()
        if Execution.is_older(snapshot):
            return Reloaded(waits, is_same=Execution.load(program, again).save() == again)
        return Reloaded(waits, is_same=again == snapshot)

    return reload
