"""Tokens for programs: a person's own, made here, shown once, taken out of force here."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.database import Transaction
from storage.errors import Invalid
from web import tokens
from web.context import person, system
from web.navigation import say
from web.rights import Right, needs

pages = Blueprint("tokens", __name__, url_prefix="/tokens")

_DAYS = (7, 30, 90, 365)


@pages.get("")
@needs(Right.LOOK_UP)
def own() -> ResponseReturnValue:
    """List the person's tokens, and ask for a new one."""
    with system().database.reading() as tx:
        return _page(tx)


@pages.post("")
@needs(Right.LOOK_UP)
def make() -> ResponseReturnValue:
    """Make a token and show it this once."""
    actor, useful = person(), tokens.useful_scopes(person())
    scopes = [scope for scope in request.form.getlist("scopes") if scope in useful]
    days = request.form.get("days", 0, type=int)
    name = request.form.get("name", "")
    try:
        with system().database.transaction() as tx:
            text, token = tokens.issue(tx, actor.user_id, name=name, scopes=scopes, days=days, actor=actor.login)
            return render_template("token_once.html", text=text, token=token)
    except Invalid as error:
        with system().database.reading() as tx:
            return _page(tx, error.message, name, scopes, days), 422


@pages.post("/<int:token_id>/revoke")
@needs(Right.LOOK_UP)
def revoke(token_id: int) -> ResponseReturnValue:
    """Take a token out of force."""
    with system().database.transaction() as tx:
        tokens.revoke(tx, token_id, person().user_id, actor=person().login)
    say("The token opens nothing any more.")
    return redirect(url_for("tokens.own"))


def _page(tx: Transaction, error: str = "", name: str = "", scopes: list[str] | None = None, days: int = 30) -> str:
    return render_template(
        "tokens.html",
        tokens=tx.people.tokens(person().user_id),
        now=tx.now,
        scopes=tokens.useful_scopes(person()),
        lives=_DAYS,
        error=error,
        name=name,
        chosen=scopes or [],
        days=days,
    )
