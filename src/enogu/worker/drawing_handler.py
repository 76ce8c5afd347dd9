"""Drawing as a job: cells of a request go to the engine a few at a time, and each picture is kept as it comes.

A picture that is kept is never drawn again, whatever becomes of this worker. While a training has the device, the
engine draws between two of its steps, or waits for its end (``EngineHost.draw``).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enogu.drawings import tasks
from enogu.drawings.entities import DrawingRequest, Failure
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import Engine, utc_now
from enogu.worker.engine_host import DrawJob, EngineDied, PlacedBaseModel, PlacedLora
from enogu.worker.handlers import JobContext, WorkerStops

STEP_SECONDS = 0.4
"""How often a step is written, at most."""


class _Cancelled(Exception):
    """Somebody wanted it to end, and nothing is drawn any more."""


def draw(context: JobContext) -> None:
    """Draw what is left of this job's request, or until somebody wants it to stop."""
    begun = context.keep(lambda session: tasks.begin(session, context.job, utc_now()))
    if begun is None:
        return
    request, drawn = begun
    work = context.settings.home / "work" / f"drawing-{request.id}"
    try:
        _Drawing(context, request, work, len(drawn)).go(drawn)
    except _Cancelled:
        context.keep(lambda session: tasks.cancel(session, context.job, utc_now()))
    except (LostJob, DatabaseFailed):
        raise
    except EngineDied as error:
        if error.return_code != -9 or context.is_stopping:
            raise
        _fail(context, _out_of_memory(request))
    except EnoguError as error:
        _fail(context, tasks.failure_of(error))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def parked(engine: Engine, job: Job) -> None:
    """The job was given up: so is its request."""
    tasks.park(engine, job)


class _Drawing:
    """One request on this worker."""

    def __init__(self, context: JobContext, request: DrawingRequest, work: Path, num_done: int) -> None:
        self._context, self._request, self._work = context, request, work
        self._num_done = num_done
        self._num_done_before = num_done
        self._began = time.monotonic()
        self._step_written_at = 0.0

    def go(self, drawn: frozenset[int]) -> None:
        """Raises _Cancelled, WorkerStops, LostJob, EngineDied, and EnoguError for what cannot be drawn."""
        context, request = self._context, self._request
        self._look_up()
        batches = list(tasks.batches_of(request, drawn))
        base = None
        if batches:
            folder = tasks.place_base_model(context.engine, context.files, context.settings, request)
            base = PlacedBaseModel(str(folder), request.base_model_name)
        for batch in batches:
            self._look_up()
            if base is not None:
                self._draw(batch, base)
        sheet = tasks.make_sheet(context.engine, context.files, request)
        context.keep(lambda session: tasks.finish(session, context.job, sheet, utc_now()))

    def _draw(self, batch: tasks.Batch, base: PlacedBaseModel) -> None:
        by_seed = {cell.seed: cell for cell in batch.cells}
        out = self._work / str(batch.first.number)
        last: Mapping[str, Any] = {}
        for event in self._context.engine_host.draw(self._job(batch, base, out), cancelled=self._has_to_end):
            last = event
            if event["event"] == "DrawStepped":
                self._note_step(int(event["done"]) * self._request.num_steps // max(1, int(event["total"])))
            elif event["event"] == "Drew":
                self._keep_picture(by_seed[int(event["seed"])].number, Path(event["path"]), str(event["parameters"]))
        if last.get("event") == "DrawFinished":
            return
        self._look_up()  # it was ended because of us
        raise EnoguError(
            str(last.get("message") or "The drawing ended without saying why."),
            str(last.get("cure") or ("" if last.get("message") else "Look into the worker's log.")),
        )

    def _job(self, batch: tasks.Batch, base: PlacedBaseModel, out: Path) -> DrawJob:
        context, shared, first = self._context, self._request.shared, batch.first
        return DrawJob(
            drawing_id=f"{self._request.id}-{first.number}",
            base_model=base,
            prompt=first.prompt,
            out=out,
            negative_prompt=shared.negative_prompt,
            width=shared.width,
            height=shared.height,
            steps=shared.steps,
            cfg=shared.cfg,
            sampler=shared.sampler,
            schedule_type=shared.schedule_type,
            seed=first.seed,
            count=len(batch.cells),
            clip_skip=shared.clip_skip,
            loras=[
                PlacedLora(str(tasks.place_lora(context.files, context.settings, lora)), lora.weight, lora.name)
                for lora in first.loras
            ],
        )

    def _keep_picture(self, number: int, path: Path, parameters: str) -> None:
        context = self._context
        picture = tasks.keep_picture(context.files, number, path, parameters)
        context.keep(lambda session: tasks.store_pictures(session, self._request.id, [picture], utc_now()))
        self._num_done += 1
        seconds = (time.monotonic() - self._began) / (self._num_done - self._num_done_before)
        left = (len(self._request.cells) - self._num_done) * seconds
        context.tell(mark=self._num_done, progress={"done": self._num_done, "seconds_left": round(left, 1)})

    def _note_step(self, step: int) -> None:
        now = time.monotonic()
        if now - self._step_written_at < STEP_SECONDS and step < self._request.num_steps:
            return
        self._step_written_at = now
        self._context.keep(lambda session: tasks.note_step(session, self._request.id, step))

    def _has_to_end(self) -> bool:
        context = self._context
        return context.is_lost or context.is_stopping or "cancel" in context.asked()

    def _look_up(self) -> None:
        """Raises when there is a reason to end."""
        if "cancel" in self._context.asked():  # LostJob
            raise _Cancelled
        if self._context.is_stopping:
            raise WorkerStops


def _fail(context: JobContext, failure: Failure) -> None:
    context.keep(lambda session: tasks.fail(session, context.job, failure, utc_now()))


def _out_of_memory(request: DrawingRequest) -> Failure:
    return Failure(
        "OutOfMemory",
        "The drawing was ended by the operating system, most likely because this machine ran out of memory.",
        f"Draw smaller than {request.shared.width}x{request.shared.height}, or close other programs.",
    )
