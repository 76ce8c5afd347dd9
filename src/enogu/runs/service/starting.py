"""Starting a run, and starting it again: row, stamina and place in the queue in one transaction.

What is refused is refused before anything is taken, in words, and with every reason that there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from enogu.accounts.entities import Account
from enogu.errors import WrongUse
from enogu.queue import service as queue
from enogu.runs import store
from enogu.runs.entities import Live, Run, RunRefused, TooManyRuns
from enogu.runs.rules import states
from enogu.runs.rules.changing import changed
from enogu.runs.service.ending import left_to_pay, move_run, no_live
from enogu.runs.service.history import FindLora, get_run, list_pictures, no_library
from enogu.runs.service.planning import PlannedRun, RunWish, plan_frozen, plan_run
from enogu.runs.service.recipes import checked_name
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering, NotEnoughStamina, Proposal
from enogu.storage.database import Session, new_id, take_turns

JOB_KIND = "train_run"


def start_run(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    wish: RunWish,
    now: datetime,
    *,
    start_key: str | None = None,
    find_lora: FindLora = no_library,
) -> Run:
    """Freeze what ``wish`` means just now, reserve its stamina and queue it (B8).

    With a ``start_key`` that this account has started a run with already, that run is the answer and nothing else
    happens. Raises what ``plan_run`` raises, RunRefused when the base model cannot be trained or the stamina plan's
    limits are passed, NotEnoughStamina with ways to make it fit, and TooManyRuns.
    """
    _one_start_at_a_time(session, account)
    if start_key is not None:
        if not 1 <= len(start_key) <= store.KEY_LENGTH:
            raise WrongUse(f"The key of a start has 1 to {store.KEY_LENGTH} characters.", "Use a random UUID.")
        earlier = store.find_by_start_key(session, account.id, start_key)
        if earlier is not None:
            return earlier
    planned = plan_run(session, settings, metering, account, wish, now, find_lora=find_lora)
    return _start(session, metering, account, planned, now, start_key=start_key)


def retry_run(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    run_id: str,
    now: datetime,
    *,
    changes: Mapping[str, Any] | None = None,
    find_lora: FindLora = no_library,
) -> Run:
    """Train a failed, cancelled or parked run on, from its last state: its next attempt, which costs what the quote
    has left. With ``changes`` {dotted path: value, None for the default} to the recipe it is another run on the same
    frozen pictures, from the first step; of a finished run as well.

    Raises NotFound, NotInThisState, and what ``start_run`` raises.
    """
    _one_start_at_a_time(session, account)
    run = get_run(session, account.id, run_id)
    if changes:
        return _start_changed(session, settings, metering, account, run, changes, now, find_lora)
    locked = store.lock_run(session, run.id) or run
    states.after("retry", locked)
    _refuse_too_many(session, metering, account, now)
    moved = move_run(
        session, locked, "retry", now,
        attempt=locked.attempt + 1, failure=None, live=no_live(), started_at=None, ended_at=None,
    )  # fmt: skip
    if left_to_pay(moved):
        stamina.reserve(session, metering, account, run.id, left_to_pay(moved), now, attempt=moved.attempt)
    return enqueue_run(session, metering, account, moved, now)


def enqueue_run(session: Session, metering: Metering, account: Account, run: Run, now: datetime) -> Run:
    """Give a queued run its job, by the priority of the account's stamina plan (G3)."""
    standing = stamina.get_balance(session, metering, account, now).standing
    payload: dict[str, Any] = {"attempt": run.attempt}
    if run.expected_seconds is not None:
        payload["seconds"] = run.expected_seconds * (1 - run.checkpoint_step / max(1, run.num_steps))
    job = queue.enqueue(
        session,
        lane="train",
        kind=JOB_KIND,
        owner_id=account.id,
        subject_id=run.id,
        priority=standing.plan.queue_priority,
        now=now,
        payload=payload,
    )
    return store.change_run(session, run.id, job_id=job.id)


