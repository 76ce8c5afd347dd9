"""Dropout without a state: what is left out is a function of the run's seed, the step, the micro-step and the layer.

So a resumed run leaves out the same, and so does a forward pass that gradient checkpointing repeats. Meanings are those
of sd-scripts' networks/lora.py: kept values are divided by the share that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from enogu.recipe.draws import random_for, seed_of


@dataclass
class Chance:
    """The three rates, and at which moment of the run we are; between ``at`` and ``rest`` nothing is left out."""

    network: float
    rank: float
    module: float
    run_seed: int
    _moment: tuple[int, int] | None = field(default=None, repr=False)

    def at(self, step: int, micro_step: int) -> None:
        """The next forward pass is training's, of this step."""
        self._moment = (step, micro_step)

    def rest(self) -> None:
        """The next forward pass is no training."""
        self._moment = None

    def skips(self, key: str) -> bool:
        """Module dropout: whether this layer's adapter is left out, one draw a pass."""
        return self._is_on(self.module) and self._random(f"module dropout {key}") < self.module

    def drop(self, hidden: torch.Tensor, key: str) -> torch.Tensor:
        """Network dropout: single numbers of what the down matrix gives."""
        if not self._is_on(self.network):
            return hidden
        return hidden * self._kept(tuple(hidden.shape), self.network, f"network dropout {key}", hidden)

    def ranks(self, num_samples: int, dim: int, key: str, like: torch.Tensor) -> torch.Tensor | None:
        """Rank dropout: [samples, dim], the ranks that a sample keeps; None when it keeps all."""
        if not self._is_on(self.rank):
            return None
        return self._kept((num_samples, dim), self.rank, f"rank dropout {key}", like)

    def rows(self, num_out: int, key: str, like: torch.Tensor) -> torch.Tensor | None:
        """Rank dropout as LyCORIS does it for weights made of products: rows of the change, not made up for."""
        if not self._is_on(self.rank):
            return None
        return self._kept((num_out,), self.rank, f"rank dropout {key}", like) * (1 - self.rank)

    @property
    def is_training(self) -> bool:
        """Whether anything may be left out now."""
        return self._moment is not None

    def _is_on(self, rate: float) -> bool:
        return rate > 0 and self._moment is not None

    def _random(self, stream: str) -> float:
        return random_for(self.run_seed, stream, *(self._moment or ())).random()

    def _kept(self, shape: tuple[int, ...], rate: float, stream: str, like: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed_of(self.run_seed, stream, *(self._moment or ())))
        kept = torch.rand(shape, generator=generator) >= rate
        return kept.to(like.device, like.dtype) / (1 - rate)
