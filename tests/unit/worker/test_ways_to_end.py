"""However a handler ends, the job ends as ``handlers`` says; the same in a worker with DBOS and in one without (D5).

Each test runs by ``in_process.run_one_job`` on both databases, and by ``main.run_worker`` in a thread on SQLite; on
PostgreSQL that is left to ``tests/integration/test_worker_processes.py``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from enogu.bootstrap import Studio, open_studio
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue import service as queue
from enogu.queue.entities import Ask, Job, LostJob
from enogu.settings import Settings
from enogu.storage.database import new_id, reading, transaction, utc_now
from enogu.worker.engine_host import EngineDied
from enogu.worker.handlers import Handler, Handlers, JobContext, WorkerStops
from enogu.worker.in_process import run_one_job
from enogu.worker.main import run_worker

OWNER = "a" * 26
Run = Callable[[Handler], Job]


@pytest.fixture
def studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    opened = open_studio(Settings(tmp_path / "home", database_url))
    yield opened
    opened.close()


def enqueue(studio: Studio) -> Job:
    with transaction(studio.engine) as session:
        return queue.enqueue(
            session, lane="train", kind="paint", owner_id=OWNER, subject_id=new_id(), priority=1, now=utc_now()
        )


def look(studio: Studio, job: Job) -> Job:
    with reading(studio.engine) as session:
        found = queue.find_job(session, job.id)
    assert found is not None
    return found


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not become so in time"
        time.sleep(0.02)


parked: list[str] = []


in_each_way = pytest.mark.parametrize(
    ("run", "database_kind"),
    [("in_process", "sqlite"), ("in_process", "postgresql"), ("worker", "sqlite")],
    indirect=["run"],
)


@pytest.fixture
def run(request: pytest.FixtureRequest, studio: Studio) -> Run:
    """Do one job with this handler, and say how it is when it is settled."""
    parked.clear()
    on_parked = {"paint": lambda _engine, job: parked.append(job.id)}

    def in_process(handler: Handler) -> Job:
        job = enqueue(studio)
        while (seen := run_one_job(studio, Handlers({"paint": handler}, on_parked), beat_seconds=0.1)) is not None:
            job = seen
        return job

    def in_worker(handler: Handler) -> Job:
        stop = threading.Event()
        worker = threading.Thread(
            target=run_worker,
            args=(studio.settings,),
            kwargs={
                "device": "cpu",
                "lanes": ("train",),
                "handlers": Handlers({"paint": handler}, on_parked),
                "stop": stop,
                "beat_seconds": 0.1,
                "silent_seconds": 5.0,
            },
        )
        worker.start()
        job = enqueue(studio)
        try:
            wait_until(lambda: look(studio, job).has_ended)
            if look(studio, job).state == "parked":
                wait_until(lambda: job.id in parked)
        finally:
            stop.set()
            worker.join(30)
        assert not worker.is_alive()
        return look(studio, job)

    return in_process if request.param == "in_process" else in_worker


@in_each_way
def test_a_handler_that_returns_has_done_its_job(run: Run) -> None:
    def paint(context: JobContext) -> None:
        context.tell(mark=3, progress={"step": 3})
        context.beat()

    job = run(paint)
    assert (job.state, job.mark, job.progress, job.attempts) == ("done", 3, {"step": 3}, 1)


@in_each_way
def test_an_error_in_words_is_the_reason_of_a_failed_job(run: Run) -> None:
    def paint(context: JobContext) -> None:
        raise EnoguError("The paint is dry.", "Buy new.")

    job = run(paint)
    assert (job.state, job.reason) == ("failed", "The paint is dry. Buy new.")


@in_each_way
def test_a_mistake_of_ours_parks_the_job_and_tells_its_slice(run: Run) -> None:
    def paint(context: JobContext) -> None:
        raise KeyError("brush")

    job = run(paint)
    assert job.state == "parked" and "KeyError" in job.reason and parked == [job.id]


@in_each_way
@pytest.mark.parametrize("error", [DatabaseFailed("Away."), EngineDied("It died.", "", -9, ())])
def test_what_is_not_the_jobs_fault_is_tried_once_more_and_then_parked(run: Run, error: EnoguError) -> None:
    tries: list[int] = []

    def paint(context: JobContext) -> None:
        tries.append(context.token)
        raise error

    job = run(paint)
    assert (job.state, tries, parked) == ("parked", [1, 2], [job.id])
    assert error.message in job.reason


@in_each_way
def test_a_handler_may_end_its_job_in_its_last_transaction(run: Run) -> None:
    def paint(context: JobContext) -> None:
        with transaction(context.engine) as session:
            context.hold(session)
            queue.end(session, context.job.id, context.token, "cancelled", utc_now(), "as it was asked")
        time.sleep(0.3)  # beats in between find it ended, and must not take that for lost
        assert not context.is_lost

    job = run(paint)
    assert (job.state, job.reason) == ("cancelled", "as it was asked")


@in_each_way
def test_a_handler_hears_what_is_asked(run: Run) -> None:
    heard: list[frozenset[Ask]] = []

    def paint(context: JobContext) -> None:
        with transaction(context.engine) as session:
            queue.ask(session, context.job.id, "save", utc_now())
        wait_until(lambda: bool(context.asked()))
        with transaction(context.engine) as session:
            context.forget_ask(session, "save")
        context.beat()
        heard.append(context.asked())

    assert run(paint).state == "done"
    assert heard == [frozenset()]


@in_each_way
def test_who_lost_the_job_is_told_once_and_writes_nothing_more(run: Run) -> None:
    told: list[str] = []

    def paint(context: JobContext) -> None:
        if context.job.attempts > 1:
            return
        context.when_lost(lambda: told.append("lost"))
        queue.reap_worker(context.engine, str(context.job.worker_id), utc_now())
        wait_until(lambda: context.is_lost)
        with pytest.raises(LostJob):
            context.asked()
        with pytest.raises(LostJob):
            context.keep(lambda session: pytest.fail("written with an old token"))
        raise LostJob

    job = run(paint)
    assert (job.state, job.token, told) == ("done", 2, ["lost"])


@in_each_way
def test_what_is_kept_is_written_when_the_database_is_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [DatabaseFailed("Away."), DatabaseFailed("Still away.")]

    def write(session: Any) -> str:
        if failures:
            raise failures.pop()
        return "written"

    def paint(context: JobContext) -> None:
        assert context.keep(write) == "written"

    assert run(paint).state == "done"


def test_a_job_of_a_stopping_worker_goes_back_and_is_gone_on_with(studio: Studio) -> None:
    begun = threading.Event()
    stop = threading.Event()

    def paint(context: JobContext) -> None:
        begun.set()
        while not context.is_stopping:
            time.sleep(0.01)
        raise WorkerStops

    worker = threading.Thread(
        target=run_worker,
        args=(studio.settings,),
        kwargs={"device": "cpu", "handlers": Handlers({"paint": paint}), "stop": stop},
    )
    worker.start()
    job = enqueue(studio)
    assert begun.wait(20)
    stop.set()
    worker.join(30)
    seen = look(studio, job)
    assert (seen.state, seen.deaths, seen.dispatch) == ("waiting", 0, 2)
    done = run_one_job(studio, {"paint": lambda _context: None})
    assert done is not None and (done.id, done.state, done.attempts) == (job.id, "done", 2)
    with reading(studio.engine) as session:
        assert [one.stopped_at is not None for one in queue.list_workers(session)] == [True]


def test_a_kind_that_nobody_knows_is_a_failure_in_words(studio: Studio) -> None:
    enqueue(studio)
    job = run_one_job(studio)
    assert job is not None and job.state == "failed" and "'paint'" in job.reason
