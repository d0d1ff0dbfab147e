"""The key a job was owed by at first, which its operation is called with whatever migrations of its instance call it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("first_key", sa.Text(), nullable=True))
