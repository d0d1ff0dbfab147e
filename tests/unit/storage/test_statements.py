from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from postgres import Cluster
from sqlalchemy import bindparam, select, text, update

from storage.audit import AuditEvent
from storage.database import Database, Transaction
from storage.errors import AlreadyExists, StaleVersion, Unavailable
from storage.incidents import Incident, IncidentState
from storage.numbering import NumberSeries
from storage.statements import Batch, Fixed, insertion

ADD = Fixed(insertion(NumberSeries, "name", "last"))
RAISE = Fixed(
    update(NumberSeries)
    .where(NumberSeries.name == bindparam("series"))
    .values(last=NumberSeries.last + bindparam("by"))
)
LAST = Fixed(
    select(NumberSeries.last, NumberSeries.name.label("known_as")).where(NumberSeries.name == bindparam("series"))
)
AT = datetime(2026, 3, 2, 14, tzinfo=timezone(timedelta(hours=2)))


def stale(changed: int) -> None:
    if changed != 1:
        raise StaleVersion("Somebody else was faster.")


def test_a_batch_writes_in_order_and_tells_what_each_write_changed(database: Database) -> None:
    changed: list[int] = []
    with database.transaction() as tx:
        batch = Batch(tx.connection)
        batch.add(ADD, {"name": "a", "last": 1}, {"name": "b", "last": 2})
        batch.add(ADD)
        batch.add(RAISE, {"series": "a", "by": 10}, check=changed.append)
        batch.add(RAISE, {"series": "nobody", "by": 10}, check=changed.append)
        batch.send()

    assert changed == [1, 0]
    with database.reading() as tx:
        row = LAST.first(tx.connection, {"series": "a"})
        assert (row.last, row.known_as) == (11, "a")
        assert LAST.first(tx.connection, {"series": "nobody"}) is None


def test_constants_stand_in_the_text_so_that_partial_indexes_serve_a_plan_that_is_kept(database: Database) -> None:
    open_ones = Incident.instance_id == bindparam("instance"), Incident.state == IncidentState.OPEN
    with database.reading() as tx:
        form = Fixed(select(Incident.id).where(*open_ones)).form(tx.connection.dialect)

    assert "state = 'open'" in form.text
    assert len(form.given({"instance": 7})) == 1


def test_what_a_write_of_a_batch_returns_is_taken_in_the_columns_own_types(database: Database) -> None:
    values = {"chain": "c", "number": 1, "at": AT, "actor": "ann", "action": "done", "subject": "s", "details": {}}
    writing = insertion(AuditEvent, *values, "previous", "hash").returning(AuditEvent.id, AuditEvent.at)
    never = Fixed(update(NumberSeries).values(last=bindparam("by")).returning(NumberSeries.name))
    taken: list[object] = []

    with database.transaction() as tx:
        batch = Batch(tx.connection)
        batch.add(Fixed(writing), values | {"previous": "", "hash": "ab" * 32}, taker=taken.append)
        batch.add(never, {"by": 3}, taker=taken.append)
        batch.send()

    assert taken == [(1, AT), None]


def test_values_go_in_and_come_out_as_through_the_mapped_class(database: Database) -> None:
    names = ("chain", "number", "at", "actor", "action", "subject", "details", "previous", "hash")
    values = ("c", 1, AT, "ann", "done", "s", {"amount": 1}, "", "ab" * 32)
    look = Fixed(select(*AuditEvent.__table__.c).where(AuditEvent.chain == bindparam("chain")))

    with database.transaction() as tx:
        batch = Batch(tx.connection)
        batch.add(Fixed(insertion(AuditEvent, *names)), dict(zip(names, values, strict=True)))
        batch.send()

    with database.reading() as tx:
        fixed, mapped = look.first(tx.connection, {"chain": "c"}), tx.session.scalars(select(AuditEvent)).one()
        assert fixed._asdict() == {name: getattr(mapped, name) for name in fixed._fields}
        assert (fixed.at, fixed.details) == (AT, {"amount": 1})
        assert fixed.at.tzinfo is UTC


def add_once_more(database: Database, series: str) -> None:
    """Raise a series, and add another of the name `a`, which is taken."""
    with database.transaction() as tx:
        batch = Batch(tx.connection)
        batch.add(RAISE, {"series": series, "by": 1}, check=stale)
        batch.add(ADD, {"name": "a", "last": 1})
        batch.send()


def test_what_was_found_stale_comes_before_the_error_that_follows_from_it(database: Database) -> None:
    with database.transaction() as tx:
        tx.add(NumberSeries(name="a", last=1))

    with pytest.raises(StaleVersion):
        add_once_more(database, "nobody")


def test_an_error_of_the_driver_is_told_as_any_other_and_leaves_nothing(database: Database) -> None:
    with database.transaction() as tx:
        tx.add(NumberSeries(name="a", last=1))

    with pytest.raises(AlreadyExists):
        add_once_more(database, "a")

    with database.reading() as tx:
        assert LAST.first(tx.connection, {"series": "a"}).last == 1


def look(tx: Transaction) -> None:
    LAST.first(tx.connection, {"series": "a"})


def write(tx: Transaction) -> None:
    batch = Batch(tx.connection)
    batch.add(ADD, {"name": "a", "last": 1})
    batch.send()


def lose_the_server(database: Database, cluster: Cluster, then: Callable[[Transaction], None]) -> None:
    with database.transaction() as tx:
        process = tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        cluster.execute(f"SELECT pg_terminate_backend({process})")
        then(tx)


@pytest.mark.parametrize("then", [look, write])
def test_a_connection_that_broke_is_told_and_given_up(
    open_database: Callable[[str], Database],
    postgresql_url: str,
    cluster: Cluster,
    then: Callable[[Transaction], None],
) -> None:
    database = open_database(postgresql_url)

    with pytest.raises(Unavailable):
        lose_the_server(database, cluster, then)

    with database.transaction() as tx:
        assert LAST.first(tx.connection, {"series": "a"}) is None
