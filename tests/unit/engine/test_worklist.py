import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fakes import FakeClock
from running import Office, a_diagram, a_process, end, start, user

from engine.incident_desk import IncidentDesk
from storage.database import Database, Transaction
from storage.errors import AlreadyTaken, Conflict, Invalid, NotFound, ParcelflowError, Refused
from storage.people import Substitution
from storage.worklist import ItemInHand, Place

ONE = a_diagram(a_process("order", start(), user("look"), end(), "begin -> look", "look -> done"))


def _item(office: Office) -> int:
    return office.item(office.engine.start("order", office.parcel()), "look")


def test_a_claimed_item_moves_from_the_pool_to_ones_own(office: Office) -> None:
    office.deploy(ONE)
    ann, item = office.person("ann"), _item(office)

    office.worklist.claim(item, ann)

    with office.database.reading() as tx:
        assert [one.id for one in tx.work.mine(ann)] == [item]
        assert tx.work.pool(ann) == []


def test_of_two_claims_the_second_is_told_who_has_it(office: Office) -> None:
    office.deploy(ONE)
    ann, bob, item = office.person("ann"), office.person("bob"), _item(office)
    office.worklist.claim(item, ann)
    office.worklist.claim(item, ann)

    with pytest.raises(AlreadyTaken) as told:
        office.worklist.claim(item, bob)
    with pytest.raises(AlreadyTaken):
        office.engine.complete(item, bob, {})

    assert told.value.who == "Ann"


def test_a_released_item_can_be_claimed_by_others(office: Office) -> None:
    office.deploy(ONE)
    ann, bob, item = office.person("ann"), office.person("bob"), _item(office)
    office.worklist.claim(item, ann)

    with pytest.raises(Conflict):
        office.worklist.release(item, bob)
    office.worklist.release(item, ann)
    office.worklist.claim(item, bob)

    with office.database.reading() as tx:
        assert [one.id for one in tx.work.mine(bob)] == [item]


def test_an_item_is_delegated_only_to_somebody_who_may_do_it(office: Office) -> None:
    office.deploy(ONE)
    ann, bob, other = office.person("ann"), office.person("bob"), office.person("olga", "others")
    item = _item(office)
    office.worklist.claim(item, ann)

    with pytest.raises(Refused):
        office.worklist.delegate(item, ann, other.user_id)
    office.worklist.delegate(item, ann, bob.user_id)

    office.engine.complete(item, bob, {})


def test_a_substitute_works_for_the_absent_person_and_the_audit_says_so(office: Office) -> None:
    office.deploy(ONE)
    ann, other = office.person("ann"), office.person("olga", "others")
    parcel = office.parcel()
    item = office.item(office.engine.start("order", parcel), "look")
    office.worklist.claim(item, ann)
    now = office.database.clock()
    with office.database.transaction() as tx:
        tx.people.substitute(
            Substitution(
                absent_id=ann.user_id, substitute_id=other.user_id, begins_at=now, ends_at=now + timedelta(days=1)
            )
        )
        substitute = tx.people.actor(other.user_id)

    office.engine.complete(item, substitute, {})

    with office.database.transaction() as tx:
        [event] = [one for one in tx.audit.history(f"parcel:{parcel}") if one.action == "work.completed"]
    assert (event.actor, event.on_behalf_of) == ("olga", "ann")


def test_the_pool_is_paged_by_due_date_and_shows_only_what_one_may_do(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order", start(), user("look", more='parcelflow:dueDate="due"'), end(), "begin -> look", "look -> done"
            )
        )
    )
    ann, stranger = office.person("ann"), office.person("sid", "clerks2", "stranger")
    expected = []
    for days in (3, 1, 2):
        parcel = office.parcel()
        instance = office.engine.start("order", parcel, {"due": office.database.clock() + timedelta(days=days)})
        expected.append((days, office.item(instance, "look")))

    with office.database.reading() as tx:
        first = tx.work.pool(ann, limit=2)
        rest = tx.work.pool(ann, after=Place(first[-1].due_order, first[-1].id), limit=2)
        assert [one.id for one in (*first, *rest)] == [item for _, item in sorted(expected)]
        assert tx.work.pool(stranger) == []


def test_a_second_candidate_group_may_take_the_item_too(office: Office) -> None:
    office.deploy(
        a_diagram(a_process("order", start(), user("look", "clerks,others"), end(), "begin -> look", "look -> done"))
    )
    olga, item = office.person("olga", "others"), _item(office)

    with office.database.reading() as tx:
        assert [one.id for one in tx.work.pool(olga)] == [item]
    office.engine.complete(item, olga, {})


def test_an_item_that_does_not_exist_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        office.worklist.claim(4711, office.person("ann"))


