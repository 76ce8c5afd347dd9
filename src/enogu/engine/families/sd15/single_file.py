"""Load SD1.5 from one ``.safetensors`` file under the names of the first Stable Diffusion.

U-Net, VAE and text encoder are under ``model.diffusion_model.``, ``first_stage_model.`` and ``cond_stage_model.``.
diffusers knows how those of the VAE map to its own names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from enogu.engine.families.clip import clip_tokenizer
from enogu.engine.families.single_file import SingleFile, clip_l, ldm_vae
from enogu.engine.families.unet import diffusers_names

UP_WITH_ATTENTION = frozenset({1, 2, 3})
UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."


def read_parts(path: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Networks on the CPU (the VAE in fp32), tokenizers, and the config of the noise schedule.

    Raises BaseModelRefused when the file is damaged, a pickle, of another family, or lacks a part.
    """
    file = SingleFile.open(path, "SD1.5")
    _check(file)
    networks = {
        "unet": _unet(file, dtype),
        "vae": ldm_vae(file, VAE, sample_size=512, scaling_factor=0.18215),
        "text_encoder": clip_l(file, TEXT, dtype),
    }
    return networks, {"text_encoder": clip_tokenizer()}, file.scheduler_config()


def _check(file: SingleFile) -> None:
    """Another family or a part that is missing, in words."""
    name, shapes = file.path.name, file.header.shapes
    if any(key.startswith("cond_stage_model.model.") for key in shapes):
        raise file.refused(f"{name} is Stable Diffusion 2, not SD1.5.")
    file.refuse_missing({UNET: "U-Net", VAE: "VAE", TEXT: "text encoder"})
    into = shapes.get(f"{UNET}input_blocks.0.0.weight", ())
    if len(into) != 4 or into[1] != 4:
        raise file.refused(f"{name} was made for another task, such as inpainting.")


def _unet(file: SingleFile, dtype: torch.dtype) -> torch.nn.Module:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shapes = file.inside(UNET)
    widths = [file.size(shapes, f"input_blocks.{1 + 3 * level}.0.in_layers.2.weight", 0) for level in range(4)]
    settings: dict[str, Any] = {
        "sample_size": 64,
        "block_out_channels": widths,
        "layers_per_block": 2,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "cross_attention_dim": file.size(shapes, "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": 8,
    }
    with torch.device("meta"), file.said_in_words("U-Net"):
        network: torch.nn.Module = UNet2DConditionModel(**settings)
    tensors = diffusers_names(network, file.read([UNET], keep_prefix=False), UP_WITH_ATTENTION)
    return file.filled("U-Net", network, tensors, dtype)
