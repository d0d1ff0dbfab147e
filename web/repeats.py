"""A request with an Idempotency-Key gets the first answer again: header for programs, a hidden field for forms."""

import hashlib
from collections.abc import Callable

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from storage.base import from_json, to_json
from storage.errors import AlreadyExists, Invalid
from storage.people import RequestKey
from web.context import person, system

FIELD = "request_key"
_LONGEST_KEY = 200
_KEPT_HEADERS = ("Location", "Content-Type")
_NOT_COMPARED = frozenset({"csrf_token", FIELD})


def request_key() -> str | None:
    """Give the key that the request came with, if any."""
    key = request.headers.get("Idempotency-Key") or request.form.get(FIELD)
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
    _keep(key, asked, answer)
    return answer


def _earlier(key: str, asked: str) -> Response | None:
    with system().database.reading() as tx:
        kept = tx.people.first_answer(person().user_id, key)
        if kept is None:
            return None
        if kept.request != asked:
            raise Invalid("This Idempotency-Key was used for another request; take a new one.")
        answer = from_json(kept.answer)
        return Response(answer["body"], kept.status, headers={**answer["headers"], "Idempotency-Replayed": "true"})


def _keep(key: str, asked: str, answer: Response) -> None:
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    kept = to_json({"headers": headers, "body": answer.get_data(as_text=True)})
    try:
        with system().database.transaction() as tx:
            tx.people.keep_answer(
                RequestKey(
                    user_id=person().user_id,
                    key=key,
                    request=asked,
                    status=answer.status_code,
                    answer=kept,
                    created_at=tx.now,
                )
            )
    except AlreadyExists:
        return  # the same request came twice at once, and the other answer is kept


def _digest() -> str:
    """Give a digest of what was asked: method, address, and form or body without what differs at each loading."""
    asked = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    if request.form:
        fields = sorted((name, values) for name, values in request.form.lists() if name not in _NOT_COMPARED)
        asked.update(to_json(fields).encode())
    else:
        asked.update(request.get_data())
    return asked.hexdigest()
