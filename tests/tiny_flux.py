"""Base models of the Flux architecture, small enough for a test: a folder, and one file in Black Forest Labs' names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.ldm_file import ldm_vae_name
from tests.tiny_base import tiny_tokenizer

HEAD, WIDTH, T5_WIDTH, CLIP_WIDTH = 16, 32, 24, 32


def tiny_transformer(*, is_dev: bool = True, doubles: int = 2, singles: int = 2) -> Any:
    """Two blocks of two streams and two of one; heads of 16 channels."""
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(
        in_channels=64,
        num_layers=doubles,
        num_single_layers=singles,
        attention_head_dim=HEAD,
        num_attention_heads=WIDTH // HEAD,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        guidance_embeds=is_dev,
        axes_dims_rope=(4, 6, 6),
    )


def tiny_vae(width: int = 8, **settings: Any) -> Any:
    """16 channels of latents, without the two convolutions beside them."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(width,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
        **settings,
    )


def text_encoders(vocabulary: int = 514) -> tuple[Any, Any]:
    """CLIP and T5."""
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    clip = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=CLIP_WIDTH,
            intermediate_size=2 * CLIP_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=1,
            max_position_embeddings=77,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
            hidden_act="quick_gelu",
        )
    )
    t5 = T5EncoderModel(
        T5Config(
            vocab_size=200,
            d_model=T5_WIDTH,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
        )
    )
    return clip, t5


def t5_tokenizer() -> Any:
    """T5's tokenizer with letters for a vocabulary."""
    from transformers import T5TokenizerFast

    letters = [*map(chr, range(33, 127))]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters)]
    return T5TokenizerFast(vocab=pieces, extra_ids=100, model_max_length=512)


def write_tiny_flux(folder: Path, seed: int = 0, *, is_dev: bool = True) -> Path:
    """A diffusers folder with random networks."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    torch.manual_seed(seed)
    clip, t5 = text_encoders()
    transformer = tiny_transformer(is_dev=is_dev)
    _stir(transformer)
    transformer.save_pretrained(folder / "transformer")
    tiny_vae(layers_per_block=1, norm_num_groups=4, mid_block_add_attention=False).save_pretrained(folder / "vae")
    clip.save_pretrained(folder / "text_encoder")
    t5.save_pretrained(folder / "text_encoder_2")
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    t5_tokenizer().save_pretrained(folder / "tokenizer_2")
    dynamic = {"use_dynamic_shifting": True, "shift": 3.0} if is_dev else {"shift": 1.0}
    FlowMatchEulerDiscreteScheduler(**dynamic).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "FluxPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    return folder


def small_flux_networks(seed: int = 0) -> dict[str, Any]:
    """Networks for one file: CLIP's whole vocabulary, and groups of 32 in the VAE."""
    torch.manual_seed(seed)
    clip, t5 = text_encoders(49_408)
    networks = {
        "transformer": tiny_transformer(),
        "text_encoder": clip,
        "text_encoder_2": t5,
        "vae": tiny_vae(32, layers_per_block=2),
    }
    for network in networks.values():
        _stir(network)
    return networks


def _stir(network: Any) -> None:
    """Chance in what begins at zero or one, too."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)


_OUTSIDE = {
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "context_embedder": "txt_in",
    "x_embedder": "img_in",
    "proj_out": "final_layer.linear",
}


def bfl_tensors(transformer: Any) -> dict[str, torch.Tensor]:
    """The transformer under Black Forest Labs' names, put together by diffusers'."""
    state = transformer.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    for ours, theirs in _OUTSIDE.items():
        for kind in ("weight", "bias"):
            if f"{ours}.{kind}" in state:
                tensors[f"{theirs}.{kind}"] = state[f"{ours}.{kind}"]
    for kind in ("weight", "bias"):
        scale, shift = state[f"norm_out.linear.{kind}"].chunk(2)
        tensors[f"final_layer.adaLN_modulation.1.{kind}"] = torch.cat([shift, scale])
        for n in range(len(transformer.transformer_blocks)):
            old, new = f"transformer_blocks.{n}", f"double_blocks.{n}"
            for side, norm, qkv, out, ff in (
                ("img", "norm1", ("to_q", "to_k", "to_v"), "to_out.0", "ff"),
                ("txt", "norm1_context", ("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", "ff_context"),
            ):
                tensors[f"{new}.{side}_mod.lin.{kind}"] = state[f"{old}.{norm}.linear.{kind}"]
                tensors[f"{new}.{side}_attn.qkv.{kind}"] = torch.cat([state[f"{old}.attn.{x}.{kind}"] for x in qkv])
                tensors[f"{new}.{side}_attn.proj.{kind}"] = state[f"{old}.attn.{out}.{kind}"]
                tensors[f"{new}.{side}_mlp.0.{kind}"] = state[f"{old}.{ff}.net.0.proj.{kind}"]
                tensors[f"{new}.{side}_mlp.2.{kind}"] = state[f"{old}.{ff}.net.2.{kind}"]
        for n in range(len(transformer.single_transformer_blocks)):
            old, new = f"single_transformer_blocks.{n}", f"single_blocks.{n}"
            parts = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")
            tensors[f"{new}.linear1.{kind}"] = torch.cat([state[f"{old}.{part}.{kind}"] for part in parts])
            tensors[f"{new}.linear2.{kind}"] = state[f"{old}.proj_out.{kind}"]
            tensors[f"{new}.modulation.lin.{kind}"] = state[f"{old}.norm.linear.{kind}"]
    for n in range(len(transformer.transformer_blocks)):
        attn = f"transformer_blocks.{n}.attn"
        for ours, theirs in (
            ("norm_q", "img_attn.norm.query"),
            ("norm_k", "img_attn.norm.key"),
            ("norm_added_q", "txt_attn.norm.query"),
            ("norm_added_k", "txt_attn.norm.key"),
        ):
            tensors[f"double_blocks.{n}.{theirs}_norm.scale"] = state[f"{attn}.{ours}.weight"]
    for n in range(len(transformer.single_transformer_blocks)):
        for ours, theirs in (("norm_q", "query"), ("norm_k", "key")):
            name = f"single_transformer_blocks.{n}.attn.{ours}.weight"
            tensors[f"single_blocks.{n}.norm.{theirs}_norm.scale"] = state[name]
    return tensors


def write_flux_file(path: Path, networks: dict[str, Any], *, prefix: str = "model.diffusion_model.") -> Path:
    """All in one, as ComfyUI shares it; T5's tokenizer is written beside it."""
    tensors = {prefix + name: tensor for name, tensor in bfl_tensors(networks["transformer"]).items()}
    for name, tensor in networks["vae"].state_dict().items():
        old = ldm_vae_name(name)
        is_attention = ".attn_1." in old and old.endswith("weight") and ".norm." not in old
        tensors[f"vae.{old}"] = tensor[:, :, None, None] if is_attention else tensor
    for name, tensor in networks["text_encoder"].state_dict().items():
        tensors[f"text_encoders.clip_l.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    for name, tensor in networks["text_encoder_2"].state_dict().items():
        if name != "encoder.embed_tokens.weight":
            tensors[f"text_encoders.t5xxl.transformer.{name}"] = tensor
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path)
    t5_tokenizer().save_pretrained(path.parent / "tokenizer_2")
    return path
