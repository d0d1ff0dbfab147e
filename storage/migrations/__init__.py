"""The history of the schema (Alembic); `storage.schema` runs it."""
