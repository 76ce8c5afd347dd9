"""Base models of the SDXL architecture, small enough for a test: a folder, and one file in Stability's names.

Three levels and two layers a block, as the real one, so that every layer has the name that it has there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.ldm_file import ldm_unet_name, ldm_vae_name
from tests.tiny_base import tiny_tokenizer

TE1_WIDTH, TE2_WIDTH, POOLED, TIME = 32, 48, 40, 8


def tiny_unet(time: int = TIME) -> Any:
    """SDXL's blocks with narrow layers: 23 transformer blocks, as deep as 2 instead of 10."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32, 32),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        cross_attention_dim=TE1_WIDTH + TE2_WIDTH,
        attention_head_dim=(1, 2, 2),
        norm_num_groups=8,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=time,
        projection_class_embeddings_input_dim=POOLED + 6 * time,
    )


def text_encoders(vocabulary: int = 514, layers: int = 2) -> tuple[Any, Any]:
    """CLIP with and without a projection, and with the activations of the real ones."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1}
    common = {"vocab_size": vocabulary, "num_hidden_layers": layers, "max_position_embeddings": 77, **ends}
    first = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=TE1_WIDTH,
            intermediate_size=2 * TE1_WIDTH,
            num_attention_heads=1,
            pad_token_id=vocabulary - 1,
            hidden_act="quick_gelu",
            **common,
        )
    )
    second = CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=TE2_WIDTH,
            intermediate_size=2 * TE2_WIDTH,
            num_attention_heads=1,
            projection_dim=POOLED,
            pad_token_id=0,
            hidden_act="gelu",
            **common,
        )
    )
    return first, second


def write_tiny_sdxl(folder: Path, seed: int = 0, **scheduler: Any) -> Path:
    """A diffusers folder with random networks; ``scheduler`` goes into its scheduler's config."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler

    torch.manual_seed(seed)
    first, second = text_encoders()
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
        scaling_factor=0.13025,
    )
    tiny_unet().save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    first.save_pretrained(folder / "text_encoder")
    second.save_pretrained(folder / "text_encoder_2")
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    tiny_tokenizer(pad="!").save_pretrained(folder / "tokenizer_2")
    EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, **scheduler
    ).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "force_zeros_for_empty_prompt": False,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    return folder


def small_sdxl_networks(seed: int = 0) -> dict[str, Any]:
    """Networks for one file: CLIP's whole vocabulary, 32 channels and more, since groups of norms are fixed at 32."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(seed)
    first, second = text_encoders(49_408)
    networks: dict[str, Any] = {
        "unet": UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(32, 64, 128),
            layers_per_block=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2),
            cross_attention_dim=TE1_WIDTH + TE2_WIDTH,
            attention_head_dim=(1, 1, 2),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=POOLED + 6 * 256,
        ),
        "text_encoder": first,
        "text_encoder_2": second,
        "vae": AutoencoderKL(
            block_out_channels=(32, 32, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            scaling_factor=0.13025,
        ),
    }
    with torch.no_grad():
        for network in networks.values():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.01)
    return networks


def sdxl_file_tensors(networks: dict[str, Any]) -> dict[str, torch.Tensor]:
    """All tensors under the names of Stability's and OpenCLIP's code; written apart from the package's mapping."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in networks["unet"].state_dict().items():
        tensors[f"model.diffusion_model.{ldm_unet_name(name, (0, 1))}"] = tensor.contiguous()
    for name, tensor in networks["vae"].state_dict().items():
        old = ldm_vae_name(name)
        is_attention = ".attn_1." in old and old.endswith("weight") and ".norm." not in old
        tensors[f"first_stage_model.{old}"] = (tensor[:, :, None, None] if is_attention else tensor).contiguous()
    for name, tensor in networks["text_encoder"].state_dict().items():
        bare = name.removeprefix("text_model.")
        tensors[f"conditioner.embedders.0.transformer.text_model.{bare}"] = tensor.contiguous()
    second = {name.removeprefix("text_model."): t for name, t in networks["text_encoder_2"].state_dict().items()}
    start = "conditioner.embedders.1.model."
    tensors[f"{start}token_embedding.weight"] = second["embeddings.token_embedding.weight"]
    tensors[f"{start}positional_embedding"] = second["embeddings.position_embedding.weight"]
    tensors[f"{start}text_projection"] = second["text_projection.weight"].t().contiguous()
    tensors[f"{start}logit_scale"] = torch.tensor(4.6)
    for kind in ("weight", "bias"):
        tensors[f"{start}ln_final.{kind}"] = second[f"final_layer_norm.{kind}"]
        for number in range(2):
            ours, theirs = f"encoder.layers.{number}", f"{start}transformer.resblocks.{number}"
            three = [second[f"{ours}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            tensors[f"{theirs}.attn.in_proj_{kind}"] = torch.cat(three)
            tensors[f"{theirs}.attn.out_proj.{kind}"] = second[f"{ours}.self_attn.out_proj.{kind}"]
            tensors[f"{theirs}.ln_1.{kind}"] = second[f"{ours}.layer_norm1.{kind}"]
            tensors[f"{theirs}.ln_2.{kind}"] = second[f"{ours}.layer_norm2.{kind}"]
            tensors[f"{theirs}.mlp.c_fc.{kind}"] = second[f"{ours}.mlp.fc1.{kind}"]
            tensors[f"{theirs}.mlp.c_proj.{kind}"] = second[f"{ours}.mlp.fc2.{kind}"]
    return tensors


def write_sdxl_file(path: Path, networks: dict[str, Any], *marks: str, metadata: dict[str, str] | None = None) -> Path:
    """One file; ``marks`` are empty tensors, such as ``v_pred`` and ``ztsnr``."""
    save_file(sdxl_file_tensors(networks) | {mark: torch.zeros(0) for mark in marks}, path, metadata or {})
    return path
