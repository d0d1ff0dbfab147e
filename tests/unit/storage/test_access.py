"""The access matrix: rules read from a file, in force for the next request, the same in SQL and in memory."""

from itertools import combinations, product

import pytest
from factories import a_document, a_field, a_parcel, a_party, a_user, an_order
from sqlalchemy import select

from storage.access import Grant, Level, Rights, Scope, read_grants
from storage.database import Database
from storage.errors import NotFound, Refused
from storage.parcels import Parcel
from storage.people import Actor, Substitution
from storage.views import MASK, event_details, mask, project

HEADER = "role,status,subject,level,scope\n"


def an_actor(*roles: str, user_id: int = 1, customer_id: int | None = None) -> Actor:
    return Actor(user_id, "pat", "Pat", frozenset(roles), frozenset(), customer_id)


def seen(database: Database, actor: Actor) -> set[str]:
    with database.reading() as tx:
        return set(tx.session.scalars(select(Parcel.number).where(tx.access.visible(actor))))


def test_a_file_of_rules_is_read() -> None:
    grants, faults = read_grants(HEADER + "manager,*,order,act,all\ncustomer , planned , price , masked , customer\n")

    assert faults == []
    assert grants == [
        Grant("manager", "*", "order", Level.ACT, Scope.ALL),
        Grant("customer", "planned", "price", Level.MASKED, Scope.CUSTOMER),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("manager,*,order,own,all", "level own is unknown"),
        ("manager,*,order,read,mine", "scope mine is unknown"),
        ("manager,,order,read,all", "status is empty"),
        ("manager,*,order,masked,all", "not masked as a whole"),
        ("manager,*,price,act,all", "right on the order"),
        ("manager,*,document:,read,all", "kind is missing"),
        ("manager,*", "subject is empty"),
    ],
)
def test_each_fault_in_a_file_of_rules_is_named_with_its_line(line: str, message: str) -> None:
    grants, faults = read_grants(HEADER + "manager,*,order,read,all\n" + line + "\n")

    assert len(grants) == 1
    assert [fault.line for fault in faults] == [3]
    assert message in faults[0].message


def test_a_file_without_a_column_is_refused() -> None:
    assert read_grants("role,status,subject,level\n")[1][0].message.startswith("The column scope is missing")


def test_without_rules_nobody_sees_anything(database: Database) -> None:
    with database.transaction() as tx:
        tx.parcels.add(a_parcel())

    assert seen(database, an_actor("manager", "administrator")) == set()


def test_a_rule_counts_from_the_next_request_on(database: Database) -> None:
    actor = an_actor("manager")
    with database.transaction() as tx:
        number = tx.parcels.add(a_parcel()).number
    assert seen(database, actor) == set()

    with database.transaction() as tx:
        tx.access.replace("order", [Grant("manager", "*", "order", Level.READ, Scope.ALL)])
    assert seen(database, actor) == {number}

    with database.transaction() as tx:
        tx.access.replace("order", [])
    assert seen(database, actor) == set()


def test_rules_of_a_transaction_that_failed_are_never_in_force(database: Database) -> None:
    actor = an_actor("manager")
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012
        tx.parcels.add(a_parcel())
        tx.access.replace("order", [Grant("manager", "*", "order", Level.READ, Scope.ALL)])
        assert tx.session.scalars(select(Parcel).where(tx.access.visible(actor))).all()
        raise RuntimeError

    with database.transaction() as tx:
        tx.parcels.add(a_parcel())
        tx.access.replace("order", [Grant("quality", "*", "order", Level.READ, Scope.ALL)])
    assert seen(database, actor) == set()


def test_rules_of_another_process_do_not_count(database: Database) -> None:
    with database.transaction() as tx:
        tx.access.replace("complaint", [Grant("manager", "*", "order", Level.READ, Scope.ALL)])
        tx.parcels.add(a_parcel(process_key="order"))
        number = tx.parcels.add(a_parcel(process_key="complaint")).number

    assert seen(database, an_actor("manager")) == {number}


