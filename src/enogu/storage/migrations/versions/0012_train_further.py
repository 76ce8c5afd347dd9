"""What a run trains further: the file is frozen with the run, as its pictures are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Runs that are there began anew, or find their file by their recipe no more once it is gone."""
    op.add_column("runs", sa.Column("start_name", sa.String(300), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("start_sha256", sa.String(64), nullable=True))
