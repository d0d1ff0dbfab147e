"""Process instances: listed, looked at, and changed by operators with a reason."""

from collections.abc import Callable
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from engine.interventions import AddToken, CancelToken, ChangeVariables, Intervention, MoveToken
from engine.operating import Within
from storage.database import Transaction
from storage.processes import ProcessDefinition, ProcessInstance
from storage.views import ParcelView
from web.api import instance_shapes as shapes
from web.api.answering import answer, next_page
from web.api.asking import reads
from web.api.shapes import Repeatable
from web.context import person, system
from web.instances import check_may_change, in_sight, instance_view, listed
from web.repeats import Keep, once_within
from web.rights import Right, needs
from web.tokens import Scope, scoped

api = APIBlueprint("instances", __name__)


@api.get("/instances", summary="List process instances", responses={200: shapes.InstancePage})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_READ)
@reads
def find(query: shapes.InstanceQuery) -> Response:
    """List the instances that the person may see, the newest first."""
    with system().database.reading() as tx:
        rows, after = listed(
            tx,
            person(),
            query.process,
            only_running=query.scope == "running",
            after=query.after,
            limit=query.limit,
        )
        items = [shapes.InstanceLine(**_line(*row)) for row in rows]
    return answer(shapes.InstancePage(items=items, next=next_page(after)))


@api.get("/instances/<int:instance_id>", summary="Look at an instance", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_READ)
@reads
def show(path: shapes.InstancePath) -> Response:
    """Show an instance with its tokens and variables."""
    with system().database.reading() as tx:
        return _shown(tx, path.instance_id)


@api.post("/instances/<int:instance_id>/suspend", summary="Suspend an instance", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def suspend(path: shapes.InstancePath, header: Repeatable, body: shapes.WithReason) -> Response:  # noqa: ARG001 - for the document
    """Let it rest: nothing moves it, and what comes for it waits."""
    return _acted(path, lambda within: system().operator.suspend(path.instance_id, person().login, body.reason, within))


@api.post("/instances/<int:instance_id>/go-on", summary="Let an instance go on", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def go_on(path: shapes.InstancePath, header: Repeatable, body: shapes.WithReason) -> Response:  # noqa: ARG001 - for the document
    """Let a suspended instance go on."""
    return _acted(path, lambda within: system().operator.go_on(path.instance_id, person().login, body.reason, within))


@api.post("/instances/<int:instance_id>/terminate", summary="End an instance", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def terminate(path: shapes.InstancePath, header: Repeatable, body: shapes.WithReason) -> Response:  # noqa: ARG001 - for the document
    """End it; open work is withdrawn."""
    return _acted(
        path, lambda within: system().operator.terminate(path.instance_id, person().login, body.reason, within)
    )


@api.post("/instances/<int:instance_id>/delete", summary="Delete an instance", responses={200: shapes.Deleted})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def delete(path: shapes.InstancePath, header: Repeatable, body: shapes.WithReason) -> Response:  # noqa: ARG001 - for the document
    """Remove it with all its work; only the history tells of it."""
    return _acted(
        path,
        lambda within: system().operator.delete(path.instance_id, person().login, body.reason, within),
        lambda _tx: answer(shapes.Deleted(id=path.instance_id)),
    )


@api.post("/instances/<int:instance_id>/tokens/move", summary="Move a token", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def move(path: shapes.InstancePath, header: Repeatable, body: shapes.MovedToken) -> Response:  # noqa: ARG001 - for the document
    """Take a token from where it stands and let it enter another flow node."""
    return _intervened(path, MoveToken(body.token, body.node, body.flow), body.reason)


@api.post("/instances/<int:instance_id>/tokens/add", summary="Add a token", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def add(path: shapes.InstancePath, header: Repeatable, body: shapes.AddedToken) -> Response:  # noqa: ARG001 - for the document
    """Let one more token enter a flow node."""
    _check_may_change(path.instance_id, list(body.variables))
    return _intervened(path, AddToken(body.node, body.variables, body.flow, body.beside), body.reason)


@api.post("/instances/<int:instance_id>/tokens/cancel", summary="Cancel a token", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def cancel(path: shapes.InstancePath, header: Repeatable, body: shapes.CancelledToken) -> Response:  # noqa: ARG001 - for the document
    """Take a token away; others must be left to go on."""
    return _intervened(path, CancelToken(body.token), body.reason)


@api.post("/instances/<int:instance_id>/variables", summary="Change variables", responses={200: shapes.Instance})
@needs(Right.OPERATE)
@scoped(Scope.INSTANCES_WRITE)
@reads
def variables(path: shapes.InstancePath, header: Repeatable, body: shapes.ChangedVariables) -> Response:  # noqa: ARG001 - for the document
    """Set variables of the whole instance, or remove them."""
    _check_may_change(path.instance_id, [*body.values, *body.removed])
    return _intervened(path, ChangeVariables(body.values, frozenset(body.removed)), body.reason)


def _intervened(path: shapes.InstancePath, asked: Intervention, reason: str) -> Response:
    return _acted(
        path, lambda within: system().operator.intervene(path.instance_id, asked, person().login, reason, within)
    )


def _acted(
    path: shapes.InstancePath, act: Callable[[Within], None], told: Callable[[Transaction], Response] | None = None
) -> Response:
    """Do it, once for a key, where the person may see the instance; gives the instance as it is then, or what is `told`."""

    def acting(keep: Keep) -> Response:
        made: list[Response] = []

        def within(tx: Transaction) -> None:
            made.append(_shown(tx, path.instance_id) if told is None else told(tx))
            keep(tx, made[-1])

        _check_in_sight(path.instance_id)
        act(within)
        return made[-1]

    return once_within(acting)


def _check_in_sight(instance_id: int) -> None:
    with system().database.reading() as tx:
        in_sight(tx, person(), instance_id)


def _check_may_change(instance_id: int, names: list[str]) -> None:
    with system().database.reading() as tx:
        check_may_change(in_sight(tx, person(), instance_id)[1], names)


def _shown(tx: Transaction, instance_id: int) -> Response:
    view = instance_view(tx, person(), instance_id)
    tokens = [
        shapes.TokenLine(**{name: getattr(token.standing, name) for name in token.standing.__slots__})
        for token in view.tokens
    ]
    line = _line(view.instance, view.definition, view.parcel)
    return answer(shapes.Instance(**line, tokens=tokens, variables=dict(view.variables)))


def _line(instance: ProcessInstance, definition: ProcessDefinition, parcel: ParcelView | None) -> dict[str, Any]:
    return {
        "id": instance.id,
        "process": definition.key,
        "version": definition.version,
        "state": instance.state,
        "parcel": None if parcel is None else parcel.number,
        "started_at": instance.started_at,
        "ended_at": instance.ended_at,
        "end_reason": instance.end_reason,
    }
