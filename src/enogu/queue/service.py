"""The queue: what is done next, by whom, and what happens when a worker dies (docs/decisions/0012_queue.md).

For a slice. ``enqueue`` in the transaction that writes the row that the job is about: both are kept, or neither.
``find_position`` and ``expect_start`` say how long it will be; ``ask`` passes on what a person wants of it.

For a worker. ``take_next`` or ``begin`` gives a job together with a fencing token. From then on every transaction that
writes anything in the job's name begins with ``hold``, which raises LostJob when the token is old: so a worker that
slept while another took its job over cannot write over that one's work. ``beat`` every two seconds; ``end`` at the end,
best in the same transaction as the last result. ``give_back`` when the worker stops and the job does not.

For who looks after the dead. ``reap`` every few seconds, by every worker: jobs that were not heard of are dispatched
again, or parked when two workers died of them without progress. Nothing here is a matter of one process's memory.

Times are the caller's ``now``; workers on several machines take ``read_now``, the database's clock.
Order everywhere: (priority, turn, id). Turns are start-time fair queueing (Goyal, Vin, Cheng 1996): each owner's jobs
stand in successive rounds, and who comes new stands in the round that is being served.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from enogu.errors import DatabaseFailed, NotFound
from enogu.queue import store
from enogu.queue.entities import (
    LANES,
    MOST_DEATHS,
    SILENT_SECONDS,
    Ask,
    Job,
    JobOver,
    JobState,
    Lane,
    LostJob,
    Position,
    Worker,
)
from enogu.storage.database import Engine, Session, new_id, reading, said_in_words, take_turns, transaction, utc_now

MOST_LISTED = 200
WAIT_FOR_OTHERS_SECONDS = 600
"""How long a process waits for another one that makes the tables of the wake-ups."""
FORGET_WORKERS_AFTER = timedelta(days=7)
FORGET_WAKES_AFTER = timedelta(hours=1)

_PREPARED_FORMAT = 1  # grows when the queues that ``durable.make_tables`` registers change


def prepare(engine: Engine) -> None:
    """Make, where they are missing or old, the tables of the durable wake-ups in the same database, and the queues.

    Called at every start after ``migrate``, by every process, in any order. When all is there it costs two queries and
    does not import DBOS. Raises DatabaseFailed.
    """
    wanted = _wanted()
    with said_in_words(engine):
        if store.is_prepared(engine, wanted):
            return
        try:
            with store.only_one_prepares(engine, WAIT_FOR_OTHERS_SECONDS):
                if store.is_prepared(engine, wanted):
                    return
                from enogu.queue import durable

                durable.make_tables(engine)
                with transaction(engine) as session:
                    store.note_prepared(session, wanted)
        except TimeoutError as error:
            raise DatabaseFailed(str(error), "End it, and start again.") from error


def is_prepared(engine: Engine) -> bool:
    """Whether there is nothing to do for ``prepare``. Raises DatabaseFailed."""
    with said_in_words(engine):
        return store.is_prepared(engine, _wanted())


def _wanted() -> str:
    from importlib.metadata import version

    return f"dbos {version('dbos')} {_PREPARED_FORMAT}"


# ---- for slices ------------------------------------------------------------------------------------------------------


def enqueue(
    session: Session,
    *,
    lane: Lane,
    kind: str,
    owner_id: str,
    subject_id: str,
    priority: int,
    now: datetime,
    payload: dict[str, Any] | None = None,
) -> Job:
    """A new job at its place in the lane, and a wake-up for a worker, in the caller's transaction.

    ``priority`` is the owner's plan's, lower is sooner. ``payload["seconds"]``, where given, is how long it will take,
    from which others' starts are estimated.
    """
    take_turns(session, f"queue: {lane} of {owner_id}")
    job = store.add_job(
        session,
        store.JobRow(
            id=new_id(),
            lane=lane,
            kind=kind,
            owner_id=owner_id,
            subject_id=subject_id,
            payload=payload or {},
            state="waiting",
            priority=priority,
            turn=_next_turn(session, lane, priority, owner_id),
            dispatch=1,
            token=0,
            attempts=0,
            deaths=0,
            mark=0,
            mark_at_death=0,
            worker_id=None,
            created_at=now,
            started_at=None,
            beat_at=None,
            ended_at=None,
            asked=[],
            progress={},
            reason="",
            untold=False,
        ),
    )
    _wake(session, job)
    return job


def get_job(session: Session, owner_id: str, job_id: str) -> Job:
    """Raises NotFound, too, when it is somebody else's."""
    job = store.find_job(session, job_id)
    if job is None or job.owner_id != owner_id:
        raise NotFound("There is no such job.", "It may have been deleted.")
    return job


