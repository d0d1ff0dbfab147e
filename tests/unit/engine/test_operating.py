"""What operators do with instances: suspended, moved, changed, ended and deleted, with what is on record of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, gateway, service, start, user
from sqlalchemy import event

from engine.incident_desk import IncidentDesk
from engine.interventions import AddToken, CancelToken, ChangeVariables, InterventionRefused, MoveToken
from engine.operations.call import Call
from engine.worker import Pace, Worker
from storage.audit import AuditEvent
from storage.errors import Conflict, Invalid, NotFound, Suspended
from storage.jobs import JobState

AT_ONCE = Pace(retry_after=(timedelta(0), timedelta(0)))
MOVING = a_diagram(
    a_process(
        "order",
        start(),
        user("enter"),
        '<boundaryEvent id="late" attachedToRef="enter" cancelActivity="false"><timerEventDefinition>'
        "<timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>",
        user("remind"),
        gateway("split"),
        user("accounting"),
        user("quality"),
        gateway("join"),
        service("print"),
        '<intermediateCatchEvent id="paid"><messageEventDefinition messageRef="money"/></intermediateCatchEvent>',
        end(),
        end("reminded"),
        "begin -> enter",
        "late -> remind",
        "remind -> reminded",
        "enter -> split",
        "split -> accounting",
        "split -> quality",
        "accounting -> join",
        "quality -> join",
        "join -> print",
        "print -> paid",
        "paid -> done",
    ),
    head='<message id="money" name="money" parcelflow:correlationKey="number"/>',
)


class Press:
    """An operation that remembers its calls, and fails for copies below one."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Mapping[str, Any]:
        self.calls.append(call)
        if call.variables.get("copies", 1) < 1:
            raise OSError("nothing to print")
        return {"printed": True}


def _started(office: Office, **variables: Any) -> tuple[int, int]:
    office.deploy(MOVING)
    parcel = office.parcel()
    return office.engine.start("order", parcel, {"number": "7", **variables}), parcel


def _key(office: Office, instance: int, node: str) -> str:
    with office.database.reading() as tx:
        standings = office.operator.standings(tx, tx.processes.one(instance))
    return next(one.key for one in standings if one.node == node)


def _move(office: Office, instance: int, node: str, to: str) -> None:
    office.operator.intervene(instance, MoveToken(_key(office, instance, node), to), "ann", "It went astray.")


def _events(office: Office, parcel: int) -> list[AuditEvent]:
    with office.database.transaction() as tx:
        return list(tx.audit.history(f"parcel:{parcel}"))


def _timers(office: Office) -> list[str]:
    with office.database.reading() as tx:
        timer = tx.timers.next()
        return [] if timer is None else [timer.node]


def test_a_moved_token_takes_its_timers_along_and_opens_the_new_work(office: Office) -> None:
    instance, parcel = _started(office)
    assert _timers(office) == ["late"]

    _move(office, instance, "enter", "accounting")

    assert sorted(office.items(instance)) == ["accounting"]
    assert _timers(office) == []
    last = _events(office, parcel)[-1]
    assert (last.action, last.actor) == ("token.moved", "ann")
    assert last.details["reason"] == "It went astray."
    assert (last.details["before"], last.details["after"]) == (["enter", "late"], ["accounting"])
    assert office.breaches() == []


def test_work_that_is_not_touched_keeps_its_claim_its_draft_and_its_age(office: Office) -> None:
    instance, _ = _started(office)
    ann = office.person("ann")
    office.do(instance, "enter", ann)
    kept = office.item(instance, "quality")
    office.worklist.claim(kept, ann)
    with office.database.transaction() as tx:
        tx.drafts.keep(kept, ann.user_id, {"remark": "half typed"})

    _move(office, instance, "accounting", "enter")
    office.operator.intervene(instance, ChangeVariables({"number": "8"}), "ann", "A typing error.")

    assert sorted(office.items(instance)) == ["enter", "quality"]
    item = office.items(instance)["quality"]
    assert (item.id, item.assignee_id) == (kept, ann.user_id)
    with office.database.reading() as tx:
        draft = tx.drafts.of(kept, ann.user_id)
        assert draft is not None
        assert draft.answers == {"remark": "half typed"}
    assert office.breaches() == []


def test_tokens_are_added_and_cancelled(office: Office) -> None:
    instance, parcel = _started(office)

    office.operator.intervene(instance, AddToken("remind"), "ann", "Remind at once.")
    assert sorted(office.items(instance)) == ["enter", "remind"]
    office.operator.intervene(instance, CancelToken(_key(office, instance, "remind")), "ann", "Not needed.")

    assert sorted(office.items(instance)) == ["enter"]
    assert [one.action for one in _events(office, parcel)[-2:]] == ["token.added", "token.cancelled"]
    assert office.breaches() == []


