"""Wake-ups that survive everything: the only file that knows DBOS, imported when the first job is enqueued.

A wake-up is a DBOS workflow in its lane's queue, written in the transaction that writes the job's row. It says "there
is something to do in this lane", and no more: which job is done is decided by our rows. So it does no harm when one
wakes twice, late, or for a job that was cancelled meanwhile, and priorities, turns and takeovers are ours alone.

Rules for DBOS 3.4 that are kept here (docs/decisions/0012_queue.md says why): application name, version and executor
id are always given; tables and queues are made before any worker starts and never by a worker; one process has one
executor id; its queues' ``worker_concurrency`` is 1, which is a property of the queue and not of the process; of its
errors only those that are about the database are let through to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache

from dbos import DBOS, DBOSClient, DBOSConfig

from enogu.queue.entities import Job, Lane
from enogu.storage.database import Engine, Session, new_id

SCHEMA = "dbos"
APPLICATION = "enogu"
VERSION = "enogu-1"
"""Of the workflow's code; only a worker of the same version takes a wake-up. Ours has one line and does not change."""
WAKE = "enogu.wake"
POLL_SECONDS: dict[Lane, float] = {"train": 0.5, "draw": 0.25, "task": 0.5}
"""How often an idle worker asks the database. Somebody sits and waits for a drawing."""

logging.getLogger("dbos").setLevel(logging.ERROR)  # it speaks at length, at every start, about itself


def name_queue(lane: Lane) -> str:
    """As DBOS calls it."""
    return f"enogu_{lane}"


def make_tables(engine: Engine) -> None:
    """Make or renew DBOS's tables and our queues in the database of ``engine``. Nobody else may do so meanwhile."""
    DBOS.migrate(_url(engine), schema=SCHEMA)
    client = _client(engine)
    for lane, seconds in POLL_SECONDS.items():
        client.register_queue(name_queue(lane), worker_concurrency=1, polling_interval_sec=seconds)


def wake(session: Session, job: Job, suffix: str = "") -> None:
    """One more wake-up in this job's lane, in the caller's transaction."""
    _enqueuer(session.get_bind().dialect.name).enqueue_in_transaction(
        session,
        {
            "workflow_name": WAKE,
            "queue_name": name_queue(job.lane),
            "workflow_id": f"{job.id}.{job.dispatch}{suffix}",
            "app_version": VERSION,
        },
        job.lane,
    )


def wake_again(session: Session, job: Job) -> None:
    """A wake-up beside those that this dispatch of the job had already."""
    wake(session, job, f".{new_id()}")


def has_wakes(engine: Engine, lane: Lane) -> bool:
    """Whether a wake-up of this lane waits for a worker."""
    found = _client(engine).list_workflows(
        queue_name=name_queue(lane), status="ENQUEUED", limit=1, load_input=False, load_output=False
    )
    return bool(found)


def forget_wakes(engine: Engine, before: datetime, limit: int = 500) -> int:
    """Delete wake-ups that did their work before then; how many there were."""
    client = _client(engine)
    found = client.list_workflows(
        queue_name=[name_queue(lane) for lane in POLL_SECONDS],
        status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
        end_time=before.isoformat(),
        limit=limit,
        load_input=False,
        load_output=False,
    )
    if found:
        client.delete_workflows([one.workflow_id for one in found])
    return len(found)


class Waking:
    """DBOS's side of a worker: calls ``on_wake(lane)`` in a thread of its own, one at a time for each lane.

    There can be one in a process.
    """

    def __init__(self, engine: Engine, worker_id: str, lanes: Iterable[Lane], on_wake: Callable[[Lane], None]) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": _url(engine),
            "dbos_system_schema": SCHEMA,
            "executor_id": worker_id,
            "application_version": VERSION,
            "run_migrations": False,
            "use_listen_notify": False,
            "sys_db_pool_size": 4,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        logging.getLogger("dbos").addFilter(_is_worth_reading)

        # What kills its worker must not stop the wake-up as well: how often is enough is counted in the job's row.
        @DBOS.workflow(name=WAKE, max_recovery_attempts=1_000_000)
        def woken(lane: Lane) -> None:
            on_wake(lane)

        DBOS.listen_queues([name_queue(lane) for lane in lanes])

    def start(self) -> None:
        """Begin to listen. Wake-ups that this worker id had when it was last killed come first."""
        DBOS.launch()

    def stop(self) -> None:
        """Listen no more. What runs is not waited for."""
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)


def _is_worth_reading(record: logging.LogRecord) -> bool:
    """Not the traceback of each workflow that was cancelled or taken over; those are ours to tell."""
    said = record.getMessage()
    return not any(words in said for words in ("cancelled", "no longer owned", "conflict"))


@cache
def _enqueuer(dialect: str) -> DBOSClient:
    """For ``enqueue_in_transaction``, which speaks through the caller's session alone: this one never connects."""
    url = "postgresql://nobody@nowhere/none" if dialect == "postgresql" else "sqlite:///never-opened.sqlite3"
    return DBOSClient(system_database_url=url, dbos_system_schema=SCHEMA, application_name=APPLICATION, lazy=True)


def _client(engine: Engine) -> DBOSClient:
    """For everything else. It borrows the engine and holds nothing."""
    return DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=SCHEMA,
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,
    )


def _url(engine: Engine) -> str:
    name = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
    return engine.url.set(drivername=name).render_as_string(hide_password=False)
