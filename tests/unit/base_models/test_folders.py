"""What a diffusers folder says of itself, and every way in which one can be no base model of ours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from enogu.base_models.rules.folders import find_folders, find_path, read_base_model
from enogu.errors import BaseModelRefused
from tests.unit.base_models.diffusers_folders import INDEX, write_base_model


def test_a_diffusers_folder_of_sd15_is_read_without_its_weights(tmp_path: Path) -> None:
    """C4: family and prediction come from the files. The weights here are ten bytes that no loader would take."""
    found = read_base_model(write_base_model(tmp_path / "絵 sd"), "mine", "home")
    assert (found.name, found.family, found.prediction_type, found.origin) == ("mine", "sd15", "epsilon", "home")
    assert found.folder == (tmp_path / "絵 sd").resolve()
    assert found.size_bytes == 30


def test_v_prediction_is_read_from_the_scheduler(tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "v", scheduler={"prediction_type": "v_prediction"})
    assert read_base_model(folder, "v", "path").prediction_type == "v_prediction"


def test_a_scheduler_that_says_nothing_means_epsilon(tmp_path: Path) -> None:
    """As diffusers' schedulers have it by default."""
    assert read_base_model(write_base_model(tmp_path / "e", scheduler={}), "e", "path").prediction_type == "epsilon"


def test_a_prediction_nobody_knows_is_refused_with_its_name(tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "s", scheduler={"prediction_type": "sample"})
    with pytest.raises(BaseModelRefused, match="'sample'"):
        read_base_model(folder, "s", "path")


def test_an_sdxl_folder_can_be_trained_on_as_sdxl(tmp_path: Path) -> None:
    """C2."""
    index = {**INDEX, "_class_name": "StableDiffusionXLPipeline", "text_encoder_2": ["transformers", "CLIPTextModel"]}
    assert read_base_model(write_base_model(tmp_path / "xl", index=index), "xl", "path").family == "sdxl"


@pytest.mark.parametrize(
    ("unet", "said"),
    [
        ({"in_channels": 9}, "9 channels"),
        ({"use_linear_projection": True}, "Stable Diffusion 2"),
        ({"_class_name": "UNet3DConditionModel"}, "UNet3DConditionModel"),
    ],
)
def test_a_relative_of_sd15_is_told_apart_by_its_unet(tmp_path: Path, unet: dict[str, Any], said: str) -> None:
    with pytest.raises(BaseModelRefused, match=said):
        read_base_model(write_base_model(tmp_path / "relative", unet=unet), "relative", "path")


def test_a_folder_with_nothing_but_pickles_is_refused_with_the_reason(tmp_path: Path) -> None:
    """C3."""
    folder = write_base_model(tmp_path / "old", weights="diffusion_pytorch_model.bin")
    with pytest.raises(BaseModelRefused, match=r"unet as a pickle, which can run any program.*\.safetensors"):
        read_base_model(folder, "old", "path")


def test_a_part_without_weights_is_named(tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "half")
    (folder / "vae" / "model.safetensors").unlink()
    with pytest.raises(BaseModelRefused, match="no weights in vae"):
        read_base_model(folder, "half", "path")


def test_a_part_missing_from_the_index_is_named(tmp_path: Path) -> None:
    index = {name: value for name, value in INDEX.items() if name != "vae"}
    with pytest.raises(BaseModelRefused, match="names no vae"):
        read_base_model(write_base_model(tmp_path / "m", index=index), "m", "path")


def test_a_missing_configuration_is_named_with_its_path(tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "m")
    shutil.rmtree(folder / "scheduler")
    with pytest.raises(BaseModelRefused, match=r"scheduler_config\.json is missing"):
        read_base_model(folder, "m", "path")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff", "[" * 100_000])
def test_an_index_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_base_model(tmp_path / "m")
    (folder / "model_index.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BaseModelRefused, match=r"model_index\.json"):
        read_base_model(folder, "m", "path")


def test_an_index_of_absurd_size_is_refused_unread(tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "m")
    with (folder / "model_index.json").open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(BaseModelRefused, match="too large"):
        read_base_model(folder, "m", "path")


def test_a_folder_of_pictures_is_told_what_a_base_model_has(tmp_path: Path) -> None:
    with pytest.raises(BaseModelRefused, match="no diffusers folder"):
        read_base_model(tmp_path, "pictures", "path")


def test_a_folder_of_single_files_is_told_from_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "anime.safetensors").touch()
    with pytest.raises(BaseModelRefused, match="single-file"):
        read_base_model(tmp_path, "checkpoints", "path")


def test_hidden_folders_and_files_are_no_base_models(tmp_path: Path) -> None:
    for name in ("b", "a", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").touch()
    assert [folder.name for folder in find_folders(tmp_path)] == ["a", "b"]


def test_a_folder_that_is_not_there_yet_holds_no_base_models(tmp_path: Path) -> None:
    assert find_folders(tmp_path / "none") == ()


@pytest.mark.parametrize("reference", ["", "a\0b", "a" * 5000, "~nobody-of-this-name/x", "none/such"])
def test_words_that_can_be_no_path_are_no_error_but_nothing(reference: str) -> None:
    assert find_path(reference) is None
