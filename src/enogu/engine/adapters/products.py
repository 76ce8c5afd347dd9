"""LoHa, LoKr and Tucker cores as the product of two matrices that they are, exactly: for tools that know LoRA alone.

Of a LoHa of dim r it is one of r * r ranks: row by row all products of numbers of its two factors. Of a LoKr it is the
Kronecker product of what its two matrices are products of, as many ranks as theirs multiplied. No change of a weight
is made for it. A DoRA is none: what its lengths do depends on the base model's weight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from enogu.engine.adapters import lokr
from enogu.engine.adapters.deltas import kind_of, scale_of

_KERNEL_OF_THREE = re.compile(
    r"_(conv|conv1|conv2|in_layers_2|out_layers_3|op)$|lora_unet_(input_blocks_\d+_0|output_blocks_\d+_[12])_conv$"
)
_NOTHING = 1e-6
"""Singular values below this share of the largest are left out."""


def as_lora(key: str, layer: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """``lora_down.weight``, ``lora_up.weight`` and alpha of the same change; None of what is no such product."""
    kind = kind_of(layer)
    parts = {name: tensor.float() for name, tensor in layer.items()}
    if kind == "lora" and "lora_up.weight" in layer:
        if "lora_mid.weight" not in layer:
            return dict(layer)
        down, up = _tucker(parts["lora_mid.weight"], parts["lora_down.weight"]), parts["lora_up.weight"].flatten(1)
    elif kind == "loha":
        down, up = _hadamard(parts)
    elif kind == "lokr":
        down, up = _kronecker(parts)
    else:
        return None
    if down.ndim == 2 and down.shape[1] % 9 == 0 and _KERNEL_OF_THREE.search(key):
        down = down.view(down.shape[0], -1, 3, 3)  # LyCORIS writes what a convolution sees as one row
    if down.ndim == 4:
        up = up[:, :, None, None]
    alpha = torch.tensor(scale_of(layer) * down.shape[0])
    return {"lora_down.weight": down.contiguous(), "lora_up.weight": up.contiguous(), "alpha": alpha}


def _tucker(core: torch.Tensor, in_SI: torch.Tensor) -> torch.Tensor:
    """[R, I, k, k] of a core [R, S, k, k]."""
    return torch.einsum("rs...,si->ri...", core, in_SI.flatten(1))


def _hadamard(parts: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    ups: list[torch.Tensor] = []
    downs: list[torch.Tensor] = []
    for i in (1, 2):
        up, down = parts[f"hada_w{i}_a"], parts[f"hada_w{i}_b"]
        if f"hada_t{i}" in parts:
            up, down = up.t(), _tucker(parts[f"hada_t{i}"], down)
        ups.append(up)
        downs.append(down)
    up = (ups[0][:, :, None] * ups[1][:, None, :]).flatten(1)
    return (downs[0][:, None] * downs[1][None]).flatten(0, 1), up


def _kronecker(parts: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    found = dict(parts)
    if "lokr_t2" in found:
        down = _tucker(found["lokr_t2"], found["lokr_w2_b"])
        found["lokr_w2"] = torch.einsum("ro,ri...->oi...", found["lokr_w2_a"], down)
    w1, w2 = lokr.factors_of(found, ())
    (up1, down1), (up2, down2) = _halves(w1), _halves(w2.flatten(1))
    down = _kron(down1, down2)
    return (down.view(down.shape[0], -1, *w2.shape[2:]) if w2.ndim > 2 else down), _kron(up1, up2)


def _halves(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    rank = max(1, int((s > s[0] * _NOTHING).sum()))
    return u[:, :rank] * s[:rank], v[:rank]


def _kron(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``torch.kron`` refuses the strides that a decomposition leaves in thin matrices."""
    return (a[:, None, :, None] * b[None, :, None, :]).reshape(a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
