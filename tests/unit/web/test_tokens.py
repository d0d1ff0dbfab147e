"""Tokens: made by people for programs, shown once, kept as hashes, limited by scope, time and what the person may do."""

import io
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import FakeClock
from house import House
from programs import Program, program, token

from storage.errors import Invalid
from web.cli import cli
from web.tokens import NEEDED, Scope, issue, useful_scopes


@pytest.fixture
def office(house: House) -> House:
    house.deploy()
    house.person("anna", "accounting")
    return house


def _tokens(house: House, login: str) -> list[tuple[str, str]]:
    with house.database.reading() as tx:
        user = tx.people.with_login(login)
        assert user is not None
        return [(one.prefix, one.hash) for one in tx.people.tokens(user.id)]


def test_a_token_is_kept_as_a_hash_alone(office: House) -> None:
    text = token(office, "anna")

    [(prefix, kept)] = _tokens(office, "anna")
    assert text.startswith(f"pf_{prefix}_")
    assert re.fullmatch(r"[0-9a-f]{64}", kept)
    assert text.removeprefix(f"pf_{prefix}_") not in kept
    with office.database.engine.connect() as connection:
        for table in ("api_token", "audit_event", "request_key"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608 - our own names
            assert text[16:] not in repr(rows)


def test_a_token_reaches_what_its_person_reaches(office: House) -> None:
    _, number = office.parcel(status="in_review")

    assert program(office, "anna").get(f"/parcels/{number}").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer pf_",
        "Basic YTpi",
        "Bearer {other}",
        "Bearer {text}x",
        "Bearer {wrong}",
        "{text}",
    ],
)
def test_without_a_token_in_force_nothing_is_told(office: House, given: str) -> None:
    text = token(office, "anna")
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    other = f"pf_{'0' * 12}_{text[16:]}"

    answer = office.app.test_client(use_cookies=False).get(
        "/api/v1/parcels", headers={"Authorization": given.format(text=text, wrong=wrong, other=other)}
    )

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_ends_with_its_time(office: House, clock: FakeClock) -> None:
    anna = Program(office.app.test_client(use_cookies=False), token(office, "anna", days=2))
    assert anna.get("/parcels").status_code == 200

    clock.advance(timedelta(days=2))

    assert anna.get("/parcels").status_code == 401


def test_a_revoked_token_opens_nothing(office: House) -> None:
    anna = program(office, "anna")
    visitor = office.visitor("anna")
    [link] = re.findall(r'action="(/tokens/\d+/revoke)"', visitor.text("/tokens"))

    assert visitor.post(link).status_code == 302

    assert anna.get("/parcels").status_code == 401
    assert "revoked" in visitor.text("/tokens")


def test_nobody_revokes_the_token_of_another(office: House) -> None:
    office.person("bert", "accounting")
    anna, visitor = program(office, "anna"), office.visitor("bert")
    visitor.get("/tokens")

    assert visitor.post("/tokens/1/revoke").status_code == 404
    assert anna.get("/parcels").status_code == 200


def test_the_tokens_of_a_closed_account_open_nothing(office: House) -> None:
    anna = program(office, "anna")
    with office.database.transaction() as tx:
        user = tx.people.with_login("anna")
        assert user is not None
        user.is_active = False

    assert anna.get("/parcels").status_code == 401


def test_a_token_loses_with_its_person_what_the_person_loses(office: House) -> None:
    _, number = office.parcel(status="in_review")
    anna = program(office, "anna")
    with office.database.transaction() as tx:
        user = tx.people.with_login("anna")
        assert user is not None
        tx.people.set_groups(user.id, [])

    assert anna.get(f"/parcels/{number}").status_code == 404


def test_a_token_without_the_scope_is_told_which_it_needs(office: House) -> None:
    answer = program(office, "anna", Scope.WORK_READ).get("/parcels")

    assert answer.status_code == 403
    assert answer.json["code"] == "scope_missing"
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="parcels:read"'


