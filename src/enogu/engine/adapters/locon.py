"""LoRA on convolutions (LoCon, sd-scripts' C3Lier), and LoRA of any layer where something is left out by chance.

    y = W * x + b + (alpha / dim) * B * (A * x),   A [dim, in, k, k] with W's stride and padding, B [out, dim]

Plain products of LoRA have an operation of their own in ``lora``; here torch's autograd does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.layers import BesideLayer


class LoconLayer(BesideLayer):
    """A frozen layer with a LoRA beside it."""

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        key: str,
        chance: Chance | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> None:
        super().__init__(layer, key, chance)
        self.down, self.up, self.scale = down, up, scale

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """As ``AdaptedProduct``, with what chance leaves out."""
        y_MO = F.linear(x_MI, weight_OI, self.bias)
        h_MR = F.linear(x_MI, self.down.flatten(1).to(x_MI.dtype))
        if self.chance is not None:
            h_MR = self.chance.drop(h_MR, self.key)
            ranks_BR = self.chance.ranks(num_samples, h_MR.shape[1], self.key, h_MR)
            if ranks_BR is not None:
                h_MR = h_MR * ranks_BR.repeat_interleave(h_MR.shape[0] // num_samples, dim=0)
        return y_MO + F.linear(h_MR, self.up.to(x_MI.dtype)) * self.scale

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """Two convolutions beside the frozen one."""
        y = self.frozen(x_BIHW)
        h_BRHW = self.convolution(x_BIHW, self.down.to(x_BIHW.dtype), None)
        if self.chance is not None:
            h_BRHW = self.chance.drop(h_BRHW, self.key)
            ranks_BR = self.chance.ranks(h_BRHW.shape[0], h_BRHW.shape[1], self.key, h_BRHW)
            if ranks_BR is not None:
                h_BRHW = h_BRHW * ranks_BR[:, :, None, None]
        return y + F.conv2d(h_BRHW, self.up[:, :, None, None].to(x_BIHW.dtype)) * self.scale
