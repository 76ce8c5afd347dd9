"""Workers say what their device is called and how much memory it has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Of workers that are there nothing is known until they start again."""
    op.add_column("workers", sa.Column("device_name", sa.String(200), nullable=False, server_default=""))
    op.add_column("workers", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("has_adamw8bit", sa.Boolean(), nullable=False, server_default=sa.false()))
