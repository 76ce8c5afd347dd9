"""``enogu runs`` over the API in this process (B6 to B9; F2, G1 to G5, H1 to H3)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Enogu

SHORT = ("--set", "training.epochs=2", "--set", "previews.prompts=mame")


def test_a_plan_says_steps_files_and_price_and_keeps_nothing(enogu: Enogu) -> None:
    """F2, A4: by the preset that suits the starter, as `enogu plan` does."""
    said = enogu("runs", "plan", "mame")
    assert "700 steps in all" in said.out
    assert "stamina" in said.out
    assert enogu("runs", "list", "--json").json == []


def test_a_run_is_trained_followed_and_its_files_are_fetched(
    enogu: Enogu, work: Callable[[], int], tmp_path: Path
) -> None:
    started = enogu("runs", "start", "mame", *SHORT, "--name", "beans", "--json").json
    assert (started["state"], started["num_steps"], started["name"]) == ("queued", 140, "beans")
    assert "enogu worker" in enogu("runs", "start", "mame", *SHORT).out
    enogu("runs", "cancel", "last")
    assert work() == 1
    said = enogu("runs", "follow", started["id"])
    assert "Training on fake" in said.out
    assert "It is finished." in said.out
    kinds = [json.loads(line)["event"] for line in enogu("runs", "follow", "beans", "--json").out.splitlines()]
    assert kinds[0] == "StateChanged" and {"Stepped", "Saved", "Sampled"} <= set(kinds)
    shown = enogu("runs", "show", "beans", "--json").json
    assert [one["filename"] for one in shown["epochs"]] == ["beans-000001.safetensors", "beans.safetensors"]
    assert len(enogu("runs", "losses", "beans", "--points", "10", "--json").json["steps"]) <= 10
    last = Path(enogu("runs", "download", "beans", "--out", tmp_path, "--json").json["path"])
    first = Path(enogu("runs", "download", "beans", "--epoch", "1", "--out", tmp_path, "--json").json["path"])
    assert (last.name, first.name) == ("beans.safetensors", "beans-000001.safetensors")
    zipped = enogu("runs", "download", "beans", "--zip", "--out", tmp_path / "all.zip", "--json").json["path"]
    assert {"beans.safetensors", "beans-000001.safetensors"} <= {
        Path(one).name for one in zipfile.ZipFile(zipped).namelist()
    }
    assert "finished" in enogu("runs", "list", "--state", "finished").out


def test_a_run_that_was_cancelled_is_followed_with_exit_code_1_and_retried(enogu: Enogu) -> None:
    enogu("runs", "start", "mame", *SHORT)
    assert "is cancelled" in enogu("runs", "cancel", "last").out
    assert "enogu runs retry" in enogu("runs", "follow", "last", code=1).err
    assert enogu("runs", "retry", "last", "--json").json["attempt"] == 2
    assert "is paused" in enogu("runs", "pause", "last").out
    assert "goes on" in enogu("runs", "resume", "last").out


def test_a_run_is_trained_changed_as_another_one(enogu: Enogu) -> None:
    first = enogu("runs", "start", "mame", *SHORT, "--json").json
    enogu("runs", "cancel", first["id"])
    changed = enogu("runs", "retry", first["id"], "--set", "training.epochs=1", "--json").json
    assert (changed["id"] != first["id"], changed["num_steps"]) == (True, 70)
    recalled = enogu("runs", "plan", "mame", "--from", first["id"], "--json").json
    assert recalled["recipe"]["training"]["epochs"] == 2


def test_only_one_start_of_a_recipe_may_be_given(enogu: Enogu, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('base_model = "starter"\n')
    said = enogu("runs", "plan", "mame", "--recipe", recipe, "--preset", "starter_character_cpu", code=2)
    assert "say where to start" in said.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("runs", "start", "mame", "--set", "training.epoch=3"), "training.epoch"),
        (("runs", "start", "nothing"), "no dataset nothing"),
        (("runs", "start", "mame", "--base", "nothing", "--preset", "starter_character_cpu"), "nothing"),
        (("runs", "show", "nothing"), "no run nothing"),
        (("runs", "download", "last"), "no run last"),
        (("runs", "plan", "mame", "--set", "schedule.kind=constant", "--set", "schedule.warmup_steps=3"), "warmup"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_end_with_2_and_name_the_culprit(enogu: Enogu, words: tuple[str, ...], part: str) -> None:
    assert part in enogu(*words, code=2).err


def test_too_little_stamina_is_refused_with_ways_to_make_it_fit(enogu: Enogu) -> None:
    """A5."""
    said = enogu("runs", "start", "mame", "--set", "training.epochs=500", code=2)
    assert "stamina" in said.err
    planned = enogu("runs", "plan", "mame", "--set", "training.epochs=500")
    assert "It fits into" in planned.out
