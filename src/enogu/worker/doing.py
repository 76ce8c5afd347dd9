"""Do one job: call its handler, and put down in the queue how it ended.

The same for a worker process and for tests that want no process (``in_process``). What each way of ending means is
said in ``handlers``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from enogu.bootstrap import Studio
from enogu.errors import DatabaseFailed, EnoguError
from enogu.queue import service as queue
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import Session, reading, transaction
from enogu.worker.engine_host import EngineDied, EngineHost
from enogu.worker.handlers import BEAT_SECONDS, Handlers, JobContext, WorkerStops

_log = logging.getLogger("enogu.worker")


@dataclass(frozen=True)
class Workplace:
    """What there is to do a job with."""

    studio: Studio
    handlers: Handlers
    engine_host: Callable[[], EngineHost]
    is_stopping: Callable[[], bool] = lambda: False
    beat_seconds: float = BEAT_SECONDS
    when_begun: Callable[[JobContext], None] = field(default=lambda _context: None)


def do_job(place: Workplace, job: Job) -> None:
    """Call the handler of a job that was begun, and end the job or give it back."""
    studio = place.studio
    context = JobContext(
        engine=studio.engine,
        files=studio.files,
        settings=studio.settings,
        metering=studio.metering,
        decoder=studio.decoder,
        job=job,
        engine_host=place.engine_host,
        is_stopping=place.is_stopping,
        beat_seconds=place.beat_seconds,
    )
    _log.info("%s %s of %s begins (%d)", job.kind, job.id, job.subject_id, job.attempts)
    put_down = _call(place, context)
    if put_down is not None:
        _write(place, job, put_down)


def tell_parked(place: Workplace) -> None:
    """Let the slices know of jobs that were parked. Each hears of one at least once, so it must not mind twice."""
    engine = place.studio.engine
    with reading(engine) as session:
        untold = queue.list_untold(session)
    for job in untold:
        try:
            on_parked = place.handlers.find_on_parked(job.kind)
        except EnoguError:
            continue  # another worker knows it
        except Exception:
            _log.exception("The handler of %s cannot be imported.", job.kind)
            continue
        _log.warning("%s %s was parked: %s", job.kind, job.id, job.reason)
        try:
            if on_parked is not None:
                on_parked(engine, job)
        except Exception:
            _log.exception("The slice of %s could not be told; it will be tried again.", job.id)
            continue
        with transaction(engine) as session:
            queue.mark_told(session, job.id)


_PutDown = Callable[[Session, datetime], object]


def _call(place: Workplace, context: JobContext) -> _PutDown | None:
    """What is to be written in the end; None when that is not ours to say."""
    job = context.job
    try:
        handler = place.handlers.find(job.kind)
        place.when_begun(context)
        with context:
            handler(context)
    except LostJob:
        _log.warning("%s %s is somebody else's by now, or was ended.", job.kind, job.id)
        return None
    except WorkerStops:
        return lambda session, now: queue.give_back(session, job.id, job.token, now)
    except (DatabaseFailed, EngineDied) as error:
        if place.is_stopping():
            return lambda session, now: queue.give_back(session, job.id, job.token, now)
        _log.warning("%s %s was interrupted: %s", job.kind, job.id, error)
        words = str(error)
        return lambda session, now: queue.give_back(session, job.id, job.token, now, died_of=words)
    except EnoguError as error:
        _log.info("%s %s failed: %s", job.kind, job.id, error)
        return _ending(context, "failed", str(error))
    except Exception as error:
        _log.exception("%s %s ended by a mistake of ours.", job.kind, job.id)
        return _ending(context, "parked", f"A mistake in the program: {type(error).__name__}: {error}")
    return _ending(context, "done", "")


def _ending(context: JobContext, state: Literal["done", "failed", "parked"], reason: str) -> _PutDown:
    job = context.job
    return lambda session, now: queue.end(session, job.id, job.token, state, now, reason)


def _write(place: Workplace, job: Job, put_down: _PutDown) -> None:
    """Until the database takes it, or the worker stops: then the reaper will find the job."""
    engine = place.studio.engine
    wait_seconds = 0.1
    while True:
        try:
            now = queue.read_now(engine)
            with transaction(engine) as session:
                put_down(session, now)
            return
        except LostJob:
            return  # the handler ended it in its last transaction, or somebody took it over
        except DatabaseFailed as error:
            _log.warning("The end of %s is not written yet: %s", job.id, error)
            if place.is_stopping():
                return
            time.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, 2.0)
