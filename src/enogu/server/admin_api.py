"""What an administrator does: accounts, workers, the queue and what is taken out of it. Never anybody's pictures or
prompts.

Passwords are set by chance and shown once; an administrator never learns one that a person chose. What gives power over
somebody else's account is for a person who is signed in, not for a script's token. Each change is told in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from enogu.accounts import passwords, service
from enogu.accounts.asking import Admin, OneTransaction, TheDoor, identify, require_person
from enogu.accounts.entities import DEFAULT_PLAN, Account, Caller
from enogu.drawings import service as drawings
from enogu.errors import NotFound, WrongUse
from enogu.queue import service as queue
from enogu.queue.entities import Ask, Job, JobOver, JobState, Lane, Worker
from enogu.runs import service as runs
from enogu.stamina import service as stamina
from enogu.stamina.api import TheMetering
from enogu.storage.database import Session, reading, transaction, utc_now

router = APIRouter(prefix="/api/admin", tags=["admin"])
_log = structlog.get_logger("enogu.admin")


def _admin_in_person(caller: Admin) -> Caller:
    return require_person(caller)


AdminInPerson = Annotated[Caller, Depends(_admin_in_person, scope="function")]
AccountId = Annotated[str, Path(min_length=1, max_length=26)]
PlanName = Annotated[str, Field(min_length=1, max_length=64)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewAccount(_Body):
    """An account to make for somebody."""

    name: str = Field(min_length=1, max_length=200)
    is_admin: bool = False
    plan_name: PlanName = DEFAULT_PLAN


class AccountChange(_Body):
    """What is to be different; what is left out stays."""

    plan_name: PlanName | None = None
    is_admin: bool | None = None


class AccountSeen(BaseModel):
    """An account as an administrator sees it."""

    id: str
    name: str
    is_admin: bool
    plan_name: str
    has_password: bool
    created_at: datetime


class AccountMade(BaseModel):
    """A new account, with the password to hand over."""

    account: AccountSeen
    password: str
    """Shown here and never again; the person changes it after signing in."""


class PasswordMade(BaseModel):
    """A password by chance."""

    password: str
    """Shown here and never again; the person changes it after signing in."""


class KeysRevoked(BaseModel):
    """What signing somebody out came to."""

    num_revoked: int
    """Sign-ins and API tokens that were worth something until now."""


class WorkerSeen(BaseModel):
    """A process that takes jobs."""

    id: str
    device: str
    device_name: str
    memory_bytes: int | None
    """Of the graphics card, or main memory where the processor computes; null when it is not known."""
    lanes: list[Lane]
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None
    is_alive: bool


class JobSeen(BaseModel):
    """A job as far as it concerns who runs the studio: whose, of what kind, how far. Not what is in it."""

    id: str
    lane: Lane
    kind: str
    state: JobState
    owner_id: str
    position: int | None
    """Among those that wait in its lane, from 1; null when it runs."""
    may_be_cancelled: bool
    """By an administrator: trainings and drawings."""
    priority: int
    attempts: int
    deaths: int
    worker_id: str | None
    created_at: datetime
    started_at: datetime | None
    beat_at: datetime | None
    asked: list[Ask]


class QueueSeen(BaseModel):
    """What waits and runs."""

    counts: dict[Lane, dict[JobState, int]]
    jobs: list[JobSeen]
    """Running ones first, then in the order in which they come; at most as many as were asked for."""


@router.get("/accounts")
def list_accounts(
    session: OneTransaction,
    caller: Admin,
    search: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=service.MOST_LISTED)] = 50,
) -> list[AccountSeen]:
    """All accounts, oldest first; the next page is ``after`` this one's last id. ``search``: a part of the name."""
    return [_seen(one) for one in service.list_accounts(session, after, limit, search)]


@router.post("/accounts", status_code=201)
def create_account(body: NewAccount, request: Request, door: TheDoor, metering: TheMetering) -> AccountMade:
    """A new account with a password by chance."""
    with reading(door.engine) as session:
        caller = _checked(request, session, door)
    stamina.require_plan(metering, body.plan_name)
    password = passwords.new_password()
    password_hash = passwords.hash_password(password, body.name)  # no transaction is open while this takes its time
    with transaction(door.engine) as session:
        account = service.create_account(
            session, body.name, password_hash, utc_now(), is_admin=body.is_admin, plan_name=body.plan_name
        )
    _log.info("account_created", by=caller.account.id, account=account.id, is_admin=body.is_admin)
    return AccountMade(account=_seen(account), password=password)


@router.get("/accounts/{account_id}")
def get_account(account_id: AccountId, session: OneTransaction, caller: Admin) -> AccountSeen:
    """One account."""
    return _seen(service.get_account(session, account_id))


@router.patch("/accounts/{account_id}")
def change_account(
    body: AccountChange, account_id: AccountId, session: OneTransaction, caller: AdminInPerson, metering: TheMetering
) -> AccountSeen:
    """Another stamina plan, or an administrator more or less. The last administrator stays one."""
    if body.plan_name is not None:
        stamina.require_plan(metering, body.plan_name)
        service.set_plan(session, account_id, body.plan_name)
    if body.is_admin is not None:
        service.set_admin(session, account_id, body.is_admin)
    changes = body.model_dump(exclude_none=True)
    _log.info("account_changed", by=caller.account.id, account=account_id, **changes)
    return _seen(service.get_account(session, account_id))


