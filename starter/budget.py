"""What every training script here shares: a time budget that survives a restart, and checkpoints that are whole."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import torch


class Budget:
    """``minutes`` of work in all, however often the script is stopped and started again."""

    def __init__(self, minutes: float, spent_seconds: float = 0.0) -> None:
        self.minutes = minutes
        self._before = spent_seconds
        self._start = time.monotonic()

    @property
    def spent_seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the budget is used up."""
        return min(1.0, self.spent_seconds / (self.minutes * 60))

    def learning_rate(self, peak: float, warmup: float = 0.02, floor: float = 0.005) -> float:
        """Linear warm-up, then half a cosine down to ``floor * peak``, over the budget."""
        p = self.progress
        if p < warmup:
            return peak * max(0.02, p / warmup)
        return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (p - warmup) / (1 - warmup))))


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Written aside, flushed to disk, renamed: a killed script leaves the last whole checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    with aside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    return torch.load(path, weights_only=True) if path.exists() else None
