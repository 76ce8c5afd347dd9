"""Which layers of an SD1.5 base get an adapter, and Kohya's names for them (sd-scripts, networks/lora.py).

U-Net: every Linear and 1x1 Conv2d inside ``Transformer2DModel``, named ``lora_unet_`` + the diffusers path.
Text encoder: every Linear inside ``CLIPAttention`` and ``CLIPMLP``, named ``lora_te_text_model_`` + the path;
transformers 5 dropped the ``text_model`` wrapper from the path, so it is put back.
A real SD1.5 has 192 + 72 of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from enogu.engine.adapters.lora import Target
from enogu.engine.families import LoadedBase

UNET_CLASSES = ("Transformer2DModel",)
TEXT_ENCODER_CLASSES = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")


def targets(base: LoadedBase) -> list[Target]:
    """All targets of both parts, U-Net first, in the networks' own order."""
    return [*unet_targets(base.networks["unet"]), *text_encoder_targets(base.networks["text_encoder"])]


def unet_targets(unet: nn.Module) -> list[Target]:
    """Targets of a diffusers ``UNet2DConditionModel``."""
    return [
        Target("unet", "lora_unet_" + path.replace(".", "_"), parent, name, layer)
        for path, parent, name, layer in _layers_inside(unet, UNET_CLASSES)
    ]


def text_encoder_targets(text_encoder: nn.Module) -> list[Target]:
    """Targets of a transformers ``CLIPTextModel``, with or without the ``text_model`` wrapper."""
    found: list[Target] = []
    for path, parent, name, layer in _layers_inside(text_encoder, TEXT_ENCODER_CLASSES):
        full = path if path.startswith("text_model.") else f"text_model.{path}"
        found.append(Target("text_encoder", "lora_te_" + full.replace(".", "_"), parent, name, layer))
    return found


def _layers_inside(
    root: nn.Module, classes: tuple[str, ...]
) -> Iterator[tuple[str, nn.Module, str, nn.Linear | nn.Conv2d]]:
    seen: set[str] = set()
    for outer_path, outer in root.named_modules():
        if type(outer).__name__ not in classes:
            continue
        for inner_path, layer in outer.named_modules():
            if not isinstance(layer, nn.Linear | nn.Conv2d):
                continue
            if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                continue
            path = f"{outer_path}.{inner_path}" if outer_path else inner_path
            if path in seen:
                continue
            seen.add(path)
            parent_path, _, name = path.rpartition(".")
            yield path, root.get_submodule(parent_path), name, layer
