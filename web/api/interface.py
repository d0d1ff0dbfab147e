"""The REST interface as a whole: its routes under /api/v1, and the OpenAPI document that describes each of them."""

import re
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from flask import Flask, Response, current_app, jsonify, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import APISpec
from flask_openapi3.models.components import Components
from flask_openapi3.models.info import Info
from werkzeug.routing import Rule

from web.api import instances, migrations, parcels, processes, shapes, work
from web.api.asking import reads
from web.context import scopes_or_none
from web.rights import Right, needs
from web.tokens import INTERFACE, check_scope, declared_scope

_REF: Final = "#/components/schemas/"
_PROBLEM: Final = "application/problem+json"
_VARIABLE: Final = re.compile(r"<(?:[^<:]+:)?([^<>]+)>")
_ABOUT: Final = (
    "Parcels, orders, work items and deployments for programs. A request carries a token (`Authorization: Bearer ...`), which "
    "never gives more than its person has. What the person may not see is answered like what does not exist: 404. "
    "Errors are problem documents (RFC 9457) with a stable `code`."
)
_ALWAYS: Final = {
    "401": "No token, or one that is not in force",
    "403": "The token has not the scope",
    "404": "No such thing, or not for this person",
    "422": "The request needs correcting",
    "429": "Too many requests; `Retry-After` says how long to wait",
    "500": "Something went wrong; nothing was changed",
    "503": "Not available at the moment; try again",
}
_CHANGING: Final = {
    "409": "Somebody was faster, or it is not in the state for this any more",
    "413": "Too large",
    "415": "Another media type is wanted",
}

v1 = APIBlueprint("api", __name__, url_prefix=INTERFACE)


@v1.get("/openapi.json", doc_ui=False)
@needs(Right.PUBLIC)
@reads
def describe() -> Response:
    """Give the OpenAPI document."""
    return jsonify(document(current_app))


@v1.before_request
def _check_scope() -> None:
    check_scope(current_app.view_functions[str(request.endpoint)])


@v1.after_request
def _challenge(response: Response) -> Response:
    """Tell a program how to authenticate (RFC 6750)."""
    if response.status_code == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = 'Bearer realm="parcelflow"'
    elif response.status_code == 403 and scopes_or_none() is not None:  # noqa: PLR2004
        scope = declared_scope(current_app.view_functions[str(request.endpoint)])
        response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return response


for _part in (parcels, work, processes, instances, migrations):
    v1.register_api(_part.api)


def document(app: Flask) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document of the interface."""
    spec = APISpec(
        openapi="3.1.0",
        info=Info(title="Parcelflow", version=version("parcelflow"), description=_ABOUT),
        paths=v1.paths,
        components=Components(schemas=v1.components_schemas),
    )
    made: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    problem = shapes.Problem.model_json_schema(ref_template=_REF + "{model}", mode="serialization")
    made["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for rule in routes(app):
        for method, operation in made["paths"].get(path_of(rule), {}).items():
            if method.upper() in (rule.methods or ()):
                _complete(operation, method, app.view_functions[rule.endpoint])
    return made


def routes(app: Flask) -> list[Rule]:
    """Give the routes of the interface."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(f"{INTERFACE}/")]


def path_of(rule: Rule) -> str:
    """Give the path of a route as the document writes it."""
    return _VARIABLE.sub(r"{\1}", rule.rule)


def _complete(operation: dict[str, Any], method: str, view: Callable[..., object]) -> None:
    """Add what all operations have in common: the token with its scope, and the problems that may come instead."""
    scope = declared_scope(view)
    operation["security"] = [{"token": [scope]}] if scope is not None else []
    problems = _ALWAYS | (_CHANGING if method == "post" else {})
    content = {_PROBLEM: {"schema": {"$ref": f"{_REF}Problem"}}}
    for status, words in problems.items():
        operation["responses"][status] = {"description": words, "content": content}
