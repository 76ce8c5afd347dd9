"""Noise and targets of DDPM training (epsilon and v), with the papers' symbols.

Forward process (Ho et al. 2020, eq. 4):  x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise.
The options have sd-scripts' meaning (library/custom_train_functions.py, train_util.py) and its order in one step:
normal noise, then offset, then multires; the timestep; then input perturbation.
Every draw comes from a generator that the caller seeds from (run seed, stream, step, micro-step, sample): there is no
RNG state to save.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from enogu.errors import WrongUse
from enogu.recipe.draws import random_for, seed_of
from enogu.recipe.noise import NoiseRules


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

    def timestep(self, rules: NoiseRules, patches: int, run_seed: int, *numbers: int) -> float:
        """A timestep, uniform over ``rules.min_timestep`` .. ``rules.max_timestep`` - 1, whatever the picture."""
        end = min(rules.max_timestep, self.num_timesteps)
        return random_for(run_seed, "timestep", *numbers).randrange(min(rules.min_timestep, end - 1), end)

    def noisy(self, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor) -> torch.Tensor:
        """x_t of the forward process, [B, C, H, W]."""
        alpha_bar = self.alpha_bar[timesteps_B].view(-1, 1, 1, 1)
        return alpha_bar.sqrt() * latents_BCHW + (1 - alpha_bar).sqrt() * noise_BCHW

    def target(self, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor) -> torch.Tensor:
        """What the network should say: the noise, or v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0 (Salimans)."""
        if self.prediction_type == "epsilon":
            return noise_BCHW
        alpha_bar = self.alpha_bar[timesteps_B].view(-1, 1, 1, 1)
        return alpha_bar.sqrt() * noise_BCHW - (1 - alpha_bar).sqrt() * latents_BCHW


def scaled_linear_alpha_bar(
    num_timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012
) -> torch.Tensor:
    """alpha_bar [T] of Stable Diffusion's ``scaled_linear`` betas: linear in sqrt(beta)."""
    beta = torch.linspace(beta_start**0.5, beta_end**0.5, num_timesteps, dtype=torch.float32) ** 2
    return torch.cumprod(1 - beta, dim=0)


def to_zero_terminal_snr(alpha_bar: torch.Tensor) -> torch.Tensor:
    """alpha_bar [T] moved and stretched in its roots so that the last is 0 and the first stays (Lin et al. 2023)."""
    root = alpha_bar.double().sqrt()
    first, last = root[0], root[-1]
    return (((root - last) * first / (first - last)) ** 2).float()


def schedule_of(rules: NoiseRules, base: NoiseSchedule) -> NoiseSchedule:
    """The base's schedule as the recipe wants it. The betas are fixed first, so every SNR comes from the fixed ones.

    Raises WrongUse for options that make no sense with what the base predicts.
    """
    prediction = base.prediction_type if rules.prediction == "as_base" else rules.prediction
    has_signal = float(base.alpha_bar[-1]) > 0
    alpha_bar = to_zero_terminal_snr(base.alpha_bar) if rules.zero_terminal_snr and has_signal else base.alpha_bar
    changes = alpha_bar is not base.alpha_bar or prediction != base.prediction_type
    schedule = NoiseSchedule(alpha_bar, prediction) if changes else base
    is_v = prediction == "v_prediction"
    for field, is_wrong, words in (
        ("zero_terminal_snr", float(alpha_bar[-1]) == 0 and not is_v, "is for v-prediction"),
        ("scale_v_loss", rules.scale_v_loss and not is_v, "is for v-prediction"),
        ("v_like_loss", rules.v_like_loss > 0 and is_v, "is for predicting the noise"),
    ):
        if is_wrong:
            raise WrongUse(
                f"noise.{field} {words}, and this base model predicts {'v' if is_v else 'the noise'}.",
                f"Leave noise.{field} out, or set noise.prediction if the base model tells it wrongly.",
            )
    return schedule


def draw_normal(shape: tuple[int, ...], run_seed: int, stream: str, *numbers: int) -> torch.Tensor:
    """Standard normal numbers, fp32 on the CPU: a function of the arguments and of nothing else."""
    generator = torch.Generator().manual_seed(seed_of(run_seed, stream, *numbers))
    return torch.randn(shape, generator=generator)


def draw_timestep(schedule: NoiseSchedule, rules: NoiseRules, run_seed: int, *numbers: int, patches: int = 0) -> float:
    """``schedule.timestep``; ``patches`` is how many of 2 x 2 latents the picture has."""
    return schedule.timestep(rules, patches, run_seed, *numbers)


def add_offset(
    noise_CHW: torch.Tensor, clean_CHW: torch.Tensor, rules: NoiseRules, run_seed: int, *numbers: int
) -> torch.Tensor:
    """Noise offset: one extra normal number a channel, times the offset (crosslabs.org, "Offset Noise").

    The offset may be drawn anew, from 0 to the given one, and may grow with how far the channel's mean is from 0.
    sd-scripts draws one strength a batch; here each sample has its own.
    """
    if rules.offset == 0:
        return noise_CHW
    offset = torch.tensor(rules.offset)
    if rules.random_offset:
        offset = offset * random_for(run_seed, "noise_offset_strength", *numbers).random()
    if rules.adaptive_offset != 0:
        mean_C11 = clean_CHW.mean(dim=(1, 2), keepdim=True).abs()
        offset = (offset + rules.adaptive_offset * mean_C11).clamp(min=0)
    return noise_CHW + offset * draw_normal((noise_CHW.shape[0], 1, 1), run_seed, "noise_offset", *numbers)


def perturbed(noise_CHW: torch.Tensor, rules: NoiseRules, run_seed: int, *numbers: int) -> torch.Tensor:
    """The noise that is shown, a little more than the one that is asked for (Ning et al. 2023, input perturbation)."""
    if rules.input_perturbation == 0:
        return noise_CHW
    strength = rules.input_perturbation
    if rules.random_input_perturbation:
        strength *= random_for(run_seed, "input_perturbation_strength", *numbers).random()
    return noise_CHW + strength * draw_normal(tuple(noise_CHW.shape), run_seed, "input_perturbation", *numbers)


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
    """``schedule.noisy``."""
    return schedule.noisy(latents_BCHW, noise_BCHW, timesteps_B)


def target(
    schedule: NoiseSchedule, latents_BCHW: torch.Tensor, noise_BCHW: torch.Tensor, timesteps_B: torch.Tensor
) -> torch.Tensor:
    """``schedule.target``."""
    return schedule.target(latents_BCHW, noise_BCHW, timesteps_B)
