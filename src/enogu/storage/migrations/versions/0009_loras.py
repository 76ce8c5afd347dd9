"""The library of LoRAs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """One table. The run is no foreign key: a LoRA that was saved outlives its run."""
    op.create_table(
        "loras",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(400), nullable=False),
        sa.Column("filename", sa.String(300), nullable=False),
        sa.Column("family", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", _WHOLE, nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("dim", sa.Double(), nullable=True),
        sa.Column("alpha", sa.Double(), nullable=True),
        sa.Column("preview_sha256", sa.String(64), nullable=True),
        sa.Column("run_id", sa.String(26), nullable=True),
        sa.Column("epoch", _WHOLE, nullable=True),
        sa.Column("base_model_name", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("negative", sa.Text(), nullable=False),
        sa.Column("preferred_weight", sa.Double(), nullable=False),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_loras"),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_loras_owner_id_accounts", ondelete="CASCADE"),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_loras_owner_id_name_key"),
    )
