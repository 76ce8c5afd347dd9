"""A running average of the adapter's numbers (EMA), which is what files and previews then hold.

Training itself goes on with the unaveraged numbers. The average follows quickly at first and slowly later, as usual for
short runs: the decay of a step is min(decay, (1 + step) / (10 + step)) with steps counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch


class Average:
    """The average of ``flat``, a tensor a part. ``tensors`` go into the state and come back from it."""

    def __init__(self, flat: Mapping[str, torch.Tensor], decay: float) -> None:
        self._flat = flat
        self._decay = decay
        self.tensors = {part: tensor.detach().clone() for part, tensor in flat.items()}

    def begin(self) -> None:
        """With what the parameters hold now."""
        for part, average in self.tensors.items():
            average.copy_(self._flat[part].detach())

    def follow(self, step: int) -> None:
        """After the change of ``step`` (from 1)."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        for part, average in self.tensors.items():
            average.lerp_(self._flat[part].detach(), share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While open, the parameters hold the average; afterwards exactly what they held before."""
        with torch.no_grad():
            kept = {part: tensor.detach().clone() for part, tensor in self._flat.items()}
            for part, tensor in self._flat.items():
                tensor.copy_(self.tensors[part])
            try:
                yield
            finally:
                for part, tensor in self._flat.items():
                    tensor.copy_(kept[part])
