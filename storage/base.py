"""Mapping conventions: identity, timestamps, enumerations, exact numbers, JSON; and what a transaction gives its collections."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, dataclass_transform

from sqlalchemy import BigInteger, Connection, Date, DateTime, Dialect, Enum, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from storage.errors import Invalid
from storage.months import Months

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


def clean_text(text: str) -> str:
    """Put U+FFFD in the place of what no database keeps as text: NUL, and halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(value: Any) -> Any:
    """Give the value in JSON's own types; what JSON has no type for as `{"$name": text}`, and own keys with `$` as `$$`."""
    kind = type(value)
    if kind is str:  # the usual kinds first: whole histories go through here
        return value if value.isascii() and "\0" not in value else clean_text(value)
    if kind is list:
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict | Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else _marked(value)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise Invalid(f"The key {key!r} is no text; use text for the keys of mappings.")
    return clean_text(f"${key}" if key.startswith("$") else key)


def _marked(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, time):
        return {"$time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$duration": f"{value.days} {value.seconds} {value.microseconds}"}
    if isinstance(value, Months):
        return {"$months": str(value.number)}
    raise Invalid(
        f"A value of type {type(value).__name__} cannot be stored; use text, numbers, dates, lists or mappings."
    )


_DECODERS: Mapping[str, Callable[[str], object]] = {
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$duration": lambda text: timedelta(*map(int, text.split())),
    "$months": lambda text: Months(int(text)),
}


def _decode(pairs: dict[str, Any]) -> object:
    if len(pairs) == 1:
        [(name, text)] = pairs.items()
        if name in _DECODERS:
            return _DECODERS[name](text)
    return {key.removeprefix("$"): value for key, value in pairs.items()}


def to_json(value: object) -> str:
    """Write a value as canonical JSON: keys sorted, no spaces; Decimal, dates, times and durations survive.

    Raises `Invalid` for anything else, and for numbers that are not finite.
    """
    try:
        return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise Invalid(f"The value cannot be stored as JSON: {error}.") from error


def from_json(text: str) -> Any:
    """Read what `to_json` wrote."""
    return json.loads(text, object_hook=_decode)


class WrittenJson(str):
    """A JSON value that `to_json` has written already; a column takes it as it stands."""

    __slots__ = ()


class PlainText(TypeDecorator[str]):
    """Text of any length, cleaned of what PostgreSQL does not keep."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Clean the text."""
        return None if value is None else clean_text(value)


class Json(TypeDecorator[Any]):
    """Any JSON value, with Decimal and dates, kept as canonical text on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write the value as text."""
        if value is None:
            return None
        return str(value) if type(value) is WrittenJson else to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Read the text."""
        return None if value is None else from_json(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; refuses times without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; SQLite gets it without the zone, so that text sorts as time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise Invalid(f"The time {value.isoformat()} has no time zone; give an aware time.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_ALL_DIGITS = Context(prec=100)
"""Wide enough that scaling never rounds what is reckoned with 34 digits."""


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal number with a fixed number of places, kept as an integer of its smallest unit: exact, and sorts right."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Scale up; raises `Invalid` where digits would be lost."""
        if value is None:
            return None
        scaled = Decimal(value).scaleb(self.places, _ALL_DIGITS)
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise Invalid(f"The number {value} has more than {self.places} decimal places; round it first.")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Scale down."""
        return None if value is None else Decimal(value).scaleb(-self.places, _ALL_DIGITS)


BIG = BigInteger().with_variant(Integer, "sqlite")


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(mapped_column,))
class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, repr=False, eq=False):
    """Base of all rows: built with keywords, equal only to itself, never loading anything by itself."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        date: Date(),
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda kind: [member.value for member in kind],
        ),
        dict[str, Any]: Json(),
        list[Any]: Json(),
        str: PlainText(),
    }


def identity() -> Mapped[int]:
    """Give the column `id`: a number that the database gives."""
    return mapped_column(BIG, primary_key=True, autoincrement=True, init=False)


GIVEN_ONCE: Mapping[str, Any] = {"sqlite_autoincrement": True}
"""For tables whose rows are removed and named by others: no number is given twice, which SQLite has to be told."""


Wake = Callable[[Connection, int, int, timedelta], None]
"""Lets a worker take up a job: given the connection, the job's id, its rank (the lowest is taken up first) and a delay."""


class Unit:
    """What all collections of one transaction share: connection, session, and the time of the transaction."""

    def __init__(self, connection: Connection, now: datetime, *, is_reading: bool) -> None:
        self.connection = connection
        self.now = now
        self.is_reading = is_reading
        self.before_commit: list[Callable[[], None]] = []
        self.after_commit: list[Callable[[], None]] = []
        self.wake: Wake | None = None
        self.waits_its_turn = False
        """Whether the first process instance is kept from others before it is read: they were faster the last time."""

    def takes_turn(self) -> bool:
        """Tell, once, whether to wait until others are done with an instance before it is read."""
        is_due, self.waits_its_turn = self.waits_its_turn, False
        return is_due

    @cached_property
    def session(self) -> Session:
        """The mapped rows of this transaction; made when somebody asks for it."""
        return Session(self.connection, expire_on_commit=False, autoflush=True)

    @property
    def is_postgresql(self) -> bool:
        """Tell whether this is PostgreSQL (else it is SQLite)."""
        return self.connection.dialect.name == "postgresql"

    def insert(self, table: type[Base] | Table) -> "postgresql.Insert | sqlite.Insert":
        """Begin an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return postgresql.insert(table) if self.is_postgresql else sqlite.insert(table)

    def add(self, *rows: Base) -> None:
        """Insert rows at once, so that their ids and broken rules show here and not at the end."""
        self.session.add_all(rows)
        self.session.flush()
