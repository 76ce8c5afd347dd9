"""What is loaded is frozen and offline, and what cannot be loaded is named (C2, C5)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from enogu.engine.families import LoadedBase, load_base_model
from enogu.engine.families.folder import weights_hash
from enogu.engine.families.sd15.load import PARTS
from enogu.engine.memory import choose_compute
from enogu.errors import BaseModelRefused


def test_every_network_is_frozen_in_evaluation_and_in_fp32(tiny_base: LoadedBase) -> None:
    for network in tiny_base.networks.values():
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert tiny_base.schedule.prediction_type == "epsilon"
    assert tiny_base.scaling_factor == pytest.approx(0.18215)


def test_the_hash_changes_with_any_byte_of_the_weights_and_not_with_the_place(
    tiny_base_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny_base_folder, copy)
    assert weights_hash(copy, PARTS) == weights_hash(tiny_base_folder, PARTS)
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert weights_hash(copy, PARTS) != weights_hash(tiny_base_folder, PARTS)


def _without_unet(folder: Path) -> None:
    shutil.rmtree(folder / "unet")


def _with_pickle(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def _cut_off(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _of_sdxl(folder: Path) -> None:
    (folder / "text_encoder_2").mkdir()


def _linear_noise(folder: Path) -> None:
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "beta_schedule": "linear"}))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_unet, "lacks unet"),
        (_with_pickle, "is a pickle"),
        (_cut_off, "could not be read"),
        (_of_sdxl, "of the SDXL family: it lacks tokenizer_2"),
        (_linear_noise, "linear"),
    ],
)
def test_a_folder_that_is_no_base_model_is_refused_with_the_reason_and_the_cure(
    tiny_base_folder: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_base_folder, folder)
    damage(folder)
    with pytest.raises(BaseModelRefused, match=words) as refused:
        load_base_model(folder, choose_compute("none", "cpu"))
    assert refused.value.cure


def test_a_missing_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseModelRefused, match="no base model at"):
        load_base_model(tmp_path / "nowhere", choose_compute("none", "cpu"))
    single = tmp_path / "sd.safetensors"
    single.touch()
    with pytest.raises(BaseModelRefused, match="no safetensors file"):
        load_base_model(single, choose_compute("none", "cpu"))
