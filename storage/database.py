"""Opens the database; `transaction()` is the only way to read or write."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from storage.access import AccessMatrix, RuleCache
from storage.audit import AuditTrail
from storage.base import Unit, Wake
from storage.deployments import Deployments
from storage.documents import DocumentStore
from storage.drafts import Drafts
from storage.errors import AlreadyExists, Invalid, ParcelflowError, Refused, Sealed, StaleVersion, Unavailable
from storage.guards import APPEND_ONLY, SEALED
from storage.incidents import Incidents
from storage.instance_migrations import Migrations
from storage.instances import Processes
from storage.jobs import Jobs
from storage.messages import Messages
from storage.nodes import Nodes
from storage.orders import Orders
from storage.parcels import Parcels
from storage.people import People
from storage.reports import Reports
from storage.search import Search
from storage.sign_in import SignIns
from storage.statements import driver_connection, driver_errors
from storage.steps import StepWriter
from storage.timers import Timers
from storage.worklist import WorkItems

Clock = Callable[[], datetime]

_BUSY_SECONDS = 20
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
_POSTGRESQL_OPTIONS = "-c timezone=UTC -c lock_timeout=20s -c idle_in_transaction_session_timeout=120s"
_TAKEN, _MISSING, _COLLISIONS = ("23505",), ("23503",), ("40001", "40P01")
_SQLITE_TAKEN = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
_SQLITE_MISSING = (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,)
_SQLITE_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)


class Transaction(Unit):
    """One unit of work: its collections, its time, its connection."""

    def __init__(
        self, connection: Connection, now: datetime, documents: DocumentStore, rules: RuleCache, *, is_reading: bool
    ) -> None:
        super().__init__(connection, now, is_reading=is_reading)
        self.documents = documents
        self._rules = rules

    @cached_property
    def parcels(self) -> Parcels:
        """The parcels."""
        return Parcels(self)

    @cached_property
    def orders(self) -> Orders:
        """The orders and customers."""
        return Orders(self)

    @cached_property
    def people(self) -> People:
        """The people, groups and roles."""
        return People(self)

    @cached_property
    def sign_ins(self) -> SignIns:
        """The browser sessions, and the throttle before them."""
        return SignIns(self)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return AuditTrail(self)

    @cached_property
    def access(self) -> AccessMatrix:
        """The access matrix."""
        return AccessMatrix(self, self._rules)

    @cached_property
    def search(self) -> Search:
        """Lists, filters, counts and full text."""
        return Search(self, self.access)

    @cached_property
    def reports(self) -> Reports:
        """Figures over many parcels."""
        return Reports(self, self.access)

    @cached_property
    def processes(self) -> Processes:
        """The process definitions and instances."""
        return Processes(self, self.audit, StepWriter(self, self.audit, self.incidents, self.jobs))

    @cached_property
    def migrations(self) -> Migrations:
        """The migrations of instances to other versions."""
        return Migrations(self)

    @cached_property
    def deployments(self) -> Deployments:
        """The deployments, definitions and drafts."""
        return Deployments(self, self.documents)

    @cached_property
    def drafts(self) -> Drafts:
        """What people have typed into work items and not handed in."""
        return Drafts(self)

    @cached_property
    def work(self) -> WorkItems:
        """The work items."""
        return WorkItems(self, self.people, self.access)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs."""
        return Jobs(self, self.incidents)

    @cached_property
    def timers(self) -> Timers:
        """The timers."""
        return Timers(self, self.incidents)

    @cached_property
    def incidents(self) -> Incidents:
        """The incidents."""
        return Incidents(self)

    @cached_property
    def nodes(self) -> Nodes:
        """The nodes that work."""
        return Nodes(self)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Let go of the mapped rows at the end."""
        try:
            yield
        finally:
            if "session" in self.__dict__:
                self.session.close()

    @cached_property
    def messages(self) -> Messages:
        """The messages that nobody has received."""
        return Messages(self, self.audit)

    def complete(self) -> None:
        """Write what is still held back; called once, before the commit."""
        if "session" in self.__dict__:
            self.session.flush()
        for write in self.before_commit:
            write()


class Database:
    """The database, SQLite (`sqlite:///path`) or PostgreSQL (`postgresql+psycopg://...`), with its document store."""

    def __init__(self, url: str, *, clock: Clock, documents: DocumentStore, pool_size: int = 10) -> None:
        self.url = _read_url(url)
        self.clock = clock
        self.documents = documents
        self.wake: Wake | None = None  # lets a worker take up a job; without it jobs wait until somebody looks
        self._rules = RuleCache()
        self.engine = _open_sqlite(self.url) if self.is_sqlite else _open_postgresql(self.url, pool_size)
        self._reading = self._read_only_engine()
        self._glancing = (
            self._reading if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

    @property
    def is_sqlite(self) -> bool:
        """Tell whether this is SQLite (else it is PostgreSQL)."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read and write: commits once when the block ends well, rolls back otherwise; to retry is the caller's matter.

        Raises `Unavailable`, `AlreadyExists`, `StaleVersion` for what the database reports.
        """
        with _translated(), self.engine.connect() as connection:
            with connection.begin():
                transaction = Transaction(connection, self.clock(), self.documents, self._rules, is_reading=False)
                transaction.wake = self.wake
                with transaction.closing():
                    yield transaction
                    transaction.complete()
            for follow_up in transaction.after_commit:
                follow_up()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Only read, and see the database as it was at the first look: an attempt to write raises."""
        with _translated(), self._reading.connect() as connection, connection.begin():
            transaction = Transaction(connection, self.clock(), self.documents, self._rules, is_reading=True)
            with transaction.closing():
                yield transaction

    @contextmanager
    def glance(self) -> Iterator[Transaction]:
        """Only read, with a single statement, which needs no transaction around it: each further one sees the database anew."""
        with _translated(), self._glancing.connect() as connection:
            transaction = Transaction(connection, self.clock(), self.documents, self._rules, is_reading=True)
            with transaction.closing():
                yield transaction

    def migrate(self) -> None:
        """Bring the schema up to date, or make it; raises `Refused` when a newer version has made it."""
        from storage.schema import upgrade  # noqa: PLC0415 - Alembic takes its time to load, and few need it

        engine = _open_sqlite(self.url, pragmas=("foreign_keys=OFF",)) if self.is_sqlite else self.engine
        with _translated(), engine.begin() as connection:
            upgrade(connection)
        if engine is not self.engine:
            engine.dispose()

    def check_schema(self) -> None:
        """Check that the schema is this version's; raises `Refused` when it has to be brought up to date, or is newer."""
        from storage.schema import is_current  # noqa: PLC0415 - as above

        with _translated(), self._reading.connect() as connection:
            if not is_current(connection):
                raise Refused("The database has not this version's schema yet; run `parcelflow migrate` first.")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self.is_sqlite:
            self._reading.dispose()

    def _read_only_engine(self) -> Engine:
        if self.is_sqlite:
            return _open_sqlite(self.url, begin="BEGIN", pragmas=("query_only=ON",))
        return self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _read_url(text: str) -> URL:
    """Read an address; raises `Invalid` for what is none or names another kind of database, without a word of a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _DRIVERS:
        raise Invalid(
            "The address of the database cannot be used; write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        )
    return url


def _open_postgresql(url: URL, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,
        connect_args={"options": _POSTGRESQL_OPTIONS},
    )


def _open_sqlite(url: URL, *, begin: str = "BEGIN IMMEDIATE", pragmas: Sequence[str] = ()) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        with driver_errors(connection):
            driver_connection(connection).execute(begin)

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ParcelflowError:
        raise
    except StaleDataError as error:
        raise StaleVersion("The thing was changed since you read it; load it again and repeat.") from error
    except PoolTimeout as error:
        raise Unavailable("All connections to the database are in use; try again in a moment.") from error
    except DBAPIError as error:
        raise _translation(error) from error


def _translation(error: DBAPIError) -> Exception:
    """Give what the error means to a caller; an error that only we can have made stays what it is."""
    text = str(error.orig)
    reason = text.partition("\n")[0] or "no reason given"
    if SEALED in text or APPEND_ONLY in text:
        return _guarded(text)
    if _is_code(error, _TAKEN, _SQLITE_TAKEN):
        return AlreadyExists(f"Something with this name or number exists already ({reason}).")
    if isinstance(error, DataError) or _is_code(error, _MISSING, _SQLITE_MISSING):
        return Invalid(f"A value does not fit, or names something that does not exist ({reason}).")
    if _is_code(error, _COLLISIONS, ()):
        return StaleVersion("Somebody else changed the same thing at the same time; try again.")
    if error.connection_invalidated or _is_outage(error):
        return Unavailable(f"The database does not answer: {reason}.")
    return error


def _guarded(text: str) -> Refused:
    if SEALED in text:
        return Sealed("What lies in the archive is not changed any more; make a new parcel instead.")
    return Refused("The audit trail is only ever added to.")


def _is_code(error: DBAPIError, states: Sequence[str], numbers: Sequence[int]) -> bool:
    return getattr(error.orig, "sqlstate", None) in states or getattr(error.orig, "sqlite_errorcode", None) in numbers


def _is_outage(error: DBAPIError) -> bool:
    number = getattr(error.orig, "sqlite_errorcode", None)
    if number is not None:
        return number & 0xFF in _SQLITE_OUTAGES
    return isinstance(error, OperationalError | InterfaceError)
