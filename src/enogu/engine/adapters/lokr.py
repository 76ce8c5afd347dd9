"""LoKr (Yeh et al. 2024, as LyCORIS writes it):  change = (alpha / dim) * W1 (x) W2, the Kronecker product.

out = a * c and in = b * d are split as squarely as they go (or by ``factor``): ``lokr_w1`` is [a, b], ``lokr_w2``
[c, d(, k, k)] or the product of ``lokr_w2_a`` [c, dim] and ``lokr_w2_b`` [dim, d * k * k] where that is smaller. With
``decompose_both`` W1 too is a product where that is smaller. Whole matrices on both sides have scale 1.

On rows the Kronecker product is never made: (W1 (x) W2) x is W1 X W2^T with x written as a [b, d] matrix.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.layers import BesideLayer, DeltaProduct
from enogu.engine.adapters.parameters import Shape, uniform_as_linear


def split(number: int, factor: int = -1) -> tuple[int, int]:
    """``number`` as a smaller times a larger factor: as square as it goes, or with ``factor`` as one of the two.

    A factor that does not divide it is the most that the smaller one may be (LyCORIS' ``factorization``).
    """
    if factor > 0 and number % factor == 0:
        return min(factor, number // factor), max(factor, number // factor)
    most = number if factor < 0 else factor
    smaller, larger = 1, number
    for candidate in range(2, int(number**0.5) + 1):
        if number % candidate == 0 and candidate <= most:
            smaller, larger = candidate, number // candidate
    return smaller, larger


def shapes(
    num_out: int, num_in: int, kernel: Shape, dim: int, factor: int = -1, decompose_both: bool = False
) -> dict[str, Shape]:
    """Of a Linear (``kernel`` is empty) or a convolution, by the files' names."""
    (a, c), (b, d) = split(num_out, factor), split(num_in, factor)
    found: dict[str, Shape] = {}
    if decompose_both and dim < max(a, b) / 2:
        found |= {"lokr_w1_a": (a, dim), "lokr_w1_b": (dim, b)}
    else:
        found["lokr_w1"] = (a, b)
    if dim < max(c, d) / 2:
        pixels = kernel[0] * kernel[1] if kernel else 1
        found |= {"lokr_w2_a": (c, dim), "lokr_w2_b": (dim, d * pixels)}
    else:
        found["lokr_w2"] = (c, d, *kernel)
    return found


def start(name: str, shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """The last factor of W2 is zero, so that step 0 draws as the base; the rest as a Linear's weight."""
    return torch.zeros(shape) if name in ("lokr_w2", "lokr_w2_b") else uniform_as_linear(shape, generator)


def factors_of(tensors: dict[str, torch.Tensor], kernel: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """W1 [a, b] and W2 [c, d(, k, k)]."""
    w1 = tensors["lokr_w1"] if "lokr_w1" in tensors else tensors["lokr_w1_a"] @ tensors["lokr_w1_b"]
    if "lokr_w2" in tensors:
        return w1, tensors["lokr_w2"]
    w2 = tensors["lokr_w2_a"] @ tensors["lokr_w2_b"]
    return w1, w2.view(w2.shape[0], -1, *kernel) if kernel else w2


def kronecker(w1: torch.Tensor, w2: torch.Tensor) -> torch.Tensor:
    """W1 (x) W2 as a weight [a c, b d(, k, k)]."""
    return torch.kron(w1[(...,) + (None,) * (w2.ndim - 2)].contiguous(), w2.contiguous())


class LokrLayer(BesideLayer):
    """A frozen layer whose weight is changed by a LoKr."""

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        key: str,
        chance: Chance | None,
        tensors: dict[str, torch.Tensor],
        scale: float,
    ) -> None:
        super().__init__(layer, key, chance)
        self.tensors, self.scale = tensors, scale

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """The frozen product, and beside it the two small ones."""
        w1, w2 = factors_of(self.tensors, (1, 1) if self.is_conv else ())
        w1_AB, w2_CD = w1.to(x_MI.dtype), w2.flatten(1).to(x_MI.dtype)
        z_MBC = x_MI.view(-1, w1_AB.shape[1], w2_CD.shape[1]) @ w2_CD.t()
        y_MO = (w1_AB @ z_MBC).reshape(x_MI.shape[0], -1) * self.scale
        rows = None if self.chance is None else self.chance.rows(y_MO.shape[1], self.key, y_MO)
        return F.linear(x_MI, weight_OI, self.bias) + (y_MO if rows is None else y_MO * rows)

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """Convolution with the changed weight."""
        names, kernel, scale = tuple(self.tensors), tuple(self.weight.shape[2:]), self.scale
        rows = None if self.chance is None else self.chance.rows(self.weight.shape[0], self.key, self.weight.float())

        def change(*factors: torch.Tensor) -> torch.Tensor:
            product = kronecker(*factors_of(dict(zip(names, factors, strict=True)), kernel)) * scale
            return product if rows is None else product * rows[:, None, None, None]

        return DeltaProduct.apply(x_BIHW, self.frozen, False, change, *self.tensors.values())
