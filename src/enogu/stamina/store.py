"""Rows of stamina: purses, the ledger, trials. What may move is decided by ``rules.ledger``; here it is kept.

Everything about one account goes by its purse: who wants to change anything reads that row FOR UPDATE first, so two
starts at once are one after the other. The database holds on its own, too, what must never be: a balance below zero,
two entries of one kind for a run, two entries with one number.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from enogu.accounts.store import AccountRow
from enogu.stamina.entities import Charge, EntryKind, LedgerEntry, Purse, Trial
from enogu.stamina.rules.ledger import Move
from enogu.storage.database import Base, Session, take_turns

REASON_LENGTH = 200
RUN_ID_LENGTH = 26


class PurseRow(Base):
    """What one account has."""

    __tablename__ = "stamina_purses"
    __table_args__ = (CheckConstraint("balance >= 0", name="balance_is_never_below_zero"),)

    account_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"), primary_key=True)
    balance: Mapped[int]
    day: Mapped[date | None] = mapped_column(Date)
    level: Mapped[int]
    num_entries: Mapped[int]


class EntryRow(Base):
    """One line of the ledger; never changed."""

    __tablename__ = "stamina_entries"
    __table_args__ = (UniqueConstraint("run_id", "attempt", "kind"),)

    account_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int]
    balance_after: Mapped[int]
    at: Mapped[datetime]
    run_id: Mapped[str | None] = mapped_column(String(RUN_ID_LENGTH))
    attempt: Mapped[int]
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))


class TrialRow(Base):
    """A stamina plan that an account tries or has tried."""

    __tablename__ = "stamina_trials"

    account_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"), primary_key=True)
    plan_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ends_on: Mapped[date] = mapped_column(Date)


# ---- purses ----------------------------------------------------------------------------------------------------------


def read_purse(session: Session, account_id: str) -> Purse:
    """As it is, an empty one before the first entry. Not for changing it."""
    row = session.get(PurseRow, account_id)
    return Purse() if row is None else _purse(row)


def lock_purse(session: Session, account_id: str) -> Purse:
    """The purse, made if need be, which no other transaction changes until this one ends."""
    row = _locked(session, account_id)
    if row is None:
        take_turns(session, f"stamina: purse of {account_id}")
        row = _locked(session, account_id)
    if row is None:
        row = PurseRow(account_id=account_id, balance=0, day=None, level=0, num_entries=0)
        session.add(row)
        session.flush()
    return _purse(row)


def _locked(session: Session, account_id: str) -> PurseRow | None:
    query = select(PurseRow).where(PurseRow.account_id == account_id).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def write_move(session: Session, account_id: str, move: Move, now: datetime, reason: str = "") -> None:
    """What a rule decided: the purse as it is then, and its line. The purse must be locked (``lock_purse``)."""
    row = session.get_one(PurseRow, account_id)
    row.balance, row.day, row.level = move.purse.balance, move.purse.day, move.purse.level
    if move.kind is not None:
        row.num_entries += 1
        charge = move.charge
        session.add(
            EntryRow(
                account_id=account_id,
                number=row.num_entries,
                kind=move.kind,
                amount=move.amount,
                balance_after=move.purse.balance,
                at=now,
                run_id=None if charge is None else charge.run_id,
                attempt=1 if charge is None else charge.attempt,
                reason=reason[:REASON_LENGTH],
            )
        )
    session.flush()


# ---- the ledger ------------------------------------------------------------------------------------------------------


def list_entries(session: Session, account_id: str, before: int | None, limit: int) -> tuple[LedgerEntry, ...]:
    """Newest first, those with a number below ``before``."""
    query = select(EntryRow).where(EntryRow.account_id == account_id).order_by(EntryRow.number.desc()).limit(limit)
    if before is not None:
        query = query.where(EntryRow.number < before)
    return tuple(_entry(row) for row in session.scalars(query))


def count_entries(session: Session, account_id: str) -> int:
    """How many there are."""
    return session.scalars(select(func.count()).where(EntryRow.account_id == account_id)).one()


def find_owner_of_run(session: Session, run_id: str, attempt: int) -> str | None:
    """The account that this attempt of a run was reserved for."""
    query = select(EntryRow.account_id).where(
        EntryRow.run_id == run_id, EntryRow.attempt == attempt, EntryRow.kind == "reserved"
    )
    return session.scalars(query).one_or_none()


def find_charge(session: Session, run_id: str, attempt: int) -> Charge | None:
    """What this attempt of a run was and is charged, as its entries say."""
    query = select(EntryRow.kind, EntryRow.amount).where(EntryRow.run_id == run_id, EntryRow.attempt == attempt)
    amounts = {kind: amount for kind, amount in session.execute(query)}
    if "reserved" not in amounts:
        return None
    quoted = -amounts["reserved"]
    charged = quoted - amounts["settled"] if "settled" in amounts else None
    return Charge(run_id, attempt, quoted, charged, amounts.get("refunded"))


# ---- trials ----------------------------------------------------------------------------------------------------------


def list_trials(session: Session, account_id: str) -> tuple[Trial, ...]:
    """All of one account's, those that have ended too."""
    query = select(TrialRow).where(TrialRow.account_id == account_id).order_by(TrialRow.plan_name)
    return tuple(Trial(row.plan_name, row.ends_on) for row in session.scalars(query))


def add_trial(session: Session, account_id: str, trial: Trial) -> None:
    """The purse must be locked, so that nobody begins one twice."""
    session.add(TrialRow(account_id=account_id, plan_name=trial.plan_name, ends_on=trial.ends_on))
    session.flush()


# ---- all of one owner's ----------------------------------------------------------------------------------------------


def delete_all(session: Session, account_id: str) -> None:
    """Purse, ledger and trials."""
    for row in (EntryRow, TrialRow, PurseRow):
        session.execute(delete(row).where(row.account_id == account_id))


def _purse(row: PurseRow) -> Purse:
    return Purse(row.balance, row.day, row.level)


def _entry(row: EntryRow) -> LedgerEntry:
    kind: EntryKind = row.kind  # pyright: ignore[reportAssignmentType] (only write_move writes it)
    return LedgerEntry(row.number, kind, row.amount, row.balance_after, row.at, row.run_id, row.attempt, row.reason)