def _start_changed(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    run: Run,
    changes: Mapping[str, Any],
    now: datetime,
    find_lora: FindLora,
) -> Run:
    planned = plan_frozen(
        session, settings, metering, account, changed(run.given, changes), list_pictures(session, account.id, run.id),
        now, name=run.name, dataset_id=run.dataset_id, dataset_name=run.dataset_name,
        find_lora=find_lora,
    )  # fmt: skip
    return _start(session, metering, account, planned, now, made_of_run_id=run.id)


def _start(
    session: Session,
    metering: Metering,
    account: Account,
    planned: PlannedRun,
    now: datetime,
    *,
    start_key: str | None = None,
    made_of_run_id: str | None = None,
) -> Run:
    quoted, plan = planned.quoted, planned.plan
    if not planned.can_train:
        raise RunRefused(
            f"The base model '{planned.base_model.name}' cannot be trained on: {planned.why_not}",
            "Choose another base model.",
        )
    if quoted.over_limits:
        raise RunRefused(
            " ".join(f"{one.path}: {one.message}" for one in quoted.over_limits),
            " ".join(one.cure for one in quoted.over_limits),
            quoted.over_limits,
        )
    _refuse_too_many(session, metering, account, now)
    if not quoted.is_affordable:
        raise _too_dear(quoted)
    run = Run(
        id=new_id(),
        owner_id=account.id,
        name=checked_name(planned.name),
        state="queued",
        attempt=1,
        dataset_id=planned.dataset_id,
        dataset_name=planned.dataset_name[: store.NAME_LENGTH],
        base_model=planned.base_model,
        recipe=planned.recipe.model_dump(mode="json"),
        given=planned.given,
        num_pictures=len(planned.pictures),
        step=0,
        num_steps=plan.num_steps,
        epoch=0,
        num_epochs=plan.num_epochs,
        steps_per_epoch=plan.steps_per_epoch,
        quoted=quoted.quote.stamina,
        charged=0,
        paid_epochs=0,
        expected_seconds=planned.expected_seconds,
        live=Live(),
        failure=None,
        device="",
        job_id=None,
        checkpoint_sha256=None,
        checkpoint_step=0,
        older_checkpoint_sha256=None,
        older_checkpoint_step=0,
        made_of_run_id=made_of_run_id,
        start_name="" if planned.start is None else planned.start.name,
        start_sha256=None if planned.start is None else planned.start.sha256,
        num_events=0,
        created_at=now,
        started_at=None,
        ended_at=None,
    )
    store.add_run(session, run, planned.pictures, start_key)
    stamina.reserve(session, metering, account, run.id, run.quoted, now)
    store.add_events(session, run.id, [("StateChanged", {"state": "queued", "attempt": 1})], now)
    return enqueue_run(session, metering, account, run, now)


def _one_start_at_a_time(session: Session, account: Account) -> None:
    """Starts of one account queue up, so that two at once cannot both be the last that is allowed."""
    take_turns(session, f"runs: starts of {account.id}")


def _refuse_too_many(session: Session, metering: Metering, account: Account, now: datetime) -> None:
    if not metering.metered:
        return
    plan = stamina.get_balance(session, metering, account, now).standing.plan
    most = plan.limits.most_waiting_runs
    if most is not None and store.count_runs(session, account.id, states.WAITING_OR_TRAINING) >= most:
        raise TooManyRuns(
            f"{most} of your runs wait or train already, which is what the plan '{plan.name}' allows.",
            "Wait until one ends, or cancel one.",
        )


def _too_dear(quoted: stamina.QuotedRun) -> NotEnoughStamina:
    error = NotEnoughStamina(quoted.quote.stamina, quoted.balance.stamina)
    ways = [_in_words(one) for one in quoted.proposals[:3]]
    if ways:
        error.cure = f"It would fit with {'; or '.join(ways)}. Or wait for tomorrow's stamina."
    return error


def _in_words(proposal: Proposal) -> str:
    changes = [f"{one.path} = {one.after}" for one in proposal.changes]
    if proposal.left_out:
        changes.append(f"{len(proposal.left_out)} fewer pictures")
    return f"{' and '.join(changes)} ({proposal.quote.stamina})"
