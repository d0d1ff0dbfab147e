"""Undelivered messages in the browser: shown without what they carry, delivered, discarded."""

import pytest
from house import House, Visitor
from running import BERLIN, a_diagram, a_process, end, start, user

from engine.deployment import Surroundings, deploy

_PAID = '<intermediateCatchEvent id="paid"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
_WAITING = a_diagram(
    a_process("waiting", start(), _PAID, user("look"), end(), "begin -> paid", "paid -> look", "look -> done"),
    head='<message id="m" name="payment" parcelflow:correlationKey="invoice"/>',
)


@pytest.fixture
def adam(small_house: House) -> Visitor:
    """Give an administrator of a house in which an instance waits for a payment."""
    small_house.deploy()
    small_house.person("adam", "administrators")
    deploy(small_house.database, Surroundings(BERLIN), {"waiting.bpmn": _WAITING}, login="owner")
    return small_house.visitor("adam")


def _kept(house: House) -> int:
    with house.database.reading() as tx:
        [message] = tx.messages.undelivered()
    return message.id


def test_no_message_left_is_said_so(adam: Visitor) -> None:
    assert "Every message was received." in adam.text("/messages")


def test_a_message_is_shown_without_what_it_carries(adam: Visitor, small_house: House) -> None:
    small_house.system.engine.correlate("payment", {"amount": "987 euros"}, correlation_key="<I-1>")

    page = adam.text("/messages")

    assert "&lt;I-1&gt;" in page
    assert "amount" in page
    assert "987 euros" not in page


def test_a_message_is_delivered_to_another_receiver(adam: Visitor, small_house: House) -> None:
    engine = small_house.system.engine
    instance = engine.start("waiting", variables={"invoice": "I-1"})
    engine.correlate("payment", {"amount": 5}, correlation_key="I-7")
    message = _kept(small_house)
    adam.get("/messages")

    adam.post(f"/messages/{message}/deliver", correlation_key="I-1", reason="")
    assert "amount" not in engine.variables(instance)
    adam.post(f"/messages/{message}/deliver", correlation_key="I-1", reason="a slip of the pen")

    assert "Delivered." in adam.text("/messages")
    assert engine.variables(instance)["amount"] == 5
    adam.post(f"/messages/{message}/deliver", correlation_key="I-1", reason="again")
    assert "already" in adam.text("/messages")


def test_a_message_that_nobody_waits_for_waits_on_or_is_discarded(adam: Visitor, small_house: House) -> None:
    small_house.system.engine.correlate("payment", correlation_key="I-7")
    message = _kept(small_house)
    adam.get("/messages")

    adam.post(f"/messages/{message}/deliver", correlation_key="I-8", reason="it comes")
    assert "it waits on" in adam.text("/messages")
    adam.post(f"/messages/{message}/discard", reason="  ")
    assert _kept(small_house) == message
    adam.post(f"/messages/{message}/discard", reason="a test")

    assert "Discarded." in adam.text("/messages")
    assert "Every message was received." in adam.text("/messages")
