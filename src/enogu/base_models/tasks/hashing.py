"""Read a large base model once, for its hash."""

from __future__ import annotations

from dataclasses import replace

from enogu.base_models import store
from enogu.base_models.rules import hashes
from enogu.base_models.service.choosing import get_base_model, name_key
from enogu.base_models.tasks.working import Broken, Outcome, Progress, Work, base_model_id_of
from enogu.errors import BaseModelRefused
from enogu.storage.database import Session, reading


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
