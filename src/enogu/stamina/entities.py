"""The nouns of stamina: plans, weights of the price, the work of a run, quotes, proposals, purses and ledger entries.

"Plan" alone is a run's plan everywhere in Enogu; what an account is on is a *stamina plan*. Stamina is counted in
whole units. Weights are decimals and not floats, so that a price is the same number on every machine and a sum that
should be 157 is not 157.00000000000003.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from enogu.errors import WrongUse

MOST_STAMINA = 1_000_000_000
"""No price, balance or daily stamina is higher: it fits every database's integer."""


class NotEnoughStamina(WrongUse):
    """A run costs more than the balance; nothing was reserved."""

    def __init__(self, needed: int, balance: int) -> None:
        super().__init__(
            f"This run costs {needed} stamina, and there are {balance}.",
            "Use fewer pictures or fewer steps (repeats, epochs), or wait for tomorrow's stamina.",
        )
        self.needed = needed
        self.balance = balance


class ChargeRefused(WrongUse):
    """A movement in the ledger that contradicts what is written there for the same run."""


class TrialRefused(WrongUse):
    """A stamina plan that cannot be tried, or not again."""


# ---- what the installation decides -----------------------------------------------------------------------------------


def _not_a_bool(value: object) -> object:
    """``true`` would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


_Weight = Annotated[Decimal, BeforeValidator(_not_a_bool), Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_Share = Annotated[Decimal, BeforeValidator(_not_a_bool), Field(ge=0, lt=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(strict=True, ge=0, le=MOST_STAMINA)]
_Limit = Annotated[int, Field(strict=True, ge=1, le=MOST_STAMINA)]


class _Table(BaseModel):
    """A table of the plans file: frozen, and no key that means nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PlanLimits(_Table):
    """What a stamina plan allows at most; None is no limit."""

    most_pictures: _Limit | None = None
    """Pictures of one run."""
    most_steps: _Limit | None = None
    """Steps of one run."""
    most_resolution: _Limit | None = None
    """Training size of one run in pixels."""
    most_waiting_runs: _Limit | None = None
    """Runs of one account that wait or train at the same time."""


class StaminaPlan(_Table):
    """What an account is on: how much stamina a day, how soon its runs start, what they may be (A3)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,50}$")]
    stamina_per_day: _Count
    trial_days: _Count
    """For how many days an account may try this plan, once; 0 when it cannot be tried."""
    trial_stamina: _Count
    """Stamina per day during the trial."""
    queue_priority: Annotated[int, Field(strict=True, ge=1, le=1000)]
    """Runs with a lower number start sooner."""
    limits: PlanLimits = PlanLimits()

    @model_validator(mode="after")
    def _a_trial_gives_something(self) -> Self:
        if (self.trial_days == 0) != (self.trial_stamina == 0):
            raise ValueError("trial_days and trial_stamina are either both 0 or both more")
        return self


class FamilyWeights(_Table):
    """What the parts of a run cost on base models of one family, in stamina."""

    per_picture: Annotated[_Weight, Field(gt=0)]
    """One picture seen once at 512x512, the adapter's share left out."""
    per_step: _Weight
    """One change of the weights, whatever its batch."""
    per_preview_step: _Weight
    """One step of one preview of 512x512."""
    text_share: _Share = Decimal(0)
    """Of ``per_picture``: what is the text encoders' when they learn, the rest is the network's. T5 is not in it."""
    t5_share: _Share = Decimal(0)
    """What T5 costs when it learns, beside ``per_picture`` and measured in it."""
    encoding_share: _Share = Decimal(0)
    """What it costs to encode a picture anew (random crops), beside ``per_picture`` and measured in it."""

    @model_validator(mode="after")
    def _a_larger_size_never_costs_less(self) -> Self:
        if self.per_step * 4 > self.per_picture:
            raise ValueError("per_step is over a quarter of per_picture, so a larger size could cost less")
        return self


class PriceWeights(_Table):
    """All numbers of the price; the formula is in ``rules/price.py``."""

    at_start: _Weight
    """What every run costs before its first step."""
    dim_that_doubles: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    """A LoRA with this dim makes a picture cost twice what it costs with (nearly) none."""
    families: Mapping[str, FamilyWeights]


class Metering(_Table):
    """The plans file: everything about stamina that the installation decides."""

    metered: Annotated[bool, Field(strict=True)]
    """False: nothing is counted and every run may start."""
    default_plan: str
    day_begins_in: str
    """IANA name of the time zone whose midnight begins a new day for everybody."""
    plans: Mapping[str, StaminaPlan]
    price: PriceWeights

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        if self.default_plan not in self.plans:
            raise ValueError(f"default_plan is '{self.default_plan}'; there are: {', '.join(self.plans)}")
        if self.day_begins_in != "UTC":
            try:
                ZoneInfo(self.day_begins_in)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"day_begins_in is '{self.day_begins_in}', which is no known time zone") from error
        return self

    def plan(self, name: str) -> StaminaPlan:
        """The stamina plan called ``name``. Raises WrongUse with the names there are."""
        if name not in self.plans:
            raise WrongUse(f"There is no plan '{name}'.", f"There are: {', '.join(self.plans)}.")
        return self.plans[name]

    def day_of(self, now: datetime) -> date:
        """Which day it is, where days begin."""
        return now.astimezone(self._zone).date()

    def next_day_at(self, now: datetime) -> datetime:
        """When the next day begins, in UTC."""
        midnight = datetime.combine(self.day_of(now) + timedelta(days=1), time(), self._zone)
        return midnight.astimezone(UTC)

    @property
    def _zone(self) -> tzinfo:
        return UTC if self.day_begins_in == "UTC" else ZoneInfo(self.day_begins_in)