def find_job(session: Session, job_id: str) -> Job | None:
    """Whoever's it is: for slices and workers, never for a request's own id."""
    return store.find_job(session, job_id)


def list_jobs(
    session: Session,
    owner_id: str,
    *,
    kind: str | None = None,
    states: Collection[JobState] | None = None,
    subject_id: str | None = None,
    limit: int = MOST_LISTED,
) -> tuple[Job, ...]:
    """One owner's, newest first."""
    return store.list_jobs(
        session, owner_id, kind=kind, states=states, subject_id=subject_id, limit=min(limit, MOST_LISTED)
    )


def list_going_on(session: Session, limit: int = MOST_LISTED) -> tuple[Job, ...]:
    """Everybody's that wait and run, for an administrator: running ones first, then in the order in which they come."""
    return store.list_going_on(session, min(limit, MOST_LISTED))


def find_position(session: Session, job_id: str) -> Position | None:
    """Where it stands; None when it does not wait."""
    job = store.find_job(session, job_id)
    if job is None or job.state != "waiting":
        return None
    return Position(*store.count_ahead(session, job))


def ask(session: Session, job_id: str, what: Ask, now: datetime) -> Job:
    """Pass on what a person wants. A job that waits and is to be cancelled or paused ends at once as cancelled; one
    that runs hears of it with its next beat. Asking twice is asking once.

    Raises NotFound, and JobOver when it has ended. Whose job it is, the caller has seen to.
    """
    row = store.lock_job(session, job_id)
    if row is None:
        raise NotFound("There is no such job.", "It may have been deleted.")
    if store.shown(row).has_ended:
        raise JobOver("This has ended already.", "Look at how it ended.")
    if row.state == "waiting" and what in ("cancel", "pause"):
        row.state, row.ended_at = "cancelled", now
    elif row.state == "running":
        row.asked = sorted({*row.asked, what})
    session.flush()
    return store.shown(row)


def delete_jobs(session: Session, owner_id: str) -> None:
    """Every job of one owner's, whatever its state; a worker that has one finds it lost."""
    store.delete_all(session, owner_id)


class JobData:
    """What the queue keeps for its owners (``accounts.owned_data.OwnedData``): nothing that is worth exporting, since a
    job says no more than the run or drawing that it is about.
    """

    slice_name = "jobs"

    def export(self, session: Session, owner_id: str) -> tuple[()]:
        """Nothing."""
        return ()

    def delete(self, session: Session, owner_id: str) -> None:
        """Every job; the slices before have refused when something runs that may not be ended."""
        delete_jobs(session, owner_id)


# ---- when it will start (G1) -----------------------------------------------------------------------------------------


def expect_start(
    session: Session, job_id: str, now: datetime, *, silent_seconds: float = SILENT_SECONDS
) -> datetime | None:
    """When a waiting job will probably begin; None when nothing is known: it does not wait, no worker of its lane is
    there, or somebody before it did not say how long they will take.
    """
    job = store.find_job(session, job_id)
    if job is None or job.state != "waiting":
        return None
    return _estimate(session, job.lane, now, silent_seconds, job).get(job_id)


def estimate_starts(
    session: Session, lane: Lane, now: datetime, *, silent_seconds: float = SILENT_SECONDS
) -> dict[str, datetime]:
    """The same for all that wait in a lane, by their ids; those of which nothing is known are left out."""
    return _estimate(session, lane, now, silent_seconds, None)


def _estimate(
    session: Session, lane: Lane, now: datetime, silent_seconds: float, upto: Job | None
) -> dict[str, datetime]:
    free_at: list[float] = []  # seconds from now, of each worker; a worker whose end is unknown is left out
    running = {job.worker_id: job for job in store.list_running(session, lane)}
    for worker in list_live_workers(session, now, silent_seconds=silent_seconds):
        if lane not in worker.lanes:
            continue
        job = running.get(worker.id)
        left = 0.0 if job is None else _seconds_left(job, now)
        if left is not None:
            free_at.append(left)
    if not free_at:
        return {}
    heapq.heapify(free_at)
    starts: dict[str, datetime] = {}
    for job_id, payload in store.list_expectations(session, lane, upto):
        start = heapq.heappop(free_at)
        starts[job_id] = now + timedelta(seconds=start)
        seconds = _number(payload.get("seconds"))
        if seconds is not None:
            heapq.heappush(free_at, start + seconds)
        if not free_at:
            break
    return starts


def _seconds_left(job: Job, now: datetime) -> float | None:
    stated = _number(job.progress.get("seconds_left"))
    if stated is not None:
        since = (now - job.beat_at).total_seconds() if job.beat_at is not None else 0.0
        return max(0.0, stated - max(0.0, since))
    expected = _number(job.payload.get("seconds"))
    if expected is None or job.started_at is None:
        return None
    return max(0.0, expected - (now - job.started_at).total_seconds())


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


