"""Runs with their events, epochs and previews; own presets; measured speeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_Large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Runs and presets go with their account; speeds are nobody's."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(800), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempt", _Large, nullable=False),
        sa.Column("dataset_id", sa.String(26), nullable=False),
        sa.Column("dataset_name", sa.String(200), nullable=False),
        sa.Column("base_model", _Json, nullable=False),
        sa.Column("recipe", _Json, nullable=False),
        sa.Column("given", _Json, nullable=False),
        sa.Column("pictures", _Json, nullable=False),
        sa.Column("num_pictures", _Large, nullable=False),
        sa.Column("step", _Large, nullable=False),
        sa.Column("num_steps", _Large, nullable=False),
        sa.Column("epoch", _Large, nullable=False),
        sa.Column("num_epochs", _Large, nullable=False),
        sa.Column("steps_per_epoch", _Large, nullable=False),
        sa.Column("quoted", _Large, nullable=False),
        sa.Column("charged", _Large, nullable=False),
        sa.Column("paid_epochs", _Large, nullable=False),
        sa.Column("expected_seconds", sa.Float(), nullable=True),
        sa.Column("live", _Json, nullable=False),
        sa.Column("failure", _Json, nullable=True),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("job_id", sa.String(26), nullable=True),
        sa.Column("checkpoint_sha256", sa.String(64), nullable=True),
        sa.Column("checkpoint_step", _Large, nullable=False),
        sa.Column("made_of_run_id", sa.String(26), nullable=True),
        sa.Column("start_key", sa.String(200), nullable=True),
        sa.Column("num_events", _Large, nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("started_at", _Time, nullable=True),
        sa.Column("ended_at", _Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_runs_owner_id_accounts", ondelete="CASCADE"),
        sa.UniqueConstraint("owner_id", "start_key", name="uq_runs_owner_id_start_key"),
    )
    op.create_index("ix_runs_owner_id_id", "runs", ["owner_id", "id"])
    op.create_index("ix_runs_state", "runs", ["state"])
    op.create_index("ix_runs_job_id", "runs", ["job_id"])
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("number", _Large, nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("data", _Json, nullable=False),
        sa.Column("at", _Time, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_run_events"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_events_run_id_runs", ondelete="CASCADE"),
    )
    op.create_table(
        "run_epochs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("epoch", _Large, nullable=False),
        sa.Column("step", _Large, nullable=False),
        sa.Column("filename", sa.String(300), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", _Large, nullable=False),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("saved_at", _Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_epochs"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_epochs_run_id_runs", ondelete="CASCADE"),
        sa.UniqueConstraint("run_id", "filename", name="uq_run_epochs_run_id_filename"),
    )
    op.create_index("ix_run_epochs_sha256", "run_epochs", ["sha256"])
    op.create_table(
        "run_samples",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("epoch", _Large, nullable=False),
        sa.Column("step", _Large, nullable=False),
        sa.Column("prompt_index", _Large, nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("seed", _Large, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("sampled_at", _Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_samples"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_samples_run_id_runs", ondelete="CASCADE"),
        sa.UniqueConstraint(
            "run_id", "step", "prompt_index", "seed", name="uq_run_samples_run_id_step_prompt_index_seed"
        ),
    )
    op.create_index("ix_run_samples_sha256", "run_samples", ["sha256"])
    op.create_table(
        "run_presets",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(800), nullable=False),
        sa.Column("purpose", sa.String(1000), nullable=False),
        sa.Column("recipe", _Json, nullable=False),
        sa.Column("changed_at", _Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_presets"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_run_presets_owner_id_accounts", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_run_presets_owner_id_name_key"),
    )
    op.create_table(
        "run_speeds",
        sa.Column("family", sa.String(50), nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("parts", sa.String(50), nullable=False),
        sa.Column("pixels_per_step", _Large, nullable=False),
        sa.Column("steps_per_second", sa.Float(), nullable=False),
        sa.Column("seconds_per_preview", sa.Float(), nullable=False),
        sa.Column("seconds_to_start", sa.Float(), nullable=False),
        sa.Column("num_runs", _Large, nullable=False),
        sa.PrimaryKeyConstraint("family", "device", "parts", "pixels_per_step", name="pk_run_speeds"),
    )
