"""Base models of a person: chosen, registered, changed, deleted; another person's are not there (C1 to C5)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enogu import starter_data
from enogu.accounts.entities import NotAllowed
from enogu.base_models import service
from enogu.base_models.entities import BaseModel, BaseModelNameTaken, NoSuchBaseModel
from enogu.base_models.service import owned
from enogu.errors import BaseModelRefused, NotFound, PictureRefused, WrongUse
from enogu.queue import service as queue
from enogu.storage.database import Engine, Session, reading, transaction
from tests.unit.base_models.checkpoints import (
    bring,
    caller_of,
    checkpoint,
    folder_files,
    safetensors_of,
    upload,
    zip_of,
)
from tests.unit.base_models.diffusers_folders import INDEX, write_base_model
from tests.unit.datasets.studio import METERING, NOW, Place, open_place, png


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """With a small starter, whose hash takes no time."""
    write_base_model(tmp_path / "shipped" / "base_model")
    monkeypatch.setattr(starter_data, "path", lambda *parts: (tmp_path / "shipped").joinpath(*parts))
    return open_place(engine, tmp_path / "home")


def found(place: Place, reference: str) -> BaseModel:
    with reading(place.engine) as session:
        return service.get_base_model(session, place.settings, place.owner_id, reference)


def register(place: Place, path: Path | str, *, name: str = "", is_admin: bool = True) -> BaseModel:
    with transaction(place.engine) as session:
        caller = caller_of(place.account, is_admin=is_admin)
        return service.register_path(session, place.settings, METERING, caller, str(path), NOW, name=name)


def listed(place: Place, **wish: Any) -> list[str]:
    with reading(place.engine) as session:
        return [
            one.name for one in service.list_base_models(session, place.settings, place.owner_id, **wish).base_models
        ]


# ---- choosing --------------------------------------------------------------------------------------------------------


def test_the_starter_is_there_for_everybody_with_its_hash(place: Place) -> None:
    """C7."""
    base = found(place, "starter")
    assert (base.id, base.owner_id, base.family, base.can_train) == ("starter", None, "sd15", True)
    assert len(base.hash) == 64
    assert base.short_hash == base.hash[:10]
    assert service.place(place.files, place.settings, base) == base.path


def test_what_lies_in_the_home_folder_is_everybodys_by_name_or_id(place: Place) -> None:
    folder = write_base_model(place.settings.base_models_folder / "Anime ｖ3")
    (place.settings.base_models_folder / "photo.safetensors").write_bytes(checkpoint())
    assert found(place, "anime v3").id == "home:Anime ｖ3"
    assert found(place, "home:Anime ｖ3").path == folder
    single = found(place, "photo")
    assert (single.id, single.layout, single.family) == ("home:photo.safetensors", "single_file", "sd15")
    assert service.place(place.files, place.settings, single).name == "photo.safetensors"


def test_a_reference_is_never_a_path(place: Place, tmp_path: Path) -> None:
    """Who may name paths may look at any folder, so only registering does, and only for administrators."""
    write_base_model(tmp_path / "made")
    for reference in ("../made", "home:../made", "home:", "/etc", "", "a\x00b", "x" * 5000, "home:.."):
        with pytest.raises(NoSuchBaseModel, match="There is no base model"):
            found(place, reference)


def test_an_unknown_name_is_answered_with_those_there_are(place: Place) -> None:
    bring(place, checkpoint(), "mine.safetensors")
    with pytest.raises(BaseModelRefused, match=r"'mime'.*mean 'mine'.*starter, mine"):
        found(place, "mime")


def test_lists_are_searched_and_filtered_page_by_page(place: Place) -> None:
    """C2."""
    write_base_model(place.settings.base_models_folder / "bravo")
    write_base_model(place.settings.base_models_folder / "broken").joinpath("model_index.json").write_text("{")
    bring(place, checkpoint({"modelspec.title": "Pony X"}, xl=True))
    bring(place, checkpoint(), "Alpha.safetensors")
    assert listed(place) == ["starter", "Alpha", "bravo", "Pony X"]
    assert listed(place, family="sdxl") == ["Pony X"]
    assert listed(place, search="PONY") == ["Pony X"]
    assert listed(place, search="ｐｏｎｙ x") == ["Pony X"]
    assert listed(place, search="%") == []
    assert listed(place, limit=2, offset=1) == ["Alpha", "bravo"]
    with reading(place.engine) as session:
        page = service.list_base_models(session, place.settings, place.owner_id, limit=3)
    assert (page.total, page.next_offset) == (4, 3)
    assert ["broken" in str(error) for error in page.refused] == [True]


# ---- registering -----------------------------------------------------------------------------------------------------


def test_a_folder_of_this_machine_is_registered_where_it_is(place: Place, tmp_path: Path) -> None:
    """C3."""
    folder = write_base_model(tmp_path / "絵 sd", scheduler={"prediction_type": "v_prediction"})
    base = register(place, folder)
    assert (base.name, base.family, base.prediction_type, base.origin) == ("絵 sd", "sd15", "v_prediction", "path")
    assert found(place, base.id) == found(place, "絵 SD") == base
    assert (base.can_train, base.why_not, base.job_id) == (True, "", None)
    assert service.place(place.files, place.settings, base) == folder.resolve()


def test_only_an_administrator_may_name_a_path(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        register(place, write_base_model(tmp_path / "x"), is_admin=False)


def test_a_path_that_is_none_is_refused(place: Place) -> None:
    for path in ("relative/x", "/no/such/thing", "", "/a\0b", "/" + "x" * 5000, "/" + "x" * 500):
        with pytest.raises(BaseModelRefused):
            register(place, path)


def test_names_on_a_disk_that_cannot_be_shown_are_left_out(place: Place, tmp_path: Path) -> None:
    """Linux allows any bytes; neither JSON nor a database could hold these."""
    name = os.fsdecode(b"a\xff")
    write_base_model(place.settings.base_models_folder / name)
    assert listed(place) == ["starter"]
    write_base_model(tmp_path / name)
    (tmp_path / "link").symlink_to(tmp_path / name)
    with pytest.raises(BaseModelRefused, match="cannot be shown"):
        register(place, tmp_path / "link")


def test_a_pickle_is_refused_by_name_and_by_content(place: Place, tmp_path: Path) -> None:
    """C3."""
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "false.safetensors").write_bytes(b"\x80\x02}q\x00." + bytes(40))
    for name in ("old.ckpt", "false.safetensors"):
        with pytest.raises(BaseModelRefused, match=r"pickle.*can run any program"):
            register(place, tmp_path / name)
    with pytest.raises(BaseModelRefused, match="pickle"):
        bring(place, checkpoint(), "old.CKPT")


def test_other_families_are_registered_and_say_why_they_cannot_be_trained(place: Place, tmp_path: Path) -> None:
    base = register(place, write_base_model(tmp_path / "v2", unet={"use_linear_projection": True}))
    assert (base.family, base.can_train) == ("sd2", False)
    assert "the engine trains SD1.5" in base.why_not


def test_an_sdxl_folder_and_file_can_be_trained_on(place: Place, tmp_path: Path) -> None:
    """C2."""
    index = {**INDEX, "_class_name": "StableDiffusionXLPipeline", "text_encoder_2": ["transformers", "CLIPTextModel"]}
    base = register(place, write_base_model(tmp_path / "xl", index=index))
    assert (base.family, base.can_train, base.why_not) == ("sdxl", True, "")
    assert bring(place, checkpoint(xl=True), title="one file").can_train


def test_a_large_path_is_hashed_by_a_task_and_known_before(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request waits while gigabytes are read."""
    monkeypatch.setattr("enogu.base_models.rules.hashes._SMALL_BYTES", 10)
    base = register(place, write_base_model(tmp_path / "large"))
    assert (base.hash, base.can_train) == ("", True)
    with reading(place.engine) as session:
        job = queue.get_job(session, place.owner_id, base.job_id or "")
    assert (job.kind, job.lane, job.subject_id) == ("hash_base_model", "task", base.id)


