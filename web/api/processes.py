"""Processes and deployments: what is in force, what was deployed, and putting files in force."""

from collections.abc import Mapping
from dataclasses import asdict

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from engine.deployment import Deployed, deploy
from engine.errors import DefinitionError, Finding, Severity
from storage.database import Transaction
from storage.errors import NotFound
from storage.processes import Deployment, ProcessDefinition
from web.api import shapes
from web.api.answering import answer, next_page
from web.api.asking import reads
from web.api.packages import unpack
from web.context import person, system
from web.repeats import once
from web.rights import Right, needs
from web.security import takes_files
from web.tokens import Scope, scoped

api = APIBlueprint("processes", __name__)


@api.get("/processes", summary="List processes", responses={200: shapes.Processes})
@needs(Right.DRAW)
@scoped(Scope.DEPLOYMENTS_READ)
@reads
def find() -> Response:
    """List the processes by their version in force."""
    with system().database.reading() as tx:
        running = tx.processes.count_active()
        items = [_process(tx, one, running) for one in tx.deployments.in_force()]
    return answer(shapes.Processes(items=items))


@api.get("/deployments", summary="List deployments", responses={200: shapes.DeploymentPage})
@needs(Right.DRAW)
@scoped(Scope.DEPLOYMENTS_READ)
@reads
def find_deployments(query: shapes.PageQuery) -> Response:
    """Tell who put which versions in force when, the newest first."""
    with system().database.reading() as tx:
        found = tx.deployments.page(query.after, query.limit + 1)
        items = [_deployment(tx, one) for one in found[: query.limit]]
    more = items[-1].id if len(found) > query.limit else None
    return answer(shapes.DeploymentPage(items=items, next=next_page(more)))


@api.post("/deployments", summary="Deploy", responses={201: shapes.Deployed, 200: shapes.Deployed})
@needs(Right.DRAW)
@scoped(Scope.DEPLOYMENTS_WRITE)
@takes_files
@reads
def put_in_force(header: shapes.Repeatable, form: shapes.Package) -> Response:  # noqa: ARG001 - for the document
    """Put files in force as new versions; what runs keeps its own. The same files again change nothing (200)."""
    return once(lambda: _deploy(form))


def _deploy(form: shapes.Package) -> Response:
    files = unpack(form.files)
    try:
        deployed = deploy(
            system().database,
            system().surroundings(),
            files,
            login=person().login,
            note=form.note.strip(),
            name=form.name.strip(),
        )
    except NotFound as error:
        finding = Finding("", None, Severity.ERROR, "unknown_process", error.message)
        raise DefinitionError([finding]) from error
    return answer(_deployed(deployed), 201 if deployed.is_new else 200)


def _deployed(deployed: Deployed) -> shapes.Deployed:
    return shapes.Deployed(
        id=deployed.deployment_id,
        is_new=deployed.is_new,
        versions=dict(deployed.versions),
        findings=[shapes.FindingLine.model_validate(asdict(finding)) for finding in deployed.findings],
    )


def _process(tx: Transaction, one: ProcessDefinition, running: Mapping[int, int]) -> shapes.ProcessLine:
    deployment = tx.deployments.one(one.deployment_id)
    versions = tx.deployments.versions(one.key)
    return shapes.ProcessLine(
        key=one.key,
        name=one.name,
        version=one.version,
        is_executable=one.is_executable,
        deployment_id=one.deployment_id,
        deployed_at=deployment.deployed_at,
        deployed_by=deployment.deployed_by,
        running=sum(running.get(each.id, 0) for each in versions),
    )


def _deployment(tx: Transaction, one: Deployment) -> shapes.DeploymentLine:
    definitions = tx.deployments.definitions_of(one.id)
    return shapes.DeploymentLine(
        id=one.id,
        name=one.name,
        note=one.note,
        deployed_by=one.deployed_by,
        deployed_at=one.deployed_at,
        processes=[
            shapes.DefinitionLine(key=each.key, version=each.version, name=each.name, is_executable=each.is_executable)
            for each in definitions
        ],
    )
