"""The contract of every command: exit codes, where errors go, options that may stand anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enogu.cli.main import run, with_global_options_first


def test_global_options_may_stand_behind_the_command() -> None:
    assert with_global_options_first(["plan", "--json", "--home", "X", "--base", "b"]) == [
        "--json", "--home", "X", "plan", "--base", "b",
    ]  # fmt: skip
    assert with_global_options_first(["--home=X", "plan"]) == ["--home=X", "plan"]


def test_what_stands_behind_two_dashes_is_no_option() -> None:
    assert with_global_options_first(["inspect", "--", "--json"]) == ["inspect", "--", "--json"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian"],
        ["train"],
        ["train", "--pictures"],
        ["plan", "--pictures", "x", "--colour", "red"],
        ["draw", "--prompt", "x", "--out", "x.png", "--steps", "many"],
        ["draw", "--prompt", "x", "--out", "x.png", "--steps", "0"],
        ["base"],
        [],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_use_ends_with_2_and_names_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") <= 2
    assert "--help" in said.err or "Usage" in said.out


def test_the_help_shows_no_value_behind_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["train"], ["runs", "start"]):
        run([*command, "--help"])
        said = capsys.readouterr().out
        assert "--help" in said
        assert "<bool>" not in said


def test_the_version_is_said_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("enogu 0.")


def test_the_home_of_the_command_line_wins_over_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["base", "list", "--home", str(tmp_path / "here")]) == 0
    assert str(tmp_path / "here" / "base_models") in capsys.readouterr().out


def test_a_home_that_is_a_file_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["base", "list", "--home", str(tmp_path / "file")]) == 2
    assert "which is a file" in capsys.readouterr().err


def test_a_machine_gets_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipe", "presets", "--json"]) == 0
    assert "starter_character_cpu" in [preset["name"] for preset in json.loads(capsys.readouterr().out)["presets"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "x.jpg"], "does not end in .png"),
        (["--out", "x.png", "--size", "big"], "--size big is no size"),
        (["--out", "x.png", "--sampler", "magic"], "There is no sampler 'magic'"),
        (["--out", "x.png", "--lora", "a.safetensors:7"], "Weights go from -1 to 2"),
        (["--out", "x.png", "--base", "startr"], "Did you mean 'starter'?"),
    ],
)
def test_a_drawing_that_cannot_be_is_refused_before_torch_is_loaded(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["draw", "--prompt", "x", *options]) == 2
    assert said in capsys.readouterr().err
