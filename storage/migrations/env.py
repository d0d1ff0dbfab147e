"""What Alembic runs: our connection, our tables."""

from alembic import context

from storage.failpoints import failpoint
from storage.schema import METADATA, is_ours, plain_type

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    include_object=is_ours,
    render_item=plain_type,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    compare_type=True,
    transaction_per_migration=False,
    on_version_apply=lambda **_: failpoint("schema.step"),
)
with context.begin_transaction():
    context.run_migrations()
