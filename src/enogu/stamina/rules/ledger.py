"""How stamina moves: given by the day, reserved at a run's start, settled at its end, refunded by hand (A4, A6).

A run goes one way: nothing → reserved → settled → refunded. Each function takes what is known of the purse and of the
run, and returns the move: the purse and charge as they are then, and what to write into the ledger (``kind`` is None
when there is nothing to write). Doing the same again is therefore harmless: a task that is repeated after a crash
finds its own move done and makes none. What contradicts the ledger is refused and changes nothing.

What holds over every history, and is tested so: a balance is never below zero; it is the sum of its entries; a run
costs at most its quote, and nothing when it fails; stamina never lapses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from enogu.stamina.entities import (
    MOST_STAMINA,
    Charge,
    ChargeRefused,
    EntryKind,
    Metering,
    NotEnoughStamina,
    Outcome,
    Purse,
    StaminaPlan,
    Standing,
    Trial,
)


@dataclass(frozen=True)
class Move:
    """What a rule decided; with ``kind`` None the ledger gets no line."""

    purse: Purse
    kind: EntryKind | None = None
    amount: int = 0
    charge: Charge | None = None


def open_day(purse: Purse, today: date, stamina_per_day: int) -> Move:
    """The first look of a day fills the purse up to ``stamina_per_day``; what is over that stays.

    On the same day again nothing is given, except the difference when the account has come to a plan with more. A day
    before the last one (a clock set back) gives nothing.
    """
    if purse.day is None or today > purse.day:
        given = max(0, stamina_per_day - purse.balance)
    elif today == purse.day and stamina_per_day > purse.level:
        given = stamina_per_day - purse.level
    else:
        return Move(purse)
    opened = Purse(purse.balance + given, today, stamina_per_day)
    return Move(opened, "granted" if given else None, given)


def reserve(purse: Purse, charge: Charge | None, run_id: str, attempt: int, quoted: int) -> Move:
    """Take the quote out of the purse; ``charge`` is what is known of this run and attempt already.

    Raises NotEnoughStamina when the balance is below it, ChargeRefused when the run was reserved at another price or
    has ended already.
    """
    if not 1 <= quoted <= MOST_STAMINA:
        raise ChargeRefused(f"A quote of {quoted} stamina is none.", f"It is 1 to {MOST_STAMINA:,}.")
    if charge is None:
        if quoted > purse.balance:
            raise NotEnoughStamina(quoted, purse.balance)
        reserved = Charge(run_id, attempt, quoted)
        return Move(replace(purse, balance=purse.balance - quoted), "reserved", -quoted, reserved)
    if charge.charged is not None:
        raise ChargeRefused(f"Run {run_id} has ended and is settled.", "Start it anew, as another attempt.")
    if charge.quoted != quoted:
        raise ChargeRefused(f"Run {run_id} was started for {charge.quoted} stamina, not for {quoted}.")
    return Move(purse, charge=charge)


def settle(purse: Purse, charge: Charge, outcome: Outcome) -> Move:
    """Give back what the run did not cost (maybe 0, which is written too: the ledger then shows that it ended).

    The first outcome counts; a later one changes nothing, whatever it says.
    """
    if charge.charged is not None:
        return Move(purse, charge=charge)
    charged = cost_of(charge.quoted, outcome)
    back = charge.quoted - charged
    return Move(replace(purse, balance=purse.balance + back), "settled", back, replace(charge, charged=charged))


def refund(purse: Purse, charge: Charge, stamina: int) -> Move:
    """Give back ``stamina`` of what an ended run cost. Once a run; the same amount again changes nothing.

    Raises ChargeRefused when the run goes on, cost less than that, or was refunded another amount.
    """
    if charge.charged is None:
        raise ChargeRefused(f"Run {charge.run_id} has not ended.", "Cancel it first.")
    if not 1 <= stamina <= charge.charged:
        raise ChargeRefused(
            f"{stamina} stamina cannot be refunded for run {charge.run_id}, which cost {charge.charged}.",
            f"Give 1 to {charge.charged}." if charge.charged else "",
        )
    if charge.refunded is not None and charge.refunded != stamina:
        raise ChargeRefused(f"Run {charge.run_id} was refunded {charge.refunded} stamina already.")
    if charge.refunded is not None:
        return Move(purse, charge=charge)
    refunded = replace(charge, refunded=stamina)
    return Move(replace(purse, balance=purse.balance + stamina), "refunded", stamina, refunded)


def cost_of(quoted: int, outcome: Outcome) -> int:
    """What a run costs by its outcome: its quote, nothing, or the delivered epochs' share, rounded down."""
    if outcome.kind == "succeeded":
        return quoted
    if outcome.kind == "failed":
        return 0
    if outcome.num_epochs < 1 or not 0 <= outcome.delivered_epochs <= outcome.num_epochs:
        raise ChargeRefused(f"{outcome.delivered_epochs} of {outcome.num_epochs} epochs cannot have been delivered.")
    return quoted * outcome.delivered_epochs // outcome.num_epochs


def standing_of(own: StaminaPlan, trials: Sequence[Trial], metering: Metering, today: date) -> Standing:
    """The plan that holds today: the best of those on trial if it gives more than the account's own, else that one."""
    standing = Standing(own, own.stamina_per_day)
    for trial in trials:
        plan = metering.plans.get(trial.plan_name)
        if plan is not None and today < trial.ends_on and plan.trial_stamina > standing.stamina_per_day:
            standing = Standing(plan, plan.trial_stamina, trial.ends_on)
    return standing


def can_try(standing: Standing, trials: Sequence[Trial], metering: Metering) -> tuple[str, ...]:
    """Names of the plans that an account may begin to try: each once, and only what gives more than it has."""
    tried = {trial.plan_name for trial in trials}
    return tuple(
        plan.name
        for plan in metering.plans.values()
        if plan.trial_days and plan.name not in tried and plan.trial_stamina > standing.stamina_per_day
    )


def begin_trial(plan: StaminaPlan, today: date) -> Trial:
    """A trial that begins today, which counts as a whole day."""
    return Trial(plan.name, today + timedelta(days=plan.trial_days))
