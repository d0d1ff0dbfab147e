"""Migrations of running instances, for operators: mapped and planned first, then begun, then watched."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.migration import MOST_PLANNED, MOST_TOGETHER, Planned
from storage.database import Transaction
from storage.errors import NotFound, ParcelflowError
from storage.processes import ProcessDefinition
from web.context import person, system
from web.instances import Node, in_sight, nodes_of, only_in_sight
from web.problems import status_of
from web.repeats import Keep, once_within
from web.rights import Right, needs
from web.words import label

pages = Blueprint("migrations", __name__)

_SHOWN = 50
_MAPPED = "map."


@dataclass(frozen=True, slots=True)
class Stand:
    """A flow node where tokens stand: how many, and where they would come."""

    node: str
    name: str
    tokens: int
    to: str


@pages.get("/processes/<key>/migrate")
@needs(Right.OPERATE)
def plan(key: str) -> ResponseReturnValue:
    """Show what would become of the instances of other versions, with the mapping in the address."""
    return _planned_page(key, request.args.get("version", type=int))


@pages.post("/processes/<key>/migrate")
@needs(Right.OPERATE)
def begin(key: str) -> ResponseReturnValue:
    """Begin the migration that was planned."""
    version = request.form.get("version", type=int)
    try:
        return once_within(lambda keep: _begun(key, version, keep))
    except ParcelflowError as error:
        return _planned_page(key, version, error.message), status_of(error)


def _begun(key: str, version: int | None, keep: Keep) -> Response:
    made: list[Response] = []

    def within(tx: Transaction, migration_id: int) -> None:
        made.append(make_response(redirect(url_for("migrations.show", migration_id=migration_id))))
        keep(tx, made[-1])

    with system().database.reading() as tx:
        to = _target(tx, key, version)
        chosen = only_in_sight(tx, person(), to, None)
    system().migrator.begin(
        to,
        _mapping(request.form),
        person().login,
        request.form.get("reason", ""),
        together=request.form.get("how") == "together",
        only=chosen,
        within=within,
    )
    return made[-1]


@pages.get("/migrations/<int:migration_id>")
@needs(Right.OPERATE)
def show(migration_id: int) -> ResponseReturnValue:
    """Show how far a migration is."""
    with system().database.reading() as tx:
        migration = tx.migrations.one(migration_id)
        refused = tx.migrations.refused(migration_id)
        seen = {one.instance_id for one in refused if _is_in_sight(tx, one.instance_id)}
        return render_template(
            "migration.html",
            migration=migration,
            to=tx.deployments.definition(migration.definition_id),
            counts=tx.migrations.progress(migration_id),
            refused=refused,
            seen=seen,
        )


def _planned_page(key: str, version: int | None, error: str = "") -> str:
    with system().database.reading() as tx:
        to = _target(tx, key, version)
        mapping = _mapping(request.values)
        chosen = only_in_sight(tx, person(), to, None)
        planned = system().migrator.plan(tx, to, mapping, chosen[:MOST_PLANNED])
        return render_template(
            "migration_plan.html",
            to=to,
            versions=tx.deployments.versions(key),
            error=error,
            typed=request.values,
            number=len(chosen),
            planned=planned,
            shown=planned[:_SHOWN],
            hurdles=_hurdles(planned),
            stands=_stands(tx, planned, mapping),
            nodes=nodes_of(tx, to),
            earlier=tx.migrations.of_process(key),
            most_together=MOST_TOGETHER,
        )


def _target(tx: Transaction, key: str, version: int | None) -> ProcessDefinition:
    return tx.deployments.latest(key) if version is None else tx.deployments.version(key, version)


def _mapping(given: Mapping[str, str]) -> dict[str, str]:
    """Read the choices of the form, each field named by the flow node that it maps."""
    chosen = {name.removeprefix(_MAPPED): to for name, to in given.items() if name.startswith(_MAPPED)}
    return {node: to for node, to in chosen.items() if to and to != node}


def _hurdles(planned: Sequence[Planned]) -> list[tuple[str, str, int]]:
    counted = Counter((hurdle.node, hurdle.reason) for one in planned for hurdle in one.passage.hurdles)
    return [(node, reason, number) for (node, reason), number in counted.most_common()]


def _stands(tx: Transaction, planned: Sequence[Planned], mapping: Mapping[str, str]) -> list[Stand]:
    """Say at which flow nodes tokens stand, those that have a hurdle first."""
    stopped = Counter(node for node, _, number in _hurdles(planned) for _ in range(number))
    carried = Counter(node for one in planned for node, _ in one.passage.carried)
    places = [*stopped, *(node for node in carried if node not in stopped), *(set(mapping) - {*stopped, *carried})]
    names = _names(tx, planned)
    return [
        Stand(node, names.get(node, label(node)), stopped[node] + carried[node], mapping.get(node, node))
        for node in places
        if node
    ]


def _names(tx: Transaction, planned: Sequence[Planned]) -> dict[str, str]:
    """Name the flow nodes as the versions do that are left."""
    some = {one.running.version: one.running.instance_id for one in planned}
    nodes: list[Node] = []
    for instance_id in some.values():
        nodes += nodes_of(tx, tx.deployments.definition(tx.processes.one(instance_id).definition_id))
    return {node.id: node.name for node in nodes}


def _is_in_sight(tx: Transaction, instance_id: int) -> bool:
    try:
        in_sight(tx, person(), instance_id)
    except NotFound:
        return False
    return True
