"""Drawings, what was asked for, and which LoRAs each was drawn with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

_Large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Requests go with their account, drawings with their request. A LoRA may be deleted; its drawings stay."""
    op.create_table(
        "drawing_requests",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("shared", _Json, nullable=False),
        sa.Column("seed", _Large, nullable=False),
        sa.Column("base_model_id", sa.String(300), nullable=False),
        sa.Column("base_model_name", sa.String(300), nullable=False),
        sa.Column("cells", _Json, nullable=False),
        sa.Column("labels", _Json, nullable=True),
        sa.Column("num_done", _Large, nullable=False),
        sa.Column("step", _Large, nullable=False),
        sa.Column("num_steps", _Large, nullable=False),
        sa.Column("sheet_sha256", sa.String(64), nullable=True),
        sa.Column("sheet_size_bytes", _Large, nullable=False),
        sa.Column("failure", _Json, nullable=True),
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("is_cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("revision", _Large, nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("started_at", _Time, nullable=True),
        sa.Column("ended_at", _Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drawing_requests"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_drawing_requests_owner_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_drawing_requests_owner_id_state", "drawing_requests", ["owner_id", "state"])
    op.create_table(
        "drawings",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("request_id", sa.String(26), nullable=False),
        sa.Column("number", _Large, nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("shared", _Json, nullable=False),
        sa.Column("seed", _Large, nullable=False),
        sa.Column("loras", _Json, nullable=False),
        sa.Column("base_model_id", sa.String(300), nullable=False),
        sa.Column("base_model_name", sa.String(300), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", _Large, nullable=False),
        sa.Column("thumbnail_sha256", sa.String(64), nullable=False),
        sa.Column("revision", _Large, nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("deleted_at", _Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drawings"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_drawings_owner_id_accounts", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["drawing_requests.id"], name="fk_drawings_request_id_drawing_requests", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("request_id", "number", name="uq_drawings_request_id_number"),
    )
    op.create_index("ix_drawings_owner_id_id", "drawings", ["owner_id", "id"])
    op.create_table(
        "drawing_loras",
        sa.Column("drawing_id", sa.String(26), nullable=False),
        sa.Column("lora_id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("drawing_id", "lora_id", name="pk_drawing_loras"),
        sa.ForeignKeyConstraint(
            ["drawing_id"], ["drawings.id"], name="fk_drawing_loras_drawing_id_drawings", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_drawing_loras_lora_id", "drawing_loras", ["lora_id"])
