"""The nouns of the queue: a job, who works on it, what can be asked of it, and how it is lost.

A job is a row that says that something has to be done, by whom it is done now, and how far it is. What is done is not
known here: ``kind`` names a handler of the worker, ``subject_id`` the row of the slice that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from enogu.errors import EnoguError

Lane = Literal["train", "draw", "task"]
"""What can go on side by side on one worker: a training, a drawing, a task without the device."""
JobState = Literal["waiting", "running", "done", "failed", "cancelled", "parked"]
Ask = Literal["cancel", "pause", "save", "sample"]

LANES: tuple[Lane, ...] = ("train", "draw", "task")
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled", "parked"})
"""States that nothing comes after."""
MOST_DEATHS = 2
"""A job that so many workers died of, without progress between, is parked."""
SILENT_SECONDS = 8.0
"""A worker that was not heard of for so long is taken for dead."""


@dataclass(frozen=True)
class Job:
    """Something that has to be done, and how far it is."""

    id: str
    lane: Lane
    kind: str
    """Names the handler: "train_run", "draw", "crop_and_tag", …"""
    owner_id: str
    subject_id: str
    """The run, drawing or data set that it is about."""
    payload: dict[str, Any]
    """What the handler needs to know. "seconds", where given, is how long it is expected to take."""
    state: JobState
    priority: int
    """Of the owner's plan; lower is sooner."""
    turn: int
    """In which round of its lane and priority it comes; lower is sooner. Within a turn, the lower id."""
    dispatch: int
    """How many times it was put into the queue: 1, and one more after each worker that died or stopped."""
    token: int
    """Fencing token: grows whenever a worker takes the job. Who holds an older one may not write."""
    attempts: int
    """How many times a worker has begun it."""
    deaths: int
    """How many workers died of it since it last made progress."""
    mark: int
    """How far it is, in the handler's own counting; only ever grows. "Progress" above means that this grew."""
    worker_id: str | None
    """Who has it; None while it waits. Of an ended job, who had it last."""
    created_at: datetime
    started_at: datetime | None
    """When it was first begun."""
    beat_at: datetime | None
    """When its worker was last heard of."""
    ended_at: datetime | None
    asked: frozenset[Ask]
    """What people have asked of it and the worker has not done yet."""
    progress: dict[str, Any]
    """What the handler last said. "seconds_left", where given, is what it still expects to take."""
    reason: str
    """Why it ended as it did, in words; empty when there is nothing to say."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self.state in ENDED


@dataclass(frozen=True)
class Position:
    """Where a waiting job stands in its lane."""

    ahead: int
    """How many waiting jobs come before it; 0 means that it is next."""
    waiting: int
    """How many jobs wait in its lane, itself included."""


@dataclass(frozen=True)
class Worker:
    """A process that takes jobs."""

    id: str
    """``host:device``; at most one process at a time has it."""
    lanes: tuple[Lane, ...]
    device: str
    """"cpu", "cuda:0", …"""
    started_at: datetime
    beat_at: datetime
    """When it was last heard of."""
    stopped_at: datetime | None
    """When it left tidily; None while it works, or when it was killed."""
    device_name: str = ""
    """For people; empty when it is not known."""
    memory_bytes: int | None = None
    """The graphics card's, or main memory where the processor computes; None when it is not known."""
    has_adamw8bit: bool = False
    """Whether the optimizer that keeps eight bits runs on it."""


class LostJob(EnoguError):
    """The job is somebody else's by now, or over. Stop at once, and write nothing."""

    def __init__(self, message: str = "", cure: str = "") -> None:
        super().__init__(
            message or "This job is no longer this worker's.", cure or "Nothing is to be done: another one goes on."
        )


class JobOver(EnoguError):
    """Something was asked of a job that has ended."""