def test_scopes_are_own_customer_and_all(database: Database) -> None:
    with database.transaction() as tx:
        mine, yours = tx.people.add(a_user()), tx.people.add(a_user())
        copper, tin = tx.orders.add_party(a_party()), tx.orders.add_party(a_party())
        for owner, party in product((mine, yours), (copper, tin)):
            tx.parcels.add(
                a_parcel(owner_id=owner.id, customer_id=party.id, subject=f"{owner is mine} {party is copper}")
            )
        nobodys = tx.parcels.add(a_parcel(subject="nobody's"))
        tx.access.replace("order", [Grant(scope, "*", "order", Level.READ, Scope(scope)) for scope in Scope])

    def subjects(*roles: str) -> set[str]:
        actor = an_actor(*roles, user_id=mine.id, customer_id=copper.id)
        with database.reading() as tx:
            return {tx.parcels.numbered(number).subject or "" for number in seen(database, actor)}

    assert subjects("own") == {"True True", "True False"}
    assert subjects("customer") == {"True True", "False True"}
    assert subjects("own", "customer") == {"True True", "True False", "False True"}
    assert subjects("all") >= {nobodys.subject}
    assert len(subjects("all")) == 5


def test_a_person_without_a_customer_sees_no_parcel_without_a_customer(database: Database) -> None:
    with database.transaction() as tx:
        tx.parcels.add(a_parcel(customer_id=None))
        tx.access.replace("order", [Grant("customer", "*", "order", Level.READ, Scope.CUSTOMER)])

    assert seen(database, an_actor("customer", customer_id=None)) == set()


def test_what_may_not_be_seen_does_not_exist(database: Database) -> None:
    with database.transaction() as tx:
        number = tx.parcels.add(a_parcel()).number

    with database.reading() as tx:
        with pytest.raises(NotFound) as hidden:
            tx.access.parcel(an_actor("manager"), number)
        with pytest.raises(NotFound) as missing:
            tx.access.parcel(an_actor("manager"), "P-2026-999999")
    assert str(hidden.value).replace(number, "X") == str(missing.value).replace("P-2026-999999", "X")


def test_rights_of_two_roles_are_the_union_for_all_pairs(database: Database) -> None:
    roles = ["manager", "accountant", "quality", "planner", "production", "administrator", "process_owner", "customer"]
    levels = [Level.MASKED, Level.READ, Level.WRITE]
    grants = [Grant(role, "*", "order", Level.READ, Scope.ALL) for role in roles]
    grants += [Grant(role, "*", "price", levels[place % 3], Scope.ALL) for place, role in enumerate(roles)]
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.access.replace("order", grants)
        level_of = {role: levels.index(tx.access.rights(an_actor(role), parcel).field("price")) for role in roles}

        for one, other in combinations(roles, 2):
            both = tx.access.rights(an_actor(one, other), parcel)
            assert levels.index(both.field("price")) == max(level_of[one], level_of[other])


