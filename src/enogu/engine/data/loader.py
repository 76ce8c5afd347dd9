"""The batches of one step: captions after the caption rules, latents, noise and timesteps, each a pure draw.

No worker processes and no prefetch queue: with cached latents a batch takes microseconds to put together, and a
loader without state is what makes a resumed run equal to one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from enogu.engine.data.latent_cache import Latents
from enogu.engine.noise import (
    NoiseSchedule,
    add_multires,
    add_noise,
    add_offset,
    draw_normal,
    draw_timestep,
    perturbed,
    target,
)
from enogu.recipe import TrainRecipe
from enogu.recipe.captions import final_caption
from enogu.recipe.draws import random_for
from enogu.recipe.plan import Batch


@dataclass(frozen=True)
class TrainBatch:
    """What one forward pass needs, on the CPU in fp32."""

    noisy_BCHW: torch.Tensor
    target_BCHW: torch.Tensor
    timesteps_B: torch.Tensor
    sizes_B6: torch.Tensor
    """What SDXL is told of each picture's size and crop (``picture_sizes``)."""
    captions: tuple[str, ...]


def make_batch(
    recipe: TrainRecipe,
    schedule: NoiseSchedule,
    latents: Mapping[tuple[int, bool], Latents],
    captions: Sequence[str],
    batch: Batch,
    step: int,
    micro_step: int,
) -> TrainBatch:
    """The batch of (step, micro-step); ``captions`` and ``latents`` are by the picture's index in the plan."""
    cleans: list[torch.Tensor] = []
    noises: list[torch.Tensor] = []
    shown: list[torch.Tensor] = []
    timesteps: list[int] = []
    sizes: list[tuple[float, ...]] = []
    texts: list[str] = []
    for sample, index in enumerate(batch.picture_indices):
        draw = (step, micro_step, sample)
        flip = recipe.pictures.flip and random_for(recipe.seed, "flip", *draw).random() < 0.5
        posterior = latents[index, flip]
        sizes.append(posterior.sizes)
        shape = tuple(posterior.mean_CHW.shape)
        cleans.append(posterior.mean_CHW + posterior.std_CHW * draw_normal(shape, recipe.seed, "latent", *draw))
        noise = draw_normal(shape, recipe.seed, "noise", *draw)
        noise = add_offset(noise, cleans[-1], recipe.noise, recipe.seed, *draw)
        noise = add_multires(
            noise, recipe.noise.multires_iterations, recipe.noise.multires_discount, recipe.seed, *draw
        )
        noises.append(noise)
        timesteps.append(draw_timestep(schedule, recipe.noise, recipe.seed, *draw))
        shown.append(perturbed(noise, recipe.noise, recipe.seed, *draw))
        chance = random_for(recipe.seed, "caption", *draw)
        texts.append(final_caption(captions[index], recipe.captions, trigger=recipe.trigger, rng=chance))
    clean_BCHW, noise_BCHW = torch.stack(cleans), torch.stack(noises)
    timesteps_B = torch.tensor(timesteps)
    return TrainBatch(
        noisy_BCHW=add_noise(schedule, clean_BCHW, torch.stack(shown), timesteps_B),
        target_BCHW=target(schedule, clean_BCHW, noise_BCHW, timesteps_B),
        timesteps_B=timesteps_B,
        sizes_B6=torch.tensor(sizes),
        captions=tuple(texts),
    )
