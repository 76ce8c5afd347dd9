"""Everything of one owner's in datasets, to export or delete (J3); and the files that rows name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.datasets import store
from enogu.datasets.entities import Dataset, Picture
from enogu.storage.database import Session


class DatasetsData:
    """What this slice keeps for an owner."""

    slice_name = "datasets"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """One record per dataset with its pictures and captions, those that can be brought back too; all originals."""
        for is_deleted in (False, True):
            before: str | None = None
            while page := store.list_datasets(
                session, owner_id, search="", is_deleted=is_deleted, before=before, limit=100
            ):
                for dataset in page:
                    pictures = store.list_pictures(session, dataset.id)
                    yield ExportedRecord(f"datasets/{dataset.id}.json", _exported(dataset, pictures))
                    for one in pictures:
                        path = f"datasets/{dataset.id}/{one.id}.{one.format.lower()}"
                        yield ExportedFile(path, one.sha256)
                        if one.mask_sha256 is not None:
                            yield ExportedFile(f"datasets/{dataset.id}/{one.id}.mask.png", one.mask_sha256)
                before = page[-1].id
        taggers = store.list_taggers(session, owner_id)
        if taggers:
            yield ExportedRecord("datasets/taggers.json", {"taggers": [asdict(one) for one in taggers]})

    def delete(self, session: Session, owner_id: str) -> None:
        """Everything. A task that works on it finds its dataset gone and stops."""
        store.delete_datasets_of(session, owner_id)
        store.delete_taggers_of(session, owner_id)
        store.delete_uploads_of(session, owner_id)


def list_named_files(session: Session) -> Iterator[str]:
    """The sha256 of every file that a row of this slice names; for the sweep of files that no row names."""
    return store.list_named_files(session)


def _exported(dataset: Dataset, pictures: Iterable[Picture]) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "trigger": dataset.trigger,
        "crop": asdict(dataset.crop),
        "tag": asdict(dataset.tag) | {"undesired_tags": list(dataset.tag.undesired_tags)},
        "created_at": dataset.created_at.isoformat(),
        "deleted_at": None if dataset.deleted_at is None else dataset.deleted_at.isoformat(),
        "pictures": [
            {
                "id": one.id,
                "name": one.name,
                "sha256": one.sha256,
                "width": one.width,
                "height": one.height,
                "caption": one.caption,
                "repeats": one.repeats,
                "class_tokens": one.class_tokens,
                "crop": None if one.crop is None else asdict(one.crop),
                "is_regularisation": one.is_regularisation,
                "has_mask": one.mask_sha256 is not None,
            }
            for one in pictures
        ],
    }
