"""Random access matrices: what SQL finds and what the rights say equal a plain loop over the rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from factories import a_parcel, a_party, a_user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select

from storage.access import Grant, Level, Scope
from storage.database import Database, Transaction
from storage.parcels import Parcel
from storage.people import Actor

ROLES = ("manager", "accountant", "customer")
STATUSES = ("received", "in_review", "planned")
SUBJECTS = ("order", "price", "paper", "*", "document:invoice", "document:price_sheet", "document:*")
RANK = ("none", "masked", "read", "write")

grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(ROLES),
        st.sampled_from((*STATUSES, "*", "unheard_of")),
        st.sampled_from(SUBJECTS),
        st.sampled_from(Level),
        st.sampled_from(Scope),
    ).filter(
        lambda grant: (grant.level is not Level.ACT) if grant.subject != "order" else grant.level is not Level.MASKED
    ),
    max_size=12,
)


class Undo(Exception):
    """Leaves a transaction without a trace."""


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    with pytest.raises(Undo), database.transaction() as tx:  # noqa: PT012
        yield tx
        raise Undo


def oracle(rules: list[Grant], actor: Actor, parcel: Parcel) -> dict[str, str | bool]:
    """Say what the actor may do with the parcel: visible, act, write, and the level on each subject."""
    said: dict[str, str | bool] = {"visible": False, "act": False, "change": False}
    levels = dict.fromkeys(("price", "paper", "document:invoice", "document:price_sheet"), "none")
    for rule in rules:
        if rule.role not in actor.roles or rule.level == "none":
            continue
        if rule.status not in ("*", parcel.status):
            continue
        if rule.scope == "own" and parcel.owner_id not in actor.user_ids:
            continue
        if rule.scope == "customer" and (parcel.customer_id is None or parcel.customer_id != actor.customer_id):
            continue
        if rule.subject == "order":
            said["visible"] = True
            said["act"] = said["act"] or rule.level == "act"
            said["change"] = said["change"] or rule.level == "write"
        for subject, level in levels.items():
            is_document = subject.startswith("document:")
            covers = rule.subject in (subject, "document:*" if is_document else "*")
            if covers and RANK.index(rule.level) > RANK.index(level):
                levels[subject] = str(rule.level)
    return said | (levels if said["visible"] else dict.fromkeys(levels, "none"))


@pytest.fixture
def populated(database: Database) -> tuple[Database, list[Actor]]:
    """Give a database with a parcel for each status, owner and customer, and a person for each set of roles."""
    with database.transaction() as tx:
        users = [tx.people.add(a_user()) for _ in range(2)]
        parties = [tx.orders.add_party(a_party()) for _ in range(2)]
        for status, owner, party in product(STATUSES, (None, *users), (None, *parties)):
            owner_id, customer_id = owner and owner.id, party and party.id
            tx.parcels.add(a_parcel(status=status, owner_id=owner_id, customer_id=customer_id))
        actors = [
            Actor(users[0].id, "pat", "Pat", frozenset(roles), frozenset(), customer_id)
            for roles in ((), ("manager",), ("customer",), ("manager", "accountant"), ROLES)
            for customer_id in (None, parties[0].id)
        ]
    return database, actors


def found(tx: Transaction, actor: Actor, subject: str) -> set[int]:
    every = "document:*" if subject.startswith("document:") else "*"
    condition = tx.access.readable(actor, literal(subject), literal(every))
    return set(tx.session.scalars(select(Parcel.id).where(tx.access.visible(actor), condition)))


@settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rules=grants)
def test_sql_and_rights_equal_the_oracle(populated: tuple[Database, list[Actor]], rules: list[Grant]) -> None:
    database, actors = populated
    with undone(database) as tx:
        tx.access.replace("order", rules)
        parcels = tx.session.scalars(select(Parcel)).all()
        for actor in actors:
            said = {parcel.id: oracle(rules, actor, parcel) for parcel in parcels}

            visible = set(tx.session.scalars(select(Parcel.id).where(tx.access.visible(actor))))
            assert visible == {id_ for id_, rights in said.items() if rights["visible"]}
            acting = set(tx.session.scalars(select(Parcel.id).where(tx.access.actionable(actor))))
            assert acting == {id_ for id_, rights in said.items() if rights["act"]}
            for subject in ("price", "document:invoice"):
                assert found(tx, actor, subject) == {
                    id_ for id_, rights in said.items() if rights[subject] in ("read", "write")
                }
            for parcel in parcels:
                assert rights_of(tx, actor, parcel) == said[parcel.id]


def rights_of(tx: Transaction, actor: Actor, parcel: Parcel) -> dict[str, str | bool]:
    rights = tx.access.rights(actor, parcel)
    return {
        "visible": rights.is_visible,
        "act": rights.may_act,
        "change": rights.may_write,
        "price": str(rights.field("price")),
        "paper": str(rights.field("paper")),
        "document:invoice": str(rights.document("invoice")),
        "document:price_sheet": str(rights.document("price_sheet")),
    }