def test_a_file_that_changed_at_its_path_has_another_hash(place: Place, tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "x")
    before = register(place, folder).hash
    (folder / "unet" / "model.safetensors").write_bytes(b"something else")
    os.utime(folder / "unet" / "model.safetensors", ns=(1, 1))
    assert found(place, "x").hash not in ("", before)


def test_an_uploaded_file_is_ready_at_once_under_its_title(place: Place) -> None:
    """C2, C4."""
    data = checkpoint(
        {"modelspec.title": "NoobAI v", "modelspec.license": "FAIR", "modelspec.prediction_type": "v",
         "modelspec.tags": "anime"}, xl=True,
    )  # fmt: skip
    base = bring(place, data)
    assert (base.name, base.family, base.derivative, base.prediction_type) == (
        "NoobAI v",
        "sdxl",
        "noobai",
        "v_prediction",
    )
    assert (base.licence, base.style, base.state, base.size_bytes) == ("FAIR", "2d", "ready", len(data))
    assert base.hash == base.parts[0].sha256
    assert base.can_train
    placed = service.place(place.files, place.settings, base)
    assert placed.read_bytes() == data
    assert service.place(place.files, place.settings, base) == placed


def test_an_upload_that_is_none_stays_to_be_seen(place: Place) -> None:
    lora = safetensors_of({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 2)})
    upload_id = upload(place, lora, "x.safetensors")
    for _ in range(2):
        with pytest.raises(BaseModelRefused, match="is a LoRA"), transaction(place.engine) as session:
            service.register_upload(session, place.files, METERING, place.account, upload_id, NOW)


