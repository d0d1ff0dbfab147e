"""What people and programs are told when something does not work: pages, fragments and problem documents."""

import logging
from dataclasses import asdict
from http import HTTPStatus

from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from engine.errors import DefinitionError
from storage.errors import (
    AlreadyExists,
    AlreadyTaken,
    Conflict,
    Damaged,
    Invalid,
    NotFound,
    ParcelflowError,
    Refused,
    StaleVersion,
    Suspended,
    Unavailable,
)
from web.auth import TooManyTries
from web.pace import TooFast
from web.tokens import TokenRefused

SECONDS_TO_WAIT = 5  # before asking again while database or disk do not answer

log = logging.getLogger("parcelflow.web")

_STATUSES: tuple[tuple[type[ParcelflowError], HTTPStatus], ...] = (
    (TooManyTries, HTTPStatus.TOO_MANY_REQUESTS),
    (TooFast, HTTPStatus.TOO_MANY_REQUESTS),
    (TokenRefused, HTTPStatus.UNAUTHORIZED),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Refused, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Damaged, HTTPStatus.INTERNAL_SERVER_ERROR),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_TITLES = {
    HTTPStatus.UNAUTHORIZED: "Please sign in",
    HTTPStatus.FORBIDDEN: "This is not yours to do",
    HTTPStatus.NOT_FOUND: "Nothing here",
    HTTPStatus.CONFLICT: "Not possible now",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something needs correcting",
    HTTPStatus.TOO_MANY_REQUESTS: "A short pause",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available at the moment",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong",
}
_TITLES_OF_CODES = {
    AlreadyTaken.code: "Somebody was faster",
    AlreadyExists.code: "In use already",
    StaleVersion.code: "Changed meanwhile",
    Suspended.code: "This rests",
    "idempotency_key_used": "Sent before",
}
_SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is no such page, or it is not for you. Look for it in a list, or ask whoever sent you here.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This is more than the system takes in at once. Send fewer or smaller files.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that kind of request.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Nothing was changed. Try again; if it stays so, tell an administrator the time.",
}


def tell(app: Flask) -> None:
    """Let the application answer errors in the way the asker understands."""
    app.register_error_handler(ParcelflowError, _ours)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def status_of(error: ParcelflowError) -> HTTPStatus:
    """Give the HTTP status of one of our errors."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)


def title_of(status: HTTPStatus, code: str) -> str:
    """Give the few words that stand above what went wrong."""
    return _TITLES_OF_CODES.get(code) or _TITLES.get(status, status.phrase)


class Detailed(Invalid):
    """What was sent cannot be used; correct what is listed."""

    code = "invalid"

    def __init__(self, message: str, **members: object) -> None:
        super().__init__(message)
        self.members = members


def problem(status: HTTPStatus, code: str, sentence: str, **members: object) -> Response:
    """Answer with a status, a stable code and a sentence: as problem document (RFC 9457) with members, fragment, or page."""
    title = title_of(status, code)
    if wants_json():
        response = make_response(
            {
                "type": f"urn:parcelflow:{code}",
                "title": title,
                "status": status,
                "detail": sentence,
                "code": code,
                **members,
            },
            status,
        )
        response.content_type = "application/problem+json"
        return response
    if request.headers.get("HX-Request") == "true":
        response = make_response(render_template("fragments/problem.html", sentence=sentence), status)
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "innerHTML"
        return response
    return make_response(render_template("problem.html", title=title, sentence=sentence, status=int(status)), status)


def wants_json() -> bool:
    """Tell whether a program asks and not a person."""
    return request.path.startswith("/api/") or "X-Upload" in request.headers


def _ours(error: ParcelflowError) -> Response:
    status = status_of(error)
    sentence = error.message
    if status is HTTPStatus.NOT_FOUND:
        return problem(status, NotFound.code, _SENTENCES[status])
    response = problem(status, error.code, sentence, **_members(error))
    if isinstance(error, TooManyTries | TooFast):
        response.headers["Retry-After"] = str(error.seconds)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(SECONDS_TO_WAIT)
    if isinstance(error, AlreadyTaken):
        response.headers["X-Taken-By"] = error.who.encode("ascii", "replace").decode()
    return response


def _members(error: ParcelflowError) -> dict[str, object]:
    """Give what a program wants to know of an error beside its code and sentence."""
    match error:
        case AlreadyTaken():
            return {"who": error.who, "when": error.when.isoformat()}
        case DefinitionError():
            return {"findings": [asdict(finding) for finding in error.findings]}
        case Detailed():
            return error.members
        case _:
            return {}


def _forged(_error: CSRFError) -> Response:
    sentence = "The page was open too long or was not made by us, so nothing was carried out. Load it again and repeat."
    return problem(HTTPStatus.FORBIDDEN, "csrf", sentence)


def _http(error: HTTPException) -> Response | HTTPException:
    if error.response is not None:
        return error
    if isinstance(error, SecurityError):
        return Response("This host name is not served here.\n", HTTPStatus.BAD_REQUEST, mimetype="text/plain")
    status = HTTPStatus(error.code or 500)
    sentence = _SENTENCES.get(status) or error.description or status.phrase
    response = problem(status, status.name.lower(), sentence)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    """Answer what nobody foresaw: logged with its trace, told without it."""
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(status, "unexpected", _SENTENCES[status])
