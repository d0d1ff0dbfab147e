"""The order process: given a parcel and people's answers, the token walks these flow nodes; together they walk every flow."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from order_walk import Walk, drawn, program, recognised, registered, statuses

from engine.errors import BusinessError
from engine.steps import ExecutionState, SubscriptionWait

PLAN = {"planned_start_on": date(2026, 3, 5), "planned_end_on": date(2026, 3, 6), "planning_note": None}
ACCEPT = {"price_decision": "accept", "price_reason": None}
VALID = {"quality_decision": "accept", "quality_reason": None}
OLD_CUSTOMER = registered(is_new_customer=False)
SET_BY_INTAKE = {"attached", "divided"}
STRAIGHT = ["received", "registered", "in_review", "invoicing", "planning", "planned", "in_production", "archived"]


def straight_to_the_archive() -> Walk:
    """A small order of a known customer: no validation, no prepayment, nothing late."""
    walk = Walk(register_order=OLD_CUSTOMER)
    assert set(walk.work()) == {"review_price_sheet"}
    walk.answer("review_price_sheet", **ACCEPT)
    invoiced(walk)
    walk.answer("plan_production", **PLAN).answer("report_start", press="SM 52")
    walk.answer("report_finish", good_pieces=5010, production_note=None)
    assert walk.state is ExecutionState.COMPLETED
    assert walk.statuses == STRAIGHT
    return walk


def a_rejection_by_each_and_a_prepayment() -> Walk:
    """A new customer's larger order: both reject, the manager adjusts, then both accept."""
    walk = Walk(recognise_parcel=recognised(fields=recognised()["fields"] | {"run_length": 20000}))
    walk.answer("validate_order", quality_decision="reject", quality_reason="Bleed missing")
    walk.answer("review_price_sheet", price_decision="reject", price_reason="Too dear")
    seen = walk.execution.variables_at(walk.work()["adjust_order"].key)
    assert (seen["price_reason"], seen["quality_reason"]) == ("Too dear", "Bleed missing")
    walk.answer("adjust_order", agreed_price=1200)
    walk.answer("review_price_sheet", **ACCEPT).answer("validate_order", **VALID)
    assert walk.statuses[-4:] == ["in_review", "adjusting", "in_review", "invoicing"]
    invoiced(walk)
    assert "write_prepayment_invoice" in walk.nodes
    assert "write_invoice" not in walk.nodes
    return walk


def verified_after_all_and_customer_unknown_at_first() -> Walk:
    """An order form with an uncertain field; the customer's number is corrected in the second try."""
    walk = Walk(
        "order_form_filled_in",
        recognise_parcel=recognised(all_certain=False, uncertain_fields=["customer_number"]),
        register_order=lambda given: (
            OLD_CUSTOMER(given) if given["customer_number"] == "K-1002" else BusinessError("unknown_customer")
        ),
    )
    assert walk.statuses == ["received", "verifying"]
    walk.answer("verify_index_fields", verification="order", customer_number="K-9999")
    assert set(walk.work()) == {"verify_index_fields"}
    walk.answer("verify_index_fields", verification="order", customer_number="K-1002")
    assert [inputs["customer_number"] for name, inputs in walk.operations if name == "register_order"] == [
        "K-9999",
        "K-1002",
    ]
    assert walk.statuses[-2:] == ["registered", "in_review"]
    return walk


def not_an_order() -> Walk:
    """A parcel with an advertisement is rejected, with the reason."""
    walk = Walk(recognise_parcel=recognised(all_certain=False))
    walk.answer("verify_index_fields", verification="not_an_order", rejection_reason="An advertisement")
    assert walk.operations[-1] == ("reject_parcel", {"reason": "An advertisement"})
    assert (walk.state, walk.statuses) == (ExecutionState.COMPLETED, ["received", "verifying", "rejected"])
    return walk


def cancelled(walk: Walk, open_items: set[str]) -> Walk:
    """Let the manager cancel; what was open is withdrawn."""
    assert set(walk.work()) == open_items
    walk.send("cancel_order", cancel_reason="The exhibition was called off")
    assert walk.state is ExecutionState.COMPLETED
    assert open_items <= set(walk.withdrawn)
    assert ("cancel_order", {"reason": "The exhibition was called off"}) in walk.operations
    assert walk.statuses[-1] == "cancelled"
    assert walk.nodes[-1] == "order_cancelled"
    assert "archived" not in walk.statuses
    return walk