def test_a_scope_gives_nothing_that_the_person_may_not_do(office: House) -> None:
    anna = program(office, "anna")

    assert anna.get("/processes").status_code == 404
    assert anna.post("/deployments", data={}).status_code == 404


def test_a_token_opens_no_page_and_rules_over_cookies(office: House) -> None:
    office.person("boss", "manager")
    _, number = office.parcel(status="planned")
    visitor, headers = office.visitor("boss"), program(office, "anna").headers()

    assert visitor.get(f"/api/v1/parcels/{number}").status_code == 200
    assert visitor.get(f"/api/v1/parcels/{number}", headers=headers).status_code == 404
    assert office.app.test_client().get("/worklist", headers=headers).status_code == 302


def test_a_session_alone_changes_nothing_without_the_token_of_a_page(office: House) -> None:
    item = office.begin(office.parcel()[0])
    visitor = office.visitor("anna")
    page = visitor.text("/worklist")
    [secret] = set(re.findall(r'name="csrf_token" value="([^"]+)"', page))

    without = visitor.client.post(f"/api/v1/work-items/{item}/claim")
    from_elsewhere = visitor.client.post(
        f"/api/v1/work-items/{item}/claim", headers={"X-CSRFToken": secret, "Origin": "https://evil.example"}
    )
    with_it = visitor.client.post(f"/api/v1/work-items/{item}/claim", headers={"X-CSRFToken": secret})

    assert (without.status_code, without.json["code"]) == (403, "csrf")
    assert from_elsewhere.status_code == 403
    assert with_it.status_code == 200


def test_a_request_with_a_token_leaves_no_cookie(office: House) -> None:
    assert "Set-Cookie" not in program(office, "anna").get("/parcels").headers


def test_the_last_use_is_on_record_now_and_then(office: House, clock: FakeClock) -> None:
    anna = program(office, "anna")
    seen = []
    for _ in range(3):
        anna.get("/parcels")
        with office.database.reading() as tx:
            [one] = tx.people.tokens(1)
            seen.append(one.last_used_at)
        clock.advance(timedelta(minutes=3))

    assert seen == [seen[0], seen[0], seen[0] + timedelta(minutes=6)]


