"""The fences around every request: content security, headers, forgery protection, trusted hosts, size limits."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from web.context import scopes_or_none
from web.rights import View
from web.settings import WebSettings
from web.signed import SessionCookies, forgery_check

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
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's own way
    app.before_request(lambda: _limit(app, settings))
    app.session_interface = SessionCookies(app)
    _Forgery(forgery_check(secret_key)).init_app(app)
    app.before_request(_same_origin)
    app.after_request(_headers)


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


def _headers(response: Response) -> Response:
    present = {name.lower() for name, _ in response.headers}
    for lower, name, value in _ADDED if request.is_secure else _ADDED[:-1]:
        if lower not in present:
            response.headers.add(name, value)
    if request.endpoint != "static" and ("Cache-Control" not in response.headers or response.cache_control.public):
        response.headers["Cache-Control"] = "no-store"
    return response
