"""Quotes, balances and what happens to stamina in the life of a run (A3 to A6).

A run's life: ``quote_run`` shows what it will cost; ``reserve`` takes that when it starts, in the transaction that
queues it; ``settle`` gives back what it did not cost when it ends. ``reserve`` and ``settle`` may be repeated with the
same arguments as often as a task is repeated. A retry after a failure is another ``attempt`` of the run, since the
first one is settled; a run that is taken over or resumed is not.

With metering off nothing is written and everything may start; what was reserved before is still settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enogu.accounts.entities import Account
from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.errors import NotFound, Problem, WrongUse
from enogu.recipe import PictureSize, TrainRecipe
from enogu.settings import Settings
from enogu.stamina import store
from enogu.stamina.entities import (
    Balance,
    Charge,
    ChargeRefused,
    LedgerEntry,
    Metering,
    Outcome,
    Proposal,
    Purse,
    Quote,
    StaminaPlan,
    Standing,
    TrialRefused,
)
from enogu.stamina.rules import ledger
from enogu.stamina.rules.fit import Wish, proposals_within
from enogu.stamina.rules.limits import over_limits
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Session

PLANS_FILE = "plans.toml"
MOST_LISTED = 200


def read_metering(settings: Settings) -> Metering:
    """The plans file of this installation, ENOGU_HOME/plans.toml, or the one that ships. Raises WrongUse."""
    own = settings.home / PLANS_FILE
    return load_metering(own if own.exists() else SHIPPED)


# ---- before a run ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuotedRun:
    """What a run would cost an account, and what stands against starting it."""

    quote: Quote
    balance: Balance
    is_affordable: bool
    over_limits: tuple[Problem, ...]
    proposals: tuple[Proposal, ...]
    """Ways to make it fit; only when it is not affordable and they were asked for."""


def quote_run(
    session: Session,
    metering: Metering,
    account: Account,
    recipe: TrainRecipe,
    pictures: Sequence[PictureSize],
    family: str,
    now: datetime,
    *,
    with_proposals: bool = False,
) -> QuotedRun:
    """The price of ``recipe`` on these pictures by its true plan (A4). Raises WrongUse when there is nothing to train
    on, or no price for ``family``.
    """
    wish = Wish(recipe, tuple(pictures), family, metering.price)
    quote, balance = wish.quote(), get_balance(session, metering, account, now)
    is_affordable = not metering.metered or quote.stamina <= balance.stamina
    limits = over_limits(balance.standing.plan, quote.work, len(wish.pictures)) if metering.metered else ()
    proposals = proposals_within(wish, balance.stamina) if with_proposals and not is_affordable else ()
    return QuotedRun(quote, balance, is_affordable, limits, proposals)


def require_plan(metering: Metering, plan_name: str) -> None:
    """Raises WrongUse for a plan that this studio does not have."""
    if plan_name not in metering.plans:
        raise WrongUse(f"There is no stamina plan '{plan_name}'.", f"Take one of: {', '.join(metering.plans)}.")


def get_balance(session: Session, metering: Metering, account: Account, now: datetime) -> Balance:
    """What ``account`` may spend, with today's stamina. Writes nothing."""
    trials = store.list_trials(session, account.id)
    today = metering.day_of(now)
    standing = ledger.standing_of(_own_plan(metering, account), trials, metering, today)
    opened = ledger.open_day(store.read_purse(session, account.id), today, standing.stamina_per_day)
    return Balance(
        is_metered=metering.metered,
        stamina=opened.purse.balance,
        standing=standing,
        next_day_at=metering.next_day_at(now),
        can_try=ledger.can_try(standing, trials, metering) if metering.metered else (),
    )


def begin_trial(session: Session, metering: Metering, account: Account, plan_name: str, now: datetime) -> Balance:
    """Try a plan, once; its stamina is there at once. Raises WrongUse for an unknown plan, TrialRefused."""
    plan = metering.plan(plan_name)
    purse = store.lock_purse(session, account.id)
    trials = store.list_trials(session, account.id)
    today = metering.day_of(now)
    standing = ledger.standing_of(_own_plan(metering, account), trials, metering, today)
    if not metering.metered or plan.name not in ledger.can_try(standing, trials, metering):
        allowed = ", ".join(ledger.can_try(standing, trials, metering)) if metering.metered else ""
        raise TrialRefused(
            f"The plan '{plan.name}' cannot be tried, or not again, or gives no more than there is.",
            f"These can: {allowed}." if allowed else "",
        )
    # First today's stamina of the plan until now, so that its line in the ledger comes before the trial's.
    opened = ledger.open_day(purse, today, standing.stamina_per_day)
    store.write_move(session, account.id, opened, now, standing.plan.name)
    store.add_trial(session, account.id, ledger.begin_trial(plan, today))
    _open_day(session, metering, account, now)
    return get_balance(session, metering, account, now)


# ---- in the life of a run --------------------------------------------------------------------------------------------