# ---- for workers -----------------------------------------------------------------------------------------------------


def take_next(session: Session, lane: Lane, worker_id: str, now: datetime) -> Job | None:
    """Begin the first job that waits in this lane; None when none does."""
    row = store.lock_next(session, lane)
    return None if row is None else _begin(session, row, worker_id, now)


def begin(session: Session, job_id: str, dispatch: int, worker_id: str, now: datetime) -> Job | None:
    """Begin this one; None when there is nothing to do: it was cancelled, has been dispatched again since, or somebody
    has it.
    """
    row = store.lock_job(session, job_id)
    if row is None or row.state != "waiting" or row.dispatch != dispatch:
        return None
    return _begin(session, row, worker_id, now)


def hold(session: Session, job_id: str, token: int) -> Job:
    """The fence: this job's row is locked until the transaction ends, and is this token's. Raises LostJob.

    The first statement of every transaction in which a worker writes.
    """
    return store.shown(_held(session, job_id, token))


def beat(
    session: Session,
    job_id: str,
    token: int,
    now: datetime,
    *,
    mark: int | None = None,
    progress: dict[str, Any] | None = None,
) -> frozenset[Ask]:
    """Say that the job is alive and how far it is; what is asked of it. Raises LostJob.

    ``mark`` is the handler's own measure of progress and never goes back; ``progress`` is for people, and
    ``progress["seconds_left"]`` for estimates.
    """
    asked = store.beat_job(session, job_id, token, now, mark=mark, progress=progress)
    if asked is None:
        raise LostJob
    return asked


def forget_ask(session: Session, job_id: str, token: int, what: Ask) -> None:
    """It was done. Raises LostJob."""
    row = _held(session, job_id, token)
    row.asked = [one for one in row.asked if one != what]
    session.flush()


def end(
    session: Session,
    job_id: str,
    token: int,
    state: Literal["done", "failed", "cancelled", "parked"],
    now: datetime,
    reason: str = "",
) -> Job:
    """Nothing will come after this. Raises LostJob, also when it has ended before."""
    row = _held(session, job_id, token)
    row.state, row.ended_at, row.reason = state, now, reason[: store.REASON_LENGTH]
    row.untold = state == "parked"
    session.flush()
    return store.shown(row)


def give_back(session: Session, job_id: str, token: int, now: datetime, *, died_of: str = "") -> Job:
    """Put a job that is not over back into the queue at its old place, for any worker to go on with.

    ``died_of``, when given, says what broke: this counts as a death, and without progress since the last one the job
    is parked instead. Raises LostJob.
    """
    row = _held(session, job_id, token)
    if died_of:
        return _bury(session, row, now, died_of)
    return _dispatch_again(session, row)


def reap(engine: Engine, now: datetime, *, silent_seconds: float = SILENT_SECONDS) -> list[Job]:
    """Take the jobs of workers that were not heard of for ``silent_seconds``: dispatched again, or parked.

    Safe to be called by several at once. What is parked has to be told to its slice (``list_untold``). Who could not
    reach the database for a while must wait as long before it reaps: the others could not beat either.
    """
    with transaction(engine) as session:
        silent_since = now - timedelta(seconds=silent_seconds)
        rows = store.lock_running(session, silent_since=silent_since)
        return [_bury(session, row, now, f"The worker {row.worker_id} was not heard of any more.") for row in rows]


def reap_worker(engine: Engine, worker_id: str, now: datetime) -> list[Job]:
    """The same for all jobs of one worker, which is known to be dead: it is being started again."""
    with transaction(engine) as session:
        rows = store.lock_running(session, worker_id=worker_id)
        return [_bury(session, row, now, f"The worker {worker_id} was ended in the middle.") for row in rows]


def keep_awake(engine: Engine, lanes: Iterable[Lane] = LANES) -> None:
    """A lane in which jobs wait has a wake-up. One is lost with a worker that was killed between waking and beginning;
    one too many does no harm.
    """
    with reading(engine) as session:
        waiting: list[Lane] = [lane for lane in lanes if store.count_waiting(session, lane)]
    if not waiting:
        return
    from enogu.queue import durable

    with said_in_words(engine):
        asleep: list[Lane] = [lane for lane in waiting if not durable.has_wakes(engine, lane)]
    for lane in asleep:
        with transaction(engine) as session:
            job = store.find_first_waiting(session, lane)
            if job is not None:
                durable.wake_again(session, job)


def tidy(engine: Engine, now: datetime) -> None:
    """Forget wake-ups that did their work, and workers that were not seen for a week."""
    from enogu.queue import durable

    with transaction(engine) as session:
        store.delete_workers(session, now - FORGET_WORKERS_AFTER)
    with said_in_words(engine):
        durable.forget_wakes(engine, now - FORGET_WAKES_AFTER)


