"""How long the rest of a run takes, by what was measured so far: steps, files, and previews once one was drawn."""

from __future__ import annotations

from enogu.recipe import TrainRecipe
from enogu.recipe.plan import TrainPlan

_MEMORY = 0.8
"""How much of the step time known so far stays at each report (twice a second): a change of speed shows in seconds."""


class Pace:
    """Measured seconds a step and a saved file (with its previews)."""

    def __init__(self, plan: TrainPlan, recipe: TrainRecipe) -> None:
        self._num_steps = plan.num_steps
        every = recipe.previews.every_n_epochs if recipe.previews.prompts else 0
        self._saves = [
            (file.step, bool(every) and (file.epoch % every == 0 or file.epoch == plan.num_epochs))
            for file in plan.saved_files
        ]
        self._step_seconds: float | None = None
        self._save_seconds = {False: 0.0, True: 0.0}

    def stepped(self, count: int, seconds: float) -> None:
        """``count`` steps took ``seconds`` together."""
        one = seconds / count
        before = self._step_seconds
        self._step_seconds = one if before is None else _MEMORY * before + (1 - _MEMORY) * one

    def saved(self, step: int, seconds: float) -> None:
        """Saving what was due at ``step``, with its previews if it had any, took ``seconds``."""
        self._save_seconds[dict(self._saves).get(step, False)] = seconds

    def seconds_left(self, step: int) -> float:
        """Seconds from ``step`` to the end; previews count as soon as some were drawn in this start of the run."""
        steps = (self._num_steps - step) * (self._step_seconds or 0.0)
        return steps + sum(self._save_seconds[previewed] for at, previewed in self._saves if at > step)
