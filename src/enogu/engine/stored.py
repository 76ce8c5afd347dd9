"""Frozen weights that are kept in eight bits, or in main memory, and fetched for as long as a layer computes.

A layer that is *stored* has a ``weight`` as any other, but each look at it makes it anew: from numbers of eight bits
(``fp8_base``), from main memory (``blocks_to_swap``), or from both. What a forward pass would keep of it for its
gradient is not kept either: inside ``fetched_again`` it is fetched once more when the gradient is computed. So of all
stored weights no more than one layer's is there in full, and the block that comes next, which is brought while this one
computes.

Eight bits are float8_e4m3fn with one fp32 scale for each row (the largest number of a row is the largest that the
format has, 448). sd-scripts' ``fp8_base`` has no scales, and so keeps small weights less exactly: below 2^-6 the format
has fewer digits, and weights of Stable Diffusion are about that size. Norms, embeddings and biases stay as they are:
they are a thousandth of the memory, and what is lost in them is lost in every layer behind.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

LARGEST_FP8 = 448.0
"""Of float8_e4m3fn."""


class Mover:
    """Brings weights from main memory to the device when they are asked for."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def keep(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight in main memory."""
        return weight.to("cpu")

    def begin(self, kept: torch.Tensor) -> Any:
        """Begin to bring it; the answer is for ``end``."""
        return kept.to(self.device)

    def end(self, begun: Any) -> torch.Tensor:
        """The weight on the device."""
        return begun


class CudaMover(Mover):
    """Brings weights while the device computes: pinned memory, and a stream beside the one that computes."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.stream = torch.cuda.Stream(device)

    def keep(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight in pages that are never moved, so that the device can read them by itself.

        They belong to a device: without a word it would be the first, which a worker of another has no business with.
        """
        with torch.cuda.device(self.device):
            return weight.to("cpu").pin_memory()

    def begin(self, kept: torch.Tensor) -> Any:
        """Queue the copy, and a mark behind it."""
        with torch.cuda.stream(self.stream):
            weight = kept.to(self.device, non_blocking=True)
            event = torch.cuda.Event()
            event.record(self.stream)
        return weight, event

    def end(self, begun: Any) -> torch.Tensor:
        """What computes waits for the mark; the memory is not given away before it has computed."""
        weight, event = begun
        current = torch.cuda.current_stream(self.device)
        current.wait_event(event)
        weight.record_stream(current)
        return weight


class Blocks:
    """Stored weights by block, in the order of a forward pass. Brings the block that comes next.

    Which one that is follows from the one before: after a step up it is the next higher one, after a step down the next
    lower; what begins at the first goes up.
    """

    def __init__(self) -> None:
        self.blocks: list[list[StoredWeight]] = []
        self._at = -1

    def arrive(self, number: int) -> None:
        """A weight of this block is asked for."""
        if number == self._at:
            return
        is_down = number == self._at - 1
        following = number - 1 if is_down else number + 1
        for other in (self._at - 1, self._at, self._at + 1):
            if 0 <= other < len(self.blocks) and other not in (number, following):
                for weight in self.blocks[other]:
                    weight.forget()
        self._at = number
        if 0 <= following < len(self.blocks):
            for weight in self.blocks[following]:
                weight.begin()


class StoredWeight:
    """One weight as it is kept."""

    def __init__(
        self,
        weight: torch.Tensor,
        device: torch.device,
        *,
        fp8: bool,
        mover: Mover | None = None,
        blocks: Blocks | None = None,
        block: int = 0,
    ) -> None:
        """``weight`` in the number format to compute in. With a ``mover`` it stays in main memory."""
        self.dtype, self.shape = weight.dtype, weight.shape
        kept, scale = rounded_to_fp8(weight.detach()) if fp8 else (weight.detach(), None)
        self.scale = None if scale is None else scale.to(device)
        self.kept = kept.to(device) if mover is None else mover.keep(kept)
        self._mover, self._blocks, self._block = mover, blocks, block
        self._begun: Any = None

    def fetch(self) -> torch.Tensor:
        """The weight on the device, in the number format to compute in."""
        if self._blocks is not None:
            self._blocks.arrive(self._block)
        kept = self.kept
        if self._mover is not None:
            begun, self._begun = self._begun, None
            kept = self._mover.end(self._mover.begin(self.kept) if begun is None else begun)
        weight = kept if self.scale is None else kept.to(self.dtype).mul_(self.scale)
        _note(weight, self)
        return weight

    def begin(self) -> None:
        """Bring it ahead of time."""
        if self._mover is not None and self._begun is None:
            self._begun = self._mover.begin(self.kept)

    def forget(self) -> None:
        """It was brought ahead of time and is not wanted now."""
        self._begun = None


