"""Commands that wait for a worker. It works at the moment in which a command would say that nobody does."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enogu import starter_data
from enogu.cli import base, dataset, drawing
from tests.unit.cli.conftest import Enogu


@pytest.fixture(autouse=True)
def worker(work: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    def do_all(*_: Any) -> None:
        work()

    for module in (base, dataset, drawing):
        monkeypatch.setattr(module, "say_if_nobody_works", do_all)


def test_crop_and_tag_is_waited_for_until_its_captions_are_there(enogu: Enogu) -> None:
    """D9."""
    said = enogu("dataset", "crop-and-tag", "mame", "--wait", "--only", "tag")
    assert "7 pictures done." in said.out
    assert all(one["has_caption"] for one in enogu("dataset", "show", "mame", "--json").json["pictures"])


def test_a_large_file_comes_in_as_a_resumable_upload(
    enogu: Enogu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1."""
    monkeypatch.setattr(dataset, "_LONE_BYTES", 1000)
    zipped = tmp_path / "set.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for picture in sorted((Path(starter_data.path("pictures")) / "mame_kohya").rglob("*.*")):
            archive.write(picture, picture.name)
        archive.writestr("broken.png", b"no picture")
    enogu("dataset", "create", "large")
    said = enogu("dataset", "add", "large", zipped)
    assert "7 pictures added." in said.out and "Left out: broken.png" in said.out
    assert enogu("dataset", "show", "large", "--json").json["num_pictures"] == 7


def test_drawings_and_the_sheet_of_a_comparison_come_into_a_folder(enogu: Enogu, tmp_path: Path) -> None:
    """I3, I5."""
    drawn = enogu("drawing", "draw", "--prompt", "x", "--count", "2", "--steps", "1", "--out", tmp_path, "--json").json
    assert (drawn["state"], len(drawn["paths"])) == ("done", 2)
    assert all(Path(one).read_bytes().startswith(b"\x89PNG") for one in drawn["paths"])
    said = enogu("drawing", "draw", "--prompt", "x", "--steps", "1", "--wait")
    assert "1 pictures" not in said.out


def test_a_zip_of_a_base_model_is_waited_for_until_it_was_looked_into(enogu: Enogu, tmp_path: Path) -> None:
    """C3."""
    folder = Path(starter_data.path("base_model"))
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, file.relative_to(folder))
    added = enogu("base", "upload", tmp_path / "mine.zip", "--json").json
    assert (added["name"], added["state"], added["can_train"]) == ("mine", "ready", True)
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.txt", "no base model")
    assert "none" in enogu("base", "upload", tmp_path / "none.zip", code=2).err
