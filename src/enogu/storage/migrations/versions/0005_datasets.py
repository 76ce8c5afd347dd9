"""Datasets, their pictures, the journal of captions, taggers, and what tasks on them keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Six tables that go with their account."""
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(480), nullable=False),
        sa.Column("trigger_word", sa.String(100), nullable=False),
        sa.Column("crop", _JSON, nullable=False),
        sa.Column("tag", _JSON, nullable=False),
        sa.Column("num_pictures", _INTEGER, nullable=False),
        sa.Column("cover_sha256", sa.String(64), nullable=True),
        sa.Column("captions_revision", _INTEGER, nullable=False),
        sa.Column("num_edits", _INTEGER, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_datasets_owner_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_datasets_deleted_at", "datasets", ["deleted_at"])
    op.create_index("ix_datasets_owner_id", "datasets", ["owner_id"])
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("dataset_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("position", _INTEGER, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", _INTEGER, nullable=False),
        sa.Column("format", sa.String(10), nullable=False),
        sa.Column("width", _INTEGER, nullable=False),
        sa.Column("height", _INTEGER, nullable=False),
        sa.Column("notes", _JSON, nullable=False),
        sa.Column("pixel_sha256", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(200), nullable=True),
        sa.Column("blur", sa.Double(), nullable=False),
        sa.Column("bright_level", sa.Double(), nullable=False),
        sa.Column("dark_level", sa.Double(), nullable=False),
        sa.Column("thumbnail_sha256", sa.String(64), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("has_caption", sa.Boolean(), nullable=False),
        sa.Column("repeats", _INTEGER, nullable=False),
        sa.Column("class_tokens", sa.String(300), nullable=False),
        sa.Column("crop", _JSON, nullable=True),
        sa.Column("cropped_sha256", sa.String(64), nullable=True),
        sa.Column("cropped_thumbnail_sha256", sa.String(64), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_pictures_dataset_id_datasets", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_pictures_dataset_id_position", "pictures", ["dataset_id", "position"])
    op.create_index("ix_pictures_dataset_id_sha256", "pictures", ["dataset_id", "sha256"])
    op.create_index("ix_pictures_deleted_at", "pictures", ["deleted_at"])
    op.create_table(
        "caption_edits",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("dataset_id", sa.String(26), nullable=False),
        sa.Column("number", _INTEGER, nullable=False),
        sa.Column("words", sa.String(300), nullable=False),
        sa.Column("num_pictures", _INTEGER, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_undone", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", _INTEGER, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_caption_edits"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_caption_edits_dataset_id_datasets", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("dataset_id", "number", name="uq_caption_edits_dataset_id_number"),
    )
    op.create_table(
        "taggers",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(256), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("recommended_threshold", sa.Double(), nullable=False),
        sa.Column("num_tags", _INTEGER, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=True),
        sa.Column("csv_sha256", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_taggers"),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_taggers_owner_id_accounts", ondelete="CASCADE"),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_taggers_owner_id_name_key"),
    )
    op.create_table(
        "dataset_uploads",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dataset_uploads"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_dataset_uploads_owner_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_dataset_uploads_job_id", "dataset_uploads", ["job_id"])
    op.create_index("ix_dataset_uploads_owner_id", "dataset_uploads", ["owner_id"])
    op.create_table(
        "task_pictures",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("picture_id", sa.String(26), nullable=False),
        sa.Column("tagged", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "picture_id", name="pk_task_pictures"),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["pictures.id"], name="fk_task_pictures_picture_id_pictures", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_task_pictures_picture_id", "task_pictures", ["picture_id"])
