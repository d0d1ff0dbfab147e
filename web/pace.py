"""How fast one asker may ask: at the sign-in page and at the REST interface, per address and per token.

A bucket for each asker, in this process's memory: it holds as many requests as a minute may bring, each request takes one, and
it fills again as time goes by. Nothing is written to the database, so a flood costs little; several processes have buckets of
their own. Tokens and sessions are told apart by what is sent, so requests with one that is not in
force count for their address.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from flask import Flask, Response, request

from storage.errors import Refused
from web.assembly import System
from web.tokens import INTERFACE

_MINUTE = timedelta(minutes=1)
_MOST_ASKERS = 10_000
_UNAUTHORIZED = 401


class TooFast(Refused):
    """More requests than one may make in a minute; wait a little, then go on more slowly."""

    code = "too_fast"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"That was more than one may ask for in a minute. Wait {seconds} s, then go on more slowly.")
        self.seconds = seconds


@dataclass(slots=True)
class Pace:
    """The buckets of one kind of request: `most` requests a minute for each asker."""

    most: int
    _buckets: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, asker: str, now: datetime, requests: int = 1) -> None:
        """Take requests out of the asker's bucket (none: only look); raises `TooFast` when it is empty."""
        with self._lock:
            level = self._level(asker, now)
            if level < 1:
                raise TooFast(max(1, round((1 - level) * _MINUTE.total_seconds() / self.most)))
            if requests:
                self._make_room(now)
                self._buckets[asker] = (level - requests, now)

    def _level(self, asker: str, now: datetime) -> float:
        level, at = self._buckets.get(asker, (float(self.most), now))
        return min(float(self.most), level + (now - at) / _MINUTE * self.most)

    def _make_room(self, now: datetime) -> None:
        """Forget whose bucket is full again, when there are many."""
        if len(self._buckets) >= _MOST_ASKERS:
            self._buckets = {one: kept for one, kept in self._buckets.items() if self._level(one, now) < self.most}


def keep_pace(app: Flask, system: System) -> None:
    """Let an application refuse who asks too fast, before anything else is done for the request."""
    settings, clock = system.settings.web, system.clock
    signing_in, by_token, refused = (
        Pace(most) for most in (settings.most_sign_ins, settings.most_api_requests, settings.most_sign_ins)
    )

    def check() -> None:
        address = request.remote_addr or ""
        if request.endpoint in {"door.sign_in", "door.enter"}:
            signing_in.take(address, clock())
        elif request.path.startswith(f"{INTERFACE}/"):
            refused.take(address, clock(), requests=0)
            by_token.take(_asker(address), clock())

    def count_refused(response: Response) -> Response:
        if response.status_code == _UNAUTHORIZED and request.path.startswith(f"{INTERFACE}/"):
            refused.take(request.remote_addr or "", clock())
        return response

    app.before_request(check)
    app.after_request(count_refused)


def _asker(address: str) -> str:
    """Tell askers apart by their token or session, or else by their address; token and session themselves are not kept."""
    given = request.headers.get("Authorization") or request.headers.get("Cookie")
    return hashlib.sha256(given.encode()).hexdigest() if given else address
