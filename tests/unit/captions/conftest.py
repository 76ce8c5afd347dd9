"""A dataset with captions and no pictures to decode: rows only, as the store writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine

from enogu.datasets import service as datasets
from enogu.datasets.entities import Dataset, ExaminedPicture
from enogu.imaging.quality import QualityMeasures
from enogu.storage.database import transaction
from tests.unit.datasets.studio import NOW, Place, open_place


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path)


@pytest.fixture
def with_captions(place: Place) -> Callable[..., Dataset]:
    """Make a dataset of these captions; pictures are called 0001.png and so on."""

    def make(captions: Sequence[str], trigger: str = "zdm", owner: Place = place) -> Dataset:
        return dataset_with(owner, captions, trigger)

    return make


def dataset_with(place: Place, captions: Sequence[str], trigger: str = "zdm") -> Dataset:
    with transaction(place.engine) as session:
        made = datasets.create_dataset(session, place.owner_id, "some pictures", NOW)
        datasets.set_trigger(session, place.owner_id, made.id, trigger, NOW)
        for number, caption in enumerate(captions, 1):
            datasets.add_picture(session, place.owner_id, made.id, _picture(number, caption), NOW)
    return place.look(made.id)


def _picture(number: int, caption: str) -> ExaminedPicture:
    return ExaminedPicture(
        name=f"{number:04d}.png",
        sha256=f"{number:064x}",
        size_bytes=100,
        format="PNG",
        width=512 if number % 2 else 640,
        height=512,
        notes=(),
        pixel_sha256=f"{number:064x}",
        fingerprint=None,
        quality=QualityMeasures(0.1 if number > 1 else 0.99, 200, 20),
        thumbnail_sha256="0" * 64,
        caption=caption,
        has_caption=bool(caption),
        repeats=2,
        class_tokens="",
    )
