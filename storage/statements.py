"""Statements that are made ready once: text and conversion of values, for each kind of database.

SQLAlchemy looks both up anew at every call, which costs more than the database takes for the few statements of a step. A
`Fixed` statement remembers them. It runs on the driver's own connection, within the transaction that SQLAlchemy has begun,
and what the driver reports is raised as SQLAlchemy raises it.

A `Batch` holds writes and sends them together: on PostgreSQL in one round trip (pipeline mode), on SQLite one after the other.
What each has changed is looked at in order, so that a version found stale comes before the errors that follow from it.

A write of many rows is one call of SQLite's driver. PostgreSQL would be told each of them, at several times the cost of writing
it; so `for_each` and `adding` have a second form for it, which takes a list for each of the values.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import psycopg
from sqlalchemy import BindParameter, ColumnElement, Connection, Dialect, bindparam, column, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from storage.failpoints import failpoint

Values = Mapping[str, Any]
Converter = Callable[[Any], Any]
Check = Callable[[int], None]
Taker = Callable[[Any], None]


class Fixed:
    """A statement whose text never changes; each value comes by the name of its `bindparam`.

    `of_lists` is the same write of many rows at once on PostgreSQL, given a list by each of the names.
    """

    def __init__(self, statement: Any, of_lists: Any = None) -> None:
        self.statement = statement
        self._forms: dict[str, _Form] = {}
        self._of_lists = None if of_lists is None else Fixed(of_lists)

    def form(self, dialect: Dialect) -> "_Form":
        """Give text and converters for a kind of database."""
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form(self.statement, dialect)
        return form

    def write(self, dialect: Dialect, rows: Sequence[Values], check: Check | None) -> "_Write":
        """Give the write of these rows, with one call of the driver."""
        form = self.form(dialect)
        given = [form.given(row) for row in rows]
        if len(given) == 1 or self._of_lists is None or dialect.name != "postgresql":
            return _Write(form, given, check)
        whole = self._of_lists.form(dialect)
        return _Write(whole, [whole.gathered(given)], check)

    def first(self, connection: Connection, values: Values) -> Any:
        """Run it and give the first row, a named tuple, or None."""
        form = self.form(connection.dialect)
        with driver_errors(connection):
            cursor = driver_connection(connection).execute(form.text, form.given(values))
            row = cursor.fetchone()
            cursor.close()
        return None if row is None else form.taken(row)

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """Run it and give all rows, named tuples."""
        form = self.form(connection.dialect)
        with driver_errors(connection):
            cursor = driver_connection(connection).execute(form.text, form.given(values))
            rows = cursor.fetchall()
            cursor.close()
        return [form.taken(row) for row in rows]


def insertion(mapped: type[DeclarativeBase], *names: str) -> Any:
    """Give an INSERT of these columns, each with a value of its own name."""
    table: Any = mapped.__table__
    return insert(table).inline().values({name: bindparam(name, type_=table.c[name].type) for name in names})


def adding(mapped: type[DeclarativeBase], *names: str) -> Fixed:
    """Give the statement that inserts these columns, also for many rows at once."""
    given = given_lists({name: mapped.__table__.c[name] for name in names})
    return Fixed(insertion(mapped, *names), insert(mapped).from_select(names, select(*given), include_defaults=False))


def for_each(build: Callable[[Any], Any], **kinds: "ColumnElement[Any]") -> Fixed:
    """Give an UPDATE or DELETE, also for many rows at once; `build` is given each value by name, of the type of that column."""
    one = SimpleNamespace(**{name: bindparam(name, type_=kind.type) for name, kind in kinds.items()})
    return Fixed(build(one), build(given_lists(kinds)))


def given_lists(kinds: "Mapping[str, ColumnElement[Any]]") -> Any:
    """Give, for PostgreSQL, the columns of a table made of lists, each of the type of a column and given by its name."""
    lists = (bindparam(name, type_=ARRAY(kind.type)) for name, kind in kinds.items())
    columns = (column(name, kind.type) for name, kind in kinds.items())
    return func.unnest(*lists).table_valued(*columns, name="given").render_derived().c


class Batch:
    """Writes of one transaction that are sent together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writes: list[_Write] = []

    def add(self, statement: Fixed, *rows: Values, check: Check | None = None, taker: Taker | None = None) -> None:
        """Add a write, for each of the rows; `check` is given the number of rows that it has changed in all, and may raise.

        `taker` is given the first row that a write of one row returns, a named tuple, or None.
        """
        if rows:
            write = statement.write(self._connection.dialect, rows, check)
            self._writes.append(write if taker is None else replace(write, taker=taker))

    def mark(self, name: str) -> None:
        """Set a failpoint between what comes before and after."""
        self._writes.append(_Write(None, [name]))

    def send(self) -> None:
        """Send all of them, and check in order what each has changed."""
        writes, self._writes = self._writes, []
        driver = driver_connection(self._connection)
        with driver_errors(self._connection):
            if isinstance(driver, psycopg.Connection):
                _send_at_once(driver, writes)
            else:
                for write in writes:
                    sent = [(write, write.run(driver))]
                    _check(sent)
                    _take(sent)


