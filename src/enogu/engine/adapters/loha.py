"""LoHa (Hyeon-Woo et al. 2022, as LyCORIS writes it):  change = (alpha / dim) * (A1 B1) o (A2 B2), number by number.

Files call them ``hada_w1_a`` [out, dim], ``hada_w1_b`` [dim, in * k * k], and ``hada_w2_a``, ``hada_w2_b`` alike.
"""

from __future__ import annotations

import torch
from torch import nn

from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.layers import BesideLayer, DeltaProduct
from enogu.engine.adapters.parameters import Shape

NAMES = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
_STARTS = {"hada_w1_a": 0.1, "hada_w1_b": 1.0, "hada_w2_a": 0.0, "hada_w2_b": 1.0}
"""Standard deviation at the start, LyCORIS'; the one zero makes step 0 draw as the base."""


def shapes(num_out: int, num_in: int, dim: int) -> dict[str, Shape]:
    """``num_in`` counts in * k * k."""
    return {name: (num_out, dim) if name.endswith("a") else (dim, num_in) for name in NAMES}


def start(name: str, shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(shape, generator=generator) * _STARTS[name]


class LohaLayer(BesideLayer):
    """A frozen layer whose weight is changed by a LoHa."""

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        key: str,
        chance: Chance | None,
        factors: tuple[torch.Tensor, ...],
        scale: float,
    ) -> None:
        super().__init__(layer, key, chance)
        self.factors, self.scale = factors, scale

    def multiplied(self, x_MI: torch.Tensor, weight_OI: torch.Tensor, num_samples: int) -> torch.Tensor:
        """Rows times the changed weight."""
        return DeltaProduct.apply(x_MI, self.frozen, True, self._change(), *self.factors)

    def convolved(self, x_BIHW: torch.Tensor) -> torch.Tensor:
        """Convolution with the changed weight."""
        return DeltaProduct.apply(x_BIHW, self.frozen, False, self._change(), *self.factors)

    def _change(self):
        rows = None if self.chance is None else self.chance.rows(self.weight.shape[0], self.key, self.factors[0])
        shape, scale = self.weight.shape, self.scale

        def change(*factors: torch.Tensor) -> torch.Tensor:
            w1_a, w1_b, w2_a, w2_b = factors
            product = (w1_a @ w1_b) * (w2_a @ w2_b) * scale
            return (product if rows is None else product * rows[:, None]).view(shape)

        return change
