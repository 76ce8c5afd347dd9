"""When a run will be its turn and when it will be done (G1), from the queue's own estimates and measured speeds."""

from __future__ import annotations

from datetime import datetime, timedelta

from enogu.queue import service as queue
from enogu.queue.entities import Ask, Position, Worker
from enogu.recipe.memory_cures import Place
from enogu.runs import store
from enogu.runs.entities import Run
from enogu.runs.rules.expecting import Outlook, outlook
from enogu.runs.rules.states import ON_A_WORKER
from enogu.storage.database import Session

__all__ = ["expect_times", "find_asked", "find_best_trainer", "find_position", "outlook_of_new", "place_of"]


def outlook_of_new(session: Session, priority: int, seconds: float | None, now: datetime) -> Outlook:
    """Of a run that would be queued now at ``priority``: after those who are as important or more, in any turn."""
    workers = sum("train" in worker.lanes for worker in queue.list_live_workers(session, now))
    running = store.list_remaining_seconds(session)
    return outlook(running, store.list_waiting_seconds(session, priority), seconds, workers)


def find_best_trainer(session: Session, now: datetime) -> Worker | None:
    """Of those that train just now, the one with the most room: a graphics card before any processor, and one whose
    memory is known before any other. None when nobody trains.
    """
    trainers = [worker for worker in queue.list_live_workers(session, now) if "train" in worker.lanes]
    return max(trainers, key=lambda one: (not one.device.startswith("cpu"), one.memory_bytes or 0), default=None)


def place_of(trainer: Worker | None) -> Place:
    """What can be done there; of nobody, as on a graphics card."""
    if trainer is None:
        return Place(on_graphics_card=True)
    kind = trainer.device.partition(":")[0]
    return Place(on_graphics_card=kind != "cpu", has_fp8=kind != "mps", has_adamw8bit=trainer.has_adamw8bit)


def expect_times(session: Session, run: Run, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When it will start and when it will end; None for what is past, over or not known."""
    seconds = run.expected_seconds
    if run.state == "queued" and run.job_id is not None:
        start = queue.expect_start(session, run.job_id, now)
        left = None if seconds is None else seconds * (1 - run.checkpoint_step / max(1, run.num_steps))
        return start, None if start is None or left is None else start + timedelta(seconds=left)
    if run.state in ON_A_WORKER:
        left = run.live.seconds_left
        if left is None and seconds is not None:
            left = seconds * (1 - run.step / max(1, run.num_steps))
        return None, None if left is None else now + timedelta(seconds=left)
    return None, None


def find_position(session: Session, run: Run) -> Position | None:
    """Where it stands in the queue; None when it does not wait."""
    return None if run.state != "queued" or run.job_id is None else queue.find_position(session, run.job_id)


def find_asked(session: Session, run: Run) -> frozenset[Ask]:
    """What was asked of it and is not done yet, such as a cancel that its worker has to see."""
    job = None if run.job_id is None or run.is_over else queue.find_job(session, run.job_id)
    return frozenset() if job is None or job.has_ended else job.asked
