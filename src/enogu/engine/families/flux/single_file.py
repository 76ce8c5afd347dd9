"""Load Flux from one ``.safetensors`` file that has all of it, as ComfyUI shares them.

The transformer is under Black Forest Labs' names, bare or behind ``model.diffusion_model.``; the text encoders under
``text_encoders.``, the VAE under ``vae.``. T5's tokenizer is in no such file: it is read from ``tokenizer_2`` beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from enogu.engine.families.clip import clip_tokenizer
from enogu.engine.families.flux.network import fuse, fused_names
from enogu.engine.families.single_file import SingleFile, clip_l, ldm_vae

WITH_PREFIX = "model.diffusion_model."
CLIP, T5, VAE = "text_encoders.clip_l.transformer.", "text_encoders.t5xxl.transformer.", "vae."
OLD_VAE = "first_stage_model."
HEAD_WIDTH = 128


def read_parts(path: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Any]]:
    """Networks on the CPU (the VAE in fp32), and tokenizers.

    Raises BaseModelRefused when the file is damaged, a pickle, of another family, or lacks a part.
    """
    from enogu.engine.families.flux.load import t5_tokenizer

    file = SingleFile.open(path, "Flux")
    names = file.header.shapes
    start = WITH_PREFIX if any(name.startswith(WITH_PREFIX) for name in names) else ""
    vae = OLD_VAE if any(name.startswith(OLD_VAE) for name in names) else VAE
    file.refuse_missing({f"{start}double_blocks.": "transformer", vae: "VAE", CLIP: "CLIP text encoder", T5: "T5"})
    tokenizers = {"text_encoder": clip_tokenizer(), "text_encoder_2": t5_tokenizer(path.parent / "tokenizer_2")}
    settings = {"latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159, "sample_size": 1024}
    networks = {
        "unet": _transformer(file, start, dtype),
        "text_encoder": clip_l(file, CLIP, dtype, "CLIP text encoder"),
        "text_encoder_2": _t5(file, dtype),
        "vae": ldm_vae(file, vae, use_quant_conv=False, use_post_quant_conv=False, **settings),
    }
    return networks, tokenizers


def _transformer(file: SingleFile, start: str, dtype: torch.dtype) -> torch.nn.Module:
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    shapes = file.inside(start)
    width = file.size(shapes, "img_in.weight", 0)
    head = shapes.get("double_blocks.0.img_attn.norm.query_norm.scale", (HEAD_WIDTH,))[0]
    sides = (head - 2 * (7 * head // 32 * 2), 7 * head // 32 * 2)  # 16, 56, 56 of 128
    with torch.device("meta"), file.said_in_words("transformer"):
        network = FluxTransformer2DModel(
            in_channels=file.size(shapes, "img_in.weight", 1),
            num_layers=_count(shapes, "double_blocks."),
            num_single_layers=_count(shapes, "single_blocks."),
            attention_head_dim=head,
            num_attention_heads=width // head,
            joint_attention_dim=file.size(shapes, "txt_in.weight", 1),
            pooled_projection_dim=file.size(shapes, "vector_in.in_layer.weight", 1),
            guidance_embeds="guidance_in.in_layer.weight" in shapes,
            axes_dims_rope=(sides[0], sides[1], sides[1]),
        )
        fuse(network)
    return file.filled("transformer", network, fused_names(network, file.read([start], keep_prefix=False)), dtype)


def _t5(file: SingleFile, dtype: torch.dtype) -> torch.nn.Module:
    from transformers import T5Config, T5EncoderModel

    shapes = file.inside(T5)
    layer = "encoder.block.0.layer"
    heads = file.size(shapes, f"{layer}.0.SelfAttention.relative_attention_bias.weight", 1)
    with file.said_in_words("T5"):
        network = T5EncoderModel(
            T5Config(
                vocab_size=file.size(shapes, "shared.weight", 0),
                d_model=file.size(shapes, "shared.weight", 1),
                d_kv=file.size(shapes, f"{layer}.0.SelfAttention.q.weight", 0) // heads,
                d_ff=file.size(shapes, f"{layer}.1.DenseReluDense.wi_0.weight", 0),
                num_layers=_count(shapes, "encoder.block."),
                num_heads=heads,
                feed_forward_proj="gated-gelu",
                tie_word_embeddings=False,  # pyright: ignore[reportCallIssue] (a setting of every config)
            )
        )
    tensors = file.read([T5], keep_prefix=False)
    tensors.setdefault("encoder.embed_tokens.weight", tensors["shared.weight"])
    return file.filled("T5", network, tensors, dtype)


def _count(shapes: Mapping[str, tuple[int, ...]], start: str) -> int:
    return len({name[len(start) :].split(".")[0] for name in shapes if name.startswith(start)})
