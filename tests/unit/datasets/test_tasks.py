"""Crop and tag, import and checking a tagger, as a worker does them (B4, D1, D5 to D9)."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine

from enogu.datasets import service, store, tasks
from enogu.datasets.entities import CropSettings, DatasetRefused, TaggerRefused, TagSettings
from enogu.datasets.service import ordering
from enogu.errors import NotFound
from enogu.imaging.crops import Box
from enogu.queue import service as queue
from enogu.queue.entities import Job, LostJob
from enogu.storage.database import transaction
from enogu.tagging.checking import check_tagger
from enogu.tagging.entities import Tag, Tagger
from enogu.tagging.fake import FakeTagger
from enogu.uploads import service as uploads
from enogu.uploads.entities import UploadUnfinished
from enogu.uploads.parts import Parts
from enogu.worker import dataset_handlers
from tests.unit.datasets.incoming.zips import packed
from tests.unit.datasets.studio import METERING, NOW, Place, open_place, png
from tests.unit.tagging.wd14_folders import CSV, write_tagger

ANSWER = {"1girl": 0.9, "green_hair": 0.8, "smile": 0.5, "solo": 0.2, "^_^": 0.7}


class Killed(BaseException):
    """What ends a worker in the middle."""


class CountingTagger(FakeTagger):
    """Counts pictures, and ends the worker at one of them."""

    def __init__(self, killed_at: int | None = None) -> None:
        super().__init__(answer=ANSWER)
        self.count = 0
        self._killed_at = killed_at

    def tag(self, images: Sequence[Image.Image]) -> list[list[Tag]]:
        self.count += len(images)
        if self.count == self._killed_at:
            raise Killed
        return super().tag(images)


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path)


def order(place: Place, dataset_id: str, parts: str = "both", ids: list[str] | None = None) -> Job:
    with transaction(place.engine) as session:
        return ordering.order_crop_and_tag(
            session, place.settings, METERING, place.account, dataset_id, parts, ids, NOW  # pyright: ignore
        )  # fmt: skip


def set_up(place: Place, dataset_id: str, crop: CropSettings | None = None, tag: TagSettings | None = None) -> None:
    with transaction(place.engine) as session:
        service.set_settings(session, place.owner_id, dataset_id, NOW, crop=crop, tag=tag)
        service.set_trigger(session, place.owner_id, dataset_id, "mame", NOW)


def run(place: Place, tagger: Tagger | None = None) -> str:
    with place.work() as context:
        return tasks.crop_and_tag(context, lambda _name: tagger or FakeTagger(answer=ANSWER))


def test_one_button_crops_and_tags_and_one_undo_takes_it_back(place: Place) -> None:
    """D5, D7, D8, D9."""
    dataset = place.dataset({"a.png": png(1), "b.png": png(2), "b.txt": b"a person's words"})
    set_up(place, dataset.id, CropSettings("centre", 32, 48), TagSettings(existing="append", threshold=0.4))
    job = order(place, dataset.id)
    assert run(place) == "done"
    assert place.job(job.id).state == "done"
    assert place.captions(dataset.id) == {
        "a.png": "mame, 1girl, green hair, ^_^, smile",
        "b.png": "mame, a person's words, 1girl, green hair, ^_^, smile",
    }
    for one in place.pictures(dataset.id):
        assert one.trained_size == (32, 48)
        assert one.cropped_sha256 is not None
        assert b"".join(place.files.get(one.cropped_sha256)).startswith(b"\x89PNG")
    with transaction(place.engine) as session:
        service.undo_captions(session, place.owner_id, dataset.id, NOW)
    assert place.captions(dataset.id) == {"a.png": "", "b.png": "a person's words"}


@pytest.mark.parametrize(
    ("existing", "caption"), [("keep", "mine"), ("append", "mame, mine, 1girl"), ("overwrite", "mame, 1girl")]
)
def test_captions_that_exist_are_met_as_the_setting_says(place: Place, existing: str, caption: str) -> None:
    """D9."""
    dataset = place.dataset({"a.png": png(1), "a.txt": b"mine"})
    set_up(place, dataset.id, tag=TagSettings(existing=existing, most_tags=1))  # pyright: ignore[reportArgumentType]
    order(place, dataset.id, "tag")
    run(place)
    assert place.captions(dataset.id) == {"a.png": caption}


def test_tags_are_spelled_and_left_out_as_the_settings_say(place: Place) -> None:
    """D10."""
    dataset = place.dataset({"a.png": png(1)})
    set_up(place, dataset.id, tag=TagSettings(with_underscores=True, undesired_tags=("Smile", "1girl")))
    order(place, dataset.id, "tag")
    run(place)
    assert place.captions(dataset.id) == {"a.png": "mame, green_hair, ^_^"}


@pytest.mark.parametrize("killed_at", [1, 2, 4])
def test_a_killed_worker_is_taken_over_at_the_picture_it_was_at(place: Place, killed_at: int) -> None:
    dataset = place.dataset({f"{number}.png": png(number) for number in range(4)})
    set_up(place, dataset.id, CropSettings("centre", 32, 32))
    job = order(place, dataset.id)
    with place.work() as lost, pytest.raises(Killed):
        tasks.crop_and_tag(lost, lambda _name: CountingTagger(killed_at))
    assert place.captions(dataset.id)["0.png"] == ""
    with transaction(place.engine) as session:
        queue.give_back(session, job.id, lost.token, NOW, died_of="killed")
    second = CountingTagger()
    with place.work("two") as context:
        assert tasks.crop_and_tag(context, lambda _name: second) == "done"
        with pytest.raises(LostJob):
            lost.keep(lambda session: service.change_captions(session, "", "", {}, words="", now=NOW))
    assert second.count == 4 - killed_at + 1
    assert set(place.captions(dataset.id).values()) == {"mame, 1girl, green hair, ^_^, smile"}
    assert place.job(job.id).progress["done"] == 4
    with transaction(place.engine) as session:
        assert store.list_task_pictures(session, job.id) == ()
        assert len(service.list_caption_edits(session, place.owner_id, dataset.id)) == 1


def test_a_cancelled_task_keeps_what_it_did_as_one_change(place: Place) -> None:
    dataset = place.dataset({f"{number}.png": png(number) for number in range(3)})
    job = order(place, dataset.id)
    with place.work() as context:

        class Cancelling(CountingTagger):
            def tag(self, images: Sequence[Image.Image]) -> list[list[Tag]]:
                if self.count == 1:
                    with transaction(place.engine) as session:
                        ordering.cancel_task(session, place.owner_id, dataset.id, job.id, NOW)
                    context.beat()
                return super().tag(images)

        assert tasks.crop_and_tag(context, lambda _name: Cancelling()) == "cancelled"
    assert place.job(job.id).state == "cancelled"
    assert [bool(one) for one in place.captions(dataset.id).values()] == [True, True, False]


def test_a_picture_that_cannot_be_cropped_is_named_and_the_others_are(place: Place) -> None:
    """D2, D9."""
    dataset = place.dataset({"a.png": png(1), "b.png": png(2)})
    set_up(place, dataset.id, CropSettings("centre", 32, 32))
    first, second = place.pictures(dataset.id)
    place.files.delete(first.sha256)
    job = order(place, dataset.id)
    run(place)
    told = place.job(job.id).progress
    assert (told["done"], told["num_refused"], told["refused"][0]["name"]) == (2, 1, "a.png")
    assert place.captions(dataset.id)["b.png"] != ""
    assert place.pictures(dataset.id)[1].id == second.id


def test_a_rectangle_by_hand_stays_when_everything_is_cropped_again(place: Place) -> None:
    """D5."""
    dataset = place.dataset({"a.png": png(1)})
    (picture,) = place.pictures(dataset.id)
    box = Box(8, 8, 32, 40)
    cut = service.cut_picture(place.files, place.decoder, picture, CropSettings("smart", 32, 32), box=box)
    with transaction(place.engine) as session:
        service.set_crop(
            session, place.owner_id, dataset.id, picture.id, cut.crop, cut.sha256, cut.thumbnail_sha256, NOW
        )
    set_up(place, dataset.id, CropSettings("centre", 32, 32))
    order(place, dataset.id, "crop")
    run(place)
    (after,) = place.pictures(dataset.id)
    assert after.crop is not None
    assert (after.crop.box, after.crop.method) == (box, "hand")
    assert after.cropped_sha256 == cut.sha256  # the same pixels are the same bytes


def test_a_second_task_on_the_same_dataset_waits_for_the_first(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1)})
    order(place, dataset.id)
    with pytest.raises(ordering.TaskGoesOn):
        order(place, dataset.id)


def test_an_empty_dataset_has_nothing_to_tag(place: Place) -> None:
    with pytest.raises(DatasetRefused):
        order(place, place.dataset().id)


def test_a_parked_task_leaves_what_it_found_in_the_captions(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1), "b.png": png(2)})
    job = order(place, dataset.id)
    with place.work() as context, pytest.raises(Killed):
        tasks.crop_and_tag(context, lambda _name: CountingTagger(2))
    dataset_handlers.parked(place.engine, job)
    assert [bool(one) for one in place.captions(dataset.id).values()] == [True, False]


# ---- import ----------------------------------------------------------------------------------------------------------


def order_import(place: Place, dataset_id: str, files: dict[str, bytes]) -> Job:
    """As ``ordering.order_import`` does, without uploads."""
    with transaction(place.engine) as session:
        job = queue.enqueue(
            session, lane="task", kind="import_pictures", owner_id=place.owner_id, subject_id=dataset_id,
            priority=1, now=NOW, payload={},
        )  # fmt: skip
        kept = [(name, place.files.put([data], len(data))) for name, data in files.items()]
        store.add_uploads(session, place.owner_id, job.id, [(name, put.sha256, put.size_bytes) for name, put in kept])
    return job


def test_a_kohya_zip_brings_repeats_trigger_and_class(place: Place) -> None:
    """D1."""
    dataset = place.dataset()
    content = {
        "set/20_zdm 1boy/1.png": png(1),
        "set/20_zdm 1boy/1.txt": b"zdm, smile",
        "set/5_zdm 1boy/2.png": png(2),
        "set/20_zdm 1boy/broken.png": b"no picture",
    }
    job = order_import(place, dataset.id, {"set.zip": packed(content), "alone.png": png(3)})
    with place.work() as context:
        assert tasks.import_uploads(context) == "done"
    shown = [(one.name, one.repeats, one.class_tokens, one.caption) for one in place.pictures(dataset.id)]
    assert shown == [
        ("5_zdm 1boy/2.png", 5, "zdm 1boy", "zdm 1boy"),
        ("20_zdm 1boy/1.png", 20, "zdm 1boy", "zdm, smile"),
        ("alone.png", 1, "", ""),
    ]
    assert place.look(dataset.id).trigger == "zdm"
    told = place.job(job.id).progress
    assert (told["done"], told["total"], told["num_new"], told["num_refused"]) == (4, 4, 3, 1)
    with transaction(place.engine) as session:
        assert {one.folder for one in service.pictures_to_train(session, place.owner_id, dataset.id)} == {
            "5_zdm 1boy", "20_zdm 1boy", dataset.name,
        }  # fmt: skip
        assert store.list_uploads(session, job.id) == ()


def test_an_import_whose_worker_was_killed_brings_each_picture_once(place: Place) -> None:
    dataset = place.dataset()
    job = order_import(place, dataset.id, {"all.zip": packed({f"{one}.png": png(one) for one in range(4)})})
    examine, count = place.decoder.examine, 0

    def dying(data: bytes, name: str, background: str = "#ffffff") -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise Killed
        return examine(data, name, background)

    with place.work() as lost:
        lost.decoder.examine = dying  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(Killed):
            tasks.import_uploads(lost)
    place.decoder.examine = examine  # pyright: ignore[reportAttributeAccessIssue]
    with transaction(place.engine) as session:
        queue.give_back(session, job.id, lost.token, NOW, died_of="killed")
    with place.work("two") as context:
        assert tasks.import_uploads(context) == "done"
    assert [one.name for one in place.pictures(dataset.id)] == ["0.png", "1.png", "2.png", "3.png"]


def test_a_folder_of_this_machine_is_copied_and_left_as_it_is(place: Place, tmp_path: Path) -> None:
    """D1, D3."""
    folder = tmp_path / "my pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(1))
    (folder / "a.txt").write_text("smile", encoding="utf-8")
    dataset = place.dataset()
    for _ in range(2):
        tasks.import_folder(place.engine, place.files, place.decoder, place.owner_id, dataset.id, folder)
    assert place.captions(dataset.id) == {"a.png": "smile"}
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "a.txt"]


# ---- taggers ---------------------------------------------------------------------------------------------------------


def order_check(place: Place, files: dict[str, bytes]) -> str:
    with transaction(place.engine) as session:
        tagger = service.add_tagger(session, place.account, "mine", NOW)
        job = queue.enqueue(
            session, lane="task", kind="check_tagger", owner_id=place.owner_id, subject_id=tagger.id,
            priority=1, now=NOW, payload={},
        )  # fmt: skip
        kept = [(name, place.files.put([data], len(data))) for name, data in files.items()]
        store.add_uploads(session, place.owner_id, job.id, [(name, put.sha256, put.size_bytes) for name, put in kept])
    with place.work() as context:
        tasks.check_uploaded_tagger(context)
    return tagger.id


@pytest.mark.parametrize("as_zip", [False, True])
def test_an_uploaded_tagger_is_tried_out_and_tags(place: Place, tmp_path: Path, as_zip: bool) -> None:
    """D6."""
    folder = write_tagger(tmp_path / "tagger")
    files = {one.name: one.read_bytes() for one in folder.iterdir()}
    tagger_id = order_check(place, {"tagger.zip": packed(files, zipfile.ZIP_STORED)} if as_zip else files)
    with transaction(place.engine) as session:
        facts = service.usable_tagger(session, place.settings, place.owner_id, "mine")
    assert (facts.id, facts.state, facts.num_tags, facts.recommended_threshold) == (tagger_id, "ready", 7, 0.35)
    vocabulary = service.read_vocabulary(place.files, place.settings, facts)
    assert [one.name for one in vocabulary[:3]] == ["safe", "questionable", "blue"]
    dataset = place.dataset({"a.png": png(1)})
    set_up(place, dataset.id, tag=TagSettings(tagger="mine", threshold=0.0))
    order(place, dataset.id, "tag")
    with place.work() as context:
        dataset_handlers.crop_and_tag(context)
    assert "green hair" in place.captions(dataset.id)["a.png"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"model.onnx": b"no network", "selected_tags.csv": CSV.encode()}, "no ONNX network"),
        ({"model.onnx": b"x"}, "lacks selected_tags.csv"),
        ({"notes.txt": b"x"}, "no part of a tagger"),
        ({"tagger.zip": b"PK\x05\x06" + bytes(18)}, "lacks model.onnx and selected_tags.csv"),
    ],
)
def test_what_is_no_tagger_is_refused_with_the_reason(place: Place, files: dict[str, bytes], said: str) -> None:
    order_check(place, files)
    with transaction(place.engine) as session:
        (*_, facts) = service.list_taggers(session, place.settings, place.owner_id)
        assert facts.state == "refused"
        assert said in facts.reason
        assert str(place.home) not in facts.reason
        with pytest.raises(TaggerRefused):
            service.usable_tagger(session, place.settings, place.owner_id, "mine")


def test_a_tagger_whose_csv_is_of_another_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="tags"):
        check_tagger(write_tagger(tmp_path / "tagger", outputs=5))


# ---- from real uploads -----------------------------------------------------------------------------------------------


def uploaded(place: Place, name: str, kind: str, data: bytes, *, is_whole: bool = True) -> str:
    """Its id."""
    parts = Parts(place.home / "parts")
    with transaction(place.engine) as session:
        upload = uploads.create(session, place.owner_id, name, kind, len(data), NOW)
    parts.create(upload.id)
    with parts.writing(upload.id, 0) as part:
        part.write(data if is_whole else data[:-1])
    if is_whole:
        uploads.finish(place.engine, place.files, parts, place.owner_id, upload.id)
    return upload.id


def test_finished_uploads_become_pictures_and_are_used_up(place: Place) -> None:
    """D1."""
    dataset = place.dataset()
    ids = [
        uploaded(place, "a.png", "picture", png(1)),
        uploaded(place, "a.txt", "caption", b"smile"),
        uploaded(place, "more.zip", "zip", packed({"b.png": png(2)})),
    ]
    with transaction(place.engine) as session:
        job = service.order_import(session, METERING, place.account, dataset.id, ids, NOW)
    with place.work() as context:
        dataset_handlers.import_pictures(context)
    assert place.captions(dataset.id) == {"b.png": "", "a.png": "smile"}
    assert place.job(job.id).state == "done"
    with pytest.raises(NotFound), transaction(place.engine) as session:
        service.order_import(session, METERING, place.account, dataset.id, ids[:1], NOW)


def test_an_upload_that_has_not_arrived_cannot_be_imported(place: Place) -> None:
    dataset = place.dataset()
    whole = uploaded(place, "a.png", "picture", png(1))
    half = uploaded(place, "b.png", "picture", png(2), is_whole=False)
    with pytest.raises(UploadUnfinished), transaction(place.engine) as session:
        service.order_import(session, METERING, place.account, dataset.id, [whole, half], NOW)
    with transaction(place.engine) as session:  # nothing was used up
        service.order_import(session, METERING, place.account, dataset.id, [whole], NOW)


def test_a_tagger_is_ordered_from_uploads_and_checked_by_a_worker(place: Place, tmp_path: Path) -> None:
    """D6."""
    folder = write_tagger(tmp_path / "tagger")
    ids = [uploaded(place, one.name, "tagger", one.read_bytes()) for one in folder.iterdir()]
    with transaction(place.engine) as session:
        tagger = service.order_tagger_check(session, METERING, place.account, "mine", ids, NOW)
    assert tagger.state == "checking"
    with place.work() as context:
        dataset_handlers.check_tagger(context)
    with transaction(place.engine) as session:
        assert service.usable_tagger(session, place.settings, place.owner_id, "mine").num_tags == 7
        service.delete_tagger(session, place.owner_id, tagger.id)
