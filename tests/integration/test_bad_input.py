"""Bad input through the command line, each kind with its message, and nothing half-written left behind (D2, D3, D4).

What is said about each broken picture is held in detail by tests/unit/imaging; here it is held that it reaches the
person, with the right exit code, and that the rest of the set is still trained.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests import hostile_pictures as hostile
from tests.integration.enogu_runs import Enogu, files_under, left_halves


@pytest.fixture
def enogu(capsys: pytest.CaptureFixture[str]) -> Enogu:
    return Enogu(capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    made = tmp_path / "pictures"
    made.mkdir()
    return made


def good_pictures(folder: Path, count: int = 2) -> None:
    """Pictures with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        hostile.photo(64, 64, seed=number).save(folder / f"good_{number}.png")
        (folder / f"good_{number}.txt").write_text("mame, smile", encoding="utf-8")


def test_odd_pictures_are_trained_and_broken_ones_are_left_out_by_name_with_the_reason(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    odd = ("plain.bmp", "plain.gif", "cmyk.jpg", "grey16.png", "rgb16.png", "rgba.png")
    broken = {
        "truncated.png": "cut short or damaged",
        "one_pixel.png": "1×1",
        "huge_header.png": "50000×50000",
        "text.png": "text",
    }
    for name in odd:
        hostile.ODD[name](folder / name)
    for name in broken:
        hostile.REFUSED[name](folder / name)
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder, settings=("training.epochs=1",))
    assert ended.err == "" and ended.code == 0
    assert f"Pictures    {len(odd)} in" in ended.out
    for name, reason in broken.items():
        (line,) = [line for line in ended.out.splitlines() if line.startswith(f"Left out: {name}")]
        assert reason.replace("×", "x") in line.replace("×", "x").replace(",", "")
    assert "mame.safetensors" in files_under(tmp_path / "out")
    assert not left_halves(tmp_path)


@pytest.mark.parametrize("name", ["truncated.png", "one_pixel.png", "huge_header.png", "text.png"])
def test_a_folder_with_nothing_but_a_broken_picture_is_wrong_use(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path, name: str
) -> None:
    hostile.REFUSED[name](folder / name)
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder)
    assert ended.code == 2 and name in ended.err and ended.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["train", "plan", "tag"])
def test_an_empty_folder_says_what_to_put_into_it(enogu: Enogu, folder: Path, tmp_path: Path, command: str) -> None:
    where = (folder,) if command == "tag" else ("--pictures", folder)
    ended = enogu(command, *where, *(("--out", tmp_path / "out") if command != "plan" else ()))
    assert ended.code == 2
    assert (
        ended.err == f"There are no pictures in {folder}. Put PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF files into it.\n"
    )
    assert not (tmp_path / "out").exists()


def test_one_picture_is_trained_with_a_note_that_it_is_only_one(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    good_pictures(folder, count=1)
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder, settings=("training.epochs=1",))
    assert ended.err == "" and ended.code == 0
    assert "There is one picture only" in ended.out and "The picture is seen 1 time." in ended.out


def test_a_caption_in_shift_jis_is_read_and_the_file_is_named(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    good_pictures(folder, count=1)
    hostile.shift_jis_caption(folder / "good_0.txt")
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder, settings=("training.epochs=1",))
    assert ended.code == 0
    assert "Note: good_0.txt is not UTF-8; it was read as Shift-JIS (CP932)." in ended.out
    told = enogu("inspect", tmp_path / "out" / "mame.safetensors", "--json").document
    assert told["top_tags"] == {"mame": 1, "豆": 1, "緑の髪": 1, "笑顔": 1}