@router.post("/accounts/{account_id}/password")
def reset_password(account_id: AccountId, request: Request, door: TheDoor) -> PasswordMade:
    """A new password by chance, to hand over; everywhere the person is signed out."""
    with reading(door.engine) as session:
        caller = _checked(request, session, door)
        account = service.get_account(session, account_id)
    password = passwords.new_password()
    password_hash = passwords.hash_password(password, account.name)
    with transaction(door.engine) as session:
        service.set_password(session, account_id, password_hash)
    _log.info("password_reset", by=caller.account.id, account=account_id)
    return PasswordMade(password=password)


@router.delete("/accounts/{account_id}/keys")
def revoke_keys(account_id: AccountId, session: OneTransaction, caller: AdminInPerson) -> KeysRevoked:
    """Sign somebody out everywhere, and take all their API tokens back."""
    service.get_account(session, account_id)
    num_revoked = service.revoke_keys(session, account_id)
    _log.info("keys_revoked", by=caller.account.id, account=account_id, num_revoked=num_revoked)
    return KeysRevoked(num_revoked=num_revoked)


@router.delete("/accounts/{account_id}", status_code=204)
def delete_account(account_id: AccountId, door: TheDoor, session: OneTransaction, caller: AdminInPerson) -> None:
    """Delete an account and everything that is its own (J3). There is no way back."""
    service.delete_account(session, account_id, door.owned_data)
    _log.info("account_deleted", by=caller.account.id, account=account_id)


@router.get("/workers")
def list_workers(session: OneTransaction, caller: Admin) -> list[WorkerSeen]:
    """Workers that were seen within a week, and whether they are alive."""
    alive = {one.id for one in queue.list_live_workers(session, utc_now())}
    return [_worker(one, one.id in alive) for one in queue.list_workers(session)]


@router.get("/queue")
def get_queue(
    session: OneTransaction, caller: Admin, limit: Annotated[int, Query(ge=0, le=queue.MOST_LISTED)] = 100
) -> QueueSeen:
    """What waits and runs, whoever's it is; without what is in it."""
    counts: dict[Lane, dict[JobState, int]] = {}
    for (lane, state), count in queue.count_jobs(session).items():
        counts.setdefault(lane, {})[state] = count
    places: dict[Lane, int] = {}
    jobs: list[JobSeen] = []
    for job in queue.list_going_on(session, limit):
        if job.state == "waiting":
            places[job.lane] = places.get(job.lane, 0) + 1
        jobs.append(_job(job, places[job.lane] if job.state == "waiting" else None))
    return QueueSeen(counts=counts, jobs=jobs)


@router.post("/queue/{job_id}/cancel", status_code=202)
def cancel_job(
    job_id: Annotated[str, Path(min_length=1, max_length=26)], session: OneTransaction, caller: AdminInPerson
) -> JobSeen:
    """Cancel somebody's training or drawing, as they could themselves: what was made by then is theirs, and a training
    costs the epochs that it delivered. One that waits is over at once, one that runs when its worker has heard of it.
    """
    job = queue.find_job(session, job_id)
    if job is None:
        raise NotFound("There is no such job.", "It may have been deleted.")
    if job.has_ended:
        raise JobOver("This has ended already.", "Look at the queue again.")
    cancel = _CANCELS.get(job.kind)
    if cancel is None:
        raise WrongUse("Only trainings and drawings can be cancelled here.", "Wait until it has ended.")
    cancel(session, job.owner_id, job.subject_id, utc_now())
    _log.info("job_cancelled", by=caller.account.id, job=job.id, kind=job.kind, owner=job.owner_id)
    return _job(queue.find_job(session, job_id) or job, None)


_CANCELS: dict[str, Callable[[Session, str, str, datetime], object]] = {
    "train_run": partial(runs.cancel_run, by_administrator=True),
    "draw": drawings.cancel_request,
}
"""By the kind of job. Other work is over within minutes, and what it is about would have to be told."""


def _checked(request: Request, session: Session, door: TheDoor) -> Caller:
    """For routes that open their transactions themselves, since hashing takes long."""
    caller = require_person(identify(request, session, door))
    service.require_admin(caller)
    return caller


def _seen(account: Account) -> AccountSeen:
    return AccountSeen(
        id=account.id,
        name=account.name,
        is_admin=account.is_admin,
        plan_name=account.plan_name,
        has_password=account.has_password,
        created_at=account.created_at,
    )


def _worker(worker: Worker, is_alive: bool) -> WorkerSeen:
    return WorkerSeen(
        id=worker.id,
        device=worker.device,
        device_name=worker.device_name,
        memory_bytes=worker.memory_bytes,
        lanes=list(worker.lanes),
        started_at=worker.started_at,
        beat_at=worker.beat_at,
        stopped_at=worker.stopped_at,
        is_alive=is_alive,
    )


def _job(job: Job, position: int | None) -> JobSeen:
    return JobSeen(
        id=job.id,
        lane=job.lane,
        kind=job.kind,
        state=job.state,
        owner_id=job.owner_id,
        position=position,
        may_be_cancelled=job.kind in _CANCELS and not job.has_ended,
        priority=job.priority,
        attempts=job.attempts,
        deaths=job.deaths,
        worker_id=job.worker_id,
        created_at=job.created_at,
        started_at=job.started_at,
        beat_at=job.beat_at,
        asked=sorted(job.asked),
    )
