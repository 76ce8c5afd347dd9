"""What learns is in the price, by operations that are counted on the real networks' shapes (A4, F10, F11)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from enogu.recipe import TrainRecipe, plan_training, with_settings
from enogu.stamina.rules.price import price, work_of
from tests.strategies import picture_sizes
from tests.unit.stamina.reference_run import PICTURES, reference_recipe, shipped_weights, short_recipes

sys.path.append(str(Path(__file__).parents[3] / "tools"))
import measure_memory

WEIGHTS = shipped_weights()
FAMILIES = st.sampled_from(sorted(WEIGHTS.families))
SIDE = 64
"""Of the latents of 512 pixels."""


def quoted(family: str, *changes: str, recipe: TrainRecipe | None = None, pictures: Any = PICTURES) -> int:
    changed = with_settings(recipe or reference_recipe(), changes)
    return price(work_of(changed, plan_training(changed, pictures), family), WEIGHTS).stamina


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_the_unet_alone_costs_less_than_both_and_the_text_encoder_alone_no_more_than_both(family: str) -> None:
    both, unet, text = (
        quoted(family, f"adapter.parts={parts}", "training.epochs=100")
        for parts in ("unet_and_text_encoder", "unet", "text_encoder")
    )
    assert unet < both
    assert 0.8 * both < text <= both, "its gradient goes through the whole network"


def test_t5_costs_more_than_clip_and_both_more_than_neither() -> None:
    rules = ("optimizer.learning_rate=1e-4", "training.epochs=100", "previews.prompts=[]", "training.batch_size=7")
    unet = quoted("flux", "adapter.parts=unet", *rules)
    clip = quoted("flux", *rules)
    t5 = quoted("flux", "training.train_t5=true", *rules)
    assert unet < clip < t5
    assert (t5 - clip) / unet == pytest.approx(0.12, abs=0.02), "T5 reads captions each step anyway when CLIP learns"
    assert (t5 - unet) / unet == pytest.approx(0.235, abs=0.02)


@pytest.mark.parametrize(("family", "share"), [("sd15", 0.8), ("sdxl", 0.35), ("flux", 0.03)])
def test_pictures_that_are_cut_anew_each_time_are_encoded_anew(family: str, share: float) -> None:
    alone = ("adapter.parts=unet", "adapter.dim=1", "adapter.alpha=1")
    rules = (*alone, "training.epochs=100", "previews.prompts=[]", "training.batch_size=7")
    still, moving = (quoted(family, *rules, f"pictures.random_crop={value}") for value in ("false", "true"))
    weights = WEIGHTS.families[family]
    of_steps = float(weights.per_step / weights.per_picture) / 7
    assert moving / still - 1 == pytest.approx(share / (1 - float(weights.text_share) + of_steps), rel=0.02)


def test_captions_that_are_mixed_anew_are_read_anew_and_longer_ones_cost_more() -> None:
    unet = ("adapter.parts=unet", "training.epochs=100")
    kept = quoted("sdxl", *unet)
    mixed = quoted("sdxl", *unet, "captions.shuffle=true")
    both = quoted("sdxl", "training.epochs=100")
    assert kept < mixed < both
    assert both < quoted("sdxl", "training.epochs=100", "captions.max_token_length=225")
    assert kept == quoted("sdxl", *unet, "captions.max_token_length=225")


@given(short_recipes(), picture_sizes(), FAMILIES)
@settings(max_examples=25)
def test_whatever_the_recipe_more_that_learns_never_costs_less(recipe: TrainRecipe, sizes: Any, family: str) -> None:
    """Works and not whole recipes, some of which may not have other parts."""
    work = work_of(recipe, plan_training(recipe, sizes), family)
    prices = [
        price(_learning(work, unet=unet, text=text, t5=t5), WEIGHTS).stamina
        for unet, text, t5 in ((False, True, False), (True, False, False), (True, True, False), (True, True, True))
    ]
    text_alone, unet_alone, both, all_three = prices
    assert max(text_alone, unet_alone) <= both <= all_three


def _learning(work: Any, *, unet: bool, text: bool, t5: bool) -> Any:
    dim = max(work.dim, work.text_dim)
    return replace(
        work, dim=dim if unet else 0, text_dim=dim if text else 0, text_passes=2 if text else 0,
        t5_passes=2 if t5 else 1 if text else 0,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux"])
def test_the_shares_are_the_operations_of_the_real_networks(family: str) -> None:
    """A pass of each at 512 px, counted by torch on tensors without numbers; a pass back is as much as one forth."""
    network = _operations(family)
    texts = sum(_operations(one) for one in {"sdxl": ("clip_l", "big_g")}.get(family, ("clip_l",)))
    weights = WEIGHTS.families[family]
    assert float(weights.text_share) == pytest.approx(texts / (texts + network), rel=0.15, abs=0.0005)
    assert float(weights.encoding_share) == pytest.approx(_operations("vae") / (2 * (network + texts)), rel=0.12)
    t5 = _operations("t5") / (network + texts) if family == "flux" else 0
    assert float(weights.t5_share) == pytest.approx(t5, rel=0.05)


@cache
def _operations(name: str) -> float:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    def text(network: Any, length: int) -> Callable[[], object]:
        return lambda: network(torch.zeros(1, length, dtype=torch.long))

    def encoding() -> Callable[[], object]:
        vae = AutoencoderKL(**measure_memory.VAE, latent_channels=4)
        return lambda: vae.encode(torch.zeros(1, 3, 8 * SIDE, 8 * SIDE))

    def denoising(denoiser: measure_memory.Denoiser) -> Callable[[], object]:
        return lambda: denoiser.run(SIDE)

    made: dict[str, Callable[[], Callable[[], object]]] = {
        "sd15": lambda: denoising(measure_memory.unet(measure_memory.SD15)),
        "sdxl": lambda: denoising(measure_memory.unet(measure_memory.SDXL)),
        "flux": lambda: denoising(measure_memory.flux()),
        "clip_l": lambda: text(CLIPTextModel(CLIPTextConfig(**measure_memory.CLIP_L)), 77),
        "big_g": lambda: text(CLIPTextModel(CLIPTextConfig(**measure_memory.CLIP_G)), 77),
        "t5": lambda: text(T5EncoderModel(T5Config(**measure_memory.T5_XXL)), 512),
        "vae": encoding,
    }
    with measure_memory.fake_networks(torch.float16):
        run = made[name]()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
    return float(counter.get_total_flops())
