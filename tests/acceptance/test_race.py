"""Eight people of one group complete the same items at once, over HTTP: one wins each, seven are told who did and when."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from factories import a_document, a_parcel, a_user
from installation import Installation, running
from postgres import Cluster
from pydantic import SecretStr

from engine.deployment import deploy, read_folder
from storage.audit import parcel_chain
from storage.check import check
from storage.database import Transaction
from web.assembly import System, assemble
from web.settings import Settings
from web.tokens import Scope, issue

PEOPLE = 8
ITEMS = 200
DATA = Path(__file__).parents[1] / "data" / "one_task"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person was told about one item."""

    person: int
    item: int
    status: int
    body: dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.url(cluster.make_database())
    return Installation(tmp_path, url)


@pytest.fixture
def system(installation: Installation) -> Iterator[System]:
    """Give the same system as the installation's, opened here, to prepare it and to look at it afterwards."""
    url = None if installation.database_url is None else SecretStr(installation.database_url)
    opened = assemble(Settings(data_folder=installation.folder, database_url=url))
    opened.database.migrate()
    yield opened
    opened.close()


def staff(system: System) -> list[str]:
    """Add eight clerks; give their tokens."""
    with system.database.transaction() as tx:
        tx.people.put_group("clerks", "Clerks", ["accountant"])
        tokens = []
        for number in range(PEOPLE):
            user = tx.people.add(a_user(login=f"clerk{number}", display_name=f"Clerk {number}"), ["clerks"])
            text, _ = issue(tx, user.id, name="race", scopes=[Scope.WORK_WRITE], days=1, actor="test")
            tokens.append(text)
    return tokens


def parcel_with_paper(tx: Transaction) -> int:
    """Add a parcel as its intake would: with a document and an entry in its audit chain."""
    parcel = tx.parcels.add(a_parcel())
    stored = tx.documents.put(b"count me")
    tx.parcels.add_document(a_document(parcel, position=0, sha256=stored.sha256, size=stored.size))
    tx.audit.record(parcel_chain(parcel.id), "channel:upload", "parcel_received", parcel.number)
    return parcel.id


def waiting_items(system: System) -> list[int]:
    """Deploy the process, start it for each of many parcels, and give the items that wait."""
    deploy(system.database, system.surroundings(), read_folder(DATA), login="owner")
    with system.database.transaction() as tx:
        parcels = [parcel_with_paper(tx) for _ in range(ITEMS)]
    for parcel_id in parcels:
        system.engine.start("order", parcel_id)
    with system.database.reading() as tx:
        return [item.id for item in tx.work.open()]


@dataclass
class Clerk:
    """A person's program: goes through the items in their order, at each of them together with all others."""

    number: int
    token: str
    port: int
    together: threading.Barrier
    answers: list[Answer]

    def work(self, items: list[int]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            for item in items:
                self.together.wait(60)
                self.answers.append(self.complete(connection, item))
        except Exception:
            self.together.abort()
            raise
        finally:
            connection.close()

    def complete(self, connection: http.client.HTTPConnection, item: int) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent = json.dumps({"answers": {"sheets": self.number}})
        connection.request("POST", f"/api/v1/work-items/{item}/complete", sent, headers)
        answer = connection.getresponse()
        return Answer(self.number, item, answer.status, json.loads(answer.read()))


def race(installation: Installation, tokens: list[str], items: list[int]) -> list[Answer]:
    answers: list[Answer] = []
    together = threading.Barrier(len(tokens))
    clerks = [Clerk(number, token, installation.web_port, together, answers) for number, token in enumerate(tokens)]
    threads = [threading.Thread(target=clerk.work, args=(items,)) for clerk in clerks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.timeout(900)
def test_of_eight_who_complete_an_item_one_wins_and_seven_are_told_who_did_and_when(
    installation: Installation, system: System
) -> None:
    tokens, items = staff(system), waiting_items(system)

    with running(installation):
        answers = race(installation, tokens, items)

    assert Counter(answer.status for answer in answers) == {200: ITEMS, 409: ITEMS * (PEOPLE - 1)}
    winners = {answer.item: answer for answer in answers if answer.status == 200}
    assert sorted(winners) == sorted(items)
    for loser in answers:
        if loser.status == 409:
            won = winners[loser.item].body
            assert loser.body["code"] == "already_taken", loser.body
            assert loser.body["who"] == won["completed_by"] == f"Clerk {winners[loser.item].person}"
            assert datetime.fromisoformat(loser.body["when"]) == datetime.fromisoformat(won["completed_at"])
    assert recorded(system, items) == {item: f"clerk{answer.person}" for item, answer in winners.items()}
    assert stored(system, items) == {item: answer.person for item, answer in winners.items()}
    assert list(check(system.database, reload=system.reload())) == []


def recorded(system: System, items: list[int]) -> dict[int, str]:
    """Give who completed each item as the audit trail has it; an item completed twice breaks the reading."""
    found = {}
    with system.database.transaction() as tx:
        for item in items:
            parcel_id = tx.work.one(item).parcel_id
            assert parcel_id is not None
            done = [event for event in tx.audit.history(parcel_chain(parcel_id)) if event.action == "work.completed"]
            [found[item]] = [event.actor for event in done]
    return found


def stored(system: System, items: list[int]) -> dict[int, int]:
    """Give what was answered for each item, as its instance keeps it."""
    with system.database.reading() as tx:
        instances = {item: tx.work.one(item).instance_id for item in items}
    return {item: system.engine.variables(instance)["sheets"] for item, instance in instances.items()}
