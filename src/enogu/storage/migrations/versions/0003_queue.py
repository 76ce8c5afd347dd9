"""Jobs, and the workers that take them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Jobs, workers, and what the durable wake-ups were prepared for. DBOS makes its own tables beside them."""
    integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("lane", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("subject_id", sa.String(26), nullable=False),
        sa.Column("payload", json, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("priority", integer, nullable=False),
        sa.Column("turn", integer, nullable=False),
        sa.Column("dispatch", integer, nullable=False),
        sa.Column("token", integer, nullable=False),
        sa.Column("attempts", integer, nullable=False),
        sa.Column("deaths", integer, nullable=False),
        sa.Column("mark", integer, nullable=False),
        sa.Column("mark_at_death", integer, nullable=False),
        sa.Column("worker_id", sa.String(200), nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("started_at", time, nullable=True),
        sa.Column("beat_at", time, nullable=True),
        sa.Column("ended_at", time, nullable=True),
        sa.Column("asked", json, nullable=False),
        sa.Column("progress", json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("untold", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_order", "jobs", ["lane", "state", "priority", "turn", "id"])
    op.create_index("ix_jobs_owner", "jobs", ["owner_id", "id"])
    op.create_index("ix_jobs_state_beat_at", "jobs", ["state", "beat_at"])
    op.create_table(
        "workers",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("lanes", json, nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("beat_at", time, nullable=False),
        sa.Column("stopped_at", time, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "queue_prepared",
        sa.Column("id", integer, nullable=False, autoincrement=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queue_prepared"),
    )
