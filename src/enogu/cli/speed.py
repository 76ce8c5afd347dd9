"""How long a run will take, from how long earlier ones took on this machine.

``enogu train`` leaves a record of its steps per second in ENOGU_HOME/speeds.json; ``enogu plan`` looks there and says
plainly when it has nothing to go by. Nothing is tried out for an estimate: a plan trains nothing and needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from enogu.base_models import BaseModelFolder
from enogu.cli.progress import in_words
from enogu.errors import StorageFailed
from enogu.recipe import TrainPlan, TrainRecipe
from enogu.whole_file import write_whole_bytes

RECORD_FILE = "speeds.json"
FEWEST_STEPS = 20
"""A shorter run says too little: its first steps are the slow ones."""
MOST_RECORDS = 100


@dataclass(frozen=True)
class Speed:
    """How fast one kind of run went on this machine."""

    base: str
    base_bytes: int
    device: str
    dtype: str
    parts: str
    pixels_per_step: int
    """resolution² × batch size × accumulated batches."""
    steps_per_second: float
    seconds_per_preview: float
    seconds_to_start: float
    """Loading and encoding, before the first step."""
    is_rough: bool = False
    """Not measured on this machine, or with other sizes than asked for."""

    @property
    def kind(self) -> tuple[object, ...]:
        """What makes two runs alike: the later measurement replaces the earlier one."""
        return (self.base, self.base_bytes, self.device, self.dtype, self.parts, self.pixels_per_step)


STARTER_ROUGHLY = Speed("starter", 0, "cpu", "float32", "", 2 * 128 * 128, 4.5, 1.5, 10.0, is_rough=True)
"""Measured once on two quiet cores of a 2021 server: a figure to begin with, replaced by the first run here."""


@dataclass(frozen=True)
class Estimate:
    """Seconds to expect, or None, and in words how we know."""

    seconds: float | None
    words: str
    is_rough: bool = True


class SpeedMeter:
    """Listens to a run's events (as plain values, with the clock handed in) and knows its speed at the end."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._started: Mapping[str, Any] | None = None
        self._seconds_to_start = 0.0
        self._steps, self._step_seconds = 0, 0.0
        self._previews, self._preview_seconds = 0, 0.0
        self._last_file_at = 0.0

    def hear(self, event: Mapping[str, Any], now: float) -> None:
        """Take in one event at the time ``now`` (monotonic seconds)."""
        match event["event"]:
            case "Started":
                self._started, self._seconds_to_start = event, now - self._began_at
            case "Stepped":
                self._steps += len(event["losses"])
                self._step_seconds += len(event["losses"]) / max(event["steps_per_second"], 1e-9)
            case "Saved":
                self._last_file_at = now
            case "Sampled":
                self._previews += 1
                self._preview_seconds += now - self._last_file_at
                self._last_file_at = now

    def measured(self, recipe: TrainRecipe, base: BaseModelFolder) -> Speed | None:
        """What was measured; None after too few steps."""
        if self._started is None or self._steps < FEWEST_STEPS:
            return None
        return Speed(
            base=base.name,
            base_bytes=base.size_bytes,
            device=self._started["device"],
            dtype=self._started["dtype"],
            parts=recipe.parts_name,
            pixels_per_step=_pixels_per_step(recipe),
            steps_per_second=self._steps / max(self._step_seconds, 1e-9),
            seconds_per_preview=self._preview_seconds / max(1, self._previews),
            seconds_to_start=self._seconds_to_start,
        )


def keep_speed(home: Path, speed: Speed | None) -> None:
    """Put ``speed`` first into the record. A record that cannot be written is no reason to fail a finished run."""
    if speed is None:
        return
    speeds = [speed, *(old for old in read_speeds(home) if old.kind != speed.kind)][:MOST_RECORDS]
    text = json.dumps([asdict(entry) for entry in speeds], indent=1, ensure_ascii=False)
    try:
        write_whole_bytes(home / RECORD_FILE, text.encode())
    except StorageFailed:
        return


def read_speeds(home: Path) -> list[Speed]:
    """The record, latest first; empty when there is none or it cannot be read."""
    try:
        return [Speed(**entry) for entry in json.loads((home / RECORD_FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def estimate(recipe: TrainRecipe, plan: TrainPlan, base: BaseModelFolder, speeds: Sequence[Speed]) -> Estimate:
    """Start, steps and previews, by the latest run on this base model whose steps were nearest in size."""
    speed = _nearest(recipe, base, speeds)
    if speed is None:
        return Estimate(
            None, "How long it takes is not known: nothing was trained on this base model on this machine yet."
        )
    seconds = speed.seconds_to_start + plan.num_steps / speed.steps_per_second
    seconds += _num_previews(recipe, plan) * speed.seconds_per_preview
    if speed.is_rough and not speed.base_bytes:
        how = "a guess from another machine's two quiet cores; the first run here will measure"
    else:
        how = f"{speed.steps_per_second:.2g} steps a second on {speed.device}, as measured on this machine"
        how += " with another picture or batch size" if speed.is_rough else ""
    return Estimate(seconds, f"About {in_words(seconds)} ({how}).", speed.is_rough)


def _nearest(recipe: TrainRecipe, base: BaseModelFolder, speeds: Sequence[Speed]) -> Speed | None:
    wanted = _pixels_per_step(recipe)
    known = [s for s in speeds if (s.base, s.base_bytes) == (base.name, base.size_bytes)]
    if not known and base.origin == "starter":
        known = [STARTER_ROUGHLY]
    if not known:
        return None
    same_parts = [s for s in known if s.parts == recipe.parts_name] or known
    nearest = min(same_parts, key=lambda s: abs(s.pixels_per_step - wanted))
    if nearest.pixels_per_step == wanted and nearest.parts == recipe.parts_name:
        return nearest
    factor = nearest.pixels_per_step / wanted
    return replace(nearest, steps_per_second=nearest.steps_per_second * factor, is_rough=True)


def _pixels_per_step(recipe: TrainRecipe) -> int:
    return recipe.pictures.resolution**2 * recipe.training.batch_size * recipe.training.gradient_accumulation


def _num_previews(recipe: TrainRecipe, plan: TrainPlan) -> int:
    every, rules = recipe.previews.every_n_epochs, recipe.previews
    drawn = [file for file in plan.saved_files if file.epoch % every == 0 or file.epoch == plan.num_epochs]
    return len(drawn) * len(rules.prompts) * rules.count
