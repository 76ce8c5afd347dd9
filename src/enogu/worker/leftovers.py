"""What a worker that was killed left in ``work``: folders of jobs that have ended, so that nobody comes back to them.

A job that is to be done again clears its own folder when it begins. One whose worker was killed between the job's end
and its tidying is never begun again: its folder would stay for ever.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from enogu.queue import service as queue
from enogu.queue.entities import ENDED
from enogu.storage.database import Engine, reading

TOOL_PREFIX = "lora-tool-"

_log = logging.getLogger("enogu.worker")


def tool_folder(home: Path, job_id: str) -> Path:
    """Where the files of this job of a LoRA tool are while it is done."""
    return home / "work" / f"{TOOL_PREFIX}{job_id}"


def tidy_leftovers(engine: Engine, home: Path) -> None:
    """Remove the folders of LoRA tools whose job has ended, or is no more.

    One that waits or runs may be another worker's of the same home, and is left alone.
    """
    for folder in sorted((home / "work").glob(f"{TOOL_PREFIX}*")):
        with reading(engine) as session:
            job = queue.find_job(session, folder.name.removeprefix(TOOL_PREFIX))
        if job is None or job.state in ENDED:
            _log.info("%s was left by a worker that was killed; it is removed.", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
