"""How long a run takes and when it will be its turn, from how long others took (G1).

Speeds are measured from the runs of this installation, by family, device and size; a run of another size is expected to
take as long as its pixels say. Nothing is tried out for an estimate, and where nothing is known nothing is said.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enogu.recipe import TrainPlan, TrainRecipe
from enogu.runs.entities import Speed

FEWEST_STEPS = 20
"""A shorter run says too little: its first steps are the slow ones."""


@dataclass(frozen=True)
class Outlook:
    """When a run would start and end, in seconds from now; None where it is not known."""

    ahead: int
    """Runs that are trained before it and wait."""
    starts_in_seconds: float | None
    ends_in_seconds: float | None


def pixels_per_step(recipe: TrainRecipe) -> int:
    """What a step goes through: resolution² × batch size × accumulated batches."""
    return recipe.pictures.resolution**2 * recipe.training.batch_size * recipe.training.gradient_accumulation


def num_previews(recipe: TrainRecipe, plan: TrainPlan) -> int:
    """Pictures that are drawn over the whole run."""
    every, rules = recipe.previews.every_n_epochs, recipe.previews
    drawn = sum(file.epoch % every == 0 or file.epoch == plan.num_epochs for file in plan.saved_files)
    return drawn * len(rules.prompts) * rules.count


def expected_seconds(recipe: TrainRecipe, plan: TrainPlan, speeds: Sequence[Speed]) -> float | None:
    """Start, steps and previews by the nearest of ``speeds`` (all of the run's family); None when there are none."""
    if not speeds:
        return None
    wanted = pixels_per_step(recipe)
    known = [one for one in speeds if one.parts == recipe.parts_name] or list(speeds)
    nearest = min(known, key=lambda one: (abs(one.pixels_per_step - wanted), -one.num_runs))
    steps_per_second = nearest.steps_per_second * nearest.pixels_per_step / wanted
    seconds = nearest.seconds_to_start + plan.num_steps / max(steps_per_second, 1e-9)
    return seconds + num_previews(recipe, plan) * nearest.seconds_per_preview


def outlook(
    running: Sequence[float | None], ahead: Sequence[float | None], own: float | None, num_workers: int
) -> Outlook:
    """When a run is its turn: ``running`` are the seconds that the runs on workers still take, ``ahead`` those of the
    waiting ones before it, in order. With one of them unknown, or no worker, nothing is promised.
    """
    known = [seconds for seconds in (*running, *ahead) if seconds is not None]
    if num_workers < 1 or len(known) < len(running) + len(ahead):
        return Outlook(len(ahead), None, None)
    free_at = [*[seconds for seconds in running if seconds is not None], *[0.0] * max(0, num_workers - len(running))]
    heapq.heapify(free_at)
    for seconds in ahead:
        heapq.heapreplace(free_at, free_at[0] + (seconds or 0.0))
    return Outlook(len(ahead), free_at[0], None if own is None else free_at[0] + own)


class SpeedMeter:
    """Listens to a run's events, with the clock (monotonic seconds) handed in, and knows its speed at the end."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._device = ""
        self._seconds_to_start = 0.0
        self._steps, self._step_seconds = 0, 0.0
        self._previews, self._preview_seconds = 0, 0.0
        self._last_file_at = 0.0

    def hear(self, event: Mapping[str, Any], now: float) -> None:
        """Take in one event."""
        match event.get("event"):
            case "Started":
                self._device, self._seconds_to_start = str(event.get("device", "")), now - self._began_at
            case "Stepped":
                self._steps += len(event["losses"])
                self._step_seconds += len(event["losses"]) / max(float(event["steps_per_second"]), 1e-9)
            case "Saved":
                self._last_file_at = now
            case "Sampled":
                self._previews += 1
                self._preview_seconds += now - self._last_file_at
                self._last_file_at = now
            case _:
                pass

    def measured(self, recipe: TrainRecipe, family: str) -> Speed | None:
        """What was measured; None after too few steps."""
        if self._steps < FEWEST_STEPS:
            return None
        return Speed(
            family=family,
            device=self._device,
            parts=recipe.parts_name,
            pixels_per_step=pixels_per_step(recipe),
            steps_per_second=self._steps / max(self._step_seconds, 1e-9),
            seconds_per_preview=self._preview_seconds / max(1, self._previews),
            seconds_to_start=self._seconds_to_start,
        )
