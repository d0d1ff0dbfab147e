"""What a person does is one transaction: all of it is written, or nothing."""

from collections.abc import Callable

import pytest
from factories import an_order
from house import House, Visitor
from running import a_diagram, a_process, end, gateway, start, user
from statements import counted
from werkzeug.test import TestResponse

from engine.deployment import deploy
from storage.access import Grant, Level, Scope
from storage.database import Database
from storage.work import WorkState

CANCELLABLE = a_diagram(
    a_process(
        "order",
        start(),
        gateway("which", "eventBased"),
        '<intermediateCatchEvent id="asked" name="Asked"><messageEventDefinition id="m" messageRef="cancel"/>'
        "</intermediateCatchEvent>",
        '<intermediateCatchEvent id="late" name="Late"><timerEventDefinition id="t"><timeDuration '
        'xsi:type="tFormalExpression">P9D</timeDuration></timerEventDefinition></intermediateCatchEvent>',
        user("tell", "manager"),
        end(),
        "begin -> which",
        "which -> asked",
        "which -> late",
        "asked -> tell",
        "late -> tell",
        "tell -> done",
    ),
    head='<message id="cancel" name="cancel_order" parcelflow:correlationKey="order_number"/>',
)
ACCESS = (
    b"role,status,subject,level,scope\nmanager,*,order,write,all\nmanager,*,*,write,all\naccountant,*,order,read,all\n"
)
Commits = Callable[[], int]


@pytest.fixture
def commits(house: House, monkeypatch: pytest.MonkeyPatch) -> Commits:
    """Give a function that tells how many transactions of writing were begun since it was asked last."""
    begun: list[None] = []
    transaction = house.database.transaction

    def counted() -> object:
        begun.append(None)
        return transaction()

    monkeypatch.setattr(house.database, "transaction", counted)

    def count() -> int:
        number = len(begun)
        begun.clear()
        return number

    return count


def _fail(*_: object) -> None:
    raise RuntimeError("The plug is pulled.")


def _an_item(house: House) -> tuple[int, int]:
    house.deploy()
    house.person("boss", "manager", "accounting")
    parcel_id, _ = house.parcel()
    return parcel_id, house.begin(parcel_id)


SENT = {"decision": "accept", "run_length": "4000", "request_key": "once"}


def test_completing_confirms_fields_drops_the_draft_and_keeps_the_answer_in_one_commit(
    house: House, commits: Commits
) -> None:
    parcel_id, item = _an_item(house)
    boss = house.visitor("boss")
    boss.get(f"/work-items/{item}")
    boss.post(f"/work-items/{item}/draft", run_length="77")
    commits()

    answer = boss.post(f"/work-items/{item}/complete", **SENT)

    assert commits() == 1
    assert answer.location == "/worklist"
    assert [what for _, what in house.actions(parcel_id)][-2:] == ["work.completed", "fields_confirmed"]
    with house.database.reading() as tx:
        [run_length] = [field for field in tx.parcels.fields(parcel_id) if field.name == "run_length"]
        assert (run_length.value, run_length.origin) == ("4000", "person")
        assert tx.drafts.of(item, 1) is None
    assert boss.post(f"/work-items/{item}/complete", **SENT).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("place", ["web.repeats._keep_in", "web.desk._confirmations"])
def test_a_completion_that_breaks_off_leaves_everything_as_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    parcel_id, item = _an_item(house)
    boss = house.visitor("boss")
    boss.get(f"/work-items/{item}")
    boss.post(f"/work-items/{item}/draft", run_length="77")
    before = house.actions(parcel_id)

    with monkeypatch.context() as broken:
        broken.setattr(place, _fail)
        assert boss.post(f"/work-items/{item}/complete", **SENT).status_code == 500

    assert house.actions(parcel_id) == before
    assert 'value="77"' in boss.text(f"/work-items/{item}")
    assert boss.post(f"/work-items/{item}/complete", **SENT).status_code == 302


def _sent(visitor: Visitor, item: int, **answers: object) -> TestResponse:
    """Complete an item as the script of a page does, by the session."""
    address, headers = f"/api/v1/work-items/{item}/complete", {"X-CSRFToken": visitor.token}
    return visitor.client.post(address, json={"answers": answers}, headers=headers)


ACCEPTED = {"decision": "accept", "run_length": 4000}


def test_a_completion_over_http_takes_few_statements_and_one_commit(house: House) -> None:
    _, item = _an_item(house)
    house.person("anna", "accounting")
    anna = house.visitor("anna")
    anna.get("/worklist")
    assert (
        _sent(anna, house.begin(house.parcel()[0]), **ACCEPTED).status_code == 200
    )  # what a deployment fixes is known now

    with counted(house.database) as told:
        answer = _sent(anna, item, **ACCEPTED)

    assert answer.status_code == 200, answer.text
    assert told.commits == 1
    assert 0 < len(told.statements) <= 6, "\n".join(told.statements)


