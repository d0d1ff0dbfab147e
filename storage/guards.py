"""What the database itself keeps: the full-text index, the audit trail that only grows, the archive that does not change.

These statements stand beside the tables of the models, in the migrations and wherever a schema is made from the models.
"""

from collections.abc import Iterator

SEALED = "parcelflow: sealed"
APPEND_ONLY = "parcelflow: append only"

_SEALED_PARCEL = "SELECT 1 FROM parcel WHERE parcel.id = {key} AND parcel.sealed_at IS NOT NULL"
_PARCEL_OF = {
    "document": "{row}.parcel_id",
    "index_field": "{row}.parcel_id",
    "order": "{row}.parcel_id",
    "rendition": "(SELECT parcel_id FROM document WHERE document.id = {row}.document_id)",
    "page": "(SELECT parcel_id FROM document WHERE document.id = {row}.document_id)",
    "order_line": '(SELECT parcel_id FROM "order" WHERE "order".id = {row}.order_id)',
}
_FROZEN = (
    "number",
    "channel",
    "source_key",
    "received_at",
    "process_key",
    "parent_id",
    "customer_id",
    "owner_id",
    "sender",
    "subject",
    "profile",
    "duplicate_of_id",
    "sealed_at",
    "manifest_sha256",
)


def statements(dialect: str) -> list[str]:
    """Give the statements for a fresh schema on `sqlite` or `postgresql`, in order."""
    return list(_sqlite() if dialect == "sqlite" else _postgresql())


def _sqlite() -> Iterator[str]:
    yield (
        "CREATE VIRTUAL TABLE search_words USING fts5(words, content='search_entry', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 0', prefix='2 3')"
    )
    remove = "INSERT INTO search_words(search_words, rowid, words) VALUES ('delete', OLD.id, OLD.words);"
    insert = "INSERT INTO search_words(rowid, words) VALUES (NEW.id, NEW.words);"
    for event, actions in (("INSERT", insert), ("DELETE", remove), ("UPDATE", f"{remove} {insert}")):
        yield f"CREATE TRIGGER search_entry_{event.lower()} AFTER {event} ON search_entry BEGIN {actions} END"
    for event in ("UPDATE", "DELETE"):
        yield _sqlite_guard("audit_event", event, "1", APPEND_ONLY)
    for table, key in _PARCEL_OF.items():
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            yield _sqlite_guard(table, event, f"EXISTS ({_SEALED_PARCEL.format(key=key.format(row=row))})", SEALED)
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _FROZEN)
    yield _sqlite_guard("parcel", "UPDATE", f"OLD.sealed_at IS NOT NULL AND ({changed} OR {_SHORTER})", SEALED)
    yield _sqlite_guard("parcel", "DELETE", "OLD.sealed_at IS NOT NULL", SEALED)


_SHORTER = "NEW.retention_until IS NULL OR NEW.retention_until < OLD.retention_until"


def _sqlite_guard(table: str, event: str, condition: str, message: str) -> str:
    return (
        f'CREATE TRIGGER guard_{table}_{event.lower()} BEFORE {event} ON "{table}" WHEN {condition} '
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _postgresql() -> Iterator[str]:
    yield ("CREATE INDEX ix_search_entry_words ON search_entry USING gin (to_tsvector('simple'::regconfig, words))")
    yield _postgresql_function("guard_audit_event", f"RAISE EXCEPTION '{APPEND_ONLY}';")
    yield (
        "CREATE TRIGGER guard_audit_event BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_event()"
    )
    for table, key in _PARCEL_OF.items():
        yield from _postgresql_guard(table, key)
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _FROZEN)
    condition = f"OLD.sealed_at IS NOT NULL AND (TG_OP = 'DELETE' OR {changed} OR {_SHORTER})"
    yield _postgresql_function("guard_parcel", _raise_if(condition))
    yield (
        "CREATE TRIGGER guard_parcel BEFORE UPDATE OR DELETE ON parcel "
        "FOR EACH ROW WHEN (OLD.sealed_at IS NOT NULL) EXECUTE FUNCTION guard_parcel()"
    )


def _postgresql_guard(table: str, key: str) -> Iterator[str]:
    new, old = (_SEALED_PARCEL.format(key=key.format(row=row)) for row in ("NEW", "OLD"))
    inserting, changing = (_raise_if(f"EXISTS ({parcel})", end="") for parcel in (new, old))
    check = f"IF TG_OP = 'INSERT' THEN {inserting} ELSE {changing} END IF; "
    yield _postgresql_function(f"guard_{table}", check + _RETURN)
    yield (
        f'CREATE TRIGGER guard_{table} BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
        f"FOR EACH ROW EXECUTE FUNCTION guard_{table}()"
    )


_RETURN = "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"


def _raise_if(condition: str, end: str = _RETURN) -> str:
    return f"IF {condition} THEN RAISE EXCEPTION '{SEALED}'; END IF; {end}".strip()


def _postgresql_function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
