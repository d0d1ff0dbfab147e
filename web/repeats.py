"""A request with an Idempotency-Key gets the first answer again: header for programs, a hidden field for forms."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from flask import Flask, Response, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from storage.base import from_json, to_json
from storage.database import Transaction
from storage.errors import AlreadyExists, Conflict, Invalid, NotFound
from storage.people import RequestKey
from web.context import person, system

FIELD = "request_key"
KEPT = timedelta(days=7)
_LONGEST_KEY = 200
_PIECE = 1 << 20
_KEPT_HEADERS = ("Location", "Content-Type")
_NOT_COMPARED = frozenset({"csrf_token", FIELD})


Keep = Callable[[Transaction, Response], None]


class KeyUsed(Invalid):
    """The form or Idempotency-Key was sent with something else; load the page again, or take a new key."""

    code = "idempotency_key_used"


def tell_keys(app: Flask) -> None:
    """Give the templates `fresh_key()`, for forms that are carried out once however often they are sent."""
    app.jinja_env.globals.update(fresh_key=lambda: secrets.token_urlsafe(16))


def request_key() -> str | None:
    """Give the key that the request came with, if any."""
    key = request.headers.get("Idempotency-Key") or (None if request.is_json else request.form.get(FIELD))
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise Invalid(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.")
    return key


def once(act: Callable[[], ResponseReturnValue]) -> Response:
    """Act, and keep the answer under the request's key; a repetition gets the kept answer, another request with the key 422."""
    key = request_key()
    if key is None:
        return make_response(act())
    asked = _digest()
    earlier = _earlier(key, asked)
    if earlier is not None:
        return earlier
    answer = make_response(act())
    if answer.status_code < HTTPStatus.BAD_REQUEST:  # what was refused has changed nothing, and comes again corrected
        _keep(key, asked, answer)
    return answer


def once_within(act: Callable[[Keep], Response]) -> Response:
    """Act as `once` does, where the act itself keeps its answer, in the transaction that does the deed: both or neither."""
    key = request_key()
    if key is None:
        return act(lambda _tx, _answer: None)
    asked = _digest()
    earlier = _earlier(key, asked)
    if earlier is not None:
        return earlier
    try:
        return act(lambda tx, answer: _keep_in(tx, key, asked, answer))
    except (Conflict, NotFound):
        earlier = _earlier(key, asked)  # the same request came twice at once, and the other was faster
        if earlier is None:
            raise
        return earlier


def _earlier(key: str, asked: str) -> Response | None:
    with system().database.reading() as tx:
        kept = tx.people.first_answer(person().user_id, key)
        if kept is None or kept.created_at < tx.now - KEPT:
            return None
        if kept.request != asked:
            raise KeyUsed(
                "This form or Idempotency-Key was sent with something else; load the page again, or take a new key."
            )
        answer = from_json(kept.answer)
        return Response(answer["body"], kept.status, headers={**answer["headers"], "Idempotency-Replayed": "true"})


def _keep(key: str, asked: str, answer: Response) -> None:
    try:
        with system().database.transaction() as tx:
            _keep_in(tx, key, asked, answer)
    except AlreadyExists:
        return  # the same request came twice at once, and the other answer is kept


def _keep_in(tx: Transaction, key: str, asked: str, answer: Response) -> None:
    tx.people.forget_answers(KEPT)
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    tx.people.keep_answer(
        RequestKey(
            user_id=person().user_id,
            key=key,
            request=asked,
            status=answer.status_code,
            answer=to_json({"headers": headers, "body": answer.get_data(as_text=True)}),
            created_at=tx.now,
        )
    )


def _digest() -> str:
    """Give a digest of what was asked: method, address, and form, files or body without what differs at each loading."""
    asked = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    if request.form:
        fields = sorted((name, values) for name, values in request.form.lists() if name not in _NOT_COMPARED)
        asked.update(to_json(fields).encode())
    if request.files:
        asked.update(to_json([_file_digest(name, file) for name, file in request.files.items(multi=True)]).encode())
    if not request.form and not request.files:
        asked.update(request.get_data())
    return asked.hexdigest()


def _file_digest(name: str, file: FileStorage) -> list[str]:
    digest = hashlib.sha256()
    while piece := file.stream.read(_PIECE):
        digest.update(piece)
    file.stream.seek(0)
    return [name, file.filename or "", digest.hexdigest()]
