"""Process instances, for operators: where the tokens are, what they know, and interventions with a reason."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.interventions import AddToken, CancelToken, ChangeVariables, Intervention, MoveToken
from engine.operating import Within
from storage.base import to_json
from storage.errors import Invalid, ParcelflowError
from web.context import person, system
from web.diagrams import diagram_bytes
from web.instances import check_may_change, in_sight, instance_view, listed
from web.navigation import say
from web.problems import status_of
from web.repeats import Keep, once_within
from web.rights import Right, needs
from web.typed_values import REMOVE, variable_name, variable_value

pages = Blueprint("instances", __name__, url_prefix="/instances")

_SHOWN = 50


@pages.get("")
@needs(Right.OPERATE)
def find() -> ResponseReturnValue:
    """List the instances, the newest first."""
    key, scope = request.args.get("process") or None, request.args.get("scope", "running")
    with system().database.reading() as tx:
        rows, after = listed(
            tx,
            person(),
            key,
            only_running=scope != "all",
            after=request.args.get("after", type=int),
            limit=_SHOWN,
        )
        more = url_for("instances.find", process=key, scope=scope, after=after) if after else None
        return render_template(
            "instances.html", rows=rows, more=more, key=key, scope=scope, processes=tx.deployments.in_force()
        )


@pages.get("/<int:instance_id>")
@needs(Right.OPERATE)
def show(instance_id: int) -> ResponseReturnValue:
    """Show an instance with its tokens and variables."""
    return _page(instance_id)


@pages.get("/<int:instance_id>/diagram")
@needs(Right.OPERATE)
def diagram(instance_id: int) -> ResponseReturnValue:
    """Give the diagram of an instance, as deployed."""
    with system().database.reading() as tx:
        instance, _ = in_sight(tx, person(), instance_id)
        return Response(diagram_bytes(tx, instance.definition_id), mimetype="text/xml")


@pages.post("/<int:instance_id>/suspend")
@needs(Right.OPERATE)
def suspend(instance_id: int) -> ResponseReturnValue:
    """Let an instance rest."""
    return _act(instance_id, "It rests until it is let go on.", system().operator.suspend)


@pages.post("/<int:instance_id>/go-on")
@needs(Right.OPERATE)
def go_on(instance_id: int) -> ResponseReturnValue:
    """Let a suspended instance go on."""
    return _act(instance_id, "It goes on.", system().operator.go_on)


@pages.post("/<int:instance_id>/terminate")
@needs(Right.OPERATE)
def terminate(instance_id: int) -> ResponseReturnValue:
    """End an instance."""
    return _act(instance_id, "It has ended.", system().operator.terminate)


@pages.post("/<int:instance_id>/delete")
@needs(Right.OPERATE)
def delete(instance_id: int) -> ResponseReturnValue:
    """Remove an instance."""
    return _act(instance_id, "It was deleted.", system().operator.delete, back=url_for("instances.find"))


@pages.post("/<int:instance_id>/move")
@needs(Right.OPERATE)
def move(instance_id: int) -> ResponseReturnValue:
    """Move the chosen token to the chosen flow node."""
    asked = MoveToken(_chosen("token"), _chosen("node"), request.form.get("flow", "").strip() or None)
    return _intervene(instance_id, "The token was moved.", asked)


@pages.post("/<int:instance_id>/add")
@needs(Right.OPERATE)
def add(instance_id: int) -> ResponseReturnValue:
    """Put one more token at the chosen flow node, beside the chosen one if there is one."""
    beside, flow = (request.form.get(name, "").strip() or None for name in ("token", "flow"))
    return _intervene(instance_id, "The token was added.", AddToken(_chosen("node"), {}, flow, beside))


@pages.post("/<int:instance_id>/cancel")
@needs(Right.OPERATE)
def cancel(instance_id: int) -> ResponseReturnValue:
    """Take the chosen token away."""
    return _intervene(instance_id, "The token was cancelled.", CancelToken(_chosen("token")))


@pages.post("/<int:instance_id>/variables")
@needs(Right.OPERATE)
def variables(instance_id: int) -> ResponseReturnValue:
    """Set one variable to another value, or remove it."""
    try:
        name = variable_name()
        asked = ChangeVariables(removed=frozenset({name}))
        if request.form.get("kind") != REMOVE:
            asked = ChangeVariables({name: variable_value()})
    except Invalid as error:
        return _page(instance_id, error.message), status_of(error)
    with system().database.reading() as tx:
        check_may_change(in_sight(tx, person(), instance_id)[1], [name])
    return _intervene(instance_id, "The variable was changed.", asked)


def _intervene(instance_id: int, done: str, asked: Intervention) -> ResponseReturnValue:
    def intervene(instance: int, actor: str, reason: str, within: Within) -> None:
        system().operator.intervene(instance, asked, actor, reason, within)

    return _act(instance_id, done, intervene)


def _act(
    instance_id: int, done: str, act: Callable[[int, str, str, Within], None], back: str | None = None
) -> ResponseReturnValue:
    """Do it if the person may see the instance, once for each form; what is refused is said on the same page."""
    answer = make_response(redirect(back or url_for("instances.show", instance_id=instance_id)))

    def acting(keep: Keep) -> Response:
        with system().database.reading() as tx:
            in_sight(tx, person(), instance_id)
        act(instance_id, person().login, request.form.get("reason", ""), lambda tx: keep(tx, answer))
        return answer

    try:
        answer = once_within(acting)
    except ParcelflowError as error:
        return _page(instance_id, error.message), status_of(error)
    say(done)
    return answer


def _page(instance_id: int, error: str = "") -> str:
    with system().database.reading() as tx:
        view = instance_view(tx, person(), instance_id)
        stuck = [one.standing.node for one in view.tokens if one.standing.is_stuck]
        return render_template(
            "instance.html", view=view, error=error, typed=request.form, stuck=stuck, values=_texts(view.variables)
        )


def _texts(values: Any) -> dict[str, str]:
    return {name: value if isinstance(value, str) else to_json(value) for name, value in values.items()}


def _chosen(name: str) -> str:
    return request.form.get(name, "").strip()
