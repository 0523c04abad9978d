"""Challenges: known defects that were put in between parts, with a hash chain of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "challenges",
        sa.Column("part_id", sa.String, primary_key=True),
        sa.Column("camera", sa.String, nullable=False),
        sa.Column("frame", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("asked_wall_ns", sa.BigInteger, nullable=False),
        sa.Column("decided_wall_ns", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("threshold", sa.Float),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("fingerprint", sa.BigInteger),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("challenges_by_time", "challenges", ["decided_wall_ns"])
    op.create_index("challenges_by_number", "challenges", ["number"], unique=True)
