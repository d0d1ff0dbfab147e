"""Signing in: the right password, the throttle, sessions that end."""

from datetime import timedelta

import pytest
from fakes import FakeClock
from house import PASSWORD, House

from web import auth
from web.pages.door import local_path


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(small_house: House) -> None:
    small_house.person("boss", "manager")

    wrong = small_house.visitor().post("/sign-in", login="boss", password="wrong")
    unknown = small_house.visitor().post("/sign-in", login="nobody", password="wrong")

    assert wrong.status_code == unknown.status_code == 422
    assert "The name or the password is not right" in wrong.text
    assert wrong.text.replace("boss", "").count("\n") == unknown.text.replace("nobody", "").count("\n")


def test_an_unknown_name_costs_a_hash_as_a_known_one_does(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str | None] = []
    real = auth.check_password
    monkeypatch.setattr(auth, "check_password", lambda stored, given: checked.append(stored) or real(stored, given))

    small_house.visitor().post("/sign-in", login="nobody", password="wrong")

    assert checked == [None]
    assert not auth.check_password(None, "anything")


def test_many_tries_for_one_account_are_stopped_before_the_hash(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    house.person("boss", "manager")
    checked: list[str | None] = []
    monkeypatch.setattr(auth, "check_password", lambda stored, _given: bool(checked.append(stored)))
    visitor = house.visitor()

    answers = [visitor.post("/sign-in", login="boss", password=str(number)).status_code for number in range(50)]

    assert len(checked) <= 10
    assert answers[-1] == 429
    clock.advance(timedelta(hours=1))
    assert visitor.post("/sign-in", login="boss", password="x").status_code == 422


def test_many_tries_from_one_address_are_stopped_whatever_the_name(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []
    monkeypatch.setattr(auth, "check_password", lambda stored, _given: bool(checked.append(stored)))
    visitor = house.visitor()

    for number in range(60):
        visitor.post("/sign-in", login=f"name{number}", password="x")

    assert len(checked) <= 25


def test_many_people_sign_in_from_one_address_and_a_guesser_among_them_is_still_stopped(small_house: House) -> None:
    small_house.person("boss", "manager")

    for _ in range(30):
        small_house.visitor("boss")
    wrong = [small_house.visitor().post("/sign-in", login=f"name{n}", password="x").status_code for n in range(25)]

    assert wrong[:20] == [422] * 20
    assert wrong[-1] == 429


def test_tries_are_forgotten_after_a_day_and_not_before(house: House, clock: FakeClock) -> None:
    for name in ("early", "late"):
        house.visitor().post("/sign-in", login=name, password="wrong")
        clock.advance(timedelta(hours=13))
    with house.database.transaction() as tx:
        first = tx.sign_ins.sweep()
        clock.advance(timedelta(hours=12))
    with house.database.transaction() as tx:
        second, third = tx.sign_ins.sweep(), tx.sign_ins.sweep()

    assert (first, second, third) == (1, 2, 0)


def test_signing_in_begins_a_new_session_with_a_new_key(small_house: House) -> None:
    small_house.person("boss", "manager")
    visitor = small_house.visitor("boss")
    with visitor.client.session_transaction() as session:
        first = session["_user_id"]

    visitor.get("/worklist")
    visitor.post("/sign-out")
    visitor.post("/sign-in", login="boss", password=PASSWORD)

    with visitor.client.session_transaction() as session:
        assert session["_user_id"] != first


def test_a_cookie_kept_from_before_signing_out_opens_nothing(small_house: House) -> None:
    small_house.person("boss", "manager")
    visitor = small_house.visitor("boss")
    cookie = visitor.client.get_cookie("parcelflow")
    assert cookie is not None
    visitor.get("/worklist")
    visitor.post("/sign-out")

    thief = small_house.visitor()
    thief.client.set_cookie("parcelflow", cookie.value)

    assert thief.get("/worklist").status_code == 302


def test_a_session_ends_with_time(small_house: House, clock: FakeClock) -> None:
    small_house.person("boss", "manager")
    visitor = small_house.visitor("boss")

    clock.advance(timedelta(hours=3))

    assert visitor.get("/worklist").status_code == 302


def test_a_session_in_use_goes_on_until_its_longest_time(small_house: House, clock: FakeClock) -> None:
    small_house.person("boss", "manager")
    visitor = small_house.visitor("boss")

    for _ in range(11):
        clock.advance(timedelta(hours=1))
        assert visitor.get("/worklist").status_code == 200
    clock.advance(timedelta(hours=2))

    assert visitor.get("/worklist").status_code == 302


def test_a_closed_account_is_shut_out_at_once(house: House) -> None:
    house.person("admin", "administrators")
    boss = house.person("boss", "manager")
    visitor = house.visitor("boss")
    admin = house.visitor("admin")
    admin.get(f"/people/{boss.user_id}")

    answer = admin.post(f"/people/{boss.user_id}", display_name="Boss", groups="manager")

    assert answer.status_code == 302
    assert visitor.get("/worklist").status_code == 302
    assert house.visitor().post("/sign-in", login="boss", password=PASSWORD).status_code == 422


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "\\\\evil.example", "/\t/evil",
     "/%0d%0a\n", "evil.example", "", "/ok\\..\\evil", "http:/evil", "/\x00"],
)  # fmt: skip
def test_nobody_is_led_to_another_place_after_signing_in(small_house: House, target: str) -> None:
    with small_house.app.test_request_context("/"):
        assert local_path(target) == "/"


def test_a_short_password_is_refused() -> None:
    with pytest.raises(Exception, match="12 to 256"):
        auth.hash_password("short")
