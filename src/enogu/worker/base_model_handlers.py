"""Handlers of the tasks on base models, and what is told to them when one was parked."""

from __future__ import annotations

from collections.abc import Callable

from enogu.base_models import tasks
from enogu.base_models.entities import DOWNLOAD_KIND, IMPORT_KIND
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import Engine
from enogu.worker.handlers import JobContext, WorkerStops


def import_base_model(context: JobContext) -> None:
    """See ``base_models.tasks``."""
    _do(context, tasks.import_base_model)


def download_base_model(context: JobContext) -> None:
    """See ``base_models.tasks``."""
    _do(context, tasks.download_base_model)


def hash_base_model(context: JobContext) -> None:
    """See ``base_models.tasks``."""
    if tasks.hash_base_model(context) == "stopped":
        raise WorkerStops


def parked(engine: Engine, job: Job) -> None:
    """An import that ended its worker twice is given up."""
    if job.kind == IMPORT_KIND:
        tasks.refuse_import(engine, job, "Unpacking it ended the worker twice.")
    if job.kind == DOWNLOAD_KIND:
        tasks.refuse_import(engine, job, "Downloading it ended the worker twice.")


def _do(context: JobContext, task: Callable[[tasks.Work], tasks.Outcome]) -> None:
    """A refusal is written into the row, so that its owner reads it."""
    try:
        outcome = task(context)
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError as error:
        context.keep(lambda _session: None)  # still ours?
        tasks.refuse_import(context.engine, context.job, str(error))
        raise
    if outcome == "stopped":
        raise WorkerStops
