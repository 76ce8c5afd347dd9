"""Stamina over HTTP: balance, plans, quotes, ledger, trials; refunds for an administrator (A3 to A6).

The price and the plans come from ``app.state.metering``, read once when the server starts.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from enogu.accounts.asking import Admin, OneTransaction, SomeCaller
from enogu.recipe import PictureSize, recipe_from_values
from enogu.stamina import service
from enogu.stamina.entities import Balance, EntryKind, Lever, Metering, Proposal, Quote
from enogu.storage.database import utc_now
from enogu.words.answers import Words

router = APIRouter(prefix="/api/stamina", tags=["stamina"])

MOST_PICTURES = 10_000
MOST_SIDE = 1_000_000
_RunId = Annotated[str, Field(min_length=1, max_length=26)]


def _metering(request: Request) -> Metering:
    return request.app.state.metering


TheMetering = Annotated[Metering, Depends(_metering)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PictureToQuote(_Body):
    """One picture as far as the price cares."""

    key: str = Field(min_length=1, max_length=300)
    width: int = Field(ge=1, le=MOST_SIDE)
    height: int = Field(ge=1, le=MOST_SIDE)
    repeats: int = Field(default=1, ge=1, le=10_000)


class RunToQuote(_Body):
    """A run that somebody thinks about."""

    recipe: dict[str, Any]
    """Sections and fields as in a recipe file; what is left out has its default."""
    pictures: list[PictureToQuote] = Field(min_length=1, max_length=MOST_PICTURES)
    family: str = Field(min_length=1, max_length=50)
    """Of the base model."""
    make_it_fit: bool = False
    """Whether proposals are wanted when it costs more than there is."""


class PlanToTry(_Body):
    """Which plan."""

    plan: str = Field(min_length=1, max_length=50)


class Refund(_Body):
    """Stamina to give back to whoever the run was charged to."""

    stamina: int = Field(ge=1, le=2**31)
    reason: str = Field(min_length=1, max_length=200)
    attempt: int = Field(default=1, ge=1, le=2**31)


class BalanceShown(BaseModel):
    """What one may spend just now."""

    is_metered: bool
    stamina: int
    plan: str
    stamina_per_day: int
    trial_ends_on: date | None
    next_day_at: datetime
    can_try: list[str]


class LimitsShown(BaseModel):
    """None is no limit."""

    most_pictures: int | None
    most_steps: int | None
    most_resolution: int | None
    most_waiting_runs: int | None


class PlanShown(BaseModel):
    """One stamina plan of this studio."""

    name: str
    stamina_per_day: int
    trial_days: int
    trial_stamina: int
    queue_priority: int
    limits: LimitsShown


class PartShown(BaseModel):
    """One line of a quote, before rounding."""

    name: Literal["pictures", "steps", "previews", "start"]
    count: int
    stamina: float


class QuoteShown(BaseModel):
    """What a run costs."""

    stamina: int
    steps: int
    parts: list[PartShown]


class ChangeShown(BaseModel):
    """One recipe value to change."""

    path: str
    before: int | list[str]
    after: int | list[str]


class ProposalShown(BaseModel):
    """One way to make a run fit."""

    lever: Lever
    changes: list[ChangeShown]
    left_out: list[str]
    quote: QuoteShown
    training_kept: float
    """How much is still learnt, 0 to 1."""


class ProblemShown(BaseModel):
    """What stands against a run: field, reason, cure."""

    path: str
    message: Words
    cure: Words


class QuotedRunShown(BaseModel):
    """A quote beside the balance."""

    quote: QuoteShown
    balance: BalanceShown
    is_affordable: bool
    over_limits: list[ProblemShown]
    proposals: list[ProposalShown]


class EntryShown(BaseModel):
    """One line of the ledger."""

    number: int
    kind: EntryKind
    amount: int
    balance_after: int
    at: datetime
    run_id: str | None
    attempt: int
    reason: Words


class ChargeShown(BaseModel):
    """What one attempt of a run was and is charged."""

    run_id: str
    attempt: int
    quoted: int
    charged: int | None
    refunded: int | None


@router.get("")
def get_balance(session: OneTransaction, caller: SomeCaller, metering: TheMetering) -> BalanceShown:
    """What one may spend, with today's stamina."""
    return _balance(service.get_balance(session, metering, caller.account, utc_now()))