def test_what_is_refused_changes_nothing_and_is_not_in_the_history(office: Office) -> None:
    instance, parcel = _started(office)
    before = len(_events(office, parcel))

    with pytest.raises(InterventionRefused, match="only token"):
        office.operator.intervene(instance, CancelToken(_key(office, instance, "enter")), "ann", "Away with it.")
    with pytest.raises(Invalid, match="Say why"):
        office.operator.intervene(instance, AddToken("remind"), "ann", "  ")

    assert len(_events(office, parcel)) == before
    assert sorted(office.items(instance)) == ["enter"]


def test_a_changed_variable_is_in_the_history_before_and_after(office: Office) -> None:
    instance, parcel = _started(office, copies=3)

    office.operator.intervene(instance, ChangeVariables({"copies": 5}, frozenset({"number"})), "ann", "He called.")

    assert office.variables(instance) == {"copies": 5}
    assert _events(office, parcel)[-1].details["fields"] == {
        "copies": {"before": 3, "after": 5},
        "number": {"before": "7", "after": None},
    }


def test_an_operation_that_waits_gets_its_new_inputs(office: Office) -> None:
    more = '><extensionElements><parcelflow:input name="n" expression="copies + 1"/></extensionElements></serviceTask>'
    task = service("print").replace("/>", more)
    office.deploy(a_diagram(a_process("order", start(), task, end(), "begin -> print", "print -> done")))
    instance = office.engine.start("order", None, {"copies": 1})

    office.operator.intervene(instance, ChangeVariables({"copies": 4}), "ann", "More of them.")

    with office.database.reading() as tx:
        [job_id] = tx.jobs.waiting()
        assert tx.jobs.one(job_id).arguments["inputs"] == {"n": 5}
    assert office.breaches() == []


def test_a_result_for_inputs_that_were_corrected_meanwhile_is_not_taken(office: Office) -> None:
    more = '><extensionElements><parcelflow:input name="n" expression="amount"/></extensionElements></serviceTask>'
    task = service("pay").replace("/>", more)
    office.deploy(
        a_diagram(a_process("order", start(), task, user("look"), end(), "begin -> pay", "pay -> look", "look -> done"))
    )
    instance = office.engine.start("order", None, {"amount": 1000})
    paid: list[Any] = []

    def pay(call: Call) -> Mapping[str, Any]:
        paid.append(call.inputs["n"])
        if len(paid) == 1:
            office.operator.intervene(instance, ChangeVariables({"amount": 10}), "ann", "Typing error.")
        return {"paid": call.inputs["n"]}

    worker = Worker(office.database, office.engine, {"work": pay}, node="here", pace=AT_ONCE)
    while worker.run_waiting():
        pass

    assert paid == [1000, 10]
    assert office.variables(instance)["paid"] == 10
    assert office.breaches() == []


def test_a_stopped_job_is_tried_again_with_corrected_data(office: Office) -> None:
    instance, _ = _started(office, copies=0)
    press = Press()
    worker = Worker(office.database, office.engine, {"work": press}, node="here", pace=AT_ONCE)
    _move(office, instance, "enter", "print")
    while worker.run_waiting():
        pass
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()

    IncidentDesk(office.engine).retry(incident.id, "ann", {"copies": 2})
    worker.run_waiting()

    assert office.variables(instance) == {"number": "7", "copies": 2, "printed": True}
    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
    assert office.breaches() == []


# -- suspended


def test_a_suspended_instances_jobs_timers_and_messages_wait_until_it_goes_on(office: Office, clock: FakeClock) -> None:
    instance, _ = _started(office)
    other = office.engine.start("order", office.parcel(), {"number": "8"})
    press = Press()
    worker = Worker(office.database, office.engine, {"work": press}, node="here", pace=AT_ONCE)
    office.operator.intervene(instance, AddToken("print"), "ann", "Print already.")
    office.operator.intervene(instance, AddToken("paid"), "ann", "Money may come.")
    office.operator.suspend(instance, "ann", "He thinks it over.")

    clock.advance(timedelta(hours=2))
    assert office.engine.correlate("money", correlation_key="7").instance_id is None
    for _ in range(5):
        worker.tick()

    assert press.calls == []
    assert sorted(office.items(instance)) == ["enter"]
    assert sorted(office.items(other)) == ["enter", "remind"]
    office.operator.go_on(instance, "ann", "He has thought.")
    for _ in range(3):
        worker.tick()
    assert len(press.calls) == 1
    assert sorted(office.items(instance)) == ["enter", "remind"]
    assert office.breaches() == []


def test_a_job_that_ran_when_its_instance_was_suspended_is_no_failed_try(office: Office) -> None:
    instance, _ = _started(office)
    _move(office, instance, "enter", "print")

    def slow(call: Call) -> Mapping[str, Any]:
        if len(calls) == 0:
            office.operator.suspend(instance, "ann", "Stop.")
        calls.append(call.key)
        return {}

    calls: list[str] = []
    worker = Worker(office.database, office.engine, {"work": slow}, node="here", pace=AT_ONCE)
    worker.run_waiting()

    with office.database.reading() as tx:
        [job] = tx.jobs.unfinished()
        assert (job.state, job.attempts, job.last_error) == (JobState.WAITING, 0, None)
    office.operator.go_on(instance, "ann", "Go.")
    worker.run_waiting()
    assert len(set(calls)) == 1
    assert office.breaches() == []


