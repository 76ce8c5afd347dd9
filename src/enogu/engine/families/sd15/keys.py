"""Which layers of an SD1.5 base get an adapter, and Kohya's names for them (sd-scripts, networks/lora.py).

U-Net: ``lora_unet_`` + the diffusers path. Text encoder: ``lora_te_text_model_`` + the path.
A real SD1.5 has 192 + 72 of them.
"""

from __future__ import annotations

from torch import nn

from enogu.engine.adapters.lora import Target
from enogu.engine.families import LoadedBase
from enogu.engine.families.unet import convolutional_layers, text_encoder_targets, unet_layers


def targets(base: LoadedBase) -> list[Target]:
    """All targets of both parts, U-Net first, in the networks' own order."""
    return [*unet_targets(base.networks["unet"]), *text_encoder_targets(base.networks["text_encoder"])]


def unet_targets(unet: nn.Module) -> list[Target]:
    """Targets of a diffusers ``UNet2DConditionModel``."""
    return [_target(*found) for found in unet_layers(unet)]


def conv_targets(base: LoadedBase) -> list[Target]:
    """The layers of the U-Net's convolutional blocks, for adapters that have a dim for them."""
    return [_target(*found) for found in convolutional_layers(base.networks["unet"])]


def _target(path: str, parent: nn.Module, name: str, layer: nn.Linear | nn.Conv2d) -> Target:
    return Target("unet", "lora_unet_" + path.replace(".", "_"), parent, name, layer)