def test_a_zip_waits_to_be_unpacked_and_cannot_be_used_before(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    assert (base.name, base.state, base.can_train) == ("mine", "importing", False)
    with pytest.raises(BaseModelRefused, match=r"'mine' cannot be used: It is still being unpacked"):
        service.place(place.files, place.settings, found(place, "mine"))


def test_a_name_is_taken_once_whatever_its_case(place: Place) -> None:
    bring(place, checkpoint(), title="Mine")
    with pytest.raises(BaseModelNameTaken, match="'ＭＩＮＥ'"):
        bring(place, checkpoint(), title="ＭＩＮＥ")


def test_names_that_would_confuse_are_refused(place: Place) -> None:
    base = bring(place, checkpoint(), title="mine")
    for name in ("starter", " STARTER ", "home:x", "a\u202eb", "\u0000", "   "):
        with pytest.raises(WrongUse, match="cannot be called"), transaction(place.engine) as session:
            service.change_base_model(session, place.owner_id, base.id, name=name)


def test_no_owner_has_base_models_without_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enogu.base_models.service.registering.MOST_BASE_MODELS", 1)
    bring(place, checkpoint())
    with pytest.raises(WrongUse, match="already"):
        bring(place, checkpoint(), title="second")


# ---- changing --------------------------------------------------------------------------------------------------------


def test_what_a_person_knows_better_is_kept(place: Place) -> None:
    base = bring(place, checkpoint(xl=True), title="mine")
    with transaction(place.engine) as session:
        service.change_base_model(
            session, place.owner_id, base.id, name="new", notes=" 良い ", licence="x", derivative="pony", style="2d"
        )
    changed = found(place, "new")
    assert (changed.notes, changed.licence, changed.derivative, changed.style) == ("良い", "x", "pony", "2d")
    assert changed.hash == base.hash


def test_a_change_that_makes_no_sense_is_refused(place: Place) -> None:
    base = bring(place, checkpoint())
    changes: tuple[dict[str, str], ...] = (
        {"derivative": "x"}, {"style": "4d"}, {"notes": "x" * 20_001}, {"notes": "\0"},
    )  # fmt: skip
    for change in changes:
        with pytest.raises(WrongUse), transaction(place.engine) as session:
            service.change_base_model(session, place.owner_id, base.id, **change)


def test_a_picture_is_kept_as_a_thumbnail_and_taken_away(place: Place) -> None:
    base = bring(place, checkpoint())
    picture = service.keep_picture(place.files, place.decoder, png(1))
    with transaction(place.engine) as session:
        service.set_picture(session, place.owner_id, base.id, picture)
    assert found(place, base.id).picture_sha256 == picture
    with reading(place.engine) as session:
        assert set(owned.list_named_files(session)) == {picture, base.hash}
    with transaction(place.engine) as session:
        assert service.set_picture(session, place.owner_id, base.id, None).picture_sha256 is None
    with pytest.raises(PictureRefused):
        service.keep_picture(place.files, place.decoder, b"no picture")


def test_deleting_forgets_the_row_and_leaves_the_path_alone(place: Place, tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "x")
    base = register(place, folder)
    with transaction(place.engine) as session:
        service.delete_base_model(session, place.owner_id, base.id, NOW)
    with pytest.raises(BaseModelRefused):
        found(place, base.id)
    assert folder.is_dir()


def test_deleting_an_import_takes_it_out_of_the_queue(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with transaction(place.engine) as session:
        service.delete_base_model(session, place.owner_id, base.id, NOW)
        assert queue.get_job(session, place.owner_id, base.job_id or "").state == "cancelled"


def test_what_is_the_studios_cannot_be_changed(place: Place) -> None:
    with pytest.raises(NotFound, match="belongs to the studio"), transaction(place.engine) as session:
        service.delete_base_model(session, place.owner_id, "starter", NOW)


def test_a_lora_of_another_family_is_refused_naming_both(place: Place) -> None:
    """C5."""
    base = bring(place, checkpoint(xl=True), title="Pony")
    service.refuse_unfit("zdm", "sdxl", base)
    with pytest.raises(BaseModelRefused, match=r"'zdm' is for SD1\.5, and the base model 'Pony' is SDXL"):
        service.refuse_unfit("zdm", "sd15", base)


def test_a_place_that_lost_a_file_says_what_to_do(place: Place) -> None:
    base = bring(place, checkpoint(), title="mine")
    place.files.delete(base.hash)
    with pytest.raises(BaseModelRefused, match=r"'mine' is no longer kept.*Upload"):
        service.place(place.files, place.settings, base)
    gone = register(place, write_base_model(place.home / "gone"))
    (place.home / "gone").rename(place.home / "moved")
    with pytest.raises(BaseModelRefused, match="not on this machine"):
        service.place(place.files, place.settings, gone)


# ---- others ----------------------------------------------------------------------------------------------------------

ON_ANOTHERS: dict[str, Callable[[Session, Place, str], object]] = {
    "get": lambda s, p, i: service.get_base_model(s, p.settings, p.owner_id, i),
    "get by name": lambda s, p, _: service.get_base_model(s, p.settings, p.owner_id, "secret"),
    "change": lambda s, p, i: service.change_base_model(s, p.owner_id, i, notes="x"),
    "picture": lambda s, p, i: service.set_picture(s, p.owner_id, i, None),
    "hash": lambda s, p, i: service.order_hash(s, p.settings, METERING, p.account, i, NOW),
    "delete": lambda s, p, i: service.delete_base_model(s, p.owner_id, i, NOW),
}


def test_anothers_base_model_is_not_there(place: Place) -> None:
    base = bring(place, checkpoint(), title="secret")
    other = open_place(place.engine, place.home, "other")
    for what, ask in ON_ANOTHERS.items():
        with pytest.raises((NotFound, NoSuchBaseModel)) as caught, transaction(place.engine) as session:
            ask(session, other, base.id)
        assert "There are: starter." in caught.value.cure or isinstance(caught.value, NotFound), what
    assert listed(other) == ["starter"]
    assert found(place, base.id) == base


def test_anothers_upload_cannot_be_registered(place: Place) -> None:
    upload_id = upload(place, checkpoint(), "x.safetensors")
    other = open_place(place.engine, place.home, "other")
    with pytest.raises(NotFound), transaction(place.engine) as session:
        service.register_upload(session, place.files, METERING, other.account, upload_id, NOW)


def test_export_and_deletion_take_all_of_one_owner_only(place: Place, tmp_path: Path) -> None:
    """J3."""
    base = bring(place, checkpoint(), title="mine")
    register(place, write_base_model(tmp_path / "x"))
    other = open_place(place.engine, place.home, "other")
    bring(other, checkpoint(), title="theirs")
    data = owned.BaseModelData()
    with reading(place.engine) as session:
        paths = [one.path for one in data.export(session, place.owner_id)]
    assert f"base_models/{base.id}.json" in paths
    assert f"base_models/{base.id}/files/001.safetensors" in paths
    assert len(paths) == 3
    with transaction(place.engine) as session:
        data.delete(session, place.owner_id)
    assert (listed(place), listed(other)) == (["starter"], ["starter", "theirs"])
