"""Training as a job: the engine's child on one side, the rows and files of the run on the other.

Two threads stand between them. One keeps what the engine says; while the database or the store of files refuses, it
tries again and again and the training goes on, since events only pile up. The other passes on what people ask. How the
training ended is decided here, when everything that it said is kept.
"""

from __future__ import annotations

import errno
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from enogu.errors import DatabaseFailed, EnoguError, StorageFailed
from enogu.queue.entities import Job, LostJob
from enogu.runs import tasks
from enogu.runs.entities import Failure, Run
from enogu.runs.rules.expecting import SpeedMeter
from enogu.runs.rules.states import Move
from enogu.storage.database import Engine, transaction
from enogu.worker.engine_host import EngineDied, EngineHost, PictureToTrain, PlacedBaseModel, TrainJob
from enogu.worker.handlers import JobContext, WorkerStops

BATCH_SECONDS = 0.5
"""Steps are written at most this often."""
ASK_SECONDS = 0.3
"""How often is looked for what people ask."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
"""Between two tries."""
PATIENCE_SECONDS = 600.0
"""How long a store of files may refuse before the run fails."""
FULL_DISK_PATIENCE_SECONDS = 20.0
"""The same when its disk is full: that seldom passes by itself."""

_Result = TypeVar("_Result")


def train_run(context: JobContext) -> None:
    """Train the run of this job to its end, or until somebody wants it to stop."""
    worker = tasks.OnWorker(context.engine, context.files, context.settings, context.job, context.hold)
    run = tasks.begin_run(worker)
    if run is None:
        return
    if (move := _wanted(context)) is not None:
        tasks.stop(worker, move)
        return
    try:
        prepared = _patiently(context, lambda: tasks.prepare_run(worker, run))
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError as error:
        failure = tasks.failure_from(run, error)
        _patiently(context, lambda: tasks.fail(worker, failure))
        return
    _Training(context, worker, prepared).go()


def parked(engine: Engine, job: Job) -> None:
    """The job was given up: so is its run."""
    tasks.park(engine, job)


class _Training:
    """One training, from the first event to the last row."""

    def __init__(self, context: JobContext, worker: tasks.OnWorker, prepared: tasks.PreparedRun) -> None:
        self._context, self._worker, self._prepared = context, worker, prepared
        self._host: EngineHost = context.engine_host
        self._meter = SpeedMeter(time.monotonic())
        self._keeper = _Keeper(context, worker, prepared.run, lambda: self._host.ask("stop"))
        self._has_started = threading.Event()
        self._is_over = threading.Event()
        context.when_lost(lambda: self._host.ask("stop"))

    def go(self) -> None:
        asker = threading.Thread(target=self._pass_on_asks, name="asks of a run", daemon=True)
        asker.start()
        last: Mapping[str, Any] = {}
        died: EngineDied | None = None
        try:
            for event in self._host.train(_job_of(self._prepared)):
                last = event
                self._hear(event)
        except EngineDied as error:
            died = error
        finally:
            self._is_over.set()
            asker.join(timeout=5)
            trouble = self._keeper.close()
        self._end(last, died, trouble)

    def _hear(self, event: Mapping[str, Any]) -> None:
        self._meter.hear(event, time.monotonic())
        if event["event"] == "Started":
            self._has_started.set()
        if event["event"] == "Stepped":
            progress = {name: event.get(name) for name in ("step", "num_steps", "seconds_left")}
            if not self._context.is_lost:
                self._context.tell(progress=progress)
        try:
            kept = tasks.set_aside(self._worker, event)
        except StorageFailed as error:
            self._keeper.give_up(error)
        else:
            self._keeper.take(kept)

    def _end(self, last: Mapping[str, Any], died: EngineDied | None, trouble: EnoguError | None) -> None:
        context, worker, run = self._context, self._worker, self._prepared.run
        if isinstance(trouble, LostJob) or context.is_lost:
            raise LostJob
        if trouble is not None:
            self._fail(tasks.failure_from(run, trouble))
        elif last.get("event") == "Finished":
            speed = self._meter.measured(self._prepared.recipe, run.base_model.family)
            _patiently(context, lambda: tasks.finish(worker, speed))
        elif last.get("event") == "Failed":
            self._fail(tasks.failure_said(run, last))
        elif (move := _wanted(context)) is not None:
            _patiently(context, lambda: tasks.stop(worker, move))
        elif context.is_stopping or last.get("event") == "Stopped":
            _patiently(context, lambda: tasks.give_back(worker))
            raise WorkerStops
        elif died is not None:
            self._fail(_death_in_words(run, died))
        else:
            self._fail(Failure("EngineDied", "The training ended without saying why.", "Look into the worker's log."))

    def _fail(self, failure: Failure) -> None:
        _patiently(self._context, lambda: tasks.fail(self._worker, failure))

    def _pass_on_asks(self) -> None:
        """Until the training is over. A stop is said again and again: it may come before the engine has begun."""
        while not self._is_over.wait(ASK_SECONDS):
            try:
                asked = self._context.asked()
                if asked & {"cancel", "pause"}:
                    self._host.ask("stop")
                for what in ("save", "sample"):
                    if what in asked and self._has_started.is_set():
                        self._host.ask(what)
                        with transaction(self._context.engine) as session:
                            self._context.hold(session)
                            self._context.forget_ask(session, what)
            except LostJob:
                self._host.ask("stop")
                return
            except EnoguError as error:
                self._context.log.warning("What was asked of the run could not be passed on yet: %s", error)


class _Keeper:
    """Keeps events in their order, on a thread of its own, as long as it takes."""

    def __init__(
        self, context: JobContext, worker: tasks.OnWorker, run: Run, stop_training: Callable[[], None]
    ) -> None:
        self._context, self._worker, self._run, self._stop_training = context, worker, run, stop_training
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._trouble: EnoguError | None = None
        self._mistake: BaseException | None = None
        self._thread = threading.Thread(target=self._keep, name="keeper of a run", daemon=True)
        self._thread.start()

    def take(self, event: dict[str, Any]) -> None:
        """Never waits."""
        self._events.put(event)

    def give_up(self, error: EnoguError) -> None:
        """Something cannot be kept: the training is to end, and this is why."""
        self._trouble = self._trouble or error
        self._stop_training()

    def close(self) -> EnoguError | None:
        """When everything is kept, or cannot be: why not. A mistake of the program's is raised here."""
        self._events.put(None)
        self._thread.join()
        if self._mistake is not None:
            raise self._mistake
        return self._trouble

    def _keep(self) -> None:
        is_open = True
        while is_open:
            batch = [event for event in self._next_batch() if event is not None or (is_open := False)]
            if not batch or self._trouble is not None:
                continue
            try:
                safe = _patiently(self._context, lambda batch=batch: self._note(batch))
                if safe:
                    self._context.tell(mark=safe)
            except EnoguError as error:
                self.give_up(error)
            except Exception as error:
                self._mistake = error
                self.give_up(EnoguError("What the training said could not be kept."))

    def _note(self, batch: list[dict[str, Any]]) -> int:
        return tasks.note_events(self._worker, self._run, batch)

    def _next_batch(self) -> list[dict[str, Any] | None]:
        """What came within BATCH_SECONDS; at once when there is something else than steps among it."""
        batch = [self._events.get()]
        until = time.monotonic() + BATCH_SECONDS
        while batch[-1] is not None and batch[-1]["event"] in ("Stepped", "Cached"):
            try:
                batch.append(self._events.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return batch


def _wanted(context: JobContext) -> Move | None:
    asked = context.asked()
    if "cancel" in asked:
        return "cancel"
    return "pause" if "pause" in asked else None


def _job_of(prepared: tasks.PreparedRun) -> TrainJob:
    return TrainJob(
        run_id=prepared.run.id,
        recipe=prepared.recipe.model_dump(mode="json"),
        pictures=[
            PictureToTrain(
                str(one.path),
                one.picture.caption,
                one.picture.repeats,
                one.picture.width,
                one.picture.height,
                one.picture.folder,
                one.picture.is_regularisation,
                None if one.mask is None else str(one.mask),
                one.picture.mask_cut,
            )
            for one in prepared.pictures
        ],
        base_model=PlacedBaseModel(str(prepared.base_model), prepared.base_model_name),
        out=prepared.out,
        cache=prepared.cache,
        resume=prepared.resume,
        start_from=prepared.start_from,
    )


def _patiently(context: JobContext, do: Callable[[], _Result]) -> _Result:
    """``do``, again while the store of files refuses (within bounds) or the database does (as long as the job is ours,
    and the worker is not told to stop).
    """
    began, pause_seconds = time.monotonic(), FIRST_PAUSE_SECONDS
    while True:
        try:
            return do()
        except StorageFailed as error:
            if time.monotonic() - began > _patience_seconds(error) or context.is_stopping:
                raise
            context.log.warning("The store of files refuses: %s", error)
        except DatabaseFailed as error:
            if context.is_lost:
                raise LostJob from error
            if context.is_stopping:
                raise
            context.log.warning("The database refuses: %s", error)
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def _patience_seconds(error: StorageFailed) -> float:
    cause = error.__cause__
    is_full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    return FULL_DISK_PATIENCE_SECONDS if is_full else PATIENCE_SECONDS


def _death_in_words(run: Run, died: EngineDied) -> Failure:
    if died.return_code == -9:
        error = EnoguError(
            "The training was ended by the operating system, most likely because this machine ran out of memory.",
            "Lower training.batch_size or pictures.resolution, or close other programs, then retry.",
        )
        said = tasks.failure_from(run, error)
        return Failure("OutOfMemory", said.message, said.cure, said.path, said.value)
    return Failure("EngineDied", died.message, died.cure or "Retry it; the worker's log says more.")