def test_eight_who_complete_the_same_items_at_once_get_one_winner_each(office: Office) -> None:
    office.deploy(ONE)
    people = [office.person(f"person{number}") for number in range(8)]
    items = [_item(office) for _ in range(15)]
    won: list[int] = []
    lost: list[ParcelflowError] = []
    together = threading.Barrier(8)

    def complete_all(number: int) -> None:
        for item in items:
            together.wait()
            try:
                office.engine.complete(item, people[number], {})
                won.append(item)
            except AlreadyTaken as told:
                lost.append(told)

    threads = [threading.Thread(target=complete_all, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == items
    assert len(lost) == 7 * len(items)
    with office.database.transaction() as tx:
        assert list(tx.audit.verify()) == []


def test_an_item_that_another_claims_at_that_moment_is_the_others(
    postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    office = Office(open_database(postgresql_url))
    office.deploy(ONE)
    ann, bob, item = office.person("ann"), office.person("bob"), _item(office)

    def claimed_meanwhile(_tx: Transaction, _item: ItemInHand) -> dict[str, object]:
        with ThreadPoolExecutor(1) as threads:
            threads.submit(office.worklist.claim, item, bob).result()
        return {}

    with pytest.raises(AlreadyTaken) as told:
        office.engine.complete(item, ann, claimed_meanwhile)

    assert told.value.who == "Bob"
    office.engine.complete(item, bob, {})


def test_both_branches_completed_at_the_same_time_both_count(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                *(f'<parallelGateway id="{key}"/>' for key in ("split", "join")),
                *(user(key) for key in ("left", "right")),
                end(),
                "begin -> split",
                *("split -> left", "split -> right", "left -> join", "right -> join", "join -> done"),
            )
        )
    )
    ann = office.person("ann")
    for _ in range(10):
        instance = office.engine.start("order", office.parcel())
        found = office.items(instance)
        together = threading.Barrier(2)

        def complete(item: int, together: threading.Barrier = together) -> None:
            together.wait()
            office.engine.complete(item, ann, {})

        threads = [threading.Thread(target=complete, args=(found[node].id,)) for node in ("left", "right")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert office.state(instance) == "completed"


def test_an_item_for_a_person_nobody_knows_is_an_incident_and_open_to_nobody_until_there_is_the_person(
    office: Office,
) -> None:
    task = '<userTask id="look" name="Look" parcelflow:assignee="\'zoe\'"/>'
    office.deploy(a_diagram(a_process("order", start(), task, end(), "begin -> look", "look -> done")))
    ann = office.person("ann")
    instance = office.engine.start("order", office.parcel())
    item = office.item(instance, "look")
    with office.database.reading() as tx:
        [incident] = tx.incidents.still_open()
        assert (incident.code, incident.node, incident.data) == ("unknown_assignee", "look", {"assignee": "zoe"})

    with pytest.raises(Refused):
        office.engine.complete(item, ann, {})
    with pytest.raises(Conflict, match="add the person first"):
        IncidentDesk(office.engine).retry(incident.id, "ann")
    zoe = office.person("zoe", "others")
    IncidentDesk(office.engine).retry(incident.id, "ann")

    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
        assert [one.id for one in tx.work.mine(zoe)] == [item]
    with pytest.raises(AlreadyTaken):
        office.engine.complete(item, ann, {})
    office.engine.complete(item, zoe, {})


def test_an_incident_about_an_unknown_person_ends_with_its_item(office: Office, clock: FakeClock) -> None:
    task = '<userTask id="look" name="Look" parcelflow:assignee="\'zoe\'"/>'
    late = '<boundaryEvent id="late" attachedToRef="look"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
    late += "</timerEventDefinition></boundaryEvent>"
    flows = ("begin -> look", "look -> done", "late -> again", "again -> done")
    office.deploy(a_diagram(a_process("order", start(), task, late, user("again"), end(), *flows)))
    instance = office.engine.start("order", office.parcel())
    with office.database.reading() as tx:
        assert len(tx.incidents.still_open()) == 1

    clock.advance(timedelta(hours=2))
    with office.database.reading() as tx:
        [timer] = tx.timers.due()
    office.engine.fire_timer(timer.id)

    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []
    assert list(office.items(instance)) == ["again"]


def test_an_item_for_an_unknown_person_and_a_group_is_offered_to_the_group(office: Office) -> None:
    office.deploy(
        a_diagram(
            a_process(
                "order",
                start(),
                user("look", more="parcelflow:assignee=\"'zoe'\""),
                end(),
                "begin -> look",
                "look -> done",
            )
        )
    )
    ann, item = office.person("ann"), _item(office)

    office.engine.complete(item, ann, {})

    with office.database.reading() as tx:
        assert tx.incidents.still_open() == []


def test_no_group_is_called_nobody(office: Office) -> None:
    with pytest.raises(Invalid):
        office.person("ann", "nobody")
