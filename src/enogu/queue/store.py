"""Rows of the queue: jobs and workers, and a note of what the durable wake-ups were last prepared for.

Which job is next is a matter of one index: (lane, state, priority, turn, id). What may change is decided in
``service``; here a job that is to be changed is read FOR UPDATE, so that two workers, a person and the reaper come one
after the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text, delete, func, inspect, select, text, tuple_, update
from sqlalchemy.orm import Mapped, mapped_column

from enogu.queue.entities import Ask, Job, JobState, Lane, Worker
from enogu.storage.database import Base, Engine, RowId, Session, UtcDateTime

REASON_LENGTH = 2000
_LOCK_NUMBER = 0x656E6F67755F6A6F  # "enogu_jo": PostgreSQL's advisory locks are numbers


class JobRow(Base):
    """Something that has to be done."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_order", "lane", "state", "priority", "turn", "id"),
        Index("ix_jobs_owner", "owner_id", "id"),
        Index("ix_jobs_state_beat_at", "state", "beat_at"),
    )

    id: Mapped[RowId]
    lane: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[str] = mapped_column(String(26))
    subject_id: Mapped[str] = mapped_column(String(26))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10))
    priority: Mapped[int]
    turn: Mapped[int]
    dispatch: Mapped[int]
    token: Mapped[int]
    attempts: Mapped[int]
    deaths: Mapped[int]
    mark: Mapped[int]
    mark_at_death: Mapped[int]
    """``mark`` as it was when a worker last died; what is above it is progress."""
    worker_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    beat_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    asked: Mapped[list[str]]
    progress: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    untold: Mapped[bool]
    """Parked, and its slice has not been told yet."""


class WorkerRow(Base):
    """A process that takes jobs."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    lanes: Mapped[list[str]]
    device: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    device_name: Mapped[str] = mapped_column(String(200), default="")
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    has_adamw8bit: Mapped[bool] = mapped_column(default=False)


class PreparedRow(Base):
    """One row: which release of DBOS its tables in this database were made by, with which queues."""

    __tablename__ = "queue_prepared"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(80))


# ---- jobs ------------------------------------------------------------------------------------------------------------


def add_job(session: Session, row: JobRow) -> Job:
    """A new one, which has its id then."""
    session.add(row)
    session.flush()
    return shown(row)


def find_job(session: Session, job_id: str) -> Job | None:
    """As it is; not for changing it."""
    row = session.get(JobRow, job_id, populate_existing=True)
    return None if row is None else shown(row)


def lock_job(session: Session, job_id: str) -> JobRow | None:
    """The row, which no other transaction changes until this one ends."""
    query = select(JobRow).where(JobRow.id == job_id).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def lock_next(session: Session, lane: Lane) -> JobRow | None:
    """The first of the waiting jobs that nobody else has in hand at this moment."""
    query = (
        select(JobRow)
        .where(JobRow.lane == lane, JobRow.state == "waiting")
        .order_by(JobRow.priority, JobRow.turn, JobRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def lock_running(
    session: Session, *, silent_since: datetime | None = None, worker_id: str | None = None
) -> Sequence[JobRow]:
    """Running jobs that were not heard of since then, or that this worker has. Those that another transaction has in
    hand are left out: it is a beat, or another reaper.
    """
    query = select(JobRow).where(JobRow.state == "running").order_by(JobRow.id)
    if silent_since is not None:
        query = query.where(JobRow.beat_at < silent_since)
    if worker_id is not None:
        query = query.where(JobRow.worker_id == worker_id)
    query = query.with_for_update(skip_locked=silent_since is not None)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def list_jobs(
    session: Session,
    owner_id: str,
    *,
    kind: str | None,
    states: Iterable[JobState] | None,
    subject_id: str | None,
    limit: int,
) -> tuple[Job, ...]:
    """Newest first."""
    query = select(JobRow).where(JobRow.owner_id == owner_id).order_by(JobRow.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    if states is not None:
        query = query.where(JobRow.state.in_(list(states)))
    if subject_id is not None:
        query = query.where(JobRow.subject_id == subject_id)
    return tuple(shown(row) for row in session.scalars(query))


def list_going_on(session: Session, limit: int) -> tuple[Job, ...]:
    """Everybody's that wait and run, running ones first, then in the order in which they come."""
    query = select(JobRow).where(JobRow.state.in_(["running", "waiting"]))
    order = (JobRow.state, JobRow.lane, JobRow.priority, JobRow.turn, JobRow.id)
    return tuple(shown(row) for row in session.scalars(query.order_by(*order).limit(limit)))