def cancelled_in_review() -> Walk:
    """Both reviews are open when the manager cancels."""
    return cancelled(Walk(), {"review_price_sheet", "validate_order"})


def cancelled_while_one_review_is_open() -> Walk:
    """One branch of the review waits at the join when the manager cancels."""
    return cancelled(Walk().answer("review_price_sheet", **ACCEPT), {"validate_order"})


def cancelled_before_the_start() -> Walk:
    """Production is planned and late, a delay is being dealt with, and the manager cancels."""
    walk = planned().wait_until(datetime(2026, 3, 7, tzinfo=UTC))
    return cancelled(walk, {"report_start", "handle_delay"})


def late_at_every_step_and_the_customer_is_told() -> Walk:
    """Planning, start and finish are late; twice the customer is told."""
    walk = accepted().wait_until(datetime(2026, 3, 5, 8, tzinfo=UTC))
    assert set(walk.work()) == {"plan_production", "handle_delay"}
    answer = {"delay_reason": "Press broken", "expected_on": date(2026, 3, 9)}
    walk.answer("handle_delay", delay_answer="inform_customer", **answer)
    walk.answer("plan_production", **PLAN)
    walk.wait_until(datetime(2026, 3, 6, 8, tzinfo=UTC)).answer("handle_delay", delay_answer="keep_waiting", **answer)
    walk.answer("report_start", press="SM 52")
    walk.wait_until(datetime(2026, 3, 7, 8, tzinfo=UTC)).answer(
        "handle_delay", delay_answer="inform_customer", **answer
    )
    assert [inputs["mail"] for name, inputs in walk.operations if name == "send_mail"] == [
        "acceptance",
        "delay",
        "delay",
    ]
    assert [name for name, _ in walk.operations].count("mark_delayed") == 3
    walk.answer("report_finish", good_pieces=5010, production_note=None)
    assert walk.state is ExecutionState.COMPLETED
    assert walk.statuses[-4:] == ["planning", "planned", "in_production", "archived"]
    return walk


def finished_while_a_delay_is_open() -> Walk:
    """Production finishes while the manager has not dealt with the delay: that item is withdrawn."""
    walk = planned().answer("report_start", press="SM 52").wait_until(datetime(2026, 3, 9, tzinfo=UTC))
    walk.answer("report_finish", good_pieces=5010, production_note=None)
    assert walk.state is ExecutionState.COMPLETED
    assert "handle_delay" in walk.withdrawn
    return walk


def started_while_a_delay_is_open() -> Walk:
    """Production starts while the manager has not dealt with the late planning: that item is withdrawn."""
    walk = accepted().wait_until(datetime(2026, 3, 5, 8, tzinfo=UTC))
    walk.answer("plan_production", **PLAN).answer("report_start", press="SM 52")
    assert set(walk.work()) == {"report_finish"}
    assert walk.withdrawn.count("handle_delay") == 1
    return walk


def accepted() -> Walk:
    """Walk until planning."""
    walk = Walk(register_order=OLD_CUSTOMER).answer("review_price_sheet", **ACCEPT)
    return invoiced(walk)


def invoiced(walk: Walk) -> Walk:
    """Let accounting make the invoice."""
    return walk.answer("make_invoice", payment_days=14, invoice_note=None)


def planned() -> Walk:
    """Walk until production can start."""
    return accepted().answer("plan_production", **PLAN)


