"""Load SDXL from one ``.safetensors`` file, as communities share it, Pony, Illustrious and NoobAI among them.

U-Net and VAE are named as in SD1.5's files. CLIP-L is under ``conditioner.embedders.0.transformer.`` with transformers'
names, bigG under ``conditioner.embedders.1.model.`` with OpenCLIP's, whose q, k and v are one tensor. Files that
predict v hold an empty tensor ``v_pred``, those trained to zero terminal SNR one called ``ztsnr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from enogu.engine.families.clip import VOCABULARY_SIZE, clip_tokenizer
from enogu.engine.families.single_file import SingleFile, clip_l, ldm_vae
from enogu.engine.families.unet import diffusers_names

UP_WITH_ATTENTION = frozenset({0, 1})
UNET, VAE = "model.diffusion_model.", "first_stage_model."
CLIP_L, BIG_G = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
_OPEN_CLIP_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def read_parts(path: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Networks on the CPU (the VAE in fp32), tokenizers, and the config of the noise schedule.

    Raises BaseModelRefused when the file is damaged, a pickle, of another family, or lacks a part.
    """
    file = SingleFile.open(path, "SDXL")
    file.refuse_missing({UNET: "U-Net", VAE: "VAE", CLIP_L: "first text encoder", BIG_G: "second text encoder"})
    into = file.header.shapes.get(f"{UNET}input_blocks.0.0.weight", ())
    if len(into) != 4 or into[1] != 4:
        raise file.refused(f"{path.name} was made for another task, such as inpainting.")
    networks = {
        "unet": _unet(file, dtype),
        "text_encoder": clip_l(file, CLIP_L, dtype, "first text encoder"),
        "text_encoder_2": _big_g(file, dtype),
        "vae": ldm_vae(file, VAE, sample_size=1024, scaling_factor=0.13025),
    }
    tokenizers = {"text_encoder": clip_tokenizer(), "text_encoder_2": clip_tokenizer("!")}
    return networks, tokenizers, file.scheduler_config()


def _unet(file: SingleFile, dtype: torch.dtype) -> torch.nn.Module:
    """Three levels; attention in the second and third, two and ten transformer blocks deep (in small ones fewer)."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shapes = file.inside(UNET)
    widths = [file.size(shapes, f"input_blocks.{1 + 3 * level}.0.in_layers.2.weight", 0) for level in range(3)]
    depths = [_depth(shapes, place) for place in ("input_blocks.4.1.", "input_blocks.7.1.")]
    settings: dict[str, Any] = {
        "sample_size": 128,
        "block_out_channels": widths,
        "layers_per_block": 2,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, *depths],
        "cross_attention_dim": file.size(shapes, "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": [max(1, width // 64) for width in widths],
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": file.size(shapes, "label_emb.0.0.weight", 1),
    }
    with torch.device("meta"), file.said_in_words("U-Net"):
        network: torch.nn.Module = UNet2DConditionModel(**settings)
    tensors = diffusers_names(network, file.read([UNET], keep_prefix=False), UP_WITH_ATTENTION)
    return file.filled("U-Net", network, tensors, dtype)


def _depth(shapes: Mapping[str, tuple[int, ...]], place: str) -> int:
    start = f"{place}transformer_blocks."
    return max(1, len({name[len(start) :].split(".")[0] for name in shapes if name.startswith(start)}))


def _big_g(file: SingleFile, dtype: torch.dtype) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    shapes = file.inside(BIG_G)
    vocabulary = file.size(shapes, "token_embedding.weight", 0)
    if vocabulary != VOCABULARY_SIZE:
        raise file.refused(f"{file.path.name} knows {vocabulary:,} tokens; CLIP's vocabulary has {VOCABULARY_SIZE:,}.")
    width = file.size(shapes, "token_embedding.weight", 1)
    start = "transformer.resblocks."
    layers = {name[len(start) :].split(".")[0] for name in shapes if name.startswith(start)}
    with torch.device("meta"), file.said_in_words("second text encoder"):
        network = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=VOCABULARY_SIZE,
                hidden_size=width,
                intermediate_size=file.size(shapes, f"{start}0.mlp.c_fc.weight", 0),
                num_hidden_layers=len(layers),
                num_attention_heads=max(1, width // 64),
                max_position_embeddings=file.size(shapes, "positional_embedding", 0),
                projection_dim=file.size(shapes, "text_projection", 1),
                hidden_act="gelu",
                bos_token_id=VOCABULARY_SIZE - 2,
                eos_token_id=VOCABULARY_SIZE - 1,
                pad_token_id=0,
            )
        )
    tensors = transformers_names(file.read([BIG_G], keep_prefix=False))
    position_ids = torch.arange(file.size(shapes, "positional_embedding", 0))[None]
    network.text_model.embeddings.register_buffer("position_ids", position_ids, persistent=False)
    return file.filled("second text encoder", network, tensors, dtype)


def transformers_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """OpenCLIP's text tensors under the names of ``CLIPTextModelWithProjection``; q, k and v come apart."""
    named: dict[str, torch.Tensor] = {}
    outside = {
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "ln_final.weight": "text_model.final_layer_norm.weight",
        "ln_final.bias": "text_model.final_layer_norm.bias",
    }
    for name, tensor in tensors.items():
        if name in outside:
            named[outside[name]] = tensor
        elif name == "text_projection":
            named["text_projection.weight"] = tensor.t().contiguous()
        elif name.startswith("transformer.resblocks."):
            number, _, rest = name.removeprefix("transformer.resblocks.").partition(".")
            layer = f"text_model.encoder.layers.{number}"
            module, _, kind = rest.rpartition(".")
            if rest.startswith("attn.in_proj_"):
                for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                    named[f"{layer}.self_attn.{letter}_proj.{rest.removeprefix('attn.in_proj_')}"] = third.contiguous()
            elif module in _OPEN_CLIP_LAYER:
                named[f"{layer}.{_OPEN_CLIP_LAYER[module]}.{kind}"] = tensor
    return named
