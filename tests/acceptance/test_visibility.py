"""Eight roles and every status, with a marker in every place: each role meets what the rules let it read, over all routes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from itertools import combinations, product
from pathlib import Path

import pytest
from conftest import NOON
from fakes import FakeClock
from markers import CUSTOMER, ROLES, Marked, MarkedHouse
from oracle.visibility import RANKS, Oracle, Standing
from order_walk import ORDER, statuses
from visits import Caller, Visit, plain, unknown, visits, words
from werkzeug.test import TestResponse

from storage.access import Matrix, Rights, Scope, read_grants
from storage.database import Database, Transaction
from storage.documents import DocumentStore
from storage.people import Actor
from storage.search import Filter

pytestmark = pytest.mark.timeout(900)
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


def visited(house: MarkedHouse, role: str) -> list[Marked]:
    """Give the parcels whose pages a role visits: for the customer others' too, which differ in nothing for the house."""
    return [marked for marked in house.parcels if role == CUSTOMER or marked.standing.is_customers]


def readable(parcels: Iterable[Marked], role: str) -> set[str]:
    """Give the words that the rules let a role meet."""
    return {
        marker.word
        for marked in parcels
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
    for visit in visits(house, visited(house, role)):
        if visit.is_changing and is_there(role, visit):
            continue
        answer = caller.go(visit)
        faults += judged(house, role, visit, answer, caller)
        met |= dict.fromkeys(words(answer, visit) - met.keys(), visit.path)

    allowed = readable(house.parcels, role)
    assert {word: path for word, path in met.items() if word not in allowed} == {}
    assert readable(visited(house, role), role) - met.keys() == set()
    assert faults == []


def judged(house: MarkedHouse, role: str, visit: Visit, answer: TestResponse, caller: Caller) -> Iterator[str]:
    """Say what is wrong with an answer beside its words: it fails, betrays that something is there, or finds by hidden words."""
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"{visit.method} {visit.path} fails"
    if not is_there(role, visit):
        nothing = plain(caller.go_nowhere(visit), visit.ghost)
        if plain(answer, visit.path) != nothing or answer.status_code != HTTPStatus.NOT_FOUND:
            yield f"{visit.method} {visit.path} differs from what does not exist"
    if visit.place and answer.status_code == HTTPStatus.OK:
        wrong = found(house, answer, visit) ^ findable(house, role, visit.place)
        yield from (f"{visit.path} does not rightly find {number}" for number in sorted(wrong))


def test_lists_counts_and_search_go_by_the_rules_on_both_databases(database: Database, tmp_path: Path) -> None:
    house = MarkedHouse(database, tmp_path)
    places = sorted({marker.place for marker in house.words.values() if marker.is_indexed})
    with database.reading() as tx:
        for role in ROLES:
            there = {marked.number for marked in house.parcels if sees(role, marked)}
            assert listed(tx, house.people[role]) == there
            assert str(tx.search.count(house.people[role], Filter())) == str(len(there))
            for place in places:
                words = {marker.word for marker in house.words.values() if marker.place == place}
                common = (
                    [f"zmark{place.replace('_', '')}"] if any(word.startswith("zmark") for word in words) else words
                )
                found = {number for word in common for number in listed(tx, house.people[role], word)}
                assert found == findable(house, role, place), (role, place)


def test_whoever_has_two_roles_is_listed_what_either_sees_on_both_databases(database: Database, tmp_path: Path) -> None:
    house = MarkedHouse(database, tmp_path)
    with database.reading() as tx:
        for one, other in combinations(ROLES, 2):
            both = replace(house.people[one], roles=frozenset({one, other}), customer_id=house.customers[0])
            for word, subject in (("", "order"), ("zmarkpaper", "paper"), ("zmarktitleinvoice", "document:invoice")):
                expected = {
                    marked.number
                    for marked in house.parcels
                    if any(ORACLE.reads(frozenset({role}), _of_customer(marked), subject) for role in (one, other))
                }
                assert listed(tx, both, word) == expected, (one, other, word)


def test_two_roles_together_have_the_union_of_their_rights() -> None:
    grants, _ = read_grants((ORDER / "access.csv").read_text(encoding="utf-8"))
    matrix, scopes = Matrix(("order", grant) for grant in grants), frozenset(Scope)
    subjects = sorted({grant.subject for grant in grants} - {"order"})
    for status, (one, other) in product(statuses(), combinations(ROLES, 2)):
        alone = [matrix.rights(frozenset({role}), "order", status, scopes) for role in (one, other)]
        both = matrix.rights(frozenset({one, other}), "order", status, scopes)

        assert both.order == alone[0].order | alone[1].order
        for subject in subjects:
            levels = [level_on(rights, subject) for rights in (both, *alone)]
            assert levels[0] == max(levels[1:]), (status, one, other, subject)


def listed(tx: Transaction, actor: Actor, words: str = "") -> set[str]:
    """Give the numbers of the parcels that a person finds by words, or finds at all."""
    return {view.number for view in tx.search.parcels(actor, Filter(words=words)).parcels}


def sees(role: str, marked: Marked) -> bool:
    """Tell whether a parcel exists for a role."""
    return ORACLE.sees(frozenset({role}), standing(role, marked))


def level_on(rights: Rights, subject: str) -> int:
    """Give the rank of the level on a field, or on a document kind."""
    kind = subject.removeprefix("document:")
    return RANKS.index(rights.field(subject) if kind == subject else rights.document(kind))


def _of_customer(marked: Marked) -> Standing:
    return Standing(marked.standing.status, marked.standing.is_customers, is_own=False)
