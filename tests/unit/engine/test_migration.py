"""Migration of running instances to another version: planned, carried out in jobs, interrupted and gone on with."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from kills import KILLED, run_armed
from running import Office, a_diagram, a_process, end, gateway, service, start, user
from sqlalchemy import update

from engine.incident_desk import IncidentDesk
from engine.migration import OPERATION, migrating_operation
from engine.operations.call import Call
from engine.passages import MigrationRefused
from engine.worker import Pace, Worker
from storage import failpoints
from storage.database import Database
from storage.documents import DocumentStore
from storage.errors import Invalid
from storage.incidents import NewIncident
from storage.instance_migrations import MigrationState
from storage.processes import InstanceState, ProcessDefinition, ProcessInstance

AT_ONCE = Pace(retry_after=(timedelta(0), timedelta(0)))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATE = (
    '<boundaryEvent id="late" attachedToRef="check" cancelActivity="false"><timerEventDefinition>'
    "<timeDuration>PT8H</timeDuration></timerEventDefinition></boundaryEvent>"
)


def _version(check: str = "check", *more: str, status: str = "checking", group: str = "clerks") -> bytes:
    attribute = f'parcelflow:status="{status}"'
    parts = (
        start(),
        user("enter"),
        user(check, group, attribute),
        LATE.replace('"check"', f'"{check}"'),
        user("remind"),
        service("print"),
        end(),
        end("reminded"),
        "begin -> enter",
        f"enter -> {check}",
        "late -> remind",
        "remind -> reminded",
        f"{check} -> print",
        "print -> done",
    )
    return a_diagram(a_process("order", *parts, *more))


STATUSES = b"status,name\nchecking,Checking\nreviewing,Reviewing\n"


def _deploy(office: Office, diagram: bytes) -> ProcessDefinition:
    office.deploy(diagram, statuses_csv=STATUSES)
    with office.database.reading() as tx:
        return tx.deployments.latest("order")


def _migrate(
    office: Office, to: ProcessDefinition, mapping: Mapping[str, str] | None = None, **more: Any
) -> dict[MigrationState, int]:
    migration = office.migrator.begin(to, mapping or {}, "olga", "A better way.", **more)
    _work(office)
    return _progress(office, migration)


def _work(office: Office) -> None:
    operations = {OPERATION: migrating_operation(office.migrator), "work": lambda _call: {}}
    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    while worker.run_waiting():
        pass


def _progress(office: Office, migration: int) -> dict[MigrationState, int]:
    with office.database.reading() as tx:
        return {state: count for state, count in tx.migrations.progress(migration).items() if count}


def _version_of(office: Office, instance: int) -> int:
    with office.database.reading() as tx:
        return tx.deployments.definition(tx.processes.one(instance).definition_id).version


def test_an_instance_that_was_migrated_keeps_claim_draft_and_due_time_and_finishes(
    office: Office, clock: FakeClock
) -> None:
    _deploy(office, _version())
    ann = office.person("ann")
    parcel = office.parcel()
    instance = office.engine.start("order", parcel)
    office.do(instance, "enter", ann)
    item = office.item(instance, "check")
    office.worklist.claim(item, ann)
    with office.database.transaction() as tx:
        tx.drafts.keep(item, ann.user_id, {"remark": "half"})
        timer = tx.timers.next()
        assert timer is not None
        due_at = timer.due_at
    clock.advance(timedelta(hours=1))

    to = _deploy(office, _version("review", status="reviewing", group="reviewers"))
    assert _migrate(office, to, {"check": "review"}) == {MigrationState.MOVED: 1}

    carried = office.items(instance)["review"]
    assert (carried.id, carried.assignee_id, carried.candidate_group) == (item, ann.user_id, "reviewers")
    with office.database.reading() as tx:
        draft, timer = tx.drafts.of(item, ann.user_id), tx.timers.next()
        assert draft is not None
        assert draft.answers == {"remark": "half"}
        assert timer is not None
        assert timer.due_at == due_at
        assert tx.parcels.one(parcel).status == "reviewing"
    assert _version_of(office, instance) == 2
    assert office.breaches() == []
    office.do(instance, "review", ann)
    _work(office)
    assert office.state(instance) == "completed"
    assert office.breaches() == []


def test_the_history_tells_who_migrated_what_and_why(office: Office) -> None:
    _deploy(office, _version())
    parcel = office.parcel()
    office.engine.start("order", parcel)
    _migrate(office, _deploy(office, _version("review")))

    with office.database.transaction() as tx:
        last = tx.audit.history(f"parcel:{parcel}")[-1]
    assert (last.action, last.actor) == ("process.migrated", "olga")
    assert (last.details["version"], last.details["reason"]) == (2, "A better way.")


def test_a_token_without_a_counterpart_stays_where_it_is(office: Office) -> None:
    _deploy(office, _version())
    ann = office.person("ann")
    stays, moves = office.engine.start("order"), office.engine.start("order")
    office.do(stays, "enter", ann)
    to = _deploy(office, _version("review"))
    with office.database.reading() as tx:
        before = tx.processes.one(stays).snapshot
        planned = {one.running.instance_id: one.passage for one in office.migrator.plan(tx, to, {})}
    assert planned[moves].is_possible
    assert [hurdle.node for hurdle in planned[stays].hurdles] == ["check"]

    assert _migrate(office, to) == {MigrationState.MOVED: 1, MigrationState.REFUSED: 1}

    assert (_version_of(office, stays), _version_of(office, moves)) == (1, 2)
    with office.database.reading() as tx:
        assert tx.processes.one(stays).snapshot == before
        [refused] = tx.migrations.refused(1)
        assert refused.hurdles[0][0] == "check"
    assert office.breaches() == []


@pytest.mark.parametrize("together", [False, True])
def test_an_instance_that_cannot_be_loaded_is_refused_by_name_and_keeps_no_others_from_their_turn(
    office: Office, *, together: bool
) -> None:
    _deploy(office, _version())
    first, broken, last = (office.engine.start("order") for _ in range(3))
    with office.database.transaction() as tx:
        spoilt = update(ProcessInstance).where(ProcessInstance.id == broken).values(snapshot=b"not a state")
        tx.connection.execute(spoilt)
    to = _deploy(office, _version("review"))
    with office.database.reading() as tx:
        planned = {one.running.instance_id: one.passage.is_possible for one in office.migrator.plan(tx, to, {})}
    assert planned == {first: True, broken: False, last: True}

    moved = _migrate(office, to, together=together)

    assert moved == ({MigrationState.REFUSED: 3} if together else {MigrationState.MOVED: 2, MigrationState.REFUSED: 1})
    assert [_version_of(office, one) for one in (first, broken, last)] == ([1, 1, 1] if together else [2, 1, 2])
    with office.database.reading() as tx:
        reasons = {refused.instance_id: refused.hurdles[0][1] for refused in tx.migrations.refused(1)}
        assert "saved instance" in reasons[broken]
        assert all(f"Instance {broken}" in reasons[one] for one in reasons if one != broken)
        assert tx.incidents.still_open() == []


def test_an_instance_whose_turn_fails_is_named_and_keeps_no_others_from_their_turn(office: Office) -> None:
    _deploy(office, _version())
    first, second = office.engine.start("order"), office.engine.start("order")
    migration = office.migrator.begin(_deploy(office, _version("review")), {}, "olga", "A better way.")
    failpoints.arm("migrate.settled=raise@1")

    with pytest.raises(MigrationRefused, match=f"Instance {first} could not be moved"):
        office.migrator.run(migration, 0)

    failpoints.arm("")
    assert [_version_of(office, one) for one in (first, second)] == [1, 2]
    office.migrator.run(migration, 0)
    assert _version_of(office, first) == 2


def test_all_or_none_moves_none_when_one_cannot(office: Office) -> None:
    _deploy(office, _version())
    ann = office.person("ann")
    first, second = office.engine.start("order"), office.engine.start("order")
    office.do(second, "enter", ann)
    to = _deploy(office, _version("review"))

    assert _migrate(office, to, together=True) == {MigrationState.REFUSED: 2}
    assert (_version_of(office, first), _version_of(office, second)) == (1, 1)

    assert _migrate(office, to, {"check": "review"}, together=True) == {MigrationState.MOVED: 2}
    assert (_version_of(office, first), _version_of(office, second)) == (2, 2)
    assert office.breaches() == []


def test_a_suspended_instance_is_migrated_and_stays_suspended(office: Office) -> None:
    _deploy(office, _version())
    instance = office.engine.start("order")
    office.operator.suspend(instance, "ann", "Stop.")

    assert _migrate(office, _deploy(office, _version("review"))) == {MigrationState.MOVED: 1}

    assert office.state(instance) == InstanceState.SUSPENDED
    office.operator.go_on(instance, "ann", "Go.")
    office.do(instance, "enter", office.person("bob"))
    assert office.items(instance).keys() == {"review"}
    assert office.breaches() == []


def test_a_stuck_token_and_its_incident_are_carried_over(office: Office) -> None:
    script = '<scriptTask id="{}" scriptFormat="python"><script>x = {}</script></scriptTask>'
    parts = (start(), "begin -> {0}", "{0} -> done", end())

    def drawn(key: str, code: str) -> bytes:
        return a_diagram(a_process("order", script.format(key, code), *(part.format(key) for part in parts)))

    _deploy(office, drawn("sum", "missing + 1"))
    instance = office.engine.start("order")

    assert _migrate(office, _deploy(office, drawn("total", "1")), {"sum": "total"}) == {MigrationState.MOVED: 1}

    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        assert incident.node == "total"
    IncidentDesk(office.engine).retry(incident.id, "ann")
    assert office.state(instance) == "completed"
    assert office.breaches() == []


def test_an_operation_that_is_owed_is_done_once_and_with_the_inputs_of_the_new_version(office: Office) -> None:
    more = '><extensionElements><parcelflow:input name="n" expression="{}"/></extensionElements></serviceTask>'

    def drawn(value: str) -> bytes:
        task = service("print").replace("/>", more.format(value))
        return a_diagram(a_process("order", start(), task, end(), "begin -> print", "print -> done"))

    _deploy(office, drawn("1"))
    office.engine.start("order")
    calls: list[Call] = []
    operations = {OPERATION: migrating_operation(office.migrator), "work": lambda call: calls.append(call) or {}}
    office.migrator.begin(_deploy(office, drawn("2")), {}, "olga", "Other paper.")
    with office.database.reading() as tx:
        migrating = [job_id for job_id in tx.jobs.waiting() if tx.jobs.one(job_id).operation == OPERATION]

    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    worker.run_job(migrating[0])
    worker.run_waiting()

    assert [call.inputs for call in calls] == [{"n": 2}]
    assert office.breaches() == []


def _served(node: str, operation: str) -> bytes:
    flows = "begin -> book", "book -> look", "look -> done"
    return a_diagram(
        a_process(
            "order", start(), service(node, operation), user("look"), end(), *(f.replace("book", node) for f in flows)
        )
    )


def _moved(
    office: Office, to: ProcessDefinition, mapping: Mapping[str, str] | None = None
) -> dict[MigrationState, int]:
    """Migrate without a worker, so that no other job is done."""
    migration = office.migrator.begin(to, mapping or {}, "olga", "A better way.")
    office.migrator.run(migration, 0)
    return _progress(office, migration)


def test_an_operation_that_runs_and_is_another_one_in_the_new_version_is_called_there(office: Office) -> None:
    _deploy(office, _served("book", "book_old"))
    instance = office.engine.start("order")
    called: list[str] = []

    def book_old(_call: Call) -> Mapping[str, Any]:
        called.append("book_old")
        assert _moved(office, _deploy(office, _served("book", "book_new"))) == {MigrationState.MOVED: 1}
        return {"booked_by": "book_old"}

    def book_new(_call: Call) -> Mapping[str, Any]:
        called.append("book_new")
        return {"booked_by": "book_new"}

    operations = {"book_old": book_old, "book_new": book_new, OPERATION: migrating_operation(office.migrator)}
    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    while worker.run_waiting():
        pass

    assert called == ["book_old", "book_new"]
    assert office.variables(instance)["booked_by"] == "book_new"
    assert office.breaches() == []


def test_an_operation_that_runs_and_is_the_same_in_the_new_version_is_called_once(office: Office) -> None:
    _deploy(office, _served("book", "book"))
    instance = office.engine.start("order")
    called: list[str] = []

    def book(_call: Call) -> Mapping[str, Any]:
        called.append("book")
        to = _deploy(office, _served("book_parcel", "book"))
        assert _moved(office, to, {"book": "book_parcel"}) == {MigrationState.MOVED: 1}
        return {"booked": True}

    operations = {"book": book, OPERATION: migrating_operation(office.migrator)}
    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    while worker.run_waiting():
        pass

    assert called == ["book"]
    assert office.variables(instance) == {"booked": True}
    assert list(office.items(instance)) == ["look"]
    assert office.breaches() == []


def test_an_operation_is_called_with_the_same_key_whatever_migrations_call_its_task(
    office: Office, clock: FakeClock
) -> None:
    _deploy(office, _served("send", "send_mail"))
    instance = office.engine.start("order")
    keys: list[str] = []

    def send_mail(call: Call) -> Mapping[str, Any]:
        keys.append(call.key)
        if len(keys) < 3:
            raise ConnectionError("sent, but the answer got lost")
        return {}

    operations = {"send_mail": send_mail, OPERATION: migrating_operation(office.migrator)}
    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    worker.run_waiting()
    for before, after in [("send", "confirm"), ("confirm", "tell")]:
        moved = _moved(office, _deploy(office, _served(after, "send_mail")), {before: after})
        assert moved == {MigrationState.MOVED: 1}
        worker.run_waiting()

    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert list(office.items(instance)) == ["look"]
    assert office.breaches() == []


def test_a_stopped_operation_is_corrected_and_tried_again_in_the_new_version(office: Office) -> None:
    _deploy(office, _served("send", "send_mail"))
    instance = office.engine.start("order", None, {"to": "nobody"})

    def send_mail(call: Call) -> Mapping[str, Any]:
        if call.variables["to"] == "nobody":
            raise ConnectionError("nobody is there")
        return {"sent_to": call.variables["to"]}

    operations = {"send_mail": send_mail, OPERATION: migrating_operation(office.migrator)}
    worker = Worker(office.database, office.engine, operations, node="here", pace=AT_ONCE)
    while worker.run_waiting():
        pass

    assert _moved(office, _deploy(office, _served("confirm", "send_mail")), {"send": "confirm"}) == {
        MigrationState.MOVED: 1
    }
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        assert incident.node == "confirm"
    IncidentDesk(office.engine).retry(incident.id, "olga", {"to": "ann"})
    while worker.run_waiting():
        pass

    assert office.variables(instance)["sent_to"] == "ann"
    assert office.breaches() == []


def test_an_operation_that_is_stopped_after_a_migration_is_stopped_where_it_stands_now(office: Office) -> None:
    _deploy(office, _served("send", "send_mail"))
    office.engine.start("order")
    with office.database.transaction() as tx:
        job = tx.jobs.claim(tx.jobs.waiting()[0], "here")
    assert job is not None
    _moved(office, _deploy(office, _served("confirm", "send_mail")), {"send": "confirm"})

    with office.database.transaction() as tx:
        tx.jobs.stop(job.id, job.claims, NewIncident("failed", "It failed.", key=job.key, node=job.node, job_id=job.id))

    with office.database.reading() as tx:
        assert [one.node for one in tx.incidents.still_open()] == ["confirm"]
    assert office.breaches() == []


def test_joins_and_called_processes_are_carried_over(office: Office) -> None:
    def drawn(last: str) -> bytes:
        inner = a_process("part", start("go"), user("inside"), end("over"), "go -> inside", "inside -> over")
        call = '<callActivity id="call" calledElement="part"/>'
        flows = ("begin -> fork", "fork -> a", "fork -> call", "a -> join", "call -> join", f"join -> {last}")
        outer = a_process("order", start(), gateway("fork"), user("a"), call, gateway("join"), user(last), end(), *flows,
                          f"{last} -> done")  # fmt: skip
        return a_diagram(outer, inner)

    _deploy(office, drawn("last"))
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    office.do(instance, "a", ann)

    assert _migrate(office, _deploy(office, drawn("end_of_it"))) == {MigrationState.MOVED: 1}

    office.do(instance, "inside", ann)
    assert office.items(instance).keys() == {"end_of_it"}
    assert office.breaches() == []


def test_a_migration_of_nothing_and_one_without_a_reason_are_refused(office: Office) -> None:
    to = _deploy(office, _version())
    office.engine.start("order")

    with pytest.raises(Invalid, match="nothing to be moved"):
        office.migrator.begin(to, {}, "olga", "Why not.")
    newer = _deploy(office, _version("review"))
    with pytest.raises(Invalid, match="Say why"):
        office.migrator.begin(newer, {}, "olga", "")


def migrate(url: str, documents: str, migration: str) -> None:
    office = Office(Database(url, clock=lambda: NOON, documents=DocumentStore(Path(documents))))
    office.migrator.run(int(migration), 0)
    office.database.close()


@pytest.mark.parametrize("together", [False, True], ids=["each", "all"])
@pytest.mark.parametrize(
    "point",
    [
        "migrate.begun",
        "migrate.rows_carried",
        "step.state_saved",
        "migrate.settled@2",
        "step.before_commit@2",
        "migrate.committed",
    ],
)
def test_a_migration_that_is_killed_goes_on_where_it_was(
    office: Office, database_url: str, documents: DocumentStore, point: str, *, together: bool
) -> None:
    _deploy(office, _version())
    ann = office.person("ann")
    instances = [office.engine.start("order", office.parcel()) for _ in range(3)]
    office.do(instances[1], "enter", ann)
    to = _deploy(office, _version("review"))
    migration = office.migrator.begin(to, {"check": "review"}, "olga", "A better way.", together=together)
    name, _, count = point.partition("@")

    code = run_armed(f"{name}=die@{count or 1}", migrate, database_url, str(documents.folder), str(migration))
    moved = sum(_version_of(office, instance) == 2 for instance in instances)

    assert code == KILLED or (together and name in ("migrate.begun", "migrate.committed", "step.before_commit"))
    assert moved in ((0, 3) if together else (0, 1, 2, 3))
    assert moved == _progress(office, migration).get(MigrationState.MOVED, 0)
    assert office.breaches() == []
    _work(office)
    assert _progress(office, migration) == {MigrationState.MOVED: 3}
    assert [_version_of(office, instance) for instance in instances] == [2, 2, 2]
    assert office.breaches() == []
