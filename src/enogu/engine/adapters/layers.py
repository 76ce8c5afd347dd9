"""What stands in for a frozen layer: rows times matrix for Linear and 1x1 convolutions, or a convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function
from torch.nn import grad as gradients

from enogu.engine.adapters.chance import Chance


def is_plain(layer: nn.Linear | nn.Conv2d) -> bool:
    """A Linear, or a convolution that is one for each pixel."""
    if isinstance(layer, nn.Linear):
        return True
    return layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding in ((0, 0), 0)


class BesideLayer(nn.Module):
    """A frozen layer with an adapter beside it. A kind says ``multiplied`` for rows and ``convolved`` for pictures."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, key: str, chance: Chance | None) -> None:
        super().__init__()
        self.frozen = layer
        self.key = key
        self.chance = chance
        self.is_conv = isinstance(layer, nn.Conv2d)
        self.is_plain = is_plain(layer)

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weight; some callers look at its dtype."""
        return self.frozen.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """The frozen bias."""
        return self.frozen.bias

    def forward(self, x: torch.Tensor, *_: Any) -> torch.Tensor:
        """[..., in] to [..., out]; for a convolution [B, in, H, W] to [B, out, H', W']."""
        if self.chance is not None and self.chance.skips(self.key):
            return self.frozen(x)
        if not self.is_plain:
            return self.convolved(x)
        rows = x.permute(0, 2, 3, 1) if self.is_conv else x
        flat = rows.reshape(-1, rows.shape[-1])
        y = self.multiplied(flat, self.weight.flatten(1), x.shape[0])
        y = y.view(*rows.shape[:-1], -1)
        return y.permute(0, 3, 1, 2) if self.is_conv else y

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """[M, in] to [M, out]; the rows of a sample follow each other."""
        raise NotImplementedError

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W] to [B, out, H', W']."""
        raise NotImplementedError

    def convolution(self, x_BIHW: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """With the frozen layer's stride and padding."""
        layer: Any = self.frozen
        return F.conv2d(x_BIHW, weight, bias, layer.stride, layer.padding)


class DeltaProduct(Function):
    """y = x (W + change)^T + b, or that convolution, where ``change`` is made of a few factors.

    Keeps x and the factors. Neither W + change nor the inner products of ``change`` are kept: they are made again for
    the backward pass, which costs less than to hold one more copy of the base model.
    """

    @staticmethod
    def forward(  # noqa: D102 - described by the class
        ctx: Any,
        x: torch.Tensor,
        layer: Any,
        is_plain: bool,
        change: Callable[..., torch.Tensor],
        *factors: torch.Tensor,
    ) -> torch.Tensor:
        weight = layer.weight + change(*factors).to(layer.weight.dtype)
        ctx.save_for_backward(x, *factors)
        ctx.layer, ctx.is_plain, ctx.change = layer, is_plain, change
        if is_plain:
            return F.linear(x, weight.flatten(1), layer.bias)
        return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        (g,) = grads
        x, *factors = ctx.saved_tensors
        layer = ctx.layer
        with torch.enable_grad():
            leaves = [factor.detach().requires_grad_() for factor in factors]
            change = ctx.change(*leaves)
        weight = layer.weight + change.detach().to(layer.weight.dtype)
        grad_x = None
        if ctx.is_plain:
            if ctx.needs_input_grad[0]:
                grad_x = g @ weight.flatten(1)
            grad_weight = (g.t() @ x).view_as(weight)
        else:
            where = (layer.stride, layer.padding)
            if ctx.needs_input_grad[0]:
                grad_x = gradients.conv2d_input(x.shape, weight, g, *where)
            grad_weight = gradients.conv2d_weight(x, weight.shape, g, *where)
        return grad_x, None, None, None, *torch.autograd.grad(change, leaves, grad_weight.to(change.dtype))
