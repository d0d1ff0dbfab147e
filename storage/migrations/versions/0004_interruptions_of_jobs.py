"""How often a job was cut off because its worker ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("interruptions", sa.Integer(), server_default="0", nullable=False))
