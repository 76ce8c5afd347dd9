"""Families of base models. Each is four small files: load, encode, predict, keys; nothing outside asks which it is.

``Family`` is the whole of what the loop, the sampler and the exporter need. What two families do alike is in the
modules beside this one: ``clip`` (captions), ``unet`` (Stable Diffusion's networks), ``folder`` and ``single_file``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from enogu.engine.adapters.lora import Target
from enogu.engine.memory import ComputePlan, free_unused
from enogu.engine.noise import NoiseSchedule
from enogu.errors import BaseModelRefused


@dataclass
class LoadedBase:
    """A base model in memory: frozen networks on the compute device, and what they are."""

    family: Family
    path: Path
    name: str
    hash: str
    """sha256 over the weights' files: the key of every cache that depends on them."""
    networks: dict[str, Any]
    """Frozen ``nn.Module``s by part: "unet", "text_encoder", "vae" and what else a family has."""
    tokenizers: dict[str, Any]
    schedule: NoiseSchedule
    compute: ComputePlan
    scaling_factor: float
    shift_factor: float = 0.0
    """Latents as the network sees them are (the VAE's - shift) * scaling."""
    scheduler_config: dict[str, Any] = field(default_factory=dict)
    guidance: Literal["pairs", "told", "none"] = "pairs"
    """How a drawing follows its prompt more closely: by comparing with the negative one, told as a number, or not."""

    resting: set[str] = field(default_factory=set)
    """Parts that are in main memory unless they are used just now."""

    def network(self, part: str) -> Any:
        """The network of ``part`` on the compute device, fetched there when it rests in main memory."""
        network = self.networks[part]
        if any(parameter.device.type != self.compute.device.type for parameter in network.parameters()):
            network.to(self.compute.device)
        return network

    def rest(self, *parts: str) -> None:
        """Send networks that are seldom needed from now on to main memory; ``network`` fetches them when they are.

        On a CPU nothing happens.
        """
        self.resting.update(parts)
        self.settle()

    def settle(self) -> None:
        """Send those back that were fetched for a moment, as for a preview."""
        if self.compute.device.type == "cpu" or not self.resting:
            return
        for part in self.resting:
            self.networks[part].to("cpu")
        free_unused()

    @property
    def text_parts(self) -> tuple[str, ...]:
        """The parts that read captions, in order."""
        return tuple(part for part in self.networks if part.startswith("text_encoder"))


@dataclass(frozen=True)
class TextRules:
    """How a caption becomes hidden states; part of the text cache's key."""

    clip_skip: int = 1
    max_token_length: int = 75
    weighted: bool = False
    """Brackets in captions say how much each tag counts (``clip.weighted_parts``)."""


@dataclass(frozen=True)
class Conditions:
    """What the network is told beside the noisy picture. A family takes what it knows and leaves the rest."""

    states_BTC: torch.Tensor
    pooled_BC: torch.Tensor | None = None
    """One vector a caption, for families that are told the caption as a whole too."""
    sizes_B6: torch.Tensor | None = None
    """Pixels, as ``picture_sizes`` orders them; for families that are told how a picture was cut."""
    guidance: float = 1.0
    """For a network that was distilled to be told the strength of guidance."""

    def __getitem__(self, rows: slice) -> Conditions:
        """Those of some samples."""
        return self._each(lambda tensor: tensor[rows])

    def repeated(self, count: int) -> Conditions:
        """The same ``count`` times over."""
        return self._each(lambda tensor: torch.cat([tensor] * count))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Conditions:
        pooled, sizes = self.pooled_BC, self.sizes_B6
        return replace(
            self,
            states_BTC=change(self.states_BTC),
            pooled_BC=None if pooled is None else change(pooled),
            sizes_B6=None if sizes is None else change(sizes),
        )


def joined(parts: Sequence[Conditions]) -> Conditions:
    """Conditions of several samples one after another; all are of one base model and one number of tokens."""
    first = parts[0]

    def together(tensors: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
        given = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(given) if given else None

    return replace(
        first,
        states_BTC=torch.cat([part.states_BTC for part in parts]),
        pooled_BC=together([part.pooled_BC for part in parts]),
        sizes_B6=together([part.sizes_B6 for part in parts]),
    )


def picture_sizes(
    original_height: float,
    original_width: float,
    target_height: float,
    target_width: float,
    crop_top: float = 0,
    crop_left: float = 0,
) -> list[float]:
    """Original size, crop and target size in the order that SDXL's paper gives them (Podell et al. 2023, 2.2)."""
    return [original_height, original_width, crop_top, crop_left, target_height, target_width]


def _none_of_them(base: LoadedBase) -> list[Target]:
    """Of a family without convolutions."""
    return []


@dataclass(frozen=True)
class Family:
    """The functions of one family.

    ``encode_pictures(base, pixels_B3HW in -1..1) -> (mean_BCHW, std_BCHW)``, unscaled;
    ``encode_captions(base, texts, rules) -> Conditions``, differentiable when the text encoder is trained;
    ``predict(base, noisy_BCHW, timesteps_B, conditions) -> BCHW``;
    ``decode_latents(base, latents_BCHW scaled) -> pixels_B3HW in -1..1``;
    ``targets(base) -> list[Target]`` with Kohya's names, and ``conv_targets`` alike for the convolutional blocks.
    """

    name: str
    title: str
    latent_channels: int
    pixels_per_latent: int
    pixel_step: int
    """Picture sides must be multiples of this for the U-Net's halvings."""
    metadata: dict[str, str]
    """Keys of a LoRA file that are the same for all of the family."""
    load: Callable[[Path, ComputePlan], LoadedBase]
    encode_pictures: Callable[[LoadedBase, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    decode_latents: Callable[[LoadedBase, torch.Tensor], torch.Tensor]
    encode_captions: Callable[[LoadedBase, Sequence[str], TextRules], Conditions]
    predict: Callable[[LoadedBase, torch.Tensor, torch.Tensor, Conditions], torch.Tensor]
    targets: Callable[[LoadedBase], list[Target]]
    conv_targets: Callable[[LoadedBase], list[Target]] = _none_of_them

    def all_targets(self, base: LoadedBase) -> list[Target]:
        """Every layer that an adapter can be on."""
        return [*self.targets(base), *self.conv_targets(base)]


def load_base_model(path: Path, compute: ComputePlan) -> LoadedBase:
    """Load a diffusers folder or single file of any family we know. Raises BaseModelRefused with what is missing."""
    return family_at(path).load(path, compute)


def family_at(path: Path) -> Family:
    """The family of what lies at ``path``, by its parts or its tensors' names; by no file name."""
    from enogu.engine.families.flux.family import FLUX
    from enogu.engine.families.sd15.family import SD15
    from enogu.engine.families.sdxl.family import SDXL
    from enogu.weights.base_facts import checkpoint_family
    from enogu.weights.header import read_header

    if path.is_file():
        found = checkpoint_family(read_header(path, BaseModelRefused).shapes)
        return {"sdxl": SDXL, "flux": FLUX}.get(found or "", SD15)
    if (path / "transformer").is_dir():
        return FLUX
    return SDXL if (path / "text_encoder_2").is_dir() else SD15
