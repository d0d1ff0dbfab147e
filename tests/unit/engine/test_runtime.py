from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from running import Office, a_diagram, a_process, end, gateway, service, start, user
from sqlalchemy import select, text
from statements import counted

from engine.incident_desk import IncidentDesk
from storage.database import Database, Transaction
from storage.errors import AlreadyTaken, Conflict, NotFound, Refused
from storage.job_engine import JobEngine
from storage.parcels import ParcelState, StatusChange

_TAKE_PARCEL = text("SELECT id FROM parcel WHERE id = :id FOR UPDATE")
REVIEW = a_diagram(
    a_process(
        "order",
        start(),
        user("enter"),
        gateway("again", "exclusive"),
        gateway("split"),
        user("accounting"),
        user("quality"),
        gateway("join"),
        gateway("accepted", "exclusive", 'default="accepted_to_adjust"'),
        user("adjust"),
        end(),
        "begin -> enter",
        "enter -> again",
        "again -> split",
        "accepted -> adjust",
        "split -> accounting",
        "split -> quality",
        "accounting -> join",
        "quality -> join",
        "join -> accepted",
        "accepted -> done if price_ok and quality_ok",
        "adjust -> again",
    )
)


def test_a_completed_item_moves_the_instance_to_its_next_waits(office: Office) -> None:
    office.deploy(REVIEW)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())

    office.do(instance, "enter", ann)

    assert sorted(office.items(instance)) == ["accounting", "quality"]


def test_of_two_who_complete_the_same_item_the_second_is_told_who_and_when(office: Office) -> None:
    office.deploy(REVIEW)
    ann, bob = office.person("ann"), office.person("bob")
    instance = office.engine.start("order", office.parcel())
    item = office.item(instance, "enter")
    office.engine.complete(item, ann, {})

    with pytest.raises(AlreadyTaken) as told:
        office.engine.complete(item, bob, {})

    assert told.value.who == "Ann"
    assert told.value.when == office.database.clock()


def test_a_completion_that_yields_one_item_takes_at_most_eight_statements(office: Office) -> None:
    status = 'parcelflow:status="in_review"'
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                user("one"),
                user("two", more=status),
                end(),
                "begin -> one",
                "one -> two",
                "two -> done",
            )
        ),
        statuses_csv=b"status,name\nin_review,In review\n",
    )
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    item = office.item(instance, "one")
    office.do(office.engine.start("order", office.parcel()), "one", ann)  # program and rights are known from now on

    with counted(office.database) as told:
        office.engine.complete(item, ann, {})

    assert 0 < len(told.statements) <= 8, "\n".join(told.statements)
    assert told.commits == 1
    assert office.items(instance).keys() == {"two"}


def test_a_completion_with_an_item_a_status_and_a_job_takes_at_most_ten_statements(office: Office) -> None:
    two = user("two", more='parcelflow:status="in_review"')
    flows = ("begin -> one", "one -> fork", "fork -> two", "fork -> seal", "two -> done", "seal -> done")
    office.deploy(
        a_diagram(a_process("order", start(), user("one"), gateway("fork"), two, service("seal"), end(), *flows)),
        statuses_csv=b"status,name\nin_review,In review\n",
    )
    engine = JobEngine(office.database.url.render_as_string(hide_password=False), node="here")
    engine.prepare()
    office.database.wake = engine.wake
    ann = office.person("ann")
    item = office.item(office.engine.start("order", office.parcel()), "one")
    office.do(office.engine.start("order", office.parcel()), "one", ann)  # program and rights are known from now on

    with counted(office.database) as told:
        office.engine.complete(item, ann, {})
    engine.close()

    assert len(told.statements) <= 10, "\n".join(told.statements)
    assert told.commits == 1
    assert sum("workflow_" in text for text in told.statements) == 2
    with office.database.reading() as tx:
        assert len(tx.jobs.waiting()) == 2


def test_a_start_with_an_item_a_status_and_a_job_takes_at_most_nine_statements(office: Office) -> None:
    one = user("one", more='parcelflow:status="in_review"')
    flows = ("begin -> fork", "fork -> one", "fork -> seal", "one -> done", "seal -> done")
    office.deploy(
        a_diagram(a_process("order", start(), gateway("fork"), one, service("seal"), end(), *flows)),
        statuses_csv=b"status,name\nin_review,In review\n",
    )
    office.engine.start("order", office.parcel())  # the program is known from now on
    parcel = office.parcel()

    with counted(office.database) as told:
        instance = office.engine.start("order", parcel)

    assert 0 < len(told.statements) <= 9, "\n".join(told.statements)
    assert told.commits == 1
    assert office.items(instance).keys() == {"one"}
    with office.database.reading() as tx:
        found = tx.parcels.one(parcel)
        assert (found.state, found.status) == (ParcelState.ROUTED, "in_review")