def test_a_path_with_japanese_and_spaces_works_everywhere(
    enogu: Enogu, tmp_path: Path, tiny_base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "絵 の 具" / "3_豆 ちゃん", tmp_path / "出 力 [1]"
    monkeypatch.setenv("ENOGU_HOME", str(tmp_path / "家 (home)"))
    good_pictures(folder)
    settings = ("training.epochs=1", 'previews.prompts="豆"', "previews.steps=1")
    ended = enogu.train(folder.parent, out, tiny_base_folder, "--name", "豆 ちゃん", settings=settings)
    assert ended.err == "" and ended.code == 0
    lora = out / "豆 ちゃん.safetensors"
    drawn = tmp_path / "描いた 絵.png"
    ended = enogu(
        "draw", "--base", tiny_base_folder, "--lora", f"{lora}:0.8", "--prompt", "豆", "--steps", "1", "--out", drawn
    )
    assert ended.err == "" and ended.code == 0
    told = enogu("inspect", drawn, "--json").document
    assert told["prompt"] == "豆 <lora:豆 ちゃん:0.8>"
    assert (tmp_path / "家 (home)" / "cache").is_dir()


def test_a_full_disk_is_said_with_its_cure_and_leaves_whole_files_only(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems may tell of a full disk as late as at the flush."""
    good_pictures(folder)
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        _fail_flushing(patched, "mame.safetensors", errno.ENOSPC)
        ended = enogu.train(folder, out, tiny_base_folder)
    assert ended.code == 1
    assert "mame.safetensors: No space left on device" in ended.err
    assert "The disk is full: free some space and start again with --resume." in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert "mame-000001.safetensors" in files_under(out) and "mame.safetensors" not in files_under(out)
    assert not left_halves(tmp_path)
    assert enogu.train(folder, out, tiny_base_folder, "--resume").code == 0
    assert "mame.safetensors" in files_under(out)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize(
    ("limit_bytes", "culprit", "whole"),
    [
        (30_000, "mame-000001.safetensors", set()),
        pytest.param(
            200_000,
            "state.safetensors",
            {"mame-000001.safetensors"},
        ),
    ],
)
def test_a_write_that_stops_half_way_leaves_no_half_file(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path, limit_bytes: int, culprit: str, whole: set[str]
) -> None:
    """A real one: the system refuses bytes beyond the limit in the middle of a file."""
    import resource

    good_pictures(folder)
    out = tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        ended = enogu.train(folder, out, tiny_base_folder, settings=("adapter.dim=16",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ended.code == 1
    assert files_under(out) == {"recipe.toml", "events.jsonl"} | whole
    assert not left_halves(tmp_path)
    assert f"{culprit}: File too large" in ended.err and len(ended.err.splitlines()) <= 2


def test_an_out_folder_that_cannot_be_made_is_said_before_torch_is_loaded(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    good_pictures(folder)
    (tmp_path / "file").write_text("not a folder")
    ended = enogu.train(folder, tmp_path / "file" / "out", tiny_base_folder)
    assert ended.code == 1
    assert "A part of this path is a file: choose another folder." in ended.err


def test_a_read_only_disk_is_said_with_its_cure(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good_pictures(folder)
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if Path(target).is_relative_to(tmp_path / "out"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder)
    assert ended.code == 1
    assert "The folder is on a read-only disk: choose another folder." in ended.err
    assert files_under(tmp_path / "out") == set()


def test_a_home_that_cannot_be_written_does_not_stop_a_training(
    enogu: Enogu, folder: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    """ENOGU_HOME holds caches and records only: they are worth having and not worth failing for."""
    good_pictures(folder)
    home = tmp_path / "home"
    (home / "speeds.json").mkdir(parents=True)
    (home / "cache").write_text("not a folder")
    settings = ("training.epochs=12",)
    ended = enogu.train(folder, tmp_path / "out", tiny_base_folder, "--home", home, settings=settings)
    assert ended.err == "" and ended.code == 0


def test_a_pickle_named_safetensors_is_never_opened(enogu: Enogu, tmp_path: Path, tiny_base_folder: Path) -> None:
    """C3: its maker may run any program in whoever loads it."""
    import pickle

    lora = tmp_path / "nice.safetensors"
    lora.write_bytes(pickle.dumps({"a": 1}))
    for command in (
        ("inspect", lora),
        ("draw", "--base", tiny_base_folder, "--lora", lora, "--prompt", "x", "--out", tmp_path / "x.png"),
    ):
        ended = enogu(*command)
        assert ended.code == 2 and "nice.safetensors is a pickle" in ended.err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("content", [b"", b"\x08", b"\xff" * 64, b"\x40\0\0\0\0\0\0\0{not json" + b" " * 80])
def test_a_file_that_is_no_safetensors_is_said_to_be_none(enogu: Enogu, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(content)
    ended = enogu("inspect", broken)
    assert ended.code == 2 and ended.err.startswith("broken.safetensors ") and len(ended.err.splitlines()) == 1


def test_a_lora_of_another_shape_is_refused_by_name_before_anything_is_drawn(
    enogu: Enogu, tmp_path: Path, tiny_base_folder: Path
) -> None:
    lora = tmp_path / "wide.safetensors"
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    save_file(
        {
            f"{key}.lora_down.weight": torch.zeros(4, 320),
            f"{key}.lora_up.weight": torch.zeros(320, 4),
            f"{key}.alpha": torch.tensor(4.0),
        },
        lora,
    )
    ended = enogu(
        "draw", "--base", tiny_base_folder, "--lora", f"{lora}:0.8", "--prompt", "x", "--out", tmp_path / "x.png"
    )
    assert ended.code == 2 and ended.err.startswith("wide.safetensors: ")
    assert not (tmp_path / "x.png").exists()


def test_an_error_nobody_foresaw_is_one_line_and_a_full_log(
    enogu: Enogu, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good_pictures(folder)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something\nodd")

    monkeypatch.setattr("enogu.imaging.folder.read_folder", fail)
    monkeypatch.setattr("enogu.cli.preparation.read_folder", fail)
    ended = enogu("plan", "--pictures", folder, "--home", tmp_path / "home")
    assert ended.code == 1
    assert ended.err.splitlines()[0] == "Enogu met an error it does not know: RuntimeError: something odd"
    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert str(log) in ended.err and "Traceback" in log.read_text("utf-8")


def _fail_flushing(patched: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let the flush of the file that is to become ``name`` fail."""
    from enogu import whole_file

    flush = whole_file._flush

    def flush_or_fail(path: Path) -> None:
        if path.name.startswith(f".{name}."):
            raise OSError(number, os.strerror(number), str(path))
        flush(path)

    patched.setattr(whole_file, "_flush", flush_or_fail)
