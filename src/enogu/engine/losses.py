"""The loss of a batch: how errors are measured, and how much each sample counts, with sd-scripts' meaning and order.

Element by element first (``loss_type``), then the mean over each sample, then the weights by noise in this order:
min-SNR, scale_v_pred_loss_like_noise_pred, v_pred_like_loss, debiased (train_network.py post_process_loss).
"""

from __future__ import annotations

import math

import torch

from enogu.engine.noise import NoiseSchedule
from enogu.recipe.loss import AbsoluteLoss, HuberLoss, Loss, SmoothL1Loss, SquaredLoss
from enogu.recipe.noise import NoiseRules

_MOST_SNR = 1000.0
"""sd-scripts caps the signal-to-noise ratio there for the scaled v and the debiased loss."""


def errors(
    loss: Loss,
    schedule: NoiseSchedule,
    predicted_BCHW: torch.Tensor,
    wanted_BCHW: torch.Tensor,
    timesteps_B: torch.Tensor,
) -> torch.Tensor:
    """How far off each element is, [B, C, H, W]."""
    difference = predicted_BCHW - wanted_BCHW
    match loss:
        case SquaredLoss():
            return difference.pow(2)
        case AbsoluteLoss():
            return difference.abs()
        case HuberLoss() | SmoothL1Loss():
            bound = huber_bound(loss, schedule, timesteps_B).to(difference.device).view(-1, 1, 1, 1)
            smooth = 2 * ((difference.pow(2) + bound.pow(2)).sqrt() - bound)
            return bound * smooth if isinstance(loss, HuberLoss) else smooth


def huber_bound(loss: HuberLoss | SmoothL1Loss, schedule: NoiseSchedule, timesteps_B: torch.Tensor) -> torch.Tensor:
    """The bound between small and large errors a sample, [B] (sd-scripts, train_util.py get_huber_threshold)."""
    if loss.bound_schedule == "constant":
        return torch.full((len(timesteps_B),), loss.bound * loss.bound_scale)
    if loss.bound_schedule == "exponential":
        return torch.exp(math.log(loss.bound) * timesteps_B / schedule.num_timesteps) * loss.bound_scale
    sigma = schedule.snr(timesteps_B).rsqrt()
    return (1 - loss.bound) / (1 + sigma) ** 2 + loss.bound


def loss_weight(rules: NoiseRules, schedule: NoiseSchedule, timesteps_B: torch.Tensor) -> torch.Tensor:
    """How much each sample counts for its noise, [B] on the CPU.

    min-SNR (Hang et al. 2023): min(snr, gamma) / snr for epsilon, / (snr + 1) for v. Debiased (Yu et al. 2023):
    1 / sqrt(snr) for epsilon, 1 / (snr + 1) for v.
    """
    weight = torch.ones(len(timesteps_B))
    snr = schedule.snr(timesteps_B)
    capped = snr.clamp(max=_MOST_SNR)
    is_epsilon = schedule.prediction_type == "epsilon"
    if rules.min_snr_gamma is not None:
        clipped = snr.clamp(max=rules.min_snr_gamma)
        weight = clipped / snr if is_epsilon else clipped / (snr + 1)
    if rules.scale_v_loss:
        weight = weight * capped / (capped + 1)
    if rules.v_like_loss > 0:
        weight = weight * (1 + rules.v_like_loss * (capped + 1) / capped)
    if rules.debiased:
        weight = weight / capped.sqrt() if is_epsilon else weight / (capped + 1)
    return weight
