"""Parts and archived images, as Line Inspector made them before it knew migrations.

So a ledger without a version may have these tables already, or, after a start that was killed, one of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is missing."""
    op.create_table(
        "parts",
        sa.Column("part_id", sa.String, primary_key=True),
        sa.Column("camera", sa.String, nullable=False),
        sa.Column("trigger_wall_ns", sa.BigInteger, nullable=False),
        sa.Column("trigger_ns", sa.BigInteger, nullable=False),
        sa.Column("captured_ns", sa.BigInteger),
        sa.Column("inference_start_ns", sa.BigInteger),
        sa.Column("inference_end_ns", sa.BigInteger),
        sa.Column("verdict_ns", sa.BigInteger),
        sa.Column("decided_ns", sa.BigInteger, nullable=False),
        sa.Column("deadline_ns", sa.BigInteger, nullable=False),
        sa.Column("gate_ns", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("threshold", sa.Float),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("fingerprint", sa.BigInteger),
        if_not_exists=True,
    )
    op.create_index("parts_by_time", "parts", ["trigger_wall_ns"], if_not_exists=True)
    op.create_table(
        "archive_files",
        sa.Column("part_id", sa.String, primary_key=True),
        sa.Column("image_path", sa.String, nullable=False),
        sa.Column("heat_path", sa.String),
        if_not_exists=True,
    )
