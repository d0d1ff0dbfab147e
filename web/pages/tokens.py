"""Tokens for programs: a person's own, made here, shown once, taken out of force here."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.database import Transaction
from storage.errors import Invalid
from web import tokens
from web.context import person, system
from web.navigation import say
from web.repeats import Keep, once_within
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
    """Make a token and show it this once; the form sent again makes no second one."""
    useful = tokens.useful_scopes(person())
    scopes = [scope for scope in request.form.getlist("scopes") if scope in useful]
    days = request.form.get("days", 0, type=int)
    name = request.form.get("name", "")
    try:
        answer = once_within(lambda keep: _made(name, scopes, days, keep))
    except Invalid as error:
        with system().database.reading() as tx:
            return _page(tx, error.message, name, scopes, days), 422
    if "Idempotency-Replayed" in answer.headers:
        say(
            "This token was made already, and is shown only once. If you did not copy it, revoke it and make another.",
            "bad",
        )
    return answer


def _made(name: str, scopes: list[str], days: int, keep: Keep) -> Response:
    """Give the page with the token's text, which is kept nowhere: a repetition is led to the list."""
    actor = person()
    with system().database.transaction() as tx:
        text, token = tokens.issue(tx, actor.user_id, name=name, scopes=scopes, days=days, actor=actor.login)
        keep(tx, make_response(redirect(url_for("tokens.own"))))
        return make_response(render_template("token_once.html", text=text, token=token))


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
