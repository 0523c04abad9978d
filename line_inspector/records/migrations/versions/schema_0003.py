"""What each camera saw of a part that several see. Parts from before have none, and their hashes stay as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("parts", sa.Column("views", sa.String))