SCENARIOS: list[Callable[[], Walk]] = [
    straight_to_the_archive,
    a_rejection_by_each_and_a_prepayment,
    verified_after_all_and_customer_unknown_at_first,
    not_an_order,
    cancelled_in_review,
    cancelled_while_one_review_is_open,
    cancelled_before_the_start,
    late_at_every_step_and_the_customer_is_told,
    finished_while_a_delay_is_open,
    started_while_a_delay_is_open,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_order_walks_as_told(scenario: Callable[[], Walk]) -> None:
    scenario()


def test_the_scenarios_walk_every_sequence_flow() -> None:
    walked = {flow for scenario in SCENARIOS for flow in scenario().flows}

    flows = drawn("sequenceFlow")
    assert len({flow for _, flow in flows}) == len(flows), "each flow has an id of its own"
    assert walked == {flow for _, flow in flows}


def test_the_scenarios_set_every_status() -> None:
    assert {status for scenario in SCENARIOS for status in scenario().statuses} == set(statuses()) - SET_BY_INTAKE


@pytest.mark.parametrize(
    "changes", [{"paper": "parchment"}, {"format": ""}, {"colours": "5/5"}, {"finishing": "rolled"}]
)
def test_a_value_that_no_table_knows_is_shown_to_a_person_however_certain_it_is(changes: dict[str, str]) -> None:
    walk = Walk(recognise_parcel=recognised(fields=recognised()["fields"] | changes))

    assert set(walk.work()) == {"verify_index_fields"}


def test_once_production_has_started_the_order_cannot_be_cancelled() -> None:
    walk = planned().answer("report_start", press="SM 52")

    assert not [wait for wait in walk.execution.waits() if isinstance(wait, SubscriptionWait)]


def test_a_cancellation_is_found_by_the_order_number() -> None:
    (wait,) = [wait for wait in Walk().execution.waits() if isinstance(wait, SubscriptionWait)]

    assert (wait.message, wait.correlation_key) == ("cancel_order", "O-1")


def test_the_routing_table_decides_who_validates_how_soon_and_how_urgently() -> None:
    rush = registered(days_until_wanted=3)
    hurried, calm = Walk(register_order=rush).work(), Walk().work()

    assert [work["validate_order"].candidate_groups for work in (hurried, calm)] == [("manager",), ("qa",)]
    assert [work["validate_order"].priority for work in (hurried, calm)] == [90, 50]
    assert [work["validate_order"].due_at for work in (hurried, calm)] == [
        datetime(2026, 3, 2, 12, tzinfo=UTC),
        datetime(2026, 3, 4, 8, tzinfo=UTC),
    ]


def test_an_adjusted_order_is_priced_routed_and_written_anew() -> None:
    walk = Walk().answer("review_price_sheet", **ACCEPT)
    walk.answer("validate_order", quality_decision="reject", quality_reason="Too many")
    before = len(walk.operations)

    walk.answer("adjust_order", run_length=1000, agreed_price=None)

    assert [name for name, _ in walk.operations[before:]] == ["update_order", "write_letter", "write_letter"]
    assert walk.operations[before][1]["run_length"] == 1000
    assert walk.operations[before][1]["price"] < 200


def test_an_earlier_rejection_does_not_count_once_the_validation_is_not_needed_any_more() -> None:
    big = recognised(fields=recognised()["fields"] | {"run_length": 30000})
    walk = Walk(recognise_parcel=big, register_order=OLD_CUSTOMER)
    walk.answer("validate_order", quality_decision="reject", quality_reason="Too many")
    walk.answer("review_price_sheet", **ACCEPT)

    walk.answer("adjust_order", run_length=1000, agreed_price=None)
    assert set(walk.work()) == {"review_price_sheet"}
    walk.answer("review_price_sheet", **ACCEPT)

    assert set(walk.work()) == {"make_invoice"}


def test_an_answer_that_is_no_acceptance_goes_back_to_the_manager() -> None:
    walk = Walk().answer("review_price_sheet", price_decision=None).answer("validate_order", **VALID)

    assert set(walk.work()) == {"adjust_order"}


def test_every_scenario_survives_saving_and_loading_between_the_steps() -> None:
    walk = Walk().save_and_load()
    walk.answer("validate_order", **VALID).save_and_load().answer("review_price_sheet", **ACCEPT).save_and_load()
    invoiced(walk).save_and_load().wait_until(datetime(2026, 3, 5, 8, tzinfo=UTC)).save_and_load()
    walk.answer("plan_production", **PLAN).save_and_load().answer("report_start", press="SM 52").save_and_load()
    walk.answer("report_finish", good_pieces=5010, production_note=None)

    assert walk.state is ExecutionState.COMPLETED
    assert walk.statuses == STRAIGHT


def test_the_state_of_a_running_order_is_small() -> None:
    sizes = [len(walk.execution.save()) for walk in (Walk(), accepted(), planned())]

    assert max(sizes) <= 2048


def test_every_diagram_can_be_called() -> None:
    assert {key for key, outline in program().processes.items() if outline.is_executable} == {
        "order",
        "order_delay",
        "order_preparation",
        "order_production",
        "order_review",
    }
