"""What we have signed and get back with each request: the session cookie, and the token against forgery.

Whether a signature is right depends on nothing but its text and our key, so a text that this process has found right once is
known again by itself; wrong ones are not remembered. How old a cookie is, whether its session is still in force, and whether
a token belongs to the session, is looked at anew each time.
"""

import hmac
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from flask import Flask, Request, Response, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadData, BadSignature, TimestampSigner, URLSafeTimedSerializer

FORGERY_HEADER: Final = "X-CSRFToken"
_FORGERY_FIELD, _FORGERY_SALT = "csrf_token", "wtf-csrf-token"
_MOST_REMEMBERED = 1_000

_BARE: Final = re.compile(r"[A-Za-z0-9._-]+")

_Read = Callable[[str], tuple[Any, datetime]]


class SessionCookies(SecureCookieSessionInterface):
    """Flask's session cookie; one that comes again unchanged is neither checked nor unpacked again."""

    def __init__(self, app: Flask) -> None:
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            raise ValueError("The application has no key to sign with.")
        self._read = _remembering(serializer)
        self._clock = TimestampSigner("")

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Give the session of the cookie, an empty one where there is none that is right and young enough."""
        text = _cookie(request, self.get_cookie_name(app))
        if not text:
            return self.session_class()
        try:
            values, signed_at = self._read(text)
        except BadSignature:
            return self.session_class()
        age = self._clock.get_timestamp() - signed_at.timestamp()
        is_young = 0 <= age <= app.permanent_session_lifetime.total_seconds()
        return self.session_class(deepcopy(values) if is_young else None)  # what this request changes stays its own

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie when it has changed."""
        if session.modified or session.permanent or not session:
            super().save_session(app, session, response)
        elif "Vary" in response.headers:
            response.vary.add("Cookie")
        else:
            response.headers["Vary"] = "Cookie"


def forgery_check(secret_key: str) -> Callable[[], bool]:
    """Give a check whether the request's header carries the session's token against forgery."""
    read = _remembering(URLSafeTimedSerializer(secret_key, salt=_FORGERY_SALT))

    def is_sent_along() -> bool:
        given, expected = request.headers.get(FORGERY_HEADER), session.get(_FORGERY_FIELD)
        if not given or not expected:
            return False
        try:
            return hmac.compare_digest(expected, read(given)[0])
        except BadData:
            return False

    return is_sent_along


def _cookie(request: Request, name: str) -> str | None:
    """Give a cookie; from programs and from who has chosen no theme it comes alone, and nothing has to be taken apart."""
    own, _, text = request.environ.get("HTTP_COOKIE", "").partition("=")
    return text if own == name and _BARE.fullmatch(text) else request.cookies.get(name)


def _remembering(serializer: URLSafeTimedSerializer) -> _Read:
    @lru_cache(_MOST_REMEMBERED)
    def read(text: str) -> tuple[Any, datetime]:
        values, signed_at = serializer.loads(text, return_timestamp=True)
        return values, signed_at

    return read
