"""Identities at OpenID providers, and sign-ins that are under way there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """An identity goes with its account; a sign-in under way is a row for minutes."""
    op.create_table(
        "openid_identities",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_openid_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_openid_identities_issuer_subject"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_openid_identities_account_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_openid_identities_account_id", "openid_identities", ["account_id"])
    op.create_table(
        "openid_sign_ins",
        sa.Column("state_sha256", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("account_id", sa.String(26), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256", name="pk_openid_sign_ins"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_openid_sign_ins_account_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_openid_sign_ins_expires_at", "openid_sign_ins", ["expires_at"])
