"""Frozen 3x3 convolutions of few pixels as products of matrices, on a processor.

oneDNN brings a convolution's weight into an order of its own at every call. Where a picture has few pixels that takes
longer than the convolution itself: at 8 x 8 and 1280 channels, as in SD1.5 at 256 pixels, two to five times as long
(docs/log.md, 2026-11-26). The weight of a convolution in channels-last order is already the matrix that is wanted, so
here nothing is reordered and nothing is kept twice; and as the weight is frozen, its input is not kept either.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd import Function

FEW_PIXELS = 64
"""Of a whole batch: so many or fewer pay at every width."""
FEW_PIXELS_WHEN_WIDE = 256
WIDE = 4_000_000
"""Numbers of a weight that no cache holds."""
TORCH_MULTIPLIES = 20_480
"""torch multiplies by itself where one picture has so many numbers or fewer."""


class SmallConvolution(nn.Conv2d):
    """A frozen convolution; what stock layers do, but for pictures of few pixels."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """[B, in, H, W] to [B, out, H', W']."""
        if _pays(self, input):
            return _ByMatrices.apply(input, self.weight, self.bias, self.stride[0])
        return super().forward(input)


def is_frozen_convolution(layer: nn.Module) -> bool:
    """Torch's own or multiplied here: no adapter stands in its place, and its weight is not stored elsewhere."""
    return type(layer) in (nn.Conv2d, SmallConvolution) and not layer.weight.requires_grad


def gradient_of_input(layer: nn.Conv2d, g_BOHW: torch.Tensor, like_BIHW: torch.Tensor) -> torch.Tensor:
    """The gradient of a frozen convolution's input; of the input itself only shape and format are looked at."""
    if type(layer) is SmallConvolution and _pays(layer, like_BIHW):
        return _gradient(g_BOHW, layer.weight, like_BIHW.shape, layer.stride[0])
    found: tuple[torch.Tensor, ...] = torch.ops.aten.convolution_backward(
        g_BOHW, like_BIHW, layer.weight, None, layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups,
        [True, False, False],
    )  # fmt: skip
    return found[0]


def multiply_small_ones(network: nn.Module) -> None:
    """Every convolution of the network that may be a product of matrices becomes one where that pays."""
    for layer in network.modules():
        if type(layer) is nn.Conv2d and layer.kernel_size == (3, 3) and layer.padding == (1, 1) and layer.groups == 1:
            _become(layer, SmallConvolution)


def stock_ones(network: nn.Module) -> None:
    """Undo ``multiply_small_ones``."""
    for layer in network.modules():
        if type(layer) is SmallConvolution:
            _become(layer, nn.Conv2d)


def _become(layer: nn.Conv2d, kind: type[nn.Conv2d]) -> None:
    layer.__class__ = kind


def _pays(layer: nn.Conv2d, x_BIHW: torch.Tensor) -> bool:
    weight, stride = layer.weight, layer.stride[0]
    pixels = x_BIHW.shape[0] * -(-x_BIHW.shape[2] // stride) * -(-x_BIHW.shape[3] // stride)
    if pixels > (FEW_PIXELS_WHEN_WIDE if weight.numel() >= WIDE else FEW_PIXELS):
        return False
    if x_BIHW.shape[0] == 1 and x_BIHW.numel() <= TORCH_MULTIPLIES:
        return False
    is_plain = x_BIHW.device.type == "cpu" and x_BIHW.dtype == weight.dtype == torch.float32
    return is_plain and not weight.requires_grad and weight.is_contiguous(memory_format=torch.channels_last)


class _ByMatrices(Function):
    """y = W * x + b with the nine neighbours of each pixel in a row. Keeps nothing but the frozen weight."""

    @staticmethod
    def forward(
        ctx: Any, x_BIHW: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: int
    ) -> torch.Tensor:
        batch, channels, height, width = x_BIHW.shape
        padded = x_BIHW.new_zeros(batch, height + 2, width + 2, channels)
        padded[:, 1:-1, 1:-1] = x_BIHW.permute(0, 2, 3, 1)
        high, wide = -(-height // stride), -(-width // stride)
        by_image, by_row, by_column, _ = padded.stride()
        neighbours = padded.as_strided(
            (batch, high, wide, 3, 3, channels), (by_image, by_row * stride, by_column * stride, by_row, by_column, 1)
        ).reshape(-1, 9 * channels)
        matrix = _matrix(weight).t()
        y = neighbours @ matrix if bias is None else torch.addmm(bias, neighbours, matrix)
        ctx.save_for_backward(weight)
        ctx.shape, ctx.stride = x_BIHW.shape, stride
        return y.view(batch, high, wide, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        (weight,) = ctx.saved_tensors
        return _gradient(grads[0], weight, ctx.shape, ctx.stride), None, None, None


def _gradient(g_BOHW: torch.Tensor, weight: torch.Tensor, shape: torch.Size, stride: int) -> torch.Tensor:
    batch, channels, height, width = shape
    high, wide = g_BOHW.shape[2:]
    rows = g_BOHW.permute(0, 2, 3, 1).reshape(-1, g_BOHW.shape[1])
    for_neighbours = (rows @ _matrix(weight)).view(batch, high, wide, 3, 3, channels)
    padded = g_BOHW.new_zeros(batch, height + 2, width + 2, channels)
    for down in range(3):
        for right in range(3):
            places = padded[:, down : down + high * stride : stride, right : right + wide * stride : stride]
            places.add_(for_neighbours[:, :, :, down, right])
    return padded[:, 1:-1, 1:-1].permute(0, 3, 1, 2)


def _matrix(weight: torch.Tensor) -> torch.Tensor:
    """[out, 9 in], the same memory."""
    return weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)