def test_a_field_of_an_invisible_order_stays_hidden(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.access.replace("order", [Grant("manager", "*", "*", Level.WRITE, Scope.ALL)])

        assert tx.access.rights(an_actor("manager"), parcel).field("price") is Level.NONE


def test_to_act_is_to_see_but_not_to_write(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
        tx.access.replace("order", [Grant("planner", "received", "order", Level.ACT, Scope.ALL)])
        rights = tx.access.rights(an_actor("planner"), parcel)

        assert (rights.is_visible, rights.may_act, rights.may_write) == (True, True, False)
        assert tx.session.scalars(select(Parcel).where(tx.access.actionable(an_actor("planner")))).all() == [parcel]


def test_a_substitute_has_the_groups_roles_and_own_parcels_of_the_absent_one_for_the_time(database: Database) -> None:
    with database.transaction() as tx:
        tx.people.put_group("qa", "QA", ["quality"])
        tx.people.put_group("administrators", "Administrators", ["administrator"])
        absent = tx.people.add(a_user(), ["qa", "administrators"])
        substitute = tx.people.add(a_user())
        begins = tx.now
        tx.people.substitute(
            Substitution(
                absent_id=absent.id, substitute_id=substitute.id, begins_at=begins, ends_at=begins.replace(hour=14)
            )
        )
        actor = tx.people.actor(substitute.id)

    assert actor.roles == {"quality"}
    assert actor.groups == {"qa"}
    assert actor.user_ids == {absent.id, substitute.id}
    database.clock.now = begins.replace(hour=14)  # type: ignore[attr-defined] - the fake clock is set
    with database.reading() as tx:
        assert tx.people.actor(substitute.id).roles == frozenset()


def test_a_closed_account_acts_no_more(database: Database) -> None:
    with database.transaction() as tx:
        user = tx.people.add(a_user(is_active=False))

        with pytest.raises(Refused):
            tx.people.actor(user.id)


def test_projection_leaves_out_the_hidden_and_covers_the_masked(database: Database) -> None:
    rights = Rights(
        frozenset({Level.READ}),
        {
            "paper": Level.READ,
            "price": Level.MASKED,
            "document:price_sheet": Level.MASKED,
            "document:purchase_order": Level.READ,
        },
    )
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel(sender="secret@copper.example"))
        order = tx.orders.add(an_order(parcel, price=12, remarks="hush", extra={"discount": "7 %"}))
        kinds = ("purchase_order", "price_sheet", "invoice")
        papers = [tx.parcels.add_document(a_document(parcel, kind=kind, title=f"title of {kind}")) for kind in kinds]
        tx.parcels.put_fields(
            parcel.id,
            [
                a_field(parcel, name="paper", document_id=papers[2].id, page=1, box=[1, 2, 3, 4]),
                a_field(parcel, name="price", value="12,00", reason="after 'Total'"),
                a_field(parcel, name="iban", value="DE00"),
            ],
        )

        view = project(
            rights, parcel, order=order, fields=tx.parcels.fields(parcel.id), documents=tx.parcels.documents(parcel.id)
        )

    assert view.values == {"paper": "135 g gloss", "price": MASK}
    assert [(field.name, field.value, field.document_id, field.box) for field in view.fields] == [
        ("paper", "135 g gloss", None, None),
        ("price", MASK, None, None),
    ]
    assert [(document.kind, document.title, document.sha256 is None) for document in view.documents] == [
        ("purchase_order", "title of purchase_order", False),
        ("price_sheet", MASK, True),
    ]
    assert not any(word in repr(view) for word in ("secret@", "hush", "7 %", "DE00", "12,00", "Total", "invoice"))


def test_an_empty_field_is_not_shown_as_covered() -> None:
    rights = Rights(frozenset({Level.READ}), {"*": Level.MASKED})

    assert mask(rights, {"price": None, "paper": "x"}) == {"price": None, "paper": MASK}


def test_details_of_an_event_are_governed_as_fields(database: Database) -> None:
    rights = Rights(frozenset({Level.READ}), {"paper": Level.READ})
    with database.transaction() as tx:
        details = {"status": "planned", "reason": "too dear", "fields": {"paper": "80 g", "price": "9"}}
        tx.audit.record("parcel:1", "pat", "corrected", "P-1", details)
        [event] = tx.audit.history("parcel:1")

    assert event_details(rights, event) == {"status": "planned", "paper": "80 g"}


def test_details_that_name_documents_are_shown_to_whom_the_documents_are_open(database: Database) -> None:
    accounting = Rights(frozenset({Level.READ}), {"*": Level.READ, "document:invoice": Level.READ})
    planning = Rights(frozenset({Level.READ}), {"document:invoice": Level.READ})
    everything = Rights(frozenset({Level.READ}), {"*": Level.READ, "document:*": Level.READ})
    with database.transaction() as tx:
        tx.audit.record("parcel:1", "reader", "document_read", "", {"document": "Invoice 7", "kind": "invoice"})
        tx.audit.record("parcel:1", "reader", "document_read", "", {"document": "Work sheet", "kind": "work_sheet"})
        tx.audit.record("parcel:1", "mail", "parcel_received", "", {"enclosures": [{"name": "a.pdf"}], "source": "7"})
        events = tx.audit.history("parcel:1")

    shown = [[event_details(rights, event) for event in events] for rights in (accounting, planning, everything)]

    assert shown[0] == [{"document": "Invoice 7", "kind": "invoice"}, {"kind": "work_sheet"}, {"source": "7"}]
    assert shown[1] == [{"document": "Invoice 7"}, {}, {}]
    assert [sorted(details) for details in shown[2]] == [
        ["document", "kind"],
        ["document", "kind"],
        ["enclosures", "source"],
    ]


def test_an_event_never_names_another_parcel(database: Database) -> None:
    everything = Rights(frozenset({Level.READ}), {"*": Level.READ, "document:*": Level.READ})
    with database.transaction() as tx:
        tx.audit.record(
            "parcel:2", "reader", "parcel_divided", "P-2", {"parent": "P-1", "duplicate_of": "P-0", "part": 1}
        )
        [event] = tx.audit.history("parcel:2")

    assert event_details(everything, event) == {"part": 1}