def reserve(
    session: Session, metering: Metering, account: Account, run_id: str, quoted: int, now: datetime, *, attempt: int = 1
) -> Charge | None:
    """Take ``quoted`` stamina for a run that is about to be queued; None with metering off.

    Raises NotEnoughStamina, or ChargeRefused when this attempt was reserved at another price, is settled, or is
    somebody else's. Doing it again changes nothing.
    """
    if not metering.metered:
        return None
    _open_day(session, metering, account, now)
    owner = store.find_owner_of_run(session, run_id, attempt)
    if owner not in (None, account.id):
        raise ChargeRefused(f"Run {run_id} is somebody else's.")
    purse = store.lock_purse(session, account.id)
    move = ledger.reserve(purse, store.find_charge(session, run_id, attempt), run_id, attempt, quoted)
    store.write_move(session, account.id, move, now)
    return move.charge


def settle(session: Session, run_id: str, outcome: Outcome, now: datetime, *, attempt: int = 1) -> Charge | None:
    """Charge what a run costs by how it ended, and give the rest back; None when nothing was reserved for it.

    The first outcome counts, so doing it again changes nothing. Raises ChargeRefused for an impossible outcome.
    """
    owner = store.find_owner_of_run(session, run_id, attempt)
    if owner is None:
        return None
    return _move_of_run(
        session,
        owner,
        run_id,
        attempt,
        now,
        _words(outcome),
        lambda purse, charge: ledger.settle(purse, charge, outcome),
    )


def refund(session: Session, run_id: str, stamina: int, reason: str, now: datetime, *, attempt: int = 1) -> Charge:
    """Give back ``stamina`` of what an ended run cost; for an administrator. Once a run.

    Raises NotFound when nothing was reserved for it, ChargeRefused when it goes on, cost less or was refunded already.
    """
    owner = store.find_owner_of_run(session, run_id, attempt)
    if owner is None:
        raise NotFound(f"Nothing was charged for run {run_id}.", "Take the run's id from the ledger.")
    return _move_of_run(
        session, owner, run_id, attempt, now, reason, lambda purse, charge: ledger.refund(purse, charge, stamina)
    )


def list_entries(
    session: Session, metering: Metering, account: Account, now: datetime, before: int | None = None, limit: int = 50
) -> tuple[LedgerEntry, ...]:
    """A page of the ledger, newest first (A6); the next one begins ``before`` the last number of this one.

    Today's stamina is in it even when nothing was written yet, so that the amounts always add up to the balance.
    """
    entries = store.list_entries(session, account.id, before, max(1, min(limit, MOST_LISTED)))
    if before is not None or not metering.metered:
        return entries
    standing = get_balance(session, metering, account, now).standing
    opened = ledger.open_day(store.read_purse(session, account.id), metering.day_of(now), standing.stamina_per_day)
    if opened.kind is None:
        return entries
    number = store.count_entries(session, account.id) + 1
    todays = LedgerEntry(number, opened.kind, opened.amount, opened.purse.balance, now, reason=standing.plan.name)
    return (todays, *entries)


class StaminaData:
    """What this slice keeps for an owner (J3)."""

    slice_name = "stamina"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """The whole ledger as one record, oldest first, and the trials."""
        entries: list[LedgerEntry] = []
        before: int | None = None
        while page := store.list_entries(session, owner_id, before, MOST_LISTED):
            entries += page
            before = page[-1].number
        yield ExportedRecord(
            "stamina/ledger.json",
            {
                "balance": store.read_purse(session, owner_id).balance,
                "entries": [_exported(entry) for entry in reversed(entries)],
                "trials": [
                    {"plan": one.plan_name, "ends_on": one.ends_on.isoformat()}
                    for one in store.list_trials(session, owner_id)
                ],
            },
        )

    def delete(self, session: Session, owner_id: str) -> None:
        """Everything. A run that goes on is the slice's to refuse that knows runs; settling it later finds nothing."""
        store.delete_all(session, owner_id)


def _own_plan(metering: Metering, account: Account) -> StaminaPlan:
    """The account's, or the default one when the plans file no longer has it: nobody is locked out by an edit."""
    return metering.plans.get(account.plan_name, metering.plans[metering.default_plan])


def _open_day(session: Session, metering: Metering, account: Account, now: datetime) -> Standing:
    purse = store.lock_purse(session, account.id)
    today = metering.day_of(now)
    standing = ledger.standing_of(_own_plan(metering, account), store.list_trials(session, account.id), metering, today)
    store.write_move(
        session, account.id, ledger.open_day(purse, today, standing.stamina_per_day), now, standing.plan.name
    )
    return standing


def _move_of_run(
    session: Session,
    owner_id: str,
    run_id: str,
    attempt: int,
    now: datetime,
    reason: str,
    rule: Callable[[Purse, Charge], ledger.Move],
) -> Charge:
    """Apply ``rule`` to the purse and the charge as they are once nobody else can change them."""
    purse = store.lock_purse(session, owner_id)
    charge = store.find_charge(session, run_id, attempt)
    if charge is None:
        raise NotFound(f"Nothing was charged for run {run_id}.", "Its owner may have deleted the account.")
    move = rule(purse, charge)
    store.write_move(session, owner_id, move, now, reason)
    return move.charge or charge


def _words(outcome: Outcome) -> str:
    if outcome.kind == "cancelled":
        return f"cancelled after {outcome.delivered_epochs} of {outcome.num_epochs} epochs"
    return outcome.kind


def _exported(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "kind": entry.kind,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "at": entry.at.isoformat(),
        "run_id": entry.run_id,
        "attempt": entry.attempt,
        "reason": entry.reason,
    }
