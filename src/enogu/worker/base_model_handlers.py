"""Handlers of the tasks on base models, and what is told to them when one was parked."""

from __future__ import annotations

from enogu.base_models import tasks
from enogu.base_models.entities import IMPORT_KIND
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import Engine
from enogu.worker.handlers import JobContext, WorkerStops


def import_base_model(context: JobContext) -> None:
    """See ``base_models.tasks``."""
    try:
        outcome = tasks.import_base_model(context)
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError as error:
        context.keep(lambda _session: None)  # still ours?
        tasks.refuse_import(context.engine, context.job, str(error))
        raise
    if outcome == "stopped":
        raise WorkerStops


def hash_base_model(context: JobContext) -> None:
    """See ``base_models.tasks``."""
    if tasks.hash_base_model(context) == "stopped":
        raise WorkerStops


def parked(engine: Engine, job: Job) -> None:
    """An import that ended its worker twice is given up."""
    if job.kind == IMPORT_KIND:
        tasks.refuse_import(engine, job, "Unpacking it ended the worker twice.")
