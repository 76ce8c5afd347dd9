"""A worker process with handlers of the tests' own, made to be killed: ``worker_to_kill.py NAME BEAT SILENT``.

It is ``run_worker`` itself; only what the jobs do is made up. "count" counts to ``payload["steps"]`` and writes a line
``worker token step`` for each into a file of its subject's, through the fence; what it counted is its state, and is
gone on with. "die" kills its worker.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

from enogu.queue.entities import Job
from enogu.settings import read_settings
from enogu.storage.database import Engine
from enogu.worker.handlers import Handlers, JobContext, WorkerStops
from enogu.worker.main import run_worker


def lines_of(home: Path, subject_id: str) -> list[list[str]]:
    file = home / f"{subject_id}.lines"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def count(context: JobContext) -> None:
    home, job = context.settings.home, context.job
    done = len(lines_of(home, job.subject_id))
    for step in range(done + 1, job.payload["steps"] + 1):
        time.sleep(job.payload.get("step_seconds", 0.05))
        if context.is_stopping:
            raise WorkerStops

        def write(_session: object, step: int = step) -> None:
            line = [str(job.worker_id), str(job.token), str(step)]
            if lines_of(home, job.subject_id)[-1:] == [line]:
                return  # ``keep`` calls again when the database went away at the commit
            with (home / f"{job.subject_id}.lines").open("a") as file:
                file.write(" ".join(line) + "\n")

        context.keep(write)
        context.tell(mark=step)


def die(context: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def on_parked(engine: Engine, job: Job) -> None:
    (read_settings().home / f"{job.subject_id}.parked").write_text(job.reason)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    run_worker(
        read_settings(),
        device="cpu",
        name=sys.argv[1],
        beat_seconds=float(sys.argv[2]),
        silent_seconds=float(sys.argv[3]),
        handlers=Handlers({"count": count, "die": die}, {"count": on_parked, "die": on_parked}),
    )
    print(f"tidy, torch loaded: {'torch' in sys.modules}")
