"""The fences around every request: content security, headers, forgery protection, trusted hosts, size limits."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from web.context import scopes_or_none
from web.rights import View
from web.settings import WebSettings
from web.signed import SessionCookies, forgery_check

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PAGE_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
# What the diagram and table editors write into style attributes: the place of their mark, which their licence wants seen as it
# is, and the notice behind it. These very texts are allowed on the editors' pages, and no others.
_EDITOR_STYLES = (
    "nR5hyLltSjfvi2rqC26RbcredWrJvTaPA1yqPX96jpY=",
    "r3vOsuepBDg6tz/cOusiNJ9Y4Lp9hGQTT7pzDks1Xxc=",
    "CA/eh4+2R0J7cEQ14gBMtx834RIOjzMUqCM+evtrkp4=",
    "JpvvTIK7ulxf/3oA+AUuVbO9Labs8npGWGm9X9nGIWw=",
    "9OIpRRx0bq4t4s2zyqbocMNwedniLDaxLB+FlLIjNgM=",
    "GAdrtwahSjGXI0UQQnfyEVtPn+wfgQxvyrjyQuByfuU=",
    "ZG9bHUWWXDZyu7zfItuLwGK+cah/hweM0RfXpZpxZVM=",
)
EDITOR_POLICY = PAGE_POLICY.replace(
    "style-src 'self'", " ".join(("style-src 'self' 'unsafe-hashes'", *(f"'sha256-{one}'" for one in _EDITOR_STYLES)))
)
FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR = 365 * 24 * 3600
_ADDED = [
    (name.lower(), name, value)
    for name, value in (
        *_HEADERS.items(),
        ("Content-Security-Policy", PAGE_POLICY),
        ("Strict-Transport-Security", f"max-age={_YEAR}"),
    )
]
"""What each answer gets unless its view has said otherwise; the last one by HTTPS alone."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class _Forgery(CSRFProtect):  # type: ignore[misc]  # the library is not typed
    """Asks for a token of ours with each change that comes by a session; a bearer token cannot be sent by another site."""

    def __init__(self, is_sent_along: Callable[[], bool]) -> None:
        super().__init__()
        self._is_sent_along = is_sent_along

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.method in _CHANGING and scopes_or_none() is None and not self._is_sent_along():
            super().protect(apply_exemptions)


_TAKES_FILES = "takes_files"


def takes_files(view: View) -> View:
    """Let a route take requests as large as an upload may be."""
    setattr(view, _TAKES_FILES, True)
    return view


def fence(app: Flask, settings: WebSettings, secret_key: str) -> None:
    """Put the fences around an application."""
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME="__Host-parcelflow" if settings.is_secure else "parcelflow",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.is_secure,
        TRUSTED_HOSTS=list(settings.trusted_hosts),
        MAX_CONTENT_LENGTH=settings.largest_form,
        MAX_FORM_MEMORY_SIZE=settings.largest_form,
        MAX_FORM_PARTS=5_000,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[method-assign, assignment]  # Flask's own way
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's own way
    app.before_request(lambda: _limit(app, settings))
    app.session_interface = SessionCookies(app)
    _Forgery(forgery_check(secret_key)).init_app(app)
    app.before_request(_same_origin)
    app.after_request(_keep_out_of_caches)


def _limit(app: Flask, settings: WebSettings) -> None:
    """Give routes that take files more room, before anything reads the request."""
    view = app.view_functions.get(request.endpoint or "")
    if getattr(view, _TAKES_FILES, False):
        request.max_content_length = settings.largest_upload


def _same_origin() -> None:
    """Refuse a change that a browser says comes from another site, whatever token it carries."""
    if request.method not in _CHANGING:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403, "This was sent from another site and was not carried out.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        abort(403, "This was sent from another site and was not carried out.")


def _with_headers(application: "WSGIApplication") -> "WSGIApplication":
    """Give each answer the headers that it lacks, however it came about: outside of Flask, where they are a plain list."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        added = _ADDED if environ["wsgi.url_scheme"] == "https" else _ADDED[:-1]

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            present = {name.lower() for name, _ in headers}
            lacking = [(name, value) for lower, name, value in added if lower not in present]
            return start_response(status, headers + lacking, *more)

        return application(environ, start)

    return answer


def _keep_out_of_caches(response: Response) -> Response:
    if request.endpoint != "static" and ("Cache-Control" not in response.headers or response.cache_control.public):
        response.headers["Cache-Control"] = "no-store"
    return response
