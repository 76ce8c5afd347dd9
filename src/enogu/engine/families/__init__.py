"""Families of base models. Each is four small files: load, encode, predict, keys; nothing outside asks which it is.

``Family`` is the whole of what the loop, the sampler and the exporter need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from enogu.engine.adapters.lora import Target
from enogu.engine.memory import ComputePlan
from enogu.engine.noise import NoiseSchedule


@dataclass
class LoadedBase:
    """A base model in memory: frozen networks on the compute device, and what they are."""

    family: Family
    path: Path
    name: str
    hash: str
    """sha256 over the weights' files: the key of every cache that depends on them."""
    networks: dict[str, Any]
    """Frozen ``nn.Module``s by part: "unet", "text_encoder", "vae"."""
    tokenizers: dict[str, Any]
    schedule: NoiseSchedule
    compute: ComputePlan
    scaling_factor: float
    scheduler_config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TextRules:
    """How a caption becomes hidden states; part of the text cache's key."""

    clip_skip: int = 1
    max_token_length: int = 75


@dataclass(frozen=True)
class Family:
    """The functions of one family.

    ``encode_pictures(base, pixels_B3HW in -1..1) -> (mean_BCHW, std_BCHW)``, unscaled;
    ``encode_captions(base, texts, rules) -> states_BTC``, differentiable when the text encoder is trained;
    ``predict(base, noisy_BCHW, timesteps_B, states_BTC) -> BCHW``;
    ``decode_latents(base, latents_BCHW scaled) -> pixels_B3HW in -1..1``;
    ``targets(base) -> list[Target]`` with Kohya's names.
    """

    name: str
    title: str
    latent_channels: int
    pixels_per_latent: int
    pixel_step: int
    """Picture sides must be multiples of this for the U-Net's halvings."""
    metadata: dict[str, str]
    load: Callable[[Path, ComputePlan], LoadedBase]
    encode_pictures: Callable[[LoadedBase, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    decode_latents: Callable[[LoadedBase, torch.Tensor], torch.Tensor]
    encode_captions: Callable[[LoadedBase, Sequence[str], TextRules], torch.Tensor]
    predict: Callable[[LoadedBase, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    targets: Callable[[LoadedBase], list[Target]]


def load_base_model(path: Path, compute: ComputePlan) -> LoadedBase:
    """Load a diffusers folder of any family we know. Raises BaseModelRefused with what is missing."""
    from enogu.engine.families.sd15.family import SD15

    return SD15.load(path, compute)