def test_a_message_for_a_suspended_instance_starts_no_other(office: Office) -> None:
    begun = start("begin", '<messageEventDefinition messageRef="money"/>')
    waits = '<intermediateCatchEvent id="paid"><messageEventDefinition messageRef="money"/></intermediateCatchEvent>'
    parts = (begun, waits, end(), "begin -> paid", "paid -> done")
    office.deploy(a_diagram(a_process("order", *parts), head='<message id="money" name="money"/>'))
    instance = office.engine.correlate("money").instance_id
    assert instance is not None
    office.operator.suspend(instance, "ann", "Wait.")

    assert office.engine.correlate("money").instance_id is None
    assert office.engine.deliver_pending() == 0
    office.operator.go_on(instance, "ann", "Go.")

    assert office.engine.deliver_pending() == 1
    assert office.state(instance) == "completed"


def test_a_token_moved_at_rest_runs_on_when_the_instance_goes_on(office: Office) -> None:
    instance, parcel = _started(office)
    office.operator.suspend(instance, "ann", "Stop.")

    _move(office, instance, "enter", "split")

    assert office.state(instance) == "suspended"
    assert office.items(instance) == {}
    office.operator.go_on(instance, "ann", "Go.")
    assert sorted(office.items(instance)) == ["accounting", "quality"]
    reasons = [one.details.get("reason") for one in _events(office, parcel)[-3:]]
    assert reasons == ["Stop.", "It went astray.", "Go."]
    assert office.breaches() == []


def test_what_is_suspended_can_be_ended_and_what_is_not_does_not_go_on_twice(office: Office) -> None:
    instance, _ = _started(office)
    with pytest.raises(Conflict, match="not suspended"):
        office.operator.go_on(instance, "ann", "Go.")
    office.operator.suspend(instance, "ann", "Stop.")
    with pytest.raises(Suspended):
        office.do(instance, "enter", office.person("bob"))

    office.operator.terminate(instance, "ann", "Enough.")

    assert office.state(instance) == "terminated"
    assert office.breaches() == []


# -- deleted


def test_a_deleted_instance_leaves_nothing_but_its_history(office: Office) -> None:
    instance, parcel = _started(office)
    ann = office.person("ann")
    with office.database.transaction() as tx:
        tx.drafts.keep(office.item(instance, "enter"), ann.user_id, {"x": "y"})
    office.operator.intervene(instance, AddToken("print"), "ann", "Print.")
    office.operator.intervene(instance, AddToken("paid"), "ann", "Pay.")

    office.operator.delete(instance, "ann", "It was a test.")

    with office.database.reading() as tx:
        assert tx.processes.of_parcel(parcel) == []
        assert tx.work.of_parcel(parcel) == []
        assert tx.jobs.unfinished() == []
        assert tx.timers.next() is None
    last = _events(office, parcel)[-1]
    assert (last.action, last.details["reason"]) == ("process.deleted", "It was a test.")
    assert last.details["before"] == ["enter", "late", "paid", "print"]
    assert office.breaches() == []
    with pytest.raises(NotFound):
        office.operator.delete(instance, "ann", "Again.")


def test_what_a_deleted_instance_was_named_by_names_no_other(office: Office) -> None:
    both = a_process(
        "order", start(), user("approve", "clerks"), service("send"), gateway("split"), end(), end("sent"),
        "begin -> split", "split -> approve", "split -> send", "approve -> done", "send -> sent",
    )  # fmt: skip
    office.deploy(a_diagram(both))
    ann, calls = office.person("ann", "clerks"), list[str]()

    def send(call: Call) -> Mapping[str, Any]:
        calls.append(call.key)
        if len(calls) == 1:
            office.operator.delete(first, "olga", "The wrong order.")
            office.engine.start("order", None, {"customer": "other"})
        return {"sent_to": call.variables["customer"]}

    worker = Worker(office.database, office.engine, {"work": send}, node="here", pace=AT_ONCE)
    first = office.engine.start("order", None, {"customer": "one"})
    open_form = office.item(first, "approve")

    worker.run_waiting()
    worker.run_waiting()

    [second] = [one for one in _instances(office) if one != first]
    assert office.variables(second) == {"customer": "other", "sent_to": "other"}
    assert len(set(calls)) == 2
    with pytest.raises(NotFound):
        office.engine.complete(open_form, ann, {"approved": True})
    assert office.breaches() == []


def _instances(office: Office) -> list[int]:
    with office.database.reading() as tx:
        return [one.id for one in tx.processes.all()]


def test_an_intervention_is_one_commit(office: Office) -> None:
    instance, _ = _started(office)
    key = _key(office, instance, "enter")
    commits: list[object] = []
    event.listen(office.database.engine, "commit", commits.append)

    office.operator.intervene(instance, MoveToken(key, "split"), "ann", "On with it.")

    assert len(commits) == 1
