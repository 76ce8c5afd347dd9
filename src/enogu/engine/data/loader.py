"""The batches of one step: captions after the caption rules, latents, noise and timesteps, each a pure draw.

No worker processes and no prefetch queue: with cached latents a batch takes microseconds to put together, and a
loader without state is what makes a resumed run equal to one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from enogu.engine.data.latent_cache import Latents
from enogu.engine.data.random_crops import RandomCrops
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
from enogu.recipe.buckets import Bucket
from enogu.recipe.captions import CaptionRules, final_caption
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
    weights_B: torch.Tensor
    """How much each sample counts: the prior loss weight for regularisation pictures, else 1."""
    masks_B1HW: torch.Tensor | None = None
    """How much each place counts, 0 to 1; None where all of it counts."""


@dataclass(frozen=True)
class TrainSet:
    """The pictures of a run, by their index in the plan."""

    latents: Mapping[tuple[int, bool], Latents]
    captions: Sequence[str]
    masks: Mapping[tuple[int, bool], torch.Tensor] = field(default_factory=dict)
    """[1, H, W] of the latents, for pictures of which not all is to be learnt; by (index, flip) as the latents."""
    regularisation: frozenset[int] = frozenset()
    crops: RandomCrops | None = None
    """Cuts pictures anew for each use, where the recipe says so; ``latents`` are then those of the held-out ones."""


def make_batch(
    recipe: TrainRecipe,
    schedule: NoiseSchedule,
    pictures: TrainSet,
    batch: Batch,
    step: int,
    micro_step: int,
    *,
    epoch: int = 1,
    at_timesteps: Sequence[int] = (),
) -> TrainBatch:
    """The batch of (step, micro-step) in ``epoch``; timesteps are drawn, or those given, one a sample."""
    cleans: list[torch.Tensor] = []
    noises: list[torch.Tensor] = []
    shown: list[torch.Tensor] = []
    timesteps: list[float] = []
    sizes: list[tuple[float, ...]] = []
    texts: list[str] = []
    weights: list[float] = []
    masks: list[torch.Tensor | None] = []
    for sample, index in enumerate(batch.picture_indices):
        draw = (step, micro_step, sample)
        flip = recipe.pictures.flip and random_for(recipe.seed, "flip", *draw).random() < 0.5
        if recipe.pictures.random_crop and pictures.crops is not None:
            posterior, mask = pictures.crops.of(index, flip, draw)
        else:
            posterior, mask = pictures.latents[index, flip], pictures.masks.get((index, flip))
        sizes.append(posterior.sizes)
        shape = tuple(posterior.mean_CHW.shape)
        cleans.append(posterior.mean_CHW + posterior.std_CHW * draw_normal(shape, recipe.seed, "latent", *draw))
        noise = draw_normal(shape, recipe.seed, "noise", *draw)
        noise = add_offset(noise, cleans[-1], recipe.noise, recipe.seed, *draw)
        noise = add_multires(
            noise, recipe.noise.multires_iterations, recipe.noise.multires_discount, recipe.seed, *draw
        )
        noises.append(noise)
        patches = shape[1] * shape[2] // 4
        timesteps.append(
            at_timesteps[sample]
            if at_timesteps
            else draw_timestep(schedule, recipe.noise, recipe.seed, *draw, patches=patches)
        )
        shown.append(perturbed(noise, recipe.noise, recipe.seed, *draw))
        chance = random_for(recipe.seed, "caption", *draw)
        trigger = "" if index in pictures.regularisation else recipe.trigger
        texts.append(final_caption(pictures.captions[index], recipe.captions, trigger=trigger, rng=chance, epoch=epoch))
        weights.append(recipe.pictures.prior_loss_weight if index in pictures.regularisation else 1.0)
        masks.append(mask)
    clean_BCHW, noise_BCHW = torch.stack(cleans), torch.stack(noises)
    timesteps_B = torch.tensor(timesteps)
    return TrainBatch(
        noisy_BCHW=add_noise(schedule, clean_BCHW, torch.stack(shown), timesteps_B),
        target_BCHW=target(schedule, clean_BCHW, noise_BCHW, timesteps_B),
        timesteps_B=timesteps_B,
        sizes_B6=torch.tensor(sizes),
        captions=tuple(texts),
        weights_B=torch.tensor(weights),
        masks_B1HW=_together(masks, clean_BCHW),
    )


def held_out_batch(
    recipe: TrainRecipe, schedule: NoiseSchedule, pictures: TrainSet, bucket: Bucket, index: int, count: int
) -> TrainBatch:
    """One picture that is never trained, at ``count`` fixed strengths of noise: the same at every measurement.

    Its caption, side and crop are left as they are, so that nothing but the adapter changes from one time to the next.
    """
    rules = CaptionRules(max_token_length=recipe.captions.max_token_length, weighted=recipe.captions.weighted)
    still = recipe.model_copy(
        update={
            "captions": rules,
            "pictures": recipe.pictures.model_copy(update={"flip": False, "random_crop": False}),
        }
    )
    timesteps = [schedule.num_timesteps * number // (count + 1) for number in range(1, count + 1)]
    batch = Batch(bucket, (index,) * count)
    return make_batch(still, schedule, pictures, batch, -1, index, at_timesteps=timesteps)


def _together(masks: Sequence[torch.Tensor | None], like_BCHW: torch.Tensor) -> torch.Tensor | None:
    if all(mask is None for mask in masks):
        return None
    whole = torch.ones(1, *like_BCHW.shape[2:])
    return torch.stack([whole if mask is None else mask for mask in masks])
