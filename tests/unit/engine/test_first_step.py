"""The loss of a run's first step against the formulas of noise, loss and captions written out (facts 2d to 2f; F12,
F18 to F22, F24, F28).

At the first step an adapter changes nothing, so the loss is the base model's own. Of our code the reference takes the
numbers that are drawn, the latents and the text encoder's states, and nothing of what is made of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from enogu.engine.data.latent_cache import PlacedPicture, latents_of, picture_sha256
from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.loop import TrainPicture
from enogu.engine.noise import draw_normal
from enogu.recipe import TrainRecipe
from enogu.recipe.draws import random_for
from enogu.recipe.plan import PictureSize, plan_training
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train

V = ("noise.prediction=v_prediction",)
CASES = (
    ("noise.offset=0.3",),
    ("noise.offset=0.3", "noise.random_offset=true"),
    ("noise.offset=0.3", "noise.adaptive_offset=0.5"),
    ("noise.multires_iterations=4",),
    ("noise.multires_iterations=4", "noise.multires_discount=0.8"),
    ("noise.multires_iterations=4", "noise.offset=0.3"),
    ("noise.input_perturbation=0.5",),
    ("noise.input_perturbation=0.5", "noise.random_input_perturbation=true"),
    ("noise.min_timestep=900",),
    ("noise.max_timestep=100",),
    ("noise.min_snr_gamma=0.2",),
    ("noise.debiased=true",),
    ("noise.v_like_loss=0.5",),
    ("noise.min_snr_gamma=0.2", "noise.v_like_loss=0.5", "noise.debiased=true"),
    V,
    (*V, "noise.zero_terminal_snr=true"),
    (*V, "noise.zero_terminal_snr=true", "noise.min_snr_gamma=0.2"),
    (*V, "noise.scale_v_loss=true"),
    (*V, "noise.debiased=true"),
    ("loss.kind=l1",),
    ("loss.kind=huber",),
    ("loss.kind=huber", "loss.bound=0.5", "loss.bound_schedule=constant", "loss.bound_scale=2"),
    ("loss.kind=smooth_l1", "loss.bound=0.2"),
    ("loss.kind=smooth_l1", "loss.bound_schedule=exponential", "loss.bound_scale=3"),
    ("captions.weighted=true",),
    ("captions.max_token_length=150",),
    ("training.clip_skip=2",),
    ("pictures.prior_loss_weight=0.3",),
)


@pytest.fixture(scope="module")
def told_pictures(tiny_pictures: tuple[TrainPicture, ...]) -> list[TrainPicture]:
    """With brackets and more than 75 tokens in each caption, and one that is there for regularisation."""
    long = ", ".join(["(1girl:1.5), [hat]"] * 12)
    return [replace(one, caption=f"{long}, {n}", is_regularisation=n == 4) for n, one in enumerate(tiny_pictures)]


@pytest.mark.parametrize("settings", CASES, ids=["-".join(one.partition(".")[2] for one in case) for case in CASES])
def test_the_first_step_has_the_loss_that_the_formulas_say(
    tiny_base: LoadedBase, told_pictures: list[TrainPicture], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    always = ("training.epochs=1", "training.batch_size=16", "pictures.buckets=false")
    recipe = tiny_recipe(*always, *settings)
    run = tiny_train(recipe, told_pictures, tiny_base, tmp_path / "out")
    wanted = _loss_of_first_step(recipe, told_pictures, tiny_base)
    assert run.losses[0] == pytest.approx(wanted, rel=2e-5)
    without = _loss_of_first_step(tiny_recipe(*always), told_pictures, tiny_base)
    assert abs(wanted / without - 1) > 1e-4, "else this case could not tell"


def _loss_of_first_step(recipe: TrainRecipe, pictures: list[TrainPicture], base: LoadedBase) -> float:
    o: dict[str, Any] = recipe.model_dump()
    plan = plan_training(
        recipe, [PictureSize(str(p.path), p.width, p.height, p.repeats, p.is_regularisation) for p in pictures]
    )
    batch = plan.epoch_batches(1)[0]
    placed = [
        PlacedPicture(p.path, picture_sha256(p.path), place, "#ffffff")
        for p, place in zip(pictures, plan.placements, strict=True)
    ]
    latents = latents_of(base, placed, flips=(False,), folder=None, progress=lambda *_: None)
    alpha_bar = _alpha_bar(zero_terminal=o["noise"]["zero_terminal_snr"])
    rules = TextRules(o["training"]["clip_skip"], o["captions"]["max_token_length"], o["captions"]["weighted"])
    losses: list[float] = []
    for sample, index in enumerate(batch.picture_indices):
        draw = (0, 0, sample)
        normal: Callable[..., torch.Tensor] = lambda stream, shape, *more, draw=draw: draw_normal(  # noqa: E731
            tuple(shape), recipe.seed, stream, *more, *draw
        )
        posterior = latents[index, False]
        clean = posterior.mean_CHW + posterior.std_CHW * normal("latent", posterior.mean_CHW.shape)
        noise = _noise(o["noise"], clean, normal, recipe.seed, draw)
        low, high = o["noise"]["min_timestep"], o["noise"]["max_timestep"]
        t = random_for(recipe.seed, "timestep", *draw).randrange(low, high)
        gamma = o["noise"]["input_perturbation"]
        if o["noise"]["random_input_perturbation"]:
            gamma *= random_for(recipe.seed, "input_perturbation_strength", *draw).random()
        shown = noise + gamma * normal("input_perturbation", noise.shape)
        signal, rest = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
        is_v = o["noise"]["prediction"] == "v_prediction"
        target = signal * noise - rest * clean if is_v else noise
        trigger = "" if index in plan.regularisation else f"{recipe.trigger}, "
        states = base.family.encode_captions(base, [trigger + pictures[index].caption], rules).states_BTC
        with torch.no_grad():
            noisy = (signal * clean + rest * shown)[None].float()
            predicted = base.networks["unet"](noisy, torch.tensor([t]), states, return_dict=False)[0][0]
        error = _error(o["loss"], predicted.double() - target.double(), t, alpha_bar[t])
        weight = _weight(o["noise"], alpha_bar[t], is_v=is_v)
        prior = o["pictures"]["prior_loss_weight"] if index in plan.regularisation else 1.0
        losses.append(float(error.mean()) * weight * prior)
    return float(np.mean(losses))


def _alpha_bar(*, zero_terminal: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """scaled_linear; Lin et al. 2023, algorithm 1."""
    root = np.sqrt(np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2))
    if zero_terminal:
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return root**2


def _noise(
    o: dict[str, Any], clean: torch.Tensor, normal: Callable[..., torch.Tensor], seed: int, draw: tuple[int, ...]
) -> torch.Tensor:
    """Offset first, then ever coarser noise."""
    noise = normal("noise", clean.shape)
    if o["offset"]:
        strength = o["offset"]
        if o["random_offset"]:
            strength *= random_for(seed, "noise_offset_strength", *draw).random()
        strengths = (strength + o["adaptive_offset"] * clean.mean((1, 2), keepdim=True).abs()).clamp(min=0)
        noise = noise + strengths * normal("noise_offset", (clean.shape[0], 1, 1))
    if o["multires_iterations"]:
        levels = random_for(seed, "multires_level", *draw)
        channels, height, width = clean.shape
        for i in range(o["multires_iterations"]):
            r = levels.random() * 2 + 2
            small = max(1, int(height / r**i)), max(1, int(width / r**i))
            coarse = normal("multires", (1, channels, *small), i)
            noise = noise + F.interpolate(coarse, (height, width), mode="bilinear")[0] * o["multires_discount"] ** i
            if 1 in small:
                break
        noise = noise / noise.std()
    return noise


def _error(o: dict[str, Any], difference: torch.Tensor, t: int, alpha_bar: float) -> torch.Tensor:
    if o["kind"] == "l2":
        return difference**2
    if o["kind"] == "l1":
        return difference.abs()
    sigma = ((1 - alpha_bar) / alpha_bar) ** 0.5
    bound = {
        "constant": o["bound"] * o["bound_scale"],
        "exponential": o["bound"] ** (t / 1000) * o["bound_scale"],
        "snr": (1 - o["bound"]) / (1 + sigma) ** 2 + o["bound"],
    }[o["bound_schedule"]]
    times = 2 * bound if o["kind"] == "huber" else 2
    return times * ((difference**2 + bound**2).sqrt() - bound)


def _weight(o: dict[str, Any], alpha_bar: float, *, is_v: bool) -> float:
    """In the order of sd-scripts: min-SNR, scaled v, v-like, debiased; there the ratio is at most 1000."""
    snr = alpha_bar / (1 - alpha_bar)
    capped, weight = min(snr, 1000), 1.0
    if o["min_snr_gamma"] is not None:
        weight = min(snr, o["min_snr_gamma"]) / (snr + 1 if is_v else snr)
    if o["scale_v_loss"]:
        weight *= capped / (capped + 1)
    weight += weight * o["v_like_loss"] / (capped / (capped + 1)) if o["v_like_loss"] else 0
    if o["debiased"]:
        weight *= 1 / (capped + 1) if is_v else capped**-0.5
    return float(weight)
