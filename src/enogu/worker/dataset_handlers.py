"""Handlers of the tasks on datasets, and what is told to datasets when one of them was parked."""

from __future__ import annotations

import os

from enogu.datasets import service as datasets
from enogu.datasets import tasks
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import Engine, reading
from enogu.tagging.entities import Tagger
from enogu.worker.handlers import JobContext, WorkerStops


def crop_and_tag(context: JobContext) -> None:
    """See ``datasets.tasks``."""
    try:
        outcome = tasks.crop_and_tag(context, lambda name: open_tagger(context, name))
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError:
        context.keep(lambda _session: None)  # still ours?
        tasks.forget_crop_and_tag(context.engine, context.job)
        raise
    if outcome == "stopped":
        raise WorkerStops


def import_pictures(context: JobContext) -> None:
    """See ``datasets.tasks``."""
    try:
        outcome = tasks.import_uploads(context)
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError:
        context.keep(lambda _session: None)
        tasks.forget_import(context.engine, context.job)
        raise
    if outcome == "stopped":
        raise WorkerStops


def check_tagger(context: JobContext) -> None:
    """See ``datasets.tasks``."""
    try:
        tasks.check_uploaded_tagger(context)
    except (LostJob, DatabaseFailed):
        raise
    except EnoguError as error:
        context.keep(lambda _session: None)
        tasks.refuse_tagger(context.engine, context.job, str(error))
        raise


def parked(engine: Engine, job: Job) -> None:
    """What was done stays; what was kept for going on is let go of."""
    if job.kind == "crop_and_tag":
        tasks.forget_crop_and_tag(engine, job)
    elif job.kind == "import_pictures":
        tasks.forget_import(engine, job)
    else:
        tasks.refuse_tagger(engine, job, "Trying it out ended the worker twice.")


def open_tagger(context: JobContext, name: str) -> Tagger:
    """The tagger of this name, for the job's owner; half of the cores, since a training may run beside it."""
    from enogu.tagging.wd14 import Wd14Tagger

    with reading(context.engine) as session:
        facts = datasets.usable_tagger(session, context.settings, context.job.owner_id, name)
    folder = datasets.place_tagger(context.files, context.settings, facts)
    return Wd14Tagger(folder, num_threads=max(1, (os.cpu_count() or 2) // 2))
