"""Tools on LoRAs as jobs: files are placed, a process of their own does the work, and the result is kept at once.

The process is not the engine's child: tools need no graphics card, and must neither wait for a training of hours nor
push its base model out of memory. It lives for one job and ends with its worker.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from enogu.loras import tasks
from enogu.loras.entities import ToolWish
from enogu.loras.tools import wish_of
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.storage.database import Engine, Session, utc_now
from enogu.worker.handlers import JobContext, WorkerStops
from enogu.worker.leftovers import tool_folder
from enogu.worker.tool_process import REAL, ToolEnded, run_tool


def use_tool(context: JobContext, command: Sequence[str] = REAL) -> None:
    """Do what this job asks for, and keep what comes of it together with the job's end.

    ``command`` starts the process that does it: the real one, or a fake that tests give.
    """
    job = context.job
    work = tool_folder(context.settings.home, job.id)
    shutil.rmtree(work, ignore_errors=True)  # of a worker that was killed
    try:
        _use(context, wish_of(job.payload), work, command)
    except _Cancelled:
        context.keep(lambda session: queue.end(session, job.id, job.token, "cancelled", utc_now()))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _use(context: JobContext, wish: ToolWish, work: Path, command: Sequence[str]) -> None:
    job = context.job
    _look_up(context)
    loras = [tasks.place_input(context.files, work / f"in-{i}", one) for i, one in enumerate(wish.inputs)]
    bases = [tasks.place_base(context.engine, context.files, context.settings, job.owner_id, one) for one in wish.bases]
    made = tasks.path_to_make(wish, work / "out", bases[0] if bases else None)
    made.parent.mkdir(parents=True, exist_ok=True)
    values = {
        **asdict(wish),
        "loras": [[str(path), one.weight, one.text_weight] for path, one in zip(loras, wish.inputs, strict=True)],
        "base_paths": [str(path) for path in bases],
        "out": str(made),
    }
    try:
        found = run_tool(
            values,
            has_to_end=lambda: _has_to_end(context),
            on_progress=lambda one: _tell(context, one),
            command=command,
        )
    except ToolEnded:
        _look_up(context)  # because of us?
        raise
    parts = () if wish.tool == "compare" else tasks.put_made(context.files, made)

    def keep(session: Session) -> None:
        now = utc_now()
        kept = {} if not parts else tasks.keep_made(session, context.files, job.owner_id, wish, made, parts, now)
        queue.beat(session, job.id, job.token, now, progress={"result": {**found, **kept}})
        queue.end(session, job.id, job.token, "done", now)

    context.keep(keep)


def parked(_engine: Engine, _job: Job) -> None:
    """Nothing was begun in any row but the job's own, which says it."""


class _Cancelled(Exception):
    """Somebody wanted it to end."""


def _tell(context: JobContext, event: Mapping[str, Any]) -> None:
    context.tell(progress={"done": int(event["done"]), "total": int(event["total"])})


def _has_to_end(context: JobContext) -> bool:
    return context.is_lost or context.is_stopping or "cancel" in context.asked()


def _look_up(context: JobContext) -> None:
    if "cancel" in context.asked():  # LostJob
        raise _Cancelled
    if context.is_stopping:
        raise WorkerStops
