"""Every route: the right it declares, the token it wants, the headers it sends, who is let in."""

import pytest
from house import PASSWORD, House
from werkzeug.routing import Rule

from web.rights import ROLES, Right, declared, needs

ALL_ROLES = frozenset().union(*ROLES.values())
MODEL_GROUPS = {
    "manager": "manager",
    "accountant": "accounting",
    "quality": "qa",
    "planner": "planning",
    "production": "production",
    "administrator": "administrators",
    "process_owner": "process_owners",
    "customer": "customers",
}


def _rules(house: House) -> list[Rule]:
    return [rule for rule in house.app.url_map.iter_rules() if not rule.rule.startswith("/api/")]


def _path(rule: Rule) -> str:
    values: dict[str, object] = dict.fromkeys(rule.arguments, 1)
    values |= {"number": "P-0"} if "number" in values and "int:number" not in rule.rule else {}
    values |= {name: "x" for name in ("kind", "filename") if name in values}
    return rule.build(values, append_unknown=False)[1]  # type: ignore[index]


def test_every_route_declares_its_right(small_house: House) -> None:
    views = small_house.app.view_functions
    assert [rule.endpoint for rule in _rules(small_house) if declared(views[rule.endpoint]) is None] == []


def test_a_route_without_a_declared_right_is_closed_to_everybody(small_house: House) -> None:
    small_house.person("boss", "manager", "administrators")
    small_house.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")

    answer = small_house.visitor("boss").get("/forgotten")

    assert answer.status_code == 403
    assert "secret" not in answer.get_data(as_text=True)


def test_every_change_without_a_token_is_refused(small_house: House) -> None:
    small_house.person("boss", *MODEL_GROUPS.values())
    boss = small_house.visitor("boss")
    changing = [rule for rule in _rules(small_house) if "POST" in (rule.methods or ())]

    answers = {_path(rule): boss.client.post(_path(rule), data={"reason": "x"}).status_code for rule in changing}

    assert len(answers) > 15
    assert {path for path, status in answers.items() if status != 403} == set()


def test_a_change_sent_from_another_site_is_refused_even_with_a_token(small_house: House) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    boss.get("/worklist")

    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert boss.post("/worklist/next", headers=headers).status_code == 403


def test_who_has_not_signed_in_is_asked_to_and_comes_back_to_the_page(small_house: House) -> None:
    small_house.person("boss", "manager")
    stranger = small_house.visitor()

    answer = stranger.get("/orders?scope=archived")

    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/orders?scope%3Darchived"
    assert stranger.post("/sign-in", login="boss", password=PASSWORD, next="/orders?scope=archived").location == (
        "/orders?scope=archived"
    )


def test_no_page_but_the_public_ones_answers_a_stranger(small_house: House) -> None:
    stranger = small_house.visitor()
    views = small_house.app.view_functions
    for rule in _rules(small_house):
        if declared(views[rule.endpoint]) is not Right.PUBLIC and "GET" in (rule.methods or ()):
            assert stranger.get(_path(rule)).status_code == 302, rule.rule


@pytest.mark.parametrize("role", sorted(ALL_ROLES))
def test_what_a_role_may_not_do_is_not_there_for_it(small_house: House, role: str) -> None:
    small_house.deploy()
    small_house.person("somebody", MODEL_GROUPS[role])
    somebody = small_house.visitor("somebody")
    views = small_house.app.view_functions
    for rule in _rules(small_house):
        right = declared(views[rule.endpoint])
        if "GET" not in (rule.methods or ()) or rule.arguments or right in (None, Right.PUBLIC, Right.SIGNED_IN):
            continue
        expected = 200 if role in ROLES[right] else 404
        assert somebody.get(rule.rule).status_code == expected, rule.rule


def test_every_page_is_fenced_by_its_headers(small_house: House) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    for path in ("/sign-in", "/worklist", "/nowhere", "/healthz"):
        headers = boss.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
        assert len({name.lower() for name, _ in headers}) == len(headers)
    assert "Strict-Transport-Security" in boss.client.get("/sign-in", base_url="https://localhost").headers


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(small_house: House) -> None:
    small_house.person("boss", "manager")
    stranger = small_house.visitor()

    cookie = stranger.post("/sign-in", login="boss", password=PASSWORD).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_another_host_name_is_not_answered(small_house: House) -> None:
    assert small_house.visitor().get("/sign-in", headers={"Host": "evil.example"}).status_code == 400


def test_a_form_larger_than_allowed_is_refused(small_house: House) -> None:
    small_house.person("boss", "manager")
    boss = small_house.visitor("boss")
    boss.get("/worklist")

    assert boss.post("/worklist/next", filler="x" * 3_000_000).status_code == 413


def test_a_right_is_declared_on_the_function_itself() -> None:
    def view() -> str:
        return ""

    assert needs(Right.WORK)(view) is view
    assert declared(view) is Right.WORK
