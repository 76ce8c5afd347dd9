"""The change of a weight that the tensors of a file mean, whatever the kind: for drawing, merging and comparing.

Names are those of Kohya and LyCORIS files, without the layer's key. Everything is computed in fp32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from enogu.engine.adapters import lokr
from enogu.engine.adapters.layers import BesideLayer

SUFFIXES = (
    "lora_down.weight", "lora_up.weight", "lora_mid.weight", "alpha", "dora_scale",
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2",
    "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2",
)  # fmt: skip
MARKS = {"lora_down.weight": "lora", "hada_w1_a": "loha", "lokr_w1": "lokr", "lokr_w1_a": "lokr"}
"""By one of these a layer is known."""


def layers_of(tensors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Key to the layer's tensors by suffix; what has no known suffix stands under its whole name alone."""
    found: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        suffix = next((one for one in SUFFIXES if name.endswith(f".{one}")), "")
        key = name.removesuffix(f".{suffix}") if suffix else name
        found.setdefault(key, {})[suffix] = tensor
    return found


def kind_of(layer: Mapping[str, Any]) -> str:
    """lora, loha, lokr or dora by its tensors' names; "" for none."""
    kind = next((kind for mark, kind in MARKS.items() if mark in layer), "")
    return "dora" if kind == "lora" and "dora_scale" in layer else kind


def rank_of(layer: Mapping[str, torch.Tensor]) -> int:
    """dim, as the scale counts it; 0 where a scale does not apply."""
    if "lora_down.weight" in layer:
        return layer["lora_down.weight"].shape[0]
    if "hada_w1_b" in layer:
        return layer["hada_w1_b"].shape[0]
    for name in ("lokr_w2_b", "lokr_w1_b"):
        if name in layer:
            return layer[name].shape[0]
    return 0


def scale_of(layer: Mapping[str, torch.Tensor]) -> float:
    """alpha / dim; 1 without alpha, and for a LoKr of two whole matrices."""
    alpha, rank = layer.get("alpha"), rank_of(layer)
    return 1.0 if alpha is None or rank == 0 else float(alpha) / rank


def change_of(layer: Mapping[str, torch.Tensor], weight: torch.Tensor) -> torch.Tensor:
    """fp32, of the weight's shape. A length (``dora_scale``) depends on the weight that it is for."""
    parts = {name: tensor.float() for name, tensor in layer.items()}
    change = _product(parts, tuple(weight.shape[2:])).reshape(weight.shape) * scale_of(layer)
    if "dora_scale" not in parts:
        return change
    original = weight.float()
    return _with_length(original + change, parts["dora_scale"]) - original


def _product(parts: dict[str, torch.Tensor], kernel: tuple[int, ...]) -> torch.Tensor:
    if "lora_down.weight" in parts:
        down, up = parts["lora_down.weight"], parts["lora_up.weight"].flatten(1)
        if "lora_mid.weight" in parts:
            return _tucker(parts["lora_mid.weight"], up.t(), down.flatten(1))
        return up @ down.flatten(1)
    if "hada_w1_a" in parts:
        first, second = (
            _tucker(parts[f"hada_t{i}"], parts[f"hada_w{i}_a"], parts[f"hada_w{i}_b"])
            if f"hada_t{i}" in parts
            else parts[f"hada_w{i}_a"] @ parts[f"hada_w{i}_b"]
            for i in (1, 2)
        )
        return first * second
    if "lokr_t2" in parts:
        w2 = _tucker(parts["lokr_t2"], parts["lokr_w2_a"], parts["lokr_w2_b"])
        parts = {**parts, "lokr_w2": w2}
    return lokr.kronecker(*lokr.factors_of(parts, kernel))


def _tucker(core: torch.Tensor, out_RO: torch.Tensor, in_RI: torch.Tensor) -> torch.Tensor:
    """[out, in, k, k] of a core [R, R, k, k] and what leads to its two sides."""
    return torch.einsum("rs...,ro,si->oi...", core, out_RO, in_RI)


def _with_length(weight: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Rows of the weight with these lengths, or columns where there are as many lengths as inputs."""
    others = list(range(1, weight.ndim)) if lengths.shape[0] == weight.shape[0] else [0, *range(2, weight.ndim)]
    found = weight.pow(2).sum(others, keepdim=True).sqrt() + torch.finfo(torch.float32).eps
    return weight * (lengths.reshape(found.shape) / found)


class ChangedLayer(BesideLayer):
    """A frozen layer drawn with several files of any kind: its weight is changed at each pass, and none is kept."""

    def __init__(
        self, layer: nn.Linear | nn.Conv2d, key: str, files: Sequence[tuple[Mapping[str, torch.Tensor], float]]
    ) -> None:
        super().__init__(layer, key, None)
        device = layer.weight.device
        self.files = [({name: t.to(device) for name, t in tensors.items()}, weight) for tensors, weight in files]

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """Rows times the changed weight."""
        return F.linear(x_MI, self._changed().flatten(1), self.bias)

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """Convolution with the changed weight."""
        return self.convolution(x_BIHW, self._changed(), self.bias)

    def _changed(self) -> torch.Tensor:
        change = sum(change_of(layer, self.weight) * weight for layer, weight in self.files)
        return (self.weight.float() + change).to(self.weight.dtype)
