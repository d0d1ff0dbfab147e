"""Eight roles and every status, with a marker in every place: each role meets what the rules let it read, over all routes."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import NOON
from fakes import FakeClock
from markers import CUSTOMER, ROLES, Marked, MarkedHouse
from oracle.visibility import Oracle, Standing
from order_walk import ORDER
from visits import Caller, Visit, plain, unknown, visits, words
from werkzeug.test import TestResponse

from storage.database import Database
from storage.documents import DocumentStore

ORACLE = Oracle((ORDER / "access.csv").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def house(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarkedHouse]:
    """Give one house for all roles: nobody changes what is in it."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "house.sqlite").write_bytes(sqlite_template.read_bytes())
    documents = DocumentStore(folder / "documents")
    database = Database(f"sqlite:///{folder / 'house.sqlite'}", clock=FakeClock(NOON), documents=documents)
    yield MarkedHouse(database, folder)
    database.close()


def standing(role: str, marked: Marked) -> Standing:
    """Say how a parcel stands to the person who has the role: only the customer's person has a customer or brought one in."""
    return marked.standing if role == CUSTOMER else Standing(marked.standing.status, is_customers=False, is_own=False)


def readable(house: MarkedHouse, role: str) -> set[str]:
    """Give the words that the rules let a role meet."""
    return {
        marker.word
        for marked in house.parcels
        for marker in marked.markers
        if role in marker.audience and ORACLE.reads(frozenset({role}), standing(role, marked), marker.subject)
    }


def findable(house: MarkedHouse, role: str, place: str) -> set[str]:
    """Give the numbers of the parcels that the words in a place may lead a role to."""
    return {
        marked.number
        for marked in house.parcels
        for marker in marked.markers
        if marker.place == place and ORACLE.reads(frozenset({role}), standing(role, marked), marker.subject)
    }


def found(house: MarkedHouse, answer: TestResponse, visit: Visit) -> set[str]:
    """Give the numbers of the parcels in an answer, by their own number or their order's."""
    named = words(answer, visit)
    return {marked.number for marked in house.parcels if named & {marked.number, marked.order_number}}


def is_there(role: str, visit: Visit) -> bool:
    """Tell whether what is asked for may be known to exist."""
    return visit.about is None or ORACLE.reads(frozenset({role}), standing(role, visit.about), visit.subject)


def test_every_route_is_visited(house: MarkedHouse) -> None:
    assert unknown(house) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_meets_all_that_it_may_read_and_nothing_else(house: MarkedHouse, role: str) -> None:
    caller = Caller(house, role)
    met: dict[str, str] = {}
    faults: list[str] = []
    for visit in visits(house):
        if visit.is_changing and is_there(role, visit):
            continue
        answer = caller.go(visit)
        faults += judged(house, role, visit, answer, caller)
        met |= dict.fromkeys(words(answer, visit) - met.keys(), visit.path)

    expected = readable(house, role)
    assert {word: path for word, path in met.items() if word not in expected} == {}
    assert expected - met.keys() == set()
    assert faults == []


def judged(house: MarkedHouse, role: str, visit: Visit, answer: TestResponse, caller: Caller) -> Iterator[str]:
    """Say what is wrong with an answer beside its words: it fails, betrays that something is there, or finds by hidden words."""
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"{visit.method} {visit.path} fails"
    nothing = None if is_there(role, visit) else caller.go_nowhere(visit)
    if nothing and (answer.status_code != HTTPStatus.NOT_FOUND or plain(answer, visit) != plain(nothing, visit)):
        yield f"{visit.method} {visit.path} differs from what does not exist"
    if visit.place and answer.status_code == HTTPStatus.OK:
        wrong = found(house, answer, visit) ^ findable(house, role, visit.place)
        yield from (f"{visit.path} does not rightly find {number}" for number in sorted(wrong))