@router.get("/plans")
def list_plans(caller: SomeCaller, metering: TheMetering) -> list[PlanShown]:
    """The plans of this studio (A3)."""
    return [PlanShown(**plan.model_dump()) for plan in metering.plans.values()]


@router.get("/ledger")
def list_entries(
    session: OneTransaction,
    caller: SomeCaller,
    metering: TheMetering,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=service.MOST_LISTED)] = 50,
) -> list[EntryShown]:
    """Every charge and refund with its run, newest first (A6). The next page is ``before`` this one's last number."""
    found = service.list_entries(session, metering, caller.account, utc_now(), before, limit)
    return [EntryShown(**asdict(entry)) for entry in found]


@router.post("/quote")
def quote_run(body: RunToQuote, session: OneTransaction, caller: SomeCaller, metering: TheMetering) -> QuotedRunShown:
    """What a run would cost, from its true plan (A4), and how to make it fit (A5). Nothing is kept."""
    quoted = service.quote_run(
        session,
        metering,
        caller.account,
        recipe_from_values(body.recipe),
        [PictureSize(one.key, one.width, one.height, one.repeats) for one in body.pictures],
        body.family,
        utc_now(),
        with_proposals=body.make_it_fit,
    )
    return QuotedRunShown(
        quote=_quote(quoted.quote),
        balance=_balance(quoted.balance),
        is_affordable=quoted.is_affordable,
        over_limits=[ProblemShown(path=one.path, message=one.message, cure=one.cure) for one in quoted.over_limits],
        proposals=[_proposal(one) for one in quoted.proposals],
    )


@router.post("/trials", status_code=201)
def begin_trial(body: PlanToTry, session: OneTransaction, caller: SomeCaller, metering: TheMetering) -> BalanceShown:
    """Try a plan for its days, once (A3)."""
    return _balance(service.begin_trial(session, metering, caller.account, body.plan, utc_now()))


@router.post("/runs/{run_id}/refund", status_code=201)
def refund(body: Refund, run_id: Annotated[_RunId, Path()], session: OneTransaction, caller: Admin) -> ChargeShown:
    """Give stamina back for a run that has ended; once, by an administrator."""
    charge = service.refund(session, run_id, body.stamina, body.reason, utc_now(), attempt=body.attempt)
    return ChargeShown(**asdict(charge))


def _balance(balance: Balance) -> BalanceShown:
    standing = balance.standing
    return BalanceShown(
        is_metered=balance.is_metered,
        stamina=balance.stamina,
        plan=standing.plan.name,
        stamina_per_day=standing.stamina_per_day,
        trial_ends_on=standing.trial_ends_on,
        next_day_at=balance.next_day_at,
        can_try=list(balance.can_try),
    )


def _quote(quote: Quote) -> QuoteShown:
    parts = [PartShown(name=one.name, count=one.count, stamina=float(one.stamina)) for one in quote.parts]
    return QuoteShown(stamina=quote.stamina, steps=quote.work.steps, parts=parts)


def _proposal(proposal: Proposal) -> ProposalShown:
    return ProposalShown(
        lever=proposal.lever,
        changes=[
            ChangeShown(path=one.path, before=_listed(one.before), after=_listed(one.after)) for one in proposal.changes
        ],
        left_out=list(proposal.left_out),
        quote=_quote(proposal.quote),
        training_kept=float(proposal.training_kept),
    )


def _listed(value: int | tuple[str, ...]) -> int | list[str]:
    return list(value) if isinstance(value, tuple) else value
