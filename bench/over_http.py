"""Completions over HTTP: a browser's session, the right checked, the answers checked by the form; beside the service layer."""

import json
import random
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import clocks
from bench.orders import Place, Run, complete_orders
from bench.table import Table, at_least
from web.auth import hash_password

_ROOT = Path(__file__).parent.parent
_PASSWORD = "a good long password"  # noqa: S105 - of a database that lives for minutes
_TURNS = 5  # of each round
_HEADER = re.compile(r"([^:\r\n]+): *([^\r\n]*)")
_FORGERY_TOKEN = re.compile(r'"X-CSRFToken": "([^"]+)"')


class Browser:
    """A signed-in browser with one connection that stays open.

    It sends head and body at once and looks at no more of an answer than it needs, so that what is measured is the server's
    work: Python's own client asks in two pieces, and takes half as long again for it as a small request takes the server.
    """

    def __init__(self, port: int, login: str) -> None:
        self._host = f"127.0.0.1:{port}"
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._answers = self._connection.makefile("rb")
        self._cookie = ""
        page = self._ask("GET", "/sign-in")
        fields = {"csrf_token": self._token(page), "login": login, "password": _PASSWORD}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self._ask("POST", "/sign-in", urlencode(fields), form)
        self._headers = {"Content-Type": "application/json", "X-CSRFToken": self._token(self._ask("GET", "/worklist"))}

    def complete(self, item: int, answers: Mapping[str, Any]) -> None:
        """Complete a work item."""
        sent = json.dumps({"answers": answers})
        self._ask("POST", f"/api/v1/work-items/{item}/complete", sent, self._headers)

    def _ask(self, method: str, path: str, sent: str | None = None, headers: Mapping[str, str] | None = None) -> str:
        body = (sent or "").encode()
        given = {"Host": self._host, "Cookie": self._cookie, "Content-Length": len(body), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        status = int(self._answers.readline().split()[1])
        answered = dict(_HEADER.findall(b"".join(iter(self._answers.readline, b"\r\n")).decode()))
        text = self._answers.read(int(answered["Content-Length"])).decode()
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {text[:500]}")
        self._cookie = answered.get("Set-Cookie", self._cookie).partition(";")[0]
        return text

    def _token(self, page: str) -> str:
        found = _FORGERY_TOKEN.search(page)
        if found is None:
            raise RuntimeError(f"The page has no token against forgery: {page[:500]}")
        return found.group(1)


def measure(place: Place, table: Table, rounds: int, instances: int) -> None:
    """Measure in many short turns, service layer and HTTP after each other.

    Two processes that wait for each other feel a busy neighbour more than one that does not wait. Many short turns let a median
    leave such moments out.
    """
    choice = random.Random(7)  # noqa: S311 - the same course every time
    with place.database.transaction() as tx:
        tx.people.one(place.actor.user_id).password_hash = hash_password(_PASSWORD)
    with _serving(place) as (server, browser):
        complete_orders(place, 5, choice, browser.complete)
        orders = max(1, instances // 2 // _TURNS)
        turns = [_in_turns(place, choice, browser, server, orders) for _ in range(rounds * _TURNS)]
    table.add("completions over HTTP", statistics.median(turn.over_http.rate for turn in turns), None, "/s")
    share = statistics.median(turn.over_http.rate / turn.service.rate for turn in turns)
    table.add("completions over HTTP as a share of the service layer", share, at_least(0.5))
    spent = statistics.median(_spent(turn.service) / (turn.spent + turn.over_http.server) for turn in turns)
    table.add("the same by processor time, of server and database", spent, None)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn over HTTP, with the processor seconds of the server that answers, and one of the service layer."""

    over_http: Run
    spent: float
    service: Run


def _in_turns(place: Place, choice: random.Random, browser: Browser, server: int, instances: int) -> _Turn:
    before = clocks.of_family(server)
    over_http = complete_orders(place, instances, choice, browser.complete)
    return _Turn(over_http, clocks.of_family(server) - before, complete_orders(place, instances, choice))


def _spent(run: Run) -> float:
    return run.here + run.server


@contextmanager
def _serving(place: Place) -> Iterator[tuple[int, Browser]]:
    url = place.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "bench.server", url, str(place.folder)]
    server = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.pid, Browser(int(server.stdout.readline()), place.actor.login)
    finally:
        server.terminate()
        server.wait(30)
