"""How fast one may ask: at the sign-in page by address, at the REST interface by token."""

from datetime import timedelta

import pytest
from fakes import FakeClock
from house import House

from web.pace import Pace, TooFast
from web.tokens import issue


@pytest.fixture
def house(open_database: object, sqlite_url: str, tmp_path: object) -> House:
    """Give a house where one may ask a few times a minute."""
    assert callable(open_database)
    house = House(open_database(sqlite_url), tmp_path / "house", most_sign_ins=5, most_api_requests=8)  # type: ignore[operator]  # a path
    house.deploy()
    return house


def _token(house: House, login: str) -> dict[str, str]:
    actor = house.person(login, "manager")
    with house.database.transaction() as tx:
        text, _ = issue(tx, actor.user_id, name="a program", scopes=["parcels:read"], days=1, actor=login)
    return {"Authorization": f"Bearer {text}"}


def test_a_bucket_is_empty_after_a_minutes_requests_and_fills_with_time(clock: FakeClock) -> None:
    pace = Pace(60)
    for _ in range(60):
        pace.take("ann", clock())

    with pytest.raises(TooFast) as told:
        pace.take("ann", clock())
    pace.take("bob", clock())
    clock.advance(timedelta(seconds=told.value.seconds))
    pace.take("ann", clock())

    with pytest.raises(TooFast):
        pace.take("ann", clock())


def test_buckets_that_are_full_again_are_forgotten(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.pace._MOST_ASKERS", 10)
    pace = Pace(60)
    for number in range(10):
        pace.take(f"asker {number}", clock())
    clock.advance(timedelta(minutes=2))

    pace.take("one more", clock())

    assert list(pace._buckets) == ["one more"]


def test_the_sign_in_page_is_not_served_faster_than_its_pace(house: House, clock: FakeClock) -> None:
    visitor = house.visitor()

    answers = [visitor.get("/sign-in") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "12"
    assert "Wait 12 s" in answers[-1].text
    assert visitor.get("/healthz").status_code == 200
    clock.advance(timedelta(seconds=12))
    assert visitor.get("/sign-in").status_code == 200


def test_a_program_is_told_to_wait_and_another_token_is_served(house: House) -> None:
    ann, bob = _token(house, "ann"), _token(house, "bob")
    client = house.app.test_client()

    answers = [client.get("/api/v1/parcels", headers=ann) for _ in range(9)]

    assert [answer.status_code for answer in answers] == [200] * 8 + [429]
    assert (answers[-1].json or {})["code"] == "too_fast"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.get("/api/v1/parcels", headers=bob).status_code == 200


def test_who_tries_one_token_after_the_other_is_stopped_by_address(house: House) -> None:
    client = house.app.test_client()

    answers = [
        client.get("/api/v1/parcels", headers={"Authorization": f"Bearer pf_{number:012x}_{'x' * 43}"}).status_code
        for number in range(8)
    ]

    assert answers == [401] * 5 + [429] * 3


def test_people_behind_one_address_have_a_pace_each(house: House) -> None:
    house.person("ann", "manager")
    house.person("bob", "manager")
    ann, bob = house.visitor("ann"), house.visitor("bob")

    answers = [[visitor.get("/api/v1/parcels").status_code for _ in range(8)] for visitor in (ann, bob)]

    assert answers == [[200] * 8] * 2
    assert ann.get("/api/v1/parcels").status_code == 429
