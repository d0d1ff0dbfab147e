"""Transactions on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest
from factories import a_parcel, an_order
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.audit import parcel_chain
from storage.base import clean_text, from_json, to_json
from storage.database import Database
from storage.errors import AlreadyExists, Invalid, StaleVersion, Unavailable
from storage.months import Months


def test_what_a_transaction_wrote_is_there_after_it_ended_well(database: Database) -> None:
    with database.transaction() as tx:
        number = tx.parcels.add(a_parcel(subject="Flyers")).number

    with database.reading() as tx:
        assert tx.parcels.numbered(number).subject == "Flyers"


def test_nothing_of_a_transaction_that_raised_remains(database: Database) -> None:
    with pytest.raises(RuntimeError, match="at the end"), database.transaction() as tx:  # noqa: PT012  # noqa: PT012
        tx.parcels.add(a_parcel(source_key="1"))
        raise RuntimeError("at the end")

    with database.reading() as tx:
        assert tx.parcels.from_source("upload", "1") is None


def test_a_reading_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only"), database.reading() as tx:
        tx.parcels.add(a_parcel(source_key="1"))


def test_the_same_source_identity_is_stored_once(database: Database) -> None:
    with database.transaction() as tx:
        tx.parcels.add(a_parcel(source_key="1"))

    with pytest.raises(AlreadyExists), database.transaction() as tx:
        tx.parcels.add(a_parcel(source_key="1"))


def test_who_read_an_older_version_cannot_write_over_a_newer_one(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel())
    with database.transaction() as tx:
        tx.parcels.one(parcel.id).subject = "first"

    with pytest.raises(StaleVersion), database.transaction() as tx:  # noqa: PT012  # noqa: PT012
        tx.session.add(parcel)
        parcel.subject = "second"


def test_numbers_run_without_gaps_when_many_write_at_once(database: Database) -> None:
    numbers: list[str] = []

    def write(name: str) -> None:
        for turn in range(5):
            with database.transaction() as tx:
                numbers.append(tx.parcels.add(a_parcel(source_key=f"{name} {turn}")).number)

    threads = [Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == [f"P-2026-{number:06d}" for number in range(1, 21)]


def test_a_transaction_has_one_time_in_utc(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel(received_at=datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC)))

    with database.reading() as tx:
        assert tx.parcels.one(parcel.id).received_at == datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC)
        assert tx.now == database.clock()


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="no time zone"), database.transaction() as tx:
        tx.parcels.add(a_parcel(received_at=datetime(2026, 3, 2, 9)))  # noqa: DTZ001 - that is the fault


def test_money_survives_exactly_and_lost_digits_are_refused(database: Database) -> None:
    with database.transaction() as tx:
        order = tx.orders.add(an_order(tx.parcels.add(a_parcel()), price=Decimal("1234567890.10")))

    with database.reading() as tx:
        assert str(tx.orders.one(order.id).price) == "1234567890.10"
    for lost in (Decimal("0.001"), Decimal("0." + 34 * "9")):
        with pytest.raises(Exception, match="2 decimal places"), database.transaction() as tx:
            tx.orders.one(order.id).price = lost


def test_json_keeps_decimals_and_dates(database: Database) -> None:
    extra = {
        "decimal": Decimal("1.10"),
        "date": date(2026, 2, 28),
        "time": time(9, 30),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "span": timedelta(days=-1, seconds=3),
        "list": [1, 2.5, None, True, "ß"],
    }
    with database.transaction() as tx:
        order = tx.orders.add(an_order(tx.parcels.add(a_parcel()), extra=extra))

    with database.reading() as tx:
        assert tx.orders.one(order.id).extra == extra


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.dates() | st.times() | st.timedeltas()
    | st.builds(Months, st.integers(-20_000, 20_000)) | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "$decimal", "$$date", "$", "$date", "ß"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES)
def test_json_gives_back_what_was_put_in(value: object) -> None:
    assert from_json(to_json(value)) == value


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_no_database_keeps_is_cleaned(database: Database, text: str) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel(subject=text))
        order = tx.orders.add(an_order(parcel, extra={"note": text}))
        tx.audit.record(parcel_chain(parcel.id), text, "received", text * 200, {"note": text})

    with database.reading() as tx:
        assert tx.parcels.one(parcel.id).subject == "a\ufffdb"
        assert tx.orders.one(order.id).extra == {"note": "a\ufffdb"}
        assert list(tx.audit.verify()) == []


def test_text_with_signs_beyond_the_basic_plane_stays_as_it_is() -> None:
    assert clean_text("naïve 🖨 𝔘") == "naïve 🖨 𝔘"


def test_a_value_that_does_not_fit_is_invalid(postgresql_url: str, open_database: Callable[[str], Database]) -> None:
    with pytest.raises(Invalid, match="does not fit"), open_database(postgresql_url).transaction() as tx:
        tx.parcels.add(a_parcel(channel="x" * 65))


@pytest.mark.parametrize("value", [float("nan"), object(), {1: 2}, {"a": {1, 2}}, b"bytes"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        to_json(value)


def test_canonical_json_does_not_depend_on_order() -> None:
    assert to_json({"b": 1, "a": Decimal("2.0")}) == to_json({"a": Decimal("2.0"), "b": 1})


def test_sqlite_is_opened_for_durability(sqlite_url: str, open_database: Callable[[str], Database]) -> None:
    with open_database(sqlite_url).transaction() as tx:
        pragmas = {
            name: tx.connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_name_in_use_and_a_name_of_nothing_are_told_apart(database: Database) -> None:
    with pytest.raises(Invalid, match="does not exist"), database.transaction() as tx:
        tx.parcels.add(a_parcel(owner_id=99))
    with pytest.raises(AlreadyExists), database.transaction() as tx:  # noqa: PT012
        tx.parcels.add(a_parcel(number="P-1"))
        tx.parcels.add(a_parcel(number="P-1"))


def test_a_fault_of_ours_is_not_called_an_outage(database: Database) -> None:
    with pytest.raises(DBAPIError), database.transaction() as tx:
        tx.connection.execute(text("SELECT nothing FROM nowhere"))


def test_a_lost_connection_is_an_outage_and_the_next_transaction_works(
    postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(postgresql_url)
    with database.transaction() as tx:
        pid = tx.connection.scalar(text("SELECT pg_backend_pid()"))

    with pytest.raises(Unavailable), database.transaction() as tx:  # noqa: PT012
        with open_database(postgresql_url).transaction() as other:
            other.connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        tx.parcels.add(a_parcel(source_key="1"))

    with database.transaction() as tx:
        assert tx.parcels.from_source("upload", "1") is None
        tx.parcels.add(a_parcel(source_key="1"))


def test_a_server_that_is_not_there_is_an_outage(open_database: Callable[[str], Database], tmp_path: Path) -> None:
    database = open_database(f"postgresql+psycopg://parcelflow@/none?host={tmp_path}")

    with pytest.raises(Unavailable), database.transaction():
        pass


def test_a_full_disk_is_an_outage_and_nothing_half_remains(
    sqlite_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(sqlite_url)
    with pytest.raises(Unavailable, match="full"), database.transaction() as tx:  # noqa: PT012
        tx.parcels.add(a_parcel(source_key="1"))
        pages = tx.connection.scalar(text("PRAGMA page_count"))
        tx.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        tx.orders.add(an_order(tx.parcels.add(a_parcel(source_key="2", subject="x" * 100_000))))

    with database.reading() as tx:
        assert tx.parcels.from_source("upload", "1") is None


def test_a_reading_transaction_sees_one_moment(database: Database) -> None:
    with database.reading() as tx:
        before = tx.parcels.from_source("upload", "1")
        with database.transaction() as writer:
            writer.parcels.add(a_parcel(source_key="1"))

        assert before is None
        assert tx.parcels.from_source("upload", "1") is None


def test_an_object_lives_on_after_its_transaction_without_asking_the_database(database: Database) -> None:
    with database.transaction() as tx:
        parcel = tx.parcels.add(a_parcel(subject="Flyers"))

    assert (parcel.subject, parcel.number) == ("Flyers", "P-2026-000001")
