"""Counts what a database's driver is told between two commits, whoever tells it.

SQLite's trace tells a statement again for each further row of one call, and for each trigger it sets off: these count once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection, event

from storage.database import Database

_NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK")


@dataclass
class Told:
    """The statements in order, and how many commits there were."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0

    def note(self, text: str) -> None:
        """Take a statement down."""
        is_again = bool(self.statements) and _without_row(text) == _without_row(self.statements[-1])
        if not text.startswith(_NOT_COUNTED) and not is_again:
            self.statements.append(text)

    def commit(self, connection: Connection) -> None:
        """Count a commit, unless it only read."""
        self.commits += not connection.get_execution_options().get("postgresql_readonly", False)


def _without_row(text: str) -> str:
    head, is_insert, row = text.partition(" VALUES ")
    return head + row.rpartition(")")[2] if is_insert else text


@contextmanager
def counted(database: Database) -> Iterator[Told]:
    """Take down every statement that reaches the driver of a database while the block lasts; commits of writing alone."""
    told = Told()
    begin, finish = _of_sqlite(told) if database.is_sqlite else _of_postgresql(told)
    watched = [(database.engine, "checkout", begin), (database.engine, "checkin", finish)]
    if database.is_sqlite:  # it reads by connections of their own
        watched += [(database._reading, "checkout", begin), (database._reading, "checkin", finish)]
    watched.append((database.engine, "commit", told.commit))
    for engine, name, function in watched:
        event.listen(engine, name, function)
    yield told
    for engine, name, function in watched:
        event.remove(engine, name, function)


def _of_sqlite(told: Told) -> tuple[Any, Any]:
    return partial(_trace, told.note), partial(_trace, None)


def _trace(callback: Any, driver: Any, *_: object) -> None:
    if driver is not None:
        driver.set_trace_callback(callback)


def _of_postgresql(told: Told) -> tuple[Any, Any]:
    class Listening(psycopg.Cursor[Any]):
        def execute(self, query: Any, *arguments: Any, **more: Any) -> "Listening":
            told.note(str(query))
            return super().execute(query, *arguments, **more)

        def executemany(self, query: Any, *arguments: Any, **more: Any) -> None:
            told.note(str(query))
            super().executemany(query, *arguments, **more)

    return partial(_use, Listening), partial(_use, psycopg.Cursor)


def _use(kind: type[psycopg.Cursor[Any]], driver: Any, *_: object) -> None:
    if driver is not None:
        driver.cursor_factory = kind
