"""What SQLite numbers and others name by its number keeps that for ever: the number of a row that was removed is not given again.

PostgreSQL never gives one again. In SQLite only the words change by which these tables were made, and no row is touched, however
many there are: the way that its manual names for changes which leave the tables on disk as they are.
"""

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("process_instance", "job", "work_item", "incident", "buffered_message", "signal_copy", "document")


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("PRAGMA writable_schema=ON")
    for table in TABLES:
        _number_once(table)
    op.execute("CREATE TABLE numbered_once (id INTEGER PRIMARY KEY AUTOINCREMENT)")  # makes `sqlite_sequence`
    op.execute("DROP TABLE numbered_once")  # and lets every connection read the schema anew
    op.execute("PRAGMA writable_schema=RESET")
    for table in TABLES:
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) SELECT '{table}', coalesce(max(id), 0) FROM {table}")  # noqa: S608 - our own names


def _number_once(table: str) -> None:
    this = {"table": table}
    reading = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    made = op.get_bind().execute(reading, this).scalar_one()
    column, key = "\tid INTEGER NOT NULL, ", f"\tCONSTRAINT pk_{table} PRIMARY KEY (id), \n"
    if made.count(column) != 1 or made.count(key) != 1:
        raise ValueError(f"The table {table} was not made by this program: {made}")
    words = made.replace(column, "\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ").replace(key, "")
    changing = text("UPDATE sqlite_master SET sql = :words WHERE type = 'table' AND name = :table")
    op.get_bind().execute(changing, this | {"words": words})
