"""Migrations of running instances: planned, begun, and looked at while they go on."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from engine.migration import MOST_PLANNED, Planned
from storage.database import Transaction
from storage.instance_migrations import MigrationState
from web.api import instance_shapes as shapes
from web.api.answering import answer
from web.api.asking import reads
from web.api.shapes import Repeatable
from web.context import person, system
from web.instances import only_in_sight
from web.repeats import Keep, once, once_within
from web.rights import Right, needs
from web.tokens import Scope, scoped

api = APIBlueprint("migrations", __name__)


@api.post("/processes/<key>/migrations/plan", summary="Plan a migration", responses={200: shapes.Plan})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def plan(path: shapes.ProcessPath, header: Repeatable, body: shapes.MigrationAsked) -> Response:  # noqa: ARG001 - for the document
    """Tell which instances can move and which cannot, and why; nothing is changed."""

    def look() -> Response:
        with system().database.reading() as tx:
            to = tx.deployments.version(path.key, body.version)
            chosen = only_in_sight(tx, person(), to, body.instances or None)
            planned = system().migrator.plan(tx, to, body.mapping, chosen[:MOST_PLANNED])
        return answer(shapes.Plan(version=body.version, items=[_planned(one) for one in planned]))

    return once(look)


@api.post("/processes/<key>/migrations", summary="Begin a migration", responses={202: shapes.MigrationProgress})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def begin(path: shapes.ProcessPath, header: Repeatable, body: shapes.MigrationBegun) -> Response:  # noqa: ARG001 - for the document
    """Have instances carried over by the workers, one transaction each, or all of them in one."""

    def act(keep: Keep) -> Response:
        made: list[Response] = []

        def within(tx: Transaction, migration_id: int) -> None:
            made.append(answer(_progress(tx, migration_id), 202))
            keep(tx, made[-1])

        with system().database.reading() as tx:
            to = tx.deployments.version(path.key, body.version)
            chosen = only_in_sight(tx, person(), to, body.instances or None)
        asked = person().login, body.reason
        system().migrator.begin(to, body.mapping, *asked, together=body.together, only=chosen, within=within)
        return made[-1]

    return once_within(act)


@api.get("/migrations/<int:migration_id>", summary="Look at a migration", responses={200: shapes.MigrationProgress})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_READ)
@reads
def show(path: shapes.MigrationPath) -> Response:
    """Tell how far it is, and which instances were not moved, and why."""
    with system().database.reading() as tx:
        return answer(_progress(tx, path.migration_id))


def _planned(one: Planned) -> shapes.PlannedLine:
    passage = one.passage
    return shapes.PlannedLine(
        instance=one.running.instance_id,
        version=one.running.version,
        is_possible=passage.is_possible,
        carried=list(passage.carried),
        ending=list(passage.ending),
        beginning=list(passage.beginning),
        hurdles=[shapes.HurdleLine(node=hurdle.node, reason=hurdle.reason) for hurdle in passage.hurdles],
    )


def _progress(tx: Transaction, migration_id: int) -> shapes.MigrationProgress:
    migration, counts = tx.migrations.one(migration_id), tx.migrations.progress(migration_id)
    return shapes.MigrationProgress(
        id=migration.id,
        process=migration.process_key,
        version=tx.deployments.definition(migration.definition_id).version,
        reason=migration.reason,
        asked_by=migration.asked_by,
        asked_at=migration.asked_at,
        is_done=counts[MigrationState.WAITING] == 0,
        counts=dict(counts),
        refused=[
            shapes.RefusedLine(instance=one.instance_id, hurdles=_hurdles(one.hurdles))
            for one in tx.migrations.refused(migration_id)
        ],
    )


def _hurdles(texts: Sequence[Any]) -> list[shapes.HurdleLine]:
    return [shapes.HurdleLine(node=node, reason=reason) for node, reason in texts]
