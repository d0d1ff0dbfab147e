"""The schema: made, and brought up to date, by migrations; the one door to Alembic.

A migration runs in one transaction under a lock, so that two processes that start together do not run it twice, and one that
is interrupted leaves the schema as it was. There is no way back: who needs the older version restores the older backup.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Connection, Enum, text

from storage import (
    access,
    audit,
    drafts,
    instance_migrations,
    jobs,
    numbering,
    orders,
    parcels,
    people,
    processes,
    search,
    sign_in,
    work,
)
from storage.base import Base, ExactDecimal, Json, PlainText, UtcDateTime
from storage.errors import Damaged, Refused
from storage.failpoints import failpoint
from storage.guards import statements

SUBJECTS = (
    access,
    audit,
    drafts,
    instance_migrations,
    jobs,
    numbering,
    orders,
    parcels,
    people,
    processes,
    search,
    sign_in,
    work,
)
METADATA = Base.metadata
_LOCK = 7_241_906_113  # any number, ours for ever
_FOREIGN = frozenset(
    {
        "application_versions",
        "dbos_migrations",
        "event_dispatch_kv",
        "notifications",
        "operation_outputs",
        "queues",
        "streams",
        "workflow_events",
        "workflow_events_history",
        "workflow_input",
        "workflow_output",
        "workflow_schedules",
        "workflow_status",
    }
)


def is_ours(item: Any, name: str | None, kind: str, _is_reflected: bool, _counterpart: Any) -> bool:
    """Tell whether an object of the database is compared with the models: the job engine's and the full-text index's are not."""
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    if name == "ix_search_entry_words":
        return False
    return table not in _FOREIGN and not str(table).startswith("search_words")


def plain_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types into a migration as what they are in the database, so that it never changes its meaning."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, Json | PlainText):
        return "sa.Text()"
    if isinstance(item, ExactDecimal):
        return "sa.BigInteger()"
    if isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")' if isinstance(item, BigInteger) else False


def upgrade(connection: Connection) -> None:
    """Bring the schema up to date within the transaction of the connection; does nothing when it is.

    Raises `Refused` when a newer version of the program has made it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if is_current(connection):
        return
    command.upgrade(_config(connection), "head")
    failpoint("schema.before_commit")
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise Damaged("After the upgrade some rows name others that are missing; nothing was changed.")


def is_current(connection: Connection) -> bool:
    """Tell whether the schema is up to date; raises `Refused` when a newer version of the program has made it."""
    found = MigrationContext.configure(connection).get_current_revision()
    history = _history()
    known = {script.revision for script in history.walk_revisions()}
    if found is not None and found not in known:
        raise Refused(
            "The database was made by a newer version of Parcelflow; start that version, or restore a backup."
        )
    return found == history.get_current_head()


def missing(connection: Connection) -> Sequence[str]:
    """Give the migrations that the schema of the database still needs, newest first."""
    found = MigrationContext.configure(connection).get_current_revision()
    return [script.revision for script in _history().iterate_revisions("head", found or "base")]


def create(connection: Connection) -> None:
    """Make the schema straight from the models, as migrations must make it too."""
    METADATA.create_all(connection)
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def differences(connection: Connection) -> Sequence[Any]:
    """Give what is different between the schema of the database and the models."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - only tests and developers need it

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    found: Sequence[Any] = compare_metadata(context, METADATA)
    return found


def new_revision(connection: Connection, message: str, revision: str) -> None:
    """Write a migration for what is different between the schema of the database and the models, to be read and corrected."""
    command.revision(_config(connection), message, autogenerate=True, rev_id=revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _history() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
