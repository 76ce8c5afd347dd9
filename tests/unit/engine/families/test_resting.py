"""What is not needed leaves the device and is fetched when it is (issue 5, memory); and which family a path is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from enogu.engine.data.text_states import TextStates
from enogu.engine.families import Conditions, LoadedBase, TextRules, family_at, joined
from enogu.engine.loop import TrainPicture
from enogu.engine.memory import ComputePlan
from tests.tiny_flux import small_flux_networks, write_flux_file, write_tiny_flux
from tests.tiny_sdxl import small_sdxl_networks, write_sdxl_file, write_tiny_sdxl
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train


class _Network:
    """Stands for one on a device that this machine has not."""

    def __init__(self) -> None:
        self.device = torch.device("cuda")

    def parameters(self) -> list[Any]:
        return [self]

    def to(self, device: str | torch.device) -> None:
        self.device = torch.device(device)


@pytest.fixture
def on_a_card(tiny_base: LoadedBase) -> LoadedBase:
    compute = ComputePlan(torch.device("cuda"), torch.bfloat16, torch.channels_last)
    networks = {part: _Network() for part in ("unet", "text_encoder", "text_encoder_2", "vae")}
    return dataclasses.replace(tiny_base, networks=networks, compute=compute, resting=set())


def _where(base: LoadedBase) -> dict[str, str]:
    return {part: network.device.type for part, network in base.networks.items()}


def test_a_network_that_rests_is_fetched_for_a_moment_and_sent_back(on_a_card: LoadedBase) -> None:
    on_a_card.rest("vae")
    assert _where(on_a_card) == {"unet": "cuda", "text_encoder": "cuda", "text_encoder_2": "cuda", "vae": "cpu"}
    assert on_a_card.network("vae").device.type == "cuda"
    on_a_card.settle()
    assert _where(on_a_card)["vae"] == "cpu"
    assert _where(on_a_card)["unet"] == "cuda"


def test_text_encoders_rest_once_every_caption_is_kept(on_a_card: LoadedBase) -> None:
    asked: list[str] = []

    def encode(base: LoadedBase, texts: Sequence[str], _rules: TextRules) -> Conditions:
        asked.extend(texts)
        for part in base.text_parts:
            base.network(part)
        return Conditions(torch.zeros(len(texts), 1, 1), torch.ones(len(texts), 1))

    base = dataclasses.replace(on_a_card, family=dataclasses.replace(on_a_card.family, encode_captions=encode))
    states = TextStates(base, TextRules(), trained=False)
    states.keep_all(["a", "b", "a"])
    assert _where(base) == {"unet": "cuda", "text_encoder": "cpu", "text_encoder_2": "cpu", "vae": "cuda"}
    assert states.of(["b", "a"]).pooled_BC is not None
    assert asked == ["a", "b"]
    assert _where(base)["text_encoder"] == "cpu"


def test_a_run_lets_the_vae_rest_and_text_encoders_that_are_not_trained(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    for parts, expected in (("unet", {"vae", "text_encoder"}), ("unet_and_text_encoder", {"vae"})):
        base = dataclasses.replace(tiny_base, resting=set())
        recipe = tiny_recipe("training.epochs=1", f"adapter.parts={parts}")
        tiny_train(recipe, tiny_pictures, base, tmp_path / parts)
        assert base.resting == expected


def test_conditions_are_repeated_cut_and_joined_with_all_they_hold() -> None:
    one = Conditions(torch.arange(6.0).view(2, 3, 1), torch.arange(2.0)[:, None], torch.zeros(2, 6), 3.5)
    again = joined([one[1:].repeated(2), one[:1]])
    assert again.states_BTC[:, 0, 0].tolist() == [3, 3, 0]
    assert again.pooled_BC is not None and again.pooled_BC[:, 0].tolist() == [1, 1, 0]
    assert again.sizes_B6 is not None and again.sizes_B6.shape == (3, 6)
    assert again.guidance == 3.5


def test_the_family_is_known_by_what_lies_there_and_not_by_its_name(tiny_base_folder: Path, tmp_path: Path) -> None:
    """C4."""
    assert family_at(tiny_base_folder).name == "sd15"
    assert family_at(write_tiny_sdxl(tmp_path / "flux")).name == "sdxl"
    assert family_at(write_tiny_flux(tmp_path / "sdxl")).name == "flux"
    assert family_at(write_sdxl_file(tmp_path / "sd15.safetensors", small_sdxl_networks())).name == "sdxl"
    assert family_at(write_flux_file(tmp_path / "pony.safetensors", small_flux_networks(), prefix="")).name == "flux"
