"""DoRA (Liu et al. 2024):  W' = m * (W + s B A) / |W + s B A|, with a length m for each row of the weight.

The norm is taken as a constant in the backward pass, as the paper's section 4.3 proposes. It is found without making
B A:  |W + s B A|^2 = |W|^2 + 2 s (W A^T) . B + s^2 (B A A^T) . B,  row by row. Files call m ``dora_scale``, [out, 1] or
[out, 1, 1, 1]; lengths are of rows, LyCORIS' ``wd_on_out``, which PEFT reads too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.locon import LoconLayer


def row_lengths(weight: torch.Tensor) -> torch.Tensor:
    """[out, 1] in fp32."""
    return weight.float().flatten(1).pow(2).sum(1, keepdim=True).sqrt()


class DoraLayer(LoconLayer):
    """A frozen layer with a LoRA beside it and a length of its own for each row."""

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        key: str,
        chance: Chance | None,
        down: torch.Tensor,
        up: torch.Tensor,
        lengths_O1: torch.Tensor,
        scale: float,
    ) -> None:
        super().__init__(layer, key, chance, down, up, scale)
        self.lengths_O1 = lengths_O1
        self.square_O1 = layer.weight.detach().float().flatten(1).pow(2).sum(1, keepdim=True)

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """The LoRA's product without bias, each output made as long as it should be."""
        y_MO = super().multiplied(x_MI, weight_OI, num_samples)
        return self._lengthened(y_MO, self._factor().view(1, -1), (1, -1))

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """The LoRA's convolution without bias, each channel made as long as it should be."""
        y_BOHW = super().convolved(x_BIHW)
        return self._lengthened(y_BOHW, self._factor().view(1, -1, 1, 1), (1, -1, 1, 1))

    def _lengthened(self, y: torch.Tensor, factor: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        factor = factor.to(y.dtype)
        if self.bias is None:
            return y * factor
        bias = self.bias.view(shape)
        return (y - bias) * factor + bias

    def _factor(self) -> torch.Tensor:
        """m / |W + s B A| [out, 1]."""
        with torch.no_grad():
            a_RI, b_OR = self.down.flatten(1), self.up
            weight_OI = self.weight.to(a_RI.dtype).flatten(1)
            cross_O1 = (F.linear(weight_OI, a_RI) * b_OR).sum(1, keepdim=True)
            own_O1 = ((b_OR @ (a_RI @ a_RI.t())) * b_OR).sum(1, keepdim=True)
            square_O1 = self.square_O1 + 2 * self.scale * cross_O1 + self.scale**2 * own_O1
            lengths_O1 = square_O1.clamp(min=0).sqrt() + torch.finfo(a_RI.dtype).eps
        return self.lengths_O1 / lengths_O1
