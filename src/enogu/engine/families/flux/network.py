"""Flux' transformer with query, key and value as one layer, as Black Forest Labs made it.

diffusers takes these layers apart. A LoRA file of Kohya's adapts them as they were, one A for all three, and three
products in one are quicker; so they are put together again here. All else of diffusers' transformer stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_OUTSIDE = {
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "context_embedder": "txt_in",
    "x_embedder": "img_in",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
}
_DOUBLE = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.img_qkv": "img_attn.qkv",
    "attn.txt_qkv": "txt_attn.qkv",
    "attn.norm_q": "img_attn.norm.query_norm",
    "attn.norm_k": "img_attn.norm.key_norm",
    "attn.norm_added_q": "txt_attn.norm.query_norm",
    "attn.norm_added_k": "txt_attn.norm.key_norm",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
}
_SINGLE = {
    "norm.linear": "modulation.lin",
    "linear1": "linear1",
    "proj_out": "linear2",
    "norm_q": "norm.query_norm",
    "norm_k": "norm.key_norm",
}
_BLOCK = re.compile(r"(single_)?transformer_blocks\.(\d+)\.(.+)")


def bfl_path(path: str) -> str:
    """Black Forest Labs' name of a layer of the fused transformer, as ``double_blocks.0.img_attn.qkv``."""
    if path in _OUTSIDE:
        return _OUTSIDE[path]
    found = _BLOCK.fullmatch(path)
    if found is None:
        raise ValueError(f"no layer of Flux' transformer: {path}")
    if found[1]:
        return f"single_blocks.{found[2]}.{_SINGLE[found[3]]}"
    return f"double_blocks.{found[2]}.{_DOUBLE[found[3]]}"


def fuse(transformer: nn.Module) -> nn.Module:
    """Put q, k, v (in single blocks the MLP too) of diffusers' ``FluxTransformer2DModel`` together, in place."""
    doubles: Any = transformer.transformer_blocks
    singles: Any = transformer.single_transformer_blocks
    for block in doubles:
        attn = block.attn
        attn.img_qkv = _one_layer([attn.to_q, attn.to_k, attn.to_v])
        attn.txt_qkv = _one_layer([attn.add_q_proj, attn.add_k_proj, attn.add_v_proj])
        for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj"):
            delattr(attn, name)
        attn.set_processor(_FusedAttention())
    for number, block in enumerate(singles):
        singles[number] = SingleBlock(block)
    return transformer


def fused_names(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under Black Forest Labs' names by those of the fused ``network``; what is not there is left out."""
    named: dict[str, torch.Tensor] = {}
    for name in network.state_dict():
        path, _, kind = name.rpartition(".")
        old = bfl_path(path)
        tensor = tensors.get(f"{old}.scale" if old.endswith("_norm") else f"{old}.{kind}")
        if tensor is None:
            continue
        if path == "norm_out.linear":  # they put the shift first, diffusers the scale
            shift, scale = tensor.chunk(2)
            tensor = torch.cat([scale, shift])
        named[name] = tensor
    return named


class SingleBlock(nn.Module):
    """A block of one stream: attention and MLP side by side, from one layer and into one."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        attn = block.attn
        self.norm = block.norm
        self.linear1 = _one_layer([attn.to_q, attn.to_k, attn.to_v, block.proj_mlp])
        self.proj_out = block.proj_out
        self.norm_q, self.norm_k = attn.norm_q, attn.norm_k
        self.act_mlp = block.act_mlp
        self.head_dim: int = attn.head_dim
        self.inner: int = attn.inner_dim
        self.num_joined: int = block.proj_out.in_features

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        temb: torch.Tensor,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        joint_attention_kwargs: dict[str, Any] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(text, picture), each [B, T, C]; as diffusers' own block is called."""
        num_text = encoder_hidden_states.shape[1]
        both = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        normed, gate = self.norm(both, emb=temb)
        num_mlp = self.num_joined - self.inner
        q, k, v, mlp = self.linear1(normed).split([self.inner, self.inner, self.inner, num_mlp], -1)
        q, k, v = (_heads(part, self.head_dim) for part in (q, k, v))
        attended = _attend(self.norm_q(q), self.norm_k(k), v, image_rotary_emb)
        both = both + gate.unsqueeze(1) * self.proj_out(torch.cat([attended, self.act_mlp(mlp)], dim=2))
        if both.dtype == torch.float16:
            both = both.clip(-65504, 65504)
        return both[:, :num_text], both[:, num_text:]


class _FusedAttention:
    """What diffusers' ``FluxAttention`` of two streams does, with its fused layers."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        num_text = encoder_hidden_states.shape[1]
        q, k, v = (_heads(part, attn.head_dim) for part in attn.img_qkv(hidden_states).chunk(3, -1))
        of_text = attn.txt_qkv(encoder_hidden_states).chunk(3, -1)
        text_q, text_k, text_v = (_heads(part, attn.head_dim) for part in of_text)
        q = torch.cat([attn.norm_added_q(text_q), attn.norm_q(q)], dim=1)
        k = torch.cat([attn.norm_added_k(text_k), attn.norm_k(k)], dim=1)
        attended = _attend(q, k, torch.cat([text_v, v], dim=1), image_rotary_emb)
        return attn.to_out[0](attended[:, num_text:]), attn.to_add_out(attended[:, :num_text])


def _heads(x_BTC: torch.Tensor, head_dim: int) -> torch.Tensor:
    return x_BTC.unflatten(-1, (-1, head_dim))


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor] | None
) -> torch.Tensor:
    """[B, T, heads, C] each to [B, T, heads * C]."""
    from diffusers.models.embeddings import apply_rotary_emb

    turn: Callable[..., torch.Tensor] = apply_rotary_emb  # pyright: ignore[reportAssignmentType] (its types are loose)
    if rotary is not None:
        q = turn(q, rotary, sequence_dim=1)
        k = turn(k, rotary, sequence_dim=1)
    attended = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return attended.transpose(1, 2).flatten(2)


def _one_layer(layers: list[nn.Linear]) -> nn.Linear:
    """A Linear whose outputs are those of ``layers`` one after another."""
    first = layers[0]
    with torch.device("meta"):
        joined = nn.Linear(first.in_features, sum(layer.out_features for layer in layers), dtype=first.weight.dtype)
    with torch.no_grad():
        joined.weight = nn.Parameter(torch.cat([layer.weight for layer in layers]), requires_grad=False)
        joined.bias = nn.Parameter(torch.cat([layer.bias for layer in layers]), requires_grad=False)
    return joined
