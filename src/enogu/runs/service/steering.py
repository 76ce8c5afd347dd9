"""What a person does to a run that is there: cancel, pause, resume, save now, sample now, rename, delete (G5).

A run that waits is changed at once. One that a worker has is asked: its job carries the wish, and the worker changes
the run when the engine has stopped and everything it left is kept. Jobs are locked before runs, as workers do it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from enogu.accounts.entities import Account
from enogu.errors import DatabaseFailed
from enogu.queue import service as queue
from enogu.runs import store
from enogu.runs.entities import CANCELLED_BY_ADMINISTRATOR, Failure, NotInThisState, Run
from enogu.runs.rules import states
from enogu.runs.service.ending import move_run
from enogu.runs.service.history import get_run, no_run
from enogu.runs.service.recipes import checked_name
from enogu.runs.service.starting import enqueue_run
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, take_turns

_BY_ADMINISTRATOR = Failure(
    CANCELLED_BY_ADMINISTRATOR, "An administrator cancelled this training.", "Its files stay yours. Train it on later."
)


def cancel_run(session: Session, owner_id: str, run_id: str, now: datetime, *, by_administrator: bool = False) -> Run:
    """Stop it for good; what is delivered stays and is paid for (A4). A waiting or paused one ends at once. When it was
    not its owner, the run says so.

    Raises NotFound, NotInThisState.
    """
    return _stop(session, owner_id, run_id, "cancel", now, _BY_ADMINISTRATOR if by_administrator else None)


def pause_run(session: Session, owner_id: str, run_id: str, now: datetime) -> Run:
    """Free the worker and keep state and stamina. Raises NotFound, NotInThisState."""
    return _stop(session, owner_id, run_id, "pause", now)


def resume_run(session: Session, metering: Metering, account: Account, run_id: str, now: datetime) -> Run:
    """Queue a paused run again: it goes on from its last state, in the same attempt.

    Raises NotFound, NotInThisState.
    """
    take_turns(session, f"runs: starts of {account.id}")
    run = _locked(session, account.id, run_id)
    moved = move_run(session, run, "resume", now, job_id=None)
    return enqueue_run(session, metering, account, moved, now)


def ask_run(session: Session, owner_id: str, run_id: str, what: Literal["save", "sample"], now: datetime) -> Run:
    """Want a file, or previews, of the weights as they are just now. Raises NotFound, NotInThisState."""
    run = get_run(session, owner_id, run_id)
    if run.state != "training" or run.job_id is None:
        raise states.refused(run, {"save": "cannot be saved now", "sample": "cannot be sampled now"}[what])
    queue.ask(session, run.job_id, what, now)
    return run


def rename_run(session: Session, owner_id: str, run_id: str, name: str) -> Run:
    """Its name in the history; files keep theirs. Raises NotFound, WrongUse."""
    run = _locked(session, owner_id, run_id)
    store.rename_run(session, run.id, checked_name(name))
    return get_run(session, owner_id, run_id)


def delete_run(session: Session, owner_id: str, run_id: str) -> None:
    """With its files, previews and curve; what was saved to the library stays. Raises NotFound, NotInThisState."""
    run = _locked(session, owner_id, run_id)
    if not run.is_over:
        raise NotInThisState(f"The run '{run.name}' is {run.state} and cannot be deleted.", "Cancel it first.")
    store.delete_run(session, run.id)


def _stop(
    session: Session,
    owner_id: str,
    run_id: str,
    move: Literal["cancel", "pause"],
    now: datetime,
    reason: Failure | None = None,
) -> Run:
    run = get_run(session, owner_id, run_id)
    states.after(move, run)
    job = None if run.job_id is None or run.state == "paused" else queue.ask(session, run.job_id, move, now)
    locked = _locked(session, owner_id, run_id)
    if locked.job_id != run.job_id:
        raise DatabaseFailed(f"The run '{run.name}' was changed at the same time.", "Try again in a moment.")
    states.after(move, locked)
    if job is not None and job.state == "running":
        return locked if reason is None else store.change_run(session, locked.id, failure=asdict(reason))
    return move_run(session, locked, move, now, failure=reason)


def _locked(session: Session, owner_id: str, run_id: str) -> Run:
    run = store.lock_run(session, run_id)
    if run is None or run.owner_id != owner_id:
        raise no_run(run_id)
    return run
