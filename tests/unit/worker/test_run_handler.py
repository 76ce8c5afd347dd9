"""The run's handler between a scripted engine and the rows: asks, deaths, refusals (G2, G5, G6, G8)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from enogu.errors import DatabaseFailed, StorageFailed
from enogu.imaging.decoder import DirectDecoder
from enogu.queue import service as queue
from enogu.queue.entities import Job, LostJob
from enogu.runs import service, tasks
from enogu.runs.entities import Run
from enogu.storage.database import Engine, Session, reading, transaction, utc_now
from enogu.worker import handlers, run_handler
from enogu.worker.engine_host import EngineDied, EngineHost, TrainJob
from enogu.worker.handlers import JobContext, WorkerStops
from tests.unit.runs.places import Place, ScriptedEngine, make_place

Script = Callable[["ScriptedHost", ScriptedEngine], Iterator[dict[str, Any]]]


class ScriptedHost:
    """Says what its script says; a stop ends it after the state of the step."""

    def __init__(self, run: Run, script: Script) -> None:
        self.run, self.script = run, script
        self.asked: list[str] = []
        self.stopped = threading.Event()
        self.jobs: list[TrainJob] = []

    def train(self, job: TrainJob) -> Iterator[dict[str, Any]]:
        self.jobs.append(job)
        yield from self.script(self, ScriptedEngine(self.run, job.out))

    def ask(self, what: str) -> None:
        self.asked.append(what)
        if what == "stop":
            self.stopped.set()


def whole(_host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
    yield says.started()
    for number in range(1, 5):
        yield from says.epoch(number)
    yield says.finished()


def until_stopped(host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
    yield says.started()
    yield from says.epoch(1)
    assert host.stopped.wait(20)
    yield says.checkpointed(8)
    yield {"event": "Stopped", "run_id": says.run.id, "step": 8}


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(run_handler, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(run_handler, "BATCH_SECONDS", 0.05)
    monkeypatch.setattr(run_handler, "FIRST_PAUSE_SECONDS", 0.01)
    return make_place(engine, tmp_path / "home", monkeypatch)


def take(place: Place) -> Job:
    """The next job; one whose row somebody has locked just now is passed over until it is free."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with transaction(place.engine) as session:
            job = queue.take_next(session, "train", "here:cpu", utc_now())
        if job is not None:
            return job
        time.sleep(0.01)
    raise AssertionError("There is no job to take.")


def context_of(
    place: Place, job: Job, host: ScriptedHost, is_stopping: Callable[[], bool] = lambda: False
) -> JobContext:
    return JobContext(
        engine=place.engine,
        files=place.files,
        settings=place.settings,
        metering=place.metering,
        decoder=DirectDecoder(),
        job=job,
        engine_host=lambda: cast("EngineHost", host),
        beat_seconds=0.05,
    )


def handle(place: Place, script: Script) -> tuple[Run, ScriptedHost]:
    """Start a run and do its job."""
    run = place.start()
    host = ScriptedHost(run, script)
    with context_of(place, take(place), host) as context:
        run_handler.train_run(context)
    return place.get(run.id), host


def later(place: Place, do: Callable[[Any, str, str], object]) -> threading.Thread:
    """Do something to the owner's run once it trains."""

    def wait_and_do() -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with reading(place.engine) as session:
                runs = service.list_runs(session, place.account.id, states=["training"])
                is_there = bool(runs) and service.find_epoch(session, place.account.id, runs[0].id, 1) is not None
            if is_there:
                with transaction(place.engine) as session:
                    do(session, place.account.id, runs[0].id)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait_and_do, daemon=True)
    thread.start()
    return thread


def names_of(place: Place, run: Run) -> list[str]:
    with reading(place.engine) as session:
        return [one.filename for one in service.list_epochs(session, place.account.id, run.id)]


def test_a_training_leaves_its_files_its_curve_and_its_bill(place: Place) -> None:
    run, host = handle(place, whole)
    assert (run.state, run.step, run.charged) == ("finished", 28, run.quoted)
    assert names_of(place, run)[-1] == "zdm.safetensors"
    assert len(names_of(place, run)) == 4
    with reading(place.engine) as session:
        assert len(service.loss_curve(session, place.account.id, run.id, weight=0.5)) == 28
    assert place.job_of(run.id).state == "done"
    assert host.jobs[0].pictures[0].caption == "zdm, 1boy, pose 1"
    assert not host.jobs[0].resume


