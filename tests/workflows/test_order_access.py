"""Who sees and does what with an order, told in sentences and compared with the matrix."""

from collections.abc import Iterable

import pytest
from order_walk import ORDER, drawn, statuses

from storage.access import Level, Matrix, Rights, Scope, read_grants

ROLES = ("manager", "accountant", "quality", "planner", "production", "administrator", "process_owner", "customer")
OPEN = (
    "received",
    "verifying",
    "registered",
    "in_review",
    "adjusting",
    "invoicing",
    "planning",
    "planned",
    "in_production",
)
ACTS = {
    "manager": set(OPEN),
    "accountant": {"in_review", "invoicing"},
    "quality": {"in_review"},
    "planner": {"planning"},
    "production": {"planned", "in_production"},
}
SEES = {
    "manager": set(statuses()),
    "administrator": set(statuses()),
    "process_owner": set(statuses()),
    "accountant": {
        "in_review",
        "adjusting",
        "invoicing",
        "planning",
        "planned",
        "in_production",
        "archived",
        "cancelled",
    },
    "quality": {"in_review", "adjusting", "planning", "planned", "in_production"},
    "planner": {"invoicing", "planning", "planned", "in_production"},
    "production": {"planned", "in_production"},
}
MONEY = ("price", "prepayment", "lines")
LETTERS_WITH_PRICES = ("price_sheet", "invoice", "prepayment_invoice")


def rights(role: str, status: str, *scopes: Scope) -> Rights:
    grants, faults = read_grants((ORDER / "access.csv").read_text(encoding="utf-8"))
    assert faults == []
    matrix = Matrix(("order", grant) for grant in grants)
    return matrix.rights(frozenset({role}), "order", status, frozenset({Scope.ALL, *scopes}))


def readable(found: Rights, kinds: Iterable[str]) -> set[str]:
    return {kind for kind in kinds if found.reads_document(kind)}


def test_the_matrix_names_only_roles_and_statuses_that_there_are() -> None:
    grants, _ = read_grants((ORDER / "access.csv").read_text(encoding="utf-8"))

    assert {grant.role for grant in grants} == set(ROLES)
    assert {grant.status for grant in grants} <= {*statuses(), "*"}
    assert len(set(grants)) == len(grants)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_acts_and_sees_only_in_its_statuses(role: str) -> None:
    assert {status for status in statuses() if rights(role, status).may_act} == ACTS.get(role, set())
    assert {status for status in statuses() if rights(role, status).is_visible} == SEES.get(role, set())


def test_only_the_manager_changes_an_order_and_only_until_production() -> None:
    writers = {(role, status) for role in ROLES for status in statuses() if rights(role, status).may_write}

    assert writers == {("manager", status) for status in OPEN if status != "in_production"}


@pytest.mark.parametrize("role", ["quality", "planner", "production", "process_owner"])
@pytest.mark.parametrize("status", statuses())
def test_who_does_not_deal_with_money_sees_none(role: str, status: str) -> None:
    found = rights(role, status)

    assert not [name for name in MONEY if found.reads_field(name)]
    assert readable(found, LETTERS_WITH_PRICES) == set()


def test_quality_knows_that_there_is_a_price_but_not_which() -> None:
    assert rights("quality", "in_review").field("price") is Level.MASKED


def test_quality_reads_the_reason_that_it_gave_and_not_that_of_accounting() -> None:
    for status in ("in_review", "adjusting", "planning"):
        assert rights("quality", status).reads_field("quality_reason")
        assert not rights("quality", status).reads_field("price_reason")


def test_production_works_from_the_work_sheet_alone() -> None:
    kinds = ("work_sheet", "purchase_order", "order_form", "mail", "letter", "other", *LETTERS_WITH_PRICES)

    assert readable(rights("production", "planned"), kinds) == {"work_sheet"}


@pytest.mark.parametrize("status", statuses())
def test_a_customer_sees_own_orders_alone(status: str) -> None:
    assert not rights("customer", status).is_visible
    own = rights("customer", status, Scope.CUSTOMER)
    assert own.is_visible
    assert own.reads_field("product")
    assert not own.may_act
    assert not [name for name in ("sender", "press", "production_note", "customer_number") if own.reads_field(name)]
    assert readable(own, ("work_sheet", "price_sheet", "mail", "other")) == set()


def test_a_customer_sees_the_price_once_the_order_is_accepted() -> None:
    sees = {status for status in statuses() if rights("customer", status, Scope.CUSTOMER).reads_field("price")}

    assert sees == {"invoicing", "planning", "planned", "in_production", "archived", "cancelled"}


def test_every_work_item_can_be_done_by_its_group_at_its_status() -> None:
    asked = {
        ("verify_index_fields", "manager", "verifying"),
        ("review_price_sheet", "accountant", "in_review"),
        ("validate_order", "quality", "in_review"),
        ("validate_order", "manager", "in_review"),
        ("adjust_order", "manager", "adjusting"),
        ("make_invoice", "accountant", "invoicing"),
        ("plan_production", "planner", "planning"),
        ("report_start", "production", "planned"),
        ("report_finish", "production", "in_production"),
        ("handle_delay", "manager", "planning"),
        ("handle_delay", "manager", "planned"),
        ("handle_delay", "manager", "in_production"),
    }

    assert {node for node, _, _ in asked} == {node for _, node in drawn("userTask")}
    assert all(rights(role, status).may_act for _, role, status in asked)
