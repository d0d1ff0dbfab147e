"""Administering people and groups in the browser."""

import re

import pytest
from factories import a_user
from house import PASSWORD, House, Visitor


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with an administrator and an accountant."""
    small_house.person("adam", "administrators")
    small_house.person("anna", "accounting")
    return small_house


def _id(office: House, login: str) -> int:
    with office.database.reading() as tx:
        found = tx.people.with_login(login)
        assert found is not None
        return found.id


def _path(office: House, login: str, more: str = "") -> str:
    return f"/people/{_id(office, login)}{more}"


def _adam(office: House) -> Visitor:
    adam = office.visitor("adam")
    adam.get("/people")
    return adam


def _system_events(office: House) -> list[tuple[str, str, str]]:
    with office.database.reading() as tx:
        return [(event.actor, event.action, event.subject) for event in tx.audit.history("system")]


def test_a_person_who_is_added_signs_in_with_the_password_that_was_shown_once(office: House) -> None:
    adam = _adam(office)

    answer = adam.post("/people/new", login="bert", display_name="Bert Example", groups=["accounting", "qa"])

    [password] = re.findall(r"<[^>]*mono[^>]*>([\w-]{16})<", answer.text)
    assert answer.status_code == 200
    assert "Bert Example" in adam.text("/people")
    assert password not in adam.text(_path(office, "bert"))
    with office.database.reading() as tx:
        bert = tx.people.actor(_id(office, "bert"))
        assert (bert.groups, bert.roles) == ({"accounting", "qa"}, {"accountant", "quality"})
    assert ("adam", "person_added", "person bert") in _system_events(office)
    assert office.visitor().post("/sign-in", login="bert", password=password).status_code == 302


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"login": "a", "display_name": "A"}, "A name to sign in with"),
        ({"login": "with space", "display_name": "A"}, "A name to sign in with"),
        ({"login": "bert", "display_name": " "}, "Give the person a name."),
        ({"login": "anna", "display_name": "Another"}, "anna is in use already"),
        ({"login": "bert", "display_name": "B", "customer": "K-9"}, "There is no customer K-9."),
    ],
)
def test_a_person_who_cannot_be_is_not_added_and_what_was_typed_stays(
    office: House, typed: dict[str, str], sentence: str
) -> None:
    adam = _adam(office)

    answer = adam.post("/people/new", **typed)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{typed["login"]}"' in answer.text
    assert [event for event in _system_events(office) if event[1] == "person_added"] == []


def test_a_customers_person_is_tied_to_the_customer_by_number(office: House) -> None:
    customer = office.customer("K-7")

    _adam(office).post("/people/new", login="petersen", display_name="P", customer="K-7", groups=["customers"])

    with office.database.reading() as tx:
        assert tx.people.actor(_id(office, "petersen")).customer_id == customer


def test_who_loses_a_group_is_signed_out_and_loses_its_rights(office: House) -> None:
    anna = office.visitor("anna")
    assert anna.get("/worklist").status_code == 200

    answer = _adam(office).post(_path(office, "anna"), display_name="Anna", is_active="1", groups=["customers"])

    assert answer.status_code == 302
    assert anna.get("/worklist").location.startswith("/sign-in")
    assert office.visitor("anna").get("/worklist").status_code == 404


def test_a_closed_person_is_signed_out_and_does_not_come_in_again(office: House) -> None:
    anna = office.visitor("anna")

    _adam(office).post(_path(office, "anna"), display_name="Anna", groups=["accounting"])

    assert anna.get("/worklist").status_code == 302
    assert office.visitor().post("/sign-in", login="anna", password=PASSWORD).status_code == 422


def test_a_change_of_name_signs_nobody_out(office: House) -> None:
    anna = office.visitor("anna")

    _adam(office).post(_path(office, "anna"), display_name="Anna B.", is_active="1", groups=["accounting"])

    assert anna.get("/worklist").status_code == 200
    assert "Anna B." in _adam(office).text("/people")


def test_the_last_administrator_stays_one(office: House) -> None:
    adam = _adam(office)

    closed = adam.post(_path(office, "adam"), display_name="Adam", groups=["administrators"])
    moved = adam.post(_path(office, "adam"), display_name="Adam", is_active="1", groups=["qa"])
    emptied = adam.post("/people/groups", key="administrators", name="Administrators", roles=[])

    assert [answer.status_code for answer in (closed, moved, emptied)] == [422, 422, 422]
    assert "Nobody would be left to administer" in closed.text
    assert adam.get("/people").status_code == 200


def test_a_new_password_ends_all_sessions_and_the_old_one(office: House) -> None:
    anna = office.visitor("anna")

    answer = _adam(office).post(_path(office, "anna", "/password"))

    [password] = re.findall(r"<[^>]*mono[^>]*>([\w-]{16})<", answer.text)
    assert anna.get("/worklist").status_code == 302
    assert office.visitor().post("/sign-in", login="anna", password=PASSWORD).status_code == 422
    assert office.visitor().post("/sign-in", login="anna", password=password).status_code == 302


def test_who_stands_in_sees_the_work_of_the_absent_for_these_days(office: House) -> None:
    office.deploy(review='parcelflow:candidateGroups="accounting" parcelflow:assignee="\'anna\'"')
    office.person("bert", "accounting")
    item = office.begin(office.parcel()[0])
    bert = office.visitor("bert")
    adam = _adam(office)
    dates = {"from": "2026-03-02", "until": "2026-03-03"}

    answer = adam.post(_path(office, "anna", "/substitution"), substitute=_id(office, "bert"), **dates)

    assert answer.status_code == 302
    assert "Bert stands in from" in adam.text(_path(office, "anna"))
    assert bert.post(f"/work-items/{item}/complete", decision="accept", run_length="10").status_code == 302


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ({"from": "2026-03-03", "until": "2026-03-02"}, "The last day comes before the first."),
        ({"from": "", "until": "tomorrow"}, "Give the first and the last day."),
    ],
)
def test_days_that_are_none_set_nobody_in(office: House, days: dict[str, str], sentence: str) -> None:
    answer = _adam(office).post(_path(office, "anna", "/substitution"), substitute=_id(office, "adam"), **days)

    assert answer.status_code == 422
    assert sentence in answer.text


def test_nobody_stands_in_for_themselves(office: House) -> None:
    days = {"from": "2026-03-02", "until": "2026-03-03"}

    answer = _adam(office).post(_path(office, "anna", "/substitution"), substitute=_id(office, "anna"), **days)

    assert answer.status_code == 422


def test_a_group_grants_the_roles_it_is_given_and_its_members_sign_in_again(office: House) -> None:
    anna = office.visitor("anna")
    adam = _adam(office)

    answer = adam.post(
        "/people/groups", key="accounting", name="Accounts", roles=["quality", "manager", "no_such_role"]
    )

    assert answer.status_code == 302
    assert 'value="Accounts"' in adam.text("/people/groups")
    assert anna.get("/worklist").status_code == 302
    with office.database.reading() as tx:
        assert tx.people.actor(_id(office, "anna")).roles == {"manager", "quality"}


@pytest.mark.parametrize(("key", "name"), [("Group", "Group"), ("a", "A"), ("1st", "First"), ("fine", " ")])
def test_a_group_needs_a_key_that_diagrams_can_name_and_a_name(office: House, key: str, name: str) -> None:
    answer = _adam(office).post("/people/groups", key=key, name=name)

    assert answer.status_code == 422
    assert "Not saved" in answer.text


def test_nobody_but_administrators_administers(office: House) -> None:
    anna = office.visitor("anna")
    anna.get("/worklist")

    assert anna.post("/people/new", login="eve", display_name="Eve", groups=["administrators"]).status_code == 404
    assert anna.post(_path(office, "adam", "/password")).status_code == 404
    with office.database.reading() as tx:
        assert tx.people.with_login("eve") is None


def test_a_person_without_a_group_is_told_so_in_the_list(office: House) -> None:
    with office.database.transaction() as tx:
        tx.people.add(a_user(login="nobody", display_name="Nobody yet"), [])

    page = _adam(office).text("/people")

    assert "Nobody yet" in page
    assert '<span class="quiet">none</span>' in page


def test_a_role_that_an_administrator_makes_is_given_to_a_group_and_opens_everyday_work(office: House) -> None:
    office.deploy()
    adam = _adam(office)

    assert adam.post("/people/roles", key="auditor", name="Auditor").status_code == 302
    assert "Auditor" in adam.text("/people/groups")
    adam.post("/people/groups", key="audit", name="Audit", roles=["auditor"])
    office.person("olaf", "audit")
    olaf = office.visitor("olaf")

    opened = [path for path in ("/worklist", "/orders", "/parcels", "/bring-in", "/quarantine", "/people", "/reports",
                                "/incidents", "/processes", "/orders/new") if olaf.get(path).status_code == 200]  # fmt: skip
    assert opened == ["/worklist", "/orders", "/parcels", "/bring-in"]
    assert ("adam", "role_changed", "role auditor") in _system_events(office)


def test_a_role_that_an_access_table_names_sees_what_the_table_says_and_works_there(office: House) -> None:
    office.deploy(also_access="auditor,in_review,order,act,all\nauditor,in_review,product,read,all\n")
    with office.database.transaction() as tx:
        assert "auditor" in {role.key for role in tx.people.roles()}
        tx.people.put_group("audit", "Audit", ["auditor"])
    office.person("olaf", "audit", "accounting")
    with office.database.transaction() as tx:
        tx.people.put_group("accounting", "Accounting", [])
    parcel_id, number = office.parcel()
    item = office.begin(parcel_id)
    olaf = office.visitor("olaf")

    assert number in olaf.text("/worklist?view=pool")
    shown = olaf.text(f"/parcels/{number}")
    assert "flyer" in shown
    assert "5,000" not in shown
    assert olaf.get(f"/work-items/{item}").status_code == 200


def test_a_role_needs_a_key_and_a_name(office: House) -> None:
    for key, name in (("Role", "Role"), ("role", " ")):
        answer = _adam(office).post("/people/roles", key=key, name=name)

        assert answer.status_code == 422
        assert "Not saved" in answer.text
