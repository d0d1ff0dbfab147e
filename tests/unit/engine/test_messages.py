"""Messages reach one receiver, or wait for it; what nobody receives is told and can be delivered or discarded by an operator."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from time import sleep

import pytest
from fakes import FakeClock
from running import BERLIN, Office, a_diagram, a_process, end, gateway, start, user
from sqlalchemy import select, update

from engine.deployment import ProgramCache
from engine.exchange import MOST_HANDOVERS
from engine.incident_desk import IncidentDesk
from engine.message_desk import MessageDesk
from engine.runtime import Engine
from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import Conflict, Invalid, NotFound
from storage.incidents import NOT_DELIVERED
from storage.instances import Handover
from storage.processes import MessageState, MessageSubscription, ProcessInstance
from storage.steps import NewMessage

_DAY = timedelta(days=1)
_A_MOMENT = 0.3
"""Seconds in which another gets as far as to wait for a transaction."""
_HEAD = '<message id="m" name="payment" parcelflow:correlationKey="invoice"/>'
_PAID = '<intermediateCatchEvent id="paid"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
_TOLD = '<messageEventDefinition messageRef="m"/>'
_WAITING = a_diagram(
    a_process("order", start(), _PAID, user("look"), end(), "begin -> paid", "paid -> look", "look -> done"),
    head=_HEAD,
)
_LOOKED_AT = a_diagram(
    a_process("order", start(), user("look"), _PAID, end(), "begin -> look", "look -> paid", "paid -> done"), head=_HEAD
)
_SUBSCRIBED = """<correlationSubscription id="s" correlationKeyRef="k">
<correlationPropertyBinding id="b" correlationPropertyRef="p">
<dataPath>number</dataPath></correlationPropertyBinding></correlationSubscription>"""
_CONVERSING = a_diagram(
    a_process(
        "order", _SUBSCRIBED, start(), _PAID, user("look"), end(), "begin -> paid", "paid -> look", "look -> done"
    ),
    head="""<message id="m" name="payment"/><correlationProperty id="p">
    <correlationPropertyRetrievalExpression id="r" messageRef="m">
    <messagePath>number</messagePath></correlationPropertyRetrievalExpression></correlationProperty><collaboration id="c">
    <correlationKey id="k"><correlationPropertyRef>p</correlationPropertyRef></correlationKey></collaboration>""",
)
_OF_CAMUNDA_8 = a_diagram(
    a_process("order", start(), _PAID, user("look"), end(), "begin -> paid", "paid -> look", "look -> done"),
    head="""<message id="m" name="payment"><extensionElements>
    <zeebe:subscription xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" correlationKey="=invoice"/>
    </extensionElements></message>""",
)
_TAKEN = '<signalEventDefinition signalRef="s"/>'
_HEAD_OF_SIGNAL = '<signal id="s" name="taken"/>'
_FIRST_TELLS_THE_OTHERS = a_diagram(
    a_process(
        "order",
        start(),
        user("look"),
        f'<boundaryEvent id="other" attachedToRef="look">{_TAKEN}</boundaryEvent>',
        f'<intermediateThrowEvent id="tell">{_TAKEN}</intermediateThrowEvent>',
        end(),
        end("over"),
        *("begin -> look", "look -> tell", "tell -> done", "other -> over"),
    ),
    head=_HEAD_OF_SIGNAL,
)
_PAID_OR_TAKEN = a_process(
    "order",
    start(),
    '<eventBasedGateway id="which"/>',
    _PAID,
    f'<intermediateCatchEvent id="taken">{_TAKEN}</intermediateCatchEvent>',
    end(),
    *("begin -> which", "which -> paid", "which -> taken", "paid -> done", "taken -> done"),
)
_TELLING = a_process(
    "other",
    start("ask"),
    user("look"),
    end("told", _TAKEN),
    *("ask -> look", "look -> told"),
)
_STARTED = a_process("bill", start("told", _TOLD), user("write"), end(), "told -> write", "write -> done")


def _wait(office: Office, invoice: str = "I-1") -> int:
    return office.engine.start("order", variables={"invoice": invoice})


def _receiver(tx: Transaction, invoice: str) -> Handover:
    """Give who waits for a new message."""
    message = tx.processes.post(NewMessage("payment", {}, invoice), _DAY)
    found = None if message is None else tx.processes.receiver(message)
    assert found is not None
    return found


def _kept(office: Office) -> list[tuple[int, MessageState]]:
    with office.database.reading() as tx:
        return [(message.id, message.state) for message in tx.messages.undelivered()]


def _told(office: Office, action: str) -> list[dict[str, object]]:
    with office.database.transaction() as tx:
        return [dict(one.details) for one in tx.audit.history(SYSTEM_CHAIN) if one.action == action]


def test_no_data_makes_a_receiver_take_the_messages_of_others(office: Office) -> None:
    office.deploy(_WAITING)
    greedy, other = _wait(office, "*"), _wait(office)

    assert office.engine.correlate("payment", correlation_key="I-1").instance_id == other
    with office.database.reading() as tx:
        assert [one.instance_id for one in tx.incidents.still_open()] == [greedy]


def test_of_two_that_wait_for_the_same_the_older_one_receives(office: Office) -> None:
    office.deploy(_WAITING)
    older, younger = _wait(office), _wait(office)

    found = [office.engine.correlate("payment", correlation_key="I-1").instance_id for _ in range(3)]

    assert found == [older, younger, None]


def test_a_receiver_whose_conversation_has_not_begun_comes_after_the_one_who_waits_for_the_key(office: Office) -> None:
    office.deploy(_CONVERSING)
    fresh, begun = (office.engine.start("order", variables=given) for given in ({}, {"number": "7"}))

    found = [office.engine.correlate("payment", correlation_key=key).instance_id for key in ("7", "8", "9")]

    assert found == [begun, fresh, None]


def test_a_receiver_whose_conversation_has_not_begun_takes_what_was_kept_whatever_its_key(office: Office) -> None:
    office.deploy(_CONVERSING)
    office.engine.correlate("payment", {"amount": 5}, correlation_key="8")

    begun = office.engine.start("order", variables={"number": "7"})
    fresh = office.engine.start("order")

    assert (list(office.items(begun)), office.variables(fresh)["amount"]) == ([], 5)


def test_a_receiver_drawn_with_camunda_8_takes_the_message_with_its_key_alone(office: Office) -> None:
    office.deploy(_OF_CAMUNDA_8)
    mine, other = _wait(office, "I-1"), _wait(office, "I-2")

    found = [office.engine.correlate("payment", correlation_key=key).instance_id for key in ("I-2", "I-3", "I-1")]

    assert found == [other, None, mine]


def test_of_two_messages_that_wait_the_older_one_is_received(office: Office) -> None:
    office.deploy(_WAITING)
    for amount in (1, 2):
        office.engine.correlate("payment", {"amount": amount}, correlation_key="I-1")

    instances = [_wait(office), _wait(office)]

    assert [office.variables(instance)["amount"] for instance in instances] == [1, 2]
    assert _kept(office) == []


def test_many_messages_at_once_find_one_receiver_each(office: Office) -> None:
    office.deploy(_WAITING)
    instances = [_wait(office, "I-1") for _ in range(6)]

    def send(number: int) -> int | None:
        return office.engine.correlate("payment", {"amount": number}, correlation_key="I-1").instance_id

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(6)))
    while office.engine.deliver_pending():
        pass

    amounts = sorted(office.variables(instance)["amount"] for instance in instances)
    assert amounts == list(range(6))
    assert [list(office.items(instance)) for instance in instances] == [["look"]] * 6
    assert _kept(office) == []


def test_many_who_come_to_wait_at_once_get_one_message_each_and_the_last_waits_on(office: Office) -> None:
    office.deploy(_LOOKED_AT)
    ann = office.person("ann")
    instances = [_wait(office) for _ in range(4)]
    for amount in range(3):
        office.engine.correlate("payment", {"amount": amount}, correlation_key="I-1")
    together = Barrier(4)

    def complete(item: int) -> None:
        together.wait()
        office.engine.complete(item, ann, {}, also=lambda _tx: sleep(_A_MOMENT))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(complete, [office.item(instance, "look") for instance in instances]))

    received = [office.variables(instance).get("amount") for instance in instances]
    assert sorted(amount for amount in received if amount is not None) == [0, 1, 2]
    assert sorted(office.state(instance) for instance in instances) == ["active", *["completed"] * 3]
    assert _kept(office) == []


def test_two_who_tell_each_other_at_the_same_moment_are_both_done(office: Office) -> None:
    office.deploy(_FIRST_TELLS_THE_OTHERS)
    ann = office.person("ann")
    together = Barrier(2)

    def complete(item: int) -> None:
        together.wait()
        office.engine.complete(item, ann, {})

    with ThreadPoolExecutor(2) as threads:
        for _ in range(20):
            instances = [office.engine.start("order") for _ in range(2)]
            list(threads.map(complete, [office.item(instance, "look") for instance in instances]))

            assert [office.trace(instance)[-1] for instance in instances] == ["done", "done"]
    assert office.engine.deliver_pending() == 0


def test_a_signal_reaches_the_others_where_one_ceases_to_wait_at_that_moment(office: Office) -> None:
    office.deploy(a_diagram(_PAID_OR_TAKEN, _TELLING, head=_HEAD + _HEAD_OF_SIGNAL))
    ann = office.person("ann")
    paid, other = _wait(office), _wait(office, "I-2")
    item = office.item(office.engine.start("other"), "look")
    begun = Event()

    def pay(tx: Transaction) -> None:
        office.engine.hand_over(tx, _receiver(tx, "I-1"))
        begun.set()
        sleep(_A_MOMENT)

    with ThreadPoolExecutor(1) as threads:
        paying = threads.submit(office.engine.transact, pay)
        begun.wait()
        office.engine.complete(item, ann, {})
        paying.result()
    office.engine.deliver_pending()

    assert [office.trace(instance)[-2] for instance in (paid, other)] == ["paid", "taken"]


def test_who_waits_comes_before_what_would_be_started(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process("order", start(), _PAID, user("look"), end(), "begin -> paid", "paid -> look", "look -> done"),
            _STARTED.replace('id="done"', 'id="written"').replace('targetRef="done"', 'targetRef="written"').replace(
                'id="write_to_done"', 'id="write_to_written"'
            ),
            head=_HEAD,
        )
    )  # fmt: skip
    waiting = _wait(office)

    first = office.engine.correlate("payment", correlation_key="I-1").instance_id
    second = office.engine.correlate("payment", {"invoice": "I-1"}, correlation_key="I-1").instance_id

    assert first == waiting
    assert second not in (None, waiting)
    assert list(office.items(second or 0)) == ["write"]


def test_a_new_version_takes_over_the_messages_that_start_the_process(office: Office) -> None:
    office.deploy(a_diagram(_STARTED, head=_HEAD))
    office.deploy(a_diagram(_STARTED.replace("write", "record"), head=_HEAD))

    started = office.engine.correlate("payment", {"invoice": "I-1"}).instance_id

    assert list(office.items(started or 0)) == ["record"]
    with office.database.reading() as tx:
        assert len(tx.processes.all()) == 1
    office.deploy(a_diagram(_STARTED.replace(_TOLD, "").replace("write", "enter"), head=_HEAD))
    assert office.engine.correlate("payment", {"invoice": "I-2"}).instance_id is None


def test_a_message_lives_as_long_as_its_sender_says(office: Office, clock: FakeClock) -> None:
    thrower = (
        '<intermediateThrowEvent id="tell" parcelflow:timeToLive="P2D"><messageEventDefinition messageRef="m"/>'
        "</intermediateThrowEvent>"
    )
    office.deploy(a_diagram(a_process("teller", start(), thrower, end(), "begin -> tell", "tell -> done"), head=_HEAD))
    office.engine.start("teller", variables={"invoice": "I-1"})
    office.engine.correlate("payment", correlation_key="I-1", time_to_live=_DAY)

    with office.database.reading() as tx:
        lives = sorted(message.expires_at - clock.now for message in tx.messages.undelivered())
    assert lives == [_DAY, 2 * _DAY]


def test_an_expired_message_is_on_record_and_reaches_nobody(office: Office, clock: FakeClock) -> None:
    office.deploy(_WAITING)
    office.engine.correlate("payment", {"secret": 5}, correlation_key="I-1", time_to_live=_DAY)
    clock.advance(_DAY)

    with office.database.transaction() as tx:
        assert tx.messages.expire() == 1
        assert tx.messages.expire() == 0

    [told] = _told(office, "message.expired")
    assert (told["name"], told["correlation_key"]) == ("payment", "I-1")
    assert "secret" not in str(told)
    assert office.items(_wait(office)) == {}
    clock.advance(91 * _DAY)
    with office.database.transaction() as tx:
        tx.messages.expire()
    assert _kept(office) == []


def test_an_operator_delivers_an_expired_message_to_who_waits(office: Office, clock: FakeClock) -> None:
    office.deploy(_WAITING)
    instance = _wait(office)
    office.engine.correlate("payment", {"amount": 5}, correlation_key="I-l", time_to_live=_DAY)
    clock.advance(2 * _DAY)
    with office.database.transaction() as tx:
        tx.messages.expire()
    [(message, state)] = _kept(office)
    assert state is MessageState.EXPIRED
    desk = MessageDesk(office.engine)

    assert desk.deliver(message, " I-1 ", "ann", "the number was misread") == instance

    assert office.variables(instance)["amount"] == 5
    [told] = _told(office, "message.readdressed")
    assert (told["before"], told["after"], told["reason"]) == ("I-l", "I-1", "the number was misread")
    with pytest.raises(Conflict):
        desk.deliver(message, "I-1", "ann", "once more")
    with pytest.raises(Conflict):
        desk.discard(message, "ann", "too late")


def test_a_message_that_an_operator_sends_to_nobody_waits_on(office: Office, clock: FakeClock) -> None:
    office.deploy(_WAITING)
    office.engine.correlate("payment", {"amount": 5}, correlation_key="I-1", time_to_live=_DAY)
    [(message, _)] = _kept(office)
    clock.advance(2 * _DAY)

    assert MessageDesk(office.engine).deliver(message, "I-1", "ann", "it comes tomorrow") is None
    clock.advance(20 * _DAY)

    assert office.variables(_wait(office))["amount"] == 5


def test_a_discarded_message_reaches_nobody_and_says_why(office: Office) -> None:
    office.deploy(_WAITING)
    office.engine.correlate("payment", correlation_key="I-1")
    [(message, _)] = _kept(office)
    desk = MessageDesk(office.engine)

    with pytest.raises(Invalid):
        desk.discard(message, "ann", "  ")
    desk.discard(message, "ann", "sent by mistake")

    assert office.items(_wait(office)) == {}
    assert _kept(office) == []
    [told] = _told(office, "message.discarded")
    assert told["reason"] == "sent by mistake"
    with pytest.raises(NotFound):
        desk.discard(message + 7, "ann", "no such")


def _alarmed(node: str, begin: str = "told", name: str = "alarm") -> bytes:
    told = start(begin, '<signalEventDefinition signalRef="s"/>')
    flows = (f"{begin} -> {node}", f"{node} -> done")
    return a_diagram(a_process("order", told, user(node), end(), *flows), head=f'<signal id="s" name="{name}"/>')


@pytest.mark.parametrize(
    ("next_version", "node"),
    [
        (_alarmed("new"), "new"),
        (_alarmed("new", "called"), "new"),
        (_alarmed("new", name="fire"), "old"),
        (a_diagram(a_process("order", start(), user("new"), end(), "begin -> new", "new -> done")), "old"),
    ],
)
def test_a_signal_on_its_way_to_a_start_outlives_a_deployment(office: Office, next_version: bytes, node: str) -> None:
    office.deploy(_alarmed("old"))
    assert office.engine.signal("alarm", {"where": "hall 3"}) == 1

    office.deploy(next_version)
    office.engine.deliver_pending()
    office.engine.deliver_pending()

    with office.database.reading() as tx:
        [instance] = tx.processes.all()
    assert list(office.items(instance.id)) == [node]
    assert office.engine.signal("alarm") == (1 if b"alarm" in next_version else 0)
    assert office.breaches() == []


def test_what_is_left_of_an_earlier_version_goes_with_the_next_one(office: Office) -> None:
    office.deploy(_alarmed("first"))
    office.engine.signal("alarm")
    office.deploy(_alarmed("second", name="fire"))
    office.engine.deliver_pending()

    office.deploy(_alarmed("third", name="fire"))

    with office.database.reading() as tx:
        assert tx.session.scalars(select(MessageSubscription.name)).all() == ["fire"]


_LISTENING = a_diagram(
    a_process(
        "order",
        start(),
        gateway("first", "eventBased"),
        _PAID,
        '<intermediateCatchEvent id="called"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>',
        user("look"),
        end(),
        "begin -> first",
        "first -> paid",
        "first -> called",
        "paid -> look",
        "called -> look",
        "look -> done",
    ),
    a_process("pay", start("b"), '<sendTask id="say" messageRef="m"/>', end("d"), "b -> say", "say -> d"),
    head=_HEAD + '<signal id="s" name="alarm"/>',
)


def _spoil(office: Office, instance: int) -> bytes:
    """Make the state of an instance unreadable, and give what it was."""
    with office.database.transaction() as tx:
        before = tx.processes.one(instance).snapshot
    _restore(office, instance, b"not a state")
    return before


def _restore(office: Office, instance: int, state: bytes) -> None:
    with office.database.transaction() as tx:
        this = ProcessInstance.id == instance
        tx.connection.execute(update(ProcessInstance).where(this).values(snapshot=state))


def _send(office: Office, kind: str, invoices: Iterable[str]) -> None:
    if kind == "signal":
        office.engine.signal("alarm")
        return
    for invoice in invoices:
        office.engine.start("pay", variables={"invoice": invoice})


def _undelivered(office: Office) -> list[int]:
    with office.database.reading() as tx:
        return [one.id for one in tx.incidents.still_open() if one.code == NOT_DELIVERED]


@pytest.mark.parametrize("kind", ["message", "signal"])
def test_what_cannot_be_handed_over_is_told_once_and_holds_up_no_others(
    office: Office, clock: FakeClock, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    office.deploy(_LISTENING)
    instances = {f"I-{number}": _wait(office, f"I-{number}") for number in range(MOST_HANDOVERS + 2)}
    *bad, good = instances.values()
    for instance in bad:
        _spoil(office, instance)
    _send(office, kind, instances)

    for _ in range(3):
        office.engine.deliver_pending()

    assert list(office.items(good)) == ["look"]
    assert len(_undelivered(office)) == len(bad)
    clock.advance(timedelta(minutes=1))
    office.engine.deliver_pending()
    assert len(_undelivered(office)) == len(bad) == sum("set aside" in record.message for record in caplog.records)


@pytest.mark.parametrize("kind", ["message", "signal"])
@pytest.mark.parametrize("is_retried", [False, True])
def test_what_was_set_aside_is_handed_over_as_soon_as_it_can_be(
    office: Office, clock: FakeClock, kind: str, *, is_retried: bool
) -> None:
    office.deploy(_LISTENING)
    parcel = office.parcel()
    instance = office.engine.start("order", parcel, {"invoice": "I-1"})
    state = _spoil(office, instance)
    _send(office, kind, ["I-1"])
    office.engine.deliver_pending()
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert (incident.parcel_id, incident.instance_id) == (parcel, None)
    assert f"instance {instance}" in incident.message

    _restore(office, instance, state)
    if is_retried:
        IncidentDesk(office.engine).retry(incident.id, "olga")
    clock.advance(timedelta(minutes=1))
    Engine(office.database, office.programs).deliver_pending()

    assert list(office.items(instance)) == ["look"]
    assert _undelivered(office) == []
    assert office.breaches() == []


@pytest.mark.parametrize("kind", ["message", "signal"])
def test_to_give_up_what_was_set_aside_discards_it_and_leaves_its_receiver(
    office: Office, clock: FakeClock, kind: str
) -> None:
    office.deploy(_LISTENING)
    instance = _wait(office)
    state = _spoil(office, instance)
    _send(office, kind, ["I-1"])
    office.engine.deliver_pending()
    _restore(office, instance, state)

    IncidentDesk(office.engine).give_up(_undelivered(office)[0], "olga", "It was sent in error.")
    clock.advance(timedelta(minutes=1))

    assert office.engine.deliver_pending() == 0
    assert (office.state(instance), office.items(instance)) == ("active", {})
    assert [one["reason"] for one in _told(office, f"{kind}.discarded")] == ["It was sent in error."]
    assert office.breaches() == []


@pytest.mark.parametrize("kind", ["message", "signal"])
def test_no_incident_is_left_of_what_found_another_way(office: Office, kind: str) -> None:
    office.deploy(_LISTENING)
    instance = _wait(office)
    state = _spoil(office, instance)
    _send(office, kind, ["I-1"])
    office.engine.deliver_pending()
    _restore(office, instance, state)
    office.operator.terminate(instance, "olga", "It is not wanted any more.")
    if kind == "message":
        MessageDesk(office.engine).discard(_kept(office)[0][0], "olga", "Nobody wants it.")

    with office.database.transaction() as tx:
        tx.messages.expire()

    assert _undelivered(office) == []
    assert office.breaches() == []


def test_a_message_that_cannot_start_a_process_is_set_aside_too(office: Office) -> None:
    begun = a_process("bill", start("told", _TOLD), user("write"), end(), "told -> write", "write -> done")
    sending = a_process("pay", start("b"), '<sendTask id="say" messageRef="m"/>', end("d"), "b -> say", "say -> d")
    office.deploy(a_diagram(begun, head='<message id="m" name="payment"/>'))
    office.deploy(a_diagram(sending, head='<message id="m" name="payment"/>'))
    office.engine.start("pay")
    office.database.documents.path(_diagram_of(office, "bill")).unlink()

    Engine(office.database, ProgramCache(BERLIN)).deliver_pending()

    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
    assert "version 1 of bill" in incident.message


def _diagram_of(office: Office, process: str) -> str:
    with office.database.reading() as tx:
        return tx.deployments.digests(tx.deployments.latest(process).deployment_id)["diagram.bpmn"]
