"""Which layers of an SDXL base get an adapter, and Kohya's names for them (sd-scripts, networks/lora.py).

U-Net: ``lora_unet_`` + Stability's own path (``input_blocks_4_1_…``), not diffusers'. CLIP-L is ``lora_te1_``,
OpenCLIP's bigG ``lora_te2_``, both with transformers' names. A real SDXL has 722 + 72 + 192 of them.
"""

from __future__ import annotations

from torch import nn

from enogu.engine.adapters.lora import Target
from enogu.engine.families import LoadedBase
from enogu.engine.families.unet import convolutional_layers, ldm_path, text_encoder_targets, unet_layers


def targets(base: LoadedBase) -> list[Target]:
    """All targets: U-Net, first text encoder, second text encoder, in the networks' own order."""
    return [
        *unet_targets(base.networks["unet"]),
        *text_encoder_targets(base.networks["text_encoder"], "lora_te1_"),
        *text_encoder_targets(base.networks["text_encoder_2"], "lora_te2_"),
    ]


def unet_targets(unet: nn.Module) -> list[Target]:
    """Targets of a diffusers ``UNet2DConditionModel``, in diffusers' order."""
    return [_target(unet, *found) for found in unet_layers(unet)]


def conv_targets(base: LoadedBase) -> list[Target]:
    """The layers of the U-Net's convolutional blocks, for adapters that have a dim for them."""
    unet = base.networks["unet"]
    return [_target(unet, *found) for found in convolutional_layers(unet)]


def _target(unet: nn.Module, path: str, parent: nn.Module, name: str, layer: nn.Linear | nn.Conv2d) -> Target:
    layers_per_block = int(unet.config["layers_per_block"])  # pyright: ignore[reportArgumentType, reportIndexIssue]
    return Target("unet", "lora_unet_" + ldm_path(path, layers_per_block).replace(".", "_"), parent, name, layer)
