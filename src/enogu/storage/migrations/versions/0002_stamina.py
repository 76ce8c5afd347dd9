"""Stamina: purses, the ledger, trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Three tables that go with their account."""
    op.create_table(
        "stamina_purses",
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("balance", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("level", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("num_entries", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_stamina_purses"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_stamina_purses_account_id_accounts", ondelete="CASCADE"
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_stamina_purses_balance_is_never_below_zero")),
    )
    op.create_table(
        "stamina_entries",
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("balance_after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(26), nullable=True),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_stamina_entries"),
        sa.UniqueConstraint("run_id", "attempt", "kind", name="uq_stamina_entries_run_id_attempt_kind"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_stamina_entries_account_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "stamina_trials",
        sa.Column("account_id", sa.String(26), nullable=False),
        sa.Column("plan_name", sa.String(64), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "plan_name", name="pk_stamina_trials"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_stamina_trials_account_id_accounts", ondelete="CASCADE"
        ),
    )
