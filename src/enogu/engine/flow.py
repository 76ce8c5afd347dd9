"""Rectified flow, which Flux is trained with: a straight line from picture to noise (Liu et al. 2022; sd-scripts,
library/flux_train_utils.py).

x_t = (1 - sigma) x_0 + sigma noise, and the network says noise - x_0. A timestep is sigma * 1000, and no whole number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from enogu.engine.noise import NoiseSchedule
from enogu.recipe.draws import random_for
from enogu.recipe.flow import FlowRules
from enogu.recipe.noise import NoiseRules

_STEPS = 1000


@dataclass(frozen=True)
class FlowSchedule(NoiseSchedule):
    """A ``NoiseSchedule`` of straight lines; ``rules`` say how strengths of noise are drawn."""

    alpha_bar: torch.Tensor = field(default_factory=lambda: torch.linspace(1, 0, _STEPS))
    """For its length alone: nothing here goes by whole timesteps."""
    prediction_type: str = "flow"
    rules: FlowRules = field(default_factory=FlowRules)
    shifts_when_drawing: bool = True
    """Whether larger pictures are drawn with more of the strong noise (dev) or not (schnell)."""

    def snr(self, timesteps_B: torch.Tensor) -> torch.Tensor:
        """(1 - sigma)² / sigma²."""
        sigma = timesteps_B.float() / _STEPS
        return ((1 - sigma) / sigma.clamp(min=1e-6)).square()

    def timestep(self, rules: NoiseRules, patches: int, run_seed: int, *numbers: int) -> float:
        """A strength of noise, as ``rules.timesteps`` draws it; ``patches`` is how many the picture has."""
        chance = random_for(run_seed, "timestep", *numbers)
        kind = self.rules.timesteps
        if kind == "uniform":
            return chance.random() * _STEPS
        sigma = 1 / (1 + math.exp(-self.rules.sigmoid_scale * chance.gauss(0, 1)))
        if kind == "shift":
            sigma = self.rules.shift * sigma / (1 + (self.rules.shift - 1) * sigma)
        elif kind == "flux_shift":
            sigma = shifted(sigma, patches)
        return sigma * _STEPS

    def noisy(self, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor) -> torch.Tensor:
        """x_t, [B, C, H, W]."""
        sigma = (timesteps_B.float() / _STEPS).view(-1, 1, 1, 1)
        return (1 - sigma) * latents_BCHW + sigma * noise_BCHW

    def target(self, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor) -> torch.Tensor:
        """Where the line leads, at every timestep alike."""
        return noise_BCHW - latents_BCHW


def shifted(sigma: float, patches: int) -> float:
    """Flux' own shift: the more patches of 16 pixels a picture has, the more of the strong noise."""
    mu = 0.5 + (1.15 - 0.5) * (patches - 256) / (4096 - 256)
    return math.exp(mu) / (math.exp(mu) + (1 / max(sigma, 1e-6) - 1))


def drawing_sigmas(schedule: FlowSchedule, steps: int, patches: int) -> Sequence[float]:
    """The strengths of noise from 1 to 0 that a picture is drawn through, ``steps`` + 1 of them."""
    even = [1 - step / steps for step in range(steps)]
    return [*(shifted(sigma, patches) if schedule.shifts_when_drawing else sigma for sigma in even), 0.0]