def test_a_person_of_another_group_is_refused(office: Office) -> None:
    office.deploy(REVIEW)
    other = office.person("olga", "others")
    instance = office.engine.start("order", office.parcel())

    with pytest.raises(Refused, match="another group"):
        office.do(instance, "enter", other)


def test_a_person_without_the_right_to_act_is_refused_and_one_who_sees_nothing_finds_nothing(office: Office) -> None:
    office.deploy(REVIEW)
    guest, stranger = office.person("guy", "guests", "guest"), office.person("sid", "strangers", "stranger")
    instance = office.engine.start("order", office.parcel())

    with pytest.raises(Refused, match="right"):
        office.do(instance, "enter", guest)
    with pytest.raises(NotFound):
        office.do(instance, "enter", stranger)


def test_running_instances_keep_their_version(office: Office) -> None:
    office.deploy(REVIEW)
    ann = office.person("ann")
    old = office.engine.start("order", office.parcel())
    shorter = a_diagram(a_process("order", start(), user("enter"), end(), "begin -> enter", "enter -> done"))
    assert office.deploy(shorter) == {"order": 2}
    new = office.engine.start("order", office.parcel())

    office.do(old, "enter", ann)
    office.do(new, "enter", ann)

    assert sorted(office.items(old)) == ["accounting", "quality"]
    assert office.state(new) == "completed"


def test_the_same_files_deployed_again_are_no_new_version(office: Office) -> None:
    assert office.deploy(REVIEW) == {"order": 1}
    assert office.deploy(REVIEW) == {"order": 1}


def test_a_start_with_the_same_request_key_gives_the_same_instance(office: Office) -> None:
    office.deploy(REVIEW)
    parcel = office.parcel()

    first = office.engine.start("order", parcel, request_key="k")
    second = office.engine.start("order", parcel, request_key="k")

    assert first == second


def test_starts_with_the_same_request_key_at_the_same_moment_give_one_instance(office: Office) -> None:
    office.deploy(REVIEW)
    together = Barrier(2)

    def begin(key: str) -> int:
        together.wait()
        return office.engine.start("order", request_key=key)

    with ThreadPoolExecutor(2) as threads:
        started = [set(threads.map(begin, [f"k{number}"] * 2)) for number in range(10)]

    assert [len(instances) for instances in started] == [1] * 10
    with office.database.reading() as tx:
        assert len(tx.processes.all()) == 10


def test_who_loses_a_deadlock_begins_again(postgresql_url: str, open_database: Callable[[str], Database]) -> None:
    office = Office(open_database(postgresql_url))
    parcels = [office.parcel(), office.parcel()]
    together = Barrier(2)

    def take_both(first: int, second: int) -> int:
        tries: list[int] = []

        def take(tx: Transaction) -> int:
            tries.append(len(tries) + 1)
            tx.connection.execute(_TAKE_PARCEL, {"id": first})
            if tries == [1]:
                together.wait()
            tx.connection.execute(_TAKE_PARCEL, {"id": second})
            return tries[-1]

        return office.engine.transact(take)

    with ThreadPoolExecutor(2) as threads:
        tried = list(threads.map(take_both, parcels, reversed(parcels)))

    assert sorted(tried) == [1, 2]


def test_terminating_withdraws_open_items_and_keeps_the_reason(office: Office) -> None:
    office.deploy(REVIEW)
    instance = office.engine.start("order", office.parcel())

    office.operator.terminate(instance, "ann", "the customer has called")

    with office.database.reading() as tx:
        [item] = tx.work.of_instance(instance)
        assert item.state == "withdrawn"
        assert tx.processes.one(instance).end_reason == "the customer has called"
    with pytest.raises(Conflict):
        office.operator.terminate(instance, "ann", "again")


def test_a_suspended_instance_does_not_move_until_it_goes_on(office: Office) -> None:
    office.deploy(REVIEW)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    office.operator.suspend(instance, "ann", "the customer thinks it over")

    with pytest.raises(Conflict, match="suspended"):
        office.do(instance, "enter", ann)
    office.operator.go_on(instance, "ann", "he has thought it over")
    office.do(instance, "enter", ann)

    assert "accounting" in office.items(instance)


