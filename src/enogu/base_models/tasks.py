"""What a worker does for base models: unpack an uploaded zip, and read a large one once for its hash.

Both may be killed and begin again: what is unpacked goes into the store of files by its content, and the row changes
once, at the end, behind the fence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeVar

from enogu.base_models import store
from enogu.base_models.entities import BaseModel, StoredPart
from enogu.base_models.rules import describing, folders, hashes
from enogu.base_models.rules.packed import MOST_PART_BYTES, PackedFolder
from enogu.base_models.service.choosing import get_base_model, name_key, no_base_model
from enogu.base_models.service.registering import with_facts
from enogu.errors import BaseModelRefused, NotFound
from enogu.queue.entities import Ask, Job
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, reading, transaction
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


def import_base_model(work: Work) -> Outcome:
    """Unpack the zip of this job's base model. Raises NotFound when it was deleted, BaseModelRefused with the reason,
    which ``refuse_import`` writes to its row; LostJob.
    """
    owner_id, base_model_id = work.job.owner_id, base_model_id_of(work.job)
    with reading(work.engine) as session:
        base = store.find_base_model(session, owner_id, base_model_id)
        archive = store.find_archive(session, owner_id, base_model_id)
    if base is None:
        raise no_base_model(base_model_id)
    if base.state != "importing" or archive is None:
        return "done"
    try:
        with work.files.local(archive) as path, path.open("rb") as file:
            found = _unpacked(work, base, PackedFolder(file, base.name))
    except Broken as broken:
        if broken.outcome == "cancelled":
            work.keep(lambda session: fail(session, owner_id, base_model_id, "The import was cancelled."))
        return broken.outcome

    def write(session: Session) -> None:
        held = store.lock_base_model(session, owner_id, base_model_id)
        if held is None:
            raise no_base_model(base_model_id)
        ready = replace(
            found, name=held.name, notes=held.notes, licence=held.licence, derivative=held.derivative,
            style=held.style, picture_sha256=held.picture_sha256,
        )  # fmt: skip
        store.write_base_model(session, ready, name_key(ready.name))

    work.keep(write)
    return "done"


def refuse_import(engine: Engine, job: Job, reason: str) -> None:
    """Say in the row why it cannot be used. Nothing happens when it is gone or ready."""
    with transaction(engine) as session:
        fail(session, job.owner_id, base_model_id_of(job), reason)


def hash_base_model(work: Work) -> Outcome:
    """Find the hash of a large one, for its row or, when it is the studio's, for the cache beside it.

    Raises BaseModelRefused when it is not on this machine, NotFound, LostJob.
    """
    owner_id = work.job.owner_id
    with reading(work.engine) as session:
        base = get_base_model(session, work.settings, owner_id, base_model_id_of(work.job))
    if base.path is None or base.hash:
        return "done"
    if not base.path.exists():
        raise BaseModelRefused(f"{base.name} is not on this machine: there is no {base.path}.", "Put it there.")
    progress = Progress(work, base.size_bytes)
    try:
        found = hashes.hash_base_model(work.settings.cache_folder, base.path, progress.add)
    except Broken as broken:
        return broken.outcome
    if base.owner_id is not None:

        def write(session: Session) -> None:
            held = store.lock_base_model(session, owner_id, base.id)
            if held is not None and held.path == base.path:
                store.write_base_model(session, replace(held, hash=found), name_key(held.name))

        work.keep(write)
    return "done"


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


def _unpacked(work: Work, base: BaseModel, packed: PackedFolder) -> BaseModel:
    facts = describing.facts_of_folder(folders.describe_folder(packed))
    progress = Progress(work, packed.total_bytes)
    parts: list[StoredPart] = []
    for path in packed.list_paths():
        put = work.files.put(_counted(packed.open_part(path), progress), MOST_PART_BYTES)
        parts.append(StoredPart(path, put.sha256, put.size_bytes))
        if path.endswith(".safetensors"):
            check_weights(work.files, path, put.sha256, put.size_bytes)
    found = hashes.hash_of_parts((part.path, part.sha256) for part in parts)
    return replace(with_facts(base, facts), parts=tuple(parts), hash=found)


def _counted(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        progress.add(len(chunk))
        yield chunk


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
