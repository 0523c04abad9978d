"""A hash chain over the parts, the audit table, and what retention has to know of an image.

Parts from before stay as they are, outside the chain: to hash a ledger of many months would keep a line from starting.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns, which takes no time however many rows there are, and give images their part's time and verdict."""
    op.add_column("parts", sa.Column("number", sa.BigInteger))
    op.add_column("parts", sa.Column("hash", sa.String(64)))
    op.create_index("parts_by_number", "parts", ["number"], unique=True)
    for column in (
        sa.Column("trigger_wall_ns", sa.BigInteger),
        sa.Column("accepted", sa.Boolean),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("retired_wall_ns", sa.BigInteger),
        sa.Column("retired_why", sa.String),
        sa.Column("removed", sa.Boolean, nullable=False, server_default="0"),
    ):
        op.add_column("archive_files", column)
    for name in ("trigger_wall_ns", "accepted"):
        op.execute(
            f"UPDATE archive_files SET {name} ="
            f" (SELECT parts.{name} FROM parts WHERE parts.part_id = archive_files.part_id)"
        )
    op.create_index("archive_files_by_age", "archive_files", ["removed", "accepted", "trigger_wall_ns"])
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("at_wall_ns", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("old", sa.String, nullable=False),
        sa.Column("new", sa.String, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
