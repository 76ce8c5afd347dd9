"""Training from the command line, whole: what is said before, what is left behind, stopping and going on (J2)."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from enogu.imaging.infotext import parse_infotext, read_png_parameters
from enogu.recipe import load_recipe
from tests.hostile_pictures import photo
from tests.integration.enogu_runs import Enogu, files_under, left_halves


@pytest.fixture
def enogu(capsys: pytest.CaptureFixture[str]) -> Enogu:
    return Enogu(capsys)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures with captions, as a Kohya folder's parent."""
    folder = tmp_path / "set" / "2_mame 1girl"
    folder.mkdir(parents=True)
    for number in range(3):
        photo(96, 96, seed=number).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("mame, green hair", encoding="utf-8")
    return folder.parent


def test_a_run_says_what_will_happen_and_leaves_what_it_said(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    """F2: each picture is seen N times, S steps in all, these files at these epochs; the recipe can be run again."""
    out = tmp_path / "out"
    ended = enogu.train(pictures, out, tiny_base_folder, settings=('previews.prompts="mame"', "previews.steps=2"))
    assert ended.err == "" and ended.code == 0
    assert "Each of the 3 pictures is seen 2 times." in ended.out
    assert "4 steps in all: 2 epochs of 2 steps" in ended.out
    assert "mame-000001.safetensors (epoch 1), mame.safetensors (epoch 2)" in ended.out
    assert files_under(out) == {
        "recipe.toml",
        "events.jsonl",
        "mame-000001.safetensors",
        "mame.safetensors",
        "mame-state/state.safetensors",
        "mame-state/older.safetensors",
        "sample/mame_e000001_00_1.png",
        "sample/mame_e000002_00_1.png",
    }
    assert load_recipe(out / "recipe.toml").output_name == "mame"
    events = [json.loads(line)["event"] for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    assert events[0] == "Planned" and events[-1] == "Finished"
    assert events.count("Saved") == events.count("Sampled") == 2


def test_a_machine_gets_one_event_a_line_and_nothing_else(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    ended = enogu.train(pictures, tmp_path / "out", tiny_base_folder, "--json")
    assert ended.err == "" and ended.code == 0
    assert ended.lines[0]["event"] == "Planned"
    assert ended.lines[0]["num_steps"] == 4
    assert ended.lines[-1]["event"] == "Finished"


def test_a_second_run_never_writes_over_the_first_unless_told(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    out = tmp_path / "out"
    assert enogu.train(pictures, out, tiny_base_folder).code == 0
    before = (out / "mame.safetensors").stat().st_mtime_ns
    refused = enogu.train(pictures, out, tiny_base_folder)
    assert refused.code == 2
    assert "already holds mame.safetensors" in refused.err and "--resume" in refused.err
    assert (out / "mame.safetensors").stat().st_mtime_ns == before
    assert enogu.train(pictures, out, tiny_base_folder, "--overwrite").code == 0
    assert (out / "mame.safetensors").stat().st_mtime_ns != before


@pytest.mark.usefixtures("fixed_date")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_state_and_resume_ends_as_if_nothing_had_happened(
    enogu: Enogu,
    pictures: Path,
    tmp_path: Path,
    tiny_base_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    settings = ("training.epochs=4",)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert enogu.train(pictures, whole, tiny_base_folder, settings=settings).code == 0

    with monkeypatch.context() as patched:
        _send_at_step(patched, 3, number)
        ended = enogu.train(pictures, stopped, tiny_base_folder, settings=settings)
    assert ended.code == 1
    assert "Stopped at step 3" in ended.err and "--resume" in ended.err
    assert (stopped / "mame-state" / "state.safetensors").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    # The recipe need not be said again: that of the run is used.
    resumed = enogu("train", "--pictures", pictures, "--out", stopped, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert "Going on behind step 3" in resumed.out
    assert (stopped / "mame.safetensors").read_bytes() == (whole / "mame.safetensors").read_bytes()
    assert not left_halves(stopped)


def test_a_second_signal_stops_at_once_and_says_how_to_go_on(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _send_at_step(patched, 2, signal.SIGINT, signal.SIGINT)
        ended = enogu.train(pictures, tmp_path / "out", tiny_base_folder)
    assert ended.code == 1
    assert "Stopped at once" in ended.err and "--resume" in ended.err
    assert not left_halves(tmp_path / "out")


def test_the_second_plan_knows_the_seconds_from_the_first_run(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    same = ("--pictures", pictures, "--base", tiny_base_folder, "--json", "--set", "pictures.resolution=64")
    assert enogu("plan", *same).document["seconds_expected"] is None
    assert enogu.train(pictures, tmp_path / "out", tiny_base_folder, settings=("training.epochs=12",)).code == 0
    plan = enogu("plan", *same).document
    assert plan["seconds_expected"] > 0
    assert "on this machine" in plan["seconds_explained"]


def test_drawn_pictures_tell_how_to_draw_them_again(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    """I4: A1111's parameters in every PNG; the LoRA with its weight stands in the prompt."""
    assert enogu.train(pictures, tmp_path / "out", tiny_base_folder).code == 0
    lora = tmp_path / "out" / "mame.safetensors"
    ended = enogu(
        "draw", "--base", tiny_base_folder, "--lora", f"{lora}:0.8", "--prompt", "mame, 笑顔", "--steps", "2",
        "--out", tmp_path / "drawn.png", "--count", "2", "--seed", "7", "--sampler", "Euler a", "--negative", "hat",
    )  # fmt: skip
    assert ended.err == "" and ended.code == 0
    assert not (tmp_path / "drawn.png").exists()
    for number, seed in ((1, "7"), (2, "8")):
        told = parse_infotext(read_png_parameters(tmp_path / f"drawn_{number:02d}.png") or "")
        assert told.prompt == "mame, 笑顔 <lora:mame:0.8>" and told.negative_prompt == "hat"
        assert (told.settings["Seed"], told.settings["Sampler"], told.size) == (seed, "Euler a", (64, 64))
    seen = enogu("inspect", tmp_path / "drawn_01.png", "--json").document
    assert seen["prompt"] == "mame, 笑顔 <lora:mame:0.8>" and seen["settings"]["Steps"] == "2"


def test_inspect_tells_of_a_lora_what_was_trained(
    enogu: Enogu, pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    out = tmp_path / "out"
    assert enogu.train(pictures, out, tiny_base_folder).code == 0
    told = enogu("inspect", out / "mame-000001.safetensors", "--json").document
    wanted = {"kind": "LoRA", "family": "sd15", "trigger": "mame", "dim": 2, "alpha": 2, "epoch": 1, "num_epochs": 2}
    assert {key: told[key] for key in wanted} == wanted
    assert told["top_tags"] == {"mame": 3, "green hair": 3}
    assert told["tensors_sha256"] == told["model_hash"]
    assert told["base_model"] == tiny_base_folder.name
    assert enogu("inspect", tiny_base_folder, "--json").document["made_for_pixels"] == 64


def test_the_demo_leaves_its_sheets_and_goes_on_when_it_was_stopped(
    enogu: Enogu, tmp_path: Path, tiny_base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demo"
    changes = ("training.epochs=2", "pictures.repeats=1", "previews.steps=1", "adapter.dim=2", "adapter.alpha=2")
    demo = ("run-demo", "--out", out, "--base", tiny_base_folder, *(w for c in changes for w in ("--set", c)))
    with monkeypatch.context() as patched:
        _send_at_step(patched, 5, signal.SIGINT)
        assert enogu(*demo).code == 1
    ended = enogu(*demo)
    assert ended.err == "" and ended.code == 0
    assert "Going on behind step 5" in ended.out
    assert {"sheet.png", "weights.png", "mame.safetensors", "mame-000001.safetensors"} <= files_under(out)
    assert len([name for name in files_under(out) if name.startswith("sample/")]) == 6
    assert str(out / "sheet.png") in ended.out


def _send_at_step(patched: pytest.MonkeyPatch, step: int, *numbers: signal.Signals) -> None:
    """Let this process get signals right behind the step, as from a keyboard."""
    from enogu.engine import loop

    update = loop._Run._update

    def update_and_send(run: loop._Run, *arguments: object) -> object:
        loss = update(run, *arguments)  # type: ignore[arg-type]  # handed on as they came
        if run.step == step:
            for number in numbers:
                os.kill(os.getpid(), number)
        return loss

    patched.setattr(loop._Run, "_update", update_and_send)
