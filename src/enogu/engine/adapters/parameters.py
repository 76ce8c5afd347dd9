"""Where trained numbers live: one flat fp32 tensor a part, with every matrix of every layer as a view of it.

Norm, clipping, averaging, the optimizer and the state work on one tensor instead of on hundreds, whatever the kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from enogu.engine.adapters.chance import Chance

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Size:
    """Of one layer's adapter: dim, and the alpha that is written into the file; ``scale`` is their quotient."""

    dim: int
    alpha: float

    @property
    def scale(self) -> float:
        """alpha / dim, the factor on what is learnt."""
        return self.alpha / self.dim


@dataclass
class AdapterParameters:
    """The trained numbers of an adapter of any kind."""

    flat: dict[str, torch.Tensor]
    matrices: dict[str, tuple[torch.Tensor, ...]]
    """Kohya key to the layer's matrices, leaves whose ``.grad`` are views of ``flat[part].grad``."""
    names: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Kohya key to what the file calls each of them."""
    sizes: dict[str, Size] = field(default_factory=dict[str, Size])
    kind: str = "lora"
    chance: Chance | None = None
    """What is left out by chance in a step; None when nothing ever is."""

    def zero_gradients(self) -> None:
        """In place, so that the views stay views."""
        for flat in self.flat.values():
            assert flat.grad is not None  # noqa: S101 - set by allocate
            flat.grad.zero_()

    def named(self, key: str) -> dict[str, torch.Tensor]:
        """The matrices of a layer by their names."""
        return dict(zip(self.names[key], self.matrices[key], strict=True))


def allocate(
    layers: Iterable[tuple[str, str, Mapping[str, Shape]]], device: torch.device
) -> tuple[dict[str, torch.Tensor], dict[str, tuple[torch.Tensor, ...]]]:
    """Flat tensors of zeros with gradients, and leaves in them, for (part, key, {name: shape}) in this order."""
    layers = list(layers)
    sizes: dict[str, int] = {}
    for part, _, shapes in layers:
        sizes[part] = sizes.get(part, 0) + sum(math.prod(shape) for shape in shapes.values())
    flat = {part: torch.zeros(size, device=device) for part, size in sizes.items()}
    for tensor in flat.values():
        tensor.grad = torch.zeros_like(tensor)
    matrices: dict[str, tuple[torch.Tensor, ...]] = {}
    offsets = dict.fromkeys(sizes, 0)
    for part, key, shapes in layers:
        views: list[torch.Tensor] = []
        for shape in shapes.values():
            views.append(_view_leaf(flat[part], offsets[part], shape))
            offsets[part] += math.prod(shape)
        matrices[key] = tuple(views)
    return flat, matrices


def uniform_as_linear(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """kaiming_uniform(a=sqrt(5)) as torch's Linear and Conv2d start: U(-1/sqrt(fan in), 1/sqrt(fan in))."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def _view_leaf(flat: torch.Tensor, start: int, shape: Shape) -> torch.Tensor:
    """A leaf tensor that shares ``flat``'s memory, and whose gradient shares ``flat.grad``'s."""
    size = math.prod(shape)
    leaf = flat[start : start + size].view(shape).detach().requires_grad_()
    assert flat.grad is not None  # noqa: S101 - set by allocate
    leaf.grad = flat.grad[start : start + size].view(shape)
    return leaf
