"""How often a job was claimed, which tells what an old claim brings from what the running one does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("claims", sa.Integer(), server_default="0", nullable=False))
