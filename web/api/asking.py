"""What programs ask: path, query, form and body of each request checked against the shapes that a view names."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, get_type_hints

from flask import Response, abort, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from storage.errors import NotFound
from web.api import exact_json
from web.context import system
from web.problems import Detailed

View = Callable[..., Response]
_CSRF_FIELD = "csrf_token"


class RequestRefused(Detailed):
    """The request does not have the form it should; correct what is listed."""

    code = "request_refused"

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        listed = [{"at": place, "message": message} for place, message in errors]
        first = f" {listed[0]['at']}: {listed[0]['message']}." if listed else ""
        super().__init__(f"The request does not have the form it should.{first}", errors=listed)


def reads(view: View) -> View:
    """Give a view its path, query, form and body, each in the shape that it names; what it does not name is refused."""
    shapes = {name: shape for name, shape in get_type_hints(view).items() if name in _READERS}

    @wraps(view)
    def checked(**found: Any) -> Response:
        if "query" not in shapes:
            _refuse_query()
        return view(**{name: _READERS[name](shape, found) for name, shape in shapes.items()})

    checked.__dict__["__delay_validate_request__"] = True  # the library describes the shapes, and leaves checking to us
    return checked


def _path(shape: type[BaseModel], found: Mapping[str, Any]) -> BaseModel:
    try:
        return shape.model_validate(dict(found))
    except ValidationError as error:
        raise NotFound("There is no such thing.") from error


def _query(shape: type[BaseModel], _found: Mapping[str, Any]) -> BaseModel:
    return _checked(shape, _single(request.args, "query"), "query")


def _header(shape: type[BaseModel], _found: Mapping[str, Any]) -> BaseModel:
    names = {name: field.alias or name for name, field in shape.model_fields.items()}
    return _checked(
        shape, {alias: request.headers[alias] for alias in names.values() if alias in request.headers}, "header"
    )


def _form(shape: type[BaseModel], _found: Mapping[str, Any]) -> BaseModel:
    if request.mimetype != "multipart/form-data":
        abort(415, "Send the files as multipart/form-data.")
    texts = _single(request.form, "form")
    texts.pop(_CSRF_FIELD, None)
    return _checked(shape, {**texts, **dict(request.files.lists())}, "form")


def _body(shape: type[BaseModel], _found: Mapping[str, Any]) -> BaseModel:
    if request.mimetype != "application/json":
        abort(415, "Send the body as application/json.")
    request.max_content_length = system().settings.web.largest_json
    try:
        value = exact_json.loads(request.get_data())
    except ValueError as error:
        raise RequestRefused([("body", f"it is no JSON that can be read ({error})")]) from error
    return _checked(shape, value, "body")


_READERS: Mapping[str, Callable[[type[BaseModel], Mapping[str, Any]], BaseModel]] = {
    "path": _path,
    "query": _query,
    "header": _header,
    "form": _form,
    "body": _body,
}


def _checked(shape: type[BaseModel], value: Any, where: str) -> BaseModel:
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestRefused(
            (".".join(str(part)[:80] for part in (where, *fault["loc"])), fault["msg"]) for fault in faults
        ) from error


def _single(given: MultiDict[str, str], where: str) -> dict[str, str]:
    repeated = [name for name, values in given.lists() if len(values) > 1]
    if repeated:
        raise RequestRefused([(f"{where}.{repeated[0][:80]}", "it is given more than once")])
    return given.to_dict()


def _refuse_query() -> None:
    if request.query_string and request.args:
        raise RequestRefused((f"query.{name[:80]}", "there is no such parameter") for name in request.args)
