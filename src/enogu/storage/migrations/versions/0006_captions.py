"""Imported vocabularies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """A list of tags, the tags, and every beginning by which one is found."""
    large = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "vocabularies",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("num_tags", large, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vocabularies"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_vocabularies_owner_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_vocabularies_owner_id", "vocabularies", ["owner_id"])
    op.create_table(
        "vocabulary_tags",
        sa.Column("vocabulary_id", sa.String(26), nullable=False),
        sa.Column("number", large, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("category", sa.String(10), nullable=False),
        sa.Column("count", large, nullable=False),
        sa.Column("translation", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("vocabulary_id", "number", name="pk_vocabulary_tags"),
        sa.ForeignKeyConstraint(
            ["vocabulary_id"], ["vocabularies.id"], name="fk_vocabulary_tags_vocabulary_id_vocabularies",
            ondelete="CASCADE",
        ),
    )  # fmt: skip
    for table in ("vocabulary_keys", "vocabulary_heads"):
        op.create_table(
            table,
            sa.Column("vocabulary_id", sa.String(26), nullable=False),
            sa.Column("key", sa.LargeBinary(120), nullable=False),
            sa.Column("kind", large, nullable=False, autoincrement=False),
            sa.Column("count", large, nullable=False, autoincrement=False),
            sa.Column("number", large, nullable=False, autoincrement=False),
            sa.PrimaryKeyConstraint("vocabulary_id", "key", "kind", "count", "number", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["vocabulary_id"], ["vocabularies.id"], name=f"fk_{table}_vocabulary_id_vocabularies",
                ondelete="CASCADE",
            ),
            sqlite_with_rowid=False,
        )  # fmt: skip
