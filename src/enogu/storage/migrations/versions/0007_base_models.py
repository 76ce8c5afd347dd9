"""Registered base models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """One table; what is everybody's (the starter, the home folder) has no rows."""
    op.create_table(
        "base_models",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(480), nullable=False),
        sa.Column("family", sa.String(20), nullable=False),
        sa.Column("derivative", sa.String(20), nullable=False),
        sa.Column("prediction_type", sa.String(20), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("layout", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("size_bytes", _WHOLE, nullable=False),
        sa.Column("licence", sa.String(200), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("picture_sha256", sa.String(64), nullable=True),
        sa.Column("style", sa.String(10), nullable=False),
        sa.Column("native_side", _WHOLE, nullable=True),
        sa.Column("why_not", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("archive_sha256", sa.String(64), nullable=True),
        sa.Column("parts", _JSON, nullable=False),
        sa.Column("job_id", sa.String(26), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_base_models"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_base_models_owner_id_accounts", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_base_models_owner_id_name_key"),
    )
