"""SD1.5 in one file, as communities share it: small networks of chance, under the names of the first Stable Diffusion.

The mapping of names here goes the other way than the package's (which is diffusers'), and was written apart from it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

TEXT_WIDTH = 64


def small_networks(seed: int = 0) -> dict[str, Any]:
    """SD1.5's blocks, layers and vocabulary, with narrow layers; biases and norms are of chance, too."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    networks: dict[str, Any] = {
        "unet": UNet2DConditionModel(
            sample_size=64, block_out_channels=(32, 64, 128, 128), cross_attention_dim=TEXT_WIDTH, attention_head_dim=8
        ),
        "vae": AutoencoderKL(
            block_out_channels=(32, 64, 128, 128),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        ),
        "text_encoder": CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49_408,
                hidden_size=TEXT_WIDTH,
                intermediate_size=2 * TEXT_WIDTH,
                num_hidden_layers=3,
                num_attention_heads=1,
                bos_token_id=49_406,
                eos_token_id=49_407,
                pad_token_id=49_407,
            )
        ),
    }
    with torch.no_grad():
        for network in networks.values():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.01)
    return networks


def ldm_tensors(networks: dict[str, Any], *, text_model: bool = True) -> dict[str, torch.Tensor]:
    """All tensors under their old names; ``text_model`` is whether CLIP's keep that word, as most files do."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in networks["unet"].state_dict().items():
        tensors[f"model.diffusion_model.{ldm_unet_name(name)}"] = tensor.contiguous()
    for name, tensor in networks["vae"].state_dict().items():
        old = ldm_vae_name(name)
        is_attention = ".attn_1." in old and old.endswith("weight") and ".norm." not in old
        tensors[f"first_stage_model.{old}"] = (tensor[:, :, None, None] if is_attention else tensor).contiguous()
    for name, tensor in networks["text_encoder"].state_dict().items():
        bare = name.removeprefix("text_model.")
        word = "text_model." if text_model else ""
        tensors[f"cond_stage_model.transformer.{word}{bare}"] = tensor.contiguous()
    return tensors


def write_ldm_file(path: Path, networks: dict[str, Any], metadata: dict[str, str] | None = None) -> Path:
    """With what real files have besides: a row of position ids, and weights of the moving average."""
    extra = {
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
        "model_ema.decay": torch.tensor(0.9999),
    }
    save_file(ldm_tensors(networks) | extra, path, metadata or {})
    return path


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_STARTS = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
}


def ldm_unet_name(name: str, up_with_attention: tuple[int, ...] = (1, 2, 3)) -> str:
    """Stability's name of a tensor of diffusers' U-Net; of up blocks with attention the upsampler is the third."""
    for start, old in _UNET_STARTS.items():
        if name.startswith(start):
            return old + name[len(start) :]
    place, rest = _unet_place(name, up_with_attention)
    first, _, tail = rest.partition(".")
    return f"{place}.{_RESNET[first]}.{tail}" if first in _RESNET else f"{place}.{rest}"


def _unet_place(name: str, up_with_attention: tuple[int, ...]) -> tuple[str, str]:
    """(where the layer is in the old network, what follows)."""
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        return f"middle_block.{1 if found[1] == 'attentions' else 2 * int(found[2])}", found[3]
    found = re.fullmatch(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name)
    assert found is not None, name
    side, block, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if kind == "downsamplers":
        return f"input_blocks.{3 * block + 3}.0", rest.replace("conv.", "op.")
    if kind == "upsamplers":
        return f"output_blocks.{3 * block + 2}.{2 if block in up_with_attention else 1}", rest
    place = f"input_blocks.{3 * block + number + 1}" if side == "down" else f"output_blocks.{3 * block + number}"
    return f"{place}.{0 if kind == 'resnets' else 1}", rest


def ldm_vae_name(name: str) -> str:
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("conv_norm_out", "norm_out")
    if ".attn_1." in name:
        for new, old in (("to_out.0", "proj_out"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("group_norm", "norm")):
            name = name.replace(f".{new}.", f".{old}.")
    return name.replace("conv_shortcut", "nin_shortcut")