def list_untold(session: Session) -> tuple[Job, ...]:
    """Parked jobs whose slice has not been told yet."""
    return store.list_untold(session)


def mark_told(session: Session, job_id: str) -> None:
    """The slice of this parked job knows."""
    store.mark_told(session, job_id)


def read_now(engine: Engine) -> datetime:
    """The time by the one clock that all workers share: the database's."""
    if engine.dialect.name == "sqlite":
        return utc_now()
    with reading(engine) as session:
        return store.read_clock(session) or utc_now()


# ---- workers ---------------------------------------------------------------------------------------------------------


def start_worker(
    session: Session,
    worker_id: str,
    lanes: Collection[Lane],
    device: str,
    now: datetime,
    *,
    device_name: str = "",
    memory_bytes: int | None = None,
    has_adamw8bit: bool = False,
) -> None:
    """A process begins to take jobs under this id, on a device of which it says what it knows."""
    values: dict[str, Any] = {
        "lanes": list(lanes), "device": device, "started_at": now, "beat_at": now, "stopped_at": None,
        "device_name": device_name[:200], "memory_bytes": memory_bytes, "has_adamw8bit": has_adamw8bit,
    }  # fmt: skip
    row = store.find_worker(session, worker_id)
    if row is None:
        store.add_worker(session, store.WorkerRow(id=worker_id, **values))
        return
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def beat_worker(session: Session, worker_id: str, now: datetime) -> None:
    """It is alive, with or without a job."""
    row = store.find_worker(session, worker_id)
    if row is not None:
        row.beat_at = now
        session.flush()


def stop_worker(session: Session, worker_id: str, now: datetime) -> None:
    """It leaves tidily."""
    row = store.find_worker(session, worker_id)
    if row is not None:
        row.stopped_at = now
        session.flush()


def count_jobs(session: Session) -> dict[tuple[Lane, JobState], int]:
    """How many jobs wait and run, by lane; for who watches the studio."""
    return store.count_jobs(session)


def find_worker(session: Session, worker_id: str) -> Worker | None:
    """Whether it lives or not; None when it was not seen within a week."""
    row = store.find_worker(session, worker_id)
    return None if row is None else store.shown_worker(row)


def list_workers(session: Session) -> tuple[Worker, ...]:
    """All that were seen within a week, those that stopped or died too."""
    return store.list_workers(session)


def list_live_workers(session: Session, now: datetime, *, silent_seconds: float = SILENT_SECONDS) -> tuple[Worker, ...]:
    """Those that work, as far as is known."""
    since = now - timedelta(seconds=silent_seconds)
    return tuple(one for one in store.list_workers(session) if one.stopped_at is None and one.beat_at >= since)


# ---- how it is done --------------------------------------------------------------------------------------------------


def _next_turn(session: Session, lane: Lane, priority: int, owner_id: str) -> int:
    """The round that is being served, or the one after this owner's last, whichever is later. When nothing is left to
    do, rounds begin at 0 again.
    """
    running, waiting, own = store.find_turns(session, lane, priority, owner_id)
    served = running if running is not None else waiting
    return max(served or 0, -1 if own is None else own + 1, 0)


def _begin(session: Session, row: store.JobRow, worker_id: str, now: datetime) -> Job:
    row.state, row.worker_id, row.beat_at = "running", worker_id, now
    row.token += 1
    row.attempts += 1
    row.started_at = row.started_at or now
    session.flush()
    return store.shown(row)


def _held(session: Session, job_id: str, token: int) -> store.JobRow:
    row = store.lock_job(session, job_id)
    if row is None or row.token != token or row.state != "running":
        raise LostJob
    return row


def _bury(session: Session, row: store.JobRow, now: datetime, died_of: str) -> Job:
    """A worker died of it, or with it: once more, unless that happened too often without progress. What was asked
    stays asked, so that the next worker cancels what was to be cancelled, and its slice hears of it in the usual way.
    """
    row.deaths = 1 if row.mark > row.mark_at_death else row.deaths + 1
    row.mark_at_death = row.mark
    if row.deaths >= MOST_DEATHS:
        row.state, row.ended_at, row.untold = "parked", now, True
        row.reason = f"It ended {row.deaths} times in the middle, without progress between. {died_of}"
        row.reason = row.reason[: store.REASON_LENGTH]
        session.flush()
        return store.shown(row)
    return _dispatch_again(session, row)


def _dispatch_again(session: Session, row: store.JobRow) -> Job:
    row.state, row.worker_id, row.beat_at = "waiting", None, None
    row.dispatch += 1
    session.flush()
    job = store.shown(row)
    _wake(session, job)
    return job


def _wake(session: Session, job: Job) -> None:
    from enogu.queue import durable

    durable.wake(session, job)
