"""People, groups, roles, tokens and repeated requests; orders' customers."""

from datetime import timedelta

import pytest
from factories import a_parcel, a_party, a_user, an_order
from fakes import FakeClock

from storage.database import Database
from storage.errors import AlreadyExists, NotFound
from storage.orders import OrderLine
from storage.people import ApiToken, RequestKey


def test_a_person_has_the_roles_that_the_groups_grant(database: Database) -> None:
    with database.transaction() as tx:
        tx.people.put_group("qa", "QA", ["quality"])
        tx.people.put_group("manager", "Manager", ["manager", "quality"])
        user = tx.people.add(a_user(), ["qa", "manager"])

    with database.reading() as tx:
        actor = tx.people.actor(user.id)
        assert (actor.roles, actor.groups) == ({"quality", "manager"}, {"qa", "manager"})
        assert [member.id for member in tx.people.members("qa")] == [user.id]


def test_groups_can_be_changed_and_renamed_and_unknown_ones_are_refused(database: Database) -> None:
    with database.transaction() as tx:
        tx.people.put_group("qa", "QA", ["quality"])
        user = tx.people.add(a_user(), ["qa"])
        group = tx.people.put_group("qa", "Quality", ["inspector"])
        tx.people.put_role("inspector", "Inspector")

        assert tx.people.roles_of_group(group.id) == {"inspector"}
        assert [role.name for role in tx.people.roles()] == ["Inspector", "Quality"]
        assert [found.name for found in tx.people.groups()] == ["Quality"]
        with pytest.raises(NotFound, match="no group sales"):
            tx.people.set_groups(user.id, ["sales"])
        tx.people.set_groups(user.id, [])
        assert tx.people.groups_of(user.id) == frozenset()


def test_logins_are_unique_and_found_in_any_case(database: Database) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user(login="Pat"))
        assert tx.people.with_login("pAT") == user
        assert tx.people.with_login("sam") is None

    with pytest.raises(AlreadyExists), database.transaction() as tx:
        tx.people.add(a_user(login="Pat"))


def test_a_row_does_not_show_its_secrets(database: Database) -> None:
    assert "argon2" not in repr(a_user(password_hash="$argon2id$..."))


def test_a_token_counts_until_it_expires_or_is_revoked(database: Database, clock: FakeClock) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user())
        for prefix in ("aaaa", "bbbb"):
            tx.people.add_token(
                ApiToken(
                    user_id=user.id, name="script", prefix=prefix, hash="x", scopes=["work"], created_at=tx.now,
                    expires_at=tx.now + timedelta(days=1),
                )
            )  # fmt: skip
    with database.transaction() as tx:
        token = tx.people.token("aaaa")
        assert token is not None
        tx.people.revoke_token(token.id, user.id)
    with database.transaction() as tx:
        assert tx.people.token("aaaa") is None
        assert tx.people.token("bbbb") is not None
        with pytest.raises(NotFound):
            tx.people.revoke_token(token.id, user.id)
        assert [found.prefix for found in tx.people.tokens(user.id)] == ["bbbb", "aaaa"]

    clock.advance(timedelta(days=1))

    with database.reading() as tx:
        assert tx.people.token("bbbb") is None


def test_somebody_elses_token_cannot_be_revoked(database: Database) -> None:
    with database.transaction() as tx:
        owner, other = tx.people.add(a_user()), tx.people.add(a_user())
        token = tx.people.add_token(
            ApiToken(
                user_id=owner.id, name="x", prefix="aaaa", hash="x", created_at=tx.now, expires_at=tx.now + timedelta(1)
            )
        )
        with pytest.raises(NotFound):
            tx.people.revoke_token(token.id, other.id)


def an_answer(user_id: int, database: Database) -> RequestKey:
    return RequestKey(user_id=user_id, key="k", request="POST /x", status=200, answer="{}", created_at=database.clock())


def test_the_first_answer_to_a_request_is_kept_and_forgotten_in_time(database: Database, clock: FakeClock) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user())
        tx.people.keep_answer(an_answer(user.id, database))

    with pytest.raises(AlreadyExists), database.transaction() as tx:
        tx.people.keep_answer(an_answer(user.id, database))
    clock.advance(timedelta(days=2))
    with database.transaction() as tx:
        first = tx.people.first_answer(user.id, "k")
        assert first is not None
        assert first.answer == "{}"
        assert tx.people.forget_answers(timedelta(days=3)) == 0
        assert tx.people.forget_answers(timedelta(days=1)) == 1
        assert tx.people.first_answer(user.id, "k") is None


def test_customers_are_found_by_mail_address_first_and_by_domain_then(database: Database) -> None:
    with database.transaction() as tx:
        copper = tx.orders.add_party(a_party(email="Print@copper.example", mail_domain="copper.example"))
        tin = tx.orders.add_party(a_party(email=None, mail_domain="copper.example"))

        assert (copper.number, tin.number) == ("C-00001", "C-00002")
        assert tx.orders.party_numbered("C-00002") == tin
        assert tx.orders.parties_mailing_from("print@COPPER.example") == [copper]
        assert set(tx.orders.parties_mailing_from("sales@copper.example")) == {copper, tin}
        assert tx.orders.parties_mailing_from("print@zinc.example") == []


def test_an_order_belongs_to_one_parcel_and_its_lines_are_replaced_together(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        order = tx.orders.add(an_order(parcel))
        for descriptions in (["flyer", "poster"], ["card"]):
            lines = [OrderLine(order_id=0, position=0, description=text, quantity=1) for text in descriptions]
            tx.orders.put_lines(order.id, lines)
        assert [(line.position, line.description) for line in tx.orders.lines(order.id)] == [(1, "card")]
        assert tx.orders.of_parcel(parcel.id) == order

    with pytest.raises(AlreadyExists), database.transaction() as tx:
        tx.orders.add(an_order(parcel))


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.reading() as tx:
        for look in (tx.people.one, tx.people.actor, tx.orders.one, tx.orders.party):
            with pytest.raises(NotFound):
                look(99)
        with pytest.raises(NotFound, match="O-1"):
            tx.orders.numbered("O-1")
        assert tx.orders.of_parcel(99) is None


def test_people_and_customers_are_listed_by_name(database: Database) -> None:
    with database.transaction() as tx:
        people = [tx.people.add(a_user(display_name=name)) for name in ("Sam", "Alex")]
        for name in ("Zinc", "Copper"):
            tx.orders.add_party(a_party(name=name))

        assert [user.display_name for user in tx.people.all()] == ["Alex", "Sam"]
        assert tx.people.names([people[0].id]) == {people[0].id: "Sam"}
        assert [party.name for party in tx.orders.parties()] == ["Copper", "Zinc"]