def list_untold(session: Session) -> tuple[Job, ...]:
    """Parked jobs whose slice was not told."""
    query = select(JobRow).where(JobRow.state == "parked", JobRow.untold).order_by(JobRow.id)
    return tuple(shown(row) for row in session.scalars(query))


def mark_told(session: Session, job_id: str) -> None:
    """The slice knows."""
    session.execute(update(JobRow).where(JobRow.id == job_id).values(untold=False))


def beat_job(
    session: Session, job_id: str, token: int, now: datetime, *, mark: int | None, progress: dict[str, Any] | None
) -> frozenset[Ask] | None:
    """Note that it is alive, in one statement; what is asked of it, None when the token is not the one that holds."""
    values: dict[str, Any] = {"beat_at": now}
    if mark is not None:
        values["mark"] = func.greatest(JobRow.mark, mark) if _is_postgresql(session) else func.max(JobRow.mark, mark)
    if progress is not None:
        values["progress"] = progress
    statement = (
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.token == token, JobRow.state == "running")
        .values(**values)
        .returning(JobRow.asked)
    )
    asked = session.execute(statement, execution_options={"synchronize_session": False}).scalar_one_or_none()
    return None if asked is None else frozenset(asked)  # pyright: ignore[reportReturnType] (only ask writes it)


def count_ahead(session: Session, job: Job) -> tuple[int, int]:
    """How many waiting jobs of its lane come before it, and how many wait in all."""
    waiting = (JobRow.lane == job.lane, JobRow.state == "waiting")
    place = tuple_(JobRow.priority, JobRow.turn, JobRow.id) < tuple_(job.priority, job.turn, job.id)
    ahead = session.scalars(select(func.count()).where(*waiting, place)).one()
    return ahead, session.scalars(select(func.count()).where(*waiting)).one()


def count_waiting(session: Session, lane: Lane) -> int:
    """How many wait in this lane."""
    return session.scalars(select(func.count()).where(JobRow.lane == lane, JobRow.state == "waiting")).one()


def find_first_waiting(session: Session, lane: Lane) -> Job | None:
    """The one that is next."""
    query = (
        select(JobRow)
        .where(JobRow.lane == lane, JobRow.state == "waiting")
        .order_by(JobRow.priority, JobRow.turn, JobRow.id)
        .limit(1)
    )
    row = session.scalars(query).one_or_none()
    return None if row is None else shown(row)


def list_expectations(session: Session, lane: Lane, upto: Job | None) -> list[tuple[str, dict[str, Any]]]:
    """Id and payload of the waiting jobs of a lane in their order, up to and with this one."""
    query = (
        select(JobRow.id, JobRow.payload)
        .where(JobRow.lane == lane, JobRow.state == "waiting")
        .order_by(JobRow.priority, JobRow.turn, JobRow.id)
    )
    if upto is not None:
        query = query.where(
            tuple_(JobRow.priority, JobRow.turn, JobRow.id) <= tuple_(upto.priority, upto.turn, upto.id)
        )
    return [(job_id, payload) for job_id, payload in session.execute(query)]


def list_running(session: Session, lane: Lane) -> tuple[Job, ...]:
    """What is being done in this lane."""
    return tuple(
        shown(row) for row in session.scalars(select(JobRow).where(JobRow.lane == lane, JobRow.state == "running"))
    )


