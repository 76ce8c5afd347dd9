"""Sample sets that ship with Enogu (C7), as datasets like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from enogu import starter_data
from enogu.datasets.entities import Dataset, RefusedFile
from enogu.datasets.incoming.reading import plan_import
from enogu.datasets.incoming.sources import FolderSource
from enogu.datasets.service.bringing import examined_pictures, take_picture, take_trigger
from enogu.datasets.service.sets import count_datasets, create_dataset, get_dataset, set_trigger
from enogu.errors import EnoguError, NotFound
from enogu.imaging.decoder import Decoder
from enogu.imaging.folder import PICTURE_SUFFIXES
from enogu.storage.database import Session, utc_now
from enogu.storage.files import Files

FIRST_SAMPLE = "mame"
"""What a fresh studio has in it."""


@dataclass(frozen=True)
class Sample:
    """A set of pictures to try things with."""

    name: str
    num_pictures: int


def list_samples() -> Sequence[Sample]:
    """By name."""
    return [
        Sample(folder.name, sum(file.suffix in PICTURE_SUFFIXES for file in folder.rglob("*")))
        for folder in sorted(starter_data.path("pictures").iterdir())
        if folder.is_dir()
    ]


def add_sample(
    session: Session, files: Files, decoder: Decoder, owner_id: str, name: str, now: datetime | None = None
) -> Dataset:
    """A new dataset with the sample's pictures and captions. Raises NotFound when there is no such sample."""
    at = now or utc_now()
    dataset = create_dataset(session, owner_id, name if name in _names() else "sample", at)
    source = FolderSource(_folder(name))
    plan = plan_import(source)
    for examined in examined_pictures(files, decoder, source, plan):
        if isinstance(examined, RefusedFile):
            raise EnoguError(examined.message, "Install Enogu again.")
        take_picture(session, owner_id, dataset.id, examined, at)
    take_trigger(session, owner_id, dataset.id, plan.trigger_hint, at)
    if name == FIRST_SAMPLE:
        set_trigger(session, owner_id, dataset.id, name, at)
    return get_dataset(session, owner_id, dataset.id)


def ensure_samples(
    session: Session, files: Files, decoder: Decoder, owner_id: str, now: datetime | None = None
) -> Dataset | None:
    """The first sample for an owner who has no dataset and never deleted one; None when nothing was to be done."""
    if count_datasets(session, owner_id) or count_datasets(session, owner_id, is_deleted=True):
        return None
    return add_sample(session, files, decoder, owner_id, FIRST_SAMPLE, now)


def _names() -> frozenset[str]:
    return frozenset(sample.name for sample in list_samples())


def _folder(name: str) -> Path:
    if name not in _names():
        raise NotFound("There is no such sample.", f"There are: {', '.join(sorted(_names()))}.")
    return starter_data.path("pictures", name)