def test_answers_that_the_form_refuses_write_nothing(house: House) -> None:
    parcel_id, item = _an_item(house)
    boss = house.visitor("boss")
    boss.get("/worklist")
    before = house.actions(parcel_id)

    with counted(house.database) as told:
        assert _sent(boss, item, decision="accept", run_length=0).status_code == 422
        assert boss.post(f"/work-items/{item}/complete", decision="accept", run_length="0").status_code == 422

    assert told.commits == 0
    assert house.actions(parcel_id) == before


@pytest.mark.parametrize(("taken", "status"), [("group", 404), ("right", 403), ("sight", 404)])
def test_a_right_taken_away_by_another_process_is_gone_at_the_next_request(
    house: House, open_database: Callable[[str], Database], taken: str, status: int
) -> None:
    _, item = _an_item(house)
    anna_id = house.person("anna", "accounting").user_id
    anna = house.visitor("anna")
    anna.get("/worklist")
    assert _sent(anna, house.begin(house.parcel()[0]), **ACCEPTED).status_code == 200

    other = open_database(house.database.url.render_as_string(hide_password=False))
    with other.transaction() as tx:
        if taken == "group":
            tx.people.set_groups(anna_id, [])
        else:
            level = [Level.READ] if taken == "right" else []
            tx.access.replace("order", [Grant("accountant", "*", "order", one, Scope.ALL) for one in level])

    assert _sent(anna, item, **ACCEPTED).status_code == status
    with house.database.reading() as tx:
        assert tx.work.one(item).state is WorkState.READY


def _an_order(house: House) -> tuple[int, str]:
    files = {"order/order.bpmn": CANCELLABLE, "order/access.csv": ACCESS}
    deploy(house.database, house.system.surroundings(), files, login="owner")
    house.person("boss", "manager")
    parcel_id, _ = house.parcel()
    with house.database.transaction() as tx:
        number = tx.orders.add(an_order(tx.parcels.one(parcel_id))).number
    house.system.engine.start("order", parcel_id, {"order_number": number})
    return parcel_id, number


def test_cancelling_is_recorded_and_carried_out_in_one_commit(house: House, commits: Commits) -> None:
    parcel_id, number = _an_order(house)
    boss = house.visitor("boss")
    assert "Cancel order" in boss.text(f"/orders/{number}")
    commits()

    answer = boss.post(f"/orders/{number}/cancel", reason="the customer asks", request_key="once")

    assert commits() == 1
    assert answer.location == f"/orders/{number}"
    told = house.actions(parcel_id)
    assert told[-2:] == [("boss", "order_cancellation_asked"), ("system", "message.received")]
    assert boss.post(f"/orders/{number}/cancel", reason="the customer asks", request_key="once").status_code == 302
    assert house.actions(parcel_id) == told


def test_a_cancellation_that_breaks_off_asks_for_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    parcel_id, number = _an_order(house)
    boss = house.visitor("boss")
    boss.get(f"/orders/{number}")
    before = house.actions(parcel_id)

    monkeypatch.setattr("web.repeats._keep_in", _fail)
    answer = boss.post(f"/orders/{number}/cancel", reason="the customer asks", request_key="once")

    assert answer.status_code == 500
    assert house.actions(parcel_id) == before
    with house.database.reading() as tx:
        assert tx.processes.awaits("cancel_order", number)


def test_what_may_not_or_cannot_be_cancelled_leaves_no_message_behind(house: House) -> None:
    parcel_id, number = _an_order(house)
    house.person("anna", "accounting")
    boss, anna = house.visitor("boss"), house.visitor("anna")
    boss.get(f"/orders/{number}")
    anna.get("/worklist")

    assert anna.post(f"/orders/{number}/cancel", reason="no").status_code == 404
    assert boss.post(f"/orders/{number}/cancel", reason="  ").status_code == 422
    assert boss.post(f"/orders/{number}/cancel", reason="first").status_code == 302
    assert boss.post(f"/orders/{number}/cancel", reason="second").status_code == 409

    assert [what for _, what in house.actions(parcel_id)].count("message.received") == 1
    with house.database.reading() as tx:
        assert tx.processes.waiting_message("cancel_order", number) is None


def test_a_resting_order_says_that_it_is_cancelled_only_when_it_is_let_go_on(small_house: House) -> None:
    parcel_id, number = _an_order(small_house)
    with small_house.database.reading() as tx:
        [instance] = tx.processes.of_parcel(parcel_id)
    small_house.system.operator.suspend(instance.id, "adam", "The press is broken.")
    boss = small_house.visitor("boss")
    assert "cancelled only when an operator lets it go on" in boss.text(f"/orders/{number}")

    answer = boss.post(f"/orders/{number}/cancel", reason="the customer asks", request_key="once")
    assert answer.status_code == 302, answer.text
    asked = boss.text(answer.location or "")
    again = boss.post(f"/orders/{number}/cancel", reason="still")

    assert f"{number} rests, and is cancelled when it is let go on." in asked
    assert "somebody has asked to cancel it" in asked
    assert "Cancel order" not in asked
    assert again.status_code == 409
    small_house.system.operator.go_on(instance.id, "adam", "It was mended.")
    assert "This rests" not in boss.text(f"/orders/{number}")
