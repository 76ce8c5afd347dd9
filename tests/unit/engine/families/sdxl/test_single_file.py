"""SDXL from one file: the numbers of the file, what they predict, and what NoobAI's marks mean (C3, C4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from enogu.engine.families import load_base_model
from enogu.engine.memory import choose_compute
from enogu.errors import BaseModelRefused
from tests.tiny_sdxl import sdxl_file_tensors, write_sdxl_file

Tensors = dict[str, torch.Tensor]


def test_every_number_comes_from_the_file_bit_for_bit(networks: dict[str, Any], tmp_path: Path) -> None:
    base = load_base_model(write_sdxl_file(tmp_path / "豆XL.safetensors", networks), choose_compute("none", "cpu"))
    assert (base.family.name, base.name, base.schedule.prediction_type) == ("sdxl", "豆XL", "epsilon")
    for part, network in networks.items():
        loaded = base.networks[part]
        assert not any(parameter.requires_grad or parameter.is_meta for parameter in loaded.parameters())
        assert not any(buffer.is_meta for buffer in loaded.buffers())
        want, have = network.state_dict(), loaded.state_dict()
        assert want.keys() == have.keys()
        assert all(torch.equal(want[name], have[name]) for name in want), part
    assert base.scaling_factor == pytest.approx(0.13025)


def test_the_networks_answer_what_they_answered_before(networks: dict[str, Any], tmp_path: Path) -> None:
    base = load_base_model(write_sdxl_file(tmp_path / "x.safetensors", networks), choose_compute("none", "cpu"))
    ids = torch.tensor([[49_406, 320, 49_407, *[0] * 74]])
    noise, states, pooled = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 80), torch.randn(1, 40)
    added = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    with torch.inference_mode():
        before = networks["text_encoder_2"].eval()(ids)
        now = base.networks["text_encoder_2"](ids)
        torch.testing.assert_close(now.text_embeds, before.text_embeds)
        torch.testing.assert_close(
            base.networks["unet"](noise, 500, states, added_cond_kwargs=added).sample,
            networks["unet"].eval()(noise, 500, states, added_cond_kwargs=added).sample,
        )


def test_a_v_predicting_file_with_zero_terminal_snr_is_known_by_its_marks(
    networks: dict[str, Any], tmp_path: Path
) -> None:
    """NoobAI's v-prediction files."""
    path = write_sdxl_file(tmp_path / "x.safetensors", networks, "v_pred", "ztsnr")
    base = load_base_model(path, choose_compute("none", "cpu"))
    assert base.schedule.prediction_type == "v_prediction"
    assert float(base.schedule.alpha_bar[-1]) == 0
    from diffusers import DDIMScheduler

    theirs = DDIMScheduler.from_config(base.scheduler_config).alphas_cumprod
    torch.testing.assert_close(base.schedule.alpha_bar, theirs, rtol=1e-3, atol=1e-5)


def _without(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.startswith(start)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("first_stage_model."), "incomplete: it has no VAE"),
        (_without("conditioner.embedders.1."), "incomplete: it has no second text encoder"),
        (_without("conditioner.embedders.1.model.text_projection"), "text_projection is missing"),
        (_without("conditioner.embedders.1.model.transformer.resblocks.1.ln_2"), "second text encoder .* is missing"),
        (_without("model.diffusion_model.label_emb.0.2"), "U-Net of x.safetensors is not SDXL's"),
        (
            lambda t: t | {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(32, 9, 3, 3)},
            "another task, such as inpainting",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    networks: dict[str, Any], tmp_path: Path, change: Callable[[Tensors], Tensors], words: str
) -> None:
    path = tmp_path / "x.safetensors"
    save_file(change(sdxl_file_tensors(networks)), path)
    with pytest.raises(BaseModelRefused, match=words) as refused:
        load_base_model(path, choose_compute("none", "cpu"))
    assert refused.value.cure