def _send_at_once(driver: "psycopg.Connection[Any]", writes: "Sequence[_Write]") -> None:
    sent: list[tuple[_Write, Any]] = []
    try:
        with driver.pipeline():
            sent.extend((write, write.run(driver)) for write in writes)
    except psycopg.Error:
        _check([(write, cursor) for write, cursor in sent if cursor is not None and cursor.pgresult is not None])
        raise
    _check(sent)
    _take(sent)


def _check(sent: "Sequence[tuple[_Write, Any]]") -> None:
    for write, cursor in sent:
        if write.check is not None:
            write.check(cursor.rowcount)


def _take(sent: "Sequence[tuple[_Write, Any]]") -> None:
    for write, cursor in sent:
        if write.taker is not None and write.form is not None:
            row = cursor.fetchone()
            cursor.close()
            write.taker(None if row is None else write.form.taken(row))


@dataclass(frozen=True, slots=True)
class _Write:
    """One write of a batch; without a form it is a failpoint."""

    form: "_Form | None"
    rows: list[Any]
    check: Check | None = None
    taker: Taker | None = None

    def run(self, driver: Any) -> Any:
        if self.form is None:
            return failpoint(self.rows[0])
        cursor = driver.cursor()
        if len(self.rows) == 1:
            cursor.execute(self.form.text, self.rows[0])
        else:
            cursor.executemany(self.form.text, self.rows)
        return cursor


class _Form:
    """What a statement is for one kind of database: its text, and how values go in and rows come out."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = _compiled(statement, dialect)
        self.text = str(compiled)
        self._is_positional = bool(compiled.positiontup)
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup or compiled.binds]
        self._given = [(name, _inward(bind, dialect)) for name, bind in binds if bind.required]
        self._fixed = {name: _fixed(bind, dialect) for name, bind in binds if not bind.required}
        self._places = [name for name, _ in binds]
        columns = tuple(statement.selected_columns if statement.is_select else statement.exported_columns)
        self._columns = [_outward(column, dialect) for column in columns]
        self._row = _row_kind(columns)

    def given(self, values: Values) -> Any:
        """Convert the values for the driver."""
        converted = {name: values[name] if turn is None else turn(values[name]) for name, turn in self._given}
        if self._fixed:
            converted |= self._fixed
        return [converted[name] for name in self._places] if self._is_positional else converted

    def gathered(self, rows: Sequence[Values]) -> Values:
        """Give a list for each value of rows that are converted already."""
        return self._fixed | {name: [row[name] for row in rows] for name, _ in self._given}

    def taken(self, row: Sequence[Any]) -> Any:
        """Convert a row from the driver."""
        return self._row._make(
            [value if turn is None else turn(value) for value, turn in zip(row, self._columns, strict=True)]
        )


def _compiled(statement: Any, dialect: Dialect) -> Any:
    """Compile a statement with its constants in its text.

    Where a partial index may depend on a parameter, SQLite plans the statement anew at every call, which takes ten times as long
    as to run it, and PostgreSQL cannot use the index in a plan that it keeps.
    """
    usual: Any = dialect.statement_compiler

    class WritingConstants(usual):  # type: ignore[misc]  # which class it is, the dialect says
        def visit_bindparam(self, bindparam: BindParameter[Any], *arguments: Any, **named: Any) -> Any:
            if not bindparam.required and bindparam.value is not None:
                named["literal_binds"] = True
            return super().visit_bindparam(bindparam, *arguments, **named)

    return WritingConstants(dialect, statement)


def _row_kind(columns: "Sequence[ColumnElement[Any]]") -> Any:
    return namedtuple("Row", [column.key or "" for column in columns], rename=True)  # noqa: PYI024 - its names come with the statement


def _inward(bind: BindParameter[Any], dialect: Dialect) -> Converter | None:
    return bind.type.dialect_impl(dialect).bind_processor(dialect)


def _fixed(bind: BindParameter[Any], dialect: Dialect) -> Any:
    turn = _inward(bind, dialect)
    return bind.value if turn is None else turn(bind.value)


def _outward(column: ColumnElement[Any], dialect: Dialect) -> Converter | None:
    return column.type.dialect_impl(dialect).result_processor(dialect, None)


def driver_connection(connection: Connection) -> Any:
    """Give the driver's connection, on which the transaction of SQLAlchemy's runs."""
    return connection.connection.driver_connection


@contextmanager
def driver_errors(connection: Connection) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy would have, and give up a connection that has broken."""
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        driver, reported = driver_connection(connection), cast("Any", error)
        is_broken = connection.dialect.is_disconnect(reported, driver, None)
        if is_broken:
            connection.invalidate(error)
        base = connection.dialect.loaded_dbapi.Error
        raise DBAPIError.instance(
            None, None, error, base, connection_invalidated=is_broken, dialect=connection.dialect
        ) from error