def test_a_token_is_in_no_log_whatever_happens(
    office: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    text = token(office, "anna")
    anna = Program(office.app.test_client(use_cookies=False), text)
    monkeypatch.delattr("web.api.parcels._page")

    statuses = [
        anna.get(path).status_code for path in ("/parcels", "/nowhere", "/parcels/x", "/work-items?x=1", "/processes")
    ]
    anna.client.get("/api/v1/parcels", headers={"Authorization": f"Bearer {text}x"})

    assert 500 in statuses
    assert "failed" in caplog.text
    assert text[16:] not in caplog.text


def test_a_person_makes_a_token_on_a_page_that_shows_it_once(office: House) -> None:
    visitor = office.visitor("anna")
    page = visitor.text("/tokens")
    assert "No token yet" in page
    assert "parcels:read" in page
    assert "deployments:write" not in page

    made = visitor.post("/tokens", name="Scanner", scopes="parcels:write", days="7")

    [text] = set(re.findall(r"pf_[0-9a-f]{12}_[\w-]{43}", made.text))
    again = visitor.text("/tokens")
    assert "Scanner" in again
    assert text not in again
    answer = Program(office.app.test_client(use_cookies=False), text).post(
        "/parcels", data={"files": (io.BytesIO(b"x"), "x.txt")}
    )
    assert answer.status_code == 201


def test_a_scope_that_is_of_no_use_to_a_person_is_not_taken_from_the_page(office: House) -> None:
    visitor = office.visitor("anna")
    visitor.get("/tokens")

    answer = visitor.post("/tokens", name="x", scopes="deployments:write", days="7")

    assert answer.status_code == 422
    assert "Choose at least one scope" in answer.text
    assert _tokens(office, "anna") == []


def test_making_and_revoking_are_on_record_without_the_token(office: House) -> None:
    visitor = office.visitor("anna")
    visitor.get("/tokens")
    made = visitor.post("/tokens", name="Scanner", scopes="parcels:write", days="7")
    visitor.get("/tokens")
    visitor.post("/tokens/1/revoke")

    with office.database.transaction() as tx:
        events = [event for event in tx.audit.history("system") if event.action.startswith("token_")]
    assert [(event.actor, event.action) for event in events] == [("anna", "token_made"), ("anna", "token_revoked")]
    assert re.findall(r"pf_\w{12}_([\w-]{43})", made.text)[0] not in repr([event.details for event in events])


@pytest.mark.parametrize(
    "change",
    [{"days": 0}, {"days": 367}, {"scopes": []}, {"scopes": ["everything"]}, {"name": " "}, {"name": "x" * 101}],
)
def test_what_makes_no_sense_makes_no_token(small_house: House, change: dict[str, object]) -> None:
    anna = small_house.person("anna", "accounting")
    asked = {"name": "x", "scopes": [Scope.WORK_READ], "days": 7, "actor": "anna"} | change

    with small_house.database.transaction() as tx, pytest.raises(Invalid):
        issue(tx, anna.user_id, **asked)  # type: ignore[arg-type]  # wrong on purpose


def test_a_person_has_no_more_tokens_than_anybody_needs(small_house: House) -> None:
    anna = small_house.person("anna", "accounting")
    with small_house.database.transaction() as tx:
        for _ in range(50):
            issue(tx, anna.user_id, name="x", scopes=[Scope.WORK_READ], days=7, actor="anna")
        with pytest.raises(Invalid, match="50 tokens"):
            issue(tx, anna.user_id, name="x", scopes=[Scope.WORK_READ], days=7, actor="anna")


def test_every_scope_names_the_right_that_makes_it_useful(small_house: House) -> None:
    owner = small_house.person("owner", "process_owners", "manager")

    assert set(NEEDED) == set(Scope)
    assert useful_scopes(owner) == list(Scope)


def test_the_command_line_makes_lists_and_revokes_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELFLOW_DATA_FOLDER", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, arguments)
        return result.exit_code, result.stdout

    assert run("migrate")[0] == 0
    run("people", "add", "anna", "--role", "accountant")

    code, text = run("people", "token", "anna", "--scope", "work:read", "--days", "3", "--name", "robot")
    assert code == 0
    assert re.fullmatch(r"pf_[0-9a-f]{12}_[\w-]{43}\n", text)
    listed = run("people", "tokens", "anna")[1]
    assert "work:read  robot" in listed
    assert text.strip() not in listed
    assert run("people", "revoke", "anna", text[:15])[0] == 0
    assert "revoked" in run("people", "tokens", "anna")[1]
    assert run("people", "revoke", "anna", text[:15])[0] != 0
    assert run("people", "token", "anna", "--scope", "everything")[0] != 0


def test_a_form_sent_twice_makes_one_token_whose_text_is_kept_nowhere(office: House) -> None:
    visitor = office.visitor("anna")
    assert 'name="request_key"' in visitor.text("/tokens")
    typed = {"name": "Scanner", "scopes": "parcels:write", "days": "7", "request_key": "once"}

    first, second = (visitor.post("/tokens", **typed) for _ in range(2))

    [text] = set(re.findall(r"pf_[0-9a-f]{12}_[\w-]{43}", first.text))
    assert (second.status_code, second.location) == (302, "/tokens")
    assert "revoke it and make another" in visitor.text("/tokens")
    assert len(_tokens(office, "anna")) == 1
    with office.database.reading() as tx:
        anna = tx.people.with_login("anna")
        assert anna is not None
        kept = tx.people.first_answer(anna.id, "once")
        assert kept is not None
        assert text not in kept.answer