def test_a_plain_order_keeps_at_most_two_kilobytes_of_state(office: Office) -> None:
    office.deploy(REVIEW)
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel(), {"paper": "135 g gloss", "run_length": 5000})
    office.do(instance, "enter", ann)

    with office.database.reading() as tx:
        assert len(tx.processes.one(instance).snapshot) <= 2048


def test_each_status_is_left_when_the_next_is_entered(office: Office) -> None:
    statuses = [f'parcelflow:status="{name}"' for name in ("new", "checked", "priced", "planned")]
    tasks = [user("a", more=statuses[0]), f'<task id="b" {statuses[1]}/>', f'<task id="c" {statuses[2]}/>']
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                *tasks,
                user("d", more=statuses[3]),
                end(),
                "begin -> a",
                "a -> b",
                "b -> c",
                "c -> d",
                "d -> done",
            )
        ),
        statuses_csv=b"status,name\nnew,New\nchecked,Checked\npriced,Priced\nplanned,Planned\n",
    )
    parcel = office.parcel()

    office.do(office.engine.start("order", parcel), "a", office.person("ann"))

    with office.database.reading() as tx:
        rows = tx.session.scalars(
            select(StatusChange).where(StatusChange.parcel_id == parcel).order_by(StatusChange.id)
        ).all()
    assert [(row.status, row.left_at is None) for row in rows][-4:] == [
        ("new", False),
        ("checked", False),
        ("priced", False),
        ("planned", True),
    ]


_DIVIDING = a_diagram(
    a_process(
        "order",
        start(),
        '<scriptTask id="divide" scriptFormat="python"><script>share = total / count</script></scriptTask>',
        '<boundaryEvent id="refused" attachedToRef="divide"><errorEventDefinition errorRef="bad"/></boundaryEvent>',
        user("look"),
        end(),
        end("other"),
        "begin -> divide",
        "divide -> done",
        "refused -> look",
        "look -> other",
    ),
    head='<error id="bad" errorCode="bad_total"/>',
)


def _incident(office: Office) -> int:
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        return incident.id


def test_a_stuck_token_goes_on_with_corrected_variables(office: Office) -> None:
    office.deploy(_DIVIDING)
    instance = office.engine.start("order", office.parcel(), {"total": 6, "count": 0})

    IncidentDesk(office.engine).retry(_incident(office), "ann", {"count": 3})

    assert office.state(instance) == "completed"
    assert office.variables(instance)["share"] == 2
    assert office.breaches() == []


def test_a_stuck_token_that_is_given_up_with_an_error_takes_its_arrow(office: Office) -> None:
    office.deploy(_DIVIDING)
    instance = office.engine.start("order", office.parcel(), {"total": 6, "count": 0})

    IncidentDesk(office.engine).give_up(_incident(office), "ann", "no total", error_code="bad_total")

    assert office.items(instance).keys() == {"look"}
    assert office.breaches() == []


def test_an_error_given_to_a_stuck_token_that_nobody_catches_is_an_incident_again(office: Office) -> None:
    office.deploy(_DIVIDING)
    instance = office.engine.start("order", office.parcel(), {"total": 6, "count": 0})
    first = _incident(office)

    IncidentDesk(office.engine).give_up(first, "ann", "no total", error_code="something_else")

    assert _incident(office) != first
    assert office.state(instance) == "active"
    assert office.breaches() == []


def test_what_stands_by_from_the_start_is_waited_for(office: Office) -> None:
    handler = (
        '<subProcess id="stop" triggeredByEvent="true"><startEvent id="called_off">'
        '<messageEventDefinition messageRef="off"/></startEvent></subProcess>'
    )
    office.deploy(
        a_diagram(
            a_process("order", start(), user("look"), end(), "begin -> look", "look -> done", handler),
            head='<message id="off" name="called_off"/>',
        )
    )
    instance = office.engine.start("order", office.parcel())

    assert office.engine.correlate("called_off").instance_id == instance
    assert office.state(instance) == "completed"
    assert office.items(instance) == {}
    assert office.breaches() == []


@pytest.mark.parametrize("priority", [10**30, -(10**10), "'high'", 1.5])
def test_a_priority_that_no_work_item_can_have_stops_the_token_there(office: Office, priority: object) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                user("enter"),
                user("look", more=f'parcelflow:priority="{priority}"'),
                end(),
                "begin -> enter",
                "enter -> look",
                "look -> done",
            )
        )
    )
    instance = office.engine.start("order")

    office.do(instance, "enter", office.person("ann"))

    with office.database.reading() as tx:
        assert [(one.node, one.code) for one in tx.incidents.still_open()] == [("look", "value_refused")]
    assert office.breaches() == []