class _StoredLayer:
    """A layer whose weight is made at each look."""

    stored: StoredWeight

    @property
    def weight(self) -> torch.Tensor:
        """Fetched; keep it no longer than needed."""
        return self.stored.fetch()


class StoredLinear(_StoredLayer, nn.Linear):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A Linear with a stored weight."""


class StoredConvolution(_StoredLayer, nn.Conv2d):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A convolution with a stored weight."""


def is_stored(layer: nn.Module) -> bool:
    """Whether its weight is made at each look."""
    return isinstance(layer, _StoredLayer)


def store(
    network: nn.Module,
    device: torch.device,
    *,
    fp8: bool = False,
    swapped: Sequence[nn.Module] = (),
    mover: Mover | None = None,
) -> None:
    """Store the frozen weights of every Linear and convolution: all of them with ``fp8``, else of ``swapped`` alone.

    ``swapped`` are blocks in the order of a forward pass, whose weights stay in main memory. Call it while the network
    is in main memory: what is stored goes where it belongs by itself.
    """
    mover = mover or (CudaMover(device) if device.type == "cuda" else Mover(device))
    blocks = Blocks()
    for number, block in enumerate(swapped):
        blocks.blocks.append([])
        for layer in _layers(block):
            stored = _become_stored(layer, device, fp8=fp8, mover=mover, blocks=blocks, block=number)
            blocks.blocks[-1].append(stored)
    if fp8:
        for layer in _layers(network):
            _become_stored(layer, device, fp8=True)


def rounded_to_fp8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of eight bits, and a scale [out, 1, …] of fp32 for each row: their product is near ``weight``."""
    rows = weight.float()
    largest = rows.abs().amax(dim=tuple(range(1, rows.ndim)), keepdim=True)
    scale = (largest / LARGEST_FP8).clamp(min=torch.finfo(torch.float32).tiny)
    return (rows / scale).to(torch.float8_e4m3fn), scale


@contextmanager
def fetched_again() -> Iterator[None]:
    """While open, nothing keeps a stored weight for its gradient: it is fetched once more, the same to the bit."""
    with saved_tensors_hooks(_put_away, _take_out):
        yield


class _Again(NamedTuple):
    """A view of a stored weight, to be made again."""

    stored: StoredWeight
    size: torch.Size
    stride: tuple[int, ...]
    offset: Any


_fetched: dict[int, tuple[weakref.ref[torch.Tensor], weakref.ref[StoredWeight]]] = {}
"""What was fetched, by the address of its numbers, as long as it lives. Keeps nothing alive itself."""


def _note(weight: torch.Tensor, stored: StoredWeight) -> None:
    address = weight.untyped_storage().data_ptr()

    def forget(gone: weakref.ref[torch.Tensor]) -> None:
        found = _fetched.get(address)
        if found is not None and found[0] is gone:
            del _fetched[address]

    _fetched[address] = weakref.ref(weight, forget), weakref.ref(stored)


def _put_away(tensor: torch.Tensor) -> torch.Tensor | _Again:
    found = _fetched.get(tensor.untyped_storage().data_ptr())
    stored = found[1]() if found is not None and found[0]() is not None else None
    if stored is None:
        return tensor
    return _Again(stored, tensor.size(), tensor.stride(), tensor.storage_offset())


def _take_out(kept: torch.Tensor | _Again) -> torch.Tensor:
    if isinstance(kept, torch.Tensor):
        return kept
    return kept.stored.fetch().as_strided(kept.size, kept.stride, kept.offset)


def _layers(module: nn.Module) -> list[Any]:
    """What can be stored and is not yet."""
    return [one for one in module.modules() if isinstance(one, nn.Linear | nn.Conv2d) and not is_stored(one)]


def _become_stored(layer: Any, device: torch.device, **how: Any) -> StoredWeight:
    stored = StoredWeight(layer._parameters.pop("weight"), device, **how)
    kind: Any = StoredLinear if isinstance(layer, nn.Linear) else StoredConvolution
    layer.__class__ = kind
    layer.__dict__["stored"] = stored
    return stored
