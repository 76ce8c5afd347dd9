"""What a worker does for base models: zips of diffusers folders unpacked within bounds, hashes found (C2, C3)."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from enogu.base_models import service, store, tasks
from enogu.base_models.entities import BaseModel
from enogu.base_models.rules import hashes, packed
from enogu.errors import BaseModelRefused, NotFound
from enogu.queue import service as queue
from enogu.queue.entities import LostJob
from enogu.storage.database import Engine, reading, transaction
from enogu.worker import base_model_handlers
from tests.unit.base_models.checkpoints import bring, caller_of, folder_files, safetensors_of, zip_of
from tests.unit.base_models.diffusers_folders import write_base_model
from tests.unit.datasets.studio import METERING, NOW, Place, open_place

Files = dict[str, bytes]


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path / "home")


def look(place: Place, base: BaseModel) -> BaseModel:
    with reading(place.engine) as session:
        return service.get_base_model(session, place.settings, place.owner_id, base.id)


def imported(place: Place, data: bytes) -> BaseModel:
    """Through the handler, as a worker does it."""
    base = bring(place, data, "mine.zip")
    with place.work() as context:
        base_model_handlers.import_base_model(context)
    return look(place, base)


def refusal(place: Place, data: bytes, name: str) -> str:
    """Why the zip is refused, as the row says afterwards."""
    base = bring(place, data, name)
    with place.work() as context, pytest.raises(BaseModelRefused) as caught:
        base_model_handlers.import_base_model(context)
    after = look(place, base)
    assert (after.state, after.can_train, after.reason) == ("failed", False, str(caught.value))
    with transaction(place.engine) as session:
        queue.end(session, context.job.id, context.token, "failed", NOW, str(caught.value))
    with reading(place.engine) as session:
        assert store.find_archive(session, place.owner_id, base.id) is None
    return after.reason


@pytest.mark.parametrize("top", ["", "my model/", "a/b/"])
def test_a_zip_of_a_folder_becomes_a_base_model(place: Place, tmp_path: Path, top: str) -> None:
    files = folder_files(tmp_path)
    extra = {"../../evil.json": b"{}", "unet/run.py": b"import os", "unet/.hidden.json": b"{}", "a/b/c/d.json": b"{}"}
    base = imported(place, zip_of({**files, **extra}, top))
    assert (base.state, base.family, base.layout, base.can_train) == ("ready", "sd15", "folder", True)
    assert {part.path for part in base.parts} == set(files)
    placed = service.place(place.files, place.settings, base)
    there = {one.relative_to(placed).as_posix(): one.read_bytes() for one in placed.rglob("*") if one.is_file()}
    assert there == files
    assert base.hash == hashes.hash_base_model(place.home / "elsewhere", placed)


def test_importing_again_changes_nothing(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with place.work() as context:
        assert tasks.import_base_model(context) == "done"
        ready = look(place, base)
        assert tasks.import_base_model(context) == "done"
    assert look(place, base) == ready


def test_what_a_person_wrote_meanwhile_stays(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with transaction(place.engine) as session:
        service.change_base_model(session, place.owner_id, base.id, name="new", notes="良い")
    with place.work() as context:
        tasks.import_base_model(context)
    after = look(place, base)
    assert (after.name, after.notes, after.state) == ("new", "良い", "ready")


def with_link(files: Files) -> bytes:
    buffer = io.BytesIO(zip_of(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo("unet/config.json")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def without(files: Files, *paths: str) -> Files:
    return {path: data for path, data in files.items() if path not in paths}


WEIGHTS = "unet/model.safetensors"
HOSTILE: dict[str, tuple[Callable[[Files], bytes], str]] = {
    "no zip": (lambda _: b"hello", "not a zip"),
    "half a zip": (lambda files: zip_of(files)[:-40], "not a zip"),
    "no folder": (lambda _: zip_of({"a.txt": b"x"}), "no diffusers folder"),
    "several folders": (
        lambda files: zip_of({**{f"a/{p}": d for p, d in files.items()}, **{f"b/{p}": d for p, d in files.items()}}),
        "several base models",
    ),
    "pickles": (
        lambda files: zip_of({**without(files, WEIGHTS), "unet/model.bin": b"\x80\x02"}),
        "unet as a pickle",
    ),
    "a pickle under another name": (lambda files: zip_of({**files, WEIGHTS: b"\x80\x02}q\0." + bytes(90)}), "pickle"),
    "damaged weights": (lambda files: zip_of({**files, WEIGHTS: safetensors_of({"x": (2,)})[:-1]}), "damaged"),
    "no weights": (lambda files: zip_of(without(files, WEIGHTS)), "no weights in unet"),
    "an index that is no JSON": (lambda files: zip_of({**files, "model_index.json": b"{"}), "not JSON"),
    "a link for a file": (lambda files: with_link(without(files, "unet/config.json")), "missing"),
    "a bomb": (lambda files: zip_of({**files, "unet/config.json": b" " * 40_000_000}), "too large"),
    "a bomb in weights": (lambda files: zip_of({**files, WEIGHTS: bytes(40_000_000)}), "grows too large"),
    "too many files": (lambda files: zip_of({**files, **{f"x{n}": b"" for n in range(2000)}}), "more than 2,000"),
    "too many parts": (lambda files: zip_of({**files, **{f"x{n}.json": b"" for n in range(200)}}), "more than 200"),
}


def test_each_zip_that_is_no_base_model_says_why(place: Place, tmp_path: Path) -> None:
    """One place for all of them: a database takes longer to make than a zip."""
    files = folder_files(tmp_path)
    for what, (make, said) in HOSTILE.items():
        assert said in refusal(place, make(files), f"{what}.zip"), what


def test_an_entry_that_lies_about_its_size_is_held_to_it(place: Place, tmp_path: Path) -> None:
    files = folder_files(tmp_path)
    data = zip_of({**files, WEIGHTS: safetensors_of({"x": (5000,)})})
    entry = packed.PackedFolder(io.BytesIO(data), "x")
    small = entry._parts[WEIGHTS]
    small.file_size = 100
    with pytest.raises(BaseModelRefused):
        b"".join(entry.open_part(WEIGHTS))


def test_a_cancelled_import_is_failed_in_words(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with place.work() as context:
        with transaction(place.engine) as session:
            queue.ask(session, context.job.id, "cancel", NOW)
        context.beat()
        assert tasks.import_base_model(context) == "cancelled"
    assert "cancelled" in look(place, base).reason


def test_a_worker_that_must_go_leaves_the_import_to_the_next(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with place.work() as context:
        monkeypatch.setattr(context, "_is_stopping", lambda: True)
        assert tasks.import_base_model(context) == "stopped"
        assert look(place, base).state == "importing"
        monkeypatch.setattr(context, "_is_stopping", lambda: False)
        assert tasks.import_base_model(context) == "done"
    assert look(place, base).state == "ready"


def test_a_worker_that_lost_the_job_writes_nothing(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with place.work() as context:
        old = place.context(replace(context.job, token=context.job.token - 1))
        with pytest.raises(LostJob):
            tasks.import_base_model(old)
    assert look(place, base).state == "importing"


def test_deleted_meanwhile_is_not_found_and_a_parked_import_given_up(place: Place, tmp_path: Path) -> None:
    base = bring(place, zip_of(folder_files(tmp_path)), "mine.zip")
    with place.work() as context:
        base_model_handlers.parked(place.engine, context.job)
        assert "ended the worker twice" in look(place, base).reason
        with transaction(place.engine) as session:
            service.delete_base_model(session, place.owner_id, base.id, NOW)
        with pytest.raises(NotFound):
            tasks.import_base_model(context)


def test_a_large_path_gets_its_hash_from_a_task(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_SMALL_BYTES", 10)
    folder = write_base_model(tmp_path / "large")
    with transaction(place.engine) as session:
        caller = caller_of(place.account, is_admin=True)
        base = service.register_path(session, place.settings, METERING, caller, str(folder), NOW)
    with place.work() as context:
        base_model_handlers.hash_base_model(context)
    assert look(place, base).hash == hashes.hash_base_model(place.home / "elsewhere", folder)


def test_the_studios_own_are_hashed_when_asked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_SMALL_BYTES", 10)
    write_base_model(place.settings.base_models_folder / "mine")
    with transaction(place.engine) as session:
        job = service.order_hash(session, place.settings, METERING, place.account, "home:mine", NOW)
        again = service.order_hash(session, place.settings, METERING, place.account, "home:mine", NOW)
    assert job is not None
    assert again == job
    with place.work() as context:
        base_model_handlers.hash_base_model(context)
    with transaction(place.engine) as session:
        assert service.get_base_model(session, place.settings, place.owner_id, "mine").hash
        assert service.order_hash(session, place.settings, METERING, place.account, "home:mine", NOW) is None


def test_a_hash_follows_content_and_paths_inside_but_not_the_folders_name(tmp_path: Path) -> None:
    one, two = write_base_model(tmp_path / "one"), write_base_model(tmp_path / "two")
    (two / ".cache").mkdir()
    (two / ".cache" / "x.json").write_text("{}")
    assert hashes.hash_base_model(tmp_path / "c", one) == hashes.hash_base_model(tmp_path / "c", two)
    (two / "vae" / "model.safetensors").write_bytes(b"9876543210")
    assert hashes.hash_base_model(tmp_path / "c2", one) != hashes.hash_base_model(tmp_path / "c2", two)


def test_damage_in_the_remembered_hash_costs_time_only(tmp_path: Path) -> None:
    folder, cache = write_base_model(tmp_path / "one"), tmp_path / "cache"
    found = hashes.hash_base_model(cache, folder)
    (kept,) = (cache / "hashes").iterdir()
    for damaged in (b"", b"[]", b'{"hash": 1}', b"\xff"):
        kept.write_bytes(damaged)
        assert hashes.hash_base_model(cache, folder) == found
