"""What this slice keeps for an owner, and which files it names (J3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.base_models import store
from enogu.base_models.entities import BaseModel
from enogu.queue import service as queue
from enogu.storage.database import Session, utc_now


class BaseModelData:
    """Registered base models: what a person wrote about each, its picture, and the files of uploaded ones."""

    slice_name = "base_models"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """A record per base model and its files; those of a path are on the person's own machine."""
        for base in store.list_base_models(session, owner_id):
            yield ExportedRecord(f"base_models/{base.id}.json", _plain(base))
            if base.picture_sha256 is not None:
                yield ExportedFile(f"base_models/{base.id}/picture.webp", base.picture_sha256)
            for number, part in enumerate(base.parts, 1):
                ending = Path(part.path).suffix
                yield ExportedFile(f"base_models/{base.id}/files/{number:03d}{ending}", part.sha256)

    def delete(self, session: Session, owner_id: str) -> None:
        """Every row; tasks on them are told to stop, and write nothing into rows that are gone."""
        now = utc_now()
        for base in store.list_base_models(session, owner_id):
            job = None if base.job_id is None else queue.find_job(session, base.job_id)
            if job is not None and job.state in ("waiting", "running"):
                queue.ask(session, job.id, "cancel", now)
        store.delete_all(session, owner_id)


def list_named_files(session: Session) -> Iterable[str]:
    """Every file that a base model names; what nothing names is swept."""
    return store.list_named_files(session)


def _plain(base: BaseModel) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, Path) else value
        for key, value in asdict(base).items()
        if key != "owner_id"
    }