def find_turns(session: Session, lane: Lane, priority: int, owner_id: str) -> tuple[int | None, int | None, int | None]:
    """What the next turn is made of: the highest turn of those that run, the lowest of those that wait, and the highest
    of this owner's that run or wait; all in this lane and priority. None where there are none.
    """
    here = (JobRow.lane == lane, JobRow.priority == priority)
    running = session.scalars(select(func.max(JobRow.turn)).where(*here, JobRow.state == "running")).one()
    waiting = session.scalars(select(func.min(JobRow.turn)).where(*here, JobRow.state == "waiting")).one()
    own = session.scalars(
        select(func.max(JobRow.turn)).where(
            *here, JobRow.owner_id == owner_id, JobRow.state.in_(["waiting", "running"])
        )
    ).one()
    return running, waiting, own


def delete_all(session: Session, owner_id: str) -> None:
    """Every job of one owner's; who works on one finds it lost."""
    session.execute(delete(JobRow).where(JobRow.owner_id == owner_id))


# ---- workers ---------------------------------------------------------------------------------------------------------


def find_worker(session: Session, worker_id: str) -> WorkerRow | None:
    """Its row, to be changed."""
    return session.get(WorkerRow, worker_id, populate_existing=True)


def add_worker(session: Session, row: WorkerRow) -> None:
    """A new one."""
    session.add(row)
    session.flush()


def list_workers(session: Session) -> tuple[Worker, ...]:
    """All that were ever seen, in the order of their ids."""
    return tuple(shown_worker(row) for row in session.scalars(select(WorkerRow).order_by(WorkerRow.id)))


def count_jobs(session: Session) -> dict[tuple[Lane, JobState], int]:
    """How many wait and how many run, by lane."""
    query = (
        select(JobRow.lane, JobRow.state, func.count())
        .where(JobRow.state.in_(("waiting", "running")))
        .group_by(JobRow.lane, JobRow.state)
    )
    return {(lane, state): count for lane, state, count in session.execute(query).all()}  # pyright: ignore[reportReturnType]  # the row's texts are those words


def delete_workers(session: Session, seen_before: datetime) -> None:
    """Forget those that were not heard of since then."""
    session.execute(delete(WorkerRow).where(WorkerRow.beat_at < seen_before))


def read_clock(session: Session) -> datetime | None:
    """The time by the database's clock, which all workers share; None on SQLite, where there is one machine anyhow."""
    if not _is_postgresql(session):
        return None
    return session.scalars(select(func.clock_timestamp(type_=UtcDateTime()))).one()


# ---- what was prepared -----------------------------------------------------------------------------------------------


def is_prepared(engine: Engine, version: str) -> bool:
    """Whether DBOS's tables are there, as this version makes them."""
    with Session(engine) as session:
        row = session.get(PreparedRow, 1)
        if row is None or row.version != version:
            return False
        schema = "dbos" if _is_postgresql(session) else None
        return inspect(session.connection()).has_table("workflow_status", schema=schema)


def note_prepared(session: Session, version: str) -> None:
    """Remember it."""
    session.merge(PreparedRow(id=1, version=version))
    session.flush()


@contextmanager
def only_one_prepares(engine: Engine, wait_seconds: float) -> Iterator[None]:
    """No other process prepares meanwhile. On SQLite nothing is needed: there DBOS itself takes the file's one write
    lock. On PostgreSQL it is asked for again and again, since who waits inside a statement holds a snapshot, and
    CREATE INDEX CONCURRENTLY would wait for that one.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    until = time.monotonic() + wait_seconds
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lock = {"number": _LOCK_NUMBER}
        while not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), lock).scalar():
            if time.monotonic() > until:
                raise TimeoutError(f"Another process has been preparing the queue for {wait_seconds:.0f} seconds.")
            time.sleep(0.05)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), lock)


def shown(row: JobRow) -> Job:
    """The row as a value."""
    values = {field.name: getattr(row, field.name) for field in fields(Job)}
    return Job(**values | {"asked": frozenset(row.asked), "payload": dict(row.payload), "progress": dict(row.progress)})


def shown_worker(row: WorkerRow) -> Worker:
    """The row as a value."""
    lanes: Any = tuple(row.lanes)
    return Worker(
        row.id, lanes, row.device, row.started_at, row.beat_at, row.stopped_at,
        device_name=row.device_name, memory_bytes=row.memory_bytes, has_adamw8bit=row.has_adamw8bit,
    )  # fmt: skip


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
