"""Noise, targets and loss weights of DDPM training (epsilon and v), with the papers' symbols.

Forward process (Ho et al. 2020, eq. 4):  x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.
The options have sd-scripts' meaning (library/custom_train_functions.py, train_util.py) and its order in one step:
normal noise, then offset, then multires; the timestep is drawn uniformly.
Every draw comes from a generator that the caller seeds from (run seed, stream, step, micro-step, sample): there is no
RNG state to save.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from enogu.recipe.draws import random_for, seed_of


@dataclass(frozen=True)
class NoiseSchedule:
    """alpha_bar [T] on the CPU in fp32, and what the network predicts: "epsilon" or "v_prediction"."""

    alpha_bar: torch.Tensor
    prediction_type: str = "epsilon"

    @property
    def num_timesteps(self) -> int:
        """T, 1000 for every Stable Diffusion."""
        return len(self.alpha_bar)

    def snr(self, timesteps_B: torch.Tensor) -> torch.Tensor:
        """Signal-to-noise ratio alpha_bar / (1 - alpha_bar), shape [B]."""
        alpha_bar = self.alpha_bar[timesteps_B]
        return alpha_bar / (1 - alpha_bar)


def scaled_linear_alpha_bar(
    num_timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012
) -> torch.Tensor:
    """alpha_bar [T] of Stable Diffusion's ``scaled_linear`` betas: linear in sqrt(beta)."""
    beta = torch.linspace(beta_start**0.5, beta_end**0.5, num_timesteps, dtype=torch.float32) ** 2
    return torch.cumprod(1 - beta, dim=0)


def draw_normal(shape: tuple[int, ...], run_seed: int, stream: str, *numbers: int) -> torch.Tensor:
    """Standard normal numbers, fp32 on the CPU: a function of the arguments and of nothing else."""
    generator = torch.Generator().manual_seed(seed_of(run_seed, stream, *numbers))
    return torch.randn(shape, generator=generator)


def draw_timestep(schedule: NoiseSchedule, run_seed: int, *numbers: int) -> int:
    """A timestep, uniform over 0 .. T - 1."""
    return random_for(run_seed, "timestep", *numbers).randrange(schedule.num_timesteps)


def add_offset(noise_CHW: torch.Tensor, offset: float, run_seed: int, *numbers: int) -> torch.Tensor:
    """Noise offset: one extra normal number a channel, times ``offset`` (crosslabs.org, "Offset Noise")."""
    if offset == 0:
        return noise_CHW
    return noise_CHW + offset * draw_normal((noise_CHW.shape[0], 1, 1), run_seed, "noise_offset", *numbers)


def add_multires(
    noise_CHW: torch.Tensor, iterations: int, discount: float, run_seed: int, *numbers: int
) -> torch.Tensor:
    """Multires (pyramid) noise of sd-scripts: ever coarser noise is added, then the sum is scaled to unit spread.

    sd-scripts divides by the spread of the whole batch; here it is the sample's own, so that a sample's noise does not
    depend on its company.
    """
    if iterations == 0:
        return noise_CHW
    channels, height, width = noise_CHW.shape
    total = noise_CHW
    levels = random_for(run_seed, "multires_level", *numbers)
    for level in range(iterations):
        shrink = (levels.random() * 2 + 2) ** level
        small_height, small_width = max(1, int(height / shrink)), max(1, int(width / shrink))
        coarse = draw_normal((1, channels, small_height, small_width), run_seed, "multires", level, *numbers)
        smooth = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)[0]
        total = total + smooth * discount**level
        if small_height == 1 or small_width == 1:
            break
    return total / total.std()


def add_noise(
    schedule: NoiseSchedule, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor
) -> torch.Tensor:
    """x_t of the forward process, [B, C, H, W]."""
    alpha_bar = schedule.alpha_bar[timesteps_B].view(-1, 1, 1, 1)
    return alpha_bar.sqrt() * latents_BCHW + (1 - alpha_bar).sqrt() * noise_BCHW


def target(
    schedule: NoiseSchedule, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor
) -> torch.Tensor:
    """What the network should say: the noise, or v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0 (Salimans)."""
    if schedule.prediction_type == "epsilon":
        return noise_BCHW
    alpha_bar = schedule.alpha_bar[timesteps_B].view(-1, 1, 1, 1)
    return alpha_bar.sqrt() * noise_BCHW - (1 - alpha_bar).sqrt() * latents_BCHW


def loss_weight(schedule: NoiseSchedule, timesteps_B: torch.Tensor, min_snr_gamma: float | None) -> torch.Tensor:
    """Min-SNR weight a sample, [B] (Hang et al. 2023): min(snr, gamma) / snr for epsilon, / (snr + 1) for v."""
    if min_snr_gamma is None:
        return torch.ones(len(timesteps_B))
    snr = schedule.snr(timesteps_B)
    clipped = snr.clamp(max=min_snr_gamma)
    return clipped / snr if schedule.prediction_type == "epsilon" else clipped / (snr + 1)
