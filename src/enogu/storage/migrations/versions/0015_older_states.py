"""The state before the newest one of a run, which is gone back to when the newest is damaged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_Large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Runs that are there have one state."""
    op.add_column("runs", sa.Column("older_checkpoint_sha256", sa.String(64), nullable=True))
    op.add_column("runs", sa.Column("older_checkpoint_step", _Large, nullable=False, server_default="0"))