# ---- what a run costs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What a run will do, as far as its price goes: derived from the recipe and its plan, and from nothing else."""

    family: str
    """Of the base model: ``sd15``, ``sdxl``, …; a name among the weights."""
    pictures_seen: int
    """Over the whole run: pictures × repeats × epochs."""
    steps: int
    """Changes of the weights, from the real buckets."""
    resolution: int
    """Training size in pixels: the side of a square picture."""
    dim: int
    """Of the network's adapter; 0 when the network does not learn."""
    previews: int = 0
    """Pictures drawn over the whole run."""
    preview_steps: int = 0
    """Of each preview."""
    preview_pixels: int = 0
    """Of each preview: width × height."""
    text_dim: int = 0
    """Of the text encoders' adapter; 0 when they do not learn."""
    text_passes: int = 0
    """Through the text encoders for each picture seen: forward and back when they learn, one when a caption is new each
    time, none when its states are kept; times the windows of 75 tokens."""
    t5_passes: int = 0
    """Through T5, alike."""
    encodings: int = 0
    """Of each picture seen: 1 when it is cut anew each time."""


@dataclass(frozen=True)
class QuotePart:
    """One line of a quote: what for, and how much before rounding."""

    name: Literal["pictures", "steps", "previews", "start"]
    count: int
    """How many of them."""
    stamina: Fraction


@dataclass(frozen=True)
class Quote:
    """What a run costs, and never more (A4)."""

    stamina: int
    parts: tuple[QuotePart, ...]
    work: Work


@dataclass(frozen=True)
class Change:
    """One recipe value to change: its dotted path, what it comes to now, and what to set it to."""

    path: str
    before: int | tuple[str, ...]
    after: int | tuple[str, ...]


Lever = Literal["previews", "repeats", "epochs", "pictures", "several"]


@dataclass(frozen=True)
class Proposal:
    """A change that brings a run within a balance, and what the run then costs (A5)."""

    lever: Lever
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]
    """Keys of the pictures to train without."""
    quote: Quote
    training_kept: Fraction
    """How much is still learnt: pictures seen afterwards ÷ before, 0 to 1."""


# ---- who has how much ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Purse:
    """What one account has now. ``balance`` is never below zero."""

    balance: int = 0
    day: date | None = None
    """The last day whose stamina was given; None before the first."""
    level: int = 0
    """Stamina per day that was given for ``day``; a better plan on the same day adds the difference."""


@dataclass(frozen=True)
class Charge:
    """What one run was and is charged. ``attempt`` tells a retry after a failure from the run before it."""

    run_id: str
    attempt: int
    quoted: int
    """Reserved at the start: the most that it can cost."""
    charged: int | None = None
    """Of that, what it did cost; None until it has ended."""
    refunded: int | None = None
    """Given back afterwards by hand; None when nothing was."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended, as far as its price goes. A cancelled one says how many of its epochs it delivered."""

    kind: Literal["succeeded", "failed", "cancelled"]
    delivered_epochs: int = 0
    num_epochs: int = 1


SUCCEEDED = Outcome("succeeded")
FAILED = Outcome("failed")


def cancelled(delivered_epochs: int, num_epochs: int) -> Outcome:
    """The outcome of a run that was stopped when ``delivered_epochs`` of ``num_epochs`` had been saved."""
    return Outcome("cancelled", delivered_epochs, num_epochs)


EntryKind = Literal["granted", "reserved", "settled", "refunded"]


@dataclass(frozen=True)
class Trial:
    """A stamina plan that an account tries or has tried."""

    plan_name: str
    ends_on: date
    """The first day on which it no longer holds."""


@dataclass(frozen=True)
class Standing:
    """Which stamina plan holds for an account just now: its own, or the one it tries."""

    plan: StaminaPlan
    stamina_per_day: int
    trial_ends_on: date | None = None
    """None when the plan is the account's own."""


@dataclass(frozen=True)
class Balance:
    """What an account may spend just now."""

    is_metered: bool
    """False: nothing is counted, and the numbers mean nothing."""
    stamina: int
    """With today's stamina, whether or not it is in the ledger already."""
    standing: Standing
    next_day_at: datetime
    can_try: tuple[str, ...]
    """Stamina plans that the account has not tried yet and that would give it more."""


@dataclass(frozen=True)
class LedgerEntry:
    """One line of the ledger (A6). The sum of all amounts of an account is its balance."""

    number: int
    """1 for the first of an account; without gaps."""
    kind: EntryKind
    amount: int
    """Stamina: what came (above zero) or went (below). A settled run gives back what it did not cost, maybe 0."""
    balance_after: int
    at: datetime
    run_id: str | None = None
    attempt: int = 1
    reason: str = ""
    """In a word or two: the plan of a grant, the outcome of a run, what a person wrote for a refund."""
