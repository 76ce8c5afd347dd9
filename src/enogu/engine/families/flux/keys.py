"""Which layers of a Flux base get an adapter, and Kohya's names for them (sd-scripts, networks/lora_flux.py).

Transformer: every Linear inside its blocks, named ``lora_unet_`` + Black Forest Labs' path; query, key and value are
one. CLIP-L is ``lora_te1_``, T5 ``lora_te3_`` (sd-scripts skips 2, as ComfyUI does). A real Flux has 304 + 72 + 168.
T5 learns where ``training.train_t5`` says so; its layers are always there for files that adapt it.
"""

from __future__ import annotations

from torch import nn

from enogu.engine.adapters.lora import Target
from enogu.engine.families import LoadedBase
from enogu.engine.families.flux.network import bfl_path
from enogu.engine.families.unet import layers_inside, text_encoder_targets

BLOCK_CLASSES = ("FluxTransformerBlock", "SingleBlock")
T5_CLASSES = ("T5Attention", "T5DenseGatedActDense", "T5DenseActDense")


def targets(base: LoadedBase) -> list[Target]:
    """All targets: transformer, CLIP-L, T5, in the networks' own order."""
    return [
        *transformer_targets(base.networks["unet"]),
        *text_encoder_targets(base.networks["text_encoder"], "lora_te1_"),
        *t5_targets(base.networks["text_encoder_2"]),
    ]


def transformer_targets(transformer: nn.Module) -> list[Target]:
    """Targets of a fused transformer; their part is "unet", as Kohya calls what denoises in every family."""
    return [
        Target("unet", "lora_unet_" + bfl_path(path).replace(".", "_"), parent, name, layer)
        for path, parent, name, layer in layers_inside(transformer, BLOCK_CLASSES)
    ]


def t5_targets(t5: nn.Module) -> list[Target]:
    """Targets of a transformers ``T5EncoderModel``."""
    return [
        Target("t5", "lora_te3_" + path.replace(".", "_"), parent, name, layer)
        for path, parent, name, layer in layers_inside(t5, T5_CLASSES)
    ]
