"""The audit trail is read by chain and by id; an index by time only made it larger."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_audit_event_at", table_name="audit_event")
