"""What every task on a base model has in common: what it needs of its worker, its progress, how it breaks off, how a
refusal is written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeVar

from enogu.base_models import store
from enogu.base_models.service.choosing import name_key
from enogu.errors import BaseModelRefused, NotFound
from enogu.queue.entities import Ask, Job
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, transaction
from enogu.storage.files import Files
from enogu.weights.header import parse_header

Outcome = Literal["done", "cancelled", "stopped"]
"""``stopped``: the worker must go and the job goes back into the queue."""
_TELL_BYTES = 32 * 2**20

Kept = TypeVar("Kept")


class Work(Protocol):
    """The part of a worker's JobContext that is needed here."""

    engine: Engine
    files: Files
    settings: Settings
    job: Job

    @property
    def is_stopping(self) -> bool:
        """Whether the worker is told to stop."""
        ...

    def asked(self) -> frozenset[Ask]:
        """What people want. Raises LostJob."""
        ...

    def tell(self, *, mark: int | None = None, progress: dict[str, Any] | None = None) -> None:
        """How far it is. Raises LostJob."""
        ...

    def keep(self, write: Callable[[Session], Kept]) -> Kept:
        """Write in a transaction that begins with the fence. Raises LostJob."""
        ...


class Broken(Exception):
    """The work is not to go on. Ends at the task's own function."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome: Outcome = outcome


def refuse_import(engine: Engine, job: Job, reason: str) -> None:
    """Say in the row why it cannot be used. Nothing happens when it is gone or ready."""
    with transaction(engine) as session:
        fail(session, job.owner_id, base_model_id_of(job), reason)


class Progress:
    """Counts bytes, tells of them now and then, and breaks off when it is time."""

    def __init__(self, work: Work, total_bytes: int) -> None:
        self._work = work
        self._total = total_bytes
        self._done = 0
        self._told = -_TELL_BYTES

    def add(self, size_bytes: int) -> None:
        """Raises Broken, LostJob."""
        self._done += size_bytes
        if self._done - self._told < _TELL_BYTES:
            return
        self._told = self._done
        self.check()
        self._work.tell(progress={"done": self._done, "total": max(self._total, self._done), "unit": "bytes"})

    def check(self) -> None:
        """Raises Broken when the work is not to go on, LostJob."""
        if "cancel" in self._work.asked():
            raise Broken("cancelled")
        if self._work.is_stopping:
            raise Broken("stopped")


def check_weights(files: Files, path: str, sha256: str, size_bytes: int) -> None:
    """Raises BaseModelRefused for a pickle under another name, or a damaged file."""
    parse_header(
        path, size_bytes, lambda start, end: b"".join(files.get(sha256, start, min(end, size_bytes))), BaseModelRefused
    )


def fail(session: Session, owner_id: str, base_model_id: str, reason: str) -> None:
    """Write why it cannot be used into its row; nothing happens when it is gone or ready."""
    held = store.lock_base_model(session, owner_id, base_model_id)
    if held is None or held.state != "importing":
        return
    failed = replace(held, state="failed", reason=reason, why_not=f"Its import failed: {reason}")
    store.write_base_model(session, failed, name_key(held.name))


def base_model_id_of(job: Job) -> str:
    """The base model that a job is about. Raises NotFound when it names none."""
    found = job.payload.get("base_model_id")
    if not isinstance(found, str):
        raise NotFound(f"The task {job.id} names no base model.")
    return found
