"""The door: signing in and out, the first page, the theme, and whether the house stands."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import auth
from web.context import person, person_or_none, system
from web.navigation import THEME_COOKIE, THEMES
from web.rights import Right, needs

pages = Blueprint("door", __name__)


@pages.get("/")
@needs(Right.SIGNED_IN)
def first() -> ResponseReturnValue:
    """Lead each person to where their day begins."""
    return redirect(url_for("portal.mine" if person().customer_id is not None else "worklist.show"))


@pages.get("/sign-in")
@needs(Right.PUBLIC)
def sign_in() -> ResponseReturnValue:
    """Ask for name and password."""
    if person_or_none() is not None:
        return redirect(local_path(request.args.get("next")))
    return render_template("sign_in.html", next=request.args.get("next", ""), login="")


@pages.post("/sign-in")
@needs(Right.PUBLIC)
def enter() -> ResponseReturnValue:
    """Sign in, or tell why not; unknown names and wrong passwords get the same answer."""
    login, target = request.form.get("login", ""), request.form.get("next", "")
    try:
        auth.sign_in(login, request.form.get("password", ""), request.remote_addr or "")
    except (auth.SignInRefused, auth.TooManyTries) as error:
        answer = make_response(render_template("sign_in.html", next=target, login=login, error=error.message))
        answer.status_code = 429 if isinstance(error, auth.TooManyTries) else 422
        return answer
    return redirect(local_path(target))


@pages.post("/sign-out")
@needs(Right.SIGNED_IN)
def leave() -> ResponseReturnValue:
    """Sign out."""
    auth.sign_out()
    return redirect(url_for("door.sign_in"))


@pages.post("/theme")
@needs(Right.PUBLIC)
def choose_theme() -> ResponseReturnValue:
    """Keep light, dark or the device's choice, in this browser only."""
    theme = request.form.get("theme", "")
    if theme not in THEMES:
        abort(422, "Choose light, dark or automatic.")
    answer = redirect(local_path(request.form.get("next")))
    year = 365 * 24 * 3600
    answer.set_cookie(
        THEME_COOKIE, theme, max_age=year, samesite="Lax", httponly=True, secure=system().settings.web.is_secure
    )
    return answer


@pages.get("/healthz")
@needs(Right.PUBLIC)
def is_alive() -> ResponseReturnValue:
    """Tell that the process answers."""
    return {"status": "ok"}


@pages.get("/readyz")
@needs(Right.PUBLIC)
def is_ready() -> ResponseReturnValue:
    """Tell that the database answers."""
    with system().database.reading() as tx:
        return {"status": "ok", "at": tx.now.isoformat()}


def local_path(target: str | None) -> str:
    """Give the target when it is a plain path of ours, else the first page: nobody is led elsewhere."""
    home = url_for("door.first")
    if (
        not target
        or not target.startswith("/")
        or target[1:2] in {"/", "\\"}
        or not target.isprintable()
        or "\\" in target
    ):
        return home
    parts = urlsplit(target)
    return home if parts.scheme or parts.netloc else target
