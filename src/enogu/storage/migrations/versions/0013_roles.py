"""Roles of pictures: regularisation pictures, and masks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Pictures that are there are to be learnt, all of them."""
    op.add_column("pictures", sa.Column("is_regularisation", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("pictures", sa.Column("mask_sha256", sa.String(64), nullable=True))
