"""Unpack an uploaded zip: a part at a time into the store of files, and the row once, at the end, behind the fence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from enogu.base_models import store
from enogu.base_models.entities import BaseModel, StoredPart
from enogu.base_models.rules import describing, folders, hashes
from enogu.base_models.rules.packed import MOST_PART_BYTES, PackedFolder
from enogu.base_models.service.choosing import name_key, no_base_model
from enogu.base_models.service.registering import with_facts
from enogu.base_models.tasks.working import Broken, Outcome, Progress, Work, base_model_id_of, check_weights, fail
from enogu.storage.database import Session, reading


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
