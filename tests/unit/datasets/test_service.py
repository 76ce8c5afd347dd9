"""Datasets and pictures on both databases: what is an owner's (J3), what is swept, what a training takes."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, text

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.datasets import service
from enogu.datasets.entities import DatasetFull, DatasetRefused, TaggerRefused
from enogu.datasets.service import pictures
from enogu.errors import NotFound
from enogu.imaging.crops import Box, Crop
from enogu.storage.database import reading, transaction
from tests.unit.datasets.studio import NOW, Place, open_place, png


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path)


def count(place: Place, table: str) -> int | None:
    with reading(place.engine) as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar()  # noqa: S608


def test_everything_of_an_owner_is_exported_and_deleted(place: Place) -> None:
    """J3."""
    dataset = place.dataset({"絵.png": png(1), "絵.txt": "笑顔".encode()})
    place.caption(dataset.id, {"絵.png": "another"})
    data = service.DatasetsData()
    with transaction(place.engine) as session:
        gone = service.create_dataset(session, place.owner_id, "to be deleted", NOW)
        service.delete_dataset(session, place.owner_id, gone.id, NOW)
        service.add_tagger(session, place.account, "mine", NOW)
    with reading(place.engine) as session:
        exported = list(data.export(session, place.owner_id))
        assert list(data.export(session, "0" * 26)) == []
    records = [json.loads(json.dumps(one.value)) for one in exported if isinstance(one, ExportedRecord)]
    assert [one.get("name") for one in records] == ["some pictures", "to be deleted", None]
    assert records[0]["pictures"][0]["caption"] == "another"
    (picture,) = place.pictures(dataset.id)
    assert [one.sha256 for one in exported if isinstance(one, ExportedFile)] == [picture.sha256]
    with reading(place.engine) as session:
        assert set(service.list_named_files(session)) == {picture.sha256, picture.thumbnail_sha256}
    with transaction(place.engine) as session:
        data.delete(session, place.owner_id)
    assert [count(place, name) for name in ("datasets", "pictures", "caption_edits", "taggers")] == [0, 0, 0, 0]


def test_what_was_deleted_long_ago_is_swept_and_the_rest_stays(place: Place) -> None:
    old, young = place.dataset({"a.png": png(1)}), place.dataset({"a.png": png(1), "b.png": png(2)})
    first, second = place.pictures(young.id)
    with transaction(place.engine) as session:
        service.delete_dataset(session, place.owner_id, old.id, NOW)
        service.remove_pictures(session, place.owner_id, young.id, [first.id], NOW)
        assert service.sweep(session, NOW + timedelta(days=29)) == 0
        assert service.sweep(session, NOW + timedelta(days=31)) == 2
    assert [one.id for one in place.pictures(young.id)] == [second.id]
    with pytest.raises(NotFound), transaction(place.engine) as session:
        service.restore_dataset(session, place.owner_id, old.id, NOW)


def test_a_full_dataset_takes_no_more_and_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PICTURES", 1)
    dataset = place.dataset({"a.png": png(1)})
    report = place.bring(dataset.id, {"b.png": png(2), "a again.png": png(1)})
    assert [one.message for one in report.refused] == [
        "b.png is left out: the dataset has 1 pictures, the most it may hold."
    ]
    assert report.num_new == 0
    with transaction(place.engine) as session:
        service.remove_pictures(session, place.owner_id, dataset.id, [place.pictures(dataset.id)[0].id], NOW)
    (removed,) = [one.picture for one in report.added]
    place.bring(dataset.id, {"c.png": png(3)})
    with pytest.raises(DatasetFull), transaction(place.engine) as session:
        service.restore_pictures(session, place.owner_id, dataset.id, [removed.id], NOW)


def test_orders_that_name_a_picture_twice_or_a_strange_one_are_refused(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1)})
    (one,) = place.pictures(dataset.id)
    for ids, error in (([one.id, one.id], DatasetRefused), (["x"], NotFound)):
        with pytest.raises(error), transaction(place.engine) as session:
            service.reorder_pictures(session, place.owner_id, dataset.id, ids, NOW)


def test_folders_of_taggers_are_listed_with_those_that_are_broken(place: Place) -> None:
    """D6."""
    for name, csv in (("good", "tag_id,name,category,count\n1,smile,0,5\n"), ("broken", "nonsense")):
        folder = place.home / "taggers" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"x")
        (folder / "selected_tags.csv").write_text(csv, encoding="utf-8")
    with reading(place.engine) as session:
        listed = service.list_taggers(session, place.settings, place.owner_id)
        good = service.usable_tagger(session, place.settings, place.owner_id, "good")
        assert [(one.name, one.count) for one in service.read_vocabulary(place.files, place.settings, good)] == [
            ("smile", 5)
        ]
    assert [(one.name, one.state) for one in listed] == [
        ("starter", "ready"), ("broken", "refused"), ("good", "ready"),
    ]  # fmt: skip
    with pytest.raises(TaggerRefused), transaction(place.engine) as session:
        service.add_tagger(session, place.account, "starter", NOW)
    with pytest.raises(NotFound), transaction(place.engine) as session:
        service.delete_tagger(session, place.owner_id, "good")


def test_a_training_takes_roles_masks_and_the_place_of_crops_in_them(place: Place) -> None:
    """F28: a crop has lost its transparency, so its original stands in for a mask."""
    clear = Image.new("RGBA", (96, 64), (0, 200, 0, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 48, 64))
    buffer = io.BytesIO()
    clear.save(buffer, format="PNG")
    white = io.BytesIO()
    Image.new("L", (96, 64), 255).save(white, format="PNG")
    dataset = place.dataset(
        {"a.png": png(1), "masks/a.png": white.getvalue(), "b.png": buffer.getvalue(), "reg/1_1boy/c.png": png(3)}
    )
    masked, transparent, spared = sorted(place.pictures(dataset.id), key=lambda one: one.name[-5:])
    crop = Crop(Box(8, 4, 64, 32), 128, 64, "hand")
    with transaction(place.engine) as session:
        for one in (masked, transparent):
            service.set_crop(session, place.owner_id, dataset.id, one.id, crop, one.sha256, one.thumbnail_sha256, NOW)
        found = {one.picture_id: one for one in service.pictures_to_train(session, place.owner_id, dataset.id)}
    assert found[masked.id].mask_sha256 == masked.mask_sha256
    assert found[masked.id].mask_cut == found[transparent.id].mask_cut == (8, 4, 64, 32, 128, 64)
    assert found[transparent.id].mask_sha256 == transparent.sha256
    assert (found[spared.id].is_regularisation, found[spared.id].mask_sha256) == (True, None)
    assert (found[spared.id].caption, found[masked.id].is_regularisation) == ("1boy", False)
    with reading(place.engine) as session:
        assert masked.mask_sha256 in set(service.list_named_files(session))