def test_a_cancel_stops_the_engine_and_settles_what_was_delivered(place: Place) -> None:
    thread = later(place, lambda session, owner, run_id: service.cancel_run(session, owner, run_id, utc_now()))
    run, host = handle(place, until_stopped)
    thread.join(20)
    assert "stop" in host.asked
    assert (run.state, run.charged) == ("cancelled", run.quoted // 4)
    assert place.job_of(run.id).state == "cancelled"


def test_a_paused_run_resumes_where_it_stopped(place: Place) -> None:
    thread = later(place, lambda session, owner, run_id: service.pause_run(session, owner, run_id, utc_now()))
    run, _ = handle(place, until_stopped)
    thread.join(20)
    assert (run.state, run.checkpoint_step) == ("paused", 8)
    with transaction(place.engine) as session:
        service.resume_run(session, place.metering, place.account, run.id, utc_now())
    host = ScriptedHost(run, whole)
    with context_of(place, take(place), host) as context:
        run_handler.train_run(context)
    assert host.jobs[0].resume
    assert place.get(run.id).state == "finished"


def test_saving_now_is_passed_on_once(place: Place) -> None:
    def waits_for_the_ask(host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
        yield says.started()
        yield from says.epoch(1)
        until = time.monotonic() + 20
        while "save" not in host.asked and time.monotonic() < until:
            time.sleep(0.01)
        yield says.saved_now(9)
        time.sleep(0.3)  # further asks would come now
        yield says.finished()

    thread = later(place, lambda session, owner, run_id: service.ask_run(session, owner, run_id, "save", utc_now()))
    run, host = handle(place, waits_for_the_ask)
    thread.join(20)
    assert host.asked.count("save") == 1
    assert "zdm-step00000009.safetensors" in names_of(place, run)


def test_a_wish_that_was_done_while_a_beat_was_on_its_way_is_not_done_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = place.start(), take(place)
    context = context_of(place, job, ScriptedHost(run, whole))
    with transaction(place.engine) as session:
        queue.ask(session, job.id, "save", utc_now())
    context.beat()
    assert context.asked() == {"save"}

    @contextmanager
    def done_right_after(engine: Engine) -> Iterator[Session]:
        with transaction(engine) as session:
            yield session
        with transaction(engine) as session:
            context.forget_ask(session, "save")

    with monkeypatch.context() as patched:
        patched.setattr(handlers, "transaction", done_right_after)
        context.beat()
    assert context.asked() == set()
    with transaction(place.engine) as session:
        queue.ask(session, job.id, "save", utc_now())
    context.beat()
    assert context.asked() == {"save"}


@pytest.mark.parametrize(
    ("return_code", "kind", "path"), [(-9, "OutOfMemory", "training.gradient_checkpointing"), (1, "EngineDied", "")]
)
def test_an_engine_that_dies_is_a_failure_in_words(place: Place, return_code: int, kind: str, path: str) -> None:
    """G8: a failed run, not a parked one, and free."""

    def dies(_host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
        yield says.started()
        yield from says.epoch(1)
        raise EngineDied("The engine ended.", "", return_code, ())

    run, _ = handle(place, dies)
    assert (run.state, run.charged, place.job_of(run.id).state) == ("failed", 0, "failed")
    assert run.failure is not None
    assert (run.failure.kind, run.failure.path) == (kind, path)
    assert names_of(place, run) == ["zdm-000001.safetensors"]


def test_what_the_engine_says_of_its_failure_is_what_is_shown(place: Place) -> None:
    def fails(_host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
        yield says.started()
        yield {
            "event": "Failed", "run_id": says.run.id, "step": 3, "kind": "DiskFull", "message": "The disk is full.",
            "cure": "Free some space.", "field": "", "suggested": None,
        }  # fmt: skip

    run, _ = handle(place, fails)
    assert run.failure is not None
    assert (run.state, run.failure.kind, run.failure.message) == ("failed", "DiskFull", "The disk is full.")


@pytest.mark.parametrize("error", [StorageFailed("S3 is away."), DatabaseFailed("The database is away.")])
def test_a_store_that_refuses_for_a_while_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The training goes on meanwhile."""
    refused: list[int] = []
    note = tasks.note_events

    def refuse_at_first(*arguments: Any) -> int:
        if len(refused) < 4:
            refused.append(1)
            raise error
        return note(*arguments)

    monkeypatch.setattr(tasks, "note_events", refuse_at_first)
    run, _ = handle(place, whole)
    assert (run.state, len(names_of(place, run)), len(refused)) == ("finished", 4, 4)


def test_a_store_that_refuses_for_good_ends_the_run_with_its_words(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> int:
        raise StorageFailed("The store of files is full.", "Free some space.")

    monkeypatch.setattr(run_handler, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(tasks, "note_events", refuse)
    run, host = handle(place, until_stopped)
    assert "stop" in host.asked
    assert run.failure is not None
    assert (run.state, run.charged, run.failure.message) == ("failed", 0, "The store of files is full.")


def test_a_run_that_was_taken_over_is_written_no_more(place: Place) -> None:
    run = place.start()
    job = take(place)

    def taken_over(host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
        yield says.started()
        yield from says.epoch(1)
        while not queue.reap_worker(place.engine, "here:cpu", utc_now()):
            time.sleep(0.01)  # a job whose row somebody writes just now is left for the next time
        take(place)
        assert host.stopped.wait(20)
        yield from says.epoch(2)
        yield {"event": "Stopped", "run_id": says.run.id, "step": 14}

    with pytest.raises(LostJob), context_of(place, job, ScriptedHost(run, taken_over)) as context:
        run_handler.train_run(context)
    assert len(names_of(place, run)) <= 1
    assert not place.job_of(run.id).has_ended


def test_a_worker_that_stops_gives_the_run_back_with_its_state(place: Place) -> None:
    run = place.start()

    def stopped_by_its_worker(_host: ScriptedHost, says: ScriptedEngine) -> Iterator[dict[str, Any]]:
        yield says.started()
        yield from says.epoch(1)
        yield says.checkpointed(9)
        yield {"event": "Stopped", "run_id": says.run.id, "step": 9}

    with (
        pytest.raises(WorkerStops),
        context_of(place, take(place), ScriptedHost(run, stopped_by_its_worker)) as context,
    ):
        run_handler.train_run(context)
    found = place.get(run.id)
    assert (found.state, found.checkpoint_step, found.charged) == ("queued", 9, 0)
