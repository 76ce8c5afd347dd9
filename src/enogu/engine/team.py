"""Several devices of one machine that train one LoRA together: each takes a share of every batch.

A batch is as large as the recipe says, however many devices there are, so plan, price and result do not depend on them
(in sd-scripts a batch is that of one device: ``train_batch_size`` 2 on two devices is a batch of 4 here). Every member
makes the whole batch, since its noise depends on no other thing than the seed and the step, passes its own samples
through the networks, and adds its gradient to the others'. So all make the same step, and only the first one writes
files, draws previews and speaks. What is asked between two steps is asked of the first, and told to the others.

``torch.distributed`` with NCCL between CUDA devices, else with gloo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as distributed

from enogu.engine.control import Asked
from enogu.engine.data.loader import TrainBatch
from enogu.errors import TrainingFailed

MEETING = timedelta(minutes=10)
"""As long as the first to be there waits for the others to load the base model; one that failed at it never comes."""
PATIENCE = timedelta(hours=6)
"""As long as the first may draw previews while the others wait."""


@dataclass(frozen=True)
class Team:
    """Who takes part. One alone is a team too, and does what a run without one does."""

    rank: int = 0
    size: int = 1
    group: Any = None
    """Of ``torch.distributed``; None when alone."""

    @property
    def leads(self) -> bool:
        """Whether this one writes, draws and speaks."""
        return self.rank == 0

    def share_of(self, batch: TrainBatch) -> tuple[TrainBatch | None, float]:
        """Its own samples of a batch, None when there are fewer than members, and which part of the batch they are."""
        total = len(batch.captions)
        start, end = (total * number // self.size for number in (self.rank, self.rank + 1))
        if self.size == 1:
            return batch, 1.0
        if start == end:
            return None, 0.0
        cut: dict[str, Any] = {}
        for one in fields(batch):
            value = getattr(batch, one.name)
            cut[one.name] = None if value is None else value[start:end]
        return replace(batch, **cut), (end - start) / total

    def add_up(self, gradients: Mapping[str, torch.Tensor], loss: torch.Tensor) -> None:
        """The sum over all members, in place of each one's own part."""
        if self.size == 1:
            return
        with _said_in_words():
            for flat in gradients.values():
                assert flat.grad is not None  # noqa: S101 - set by allocate
                distributed.all_reduce(flat.grad, group=self.group)
            distributed.all_reduce(loss, group=self.group)

    def agreed(self, asked: Callable[[], Asked]) -> Asked:
        """What the first was asked, to all."""
        if self.size == 1:
            return asked()
        told = asked() if self.leads else Asked()
        with _said_in_words():
            signs = torch.tensor([told.stop, told.save, told.sample], dtype=torch.int32, device=_device())
            distributed.broadcast(signs, 0, group=self.group)
        stop, save, sample = (bool(sign) for sign in signs.tolist())
        return Asked(stop=stop, save=save, sample=sample)

    def first_the_leader(self, do: Callable[[], Any]) -> Any:
        """The first does it alone, such as filling a cache; then all do, and find it done."""
        if self.size == 1:
            return do()
        done = do() if self.leads else None
        with _said_in_words():
            distributed.barrier(group=self.group)
        return done if self.leads else do()


ALONE = Team()


@contextmanager
def joined(rank: int, size: int, address: str, device: torch.device) -> Iterator[Team]:
    """Meet the others at ``address`` (such as ``tcp://127.0.0.1:29500``) and part at the end."""
    if size == 1:
        yield Team()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _said_in_words():
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=address,
            rank=rank,
            world_size=size,
            timeout=MEETING,
        )
        group = distributed.new_group(timeout=PATIENCE)
    try:
        yield Team(rank, size, group)
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    """Where small messages lie: NCCL sends nothing from main memory."""
    is_nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if is_nccl else torch.device("cpu")


@contextmanager
def _said_in_words() -> Iterator[None]:
    try:
        yield
    except (distributed.DistError, RuntimeError) as error:
        raise TrainingFailed(
            f"A process that trains on another device is gone: {str(error).splitlines()[0]}",
            "Look at what it said last, and start again with --resume.",
        ) from error
