"""What we have signed: a text that was found right once opens no more than it did, and nothing else opens at all."""

import re
from datetime import timedelta

import pytest
from house import House, Visitor

from web import signed


def _send(visitor: Visitor, token: str) -> int:
    return visitor.client.post("/api/v1/work-items/1/claim", headers={"X-CSRFToken": token}).status_code


def _cookie(visitor: Visitor) -> str:
    found = visitor.client.get_cookie("parcelflow")
    assert found is not None
    return found.value


def test_a_token_against_forgery_that_is_known_is_good_for_its_own_session_alone(small_house: House) -> None:
    small_house.person("boss", "manager")
    small_house.person("anna", "accounting")
    boss, anna = small_house.visitor("boss"), small_house.visitor("anna")
    boss.get("/worklist")
    anna.get("/worklist")

    assert [_send(boss, boss.token) for _ in range(2)] == [404, 404]
    assert _send(anna, boss.token) == 403
    assert _send(anna, anna.token) == 404
    assert _send(anna, "") == 403


def test_a_token_or_cookie_changed_by_one_letter_is_refused_beside_the_right_one(small_house: House) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    boss.get("/worklist")
    token, cookie = boss.token, _cookie(boss)
    assert _send(boss, token) == 404

    assert _send(boss, re.sub("^.", lambda found: "x" if found[0] != "x" else "y", token)) == 403
    other = small_house.visitor()
    other.client.set_cookie("parcelflow", ("A" if cookie[0] != "A" else "B") + cookie[1:])
    assert other.client.get("/worklist").status_code == 302
    other.client.set_cookie("parcelflow", cookie)
    assert other.client.get("/worklist").status_code == 200


@pytest.mark.parametrize(
    "sent", ["parcelflow={0}", "parcelflow={0}; other=one", "other=one; parcelflow={0}", 'parcelflow="{0}"']
)
def test_a_session_is_found_however_its_cookie_comes(small_house: House, sent: str) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    boss.get("/worklist")
    cookie = sent.format(_cookie(boss))

    answer = small_house.app.test_client(use_cookies=False).get("/worklist", headers={"Cookie": cookie})

    assert answer.status_code == 200
    assert "Cookie" in answer.vary


def test_a_cookie_that_is_known_grows_too_old(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    assert boss.client.get("/worklist").status_code == 200

    old = int(small_house.app.permanent_session_lifetime.total_seconds()) + 60
    now = signed.TimestampSigner("").get_timestamp()
    monkeypatch.setattr(signed.TimestampSigner, "get_timestamp", lambda _: now + old)

    assert boss.client.get("/worklist").status_code == 302


def test_what_one_page_leaves_in_a_session_is_not_seen_by_another_request_with_the_same_cookie(
    small_house: House,
) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    boss.get("/tokens")
    before = _cookie(boss)

    with boss.client.session_transaction() as session:
        session["messages"] = [("good", "Only for the next page.")]
    boss.client.set_cookie("parcelflow", before)

    assert "Only for the next page." not in boss.text("/tokens")


def test_a_list_in_a_session_is_not_shared_by_requests_with_the_same_cookie(small_house: House) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    with boss.client.session_transaction() as session:
        session["numbers"] = [1]
    cookie = _cookie(boss)
    for _ in range(2):
        boss.client.set_cookie("parcelflow", cookie)
        with boss.client.session_transaction() as session:
            session["numbers"].append(2)
            assert session["numbers"] == [1, 2]


def test_a_right_taken_away_is_gone_at_the_next_request(house: House) -> None:
    actor = house.person("boss", "manager")
    boss = house.visitor("boss")
    assert [boss.client.get("/quarantine").status_code for _ in range(2)] == [200, 200]

    with house.database.transaction() as tx:
        tx.people.put_group("manager", "Manager", ["accountant"])
    assert boss.client.get("/quarantine").status_code == 404
    with house.database.transaction() as tx:
        tx.sign_ins.close_all(actor.user_id)

    assert boss.client.get("/worklist").status_code == 302


def test_each_statement_of_a_glance_sees_what_was_committed_just_before(house: House) -> None:
    actor = house.person("boss", "manager")
    idle = timedelta(minutes=5)

    with house.database.glance() as tx:
        assert tx.sign_ins.person("k", idle) is None
        with house.database.transaction() as other:
            other.sign_ins.open(actor.user_id, "k", timedelta(hours=1))
        found = tx.sign_ins.person("k", idle)

    assert found == (actor, False)
