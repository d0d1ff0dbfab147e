"""PostgreSQL is restarted under load: what was acknowledged is there once, askers are told to come again, and it goes on."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import pytest
from factories import a_user
from installation import Installation, running
from node import owe_orders, rows, until
from own_cluster import own_cluster
from pydantic import SecretStr
from running import a_diagram, a_process, end, start, user

from engine.deployment import deploy
from storage.check import check
from storage.errors import Unavailable
from storage.job_engine import JobEngine
from web.assembly import System, assemble
from web.settings import Settings
from web.tokens import Scope, issue

MODES = ("fast", "immediate")
BACK_SECONDS = 15
ORDERS = 60
COUNTED = a_diagram(a_process("order", start(), user("count"), end(), "begin -> count", "count -> done"))
ACCESS = b"role,status,subject,level,scope\nclerk,*,order,act,all\n"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with own_cluster() as cluster:
        made = Installation(tmp_path, cluster.url)
        made.cluster = cluster  # type: ignore[attr-defined]
        made.command("migrate")
        yield made


@pytest.fixture
def system(installation: Installation) -> Iterator[System]:
    """Give the same system, opened here, from which work is owed."""
    url = SecretStr(installation.database_url or "")
    opened = assemble(Settings(data_folder=installation.folder, database_url=url))
    job_engine = JobEngine(url.get_secret_value(), node="desk")
    job_engine.prepare()
    opened.database.wake = job_engine.wake
    deploy(opened.database, opened.surroundings(), {"count.bpmn": COUNTED, "access.csv": ACCESS}, login="owner")
    yield opened
    job_engine.close()
    opened.close()


def a_token(system: System) -> str:
    with system.database.transaction() as tx:
        tx.people.put_group("clerks", "Clerks", ["clerk"])
        clerk = tx.people.add(a_user(login="clerk", display_name="Clerk"), ["clerks"])
        return issue(tx, clerk.id, name="load", scopes=[Scope.WORK_READ, Scope.WORK_WRITE], days=1, actor="test")[0]


@dataclass
class Clerk:
    """Completes item after item over HTTP, each under its own key until it is answered; notes every answer."""

    port: int
    token: str
    answers: list[tuple[float, int, str | None]] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    keys: dict[int, str] = field(default_factory=dict)
    ending: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        while not self.ending.is_set():
            with suppress(OSError, http.client.HTTPException):
                status, body = self.ask("GET", "/api/v1/work-items?list=pool")
                for item in body["items"] if status == HTTPStatus.OK else []:
                    self.complete(int(item["id"]))
            self.ending.wait(0.1)

    def complete(self, item: int) -> None:
        key = self.keys.setdefault(item, uuid4().hex)
        status, _ = self.ask("POST", f"/api/v1/work-items/{item}/complete", {"answers": {}}, key)
        if status == HTTPStatus.OK:
            self.done.add(item)

    def ask(
        self, method: str, path: str, body: object = None, key: str = ""
    ) -> tuple[int, dict[str, list[dict[str, int]]]]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            read = answer.read()
        finally:
            connection.close()
        self.answers.append((time.monotonic(), answer.status, answer.headers.get("Retry-After")))
        return answer.status, json.loads(read or b"{}")


def back_after(system: System, clerk: Clerk, restart: Callable[[], None]) -> float:
    """Restart, and give how many seconds after its end the clerk has completed another item."""
    restart()
    with suppress(Unavailable):
        rows(system, "SELECT 1")  # the desk's own connection is broken too, and is given up with the first error
    before, begun = len(clerk.done), time.monotonic()
    until(lambda: len(clerk.done) > before, BACK_SECONDS)
    return time.monotonic() - begun


@pytest.mark.timeout(280)
def test_after_a_restart_of_the_database_it_goes_on_and_nothing_acknowledged_is_lost(
    installation: Installation, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk, cluster = Clerk(installation.web_port, a_token(system)), installation.cluster  # type: ignore[attr-defined]
    seconds: list[float] = []
    with running(installation):
        thread = threading.Thread(target=clerk.work)
        thread.start()
        try:
            for mode in MODES:
                owe_orders(system, ORDERS)
                until(lambda: len(clerk.done) % ORDERS > ORDERS // 6, 60)
                seconds.append(back_after(system, clerk, lambda mode=mode: cluster.restart(mode)))  # type: ignore[misc]
            until(lambda: len(clerk.done) == len(MODES) * ORDERS, 60)
        finally:
            clerk.ending.set()
            thread.join()

    with capsys.disabled():
        away = [retry for _, status, retry in clerk.answers if status == HTTPStatus.SERVICE_UNAVAILABLE]
        print(f"\nback {', '.join(f'{one:.1f} s' for one in seconds)} after a restart; {len(away)} answers of 503")  # noqa: T201
    assert {status for _, status, _ in clerk.answers} <= {200, 409, 503}
    assert None not in away
    completed = rows(system, "SELECT id FROM work_item WHERE state = 'completed'")
    assert sorted(clerk.done) == sorted(item for (item,) in completed)
    assert check(system.database, reload=system.reload()) == []
