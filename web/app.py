"""create_app(system): the web application, every route behind the right it declares."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from web import auth, pace, problems, security, tokens
from web.api import interface
from web.assembly import System
from web.context import EXTENSION, person_or_none
from web.navigation import tell_navigation
from web.pages import (
    admin,
    documents,
    door,
    incidents,
    instances,
    messages,
    migrations,
    new_order,
    orders,
    parcels,
    portal,
    processes,
    quarantine,
    reports,
    search,
    upload,
    work,
    worklist,
)
from web.pages import tokens as token_pages
from web.repeats import tell_keys
from web.rights import Right, allows, declared, needs
from web.static_files import tell_assets
from web.words import tell_words

_PAGES = (
    door,
    worklist,
    work,
    new_order,
    orders,
    parcels,
    documents,
    search,
    upload,
    quarantine,
    incidents,
    instances,
    messages,
    migrations,
    reports,
    admin,
    processes,
    portal,
    token_pages,
)


class _Application(Flask):
    """Flask, where no function of ours is a coroutine, so none needs to be looked at for that with each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(system: System) -> Flask:
    """Make the application that serves a system."""
    app = _Application(__name__.partition(".")[0], static_folder="static", template_folder="templates")
    app.extensions[EXTENSION] = system
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=365)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    pace.keep_pace(app, system)
    auth.guard(app)
    app.before_request(tokens.recognise)
    app.before_request(_admit)
    security.fence(app, system.settings.web, system.secret_key)
    problems.tell(app)
    for tell in (tell_words, tell_assets, tell_navigation, tell_keys):
        tell(app)
    for module in _PAGES:
        app.register_blueprint(module.pages)
    app.register_blueprint(interface.v1)
    needs(Right.PUBLIC)(app.view_functions["static"])
    return app


def _admit() -> ResponseReturnValue | None:
    """Let a request through only when its route declares a right and the person has it; what one may not have is not there."""
    if request.endpoint is None:
        return None
    right = declared(current_app.view_functions[request.endpoint])
    if right is None:
        abort(403, "This page declares no right, so it is closed.")
    person = person_or_none()
    if allows(right, person.roles if person else None):
        return None
    if person is None:
        return _ask_to_sign_in()
    return abort(404)


def _ask_to_sign_in() -> ResponseReturnValue:
    if request.method not in {"GET", "HEAD"} or problems.wants_json() or "HX-Request" in request.headers:
        abort(401, "Please sign in, then repeat what you were doing.")
    here = request.full_path.rstrip("?")
    return redirect(url_for("door.sign_in", next=None if here == "/" else here))
